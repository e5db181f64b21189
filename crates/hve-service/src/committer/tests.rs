//! What is answered is durable, what is counted gets there, and an end is noticed.

use std::{path::Path, sync::Arc};

use hve_auth::{HashCost, PasswordHash};
use hve_store::{Act, NewAccount, NewTenant, Outcome, QueueFilter, Store, UsageFilter};
use hve_types::{
    AccountLimits, BodyKind, DomainKind, Envelope, Principal, Proof, QueueId, Recipient,
    TenantLimits,
};

use time::UtcDateTime;

use super::*;

struct Bench {
    queue: CommitQueue,
    thread: JoinHandle<()>,
    ended: CancellationToken,
    store: Store,
    principal: Principal,
    _folder: tempfile::TempDir,
}

fn add_account(path: &Path) -> (Store, Principal) {
    let store = Store::open(path).unwrap();
    let act = Act {
        actor: "test".into(),
        at: UtcDateTime::UNIX_EPOCH,
    };
    let new = NewTenant {
        name: "contoso.test".parse().unwrap(),
        kind: DomainKind::Relay,
        limits: TenantLimits::default(),
    };
    let tenant = store.add_tenant(&new, &act).unwrap().id;
    let password = PasswordHash::derive(&"pass".into(), [7; 16], HashCost::default()).unwrap();
    let new = NewAccount {
        tenant,
        address: "hve01@contoso.test".parse().unwrap(),
        display_name: "Scanner".into(),
        alias: None,
        limits: AccountLimits::default(),
        password: password.into(),
    };
    let account = store.add_account(&new, &act).unwrap();
    let principal = Principal {
        tenant,
        account: account.id,
        address: account.address,
        proof: Proof::Secret {
            version: account.credential_version,
        },
    };
    (store, principal)
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let (store, principal) = add_account(&path);
        let ended = CancellationToken::new();
        let writer = Writer::open(&path).unwrap();
        let (queue, thread) = start(writer, &Limits::default(), ended.clone()).unwrap();
        Self {
            queue,
            thread,
            ended,
            store,
            principal,
            _folder: folder,
        }
    }

    fn message(&self, number: u64) -> NewMessage {
        NewMessage {
            id: QueueId::new(number, 0),
            tenant: self.principal.tenant,
            account: self.principal.account,
            envelope: Arc::new(Envelope {
                sender: Some(self.principal.address.clone()),
                recipients: vec![Recipient::new("a@contoso.test".parse().unwrap())],
                body: BodyKind::default(),
                smtputf8: false,
                ret: None,
                envid: None,
            }),
            content: "Subject: x\r\n\r\nx".into(),
            client: [127, 0, 0, 1].into(),
            message_id: "x@contoso.test".into(),
        }
    }

    fn queued(&self) -> usize {
        let all = QueueFilter {
            limit: 1000,
            ..QueueFilter::default()
        };
        self.store.queue(&all).unwrap().len()
    }

    fn counted(&self) -> u64 {
        let all = UsageFilter {
            tenant: None,
            account: None,
            from: UtcDateTime::UNIX_EPOCH,
            to: UtcDateTime::MAX,
        };
        let counts = self.store.refusals(&all).unwrap();
        counts.iter().map(|count| count.count).sum()
    }

    fn refused(&self, reason: &'static str) -> Note {
        Note::Refused(Refused {
            tenant: Some(self.principal.tenant),
            account: Some(self.principal.account),
            reason,
        })
    }
}

#[tokio::test]
async fn what_is_answered_is_in_the_store_and_settled_is_out_of_it() {
    let bench = Bench::new();
    let crowd = (0..300).map(|number| bench.queue.submit(bench.message(number)));
    let mut waiting: Vec<_> = crowd.map(Box::pin).collect();
    for verdict in &mut waiting {
        assert_eq!(verdict.await, Ok(Accepted::Durable));
    }
    assert_eq!(bench.queued(), 300);
    let again = bench.queue.submit(bench.message(7)).await;
    assert_eq!(again, Ok(Accepted::Duplicate));
    let delivered = (0..300).map(|number| Settlement {
        id: QueueId::new(number, 0),
        outcomes: vec![(0, Outcome::Delivered)],
        next_attempt: None,
        notice: None,
    });
    assert_eq!(bench.queue.settle(delivered.collect()).await, Ok(()));
    assert_eq!(bench.queued(), 0);
}

#[tokio::test]
async fn refusals_are_counted_without_any_message() {
    let bench = Bench::new();
    bench.queue.note(bench.refused("rate-account"));
    bench.queue.note(bench.refused("rate-account"));
    bench.queue.note(bench.refused("too-large"));
    let mut timer = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..500 {
        if bench.counted() == 3 {
            return;
        }
        timer.tick().await;
    }
    panic!("{} are counted", bench.counted());
}

#[tokio::test]
async fn the_end_commits_what_is_left_and_is_noticed() {
    let bench = Bench::new();
    assert!(!bench.ended.is_cancelled());
    bench.queue.note(bench.refused("too-large"));
    bench.queue.end();
    bench.ended.cancelled().await;
    let late = bench.queue.submit(bench.message(1)).await;
    assert_eq!(late, Err(Trouble::Ended));
    assert_eq!(bench.counted(), 1);
    bench.thread.join().unwrap();
}
