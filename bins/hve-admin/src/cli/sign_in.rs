//! The verbs of signing in: the rules of a tenant and of an account, and their test.

use std::{net::IpAddr, path::Path};

use clap::{Args, Subcommand, ValueEnum};
use hve_types::{
    Address, CertificateFingerprint, CertificateFingerprintError, PolicyName, SignInHours,
};
use ipnet::IpNet;
use time::UtcDateTime;

use super::{AppVerb, Confirmation, IssuerVerb, TenantChoice};
use crate::{size, when};

#[derive(Debug, Subcommand)]
pub(crate) enum SignInVerb {
    /// Show the rules of a tenant, and the accounts with rules of their own
    Show {
        #[command(flatten)]
        tenant: TenantChoice,
    },
    /// Change the rules of a tenant; what is not given stays
    #[command(after_help = "Example:\n  hve-admin sign-in set --security-defaults on")]
    Set(SignInSet),
    /// Change how one account may sign in; what is not given stays
    #[command(
        after_help = "Example:\n  hve-admin sign-in account scan2@contoso.test \
                      --exempt 'no OAuth in this model' --until 2027-06-30T00:00:00Z \
                      --from 192.0.2.0/24"
    )]
    Account(SignInAccount),
    /// Authentication policies: who names one is bound by it
    #[command(subcommand)]
    Policy(SignInPolicyVerb),
    /// OAuth: the issuers whose access tokens the tenant takes
    #[command(subcommand)]
    Issuer(IssuerVerb),
    /// OAuth: the applications that an account lets in
    #[command(subcommand)]
    App(AppVerb),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SignInPolicyVerb {
    /// Add a policy; it allows no password until told otherwise
    Add {
        /// Its name
        name: PolicyName,
        #[command(flatten)]
        tenant: TenantChoice,
        /// May its accounts sign in with a password?
        #[arg(long, value_enum, default_value_t = Switch::Off)]
        allow_basic_auth_smtp: Switch,
    },
    /// Change a policy
    Set {
        /// Its name
        name: PolicyName,
        #[command(flatten)]
        tenant: TenantChoice,
        /// May its accounts sign in with a password?
        #[arg(long, value_enum)]
        allow_basic_auth_smtp: Switch,
    },
    /// Remove a policy that nobody names any more
    Remove {
        /// Its name
        name: PolicyName,
        #[command(flatten)]
        tenant: TenantChoice,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Args, Debug)]
pub(crate) struct SignInSet {
    #[command(flatten)]
    pub(crate) tenant: TenantChoice,
    #[command(flatten)]
    pub(crate) changes: SignInChanges,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct SignInChanges {
    /// On: no account signs in with a password, but those that are exempt
    #[arg(long, value_enum)]
    pub(crate) security_defaults: Option<Switch>,
    /// The policy of accounts that name none; `none` lets them use a password
    #[arg(long, value_name = "NAME|none", value_parser = policy)]
    pub(crate) default_policy: Option<NamedPolicy>,
    /// The switch of the transport configuration for mailboxes; it has no effect on HVE accounts
    #[arg(long, value_enum)]
    pub(crate) smtp_client_authentication_disabled: Option<Switch>,
}

#[derive(Args, Debug)]
pub(crate) struct SignInAccount {
    /// Its address
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) changes: SignInAccountChanges,
    /// The moment at which the exemption ends by itself
    #[arg(long, value_name = "RFC3339", value_parser = when::moment, requires = "exempt")]
    pub(crate) until: Option<UtcDateTime>,
    /// The exemption holds until somebody takes it back
    #[arg(long, requires = "exempt", conflicts_with = "until")]
    pub(crate) without_end: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct SignInAccountChanges {
    /// Its own policy, which beats the tenant's default; `none` takes it away
    #[arg(long, value_name = "NAME|none", value_parser = policy)]
    pub(crate) policy: Option<NamedPolicy>,
    /// Let it use a password although security defaults or a policy say no, for this reason
    #[arg(long, value_name = "REASON", value_parser = size::words)]
    pub(crate) exempt: Option<String>,
    /// Take its exemption back
    #[arg(long, conflicts_with = "exempt")]
    pub(crate) not_exempt: bool,
    /// It signs in from this address or network only; may be given several times, and replaces
    /// the list
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    pub(crate) from: Vec<IpNet>,
    /// It signs in, and sends, in these hours only: `Europe/Berlin Mon-Fri 06:00-20:00, Sat
    /// 08:00-12:00`; without a zone in UTC
    #[arg(long, value_name = "HOURS")]
    pub(crate) hours: Option<SignInHours>,
    /// It signs in at any time
    #[arg(long, conflicts_with = "hours")]
    pub(crate) at_any_time: bool,
    /// A TLS client certificate of its device, as a PEM file or its SHA-256: the device may sign in
    /// with it alone (AUTH EXTERNAL); may be given several times, and replaces the list
    #[arg(long, value_name = "FILE|SHA256", value_parser = certificate)]
    pub(crate) certificate: Vec<CertificateFingerprint>,
    /// It has no certificate
    #[arg(long, conflicts_with = "certificate")]
    pub(crate) no_certificate: bool,
    /// On: a password or a token does only together with a certificate of its list, and the
    /// certificate alone does not
    #[arg(long, value_enum)]
    pub(crate) require_certificate: Option<Switch>,
    /// For an old device: offer nothing but AUTH LOGIN to its address (a single one of --from)
    #[arg(long, value_enum)]
    pub(crate) lenient_login_only: Option<Switch>,
    /// For an old device: make its bare line feeds whole line ends, instead of refusing its mail
    #[arg(long, value_enum)]
    pub(crate) lenient_bare_lf: Option<Switch>,
    /// For an old device: wrap its lines over 998 octets
    #[arg(long, value_enum)]
    pub(crate) lenient_long_lines: Option<Switch>,
    /// It signs in from anywhere
    #[arg(long, conflicts_with = "from")]
    pub(crate) from_anywhere: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AccountTest {
    /// Its address
    pub(crate) address: Address,
    /// The address the client would come from; without it the address list is not asked
    #[arg(long, value_name = "IP")]
    pub(crate) from_address: Option<IpAddr>,
    /// The TLS client certificate that it would show
    #[arg(long, value_name = "FILE|SHA256", value_parser = certificate)]
    pub(crate) certificate: Option<CertificateFingerprint>,
    /// How it would sign in
    #[arg(long, value_enum, default_value_t)]
    pub(crate) mechanism: SignInMechanism,
}

/// A way of signing in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignInMechanism {
    /// AUTH LOGIN, with a password
    Login,
    /// AUTH PLAIN, with a password
    #[default]
    Plain,
    /// SCRAM-SHA-256, with or without -PLUS: with a password that is not sent
    #[value(aliases = ["scram-sha-256", "scram-sha-256-plus"])]
    Scram,
    /// XOAUTH2 and OAUTHBEARER: with an access token
    #[value(aliases = ["xoauth2", "oauthbearer"])]
    Oauth,
    /// EXTERNAL: with a TLS client certificate alone
    External,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Yes
    On,
    /// No
    Off,
}

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

/// The name of a policy, or none.
#[derive(Clone, Debug)]
pub(crate) struct NamedPolicy(pub(crate) Option<PolicyName>);

fn policy(text: &str) -> Result<NamedPolicy, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(NamedPolicy(None));
    }
    let name = text.parse().map_err(|error| format!("{error}"));
    name.map(|name| NamedPolicy(Some(name)))
}

fn certificate(text: &str) -> Result<CertificateFingerprint, String> {
    text.parse().or_else(|error: CertificateFingerprintError| {
        let file = hve_service::tls::read_fingerprint(Path::new(text));
        file.map_err(|unread| format!("{unread}, and {error}"))
    })
}

/// A network in CIDR form, or one address. Bits beyond the prefix are dropped, and IPv4 written as
/// IPv6 is IPv4.
fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| format!("write 192.0.2.0/24, 2001:db8::/32 or one address, not {text:?}"))?;
    let mapped = matches!(network, IpNet::V6(six) if six.addr().to_ipv4_mapped().is_some());
    if mapped {
        return Err(format!("write {text:?} as an IPv4 network"));
    }
    Ok(network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_trimmed() {
        let shown = |text| network(text).map(|network| network.to_string());
        assert_eq!(shown("192.0.2.7/24"), Ok("192.0.2.0/24".into()));
        assert_eq!(shown("192.0.2.7"), Ok("192.0.2.7/32".into()));
        assert_eq!(shown("::ffff:192.0.2.7"), Ok("192.0.2.7/32".into()));
        assert_eq!(shown("2001:db8::1/32"), Ok("2001:db8::/32".into()));
        for bad in ["192.0.2.0/33", "::ffff:192.0.2.0/120", "office", ""] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
