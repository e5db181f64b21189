//! The asynchronous part: what is delivered when, and by how many at once.

use std::sync::Arc;

use time::UtcDateTime;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    Due, Handover, Host, Limits, Maildir, Queue, RelaySettings, Routes, Settle, SetupError,
    background::{Crashed, in_background},
    books::Books,
    fresh::{Fresh, FreshLine, Room},
    hand::Shared,
    hops::Hops,
    parcel::{Attempted, Outcomes, Parcel, divide},
    stock::{Stock, Supply},
    work::Worker,
};

/// Delivers what is due, from memory and from the queue.
///
/// Make it before accepting begins: what the queue holds at that moment is due at once.
pub struct Engine<Q, S> {
    stock: Arc<Stock<Q>>,
    hops: Arc<Hops>,
    books: Arc<Books<S>>,
    limits: Limits,
    fresh: Arc<FreshLine>,
    shared: Arc<Shared>,
    started_at: UtcDateTime,
    stop_relays: CancellationToken,
}

impl<Q: Queue, S: Settle> Engine<Q, S> {
    /// An engine for these routes, and the way in for fresh messages. It opens no connection
    /// before it [runs](Self::run).
    ///
    /// # Errors
    /// A route to another machine lacks what it names: certificates, or credentials.
    pub fn new(
        routes: &Routes,
        queue: Q,
        settle: S,
        host: Host,
        relays: &RelaySettings,
        limits: Limits,
    ) -> Result<(Self, Handover), SetupError> {
        let started_at = (host.clock)();
        let stock = Arc::new(Stock {
            queue,
            host,
            limits: limits.clone(),
        });
        let supply: Arc<dyn Supply> = stock.clone();
        let stop_relays = CancellationToken::new();
        let hops = Hops::new(routes, relays, &limits, &supply, &stop_relays)?;
        let fresh = Arc::new(FreshLine::new(&limits));
        let shared = Arc::new(Shared::default());
        let handover = Handover::new((!hops.only_hold()).then(|| Arc::clone(&fresh)));
        let books = Books::new(settle, supply, Arc::clone(&shared), &limits);
        let engine = Self {
            stock,
            hops: Arc::new(hops),
            books: Arc::new(books),
            limits,
            fresh,
            shared,
            started_at,
            stop_relays,
        };
        Ok((engine, handover))
    }

    /// Works until `shutdown`; then what is in hand is finished and settled, and the rest stays in
    /// the queue. The host must take settlements until this returns.
    pub async fn run(self, shutdown: CancellationToken) {
        if self.hops.only_hold() {
            shutdown.cancelled().await;
            return;
        }
        let (away, complete) = mpsc::unbounded_channel();
        let settling = tokio::spawn({
            let (books, shutdown) = (Arc::clone(&self.books), shutdown.clone());
            let most = self.limits.batch_messages.max(1);
            async move { books.keep(complete, most, &shutdown).await }
        });
        self.work(&away, &shutdown).await;
        self.fresh.close();
        self.stop_relays.cancel();
        self.hops.closed().await;
        drop(away);
        if let Err(error) = settling.await {
            report(&error);
        }
    }

    async fn work(&self, away: &mpsc::UnboundedSender<Attempted>, shutdown: &CancellationToken) {
        let mut timer = interval(self.limits.scan_every);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batches: JoinSet<Ended> = JoinSet::new();
        let mut scan_wanted = false;
        let mut scanning = false;
        let bench = || Bench {
            stock: Arc::clone(&self.stock),
            hops: Arc::clone(&self.hops),
            books: Arc::clone(&self.books),
            limits: self.limits.clone(),
            shared: Arc::clone(&self.shared),
            away: away.clone(),
            shutdown: shutdown.clone(),
        };
        loop {
            let room = batches.len() < self.limits.batches.max(1);
            let space = self.shared.taken() < self.limits.queued_messages;
            if room && space && scan_wanted && !scanning {
                (scan_wanted, scanning) = (false, true);
                batches.spawn(bench().scan(self.started_at));
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(ended) = batches.join_next(), if !batches.is_empty() => {
                    match ended {
                        Ok(Ended::Scan { full }) => {
                            scanning = false;
                            scan_wanted |= full;
                        }
                        Ok(Ended::Fresh) => {}
                        Err(error) => { report(&error); scanning = false; }
                    }
                }
                first = self.fresh.recv(), if room => {
                    let batch = self.gather(first);
                    batches.spawn(bench().fresh(batch));
                }
                () = self.shared.left(), if scan_wanted && !space => {}
                _ = timer.tick(), if !scanning => scan_wanted = true,
            }
        }
        while let Some(ended) = batches.join_next().await {
            if let Err(error) = ended {
                report(&error);
            }
        }
    }

    fn gather(&self, first: Fresh) -> Vec<Fresh> {
        let mut total = first.room.octets;
        let mut batch = vec![first];
        while batch.len() < self.limits.batch_messages && total < self.limits.batch_octets {
            let Some(next) = self.fresh.try_recv() else {
                break;
            };
            total += next.room.octets;
            batch.push(next);
        }
        batch
    }
}

/// How a batch ended.
enum Ended {
    Fresh,
    /// `full`: there may be more in the queue.
    Scan {
        full: bool,
    },
}

/// Where one batch is worked on.
struct Bench<Q, S> {
    stock: Arc<Stock<Q>>,
    hops: Arc<Hops>,
    books: Arc<Books<S>>,
    limits: Limits,
    shared: Arc<Shared>,
    /// For messages that are not settled with their batch.
    away: mpsc::UnboundedSender<Attempted>,
    shutdown: CancellationToken,
}

impl<Q: Queue, S: Settle> Bench<Q, S> {
    async fn fresh(self, batch: Vec<Fresh>) -> Ended {
        let mut taken = Vec::with_capacity(batch.len());
        for Fresh { due, room } in batch {
            if self.shared.enter(due.id) {
                taken.push((due, Some(room)));
            }
        }
        self.attempt(taken).await;
        Ended::Fresh
    }

    async fn scan(self, started_at: UtcDateTime) -> Ended {
        let taken = {
            let (stock, shared) = (Arc::clone(&self.stock), Arc::clone(&self.shared));
            let (limit, grace) = (self.scan_messages(), self.limits.hand_over);
            spawn_blocking(move || {
                let now = (stock.host.clock)();
                let ready = |due: &Due| {
                    due.attempts > 0
                        || due.accepted_at < started_at
                        || now - due.accepted_at >= grace
                };
                shared.take(&stock.queue, now, limit, ready)
            })
            .await
        };
        match taken {
            Ok(Ok((dues, full))) => {
                self.attempt(dues.into_iter().map(|due| (due, None)).collect())
                    .await;
                Ended::Scan { full }
            }
            Ok(Err(error)) => {
                warn!(%error, "the queue is looked through again later");
                Ended::Scan { full: false }
            }
            Err(error) => {
                report(&error);
                Ended::Scan { full: false }
            }
        }
    }

    /// Reading passes over what is in hand already, which can be much where connections are
    /// slow: then it takes more at once.
    fn scan_messages(&self) -> usize {
        let space = self
            .limits
            .queued_messages
            .saturating_sub(self.shared.taken());
        if self.hops.any_leads_away() {
            space.max(1)
        } else {
            self.limits.batch_messages
        }
    }

    /// One attempt at each message. What stays here is settled; what goes away is settled when
    /// it is back.
    async fn attempt(&self, taken: Vec<(Due, Option<Room>)>) {
        let taken = self.expand(taken).await;
        let (here, mut complete) = mpsc::unbounded_channel();
        let divided = taken
            .into_iter()
            .flat_map(|(due, room)| divide(due, room, &self.hops, &here, &self.away));
        let local = self.hops.send(divided);
        for (maildir, parcels) in local {
            let mut parcels = parcels.into_iter().peekable();
            while parcels.peek().is_some() {
                let batch = parcels.by_ref().take(self.limits.batch_messages.max(1));
                self.deliver(&maildir, batch.collect()).await;
                self.settle(&mut complete).await;
            }
        }
        self.settle(&mut complete).await;
    }

    /// Groups become their members before recipients go their ways. What is not to be tried any
    /// more, or cannot be asked about, stays in the queue.
    async fn expand(&self, taken: Vec<(Due, Option<Room>)>) -> Vec<(Due, Option<Room>)> {
        let (dues, rooms): (Vec<Due>, Vec<Option<Room>>) = taken.into_iter().unzip();
        let dues: Arc<[Due]> = dues.into();
        let (stock, asked) = (Arc::clone(&self.stock), Arc::clone(&dues));
        let expanded = spawn_blocking(move || stock.queue.expand(&asked, (stock.host.clock)()));
        let mut changed = match expanded.await {
            Ok(Ok(changed)) => changed,
            Ok(Err(error)) => {
                warn!(%error, "groups are looked for again later");
                self.shared.leave(dues.iter());
                return Vec::new();
            }
            Err(error) => {
                report(&error);
                self.shared.leave(dues.iter());
                return Vec::new();
            }
        };
        let (mut tried, mut left) = (Vec::with_capacity(dues.len()), Vec::new());
        for (due, room) in dues.iter().zip(rooms) {
            match changed.remove(&due.id) {
                None => tried.push((due.clone(), room)),
                Some(None) => left.push(due),
                Some(Some(now)) => {
                    let content = due.content.clone();
                    tried.push((Due { content, ..now }, room));
                }
            }
        }
        self.shared.leave(left);
        tried
    }

    async fn settle(&self, complete: &mut mpsc::UnboundedReceiver<Attempted>) {
        let mut attempted = Vec::new();
        while let Ok(next) = complete.try_recv() {
            attempted.push(next);
        }
        self.books.settle(attempted, &self.shutdown).await;
    }

    async fn deliver(&self, maildir: &Arc<Maildir>, parcels: Vec<Parcel>) {
        let dues: Arc<[Due]> = parcels.iter().map(Parcel::part).collect();
        match self.on_a_thread(maildir, Arc::clone(&dues), false).await {
            Ok(answers) => {
                for (parcel, answer) in parcels.into_iter().zip(answers) {
                    finish(parcel, answer);
                }
            }
            // One of them is poison: alone, each can only harm itself. Their copies may have been
            // delivered before the crash.
            Err(_) => {
                for (parcel, due) in parcels.into_iter().zip(dues.iter()) {
                    let alone: Arc<[Due]> = Arc::new([due.clone()]);
                    match self.on_a_thread(maildir, alone, true).await {
                        Ok(answers) => finish(parcel, answers.into_iter().next().flatten()),
                        Err(_) => parcel.crashed(),
                    }
                }
            }
        }
    }

    async fn on_a_thread(
        &self,
        maildir: &Arc<Maildir>,
        dues: Arc<[Due]>,
        again: bool,
    ) -> Result<Vec<Option<Outcomes>>, Crashed> {
        let worker = Worker {
            supply: self.stock.clone(),
            maildir: Arc::clone(maildir),
            octets_max: self.limits.batch_octets,
        };
        in_background(move || worker.attempt(&dues, again)).await
    }
}

fn finish(parcel: Parcel, answer: Option<Outcomes>) {
    match answer {
        Some(outcomes) => parcel.finish(outcomes),
        None => parcel.withhold(),
    }
}

fn report(error: &JoinError) {
    if error.is_panic() {
        error!("bug: a delivery worker crashed");
    }
}
