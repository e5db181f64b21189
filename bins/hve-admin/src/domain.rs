//! `domain`: where a tenant's accounts may send to.

use hve_store::AcceptedDomain;
use hve_types::Tenant;
use serde_json::{Value, json};

use crate::{
    cli::DomainVerb,
    confirm::confirm,
    desk::Desk,
    failure::Result,
    output::{self, Answer},
    shapes::{domain_json, kind_text},
};

pub(crate) fn run(verb: DomainVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        DomainVerb::Add {
            domain,
            tenant,
            kind,
        } => {
            let tenant = desk.choose(&tenant)?;
            let domain = desk
                .store
                .add_domain(tenant.id, &domain, kind.into(), &desk.act)?;
            let text = format!(
                "domain {} accepted for {}: {}\n",
                domain.name,
                tenant.name,
                kind_text(domain.kind)
            );
            Ok(Answer::new(text, owned_json(&domain, &tenant)))
        }
        DomainVerb::List { tenant } => {
            let tenant = desk.choose(&tenant)?;
            let domains = desk.store.domains(tenant.id)?;
            let rows = domains.iter().map(|domain| {
                [
                    domain.name.to_string(),
                    domain.kind.as_str().to_owned(),
                    kind_text(domain.kind).to_owned(),
                ]
            });
            let text = output::table(&["domain", "kind", "meaning"], 3, rows);
            let values: Vec<_> = domains
                .iter()
                .map(|domain| owned_json(domain, &tenant))
                .collect();
            Ok(Answer::new(text, values.into()))
        }
        DomainVerb::Remove {
            domain,
            confirmation,
        } => {
            let tenant = desk.tenant(Some(&domain))?;
            let question = format!(
                "Accept {domain} no longer for {}, and remove its recipients?",
                tenant.name
            );
            confirm(&question, &confirmation)?;
            desk.store.remove_domain(tenant.id, &domain, &desk.act)?;
            let json = json!({"removed": {
                "domain": domain.as_str(),
                "tenant": tenant.name.as_str(),
            }});
            Ok(Answer::new(format!("domain {domain} removed\n"), json))
        }
    }
}

fn owned_json(domain: &AcceptedDomain, tenant: &Tenant) -> Value {
    let mut json = domain_json(domain);
    if let Some(members) = json.as_object_mut() {
        members.insert("tenant".into(), tenant.name.as_str().into());
    }
    json
}
