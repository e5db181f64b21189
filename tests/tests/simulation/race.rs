//! A hundred connections want the last fifty recipients, in every order that chance finds.

use std::sync::Arc;

use hve_policy::RollingQuota;
use hve_store::{Accepted, Act, Batch, NewAccount, NewMessage, NewTenant, Writer};
use hve_types::{
    AccountLimits, BodyKind, Ceiling, DomainKind, Envelope, QueueId, Recipient, TenantLimits,
};
use time::UtcDateTime;

use crate::{random::Random, world::cheap_hash};

const CONNECTIONS: usize = 100;
const LEFT: u64 = 50;
const NOON: i64 = 1_800_000_000;

/// The connections in random order, cut into batches of random size.
fn batches(random: &mut Random) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..CONNECTIONS).collect();
    for index in (1..CONNECTIONS).rev() {
        order.swap(index, random.below(index + 1));
    }
    let mut batches = Vec::new();
    while !order.is_empty() {
        let size = 1 + random.below(order.len().min(30));
        batches.push(order.split_off(order.len() - size));
    }
    batches
}

/// Decides batch by batch as the writer does; a commit that fails takes back what it counted, and
/// its connections come again.
fn schedule(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let used = random.next() % 1_000;
    let ceiling = Ceiling::AtMost(used + LEFT);
    let mut quota = RollingQuota::new();
    quota.record(NOON - 86_400, used);
    let mut waiting = batches(&mut random);
    let mut now = NOON;
    let mut accepted = 0;
    while let Some(batch) = waiting.pop() {
        // The clock may stand, or step back; forward, the earlier ones would leave the window.
        now -= i64::from(random.one_in(10));
        let mut counted = Vec::new();
        for _ in &batch {
            if quota.decide(ceiling, 1, now).is_ok() {
                quota.record(now, 1);
                counted.push(now);
            }
        }
        if random.one_in(5) {
            for at in counted {
                quota.undo(at, 1);
            }
            waiting.insert(0, batch);
        } else {
            accepted += u64::try_from(counted.len()).unwrap();
        }
    }
    accepted
}

#[test]
fn row_38_exactly_fifty_over_ten_thousand_schedules() {
    for seed in 0..10_000 {
        assert_eq!(schedule(seed), LEFT, "HVE_SEED={seed}");
    }
}

#[test]
fn row_38_exactly_fifty_in_the_store() {
    for seed in 0..25 {
        let mut random = Random::new(seed);
        let folder = hve_tests::memory_folder();
        let mut writer = Writer::open(&folder.path().join("store.db")).unwrap();
        let store = writer.store();
        let now = UtcDateTime::from_unix_timestamp(NOON).unwrap();
        let act = Act {
            actor: "race".into(),
            at: now,
        };
        let tenant = NewTenant {
            name: "contoso.test".parse().unwrap(),
            kind: DomainKind::Relay,
            limits: TenantLimits {
                recipients_per_day: Ceiling::AtMost(LEFT),
                ..TenantLimits::default()
            },
        };
        let tenant = store.add_tenant(&tenant, &act).unwrap().id;
        let account = NewAccount {
            tenant,
            address: "hve01@contoso.test".parse().unwrap(),
            display_name: String::new(),
            alias: None,
            limits: AccountLimits::default(),
            password: cheap_hash(),
        };
        let account = store.add_account(&account, &act).unwrap().id;
        let envelope = Arc::new(Envelope {
            sender: None,
            recipients: vec![Recipient::new("last@contoso.test".parse().unwrap())],
            body: BodyKind::SevenBit,
            smtputf8: false,
            ret: None,
            envid: None,
        });
        let mut accepted = 0;
        for batch in batches(&mut random) {
            let message = |connection: usize| NewMessage {
                id: QueueId::new(1, u128::try_from(connection).unwrap()),
                tenant,
                account,
                envelope: Arc::clone(&envelope),
                content: "From: hve01@contoso.test\r\n\r\n".into(),
                client: [192, 0, 2, 1].into(),
                message_id: String::new(),
            };
            let batch = Batch {
                submissions: batch.into_iter().map(message).collect(),
                ..Batch::default()
            };
            let verdicts = writer.commit(&batch, now).unwrap();
            let durable = verdicts
                .iter()
                .filter(|verdict| **verdict == Accepted::Durable);
            accepted += u64::try_from(durable.count()).unwrap();
        }
        assert_eq!(accepted, LEFT, "HVE_SEED={seed}");
        let mut quota = store.quota(tenant, now).unwrap();
        assert_eq!(quota.tenant.used(NOON), LEFT);
    }
}
