//! `tenant`: organisations, their limits and their state.

use hve_store::NewTenant;
use hve_types::{Domain, Tenant, TenantLimits};
use serde_json::json;

use crate::{
    cli::{TenantLimitArgs, TenantVerb},
    confirm::confirm,
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
    shapes::{state_word, tenant_json, tenant_text},
    size::{Named, show_ceiling, show_octets},
};

pub(crate) fn run(verb: TenantVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        TenantVerb::Add {
            domain,
            kind,
            limits,
        } => {
            let mut new = NewTenant {
                name: domain,
                kind: kind.into(),
                limits: TenantLimits::default(),
            };
            apply(&limits, &mut new.limits);
            let tenant = desk.store.add_tenant(&new, &desk.act)?;
            said(desk, &tenant, "added")
        }
        TenantVerb::List => list(desk),
        TenantVerb::Show { tenant } => {
            let tenant = desk.tenant(tenant.as_ref())?;
            said(desk, &tenant, "")
        }
        TenantVerb::Set {
            tenant,
            limits,
            postmaster,
        } => set(desk, &tenant, &limits, postmaster),
        TenantVerb::Suspend { tenant, suspend } => {
            let until = suspend.until(&desk.clock)?;
            let id = desk.tenant(Some(&tenant))?.id;
            let tenant = desk
                .store
                .suspend_tenant(id, &suspend.reason, until, &desk.act)?;
            said(desk, &tenant, "suspended")
        }
        TenantVerb::Resume { tenant } => {
            let id = desk.tenant(Some(&tenant))?.id;
            let tenant = desk.store.resume_tenant(id, &desk.act)?;
            said(desk, &tenant, "resumed")
        }
        TenantVerb::Remove {
            tenant,
            confirmation,
        } => {
            let tenant = desk.tenant(Some(&tenant))?;
            let accounts = desk.store.accounts(tenant.id)?.len();
            let question = format!(
                "Remove tenant {} with its domains, {accounts} account(s) and recipients?",
                tenant.name
            );
            confirm(&question, &confirmation)?;
            desk.store.remove_tenant(tenant.id, &desk.act)?;
            let name = tenant.name.as_str();
            let json = json!({"removed": {"tenant": name, "accounts": accounts}});
            Ok(Answer::new(format!("tenant {name} removed\n"), json))
        }
    }
}

fn list(desk: &Desk) -> Result<Answer> {
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for tenant in desk.store.tenants()? {
        let domains = desk.store.domains(tenant.id)?;
        let accounts = desk.store.accounts(tenant.id)?.len();
        rows.push(vec![
            tenant.name.to_string(),
            state_word(&tenant.state, &desk.clock).to_owned(),
            domains.len().to_string(),
            format!("{accounts} of {}", tenant.limits.accounts),
            show_ceiling(tenant.limits.recipients_per_day),
            tenant.limits.recipients_per_message.to_string(),
            show_octets(tenant.limits.message_octets),
        ]);
        values.push(tenant_json(&tenant, &domains, &desk.clock));
    }
    let header = [
        "tenant",
        "state",
        "domains",
        "accounts",
        "recipients a day",
        "a message",
        "message size",
    ];
    let text = output::table(&header, 2, rows);
    Ok(Answer::new(text, values.into()))
}

fn set(
    desk: &Desk,
    name: &Domain,
    limits: &TenantLimitArgs,
    postmaster: Option<Named>,
) -> Result<Answer> {
    if limits.is_empty() && postmaster.is_none() {
        return Err(Failure::usage("nothing to change is given")
            .hint("such as --recipients-per-day 200000; see `tenant set --help`"));
    }
    let mut tenant = desk.tenant(Some(name))?;
    let (id, act) = (tenant.id, &desk.act);
    if let Some(Named(postmaster)) = postmaster {
        let store = &desk.store;
        tenant = store.set_postmaster(id, postmaster.as_ref(), act)?;
    }
    if !limits.is_empty() {
        let change = |changed: &mut TenantLimits| apply(limits, changed);
        tenant = desk.store.change_tenant_limits(id, change, act)?;
    }
    said(desk, &tenant, "changed")
}

fn apply(given: &TenantLimitArgs, limits: &mut TenantLimits) {
    if let Some(count) = given.recipients_per_day {
        limits.recipients_per_day = count;
    }
    if let Some(count) = given.recipients_per_message {
        limits.recipients_per_message = count;
    }
    if let Some(count) = given.accounts {
        limits.accounts = count;
    }
    if let Some(octets) = given.message_size {
        limits.message_octets = octets;
    }
    if let Some(count) = given.sessions_per_account {
        limits.sessions_per_account = count;
    }
}

impl TenantLimitArgs {
    const fn is_empty(&self) -> bool {
        self.recipients_per_day.is_none()
            && self.recipients_per_message.is_none()
            && self.accounts.is_none()
            && self.message_size.is_none()
            && self.sessions_per_account.is_none()
    }
}

fn said(desk: &Desk, tenant: &Tenant, deed: &str) -> Result<Answer> {
    let domains = desk.store.domains(tenant.id)?;
    let mut text = tenant_text(tenant, &domains, &desk.clock);
    if !deed.is_empty() {
        text = format!("tenant {} {deed}\n\n{text}", tenant.name);
    }
    Ok(Answer::new(
        text,
        tenant_json(tenant, &domains, &desk.clock),
    ))
}
