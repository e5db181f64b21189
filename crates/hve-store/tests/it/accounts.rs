//! Accounts: what changes, what is refused, and races.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use hve_store::{AccountChange, ChangeError, NewTenant, Store};
use hve_types::{Ceiling, DomainKind, State, TenantLimits};
use secrecy::SecretString;

use crate::site::{NOON, Site, act, address, new_account, password};

#[test]
fn a_credential_is_found_by_its_address_in_any_case() {
    let site = Site::new();
    let find = |name| site.store.credential(&address(name)).unwrap();
    let found = find("HVE01@contoso.test").unwrap();
    assert_eq!(
        (&found.account, &found.tenant),
        (&site.account, &site.tenant)
    );
    assert!(
        found.secrets[0]
            .hash
            .verify(&SecretString::from("correct horse battery"))
    );
    assert!(find("hve02@contoso.test").is_none());
    site.store.remove_account(site.account.id, &act()).unwrap();
    assert!(find("hve01@contoso.test").is_none());
}

#[test]
fn an_account_lives_from_add_to_remove() {
    let site = Site::new();
    let store = &site.store;
    let mut new = new_account(&site.tenant, "Scan.2@contoso.test");
    new.alias = Some("Scan2".into());
    let account = store.add_account(&new, &act()).unwrap();
    assert_eq!(account.created_at, NOON);
    assert_eq!(account.address.as_str(), "Scan.2@contoso.test");
    assert_eq!(store.account(&new.address).unwrap(), Some(account.clone()));
    assert_eq!(store.accounts(site.tenant.id).unwrap().len(), 2);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.account_named(&new.address), Some(&account));

    let change = AccountChange {
        display_name: Some("Scanner two".into()),
        alias: Some(None),
        recipients_per_day: Some(Ceiling::AtMost(5000)),
        messages_per_minute: Some(Some(std::num::NonZeroU32::MIN)),
        ..AccountChange::default()
    };
    let changed = store.change_account(account.id, &change, &act()).unwrap();
    assert_eq!(changed.display_name, "Scanner two");
    assert_eq!(
        (changed.alias.as_ref(), changed.credential_version),
        (None, 1)
    );
    assert_eq!(store.account(&new.address).unwrap(), Some(changed));

    let suspended = store
        .suspend_account(account.id, "lost", None, &act())
        .unwrap();
    assert!(matches!(suspended.state, State::Suspended(why) if why.reason == "lost"));
    let resumed = store.resume_account(account.id, &act()).unwrap();
    assert_eq!(
        (resumed.state, resumed.credential_version),
        (State::Active, 3)
    );

    store.remove_account(account.id, &act()).unwrap();
    assert_eq!(store.account(&new.address).unwrap(), None);
    assert!(matches!(
        store.remove_account(account.id, &act()),
        Err(ChangeError::UnknownAccount)
    ));
    let names = store.names().unwrap();
    assert_eq!(
        names.account(account.id),
        Some(&new.address),
        "reports still know its name"
    );
}

#[test]
fn the_log_tells_that_a_password_was_changed_and_never_which() {
    let site = Site::new();
    let change = AccountChange {
        password: Some(password("another long one")),
        ..AccountChange::default()
    };
    let changed = site
        .store
        .change_account(site.account.id, &change, &act())
        .unwrap();
    assert_eq!(
        changed.credential_version, 2,
        "what was verified before is void"
    );
    let found = site
        .store
        .credential(&site.account.address)
        .unwrap()
        .unwrap();
    assert!(
        found.secrets[0]
            .hash
            .verify(&SecretString::from("another long one"))
    );

    let log = site.store.audit(None, 100).unwrap();
    let last = log.last().unwrap();
    assert_eq!(last.action, "account-set");
    assert!(
        last.after
            .as_ref()
            .unwrap()
            .contains(r#""password":"changed""#)
    );
    assert!(
        !format!("{log:?}").contains("argon2"),
        "no hash is in the log"
    );
}

#[test]
fn an_address_and_an_alias_are_taken_once() {
    let site = Site::new();
    let store = &site.store;
    let mut new = new_account(&site.tenant, "HVE01@contoso.test");
    assert!(matches!(
        store.add_account(&new, &act()),
        Err(ChangeError::AddressTaken(_))
    ));
    new.address = address("hve02@contoso.test");
    new.alias = Some("scan".into());
    let second = store.add_account(&new, &act()).unwrap();
    let mut third = new_account(&site.tenant, "hve03@contoso.test");
    third.alias = Some("SCAN".into());
    assert!(matches!(
        store.add_account(&third, &act()),
        Err(ChangeError::AliasTaken(_))
    ));
    let take = AccountChange {
        alias: Some(Some("Scan".into())),
        ..AccountChange::default()
    };
    assert!(matches!(
        store.change_account(site.account.id, &take, &act()),
        Err(ChangeError::AliasTaken(_))
    ));
    store.change_account(second.id, &take, &act()).unwrap();
    store.remove_account(second.id, &act()).unwrap();
    store
        .change_account(site.account.id, &take, &act())
        .unwrap();
    // The alias is somebody else's now: the account comes back without it, or not at all.
    assert!(matches!(
        store.add_account(&new, &act()),
        Err(ChangeError::AliasTaken(_))
    ));
}

#[test]
fn row_42_an_address_that_moves_to_another_tenant_is_another_account() {
    let site = Site::new();
    let store = &site.store;
    let sales = "sales.contoso.test".parse().unwrap();
    store
        .add_domain(site.tenant.id, &sales, DomainKind::Relay, &act())
        .unwrap();
    let here = new_account(&site.tenant, "a@sales.contoso.test");
    let first = store.add_account(&here, &act()).unwrap();
    store.remove_account(first.id, &act()).unwrap();
    store.remove_domain(site.tenant.id, &sales, &act()).unwrap();
    let other = NewTenant {
        name: sales,
        kind: DomainKind::Relay,
        limits: TenantLimits::default(),
    };
    let other = store.add_tenant(&other, &act()).unwrap();
    let second = store
        .add_account(&new_account(&other, "a@sales.contoso.test"), &act())
        .unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(second.tenant, other.id);
    assert_eq!(second.credential_version, 1);
}

#[test]
fn row_44_racing_threads_and_handles_never_pass_the_cap() {
    let site = Site::with(TenantLimits {
        accounts: 5,
        ..TenantLimits::default()
    });
    let elsewhere = Store::open(&site.path()).unwrap();
    let added = AtomicU32::new(0);
    thread::scope(|scope| {
        for (thread, store) in [&site.store, &elsewhere]
            .into_iter()
            .cycle()
            .take(4)
            .enumerate()
        {
            let (added, tenant) = (&added, &site.tenant);
            scope.spawn(move || {
                for n in 0..4 {
                    let new = new_account(tenant, &format!("t{thread}-{n}@contoso.test"));
                    match store.add_account(&new, &act()) {
                        Ok(_) => added.fetch_add(1, Ordering::Relaxed),
                        Err(ChangeError::AccountCap {
                            limit: 5,
                            in_use: 5,
                        }) => 0,
                        Err(other) => panic!("{other}"),
                    };
                }
            });
        }
    });
    assert_eq!(added.into_inner(), 4, "and the one that was there");
    assert_eq!(site.store.accounts(site.tenant.id).unwrap().len(), 5);

    // The cap is lower than what there is: nobody is thrown out, and nobody comes in.
    let lower = TenantLimits {
        accounts: 2,
        ..site.tenant.limits.clone()
    };
    site.store
        .change_tenant_limits(site.tenant.id, |of| *of = lower.clone(), &act())
        .unwrap();
    assert_eq!(site.store.accounts(site.tenant.id).unwrap().len(), 5);
    site.store.remove_account(site.account.id, &act()).unwrap();
    let back = new_account(&site.tenant, "hve01@contoso.test");
    assert!(matches!(
        site.store.add_account(&back, &act()),
        Err(ChangeError::AccountCap {
            limit: 2,
            in_use: 4
        })
    ));
}
