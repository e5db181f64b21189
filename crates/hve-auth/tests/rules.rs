//! Which rule keeps out whom, and who is exempt.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can not be set up has failed"
)]

use std::net::IpAddr;

use hve_auth::{Attempt, Method, RuleBlock, SignInRefusal, SignInRule, SignInVerdict, check_rules};
use hve_types::{
    Account, AccountId, AccountLimits, AccountSignIn, AuthenticationPolicy, CertificateFingerprint,
    Exemption, Issuer, PolicyName, State, Tenant, TenantId, TenantLimits, TenantSignIn,
};
use time::{UtcDateTime, macros::utc_datetime};

const NOW: UtcDateTime = utc_datetime!(2026-11-24 6:00);

struct Site {
    tenant: Tenant,
    account: Account,
}

impl Site {
    fn new() -> Self {
        Self {
            tenant: Tenant {
                id: TenantId(1),
                name: "contoso.test".parse().unwrap(),
                limits: TenantLimits::default(),
                sign_in: TenantSignIn::default(),
                state: State::Active,
                postmaster: None,
                created_at: NOW,
            },
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
                credential_version: 1,
                secrets: Vec::new(),
            },
        }
    }

    fn policy(&mut self, text: &str, allow_basic_auth_smtp: bool) -> PolicyName {
        let name: PolicyName = text.parse().unwrap();
        let policy = AuthenticationPolicy {
            allow_basic_auth_smtp,
        };
        self.tenant.sign_in.policies.insert(name.clone(), policy);
        name
    }

    fn exempt(&mut self, until: Option<UtcDateTime>) {
        self.account.sign_in.exemption = Some(Exemption {
            reason: "scanner without OAuth".into(),
            actor: "operator".into(),
            since: NOW,
            until,
        });
    }

    fn by(&self, method: Method) -> Result<(), SignInRefusal> {
        let from = IpAddr::from([192, 0, 2, 1]);
        check_rules(
            &self.tenant,
            &self.account,
            Attempt {
                from,
                method,
                certificate: None,
            },
            NOW,
        )
    }

    fn from(&self, from: &str) -> Result<(), SignInRefusal> {
        let attempt = Attempt {
            from: from.parse().unwrap(),
            method: Method::Password,
            certificate: None,
        };
        check_rules(&self.tenant, &self.account, attempt, NOW)
    }
}

fn policy_block(name: &str, own: bool) -> Result<(), SignInRefusal> {
    Err(SignInRefusal::Rule(RuleBlock::Policy {
        name: name.into(),
        own,
        oauth: false,
    }))
}

#[test]
fn without_rules_a_password_does() {
    assert_eq!(Site::new().by(Method::Password), Ok(()));
}

#[test]
fn security_defaults_stop_passwords_and_not_tokens() {
    let mut site = Site::new();
    site.tenant.sign_in.security_defaults = true;
    let block = Err(SignInRefusal::Rule(RuleBlock::SecurityDefaults {
        oauth: false,
    }));
    assert_eq!(site.by(Method::Password), block);
    assert_eq!(site.by(Method::Token), Ok(()));
    // A policy that allows passwords is no exemption from security defaults.
    site.account.sign_in.policy = Some(site.policy("Allow", true));
    assert_eq!(site.by(Method::Password), block);
}

#[test]
fn oauth_is_named_as_a_way_where_it_is_one() {
    let mut site = Site::new();
    site.tenant.sign_in.security_defaults = true;
    let words = |site: &Site| site.by(Method::Password).unwrap_err().to_string();
    assert!(!words(&site).contains("OAuth"), "{}", words(&site));
    site.tenant.sign_in.issuers.push(Issuer {
        url: "https://id.contoso.test".into(),
        audiences: vec!["smtp".into()],
        directory: None,
    });
    assert!(words(&site).contains("sign in with OAuth"));
    site.tenant.sign_in.security_defaults = false;
    site.tenant.sign_in.default_policy = Some(site.policy("Block", false));
    assert!(words(&site).contains("sign in with OAuth"));
}

#[test]
fn an_accounts_own_policy_beats_the_default_both_ways() {
    let mut site = Site::new();
    let (allow, block) = (site.policy("Allow", true), site.policy("Block", false));
    site.tenant.sign_in.default_policy = Some(block.clone());
    assert_eq!(site.by(Method::Password), policy_block("Block", false));
    assert_eq!(site.by(Method::Token), Ok(()));
    site.account.sign_in.policy = Some(allow.clone());
    assert_eq!(site.by(Method::Password), Ok(()));
    site.tenant.sign_in.default_policy = Some(allow);
    site.account.sign_in.policy = Some(block);
    assert_eq!(site.by(Method::Password), policy_block("Block", true));
}

#[test]
fn a_policy_that_is_not_there_allows_nothing() {
    let mut site = Site::new();
    site.account.sign_in.policy = Some("Gone".parse().unwrap());
    assert_eq!(site.by(Method::Password), policy_block("Gone", true));
}

#[test]
fn an_exemption_lifts_both_rules_until_it_ends() {
    let mut site = Site::new();
    site.tenant.sign_in.security_defaults = true;
    site.account.sign_in.policy = Some(site.policy("Block", false));
    site.exempt(Some(utc_datetime!(2026-11-24 6:00:01)));
    assert_eq!(site.by(Method::Password), Ok(()));
    site.exempt(Some(NOW));
    assert!(site.by(Method::Password).is_err());
    site.exempt(None);
    assert_eq!(site.by(Method::Password), Ok(()));
}

#[test]
fn the_transport_switch_has_no_effect_and_says_so() {
    let mut site = Site::new();
    site.tenant.sign_in.smtp_client_authentication_disabled = true;
    assert_eq!(site.by(Method::Password), Ok(()));
    let attempt = Attempt {
        from: IpAddr::from([192, 0, 2, 1]),
        method: Method::Password,
        certificate: None,
    };
    let verdict = SignInRule::TransportConfig.verdict(&site.tenant, &site.account, attempt, NOW);
    assert_eq!(verdict, SignInVerdict::NoEffect);
}

#[test]
fn an_address_list_binds_whatever_the_method_and_the_exemption() {
    let mut site = Site::new();
    site.exempt(None);
    site.account.sign_in.networks = vec![
        "192.0.2.0/28".parse().unwrap(),
        "2001:db8:7::/48".parse().unwrap(),
    ];
    for inside in ["192.0.2.15", "::ffff:192.0.2.1", "2001:db8:7:1::9"] {
        assert_eq!(site.from(inside), Ok(()), "{inside}");
    }
    for outside in [
        "192.0.2.16",
        "::ffff:192.0.2.16",
        "2001:db8:8::1",
        "::192.0.2.1",
    ] {
        let refused = site.from(outside).unwrap_err();
        assert!(
            matches!(refused, SignInRefusal::Rule(RuleBlock::Network(_))),
            "{outside}"
        );
    }
}

#[test]
fn hours_bind_exempt_accounts_and_tokens_too() {
    let mut site = Site::new();
    site.exempt(None);
    // NOW is 07:00 in Berlin.
    site.account.sign_in.hours = Some("Europe/Berlin Tue 06:00-08:00".parse().unwrap());
    assert_eq!(site.by(Method::Token), Ok(()));
    let closed = "Europe/Berlin Tue 08:00-20:00";
    site.account.sign_in.hours = Some(closed.parse().unwrap());
    for method in [Method::Password, Method::Token] {
        let block = RuleBlock::Hours(closed.into());
        assert!(block.to_string().contains("Tue 08:00-20:00"));
        assert_eq!(site.by(method), Err(SignInRefusal::Rule(block)));
    }
}

#[test]
fn a_required_certificate_comes_on_top_of_the_secret() {
    let mut site = Site::new();
    let [ours, other] = [1, 2].map(|n| CertificateFingerprint::from_bytes([n; 32]));
    let check = |site: &Site, certificate| {
        let attempt = Attempt {
            from: IpAddr::from([192, 0, 2, 1]),
            method: Method::Password,
            certificate,
        };
        check_rules(&site.tenant, &site.account, attempt, NOW)
    };
    site.account.sign_in.certificates.fingerprints = vec![ours];
    assert_eq!(check(&site, None), Ok(()), "known, and not required");
    site.account.sign_in.certificates.required = true;
    assert_eq!(check(&site, Some(ours)), Ok(()));
    let alone = Attempt {
        from: IpAddr::from([192, 0, 2, 1]),
        method: Method::Certificate,
        certificate: Some(ours),
    };
    let block = Err(SignInRefusal::Rule(RuleBlock::CertificateAlone));
    assert_eq!(check_rules(&site.tenant, &site.account, alone, NOW), block);
    for shown in [None, Some(other)] {
        let block = RuleBlock::Certificate(shown);
        assert_eq!(check(&site, shown), Err(SignInRefusal::Rule(block)));
    }
}

#[test]
fn security_defaults_do_not_stop_certificates() {
    let mut site = Site::new();
    site.tenant.sign_in.security_defaults = true;
    site.account.sign_in.policy = Some(site.policy("Block", false));
    assert_eq!(site.by(Method::Certificate), Ok(()));
}
