//! Letting messages in: all of a batch or nothing, each with its verdict.

use std::sync::Arc;

use hve_store::{Accepted, QueueFilter, QueueState};
use hve_types::{AccountId, BodyKind, Envelope, Notify, Return, TenantId};

use crate::site::{NOON, Site, act, id, later, submit};

#[test]
fn what_is_durable_is_in_the_queue_and_counted() {
    let site = Site::new();
    let mut writer = site.writer();
    let batch = vec![site.message(1, 2), site.message(2, 1)];
    let verdicts = submit(&mut writer, batch.clone(), NOON).unwrap();
    assert_eq!(verdicts, [Accepted::Durable, Accepted::Durable]);
    assert_eq!(site.used(NOON), 3);

    let due = site.store.due(NOON, 10).unwrap();
    assert!(due.parked.is_empty());
    let [first, second] = &due.messages[..] else {
        panic!("two are due: {due:?}");
    };
    assert_eq!(first.envelope, *batch[0].envelope);
    assert_eq!((first.id, &first.pending[..]), (id(1), &[0, 1][..]));
    assert_eq!((second.id, &second.pending[..]), (id(2), &[0][..]));
    assert_eq!((second.attempts, second.accepted_at), (0, NOON));
    assert_eq!(
        site.store.content(id(2)).unwrap(),
        Some(batch[1].content.clone())
    );

    let listed = site.store.queued(id(1)).unwrap().unwrap();
    assert_eq!(listed.client, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(listed.message_id, "<1@contoso.test>");
    assert_eq!(listed.state, QueueState::Waiting { until: NOON });
    assert_eq!(listed.octets, 25);
}

#[test]
fn an_envelope_with_every_wish_comes_back_as_it_was() {
    let site = Site::new();
    let mut writer = site.writer();
    let mut message = site.message(1, 2);
    let mut envelope = Envelope::clone(&message.envelope);
    envelope.recipients[1].notify = Some(Notify::Never);
    envelope.recipients[1].orcpt = Some("rfc822;a+2Bb@contoso.test".into());
    envelope.body = BodyKind::BinaryMime;
    envelope.smtputf8 = true;
    envelope.ret = Some(Return::Headers);
    envelope.envid = Some("x+2By".into());
    message.envelope = Arc::new(envelope.clone());
    message.content = vec![0, 13, 10, 255].into();
    submit(&mut writer, vec![message], NOON).unwrap();
    let due = site.store.due(NOON, 1).unwrap();
    assert_eq!(due.messages[0].envelope, envelope);
    assert_eq!(
        site.store.content(id(1)).unwrap().unwrap(),
        [0, 13, 10, 255][..]
    );
}

#[test]
fn each_refusal_is_a_verdict_of_its_own_and_counts_nothing() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 1)], NOON).unwrap();
    let mut stranger = site.message(3, 1);
    stranger.account = AccountId(99);
    let mut homeless = site.message(4, 1);
    homeless.tenant = TenantId(99);
    let verdicts = submit(
        &mut writer,
        vec![
            site.message(1, 1),
            site.message(2, 0),
            stranger,
            homeless,
            site.message(5, 1),
            site.message(5, 1),
        ],
        NOON,
    )
    .unwrap();
    assert_eq!(
        verdicts,
        [
            Accepted::Duplicate,
            Accepted::NoRecipients,
            Accepted::AccountRemoved,
            Accepted::TenantRemoved,
            Accepted::Durable,
            Accepted::Duplicate,
        ]
    );
    assert_eq!(site.used(NOON), 2);
    let all = QueueFilter {
        limit: 10,
        ..QueueFilter::default()
    };
    assert_eq!(site.store.queue(&all).unwrap().len(), 2);
}

#[test]
fn row_22_a_suspension_takes_effect_at_the_very_next_commit() {
    let site = Site::new();
    let mut writer = site.writer();
    let store = &site.store;
    let mut try_one = |n, at| {
        submit(&mut writer, vec![site.message(n, 1)], at)
            .unwrap()
            .remove(0)
    };
    assert_eq!(try_one(1, NOON), Accepted::Durable);

    let account = site.account.id;
    store
        .suspend_account(account, "paper jam", Some(later(60)), &act())
        .unwrap();
    let Accepted::AccountSuspended(why) = try_one(2, later(59)) else {
        panic!("the account is suspended");
    };
    assert_eq!(
        (why.reason.as_str(), why.actor.as_str()),
        ("paper jam", "operator")
    );
    assert_eq!(try_one(3, later(60)), Accepted::Durable, "over by itself");

    store
        .suspend_tenant(site.tenant.id, "unpaid", None, &act())
        .unwrap();
    assert!(
        matches!(try_one(4, later(61)), Accepted::TenantSuspended(why) if why.reason == "unpaid")
    );
    store.resume_tenant(site.tenant.id, &act()).unwrap();
    assert_eq!(try_one(5, later(62)), Accepted::Durable);

    store.remove_account(account, &act()).unwrap();
    assert_eq!(try_one(6, later(63)), Accepted::AccountRemoved);
    store.remove_tenant(site.tenant.id, &act()).unwrap();
    assert_eq!(try_one(7, later(64)), Accepted::TenantRemoved);
    assert_eq!(site.used(later(64)), 3);
}

#[test]
fn an_account_cannot_send_for_another_tenant() {
    let site = Site::new();
    let other = hve_store::NewTenant {
        name: "fabrikam.test".parse().unwrap(),
        kind: hve_types::DomainKind::Relay,
        limits: hve_types::TenantLimits::default(),
    };
    let other = site.store.add_tenant(&other, &act()).unwrap();
    let mut message = site.message(1, 1);
    message.tenant = other.id;
    let verdicts = submit(&mut site.writer(), vec![message], NOON).unwrap();
    assert_eq!(verdicts, [Accepted::AccountRemoved]);
}

#[test]
fn large_messages_and_many_recipients_are_kept_whole() {
    let site = Site::new();
    let mut writer = site.writer();
    let mut large = site.message(1, 500);
    let content: Vec<u8> = (0..10_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
    large.content = content.clone().into();
    submit(&mut writer, vec![large.clone(), site.message(2, 1)], NOON).unwrap();
    assert_eq!(site.store.content(id(1)).unwrap().unwrap(), content);
    let due = site.store.due(NOON, 5).unwrap();
    assert_eq!(due.messages[0].envelope, *large.envelope);
    assert_eq!(site.used(NOON), 501);
}
