//! The JSON shapes of tenants and accounts, and their forms for eyes: one place for both.

use hve_store::AcceptedDomain;
use hve_types::{Account, Address, DomainKind, State, Tenant};
use serde_json::{Value, json};

use crate::{
    desk::DeviceServer,
    output,
    size::{bound, show_ceiling, show_octets},
    when::{Clock, rfc3339},
};

pub(crate) fn tenant_json(tenant: &Tenant, domains: &[AcceptedDomain], clock: &Clock) -> Value {
    let limits = &tenant.limits;
    let mut value = json!({
        "tenant": tenant.name.as_str(),
        "domains": domains.iter().map(domain_json).collect::<Vec<_>>(),
        "limits": {
            "recipients_per_day": bound(limits.recipients_per_day),
            "recipients_per_message": limits.recipients_per_message,
            "accounts": limits.accounts,
            "message_size": limits.message_octets,
            "sessions_per_account": limits.sessions_per_account,
        },
        "postmaster": tenant.postmaster.as_ref().map(Address::as_str),
        "created_at": rfc3339(tenant.created_at),
    });
    add_state(&mut value, &tenant.state, clock);
    value
}

pub(crate) fn tenant_text(tenant: &Tenant, domains: &[AcceptedDomain], clock: &Clock) -> String {
    let limits = &tenant.limits;
    let domains: Vec<String> = domains
        .iter()
        .map(|domain| format!("{} ({})", domain.name, domain.kind.as_str()))
        .collect();
    output::pairs(&[
        ("tenant", tenant.name.to_string()),
        ("domains", domains.join(", ")),
        ("state", state_text(&tenant.state, clock)),
        ("recipients a day", show_ceiling(limits.recipients_per_day)),
        (
            "recipients a message",
            limits.recipients_per_message.to_string(),
        ),
        ("accounts", limits.accounts.to_string()),
        ("message size", show_octets(limits.message_octets)),
        (
            "sessions an account",
            limits.sessions_per_account.to_string(),
        ),
        ("postmaster", named(tenant.postmaster.as_ref())),
        ("added", clock.show(tenant.created_at)),
    ])
}

pub(crate) fn domain_json(domain: &AcceptedDomain) -> Value {
    json!({"domain": domain.name.as_str(), "kind": domain.kind.as_str()})
}

pub(crate) const fn kind_text(kind: DomainKind) -> &'static str {
    match kind {
        DomainKind::Relay => "any local part is passed on",
        _ => "only recipients in the directory exist",
    }
}

pub(crate) fn account_json(account: &Account, tenant: &str, clock: &Clock) -> Value {
    let mut value = json!({
        "address": account.address.as_str(),
        "tenant": tenant,
        "display_name": account.display_name,
        "alias": account.alias,
        "limits": {
            "recipients_per_day": bound(account.limits.recipients_per_day),
            "messages_per_minute": account.limits.messages_per_minute,
        },
        "bounce_to": account.bounce_to.as_ref().map(Address::as_str),
        "reply_to": account.reply_to.as_ref().map(Address::as_str),
        "created_at": rfc3339(account.created_at),
    });
    add_state(&mut value, &account.state, clock);
    value
}

pub(crate) fn account_text(account: &Account, tenant: &Tenant, clock: &Clock) -> String {
    let mut name = tenant.name.to_string();
    if tenant.state.suspension(clock.now).is_some() {
        name.push_str(", suspended");
    }
    let rate = account.limits.messages_per_minute;
    output::pairs(&[
        ("account", account.address.to_string()),
        ("tenant", name),
        ("display name", account.display_name.clone()),
        ("alias", account.alias.clone().unwrap_or_else(|| "-".into())),
        ("state", state_text(&account.state, clock)),
        (
            "recipients a day",
            show_ceiling(account.limits.recipients_per_day),
        ),
        (
            "messages a minute",
            rate.map_or_else(|| "unlimited".into(), |rate| rate.to_string()),
        ),
        ("failures told to", notices_to(account, tenant)),
        ("answers to", named(account.reply_to.as_ref())),
        ("added", clock.show(account.created_at)),
    ])
}

fn notices_to(account: &Account, tenant: &Tenant) -> String {
    match (&account.bounce_to, &tenant.postmaster) {
        (Some(own), _) => own.to_string(),
        (None, Some(postmaster)) => format!("{postmaster}, the tenant's postmaster"),
        (None, None) => "nobody; see `hve-admin bounces`".to_owned(),
    }
}

fn named(address: Option<&Address>) -> String {
    address.map_or_else(|| "-".to_owned(), Address::to_string)
}

/// `active`, or `suspended` with who, why and until when.
pub(crate) fn state_text(state: &State, clock: &Clock) -> String {
    match state.suspension(clock.now) {
        None => "active".to_owned(),
        Some(suspension) => {
            let until = suspension
                .until
                .map(|until| format!(" until {}", clock.show(until)))
                .unwrap_or_default();
            format!(
                "suspended{until} by {}: {}",
                suspension.actor, suspension.reason
            )
        }
    }
}

/// One word for a column.
pub(crate) fn state_word(state: &State, clock: &Clock) -> &'static str {
    match state.suspension(clock.now) {
        None => "active",
        Some(_) => "suspended",
    }
}

fn add_state(value: &mut Value, state: &State, clock: &Clock) {
    let suspension = state.suspension(clock.now).map(|suspension| {
        json!({
            "reason": suspension.reason,
            "actor": suspension.actor,
            "since": rfc3339(suspension.since),
            "until": suspension.until.map(rfc3339),
        })
    });
    if let Value::Object(members) = value {
        members.insert("state".into(), state_word(state, clock).into());
        members.insert("suspension".into(), suspension.into());
    }
}

/// What is typed into a device, without the password.
pub(crate) fn device_json(server: Option<&DeviceServer>, account: &Account) -> Value {
    json!({
        "server": server.map(|server| server.name.as_str()),
        "port": server.and_then(|server| server.port),
        "security": server.map(|server| server.security),
        "user": account.address.as_str(),
    })
}

pub(crate) fn device_text(
    server: Option<&DeviceServer>,
    account: &Account,
    password: &str,
) -> String {
    let unknown = "see [[listeners]] in the server's configuration";
    let port = server.and_then(|server| server.port);
    let port = port.map_or_else(|| unknown.to_owned(), |port| port.to_string());
    output::pairs(&[
        (
            "Server",
            server
                .map_or(unknown, |server| server.name.as_str())
                .to_owned(),
        ),
        ("Port", port),
        (
            "Encryption",
            server
                .map_or("STARTTLS", |server| server.security)
                .to_owned(),
        ),
        ("Sign-in", mechanisms(account).join(", ")),
        ("User name", account.address.to_string()),
        ("Password", password.to_owned()),
    ])
}

/// What the password serves, the simplest first.
fn mechanisms(account: &Account) -> &'static [&'static str] {
    const ALL: &[&str] = &["LOGIN", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"];
    match account.sign_in.leniency.login_only {
        true => &["LOGIN"],
        false => ALL,
    }
}
