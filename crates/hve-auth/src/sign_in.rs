//! May this account be used: at sign-in, and again at every later command.

use std::time::Duration;

use hve_types::{Account, Issuer, Principal, Proof, Suspension, Tenant};
use thiserror::Error;
use time::UtcDateTime;

use crate::{Attempt, PasswordHash, RuleBlock, ScramKeys, check_rules, token::lets_in};

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
    /// Its secrets.
    pub secrets: Vec<Secret>,
}

/// One secret of an account, as it can be compared.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "as for Credential")]
pub struct Secret {
    /// [`hve_types::SecretFacts::version`].
    pub version: u64,
    /// The password, for PLAIN and LOGIN.
    pub hash: PasswordHash,
    /// The same for SCRAM; see [`StoredPassword::scram`](crate::StoredPassword::scram).
    pub scram: Option<ScramKeys>,
}

impl Credential {
    /// The secrets that have not expired at `now`.
    pub fn usable(&self, now: UtcDateTime) -> impl Iterator<Item = &Secret> {
        let facts = &self.account.secrets;
        self.secrets.iter().filter(move |secret| {
            let of = facts.iter().find(|of| of.version == secret.version);
            of.is_some_and(|of| of.holds(now))
        })
    }
}

/// Judges a sign-in after the password was compared: with [`Credential::usable`] where the user
/// was found, with [`PasswordHash::decoy`] where not; or after a token was checked. `proof` is what
/// came of that.
///
/// A suspension or a rule is only told to who knows the password, so that a stranger learns
/// nothing.
///
/// # Errors
/// [`SignInRefusal::WrongCredentials`] alike for an unknown user and a wrong password; what
/// [`check_rules`] says after a right one.
pub fn judge(
    found: Option<&Credential>,
    proof: Option<Proof>,
    attempt: Attempt,
    now: UtcDateTime,
) -> Result<Principal, SignInRefusal> {
    let (Some(credential), Some(proof)) = (found, proof) else {
        return Err(SignInRefusal::WrongCredentials);
    };
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
        proof,
    })
}

/// Judges a session that signed in earlier against the directory of this moment: `account` and
/// `tenant` are what it has under the principal's numbers, `attempt` is how it signed in.
///
/// # Errors
/// The account was removed, it or its tenant suspended, a rule keeps it out by now, or its
/// secret was revoked, replaced or has expired since.
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
    // Before the proof: a rule's reason says more.
    check_rules(tenant, account, attempt, now)?;
    check_proof(&principal.proof, tenant, account, now)
}

fn check_proof(
    proof: &Proof,
    tenant: &Tenant,
    account: &Account,
    now: UtcDateTime,
) -> Result<(), SignInRefusal> {
    let refusal = match proof {
        Proof::Certificate(fingerprint) => {
            let listed = account
                .sign_in
                .certificates
                .fingerprints
                .contains(fingerprint);
            (!listed).then_some(SignInRefusal::CredentialsChanged)
        }
        Proof::Secret { version } => {
            let mut secrets = account.secrets.iter();
            let secret = secrets.find(|secret| secret.version == *version);
            let holds = secret.is_some_and(|secret| secret.holds(now));
            (!holds).then_some(SignInRefusal::CredentialsChanged)
        }
        Proof::Token {
            issuer,
            object_id,
            expires_at,
        } => {
            let trusted = |of: &Issuer| of.url == **issuer;
            if !tenant.sign_in.issuers.iter().any(trusted)
                || !lets_in(&account.sign_in.apps, object_id)
            {
                Some(SignInRefusal::CredentialsChanged)
            } else {
                (*expires_at <= now).then_some(SignInRefusal::TokenExpired(*expires_at))
            }
        }
        // What is not known here cannot be looked at again.
        _ => Some(SignInRefusal::CredentialsChanged),
    };
    refusal.map_or(Ok(()), Err)
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
    /// The secret was revoked, replaced or has expired since sign-in.
    #[error("the account's credentials changed; sign in again")]
    CredentialsChanged,
    /// The secret is right, and a rule of the operator keeps the account out.
    #[error(transparent)]
    Rule(#[from] RuleBlock),
    /// The tenant is suspended, and all its accounts with it.
    #[error("the organisation's service is suspended: {}", .0.reason)]
    TenantSuspended(Suspension),
    /// The access token of the session is over by now.
    #[error("the access token expired; get a new one and sign in again")]
    TokenExpired(UtcDateTime),
    /// No such user, or not its password; nobody hears which.
    #[error("wrong user name or password")]
    WrongCredentials,
}
