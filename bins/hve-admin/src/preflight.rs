//! `account test`: every rule of sign-in an account would meet, without signing in.

use std::net::{IpAddr, Ipv4Addr};

use hve_auth::{Attempt, Method, RuleBlock, SignInRefusal, SignInRule, SignInVerdict};
use hve_types::{Account, CertificateFingerprint, Tenant};
use serde_json::{Value, json};

use crate::{
    cli::{AccountTest, SignInMechanism},
    desk::Desk,
    failure::Result,
    guard, means,
    output::{self, Answer},
};

/// The exit code where a rule blocks the sign-in.
const BLOCKED: u8 = 5;

/// What is known of the client whose sign-in is tried.
#[derive(Clone, Copy, Default)]
pub(crate) struct Given {
    from: Option<IpAddr>,
    certificate: Option<CertificateFingerprint>,
    mechanism: SignInMechanism,
}

/// What one rule said, and how to lift it where it blocks.
pub(crate) struct Finding {
    rule: &'static str,
    verdict: &'static str,
    text: String,
    lift: Option<String>,
}

impl Finding {
    pub(crate) const fn passes(rule: &'static str, text: String) -> Self {
        Self {
            rule,
            verdict: "passes",
            text,
            lift: None,
        }
    }

    pub(crate) const fn blocks(rule: &'static str, text: String, lift: String) -> Self {
        Self {
            rule,
            verdict: "blocks",
            text,
            lift: Some(lift),
        }
    }
}

pub(crate) fn test(args: &AccountTest, desk: &Desk) -> Result<Answer> {
    let account = desk.account(&args.address)?;
    let tenant = desk.tenant_of(&account)?;
    let given = Given {
        from: args.from_address,
        certificate: args.certificate,
        mechanism: args.mechanism,
    };
    let mut findings = findings(&tenant, &account, given, desk);
    if means::method(given.mechanism) == Method::Password {
        findings.insert(0, guard::finding(&account, given.from, desk)?);
    }
    let allowed = allowed(&findings);
    let mut text = text(&findings);
    let with = means::with(args.mechanism);
    text.push_str(&match allowed {
        true => format!("\nNothing blocks a sign-in with {with}.\n"),
        false => "\nThis account cannot sign in.\n".to_owned(),
    });
    let json = json!({
        "account": account.address.as_str(),
        "allowed": allowed,
        "rules": json_of(&findings),
    });
    let mut answer = Answer::new(text, json);
    answer.code = if allowed { 0 } else { BLOCKED };
    Ok(answer)
}

/// What the account has to sign in with, and the verdict of every rule about that, in the order
/// the server asks them.
pub(crate) fn findings(
    tenant: &Tenant,
    account: &Account,
    given: Given,
    desk: &Desk,
) -> Vec<Finding> {
    let attempt = Attempt {
        from: given.from.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
        method: means::method(given.mechanism),
        certificate: given.certificate,
    };
    let asked = |rule| match (rule, given.from) {
        (SignInRule::Networks, None) if !account.sign_in.networks.is_empty() => not_asked(),
        _ => finding(
            rule,
            rule.verdict(tenant, account, attempt, desk.clock.now),
            (tenant, account),
        ),
    };
    let who = (tenant, account);
    let mut findings = means::findings(given.mechanism, who, given.from, desk);
    findings.extend(SignInRule::ALL.map(asked));
    findings
}

pub(crate) fn allowed(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != "blocks")
}

pub(crate) fn text(findings: &[Finding]) -> String {
    let mut rows = Vec::new();
    for finding in findings {
        rows.push([
            finding.verdict.to_owned(),
            finding.rule.to_owned(),
            finding.text.clone(),
        ]);
        if let Some(lift) = &finding.lift {
            rows.push([String::new(), String::new(), format!("→ {lift}")]);
        }
    }
    output::table(&["verdict", "rule", "why"], 3, rows)
}

pub(crate) fn json_of(findings: &[Finding]) -> Vec<Value> {
    findings
        .iter()
        .map(|finding| {
            json!({
                "rule": finding.rule,
                "verdict": finding.verdict,
                "text": finding.text,
                "lift": finding.lift,
            })
        })
        .collect()
}

fn not_asked() -> Finding {
    Finding {
        rule: name(SignInRule::Networks),
        verdict: "not-asked",
        text: "the account has an address list; give --from-address".into(),
        lift: None,
    }
}

fn finding(rule: SignInRule, verdict: SignInVerdict, who: (&Tenant, &Account)) -> Finding {
    let (word, text, lift) = match verdict {
        SignInVerdict::Blocks(refusal) => {
            ("blocks", refusal.to_string(), lift(&refusal, who))
        }
        SignInVerdict::Exempt => ("exempt", exemption(who.1), None),
        SignInVerdict::NoEffect => (
            "passes",
            "smtp-client-authentication-disabled is on; it is about mailboxes, and has no effect here"
                .into(),
            None,
        ),
        _ => ("passes", String::new(), None),
    };
    Finding {
        rule: name(rule),
        verdict: word,
        text,
        lift,
    }
}

fn exemption(account: &Account) -> String {
    let reason = account.sign_in.exemption.as_ref();
    let reason = reason.map_or("", |exemption| exemption.reason.as_str());
    format!("the account is exempt: {reason}")
}

/// The command that takes the block away.
fn lift(refusal: &SignInRefusal, (tenant, account): (&Tenant, &Account)) -> Option<String> {
    let address = &account.address;
    Some(match refusal {
        SignInRefusal::TenantSuspended(_) => format!("hve-admin tenant resume {}", tenant.name),
        SignInRefusal::AccountSuspended(_) => format!("hve-admin account resume {address}"),
        SignInRefusal::Rule(RuleBlock::Network(from)) => {
            format!(
                "hve-admin sign-in account {address} --from NETWORK … with one that holds {from}, or --from-anywhere"
            )
        }
        SignInRefusal::Rule(RuleBlock::Certificate(_) | RuleBlock::CertificateAlone) => format!(
            "hve-admin sign-in account {address} --require-certificate off, or give --certificate \
             with the one the client shows"
        ),
        SignInRefusal::Rule(RuleBlock::Hours(_)) => {
            format!("hve-admin sign-in account {address} --hours HOURS, or --at-any-time")
        }
        SignInRefusal::Rule(RuleBlock::Policy { name, .. }) => format!(
            "hve-admin sign-in policy set '{name}' --tenant {} --allow-basic-auth-smtp on, or \
             hve-admin sign-in account {address} --exempt REASON --until WHEN; or use OAuth, see --mechanism oauth",
            tenant.name
        ),
        SignInRefusal::Rule(RuleBlock::SecurityDefaults { .. }) => format!(
            "hve-admin sign-in account {address} --exempt REASON --until WHEN, or \
             hve-admin sign-in set --tenant {} --security-defaults off; or use OAuth, see --mechanism oauth",
            tenant.name
        ),
        _ => return None,
    })
}

/// The stable name of a rule.
fn name(rule: SignInRule) -> &'static str {
    match rule {
        SignInRule::TenantState => "tenant-state",
        SignInRule::AccountState => "account-state",
        SignInRule::Networks => "address-list",
        SignInRule::Hours => "hours",
        SignInRule::Certificate => "certificate",
        SignInRule::SecurityDefaults => "security-defaults",
        SignInRule::AuthenticationPolicy => "authentication-policy",
        SignInRule::TransportConfig => "transport-config",
        // The rules may grow; one without a name of its own is still shown.
        _ => "rule",
    }
}
