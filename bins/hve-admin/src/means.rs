//! What an account needs for a way of signing in, besides the rules: `account test --mechanism`.

use std::net::IpAddr;

use hve_auth::Method;
use hve_types::{Account, Tenant};

use crate::{cli::SignInMechanism, desk::Desk, oauth, preflight::Finding, secret};

/// The method whose rules are asked.
pub(crate) const fn method(mechanism: SignInMechanism) -> Method {
    match mechanism {
        SignInMechanism::Login | SignInMechanism::Plain | SignInMechanism::Scram => {
            Method::Password
        }
        SignInMechanism::Oauth => Method::Token,
        SignInMechanism::External => Method::Certificate,
    }
}

/// With what nothing blocks a sign-in.
pub(crate) const fn with(mechanism: SignInMechanism) -> &'static str {
    match mechanism {
        SignInMechanism::Login | SignInMechanism::Plain | SignInMechanism::Scram => {
            "the right password"
        }
        SignInMechanism::Oauth => "a token of one of these applications",
        SignInMechanism::External => "one of these certificates",
    }
}

/// What is there for it, and what lacks.
pub(crate) fn findings(
    mechanism: SignInMechanism,
    (tenant, account): (&Tenant, &Account),
    from: Option<IpAddr>,
    desk: &Desk,
) -> Vec<Finding> {
    let mut found = match mechanism {
        SignInMechanism::Login | SignInMechanism::Plain => vec![secrets(account, desk)],
        SignInMechanism::Scram => vec![secrets(account, desk), scram(account, desk)],
        SignInMechanism::Oauth => vec![issuers(tenant), applications(account)],
        SignInMechanism::External => vec![certificates(account)],
    };
    let only_login = account.sign_in.leniency.login_only && mechanism != SignInMechanism::Login;
    let mut addresses = account.sign_in.single_addresses();
    if only_login && from.is_some_and(|from| addresses.any(|of| of == from.to_canonical())) {
        found.push(Finding::blocks(
            "offer",
            "nothing but LOGIN is offered to clients from the account's addresses".into(),
            format!(
                "hve-admin sign-in account {} --lenient-login-only off",
                account.address
            ),
        ));
    }
    found
}

fn secrets(account: &Account, desk: &Desk) -> Finding {
    let usable = account.secrets.iter().filter(|of| of.holds(desk.clock.now));
    match usable.count() {
        0 => Finding::blocks(
            "secret",
            "the account has no secret that works".into(),
            format!(
                "hve-admin secret add {} LABEL --generate-password",
                account.address
            ),
        ),
        _ => Finding::passes("secret", String::new()),
    }
}

fn scram(account: &Account, desk: &Desk) -> Finding {
    let plain_only = secret::plain_only(account, desk);
    let usable = account.secrets.iter().filter(|of| of.holds(desk.clock.now));
    let (without, with): (Vec<_>, Vec<_>) = usable.partition(|of| plain_only.contains(&of.version));
    if without.is_empty() || !with.is_empty() {
        return Finding::passes("scram-keys", String::new());
    }
    Finding::blocks(
        "scram-keys",
        secret::PLAIN_ONLY.into(),
        format!("hve-admin account set {} --new-password", account.address),
    )
}

fn issuers(tenant: &Tenant) -> Finding {
    let issuers = &tenant.sign_in.issuers;
    if issuers.is_empty() {
        return Finding::blocks(
            "issuer",
            "the organisation takes no access tokens".into(),
            format!(
                "hve-admin sign-in issuer add URL --tenant {} --audience WORD",
                tenant.name
            ),
        );
    }
    let urls: Vec<&str> = issuers.iter().map(|of| of.url.as_str()).collect();
    Finding::passes("issuer", urls.join(", "))
}

fn applications(account: &Account) -> Finding {
    if account.sign_in.apps.is_empty() {
        return Finding::blocks(
            "application",
            "the account lets nobody in by OAuth".into(),
            format!(
                "hve-admin sign-in app add {} OBJECT-ID, the one of the enterprise application",
                account.address
            ),
        );
    }
    Finding::passes("application", oauth::apps_text(account))
}

fn certificates(account: &Account) -> Finding {
    let listed = &account.sign_in.certificates.fingerprints;
    if listed.is_empty() {
        return Finding::blocks(
            "certificate-list",
            "the account has no client certificate".into(),
            format!(
                "hve-admin sign-in account {} --certificate FILE",
                account.address
            ),
        );
    }
    let listed: Vec<String> = listed.iter().map(ToString::to_string).collect();
    Finding::passes("certificate-list", listed.join(", "))
}
