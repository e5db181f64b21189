//! The rules an operator has set about signing in. Each is judged by itself, so that a refusal can
//! name the one that decided, and a pre-flight can show them all.

use std::net::IpAddr;

use hve_types::{Account, CertificateFingerprint, PolicyName, Tenant};
use thiserror::Error;
use time::UtcDateTime;

use crate::SignInRefusal;

/// How somebody signs in, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a host fills in each field, and must hear of a new one"
)]
pub struct Attempt {
    /// The client's address.
    pub from: IpAddr,
    /// With what.
    pub method: Method,
    /// The TLS client certificate that was shown, whatever else the sign-in is by.
    pub certificate: Option<CertificateFingerprint>,
}

/// What somebody signs in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// A TLS client certificate alone.
    Certificate,
    /// A password, however it is sent: basic authentication.
    Password,
    /// An access token of OAuth.
    Token,
}

/// One rule about signing in, in the order in which they are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInRule {
    /// The tenant is not suspended.
    TenantState,
    /// The account is not suspended.
    AccountState,
    /// The client is on the account's address list.
    Networks,
    /// It is an hour of the account.
    Hours,
    /// The client shows a certificate of the account, where that is required.
    Certificate,
    /// Security defaults of the tenant.
    SecurityDefaults,
    /// The account's own authentication policy, or the tenant's default.
    AuthenticationPolicy,
    /// `SmtpClientAuthenticationDisabled` of the transport configuration.
    TransportConfig,
}

impl SignInRule {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::TenantState,
        Self::AccountState,
        Self::Networks,
        Self::Hours,
        Self::Certificate,
        Self::SecurityDefaults,
        Self::AuthenticationPolicy,
        Self::TransportConfig,
    ];

    /// What this rule says of an attempt whose secret is right.
    #[must_use]
    pub fn verdict(
        self,
        tenant: &Tenant,
        account: &Account,
        attempt: Attempt,
        now: UtcDateTime,
    ) -> SignInVerdict {
        match self {
            Self::TenantState => match tenant.state.suspension(now) {
                Some(why) => blocks(SignInRefusal::TenantSuspended(why.clone())),
                None => SignInVerdict::Passes,
            },
            Self::AccountState => match account.state.suspension(now) {
                Some(why) => blocks(SignInRefusal::AccountSuspended(why.clone())),
                None => SignInVerdict::Passes,
            },
            Self::Networks => networks(account, attempt.from),
            Self::Hours => match &account.sign_in.hours {
                Some(hours) if !hours.hold(now) => {
                    blocks(SignInRefusal::Rule(RuleBlock::Hours(hours.to_string())))
                }
                _ => SignInVerdict::Passes,
            },
            Self::Certificate => certificate(account, attempt),
            Self::SecurityDefaults if tenant.sign_in.security_defaults => {
                unless_exempt(account, attempt, now, || RuleBlock::SecurityDefaults {
                    oauth: takes_tokens(tenant),
                })
            }
            Self::AuthenticationPolicy => match blocking_policy(tenant, account) {
                Some((name, own)) => unless_exempt(account, attempt, now, || RuleBlock::Policy {
                    name: name.to_string(),
                    own,
                    oauth: takes_tokens(tenant),
                }),
                None => SignInVerdict::Passes,
            },
            // As in the original: it is about mailboxes, which these accounts have none of.
            Self::TransportConfig if tenant.sign_in.smtp_client_authentication_disabled => {
                SignInVerdict::NoEffect
            }
            Self::SecurityDefaults | Self::TransportConfig => SignInVerdict::Passes,
        }
    }
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInVerdict {
    /// It refuses, whatever the others say.
    Blocks(SignInRefusal),
    /// It would refuse, but the account is exempt.
    Exempt,
    /// It is set, and has no effect on these accounts.
    NoEffect,
    /// It does not mind.
    Passes,
}

/// Which rule of the operator keeps somebody out whose secret is right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RuleBlock {
    /// The account requires a client certificate, and none of its own was shown.
    #[error(
        "the account requires a TLS client certificate of its list, and {}; \
         install it in the client, or ask your administrator",
        match .0 {
            Some(shown) => format!("{shown} is not on it"),
            None => "the client showed none".to_owned(),
        }
    )]
    Certificate(Option<CertificateFingerprint>),
    /// The account requires a certificate beside its secret, and there is no secret.
    #[error(
        "the account requires its password or a token beside the certificate; \
         sign in with one of them over the same connection"
    )]
    CertificateAlone,
    /// It is not an hour of the account.
    #[error("the account may be used {0} only; try again then, or ask your administrator")]
    Hours(String),
    /// The client's address is on no network of the account's list.
    #[error("the account's address list does not hold {0}; ask your administrator to add it")]
    Network(IpAddr),
    /// The policy that decides allows no password.
    #[error(
        "the authentication policy {name:?} ({}) allows no password; \
         {}ask your administrator to allow it", whose(*.own), way_out(*.oauth)
    )]
    Policy {
        /// Its name.
        name: String,
        /// The account's own, not the tenant's default.
        own: bool,
        /// The tenant takes access tokens.
        oauth: bool,
    },
    /// The tenant's security defaults allow no password.
    #[error(
        "security defaults of the organisation allow no password; \
         {}ask your administrator for an exemption", way_out(*.oauth)
    )]
    SecurityDefaults {
        /// The tenant takes access tokens.
        oauth: bool,
    },
}

const fn whose(own: bool) -> &'static str {
    if own {
        "the account's own"
    } else {
        "the organisation's default"
    }
}

/// OAuth is named where it is a way: without an issuer nobody comes in by it.
const fn way_out(oauth: bool) -> &'static str {
    if oauth {
        "sign in with OAuth (XOAUTH2 or OAUTHBEARER), or "
    } else {
        ""
    }
}

const fn takes_tokens(tenant: &Tenant) -> bool {
    !tenant.sign_in.issuers.is_empty()
}

/// The first rule that refuses an attempt whose secret is right.
///
/// # Errors
/// Its refusal.
pub fn check_rules(
    tenant: &Tenant,
    account: &Account,
    attempt: Attempt,
    now: UtcDateTime,
) -> Result<(), SignInRefusal> {
    for rule in SignInRule::ALL {
        if let SignInVerdict::Blocks(refusal) = rule.verdict(tenant, account, attempt, now) {
            return Err(refusal);
        }
    }
    Ok(())
}

fn blocks(refusal: SignInRefusal) -> SignInVerdict {
    SignInVerdict::Blocks(refusal)
}

fn networks(account: &Account, from: IpAddr) -> SignInVerdict {
    let networks = &account.sign_in.networks;
    let from = from.to_canonical();
    if networks.is_empty() || networks.iter().any(|network| network.contains(&from)) {
        SignInVerdict::Passes
    } else {
        blocks(SignInRefusal::Rule(RuleBlock::Network(from)))
    }
}

fn certificate(account: &Account, attempt: Attempt) -> SignInVerdict {
    let (known, shown) = (&account.sign_in.certificates, attempt.certificate);
    if known.required && attempt.method == Method::Certificate {
        return blocks(SignInRefusal::Rule(RuleBlock::CertificateAlone));
    }
    if !known.required || shown.is_some_and(|shown| known.fingerprints.contains(&shown)) {
        SignInVerdict::Passes
    } else {
        blocks(SignInRefusal::Rule(RuleBlock::Certificate(shown)))
    }
}

/// The policy that decides, and whether it is the account's own, where it allows no password. One
/// that is named and not there allows none: whoever named it wanted a restriction.
fn blocking_policy<'a>(tenant: &'a Tenant, account: &'a Account) -> Option<(&'a PolicyName, bool)> {
    let own = account.sign_in.policy.as_ref();
    let name = own.or(tenant.sign_in.default_policy.as_ref())?;
    let policy = tenant.sign_in.policies.get(name);
    let allows = policy.is_some_and(|policy| policy.allow_basic_auth_smtp);
    (!allows).then_some((name, own.is_some()))
}

/// The words of the block are made for who is blocked only: this is asked at every command.
fn unless_exempt(
    account: &Account,
    attempt: Attempt,
    now: UtcDateTime,
    block: impl FnOnce() -> RuleBlock,
) -> SignInVerdict {
    if attempt.method != Method::Password {
        return SignInVerdict::Passes;
    }
    match &account.sign_in.exemption {
        Some(exemption) if exemption.holds(now) => SignInVerdict::Exempt,
        _ => blocks(SignInRefusal::Rule(block())),
    }
}
