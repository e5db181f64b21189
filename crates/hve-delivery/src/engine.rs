//! The asynchronous part: what is delivered when, and by how many at once.

use std::sync::Arc;

use time::UtcDateTime;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::{JoinError, JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    Content, Due, Host, Limits, Maildir, Queue, Route, Settle, SettleError, Settlement,
    background::{Crashed, in_background},
    hand::Shared,
    work::Worker,
};

/// Delivers what is due, from memory and from the queue.
///
/// Make it before accepting begins: what the queue holds at that moment is due at once.
pub struct Engine<Q, S> {
    worker: Option<Arc<Worker<Q>>>,
    settle: Arc<S>,
    limits: Limits,
    fresh: mpsc::Receiver<Fresh>,
    shared: Arc<Shared>,
    started_at: UtcDateTime,
}

/// Gives the engine what was just accepted. Cheap to clone.
#[derive(Clone)]
pub struct Handover {
    fresh: mpsc::Sender<Fresh>,
    octets: Arc<Semaphore>,
    holds: bool,
}

struct Fresh {
    due: Due,
    /// Its part of [`Limits::fresh_octets`], until it is settled.
    room: OwnedSemaphorePermit,
}

impl Handover {
    /// Offers a message that is durable and was never tried. False where there is no room: the
    /// engine then takes it from the queue. Never blocks.
    pub fn offer(&self, due: Due) -> bool {
        if self.holds {
            return false;
        }
        let octets = match &due.content {
            Content::InMemory(content) => content.len(),
            Content::InQueue => 0,
        };
        u32::try_from(octets.div_ceil(ROOM_UNIT))
            .ok()
            .and_then(|units| Arc::clone(&self.octets).try_acquire_many_owned(units).ok())
            .is_some_and(|room| self.fresh.try_send(Fresh { due, room }).is_ok())
    }
}

impl<Q: Queue, S: Settle> Engine<Q, S> {
    /// An engine for one route, and the way in for fresh messages.
    #[must_use]
    pub fn new(route: &Route, queue: Q, settle: S, host: Host, limits: Limits) -> (Self, Handover) {
        let (sender, fresh) = mpsc::channel(limits.fresh_messages.max(1));
        let shared = Arc::new(Shared::default());
        let started_at = (host.clock)();
        let worker = match route {
            Route::Hold | Route::Relay(_) => None,
            Route::Maildir(root) => Some(Arc::new(Worker {
                queue,
                maildir: Maildir::new(root.clone()),
                host,
                octets_max: limits.batch_octets,
            })),
        };
        let handover = Handover {
            fresh: sender,
            octets: Arc::new(Semaphore::new(limits.fresh_octets.div_ceil(ROOM_UNIT))),
            holds: worker.is_none(),
        };
        let engine = Self {
            worker,
            settle: Arc::new(settle),
            limits,
            fresh,
            shared,
            started_at,
        };
        (engine, handover)
    }

    /// Works until `shutdown`; then what is in hand is finished and settled, and the rest stays in
    /// the queue. The host must take settlements until this returns.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let Some(worker) = self.worker.take() else {
            shutdown.cancelled().await;
            return;
        };
        let mut timer = interval(self.limits.scan_every);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batches: JoinSet<Ended> = JoinSet::new();
        let mut scan_wanted = false;
        let mut scanning = false;
        let mut open = true;
        loop {
            let room = batches.len() < self.limits.batches.max(1);
            if room && scan_wanted && !scanning {
                (scan_wanted, scanning) = (false, true);
                batches.spawn(self.bench(&worker, &shutdown).scan(self.started_at));
                continue;
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(ended) = batches.join_next(), if !batches.is_empty() => {
                    match ended {
                        Ok(Ended::Scan { full }) => (scanning, scan_wanted) = (false, full),
                        Ok(Ended::Fresh) => {}
                        Err(error) => { report(&error); scanning = false; }
                    }
                }
                first = self.fresh.recv(), if room && open => match first {
                    Some(first) => {
                        let batch = self.gather(first);
                        batches.spawn(self.bench(&worker, &shutdown).fresh(batch));
                    }
                    None => open = false,
                },
                _ = timer.tick(), if !scanning => scan_wanted = true,
            }
        }
        self.fresh.close();
        while let Some(ended) = batches.join_next().await {
            if let Err(error) = ended {
                report(&error);
            }
        }
    }

    fn gather(&mut self, first: Fresh) -> Vec<Fresh> {
        let octets = |fresh: &Fresh| fresh.room.num_permits() * ROOM_UNIT;
        let mut total = octets(&first);
        let mut batch = vec![first];
        while batch.len() < self.limits.batch_messages && total < self.limits.batch_octets {
            let Ok(next) = self.fresh.try_recv() else {
                break;
            };
            total += octets(&next);
            batch.push(next);
        }
        batch
    }

    fn bench(&self, worker: &Arc<Worker<Q>>, shutdown: &CancellationToken) -> Bench<Q, S> {
        Bench {
            worker: Arc::clone(worker),
            settle: Arc::clone(&self.settle),
            limits: self.limits.clone(),
            shared: Arc::clone(&self.shared),
            shutdown: shutdown.clone(),
        }
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
    worker: Arc<Worker<Q>>,
    settle: Arc<S>,
    limits: Limits,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
}

impl<Q: Queue, S: Settle> Bench<Q, S> {
    async fn fresh(self, batch: Vec<Fresh>) -> Ended {
        let (mut dues, mut rooms) = (Vec::new(), Vec::new());
        for Fresh { due, room } in batch {
            if self.shared.enter(due.id) {
                dues.push(due);
                rooms.push(room);
            }
        }
        self.attempt(dues).await;
        Ended::Fresh
    }

    async fn scan(self, started_at: UtcDateTime) -> Ended {
        let taken = {
            let (worker, shared) = (Arc::clone(&self.worker), Arc::clone(&self.shared));
            let (limit, grace) = (self.limits.batch_messages, self.limits.hand_over);
            spawn_blocking(move || {
                let now = (worker.host.clock)();
                let ready = |due: &Due| {
                    due.attempts > 0
                        || due.accepted_at < started_at
                        || now - due.accepted_at >= grace
                };
                shared.take(&worker.queue, now, limit, ready)
            })
            .await
        };
        match taken {
            Ok(Ok((dues, full))) => {
                self.attempt(dues).await;
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

    /// One attempt at each message, settled.
    async fn attempt(&self, dues: Vec<Due>) {
        if dues.is_empty() {
            return;
        }
        let dues: Arc<[Due]> = dues.into();
        let settlements = match self.on_a_thread(Arc::clone(&dues), false).await {
            Ok(settlements) => settlements,
            // One of them is poison: alone, each can only harm itself. Their copies may have been
            // delivered before the crash.
            Err(_) if dues.len() > 1 => {
                let mut settlements = Vec::with_capacity(dues.len());
                for due in dues.iter() {
                    let alone: Arc<[Due]> = Arc::new([due.clone()]);
                    let attempted = self.on_a_thread(Arc::clone(&alone), true).await;
                    settlements.extend(attempted.unwrap_or_else(|_| self.crashed(&alone)));
                }
                settlements
            }
            Err(_) => self.crashed(&dues),
        };
        self.settle(settlements).await;
        self.shared.leave(&dues);
    }

    async fn on_a_thread(&self, dues: Arc<[Due]>, again: bool) -> Result<Vec<Settlement>, Crashed> {
        let worker = Arc::clone(&self.worker);
        in_background(move || worker.attempt(&dues, again)).await
    }

    fn crashed(&self, dues: &[Due]) -> Vec<Settlement> {
        self.worker.defer(dues, "bug: the attempt crashed")
    }

    /// Copies that are delivered must not be delivered again, so this insists until the end.
    async fn settle(&self, settlements: Vec<Settlement>) {
        loop {
            // A shutdown in the middle of an attempt leaves one more.
            let last = self.shutdown.is_cancelled();
            match self.settle.settle(settlements.clone()).await {
                Ok(()) => return,
                Err(SettleError::Trouble) if !last => {
                    warn!(messages = settlements.len(), "not settled, trying again");
                    tokio::select! {
                        () = sleep(self.limits.settle_again) => {}
                        () = self.shutdown.cancelled() => {}
                    }
                }
                Err(error) => {
                    error!(messages = settlements.len(), %error, "not settled, they are tried again after the next start");
                    return;
                }
            }
        }
    }
}

fn report(error: &JoinError) {
    if error.is_panic() {
        error!("bug: a delivery worker crashed");
    }
}

/// Octets are counted in kibibytes, rounded up: a semaphore counts to 2^29 at least.
const ROOM_UNIT: usize = 1024;
