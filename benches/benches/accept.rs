//! Accepting messages durably: one commit for a group, with its sync of the disk.
//!
//! Who would feel it: every client, between its last dot and the `250`. The store lies in the
//! target folder, on whatever disk that is; a tmpfs would measure nothing.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench has nobody to report to"
)]

use std::{cell::RefCell, hint::black_box, path::Path, sync::Arc, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hve_auth::{HashCost, PasswordHash};
use hve_store::{
    Accepted, Act, Batch, NewAccount, NewMessage, NewTenant, Outcome, Settlement, Writer,
};
use hve_types::{
    Account, AccountLimits, BodyKind, Ceiling, DomainKind, Envelope, QueueId, Recipient,
    TenantLimits,
};
use tempfile::TempDir;
use time::{UtcDateTime, macros::utc_datetime};

criterion_group!(benches, accept, accept_large, accept_and_settle, read);
criterion_main!(benches);

fn accept(c: &mut Criterion) {
    let mut group = c.benchmark_group("accept, fsync on, 4 KiB");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(4));
    for (messages, recipients) in [(1, 1), (8, 1), (64, 1), (256, 1), (64, 50)] {
        let site = RefCell::new(Site::new(4 << 10, recipients));
        group.throughput(Throughput::Elements(u64::try_from(messages).unwrap()));
        let name = format!("groups of {messages}, {recipients} recipient(s)");
        group.bench_function(name, |b| {
            b.iter_batched(
                || site.borrow_mut().batch(messages),
                |batch| site.borrow_mut().commit(&batch),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn accept_large(c: &mut Criterion) {
    let mut group = c.benchmark_group("accept, fsync on, 1 MiB");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(4));
    let site = RefCell::new(Site::new(1 << 20, 1));
    group.throughput(Throughput::Elements(8));
    group.bench_function("groups of 8, 1 recipient(s)", |b| {
        b.iter_batched(
            || site.borrow_mut().batch(8),
            |batch| site.borrow_mut().commit(&batch),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// The steady state of a server whose delivery keeps pace: each commit lets a group in, and lets
/// the group before it go.
fn accept_and_settle(c: &mut Criterion) {
    let mut group = c.benchmark_group("accept and settle, fsync on, 4 KiB");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(4));
    let site = RefCell::new(Site::new(4 << 10, 1));
    group.throughput(Throughput::Elements(64));
    group.bench_function("groups of 64, 1 recipient(s)", |b| {
        b.iter_batched(
            || site.borrow_mut().batch_with_settlements(64),
            |batch| site.borrow_mut().commit(&batch),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// What a session asks before each command, and what a restart costs each tenant once.
fn read(c: &mut Criterion) {
    let mut site = Site::new(64, 1);
    for _ in 0..100 {
        let batch = site.batch(1000);
        site.commit(&batch);
    }
    let store = site.writer.store();
    c.bench_function("read the change counter", |b| {
        b.iter(|| black_box(store.change_counter().unwrap()));
    });
    let tenant = site.account.tenant;
    c.bench_function("read back a quota of 100,000 events", |b| {
        b.iter(|| black_box(store.quota(tenant, NOW + Duration::from_secs(60)).unwrap()));
    });
}

const NOW: UtcDateTime = utc_datetime!(2026-11-24 12:00);

/// A queue that has grown to so many octets is begun anew, so that a run ends on any disk.
const QUEUE_OCTETS_MAX: usize = 512 << 20;

struct Site {
    _folder: TempDir,
    writer: Writer,
    account: Account,
    envelope: Arc<Envelope>,
    content: bytes::Bytes,
    accepted: usize,
    ids: u64,
    open: Vec<QueueId>,
}

impl Site {
    fn new(octets: usize, recipients: usize) -> Self {
        let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        let writer = Writer::open(&folder.path().join("hve.db")).expect("a store in the target");
        let account = account(&writer);
        let envelope = Arc::new(Envelope {
            sender: Some(account.address.clone()),
            recipients: (0..recipients)
                .map(|i| Recipient::new(format!("recipient{i}@contoso.test").parse().unwrap()))
                .collect(),
            body: BodyKind::SevenBit,
            smtputf8: false,
            ret: None,
            envid: None,
        });
        let line = b"The quick brown fox jumps over the lazy dog, and so on to the end.\r\n";
        let content = line.iter().copied().cycle().take(octets).collect();
        Self {
            _folder: folder,
            writer,
            account,
            envelope,
            content,
            accepted: 0,
            ids: 0,
            open: Vec::new(),
        }
    }

    fn batch(&mut self, messages: usize) -> Batch {
        if (self.accepted + messages) * self.content.len() > QUEUE_OCTETS_MAX {
            *self = Self::new(self.content.len(), self.envelope.recipients.len());
        }
        self.accepted += messages;
        Batch {
            submissions: (0..messages).map(|_| self.message()).collect(),
            ..Batch::default()
        }
    }

    fn batch_with_settlements(&mut self, messages: usize) -> Batch {
        let settlements = self.open.drain(..).map(|id| Settlement {
            id,
            outcomes: vec![(0, Outcome::Delivered)],
            next_attempt: None,
            notice: None,
        });
        let settlements = settlements.collect();
        let batch = Batch {
            submissions: (0..messages).map(|_| self.message()).collect(),
            settlements,
            ..Batch::default()
        };
        self.open = batch.submissions.iter().map(|message| message.id).collect();
        batch
    }

    fn message(&mut self) -> NewMessage {
        self.ids += 1;
        // As ids come in life: in order of time, with random ends.
        let random = u128::from(self.ids.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 16;
        NewMessage {
            id: QueueId::new(1_764_000_000_000 + self.ids / 30, random),
            tenant: self.account.tenant,
            account: self.account.id,
            envelope: Arc::clone(&self.envelope),
            content: self.content.clone(),
            client: "192.0.2.7".parse().unwrap(),
            message_id: format!("<{}.hve@printer.contoso.test>", self.ids),
        }
    }

    fn commit(&mut self, batch: &Batch) {
        let now = NOW + Duration::from_millis(self.ids / 30);
        let verdicts = self.writer.commit(batch, now).unwrap();
        assert!(verdicts.iter().all(|verdict| *verdict == Accepted::Durable));
    }
}

fn account(writer: &Writer) -> Account {
    let act = Act {
        actor: "bench".into(),
        at: NOW,
    };
    let new = NewTenant {
        name: "contoso.test".parse().unwrap(),
        kind: DomainKind::Relay,
        limits: TenantLimits {
            // Counted and decided as ever, and never reached.
            recipients_per_day: Ceiling::AtMost(u64::MAX),
            ..TenantLimits::default()
        },
    };
    let store = writer.store();
    let tenant = store.add_tenant(&new, &act).unwrap();
    let cost = HashCost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
    let new = NewAccount {
        tenant: tenant.id,
        address: "hve01@contoso.test".parse().unwrap(),
        display_name: "Bench".into(),
        alias: None,
        limits: AccountLimits {
            recipients_per_day: Ceiling::AtMost(u64::MAX),
            ..AccountLimits::default()
        },
        password: PasswordHash::derive(&"a long password".to_owned().into(), [7; 16], cost)
            .unwrap()
            .into(),
    };
    store.add_account(&new, &act).unwrap()
}
