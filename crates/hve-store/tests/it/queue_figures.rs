//! Filters of the queue, and the queue in figures.

use std::sync::Arc;

use hve_store::{
    Act, Batch, NewMessage, Outcome, QueueChange, QueueFilter, QueueStanding, QueueStats,
    RecipientFilter, Settlement, Writer,
};
use hve_types::{QueueId, Recipient};

use crate::site::{NOON, Site, address, id, later, new_account, submit};

/// 1: new, to two domains. 2: half delivered, the rest is full. 3: full and refused, of another
/// account, an hour younger. 4: held. 5: parked.
fn filled(site: &Site) -> Writer {
    let mut writer = site.writer();
    let other = new_account(&site.tenant, "hve02@contoso.test");
    let act = Act {
        actor: "olga".into(),
        at: NOON,
    };
    let other = site.store.add_account(&other, &act).unwrap();
    let to = |mut message: NewMessage, recipients: &[&str]| {
        let envelope = Arc::make_mut(&mut message.envelope);
        envelope.recipients = recipients
            .iter()
            .map(|to| Recipient::new(address(to)))
            .collect();
        message
    };
    let early = vec![
        to(site.message(1, 0), &["A@contoso.test", "b@fabrikam.test"]),
        to(site.message(2, 0), &["a@contoso.test", "b@contoso.test"]),
        site.message(4, 1),
        site.message(5, 1),
    ];
    submit(&mut writer, early, NOON).unwrap();
    let third = site.message_of(&other, 3, 0);
    let third = to(third, &["b@contoso.test", "c@fabrikam.test"]);
    submit(&mut writer, vec![third], later(3600)).unwrap();
    let deferred = |index, reason: &str| {
        let reason = reason.into();
        (index, Outcome::Deferred { reason })
    };
    let settlement = |n, outcomes| Settlement {
        id: id(n),
        outcomes,
        next_attempt: Some(later(9000)),
        notice: None,
    };
    let batch = Batch {
        settlements: vec![
            settlement(2, vec![(0, Outcome::Delivered), deferred(1, "452 Full")]),
            settlement(3, vec![deferred(0, "452 full"), deferred(1, "refused")]),
        ],
        ..Batch::default()
    };
    writer.commit(&batch, later(3601)).unwrap();
    let held = site.store.change_queue(QueueChange::Hold, &[id(4)], &act);
    held.unwrap();
    site.store.park(id(5), "poison, and full of it").unwrap();
    writer
}

fn all() -> QueueFilter {
    QueueFilter {
        limit: 100,
        ..QueueFilter::default()
    }
}

#[test]
fn filters_combine() {
    let site = Site::new();
    let _writer = filled(&site);
    let check = |filter: QueueFilter, expected: &[u64]| {
        let found = site.store.queue_ids(&filter).unwrap();
        let expected: Vec<QueueId> = expected.iter().map(|n| id(*n)).collect();
        assert_eq!(found, expected, "{filter:?}");
        let shown = site.store.queue(&filter).unwrap();
        assert!(shown.iter().map(|message| message.id).eq(found));
    };
    let to = |text: &str| Some(RecipientFilter::Address(address(text)));
    let of = |text: &str| Some(RecipientFilter::Domain(text.parse().unwrap()));
    let why = |text: &str| Some(text.to_owned());
    check(all(), &[1, 2, 3, 4, 5]);
    check(QueueFilter { limit: 2, ..all() }, &[1, 2]);
    let only = |standing| QueueFilter {
        only: Some(standing),
        ..all()
    };
    check(only(QueueStanding::Held), &[4]);
    check(only(QueueStanding::Parked), &[5]);
    check(only(QueueStanding::Waiting), &[1, 2, 3]);
    // Delivered is not waited for, and spelling does not matter.
    let one = |recipient| QueueFilter { recipient, ..all() };
    check(one(to("a@contoso.test")), &[1]);
    check(one(to("B@contoso.test")), &[2, 3]);
    check(one(of("fabrikam.test")), &[1, 3]);
    let some = vec!["fabrikam.test".parse().unwrap()];
    check(one(Some(RecipientFilter::OneOf(some.clone()))), &[1, 3]);
    let others = Some(RecipientFilter::NoneOf(some));
    check(one(others), &[1, 2, 3, 4, 5]);
    check(one(Some(RecipientFilter::OneOf(Vec::new()))), &[]);
    let one = |reason| QueueFilter { reason, ..all() };
    check(one(why("FULL")), &[2, 3, 5]);
    check(one(why("poison")), &[5]);
    // One and the same recipient has to fit both.
    let both = |recipient, words| QueueFilter {
        recipient,
        reason: why(words),
        ..all()
    };
    check(both(of("fabrikam.test"), "full"), &[]);
    check(both(of("fabrikam.test"), "refused"), &[3]);
    check(both(of("contoso.test"), "poison"), &[5]);
    check(both(of("fabrikam.test"), "poison"), &[]);
    let young = QueueFilter {
        accepted_from: Some(later(1)),
        ..all()
    };
    check(young, &[3]);
    let old = QueueFilter {
        accepted_until: Some(NOON),
        account: Some(site.account.id),
        reason: why("full"),
        after: Some(id(2)),
        ..all()
    };
    check(old, &[5]);
}

#[test]
fn the_queue_in_figures() {
    let site = Site::new();
    let _writer = filled(&site);
    let stats = |filter| site.store.queue_stats(&filter, later(3600)).unwrap();
    let found = stats(all());
    assert_eq!((found.total.messages, found.total.recipients), (5, 7));
    assert_eq!(found.total.oldest, Some(NOON));
    assert_eq!((found.due, found.held, found.parked), (1, 1, 1));
    let figures = |stats: &QueueStats| -> Vec<(String, u64, u64)> {
        let groups = stats.domains.iter();
        groups
            .map(|(name, sum)| (name.clone(), sum.messages, sum.recipients))
            .collect()
    };
    let expected = [
        ("contoso.test".to_owned(), 5, 5),
        ("fabrikam.test".to_owned(), 2, 2),
    ];
    assert_eq!(figures(&found), expected);
    let accounts: Vec<u64> = found.accounts.values().map(|sum| sum.messages).collect();
    assert_eq!(accounts, [4, 1]);
    let mut reasons: Vec<_> = found
        .reasons
        .iter()
        .map(|(reason, sum)| (reason.as_deref(), sum.recipients))
        .collect();
    reasons.sort_unstable();
    let expected = [
        (None, 3),
        (Some("452 Full"), 1),
        (Some("452 full"), 1),
        (Some("poison, and full of it"), 1),
        (Some("refused"), 1),
    ];
    assert_eq!(reasons, expected);
    let octets: u64 = site
        .store
        .queue(&all())
        .unwrap()
        .iter()
        .map(|message| message.octets)
        .sum();
    assert_eq!(found.total.octets, octets);

    let some = stats(QueueFilter {
        recipient: Some(RecipientFilter::Domain("fabrikam.test".parse().unwrap())),
        accepted_from: Some(later(1)),
        ..all()
    });
    assert_eq!((some.total.messages, some.due), (1, 0));
    assert_eq!(some.total.oldest, Some(later(3600)));
}
