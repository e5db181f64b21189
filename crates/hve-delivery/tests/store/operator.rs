//! An operator beside a delivering engine: verbs before an attempt and while it is under way, in
//! every order.

use std::{
    collections::{HashMap, HashSet},
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use hve_delivery::{
    Content, Due, Engine, Host, Limits, Queue, QueueError, RelaySettings, Route, Routes,
    bounce::Notices,
};
use hve_store::{Act, QueueChange, QueueFilter, QueueStanding, Store, Writer};
use hve_types::{QueueId, UsageKind};
use time::UtcDateTime;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::site::{Books, LATER, NOON, Site, accept, copies, usage};

const HOUR: Duration = Duration::from_secs(3600);

/// The store, beside which the operator acts when a message is just about to be delivered.
struct Beside {
    store: Store,
    verbs: Mutex<HashMap<QueueId, Vec<QueueChange>>>,
}

impl Queue for Beside {
    fn due(&self, now: UtcDateTime, limit: usize) -> Result<Vec<Due>, QueueError> {
        Queue::due(&self.store, now, limit)
    }

    fn content(&self, id: QueueId) -> Result<Option<Bytes>, QueueError> {
        Queue::content(&self.store, id)
    }

    fn withheld(&self, ids: &[QueueId]) -> Result<HashSet<QueueId>, QueueError> {
        let withheld = Queue::withheld(&self.store, ids)?;
        for id in ids.iter().filter(|id| !withheld.contains(id)) {
            let verbs = self.verbs.lock().unwrap().remove(id).unwrap_or_default();
            act(&self.store, *id, &verbs);
        }
        Ok(withheld)
    }
}

fn act(store: &Store, id: QueueId, verbs: &[QueueChange]) {
    let by = Act {
        actor: "olga".into(),
        at: LATER,
    };
    for verb in verbs {
        store.change_queue(*verb, &[id], &by).unwrap();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Cancelled,
    Held,
    Waiting,
}

/// What becomes of a message with these verbs.
fn fate(verbs: &[QueueChange]) -> Fate {
    verbs
        .iter()
        .fold(Fate::Waiting, |fate, verb| match (fate, verb) {
            (Fate::Cancelled, _) | (_, QueueChange::Cancel) => Fate::Cancelled,
            (_, QueueChange::Hold) => Fate::Held,
            (_, QueueChange::Release) => Fate::Waiting,
            (fate, QueueChange::Retry) => fate,
        })
}

/// Every order of hold, cancel and release, of each beginning of such an order, and every moment
/// in it at which the attempt begins.
fn orders() -> Vec<(Vec<QueueChange>, Vec<QueueChange>)> {
    use QueueChange::{Cancel, Hold, Release};
    let mut orders = Vec::new();
    for order in [
        [Hold, Cancel, Release],
        [Hold, Release, Cancel],
        [Cancel, Hold, Release],
        [Cancel, Release, Hold],
        [Release, Hold, Cancel],
        [Release, Cancel, Hold],
    ] {
        for length in 0..=order.len() {
            let some = &order[..length];
            for begins in 0..=length {
                orders.push((some[..begins].to_vec(), some[begins..].to_vec()));
            }
        }
    }
    orders
}

/// Runs an engine until it has settled so many messages.
async fn run(
    site: &Site,
    books: &Books,
    (queue, fresh): (Beside, Vec<Due>),
    now: UtcDateTime,
    count: usize,
) {
    let host = Host {
        clock: Box::new(move || now),
        random: Box::new(|| 0),
        accepts: Box::new(|_, _| Ok(true)),
        notices: Notices {
            name: "mail.contoso.test".into(),
            bounce_to: Box::new(|_, _| Ok(None)),
        },
    };
    let routes = Routes::new(Route::Maildir(site.mail()));
    let (relays, limits) = (RelaySettings::new("hve.contoso.test"), Limits::default());
    let (engine, handover) =
        Engine::new(&routes, queue, books.clone(), host, &relays, limits).unwrap();
    for due in fresh {
        assert!(handover.offer(due));
    }
    let mut settled = books.settled.subscribe();
    let goal = *settled.borrow() + count;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(engine.run(shutdown.clone()));
    let wait = settled.wait_for(|settled| *settled >= goal);
    assert!(timeout(Duration::from_secs(20), wait).await.is_ok());
    shutdown.cancel();
    running.await.unwrap();
    assert_eq!(*books.settled.borrow(), goal, "nothing else was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_cancel_and_release_race_with_a_delivery_in_every_order() {
    let site = Site::new();
    let mut writer = Writer::open(&site.database()).unwrap();
    let store = writer.store();
    let orders = orders();
    let messages: Vec<_> = (0..).zip(&orders).map(|(n, _)| site.message(n)).collect();
    accept(&mut writer, messages.clone());
    let books = Books {
        writer: Arc::new(Mutex::new(writer)),
        settled: watch::Sender::new(0),
    };
    let beside = |verbs| Beside {
        store: store.clone(),
        verbs: Mutex::new(verbs),
    };
    // One mailbox is broken, so that something is left to wait, hold and cancel.
    let broken = site.mail().join("contoso.test/b");
    fs::create_dir_all(site.mail().join("contoso.test")).unwrap();
    fs::write(&broken, "no folder").unwrap();

    // All are in memory when the operator begins, and the engine after that.
    let fresh = messages.iter().map(|message| Due {
        id: message.id,
        tenant: message.tenant,
        account: message.account,
        envelope: Arc::clone(&message.envelope),
        pending: vec![0, 1],
        attempts: 0,
        accepted_at: NOON,
        delay_told: false,
        content: Content::InMemory(message.content.clone()),
    });
    let mut under_way = HashMap::new();
    let (mut tried, mut held, mut held_untried, mut waiting) = (0, 0, 0, 0);
    for (message, (before, during)) in messages.iter().zip(&orders) {
        act(&store, message.id, before);
        under_way.insert(message.id, during.clone());
        let begun = fate(before) == Fate::Waiting;
        tried += usize::from(begun);
        let all = if begun { during } else { &Vec::new() };
        let verbs = [before.as_slice(), all.as_slice()].concat();
        held += usize::from(fate(&verbs) == Fate::Held);
        held_untried += usize::from(fate(before) == Fate::Held);
        waiting += usize::from(fate(&verbs) == Fate::Waiting);
    }
    let first = (beside(under_way), fresh.collect());
    // At this moment the engine takes them from memory only.
    run(&site, &books, first, NOON, tried).await;
    assert_eq!(
        (copies(&site.mail(), "a"), copies(&site.mail(), "b")),
        (tried, 0)
    );

    // The next attempt is at what waits, and at nothing that is held or cancelled.
    fs::remove_file(&broken).unwrap();
    let second = (beside(HashMap::new()), Vec::new());
    run(&site, &books, second, LATER + HOUR, waiting).await;
    assert_eq!(
        (copies(&site.mail(), "a"), copies(&site.mail(), "b")),
        (tried, waiting)
    );
    let left = QueueFilter {
        limit: 1000,
        ..QueueFilter::default()
    };
    let left = store.queue_ids(&QueueFilter {
        only: Some(QueueStanding::Held),
        ..left
    });
    let left = left.unwrap();
    assert_eq!(left.len(), held);
    for id in left {
        act(&store, id, &[QueueChange::Release]);
    }
    let third = (beside(HashMap::new()), Vec::new());
    run(&site, &books, third, LATER + 2 * HOUR, held).await;
    let arrived = (copies(&site.mail(), "a"), copies(&site.mail(), "b"));
    assert_eq!(arrived, (tried + held_untried, waiting + held));
    let delivered = usize::try_from(usage(&store, UsageKind::Delivered)).unwrap();
    assert_eq!(delivered, arrived.0 + arrived.1, "each is written down");
    let bodies = store.queue_ids(&QueueFilter {
        limit: 1,
        ..QueueFilter::default()
    });
    assert_eq!(bodies.unwrap(), []);
}
