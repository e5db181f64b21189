//! `sign-in`: the rules about signing in, of a tenant and of one account.

use hve_types::{Account, AuthenticationPolicy, Exemption, PolicyName, Tenant};
use serde_json::{Value, json};

use crate::{
    cli::{NamedPolicy, SignInAccount, SignInPolicyVerb, SignInSet, SignInVerb, TenantChoice},
    confirm::confirm,
    desk::Desk,
    failure::{Failure, Result},
    oauth,
    output::{self, Answer},
    preflight,
    when::rfc3339,
};

pub(crate) fn run(verb: SignInVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        SignInVerb::Show { tenant } => shown(&desk.choose(&tenant)?, desk),
        SignInVerb::Set(set) => self::set(set, desk),
        SignInVerb::Account(change) => account(change, desk),
        SignInVerb::Policy(verb) => policy(verb, desk),
        SignInVerb::Issuer(verb) => oauth::issuer(verb, desk),
        SignInVerb::App(verb) => oauth::app(verb, desk),
    }
}

fn set(set: SignInSet, desk: &Desk) -> Result<Answer> {
    let tenant = desk.choose(&set.tenant)?;
    let given = set.changes;
    let tenant = desk.store.change_tenant_sign_in(
        tenant.id,
        |rules| {
            if let Some(switch) = given.security_defaults {
                rules.security_defaults = switch.is_on();
            }
            if let Some(NamedPolicy(policy)) = given.default_policy {
                rules.default_policy = policy;
            }
            if let Some(switch) = given.smtp_client_authentication_disabled {
                rules.smtp_client_authentication_disabled = switch.is_on();
            }
        },
        &desk.act,
    )?;
    shown(&tenant, desk)
}

fn policy(verb: SignInPolicyVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        SignInPolicyVerb::Add {
            name,
            tenant,
            allow_basic_auth_smtp,
        } => {
            let tenant = desk.choose(&tenant)?;
            if tenant.sign_in.policies.contains_key(&name) {
                return Err(
                    Failure::refused(format!("the policy \"{name}\" exists already"))
                        .hint("change it with `sign-in policy set`"),
                );
            }
            put(&tenant, name, allow_basic_auth_smtp.is_on(), desk)
        }
        SignInPolicyVerb::Set {
            name,
            tenant,
            allow_basic_auth_smtp,
        } => {
            let tenant = known(&tenant, &name, desk)?;
            put(&tenant, name, allow_basic_auth_smtp.is_on(), desk)
        }
        SignInPolicyVerb::Remove {
            name,
            tenant,
            confirmation,
        } => {
            let tenant = known(&tenant, &name, desk)?;
            confirm(&format!("Remove the policy \"{name}\"?"), &confirmation)?;
            let tenant = desk.store.remove_policy(tenant.id, &name, &desk.act)?;
            shown(&tenant, desk)
        }
    }
}

fn known(tenant: &TenantChoice, name: &PolicyName, desk: &Desk) -> Result<Tenant> {
    let tenant = desk.choose(tenant)?;
    if tenant.sign_in.policies.contains_key(name) {
        return Ok(tenant);
    }
    Err(hve_store::ChangeError::UnknownPolicy(name.clone()).into())
}

fn put(tenant: &Tenant, name: PolicyName, allow: bool, desk: &Desk) -> Result<Answer> {
    let policy = AuthenticationPolicy {
        allow_basic_auth_smtp: allow,
    };
    let tenant = desk.store.change_tenant_sign_in(
        tenant.id,
        |rules| {
            rules.policies.insert(name, policy);
        },
        &desk.act,
    )?;
    shown(&tenant, desk)
}

fn account(change: SignInAccount, desk: &Desk) -> Result<Answer> {
    let id = desk.account(&change.address)?.id;
    if let Some(until) = change.until
        && until <= desk.clock.now
    {
        let until = desk.clock.show(until);
        return Err(Failure::usage(format!(
            "--until {until} has passed already"
        )));
    }
    let given = change.changes;
    if given.exempt.is_some() && change.until.is_none() && !change.without_end {
        return Err(Failure::usage("an exemption needs an end".to_owned())
            .hint("give --until with a moment such as 2027-06-30T00:00:00Z, or --without-end"));
    }
    let account = desk.store.change_account_sign_in(
        id,
        |rules| {
            if let Some(NamedPolicy(policy)) = given.policy {
                rules.policy = policy;
            }
            if let Some(reason) = given.exempt {
                rules.exemption = Some(Exemption {
                    reason,
                    actor: desk.act.actor.clone(),
                    since: desk.act.at,
                    until: change.until,
                });
            }
            if given.not_exempt {
                rules.exemption = None;
            }
            if let Some(switch) = given.lenient_bare_lf {
                rules.leniency.bare_lf = switch.is_on();
            }
            if let Some(switch) = given.lenient_long_lines {
                rules.leniency.long_lines = switch.is_on();
            }
            if let Some(switch) = given.lenient_login_only {
                rules.leniency.login_only = switch.is_on();
            }
            if given.no_certificate || !given.certificate.is_empty() {
                rules.certificates.fingerprints = given.certificate;
            }
            if let Some(switch) = given.require_certificate {
                rules.certificates.required = switch.is_on();
            }
            if given.from_anywhere || !given.from.is_empty() {
                rules.networks = given.from;
            }
            if given.at_any_time || given.hours.is_some() {
                rules.hours = given.hours;
            }
        },
        &desk.act,
    )?;
    let tenant = desk.tenant_of(&account)?;
    let findings = preflight::findings(&tenant, &account, Default::default(), desk);
    let text = format!(
        "{}\nWhat a sign-in with the right password meets now:\n{}",
        output::pairs(&pairs(&account, desk)),
        preflight::text(&findings)
    );
    let mut json = account_json(&account);
    if let Some(members) = json.as_object_mut() {
        members.insert("rules".into(), preflight::json_of(&findings).into());
    }
    Ok(Answer::new(text, json))
}

fn pairs(account: &Account, desk: &Desk) -> [(&'static str, String); 8] {
    let of = &account.sign_in;
    let exemption = of.exemption.as_ref().map(|exemption| {
        let until = exemption.until.map(|until| desk.clock.show(until));
        let until = until
            .map(|until| format!(" until {until}"))
            .unwrap_or_default();
        let over = if exemption.holds(desk.clock.now) {
            ""
        } else {
            " (over)"
        };
        format!("by {}{until}{over}: {}", exemption.actor, exemption.reason)
    });
    [
        ("account", account.address.to_string()),
        ("own policy", name_or(of.policy.as_ref(), "-")),
        ("exemption", exemption.unwrap_or_else(|| "-".into())),
        ("signs in from", networks(account)),
        (
            "signs in at",
            of.hours
                .as_ref()
                .map_or_else(|| "any time".to_owned(), ToString::to_string),
        ),
        ("certificates", certificates(account)),
        ("forgiven", leniency(account)),
        ("lets in", oauth::apps_text(account)),
    ]
}

/// Each leniency is a finding: it is there for one device, and should go with it.
fn leniency(account: &Account) -> String {
    let of = account.sign_in.leniency;
    let words = [
        (of.bare_lf, "bare line feeds are made line ends"),
        (of.long_lines, "lines over 998 octets are wrapped"),
        (
            of.login_only && account.sign_in.single_addresses().next().is_some(),
            "its addresses are offered AUTH LOGIN only",
        ),
        (
            of.login_only && account.sign_in.single_addresses().next().is_none(),
            "AUTH LOGIN only, without effect: name its very address with --from",
        ),
    ];
    let words: Vec<&str> = words
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, word)| *word)
        .collect();
    if words.is_empty() {
        "nothing".into()
    } else {
        words.join(", ")
    }
}

fn certificates(account: &Account) -> String {
    let of = &account.sign_in.certificates;
    let mut words: Vec<String> = of.fingerprints.iter().map(ToString::to_string).collect();
    if of.required {
        words.push("required beside the secret".into());
    }
    if words.is_empty() {
        return "-".into();
    }
    words.join(", ")
}

fn networks(account: &Account) -> String {
    let networks = &account.sign_in.networks;
    if networks.is_empty() {
        return "anywhere".into();
    }
    let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
    networks.join(", ")
}

fn name_or(name: Option<&PolicyName>, none: &str) -> String {
    name.map_or_else(|| none.to_owned(), ToString::to_string)
}

fn account_json(account: &Account) -> Value {
    let of = &account.sign_in;
    let fingerprints = of.certificates.fingerprints.iter();
    let fingerprints: Vec<String> = fingerprints.map(ToString::to_string).collect();
    json!({
        "account": account.address.as_str(),
        "policy": of.policy.as_ref().map(PolicyName::as_str),
        "exemption": of.exemption.as_ref().map(|exemption| json!({
            "reason": exemption.reason,
            "actor": exemption.actor,
            "since": rfc3339(exemption.since),
            "until": exemption.until.map(rfc3339),
        })),
        "leniency": {
            "bare_lf": of.leniency.bare_lf,
            "long_lines": of.leniency.long_lines,
            "login_only": of.leniency.login_only,
        },
        "certificates": {
            "fingerprints": fingerprints,
            "required": of.certificates.required,
        },
        "hours": of.hours.as_ref().map(ToString::to_string),
        "from": of.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "apps": oauth::apps_json(account),
    })
}

const fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn shown(tenant: &Tenant, desk: &Desk) -> Result<Answer> {
    let rules = &tenant.sign_in;
    let mut text = output::pairs(&[
        ("tenant", tenant.name.to_string()),
        (
            "security defaults",
            on_off(rules.security_defaults).to_owned(),
        ),
        (
            "default policy",
            name_or(rules.default_policy.as_ref(), "- (a password does)"),
        ),
        (
            "smtp client authentication disabled",
            format!(
                "{} (no effect on these accounts)",
                on_off(rules.smtp_client_authentication_disabled)
            ),
        ),
    ]);
    if !rules.policies.is_empty() {
        let rows = rules.policies.iter().map(|(name, policy)| {
            [
                name.to_string(),
                on_off(policy.allow_basic_auth_smtp).to_owned(),
            ]
        });
        text.push('\n');
        text.push_str(&output::table(
            &["policy", "allow basic auth smtp"],
            2,
            rows,
        ));
    }
    text.push_str(&oauth::issuers_text(tenant));
    let accounts = desk.store.accounts(tenant.id)?;
    let special = || {
        accounts
            .iter()
            .filter(|of| of.sign_in != Default::default())
    };
    for account in special() {
        text.push('\n');
        text.push_str(&output::pairs(&pairs(account, desk)));
    }
    let policies: Vec<Value> = rules
        .policies
        .iter()
        .map(|(name, policy)| {
            json!({"name": name.as_str(), "allow_basic_auth_smtp": policy.allow_basic_auth_smtp})
        })
        .collect();
    let json = json!({
        "tenant": tenant.name.as_str(),
        "security_defaults": rules.security_defaults,
        "default_policy": rules.default_policy.as_ref().map(PolicyName::as_str),
        "smtp_client_authentication_disabled": rules.smtp_client_authentication_disabled,
        "policies": policies,
        "issuers": oauth::issuers_json(tenant),
        "accounts": special().map(account_json).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}
