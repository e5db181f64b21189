//! Tenants, their accounts, and who somebody turned out to be.

use time::UtcDateTime;

use crate::{
    AccountId, AccountLimits, AccountSignIn, Address, CertificateFingerprint, Domain, TenantId,
    TenantLimits, TenantSignIn,
};

/// An organisation: it owns domains, accounts and one quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its number.
    pub id: TenantId,
    /// Its name: the first domain it was given.
    pub name: Domain,
    /// What it may do.
    pub limits: TenantLimits,
    /// How its accounts may sign in.
    pub sign_in: TenantSignIn,
    /// Whether it may do it now.
    pub state: State,
    /// Who hears of mail that was not delivered, where the account names nobody: an address in one
    /// of its domains, or nobody.
    pub postmaster: Option<Address>,
    /// When it was added.
    pub created_at: UtcDateTime,
}

/// A send-only account of a device or an application. It has no mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its user name, and the one sender address it may use.
    pub address: Address,
    /// The name people see.
    pub display_name: String,
    /// A short name, unique in the tenant; a note for people, not an address.
    pub alias: Option<String>,
    /// What it may do.
    pub limits: AccountLimits,
    /// How it may sign in.
    pub sign_in: AccountSignIn,
    /// Who hears of mail of it that was not delivered: an address in a domain of the tenant.
    /// `None` is the tenant's postmaster.
    pub bounce_to: Option<Address>,
    /// Where answers go, for messages that do not say so themselves.
    pub reply_to: Option<Address>,
    /// Whether it may do it now.
    pub state: State,
    /// When it was added.
    pub created_at: UtcDateTime,
    /// Counts the changes of its credentials and state.
    pub credential_version: u64,
    /// Its secrets, oldest first, at most [`SECRETS_MAX`]; expired ones among them.
    pub secrets: Vec<SecretFacts>,
}

/// Secrets an account may have at one time: an old and a new one, while devices change over.
pub const SECRETS_MAX: usize = 2;

/// What may be told of a secret. The secret itself, or a hash of it, is never part of this.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a directory fills in each field, and must hear of a new one"
)]
pub struct SecretFacts {
    /// Its number in the account, never given again: what was verified under it ends with it.
    pub version: u64,
    /// What people call it, unique in the account in any case of letters.
    pub label: String,
    /// When it was set.
    pub created_at: UtcDateTime,
    /// The first moment at which it is void; `None` is never.
    pub expires_at: Option<UtcDateTime>,
}

impl SecretFacts {
    /// May it be used at `now`?
    #[must_use]
    pub fn holds(&self, now: UtcDateTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// May a tenant or an account be used?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Yes.
    #[default]
    Active,
    /// Not now, and this is why.
    Suspended(Suspension),
}

impl State {
    /// The suspension in force at `now`; one that has expired is none.
    #[must_use]
    pub fn suspension(&self, now: UtcDateTime) -> Option<&Suspension> {
        match self {
            Self::Active => None,
            Self::Suspended(suspension) => suspension
                .until
                .is_none_or(|until| now < until)
                .then_some(suspension),
        }
    }
}

/// Why, by whom and until when something may not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Words for the client and the operator.
    pub reason: String,
    /// Who did it.
    pub actor: String,
    /// When it began.
    pub since: UtcDateTime,
    /// The first moment at which it is over; `None` is until somebody resumes it.
    pub until: Option<UtcDateTime>,
}

/// Who a session acts for. Tenancy enters here, at sign-in, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// The account's address.
    pub address: Address,
    /// What it signed in with.
    pub proof: Proof,
}

/// What a session signed in with; it lasts no longer than this.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// A TLS client certificate.
    Certificate(CertificateFingerprint),
    /// A secret of the account.
    Secret {
        /// [`SecretFacts::version`].
        version: u64,
    },
    /// An access token of OAuth.
    Token {
        /// [`Issuer::url`](crate::Issuer) of who issued it.
        issuer: Box<str>,
        /// The object id of who it was issued to.
        object_id: Box<str>,
        /// The first moment at which it is void.
        expires_at: UtcDateTime,
    },
}

impl Proof {
    /// What it is called where its last use is written down: `secret 3`, `token` with an object
    /// id, `certificate` with a fingerprint.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Certificate(fingerprint) => format!("certificate {fingerprint}"),
            Self::Secret { version } => format!("secret {version}"),
            Self::Token { object_id, .. } => format!("token {object_id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::utc_datetime;

    #[test]
    fn a_suspension_is_over_at_its_very_end() {
        let state = State::Suspended(Suspension {
            reason: "abuse".into(),
            actor: "operator".into(),
            since: utc_datetime!(2026-01-01 0:00),
            until: Some(utc_datetime!(2026-01-02 0:00)),
        });
        assert!(
            state
                .suspension(utc_datetime!(2026-01-01 23:59:59))
                .is_some()
        );
        assert!(state.suspension(utc_datetime!(2026-01-02 0:00)).is_none());
        assert!(
            State::Active
                .suspension(utc_datetime!(2026-01-01 0:00))
                .is_none()
        );
    }
}
