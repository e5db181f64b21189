//! Groups of the recipient directory, and messages to them.

use std::sync::Arc;

use hve_store::{
    Batch, ChangeError, Changed, GROUP_MEMBERS_MAX, Imported, Outcome, Progress, QueueChange,
    Settlement,
};
use hve_types::{Address, DomainKind, Notify, QueueId, Recipient, UsageKind};

use crate::site::{NOON, Site, act, address, id, later, submit};

fn add(site: &Site, group: &str, members: &[&str]) -> Result<Imported, ChangeError> {
    let members: Vec<Address> = members.iter().map(|text| address(text)).collect();
    site.store
        .add_group_members(site.tenant.id, &address(group), &members, &act())
}

fn remove(site: &Site, group: &str, members: &[&str]) -> Result<(), ChangeError> {
    let members: Vec<Address> = members.iter().map(|text| address(text)).collect();
    site.store
        .remove_group_members(site.tenant.id, &address(group), &members, &act())
}

fn expanded(site: &Site, group: &str) -> Option<Vec<String>> {
    let members = site.store.expand_group(site.tenant.id, &address(group));
    let members = members.unwrap()?;
    Some(members.iter().map(ToString::to_string).collect())
}

#[test]
fn groups_in_groups_are_expanded_and_each_member_is_there_once() {
    let site = Site::new();
    assert!(!site.store.has_groups().unwrap());
    assert_eq!(expanded(&site, "all@contoso.test"), None);
    let all = ["b@contoso.test", "it@contoso.test", "a@contoso.test"];
    let added = add(&site, "All@contoso.test", &all).unwrap();
    assert_eq!((added.added, added.already_listed), (3, 0));
    let it = ["A@contoso.test", "c@contoso.test"];
    add(&site, "it@contoso.test", &it).unwrap();
    let again = add(&site, "it@contoso.test", &["C@contoso.test"]).unwrap();
    assert_eq!((again.added, again.already_listed), (0, 1));
    let expected = ["a@contoso.test", "b@contoso.test", "c@contoso.test"];
    let found = expanded(&site, "all@contoso.test").unwrap();
    let keys: Vec<String> = found.iter().map(|text| text.to_lowercase()).collect();
    assert_eq!(keys, expected);
    let group = address("all@contoso.test");
    assert!(site.store.lists_recipient(site.tenant.id, &group).unwrap());

    remove(&site, "it@contoso.test", &["a@contoso.test"]).unwrap();
    let error = remove(
        &site,
        "it@contoso.test",
        &["c@contoso.test", "x@contoso.test"],
    );
    assert!(matches!(error, Err(ChangeError::UnknownMember { .. })));
    assert_eq!(
        expanded(&site, "it@contoso.test").unwrap(),
        ["c@contoso.test"]
    );
    // A recipient that is removed is in no group any more, and a group no group.
    site.store
        .import_recipients(site.tenant.id, &[address("c@contoso.test")], &act())
        .unwrap();
    site.store
        .remove_recipient(site.tenant.id, &address("c@contoso.test"), &act())
        .unwrap();
    assert_eq!(expanded(&site, "it@contoso.test"), None);
    site.store
        .remove_recipient(site.tenant.id, &group, &act())
        .unwrap();
    assert!(!site.store.has_groups().unwrap());
}

#[test]
fn circles_strangers_and_crowds_are_refused_whole() {
    let site = Site::new();
    add(&site, "one@contoso.test", &["two@contoso.test"]).unwrap();
    add(&site, "two@contoso.test", &["three@contoso.test"]).unwrap();
    for (group, member) in [
        ("three@contoso.test", "one@contoso.test"),
        ("three@contoso.test", "Three@contoso.test"),
        ("two@contoso.test", "one@contoso.test"),
    ] {
        let error = add(&site, group, &["x@contoso.test", member]);
        assert!(matches!(error, Err(ChangeError::GroupCycle(_))), "{group}");
    }
    assert_eq!(
        expanded(&site, "one@contoso.test").unwrap(),
        ["three@contoso.test"]
    );
    let error = add(&site, "one@contoso.test", &["x@fabrikam.test"]);
    assert!(matches!(error, Err(ChangeError::DomainNotAccepted(_))));
    let error = add(&site, "one@fabrikam.test", &["x@contoso.test"]);
    assert!(matches!(error, Err(ChangeError::DomainNotAccepted(_))));
    let strict = "strict.test".parse().unwrap();
    site.store
        .add_domain(site.tenant.id, &strict, DomainKind::Authoritative, &act())
        .unwrap();
    let error = add(&site, "one@contoso.test", &["x@strict.test"]);
    assert!(matches!(error, Err(ChangeError::UnknownRecipient(_))));

    // Too many, by way of a group inside.
    let crowd: Vec<Address> = (0..GROUP_MEMBERS_MAX)
        .map(|n| address(&format!("m{n}@contoso.test")))
        .collect();
    let big = address("two@contoso.test");
    let error = site
        .store
        .add_group_members(site.tenant.id, &big, &crowd, &act());
    assert!(matches!(error, Err(ChangeError::GroupSize(_))));
    remove(&site, "two@contoso.test", &["three@contoso.test"]).unwrap();
    let added = site
        .store
        .add_group_members(site.tenant.id, &big, &crowd, &act());
    assert_eq!(added.unwrap().added, 10_000);
    let error = add(&site, "one@contoso.test", &["one-more@contoso.test"]);
    assert!(matches!(error, Err(ChangeError::GroupSize(_))));
}

#[test]
fn a_message_is_expanded_once_and_nobody_gets_it_twice() {
    let site = Site::new();
    let mut writer = site.writer();
    let group = "all@contoso.test";
    add(
        &site,
        group,
        &["a@contoso.test", "b@contoso.test", "c@contoso.test"],
    )
    .unwrap();
    let mut message = site.message(1, 0);
    let mut to_group = Recipient::new(address(group));
    to_group.notify = Some(Notify::Never);
    let to_b = Recipient::new(address("B@contoso.test"));
    Arc::make_mut(&mut message.envelope).recipients = vec![to_group, to_b];
    submit(&mut writer, vec![message, site.message(2, 1)], NOON).unwrap();
    assert_eq!(site.used(NOON), 3, "a group counts as one");

    let found = site.store.expand_groups(&[id(1), id(2), id(9)], later(1));
    let found = found.unwrap().messages;
    let told: Vec<_> = found[0]
        .envelope
        .recipients
        .iter()
        .map(|to| (to.address.as_str(), to.notify))
        .collect();
    let never = Some(Notify::Never);
    let expected = [
        (group, never),
        ("B@contoso.test", None),
        ("a@contoso.test", never),
        ("c@contoso.test", never),
    ];
    assert_eq!(told, expected);
    assert_eq!(found[0].pending, [1, 2, 3]);
    assert_eq!((found[1].id, found.len()), (id(2), 2));
    assert_eq!(found[1].pending, [0]);

    // The group changes, and the message does not.
    add(&site, group, &["d@contoso.test"]).unwrap();
    let settlement = |outcomes| Batch {
        settlements: vec![Settlement {
            id: id(1),
            outcomes,
            next_attempt: Some(later(60)),
            notice: None,
        }],
        ..Batch::default()
    };
    let deferred = Outcome::Deferred {
        reason: "no room".into(),
    };
    let outcomes = vec![
        (1, Outcome::Delivered),
        (2, Outcome::Delivered),
        (3, deferred),
    ];
    writer.commit(&settlement(outcomes), later(1)).unwrap();
    let due = site.store.due(later(60), 10).unwrap();
    assert_eq!(due.parked, []);
    let again = site.store.expand_groups(&[id(1)], later(60)).unwrap();
    assert_eq!(again.messages[0].pending, [3]);
    let queued = site.store.queued(id(1)).unwrap().unwrap();
    assert_eq!(queued.progress[0], Progress::Expanded { members: 3 });
    let last = settlement(vec![(3, Outcome::Delivered)]);
    writer.commit(&last, later(61)).unwrap();
    assert_eq!(site.store.queued(id(1)).unwrap(), None);

    let mut events = Vec::new();
    let all = hve_store::UsageFilter {
        tenant: None,
        account: None,
        from: NOON,
        to: later(100),
    };
    let of_first = |event: hve_types::UsageEvent| {
        if event.message == id(1) {
            events.push((event.kind, event.recipients));
        }
    };
    site.store.usage(&all, of_first).unwrap();
    let expected = [
        (UsageKind::Accepted, 2),
        (UsageKind::Expanded, 2),
        (UsageKind::Delivered, 2),
        (UsageKind::Delivered, 1),
    ];
    assert_eq!(events, expected);
    assert_eq!(site.used(later(61)), 3);
}

#[test]
fn what_is_held_or_gone_is_not_expanded_and_a_late_delivery_to_a_member_is_written_down() {
    let site = Site::new();
    let mut writer = site.writer();
    add(
        &site,
        "r0@contoso.test",
        &["a@contoso.test", "b@contoso.test"],
    )
    .unwrap();
    submit(
        &mut writer,
        (1..=3).map(|n| site.message(n, 1)).collect(),
        NOON,
    )
    .unwrap();
    let change = |what, n| {
        let changed = site.store.change_queue(what, &[id(n)], &act()).unwrap();
        assert_eq!(changed, [Changed::Done]);
    };
    change(QueueChange::Hold, 1);
    change(QueueChange::Cancel, 2);
    let found = site
        .store
        .expand_groups(&[id(1), id(2), id(3)], NOON)
        .unwrap();
    let ids: Vec<QueueId> = found.messages.iter().map(|message| message.id).collect();
    assert_eq!(ids, [id(3)]);
    change(QueueChange::Cancel, 3);
    let batch = Batch {
        settlements: vec![Settlement {
            id: id(3),
            outcomes: vec![(2, Outcome::Delivered)],
            next_attempt: None,
            notice: None,
        }],
        ..Batch::default()
    };
    writer.commit(&batch, later(1)).unwrap();
    let last = &site.store.audit_newest(None, 1).unwrap()[0];
    assert_eq!(last.action, "queue-cancel-late");
    assert!(last.after.as_deref().unwrap().contains("b@contoso.test"));
}
