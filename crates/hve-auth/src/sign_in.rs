//! May this account be used: at sign-in, and again at every later command.

use std::time::Duration;

use hve_types::{Account, Principal, Suspension, Tenant};
use thiserror::Error;
use time::UtcDateTime;

use crate::{Attempt, PasswordHash, RuleBlock, check_rules};

/// What a directory knows of one user name.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a directory fills in each field, and must hear of a new one"
)]
pub struct Credential {
    /// The account.
    pub account: Account,
    /// Its tenant.
    pub tenant: Tenant,
    /// Its password.
    pub hash: PasswordHash,
}

/// Judges a sign-in after the password was compared: with [`Credential::hash`] where the user was
/// found, with [`PasswordHash::decoy`] where not.
///
/// A suspension or a rule is only told to who knows the password, so that a stranger learns
/// nothing.
///
/// # Errors
/// [`SignInRefusal::WrongCredentials`] alike for an unknown user and a wrong password; what
/// [`check_rules`] says after a right one.
pub fn judge(
    found: Option<&Credential>,
    password_is_right: bool,
    attempt: Attempt,
    now: UtcDateTime,
) -> Result<Principal, SignInRefusal> {
    let credential = found
        .filter(|_| password_is_right)
        .ok_or(SignInRefusal::WrongCredentials)?;
    let Credential {
        account, tenant, ..
    } = credential;
    if account.tenant != tenant.id {
        // A directory that mixes tenants up must not let anybody in.
        return Err(SignInRefusal::WrongCredentials);
    }
    check_rules(tenant, account, attempt, now)?;
    Ok(Principal {
        tenant: tenant.id,
        account: account.id,
        address: account.address.clone(),
        credential_version: account.credential_version,
    })
}

/// Judges a session that signed in earlier against the directory of this moment: `account` and
/// `tenant` are what it has under the principal's numbers, `attempt` is how it signed in.
///
/// # Errors
/// The account was removed, it or its tenant suspended, a rule keeps it out by now, or its
/// credentials changed since.
pub fn still_good(
    principal: &Principal,
    account: Option<&Account>,
    tenant: Option<&Tenant>,
    attempt: Attempt,
    now: UtcDateTime,
) -> Result<(), SignInRefusal> {
    let (Some(account), Some(tenant)) = (account, tenant) else {
        return Err(SignInRefusal::AccountRemoved);
    };
    let same = account.id == principal.account
        && account.tenant == principal.tenant
        && tenant.id == principal.tenant
        && account.address == principal.address;
    if !same {
        return Err(SignInRefusal::AccountRemoved);
    }
    // Before the version, which a suspension changes as well: its reason says more.
    check_rules(tenant, account, attempt, now)?;
    if account.credential_version != principal.credential_version {
        return Err(SignInRefusal::CredentialsChanged);
    }
    Ok(())
}

/// Why somebody may not sign in, or not go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignInRefusal {
    /// The account is not there any more.
    #[error("the account was removed; use another one")]
    AccountRemoved,
    /// The account is suspended.
    #[error("the account is suspended: {}", .0.reason)]
    AccountSuspended(Suspension),
    /// Too many different wrong passwords of late, see [`Guard`](crate::Guard).
    #[error("too many different wrong passwords; wait, then try the right one")]
    Blocked {
        /// The monotonic time at which it is over.
        until: Duration,
    },
    /// The password or the state of the account changed since sign-in.
    #[error("the account's credentials changed; sign in again")]
    CredentialsChanged,
    /// The secret is right, and a rule of the operator keeps the account out.
    #[error(transparent)]
    Rule(#[from] RuleBlock),
    /// The tenant is suspended, and all its accounts with it.
    #[error("the organisation's service is suspended: {}", .0.reason)]
    TenantSuspended(Suspension),
    /// No such user, or not its password; nobody hears which.
    #[error("wrong user name or password")]
    WrongCredentials,
}
