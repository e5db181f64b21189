//! Rules of sign-in: kept, checked, audited.

use hve_store::ChangeError;
use hve_types::{AllowedApp, AuthenticationPolicy, Issuer, PolicyName};

use crate::site::{Site, act};

#[test]
fn a_policy_must_be_there_to_be_named_and_unnamed_to_go() {
    let site = Site::new();
    let (tenant, account) = (site.tenant.id, site.account.id);
    let name: PolicyName = "Block Basic".parse().unwrap();
    let own = || {
        let named = Some(name.clone());
        site.store
            .change_account_sign_in(account, |of| of.policy = named, &act())
    };
    assert!(matches!(own(), Err(ChangeError::UnknownPolicy(_))));
    let add = |of: &mut hve_types::TenantSignIn| {
        of.policies
            .insert(name.clone(), AuthenticationPolicy::default());
        of.default_policy = Some(name.clone());
    };
    site.store
        .change_tenant_sign_in(tenant, add, &act())
        .unwrap();
    own().unwrap();
    let removed = site.store.remove_policy(tenant, &name, &act());
    assert!(matches!(
        removed,
        Err(ChangeError::PolicyInUse {
            accounts: 1,
            default: true,
            ..
        })
    ));

    site.store
        .change_account_sign_in(account, |of| of.policy = None, &act())
        .unwrap();
    site.store
        .change_tenant_sign_in(tenant, |of| of.default_policy = None, &act())
        .unwrap();
    site.store.remove_policy(tenant, &name, &act()).unwrap();
    let again = site.store.remove_policy(tenant, &name, &act());
    assert!(matches!(again, Err(ChangeError::UnknownPolicy(_))));
}

#[test]
fn a_change_of_the_rules_moves_the_counter_and_is_audited() {
    let site = Site::new();
    let before = site.store.change_counter().unwrap();
    site.store
        .change_tenant_sign_in(site.tenant.id, |of| of.security_defaults = true, &act())
        .unwrap();
    assert!(site.store.change_counter().unwrap() > before);
    let snapshot = site.store.snapshot().unwrap();
    assert!(
        snapshot
            .tenant(site.tenant.id)
            .unwrap()
            .sign_in
            .security_defaults
    );
    let newest = site.store.audit_newest(None, 1).unwrap().remove(0);
    assert_eq!(newest.action, "tenant-sign-in");
    assert!(
        newest
            .after
            .unwrap()
            .contains(r#""security_defaults":true"#)
    );
}

#[test]
fn an_account_that_comes_back_has_no_old_rules() {
    let site = Site::new();
    let network = "192.0.2.0/24".parse().unwrap();
    site.store
        .change_account_sign_in(site.account.id, |of| of.networks = vec![network], &act())
        .unwrap();
    site.store.remove_account(site.account.id, &act()).unwrap();
    let new = crate::site::new_account(&site.tenant, "hve01@contoso.test");
    let back = site.store.add_account(&new, &act()).unwrap();
    assert!(back.sign_in.networks.is_empty());
}

#[test]
fn issuers_and_applications_are_bounded_and_each_is_there_once() {
    let site = Site::new();
    let issuer = |number: usize| Issuer {
        url: format!("https://id{number}.contoso.test"),
        audiences: vec!["smtp".into()],
        directory: None,
    };
    let trust = |issuers: Vec<Issuer>| {
        let change = |of: &mut hve_types::TenantSignIn| of.issuers = issuers;
        site.store
            .change_tenant_sign_in(site.tenant.id, change, &act())
    };
    let kept = trust((0..10).map(issuer).collect()).unwrap();
    assert_eq!(kept.sign_in.issuers.len(), 10);
    let refused = trust((0..11).map(issuer).collect());
    assert!(matches!(refused, Err(ChangeError::IssuerCap)));
    let refused = trust(vec![issuer(1), issuer(2), issuer(1)]);
    assert!(matches!(refused, Err(ChangeError::IssuerTaken(_))));
    let mut none = issuer(1);
    none.audiences.clear();
    let refused = trust(vec![none]);
    assert!(matches!(refused, Err(ChangeError::AudienceCount)));
    let mut spaced = issuer(1);
    spaced.audiences.push("smtp ".into());
    let refused = trust(vec![spaced]);
    assert!(matches!(refused, Err(ChangeError::BadWord { .. })));

    let app = |id: &str| AllowedApp {
        object_id: id.into(),
        label: String::new(),
    };
    let allow = |apps: Vec<AllowedApp>| {
        let change = |of: &mut hve_types::AccountSignIn| of.apps = apps;
        site.store
            .change_account_sign_in(site.account.id, change, &act())
    };
    let some = |count: usize| (0..count).map(|n| app(&n.to_string())).collect();
    assert_eq!(allow(some(10)).unwrap().sign_in.apps.len(), 10);
    assert!(matches!(allow(some(11)), Err(ChangeError::AppCap)));
    let twice = allow(vec![app("af1c"), app("AF1C")]);
    assert!(matches!(twice, Err(ChangeError::AppTaken(_))));
    assert!(matches!(
        allow(vec![app("")]),
        Err(ChangeError::BadWord { .. })
    ));
}
