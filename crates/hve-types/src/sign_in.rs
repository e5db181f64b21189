//! What an operator has set about signing in: for a whole tenant, and for one account.

use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use thiserror::Error;
use time::UtcDateTime;

use crate::{AllowedApp, CertificateFingerprint, Issuer, SignInHours};

/// How the accounts of a tenant may sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a store fills in each field, and must hear of a new one"
)]
pub struct TenantSignIn {
    /// Security defaults: no account signs in with a password, but those that are exempt.
    pub security_defaults: bool,
    /// The authentication policies by name.
    pub policies: BTreeMap<PolicyName, AuthenticationPolicy>,
    /// The policy of accounts that name none. `None` lets them use a password.
    pub default_policy: Option<PolicyName>,
    /// The switch of the transport configuration for mailboxes. As in the original it has **no**
    /// effect on these accounts; it is kept so that a script which sets it goes on working.
    pub smtp_client_authentication_disabled: bool,
    /// Whose access tokens are taken, at most [`ISSUERS_MAX`](crate::ISSUERS_MAX), each once.
    pub issuers: Vec<Issuer>,
}

/// What an authentication policy allows. A new one allows no password until told otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "as for TenantSignIn")]
pub struct AuthenticationPolicy {
    /// `AllowBasicAuthSmtp`: its accounts may sign in with a password.
    pub allow_basic_auth_smtp: bool,
}

/// How one account may sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "as for TenantSignIn")]
pub struct AccountSignIn {
    /// Its own authentication policy, which beats the tenant's default.
    pub policy: Option<PolicyName>,
    /// It may use a password although security defaults or a policy say no.
    pub exemption: Option<Exemption>,
    /// Where it may sign in from, together with its secret; none is anywhere. IPv4 networks are
    /// kept as IPv4.
    pub networks: Vec<IpNet>,
    /// When it may be used, together with its secret; none is always.
    pub hours: Option<SignInHours>,
    /// The TLS client certificates of its device.
    pub certificates: CertificateBinding,
    /// What is forgiven its device. Nothing by default.
    pub leniency: DeviceLeniency,
    /// Whom it lets in by OAuth, at most [`ALLOWED_APPS_MAX`](crate::ALLOWED_APPS_MAX), each
    /// once; none is nobody.
    pub apps: Vec<AllowedApp>,
}

impl AccountSignIn {
    /// Those of its networks that are one address each.
    pub fn single_addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let single = |network: &&IpNet| network.prefix_len() == network.max_prefix_len();
        self.networks.iter().filter(single).map(IpNet::addr)
    }
}

/// The TLS client certificates that an account knows. Only their fingerprints count, no issuer and
/// no date: one that is taken off the list is worth nothing from that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "as for TenantSignIn")]
pub struct CertificateBinding {
    /// At most [`CERTIFICATES_MAX`](crate::CERTIFICATES_MAX).
    pub fingerprints: Vec<CertificateFingerprint>,
    /// A password or a token does only together with one of them, and none of them alone.
    pub required: bool,
}

/// What is forgiven an old device in the messages it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "as for TenantSignIn")]
pub struct DeviceLeniency {
    /// Line feeds without a carriage return are made whole line ends.
    pub bare_lf: bool,
    /// Lines over 998 octets (RFC 5322 §2.1.1) are wrapped.
    pub long_lines: bool,
    /// Clients from its [single addresses](AccountSignIn::single_addresses) are offered AUTH LOGIN
    /// alone: the device does no other mechanism, and stumbles over a list of them. A wider
    /// network has no such effect, since others are in it.
    pub login_only: bool,
}

/// Why, by whom and until when an account may use a password although a rule says no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "as for TenantSignIn")]
pub struct Exemption {
    /// Words for other operators.
    pub reason: String,
    /// Who granted it.
    pub actor: String,
    /// When.
    pub since: UtcDateTime,
    /// The first moment at which it is over; `None` is until somebody takes it back.
    pub until: Option<UtcDateTime>,
}

impl Exemption {
    /// Is it in force at `now`?
    #[must_use]
    pub fn holds(&self, now: UtcDateTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The name of an authentication policy: 1 to 64 visible characters and single spaces within,
/// compared without the case of ASCII letters.
#[derive(Clone, Debug)]
pub struct PolicyName {
    shown: Box<str>,
    key: Box<str>,
}

impl PolicyName {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }
}

impl FromStr for PolicyName {
    type Err = PolicyNameError;

    fn from_str(text: &str) -> Result<Self, PolicyNameError> {
        let good = (1..=POLICY_NAME_OCTETS_MAX).contains(&text.len())
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if !good {
            return Err(PolicyNameError);
        }
        Ok(Self {
            shown: text.into(),
            key: text.to_ascii_lowercase().into(),
        })
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl PartialEq for PolicyName {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for PolicyName {}

impl PartialOrd for PolicyName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PolicyName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// The text is no name of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a policy's name has 1 to 64 octets, no control characters and no space at either end")]
pub struct PolicyNameError;

/// Octets of the name of a policy.
const POLICY_NAME_OCTETS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::utc_datetime;

    #[test]
    fn names_of_policies_are_compared_without_case() {
        let name: PolicyName = "Allow Basic Auth".parse().unwrap();
        assert_eq!(name, "allow basic AUTH".parse().unwrap());
        assert_eq!(name.as_str(), "Allow Basic Auth");
        for bad in ["", " a", "a ", "a\nb", &"x".repeat(65)] {
            assert_eq!(bad.parse::<PolicyName>(), Err(PolicyNameError), "{bad:?}");
        }
    }

    #[test]
    fn an_exemption_is_over_at_its_very_end() {
        let exemption = Exemption {
            reason: "scanner without OAuth".into(),
            actor: "operator".into(),
            since: utc_datetime!(2026-01-01 0:00),
            until: Some(utc_datetime!(2026-01-02 0:00)),
        };
        assert!(exemption.holds(utc_datetime!(2026-01-01 23:59:59)));
        assert!(!exemption.holds(utc_datetime!(2026-01-02 0:00)));
    }

    #[test]
    fn a_new_policy_allows_no_password() {
        assert!(!AuthenticationPolicy::default().allow_basic_auth_smtp);
    }
}
