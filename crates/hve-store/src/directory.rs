//! Tenants, domains, accounts and recipients: the rows an operator writes.
//!
//! Every change is one transaction: the check, the change, its audit entry and the change counter.

mod account_rows;
mod accounts;
mod domains;
mod groups;
mod oauth;
mod recipients;
mod secrets;
mod snapshot;
mod tenants;

pub use accounts::{AccountChange, NewAccount};
pub use domains::AcceptedDomain;
pub use groups::GROUP_MEMBERS_MAX;
pub(crate) use groups::expand as expand_group;
pub use recipients::Imported;
pub use secrets::NewSecret;
pub use snapshot::{DirectorySnapshot, Names};
pub use tenants::NewTenant;
pub(crate) use {account_rows::find as find_account, tenants::find as find_tenant};

use crate::ChangeError;

/// Checks a text that people will read in lists, logs and replies.
fn check_text(what: &'static str, text: &str, max: usize) -> Result<(), ChangeError> {
    if text.len() > max || text.chars().any(char::is_control) {
        return Err(ChangeError::BadText { what, max });
    }
    Ok(())
}

/// Notices go to addresses in the tenant's domains only.
fn check_inside(
    connection: &rusqlite::Connection,
    tenant: hve_types::TenantId,
    address: Option<&hve_types::Address>,
) -> Result<(), ChangeError> {
    let Some(domain) = address.map(hve_types::Address::domain) else {
        return Ok(());
    };
    match domains::owner(connection, &domain)? {
        Some(owner) if owner == tenant => Ok(()),
        _ => Err(ChangeError::DomainNotAccepted(domain)),
    }
}

/// Octets of a display name.
const NAME_MAX: usize = 256;
/// Octets of an alias: those of a local part (RFC 5321 §4.5.3.1.1).
const ALIAS_MAX: usize = 64;
/// Octets of the reason of a suspension; a client sees it in one reply line.
const REASON_MAX: usize = 256;

/// The suspension an act asks for.
fn suspension(
    reason: &str,
    until: Option<time::UtcDateTime>,
    act: &crate::Act,
) -> Result<hve_types::State, ChangeError> {
    check_text("the reason", reason, REASON_MAX)?;
    Ok(hve_types::State::Suspended(hve_types::Suspension {
        reason: reason.to_owned(),
        actor: act.actor.clone(),
        since: act.at,
        until,
    }))
}
