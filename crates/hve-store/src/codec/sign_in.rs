//! Rules of sign-in as JSON.

use std::collections::BTreeMap;

use hve_types::{
    AccountSignIn, AuthenticationPolicy, CertificateBinding, DeviceLeniency, Exemption, PolicyName,
    SignInHours, TenantSignIn,
};
use serde::{Deserialize, Serialize};

use super::{
    damaged, from_millis, json,
    oauth::{self, AppForm, IssuerForm},
    parse, to_millis,
};
use crate::StoreError;

#[derive(Serialize, Deserialize)]
struct TenantForm {
    security_defaults: bool,
    policies: BTreeMap<String, PolicyForm>,
    default_policy: Option<String>,
    smtp_client_authentication_disabled: bool,
    #[serde(default)]
    issuers: Vec<IssuerForm>,
}

#[derive(Serialize, Deserialize)]
struct PolicyForm {
    allow_basic_auth_smtp: bool,
}

#[derive(Serialize, Deserialize)]
struct AccountForm {
    policy: Option<String>,
    exemption: Option<ExemptionForm>,
    networks: Vec<String>,
    #[serde(default)]
    hours: Option<String>,
    #[serde(default)]
    certificates: CertificatesForm,
    // Rows of before the leniency have none.
    #[serde(default)]
    leniency: LeniencyForm,
    #[serde(default)]
    apps: Vec<AppForm>,
}

#[derive(Default, Serialize, Deserialize)]
struct CertificatesForm {
    fingerprints: Vec<String>,
    required: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct LeniencyForm {
    bare_lf: bool,
    long_lines: bool,
    #[serde(default)]
    login_only: bool,
}

#[derive(Serialize, Deserialize)]
struct ExemptionForm {
    reason: String,
    actor: String,
    since: i64,
    until: Option<i64>,
}

pub(crate) fn tenant_sign_in(of: &TenantSignIn) -> String {
    json(&TenantForm {
        security_defaults: of.security_defaults,
        policies: of
            .policies
            .iter()
            .map(|(name, policy)| {
                let allow_basic_auth_smtp = policy.allow_basic_auth_smtp;
                (
                    name.to_string(),
                    PolicyForm {
                        allow_basic_auth_smtp,
                    },
                )
            })
            .collect(),
        default_policy: of.default_policy.as_ref().map(ToString::to_string),
        smtp_client_authentication_disabled: of.smtp_client_authentication_disabled,
        issuers: oauth::issuer_forms(&of.issuers),
    })
}

pub(crate) fn to_tenant_sign_in(text: Option<&str>) -> Result<TenantSignIn, StoreError> {
    let Some(text) = text else {
        return Ok(TenantSignIn::default());
    };
    let form: TenantForm = parse("tenant sign-in", text)?;
    let mut policies = BTreeMap::new();
    for (
        name,
        PolicyForm {
            allow_basic_auth_smtp,
        },
    ) in form.policies
    {
        policies.insert(
            policy_name(&name)?,
            AuthenticationPolicy {
                allow_basic_auth_smtp,
            },
        );
    }
    Ok(TenantSignIn {
        security_defaults: form.security_defaults,
        policies,
        default_policy: form
            .default_policy
            .as_deref()
            .map(policy_name)
            .transpose()?,
        smtp_client_authentication_disabled: form.smtp_client_authentication_disabled,
        issuers: form.issuers.into_iter().map(Into::into).collect(),
    })
}

pub(crate) fn account_sign_in(of: &AccountSignIn) -> String {
    json(&AccountForm {
        policy: of.policy.as_ref().map(ToString::to_string),
        exemption: of.exemption.as_ref().map(|exemption| ExemptionForm {
            reason: exemption.reason.clone(),
            actor: exemption.actor.clone(),
            since: to_millis(exemption.since),
            until: exemption.until.map(to_millis),
        }),
        networks: of.networks.iter().map(ToString::to_string).collect(),
        hours: of.hours.as_ref().map(ToString::to_string),
        certificates: certificates(&of.certificates),
        leniency: LeniencyForm {
            bare_lf: of.leniency.bare_lf,
            long_lines: of.leniency.long_lines,
            login_only: of.leniency.login_only,
        },
        apps: oauth::app_forms(&of.apps),
    })
}

pub(crate) fn to_account_sign_in(text: Option<&str>) -> Result<AccountSignIn, StoreError> {
    let Some(text) = text else {
        return Ok(AccountSignIn::default());
    };
    let form: AccountForm = parse("account sign-in", text)?;
    let network = |text: &String| text.parse().map_err(|_| damaged("network", text));
    Ok(AccountSignIn {
        policy: form.policy.as_deref().map(policy_name).transpose()?,
        exemption: form.exemption.map(exemption).transpose()?,
        networks: form
            .networks
            .iter()
            .map(network)
            .collect::<Result<_, _>>()?,
        hours: form.hours.as_deref().map(hours).transpose()?,
        certificates: to_certificates(&form.certificates)?,
        leniency: DeviceLeniency {
            bare_lf: form.leniency.bare_lf,
            long_lines: form.leniency.long_lines,
            login_only: form.leniency.login_only,
        },
        apps: form.apps.into_iter().map(Into::into).collect(),
    })
}

fn exemption(form: ExemptionForm) -> Result<Exemption, StoreError> {
    Ok(Exemption {
        reason: form.reason,
        actor: form.actor,
        since: from_millis(form.since)?,
        until: form.until.map(from_millis).transpose()?,
    })
}

fn certificates(of: &CertificateBinding) -> CertificatesForm {
    CertificatesForm {
        fingerprints: of.fingerprints.iter().map(ToString::to_string).collect(),
        required: of.required,
    }
}

fn to_certificates(form: &CertificatesForm) -> Result<CertificateBinding, StoreError> {
    let read = |text: &String| text.parse().map_err(|_| damaged("certificate", text));
    Ok(CertificateBinding {
        fingerprints: form
            .fingerprints
            .iter()
            .map(read)
            .collect::<Result<_, _>>()?,
        required: form.required,
    })
}

fn hours(text: &str) -> Result<SignInHours, StoreError> {
    text.parse().map_err(|_| damaged("hours", text))
}

fn policy_name(text: &str) -> Result<PolicyName, StoreError> {
    text.parse().map_err(|_| damaged("policy name", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hve_types::{AllowedApp, Issuer};
    use time::macros::utc_datetime;

    #[test]
    fn rules_come_back_as_they_were_written() {
        let name: PolicyName = "Block Basic".parse().unwrap();
        let tenant = TenantSignIn {
            security_defaults: true,
            policies: [(name.clone(), AuthenticationPolicy::default())].into(),
            default_policy: Some(name.clone()),
            smtp_client_authentication_disabled: true,
            issuers: vec![
                Issuer {
                    url: "https://id.contoso.test/".into(),
                    audiences: vec!["https://smtp.contoso.test".into()],
                    directory: Some("72f988bf".into()),
                },
                Issuer {
                    url: "http://127.0.0.1:8080".into(),
                    audiences: vec!["a".into(), "b".into()],
                    directory: None,
                },
            ],
        };
        let text = tenant_sign_in(&tenant);
        assert_eq!(to_tenant_sign_in(Some(&text)).unwrap(), tenant);
        let account = AccountSignIn {
            policy: Some(name),
            exemption: Some(Exemption {
                reason: "old scanner".into(),
                actor: "operator".into(),
                since: utc_datetime!(2026-11-24 12:00),
                until: Some(utc_datetime!(2027-01-01 0:00)),
            }),
            networks: vec![
                "192.0.2.0/24".parse().unwrap(),
                "2001:db8::/32".parse().unwrap(),
            ],
            hours: Some("Europe/Berlin Mon-Fri 06:00-20:00".parse().unwrap()),
            certificates: CertificateBinding {
                fingerprints: vec!["ab".repeat(32).parse().unwrap()],
                required: true,
            },
            leniency: DeviceLeniency {
                bare_lf: true,
                long_lines: false,
                login_only: true,
            },
            apps: vec![AllowedApp {
                object_id: "af1c".into(),
                label: "payroll".into(),
            }],
        };
        let text = account_sign_in(&account);
        assert_eq!(to_account_sign_in(Some(&text)).unwrap(), account);
        assert_eq!(to_account_sign_in(None).unwrap(), AccountSignIn::default());
        assert!(
            to_account_sign_in(Some(r#"{"policy":"","exemption":null,"networks":[]}"#)).is_err()
        );
    }
}
