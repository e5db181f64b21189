//! Who may sign in, and who may go on.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::net::{IpAddr, Ipv4Addr};

use hve_auth::{
    Attempt, Credential, HashCost, Method, PasswordHash, Secret, SignInRefusal, judge, still_good,
};
use hve_types::{
    Account, AccountId, AccountLimits, AccountSignIn, AllowedApp, Issuer, Proof, SecretFacts,
    State, Suspension, Tenant, TenantId, TenantLimits, TenantSignIn,
};
use time::{UtcDateTime, macros::utc_datetime};

const NOW: UtcDateTime = utc_datetime!(2026-11-24 6:00);
const HERE: Attempt = Attempt {
    from: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    method: Method::Password,
    certificate: None,
};

const RIGHT: Option<Proof> = Some(Proof::Secret { version: 3 });

fn facts(version: u64, expires_at: Option<UtcDateTime>) -> SecretFacts {
    SecretFacts {
        version,
        label: format!("secret {version}"),
        created_at: NOW,
        expires_at,
    }
}

fn credential() -> Credential {
    Credential {
        account: Account {
            id: AccountId(7),
            tenant: TenantId(1),
            address: "hve01@contoso.test".parse().unwrap(),
            display_name: "Scanner".into(),
            alias: None,
            limits: AccountLimits::default(),
            sign_in: AccountSignIn::default(),
            state: State::Active,
            bounce_to: None,
            reply_to: None,
            created_at: NOW,
            credential_version: 3,
            secrets: vec![facts(3, None)],
        },
        tenant: Tenant {
            id: TenantId(1),
            name: "contoso.test".parse().unwrap(),
            limits: TenantLimits::default(),
            sign_in: TenantSignIn::default(),
            state: State::Active,
            postmaster: None,
            created_at: NOW,
        },
        secrets: vec![Secret {
            version: 3,
            hash: PasswordHash::decoy(HashCost::default()).unwrap(),
            scram: None,
        }],
    }
}

fn suspension(reason: &str, until: Option<UtcDateTime>) -> Suspension {
    Suspension {
        reason: reason.into(),
        actor: "operator".into(),
        since: NOW,
        until,
    }
}

#[test]
fn a_right_password_makes_a_principal() {
    let credential = credential();
    let principal = judge(Some(&credential), RIGHT, HERE, NOW).unwrap();
    assert_eq!(
        (principal.tenant, principal.account, Some(principal.proof)),
        (TenantId(1), AccountId(7), RIGHT)
    );
    assert_eq!(principal.address, credential.account.address);
}

#[test]
fn row_23_unknown_wrong_and_suspended_are_all_alike_without_the_password() {
    let mut suspended = credential();
    suspended.account.state = State::Suspended(suspension("abuse", None));
    suspended.tenant.state = State::Suspended(suspension("unpaid", None));
    for (found, right) in [
        (None, false),
        (None, true), // no directory row can have been compared: a bug, and no way in
        (Some(&credential()), false),
        (Some(&suspended), false),
    ] {
        assert_eq!(
            judge(found, RIGHT.filter(|_| right), HERE, NOW),
            Err(SignInRefusal::WrongCredentials)
        );
    }
}

#[test]
fn row_22_a_suspension_is_told_to_who_knows_the_password() {
    let mut found = credential();
    let abuse = suspension("abuse", Some(utc_datetime!(2026-11-25 0:00)));
    found.account.state = State::Suspended(abuse.clone());
    let refused = judge(Some(&found), RIGHT, HERE, NOW).unwrap_err();
    assert_eq!(refused, SignInRefusal::AccountSuspended(abuse));
    assert_eq!(refused.to_string(), "the account is suspended: abuse");
    assert!(judge(Some(&found), RIGHT, HERE, utc_datetime!(2026-11-25 0:00)).is_ok());

    let unpaid = suspension("unpaid", None);
    found.tenant.state = State::Suspended(unpaid.clone());
    assert_eq!(
        judge(Some(&found), RIGHT, HERE, NOW),
        Err(SignInRefusal::TenantSuspended(unpaid))
    );
}

#[test]
fn a_directory_that_mixes_tenants_up_lets_nobody_in() {
    let mut found = credential();
    found.tenant.id = TenantId(2);
    assert_eq!(
        judge(Some(&found), RIGHT, HERE, NOW),
        Err(SignInRefusal::WrongCredentials)
    );
}

#[test]
fn row_22_a_session_ends_with_its_account() {
    let Credential {
        account, tenant, ..
    } = credential();
    let principal = judge(Some(&credential()), RIGHT, HERE, NOW).unwrap();
    let check = |account: Option<&Account>, tenant: Option<&Tenant>| {
        still_good(&principal, account, tenant, HERE, NOW)
    };
    assert_eq!(check(Some(&account), Some(&tenant)), Ok(()));
    assert_eq!(
        check(None, Some(&tenant)),
        Err(SignInRefusal::AccountRemoved)
    );
    assert_eq!(
        check(Some(&account), None),
        Err(SignInRefusal::AccountRemoved)
    );

    let mut rotated = account.clone();
    rotated.secrets = vec![facts(3, None), facts(4, None)];
    assert_eq!(
        check(Some(&rotated), Some(&tenant)),
        Ok(()),
        "rotation has no gap"
    );
    rotated.secrets = vec![facts(3, Some(NOW)), facts(4, None)];
    assert_eq!(
        check(Some(&rotated), Some(&tenant)),
        Err(SignInRefusal::CredentialsChanged)
    );
    rotated.secrets = vec![facts(4, None)];
    assert_eq!(
        check(Some(&rotated), Some(&tenant)),
        Err(SignInRefusal::CredentialsChanged)
    );

    // A suspension raises the version too; its reason says more.
    let abuse = suspension("abuse", None);
    rotated.state = State::Suspended(abuse.clone());
    assert_eq!(
        check(Some(&rotated), Some(&tenant)),
        Err(SignInRefusal::AccountSuspended(abuse))
    );

    let mut unpaid = tenant.clone();
    unpaid.state = State::Suspended(suspension("unpaid", None));
    assert!(matches!(
        check(Some(&account), Some(&unpaid)),
        Err(SignInRefusal::TenantSuspended(_))
    ));
}

#[test]
fn a_session_does_not_outlive_its_token() {
    let Credential {
        mut account,
        mut tenant,
        ..
    } = credential();
    tenant.sign_in.issuers.push(Issuer {
        url: "https://id.contoso.test".into(),
        audiences: vec!["smtp".into()],
        directory: None,
    });
    account.sign_in.apps.push(AllowedApp {
        object_id: "AF1C".into(),
        label: String::new(),
    });
    let end = utc_datetime!(2026-11-24 7:00);
    let token = Attempt {
        method: Method::Token,
        ..HERE
    };
    let proof = Proof::Token {
        issuer: "https://id.contoso.test".into(),
        object_id: "af1c".into(),
        expires_at: end,
    };
    let principal = judge(Some(&credential()), Some(proof), token, NOW).unwrap();
    let check = |now| still_good(&principal, Some(&account), Some(&tenant), token, now);
    assert_eq!(check(utc_datetime!(2026-11-24 6:59:59)), Ok(()));
    assert_eq!(check(end), Err(SignInRefusal::TokenExpired(end)));
    let mut other = account.clone();
    other.sign_in.apps.clear();
    let refused = still_good(&principal, Some(&other), Some(&tenant), token, NOW);
    assert_eq!(refused, Err(SignInRefusal::CredentialsChanged));
    tenant.sign_in.issuers.clear();
    let refused = still_good(&principal, Some(&account), Some(&tenant), token, NOW);
    assert_eq!(refused, Err(SignInRefusal::CredentialsChanged));
}

#[test]
fn row_42_an_account_that_moved_to_another_tenant_or_name_is_another_account() {
    let Credential {
        account, tenant, ..
    } = credential();
    let principal = judge(Some(&credential()), RIGHT, HERE, NOW).unwrap();
    let mut moved = account.clone();
    moved.tenant = TenantId(2);
    let mut other = tenant.clone();
    other.id = TenantId(2);
    let mut renamed = account.clone();
    renamed.address = "other@contoso.test".parse().unwrap();
    for (account, tenant) in [
        (&moved, &tenant),
        (&moved, &other),
        (&account, &other),
        (&renamed, &tenant),
    ] {
        assert_eq!(
            still_good(&principal, Some(account), Some(tenant), HERE, NOW),
            Err(SignInRefusal::AccountRemoved)
        );
    }
}

#[test]
fn an_expired_secret_is_not_compared_and_the_other_is() {
    let mut found = credential();
    found.account.secrets = vec![facts(3, Some(NOW)), facts(4, None)];
    let hash = found.secrets[0].hash.clone();
    found.secrets.push(Secret {
        version: 4,
        hash,
        scram: None,
    });
    let usable: Vec<u64> = found.usable(NOW).map(|secret| secret.version).collect();
    assert_eq!(usable, [4]);
}
