//! A queue in memory that keeps books, and a clock that is set by hand.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what a test cannot set up fails it"
)]
#![allow(dead_code, reason = "each file of tests uses its part")]

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use hve_delivery::{
    Content, Due, Engine, Handover, Host, Limits, Outcome, Queue, QueueError, RelaySettings, Route,
    Routes, Settle, SettleError, Settlement, SetupError, bounce::Notices,
};
use hve_types::{AccountId, Address, BodyKind, Envelope, QueueId, Recipient, TenantId};
use time::UtcDateTime;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

pub(crate) const START: i64 = 1_764_000_000;
/// The tenant whose directory look-ups crash.
pub(crate) const POISON: TenantId = TenantId(666);

#[derive(Clone)]
pub(crate) struct World(Arc<Inner>);

struct Inner {
    entries: Mutex<BTreeMap<QueueId, Entry>>,
    seconds: AtomicI64,
    pub(crate) settle_fails: AtomicBool,
    queue_fails: AtomicBool,
    domain_removed: AtomicBool,
    all_domains: AtomicBool,
    withheld: Mutex<HashSet<QueueId>>,
    directory_fails: AtomicBool,
    bounce_to: Mutex<Option<Address>>,
    changed: watch::Sender<()>,
}

pub(crate) struct Entry {
    pub(crate) due: Due,
    pub(crate) content: Option<Bytes>,
    pub(crate) next_attempt: Option<UtcDateTime>,
    pub(crate) settled: Vec<Settlement>,
    pub(crate) content_reads: usize,
}

impl World {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            entries: Mutex::default(),
            seconds: AtomicI64::new(START),
            settle_fails: AtomicBool::new(false),
            queue_fails: AtomicBool::new(false),
            domain_removed: AtomicBool::new(false),
            all_domains: AtomicBool::new(false),
            withheld: Mutex::default(),
            directory_fails: AtomicBool::new(false),
            bounce_to: Mutex::default(),
            changed: watch::Sender::new(()),
        }))
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, BTreeMap<QueueId, Entry>> {
        self.0.entries.lock().unwrap()
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_secs()).unwrap();
        self.0.seconds.fetch_add(by, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> UtcDateTime {
        UtcDateTime::from_unix_timestamp(self.0.seconds.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn let_settling_fail(&self, fails: bool) {
        self.0.settle_fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn let_reading_fail(&self, fails: bool) {
        self.0.queue_fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn accept_all_domains(&self) {
        self.0.all_domains.store(true, Ordering::SeqCst);
    }

    /// An operator takes it out.
    pub(crate) fn withhold(&self, id: QueueId) {
        self.0.withheld.lock().unwrap().insert(id);
    }

    pub(crate) fn remove_domain(&self, removed: bool) {
        self.0.domain_removed.store(removed, Ordering::SeqCst);
    }

    pub(crate) fn let_directory_fail(&self, fails: bool) {
        self.0.directory_fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn set_bounce_to(&self, address: &str) {
        *self.0.bounce_to.lock().unwrap() = Some(Address::parse(address).unwrap());
    }

    fn bounce_to(&self) -> Result<Option<Address>, QueueError> {
        if self.0.directory_fails.load(Ordering::SeqCst) {
            return Err(QueueError("a bad block".into()));
        }
        Ok(self.0.bounce_to.lock().unwrap().clone())
    }

    /// Accepts a message as the store would; what comes back is the copy for memory.
    pub(crate) fn accept(&self, number: u64, recipients: &[&str]) -> Due {
        let recipients = recipients
            .iter()
            .map(|to| Recipient::new(Address::parse(to).unwrap()))
            .collect::<Vec<_>>();
        let due = Due {
            id: QueueId::new(1_764_000_000_000 + number, 0),
            tenant: TenantId(1),
            account: AccountId(1),
            pending: (0..recipients.len()).collect(),
            envelope: Arc::new(Envelope {
                sender: Some(Address::parse("hve01@contoso.test").unwrap()),
                recipients,
                body: BodyKind::SevenBit,
                smtputf8: false,
                ret: None,
                envid: None,
            }),
            attempts: 0,
            accepted_at: self.now(),
            delay_told: false,
            content: Content::InQueue,
        };
        self.put(due.clone());
        let content = Content::InMemory(text(number));
        Due { content, ..due }
    }

    pub(crate) fn put(&self, due: Due) {
        let number = self.entries().len();
        let entry = Entry {
            content: Some(text(u64::try_from(number).unwrap())),
            next_attempt: Some(self.now()),
            due: due.clone(),
            settled: Vec::new(),
            content_reads: 0,
        };
        self.entries().insert(due.id, entry);
    }

    /// Waits until the books look like this.
    pub(crate) async fn until(&self, holds: impl Fn(&BTreeMap<QueueId, Entry>) -> bool) {
        let mut changed = self.0.changed.subscribe();
        let wait = async {
            while !holds(&self.entries()) {
                changed.changed().await.unwrap();
            }
        };
        timeout(Duration::from_secs(20), wait)
            .await
            .expect("in time");
    }

    /// Waits for what nobody announces, such as something said to a peer.
    pub(crate) async fn until_true(&self, holds: impl Fn() -> bool) {
        let wait = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), wait)
            .await
            .expect("in time");
    }

    /// Waits until each message has had so many settlements.
    pub(crate) async fn until_settled(&self, times: usize) {
        self.until(|entries| entries.values().all(|entry| entry.settled.len() >= times))
            .await;
    }

    pub(crate) fn last(&self, id: QueueId) -> Settlement {
        self.entries()[&id].settled.last().unwrap().clone()
    }

    pub(crate) fn host(&self) -> Host {
        let (clock, directory, bounces) = (self.clone(), self.clone(), self.clone());
        Host {
            clock: Box::new(move || clock.now()),
            random: Box::new(|| u64::MAX / 2),
            accepts: Box::new(move |tenant, domain| {
                assert_ne!(tenant, POISON);
                let removed = directory.0.domain_removed.load(Ordering::SeqCst);
                let all = directory.0.all_domains.load(Ordering::SeqCst);
                Ok(!removed && (all || domain.as_str() == "contoso.test"))
            }),
            notices: Notices {
                name: "mail.contoso.test".into(),
                bounce_to: Box::new(move |_, _| bounces.bounce_to()),
            },
        }
    }

    pub(crate) fn engine(&self, root: &Path, limits: Limits) -> (Engine<Self, Self>, Handover) {
        let route = Route::Maildir(root.into());
        self.engine_for(&Routes::new(route), limits)
    }

    pub(crate) fn try_engine(
        &self,
        routes: &Routes,
        relays: &RelaySettings,
    ) -> Result<(Engine<Self, Self>, Handover), SetupError> {
        let (queue, settle) = (self.clone(), self.clone());
        Engine::new(routes, queue, settle, self.host(), relays, quick())
    }

    pub(crate) fn engine_for(
        &self,
        routes: &Routes,
        limits: Limits,
    ) -> (Engine<Self, Self>, Handover) {
        let relays = RelaySettings::new("hve.contoso.test");
        let (queue, settle) = (self.clone(), self.clone());
        Engine::new(routes, queue, settle, self.host(), &relays, limits).unwrap()
    }
}

/// A running engine that is ended by the test.
pub(crate) struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(engine: Engine<World, World>) -> Self {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(engine.run(shutdown.clone()));
        Self { shutdown, task }
    }

    pub(crate) fn shutdown(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn end(self) {
        self.shutdown.cancel();
        timeout(Duration::from_secs(20), self.task)
            .await
            .expect("the engine ends")
            .unwrap();
    }
}

impl Queue for World {
    fn due(&self, now: UtcDateTime, limit: usize) -> Result<Vec<Due>, QueueError> {
        if self.0.queue_fails.load(Ordering::SeqCst) {
            return Err(QueueError("a bad block".into()));
        }
        let mut found: Vec<_> = self
            .entries()
            .values()
            .filter(|entry| entry.next_attempt.is_some_and(|at| at <= now))
            .map(|entry| (entry.next_attempt, entry.due.clone()))
            .collect();
        found.sort_by_key(|(at, due)| (*at, due.id));
        Ok(found.into_iter().map(|(_, due)| due).take(limit).collect())
    }

    fn withheld(&self, ids: &[QueueId]) -> Result<HashSet<QueueId>, QueueError> {
        let withheld = self.0.withheld.lock().unwrap();
        Ok(ids
            .iter()
            .copied()
            .filter(|id| withheld.contains(id))
            .collect())
    }

    fn content(&self, id: QueueId) -> Result<Option<Bytes>, QueueError> {
        let mut entries = self.entries();
        let entry = entries.get_mut(&id).unwrap();
        entry.content_reads += 1;
        Ok(entry.content.clone())
    }
}

impl Settle for World {
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), SettleError> {
        if self.0.settle_fails.load(Ordering::SeqCst) {
            self.0.changed.send_replace(());
            return Err(SettleError::Trouble);
        }
        for settlement in settlements {
            let mut entries = self.entries();
            let entry = entries.get_mut(&settlement.id).unwrap();
            let deferred = settlement
                .outcomes
                .iter()
                .filter(|(_, outcome)| matches!(outcome, Outcome::Deferred { .. }));
            entry.due.pending = deferred.map(|(index, _)| *index).collect();
            entry.due.attempts += 1;
            entry.next_attempt = settlement.next_attempt;
            entry.due.delay_told |= settlement.notice.as_ref().is_some_and(|of| of.delay);
            entry.settled.push(settlement);
        }
        self.0.changed.send_replace(());
        Ok(())
    }
}

pub(crate) fn text(number: u64) -> Bytes {
    format!("Subject: {number}\r\n\r\nbody\r\n").into()
}

/// Nothing to wait for but what the test itself brings about.
pub(crate) fn quick() -> Limits {
    Limits {
        scan_every: Duration::from_millis(2),
        settle_again: Duration::from_millis(2),
        ..Limits::default()
    }
}

/// How many copies a mailbox of contoso.test holds.
pub(crate) fn copies(root: &Path, local: &str) -> usize {
    fs::read_dir(root.join("contoso.test").join(local).join("new"))
        .map(Iterator::count)
        .unwrap_or_default()
}
