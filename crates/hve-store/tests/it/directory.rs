//! Tenants, domains and recipients: what changes, what is refused, what the log says.

use hve_store::{ChangeError, Imported, NewTenant, Store};
use hve_types::{Address, Ceiling, DomainKind, State, TenantLimits};

use crate::site::{NOON, Site, act, address, later, new_account};

fn fabrikam() -> NewTenant {
    NewTenant {
        name: "fabrikam.test".parse().unwrap(),
        kind: DomainKind::Authoritative,
        limits: TenantLimits::default(),
    }
}

/// The newest entry as (action, subject, before, after).
fn newest(store: &Store) -> (String, String, Option<String>, Option<String>) {
    let entry = store.audit_newest(None, 1).unwrap().remove(0);
    assert_eq!((entry.actor.as_str(), entry.at), ("operator", NOON));
    (entry.action, entry.subject, entry.before, entry.after)
}

/// Every change moves the counter, and nothing else does.
fn counted<T>(store: &Store, change: impl FnOnce() -> T) -> T {
    let before = store.change_counter().unwrap();
    let result = change();
    assert!(store.change_counter().unwrap() > before);
    assert_eq!(
        store.snapshot().unwrap().version(),
        store.change_counter().unwrap()
    );
    result
}

#[test]
fn a_tenant_lives_from_add_to_remove() {
    let site = Site::new();
    let store = &site.store;
    let tenant = counted(store, || store.add_tenant(&fabrikam(), &act())).unwrap();
    assert_eq!(store.tenant(&tenant.name).unwrap(), Some(tenant.clone()));
    assert_eq!(
        store.tenants().unwrap(),
        [site.tenant.clone(), tenant.clone()]
    );
    assert_eq!(
        store.domains(tenant.id).unwrap()[0].kind,
        DomainKind::Authoritative
    );
    assert!(matches!(
        store.add_tenant(&fabrikam(), &act()),
        Err(ChangeError::DomainTaken(domain)) if domain == tenant.name
    ));

    let limits = TenantLimits {
        recipients_per_day: Ceiling::Unlimited,
        accounts: 3,
        ..TenantLimits::default()
    };
    let changed = counted(store, || {
        store.change_tenant_limits(tenant.id, |of| *of = limits.clone(), &act())
    })
    .unwrap();
    assert_eq!(changed.limits, limits);
    let (action, subject, before, after) = newest(store);
    assert_eq!(
        (action.as_str(), subject.as_str()),
        ("tenant-set", "fabrikam.test")
    );
    assert!(before.unwrap().contains(r#""accounts":20"#));
    assert!(after.unwrap().contains(r#""recipients_per_day":null"#));

    let suspended = counted(store, || {
        store.suspend_tenant(tenant.id, "unpaid", Some(later(60)), &act())
    });
    let State::Suspended(why) = suspended.unwrap().state else {
        panic!("it is suspended");
    };
    assert_eq!(
        (why.reason.as_str(), why.since, why.until),
        ("unpaid", NOON, Some(later(60)))
    );
    let after = newest(store).3.unwrap();
    assert!(after.contains("unpaid"), "{after}");
    let times = [
        r#""since":"2026-11-24T12:00:00Z""#,
        r#""until":"2026-11-24T12:01:00Z""#,
    ];
    assert!(times.iter().all(|time| after.contains(time)), "{after}");
    let resumed = counted(store, || store.resume_tenant(tenant.id, &act())).unwrap();
    assert_eq!(resumed.state, State::Active);

    store
        .add_account(&new_account(&tenant, "a@fabrikam.test"), &act())
        .unwrap();
    store
        .import_recipients(tenant.id, &[address("r@fabrikam.test")], &act())
        .unwrap();
    counted(store, || store.remove_tenant(tenant.id, &act())).unwrap();
    assert_eq!(newest(store).0, "tenant-remove");
    assert_eq!(store.tenant(&tenant.name).unwrap(), None);
    assert_eq!(store.account(&address("a@fabrikam.test")).unwrap(), None);
    assert!(store.domains(tenant.id).unwrap().is_empty());
    assert!(store.recipients(tenant.id, None, 10).unwrap().is_empty());
    assert!(matches!(
        store.change_tenant_limits(tenant.id, |of| *of = limits.clone(), &act()),
        Err(ChangeError::UnknownTenant)
    ));
    let again = store.add_tenant(&fabrikam(), &act()).unwrap();
    assert!(again.id > tenant.id, "a new tenant, not the old one");
    let names = store.names().unwrap();
    assert_eq!(
        names.tenant(tenant.id),
        Some(&tenant.name),
        "reports still know its name"
    );
}

#[test]
fn a_domain_belongs_to_one_tenant_and_goes_when_nobody_needs_it() {
    let site = Site::new();
    let (store, tenant) = (&site.store, site.tenant.id);
    let other = store.add_tenant(&fabrikam(), &act()).unwrap();
    let sales = "sales.contoso.test".parse().unwrap();
    counted(store, || {
        store.add_domain(tenant, &sales, DomainKind::Authoritative, &act())
    })
    .unwrap();
    assert_eq!(
        newest(store).3.as_deref(),
        Some(r#"{"kind":"authoritative"}"#)
    );
    assert_eq!(
        store.snapshot().unwrap().domain(&sales),
        Some((tenant, DomainKind::Authoritative))
    );
    assert!(matches!(
        store.add_domain(other.id, &sales, DomainKind::Relay, &act()),
        Err(ChangeError::DomainTaken(_))
    ));
    assert!(matches!(
        store.remove_domain(other.id, &sales, &act()),
        Err(ChangeError::DomainNotAccepted(_))
    ));
    assert!(matches!(
        store.remove_domain(tenant, &site.tenant.name, &act()),
        Err(ChangeError::NamesTheTenant(_))
    ));

    let account = new_account(&site.tenant, "a@sales.contoso.test");
    let account = store.add_account(&account, &act()).unwrap();
    assert!(matches!(
        store.remove_domain(tenant, &sales, &act()),
        Err(ChangeError::DomainInUse { accounts: 1, .. })
    ));
    store.remove_account(account.id, &act()).unwrap();
    let listed = [address("r@sales.contoso.test"), address("r@contoso.test")];
    store.import_recipients(tenant, &listed, &act()).unwrap();
    counted(store, || store.remove_domain(tenant, &sales, &act())).unwrap();
    assert_eq!(newest(store).0, "domain-remove");
    assert_eq!(store.recipients(tenant, None, 10).unwrap(), listed[1..]);
    assert!(matches!(
        store.add_account(&new_account(&site.tenant, "b@sales.contoso.test"), &act()),
        Err(ChangeError::DomainNotAccepted(_))
    ));
}

#[test]
fn recipients_are_imported_whole_listed_in_pages_and_found_in_any_case() {
    let site = Site::new();
    let (store, tenant) = (&site.store, site.tenant.id);
    let many: Vec<Address> = (0..250)
        .map(|i| address(&format!("User{i:03}@contoso.test")))
        .collect();
    let imported = counted(store, || store.import_recipients(tenant, &many, &act())).unwrap();
    assert_eq!(
        imported,
        Imported {
            added: 250,
            already_listed: 0
        }
    );
    assert_eq!(newest(store).3.as_deref(), Some(r#"{"added":250}"#));

    let mixed = [address("user000@contoso.test"), address("new@contoso.test")];
    let imported = store.import_recipients(tenant, &mixed, &act()).unwrap();
    assert_eq!(
        imported,
        Imported {
            added: 1,
            already_listed: 1
        }
    );
    let counter = store.change_counter().unwrap();
    store.import_recipients(tenant, &mixed, &act()).unwrap();
    assert_eq!(
        store.change_counter().unwrap(),
        counter,
        "nothing was changed"
    );

    let outside = [address("x@contoso.test"), address("x@example.test")];
    assert!(matches!(
        store.import_recipients(tenant, &outside, &act()),
        Err(ChangeError::DomainNotAccepted(_))
    ));
    assert!(
        !store.lists_recipient(tenant, &outside[0]).unwrap(),
        "all or none"
    );
    assert!(
        store
            .lists_recipient(tenant, &address("uSER017@contoso.test"))
            .unwrap()
    );

    let mut listed = Vec::new();
    while let page = store
        .recipients(tenant, listed.last().map(Address::key).as_deref(), 100)
        .unwrap()
        && !page.is_empty()
    {
        assert!(page.len() <= 100);
        listed.extend(page);
    }
    assert_eq!(listed.len(), 251);
    assert_eq!(
        listed[1].as_str(),
        "User000@contoso.test",
        "the spelling is kept"
    );

    counted(store, || store.remove_recipient(tenant, &mixed[1], &act())).unwrap();
    assert!(matches!(
        store.remove_recipient(tenant, &mixed[1], &act()),
        Err(ChangeError::UnknownRecipient(_))
    ));
}

#[test]
fn the_log_is_read_in_pages_from_both_ends() {
    let site = Site::new();
    let actions = |page: Vec<hve_store::AuditEntry>| -> Vec<String> {
        page.into_iter().map(|entry| entry.action).collect()
    };
    let whole = site.store.audit(None, 10).unwrap();
    assert_eq!(
        actions(whole.clone()),
        ["tenant-add", "domain-add", "account-add"]
    );
    assert_eq!(whole[2].tenant, Some(site.tenant.id));
    let rest = site.store.audit(Some(whole[0].seq), 1).unwrap();
    assert_eq!(rest, whole[1..2]);
    let newest = site.store.audit_newest(Some(whole[2].seq), 10).unwrap();
    assert_eq!(actions(newest), ["domain-add", "tenant-add"]);
}

#[test]
fn row_33_texts_for_eyes_hold_no_control_characters() {
    let site = Site::new();
    for reason in ["a\r\n250 ok", "\u{1b}[31m", &"x".repeat(257)] {
        assert!(matches!(
            site.store
                .suspend_tenant(site.tenant.id, reason, None, &act()),
            Err(ChangeError::BadText { .. })
        ));
    }
}
