//! Usage events as reports read them.

use hve_store::{NewTenant, UsageFilter};
use hve_types::{DomainKind, TenantLimits, UsageKind};

use crate::site::{NOON, Site, act, id, later, new_account, raw, submit};

#[test]
fn events_come_by_tenant_account_and_time() {
    let site = Site::new();
    let store = &site.store;
    let other = NewTenant {
        name: "fabrikam.test".parse().unwrap(),
        kind: DomainKind::Relay,
        limits: TenantLimits::default(),
    };
    let other = store.add_tenant(&other, &act()).unwrap();
    let theirs = store
        .add_account(&new_account(&other, "a@fabrikam.test"), &act())
        .unwrap();
    let second = new_account(&site.tenant, "hve02@contoso.test");
    let second = store.add_account(&second, &act()).unwrap();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message_of(&theirs, 1, 1)], NOON).unwrap();
    submit(
        &mut writer,
        vec![site.message(2, 2), site.message_of(&second, 3, 3)],
        later(1),
    )
    .unwrap();
    submit(&mut writer, vec![site.message(4, 4)], later(2)).unwrap();
    // A clock that steps back: its events are filed where they say they belong.
    submit(&mut writer, vec![site.message(5, 5)], later(1)).unwrap();

    let read = |tenant, account, from, to| {
        let mut ids = Vec::new();
        let filter = UsageFilter {
            tenant,
            account,
            from,
            to,
        };
        store
            .usage(&filter, |event| {
                assert_eq!(event.kind, UsageKind::Accepted);
                ids.push((event.message, event.recipients));
            })
            .unwrap();
        ids
    };
    let ours = Some(site.tenant.id);
    let event = |n: u32| (id(n.into()), n);
    assert_eq!(
        read(ours, None, NOON, later(9)),
        [event(2), event(3), event(5), event(4)]
    );
    assert_eq!(read(ours, Some(second.id), NOON, later(9)), [event(3)]);
    assert_eq!(
        read(ours, None, later(1), later(2)),
        [event(2), event(3), event(5)],
        "`to` is not included"
    );
    assert_eq!(read(None, None, NOON, later(9)).len(), 5);
    assert_eq!(read(Some(other.id), None, NOON, later(9)), [event(1)]);
    assert_eq!(read(ours, None, later(9), NOON), []);

    store.remove_tenant(site.tenant.id, &act()).unwrap();
    assert_eq!(
        read(None, None, NOON, later(9)).len(),
        5,
        "usage outlives its tenant"
    );
}

#[test]
fn pages_meet_without_a_gap_or_an_overlap() {
    let site = Site::new();
    raw(&site.path())
        .execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
             INSERT INTO usage SELECT ?1, ?2 + i / 5000, i, 1, 'accepted', 1, 7, zeroblob(16) FROM n",
            (site.tenant.id.0, NOON.unix_timestamp()),
        )
        .unwrap();
    let filter = UsageFilter {
        tenant: Some(site.tenant.id),
        account: None,
        from: NOON,
        to: later(100),
    };
    let (mut count, mut octets) = (0, 0);
    site.store
        .usage(&filter, |event| {
            count += event.recipients;
            octets += event.octets;
        })
        .unwrap();
    assert_eq!((count, octets), (20_000, 140_000));
}
