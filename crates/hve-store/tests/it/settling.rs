//! What becomes of messages.

use hve_store::{
    Batch, Outcome, Progress, QueueState, RefusalCount, Settlement, UsageFilter, Writer,
};
use hve_types::{UsageEvent, UsageKind};
use time::UtcDateTime;

use crate::site::{NOON, Site, id, later, raw, submit};

fn settle(writer: &mut Writer, settlement: Settlement, now: UtcDateTime) {
    let batch = Batch {
        settlements: vec![settlement],
        ..Batch::default()
    };
    assert!(writer.commit(&batch, now).unwrap().is_empty());
}

fn events(site: &Site) -> Vec<UsageEvent> {
    let mut events = Vec::new();
    let all = UsageFilter {
        tenant: None,
        account: None,
        from: later(-1000),
        to: later(100_000),
    };
    site.store.usage(&all, |event| events.push(event)).unwrap();
    events
}

fn deferred() -> Outcome {
    Outcome::Deferred {
        reason: "no room".into(),
    }
}

#[test]
fn a_message_whose_recipients_are_all_settled_leaves_with_its_content() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(
        &mut writer,
        vec![site.message(1, 3), site.message(2, 1)],
        NOON,
    )
    .unwrap();
    let first = Settlement {
        id: id(1),
        outcomes: vec![
            (0, Outcome::Delivered),
            (1, deferred()),
            (
                2,
                Outcome::Failed {
                    reason: "gone".into(),
                },
            ),
        ],
        next_attempt: Some(later(60)),
        notice: None,
    };
    settle(&mut writer, first, later(1));

    let message = site.store.queued(id(1)).unwrap().unwrap();
    assert_eq!(message.attempts, 1);
    assert_eq!(message.state, QueueState::Waiting { until: later(60) });
    assert_eq!(
        message.progress,
        [
            Progress::Delivered,
            Progress::Waiting {
                reason: Some("no room".into())
            },
            Progress::Failed {
                reason: "gone".into()
            },
        ]
    );
    let due = |at| site.store.due(at, 10).unwrap().messages;
    assert_eq!(
        due(later(59)).iter().map(|m| m.id).collect::<Vec<_>>(),
        [id(2)]
    );
    let again = due(later(60));
    assert_eq!(again[1].pending, [1]);

    let second = Settlement {
        id: id(1),
        outcomes: vec![
            (1, Outcome::Delivered),
            (0, Outcome::Delivered),
            (7, Outcome::Delivered),
        ],
        next_attempt: None,
        notice: None,
    };
    settle(&mut writer, second.clone(), later(61));
    assert_eq!(site.store.queued(id(1)).unwrap(), None);
    assert_eq!(site.store.content(id(1)).unwrap(), None);
    let bodies: i64 = raw(&site.path())
        .query_row("SELECT count(*) FROM body", (), |row| row.get(0))
        .unwrap();
    assert_eq!(bodies, 1, "only the other message's");
    settle(&mut writer, second, later(62));

    let told: Vec<_> = events(&site)
        .into_iter()
        .filter(|event| event.message == id(1))
        .map(|event| (event.kind, event.recipients, event.at))
        .collect();
    assert_eq!(
        told,
        [
            (UsageKind::Accepted, 3, NOON),
            (UsageKind::Delivered, 1, later(1)),
            (UsageKind::Failed, 1, later(1)),
            (UsageKind::Delivered, 1, later(61)),
        ]
    );
    assert_eq!(
        site.used(later(62)),
        4,
        "deliveries do not count against the quota"
    );
}

#[test]
fn a_message_without_a_next_attempt_is_held() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 1)], NOON).unwrap();
    let hold = Settlement {
        id: id(1),
        outcomes: vec![],
        next_attempt: None,
        notice: None,
    };
    settle(&mut writer, hold, NOON);
    assert_eq!(
        site.store.queued(id(1)).unwrap().unwrap().state,
        QueueState::Held { by: None }
    );
    assert!(
        site.store
            .due(later(1_000_000), 10)
            .unwrap()
            .messages
            .is_empty()
    );
    assert!(site.store.content(id(1)).unwrap().is_some());
}

#[test]
fn settlements_and_submissions_share_a_commit() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 1)], NOON).unwrap();
    let batch = Batch {
        submissions: vec![site.message(2, 1)],
        settlements: vec![Settlement {
            id: id(1),
            outcomes: vec![(0, Outcome::Delivered)],
            next_attempt: None,
            notice: None,
        }],
        ..Batch::default()
    };
    writer.commit(&batch, later(1)).unwrap();
    let due = site.store.due(later(1), 10).unwrap().messages;
    assert_eq!(due.iter().map(|m| m.id).collect::<Vec<_>>(), [id(2)]);
    let seqs = events(&site).len();
    assert_eq!(seqs, 3, "two accepted, one delivered, none overwritten");
}

#[test]
fn refusals_are_summed_by_hour_account_and_reason() {
    let site = Site::new();
    let mut writer = site.writer();
    let count = |at, who: bool, reason: &str, count| RefusalCount {
        hour: at,
        tenant: who.then_some(site.tenant.id),
        account: who.then_some(site.account.id),
        reason: reason.into(),
        count,
    };
    for _ in 0..2 {
        let batch = Batch {
            refusals: vec![
                count(later(5), true, "quota-tenant", 1),
                count(later(7), true, "quota-tenant", 2),
                count(later(3600), true, "quota-tenant", 1),
                count(later(5), false, "wrong-credentials", u64::MAX),
            ],
            ..Batch::default()
        };
        writer.commit(&batch, later(10)).unwrap();
    }
    let mut filter = UsageFilter {
        tenant: None,
        account: None,
        from: later(1800),
        to: later(7200),
    };
    let all = site.store.refusals(&filter).unwrap();
    assert_eq!(
        all,
        [
            count(NOON, false, "wrong-credentials", (1 << 62) - 1),
            count(NOON, true, "quota-tenant", 6),
            count(later(3600), true, "quota-tenant", 2),
        ]
    );
    filter.tenant = Some(site.tenant.id);
    filter.to = later(3600);
    assert_eq!(site.store.refusals(&filter).unwrap(), all[1..2]);
}
