//! `sign-in issuer` and `sign-in app`: whose tokens are taken, and who comes in with them.

use hve_types::{Account, AllowedApp, Issuer, Tenant};
use serde_json::{Value, json};

use crate::{
    cli::{AppVerb, IssuerAdd, IssuerVerb},
    confirm::confirm,
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
};

pub(crate) fn issuer(verb: IssuerVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        IssuerVerb::Add(add) => add_issuer(add, desk),
        IssuerVerb::List { tenant } => Ok(issuers(&desk.choose(&tenant)?)),
        IssuerVerb::Remove {
            url,
            tenant,
            confirmation,
        } => {
            let tenant = desk.choose(&tenant)?;
            if !tenant.sign_in.issuers.iter().any(|of| of.url == url) {
                let what = format!("the tenant has no issuer {url}");
                let hint = "`hve-admin sign-in issuer list` shows those there are";
                return Err(Failure::not_found(what).hint(hint));
            }
            confirm(
                &format!("Take tokens of {url} no longer for {}?", tenant.name),
                &confirmation,
            )?;
            let tenant = desk.store.change_tenant_sign_in(
                tenant.id,
                |rules| rules.issuers.retain(|of| of.url != url),
                &desk.act,
            )?;
            Ok(issuers(&tenant))
        }
    }
}

fn add_issuer(add: IssuerAdd, desk: &Desk) -> Result<Answer> {
    let tenant = desk.choose(&add.tenant)?;
    let issuer = Issuer {
        url: add.url,
        audiences: add.audience,
        directory: add.directory,
    };
    let tenant = desk.store.change_tenant_sign_in(
        tenant.id,
        |rules| rules.issuers.push(issuer),
        &desk.act,
    )?;
    Ok(issuers(&tenant))
}

pub(crate) fn app(verb: AppVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        AppVerb::Add {
            address,
            object_id,
            label,
        } => {
            let account = desk.account(&address)?;
            let app = AllowedApp {
                object_id,
                label: label.unwrap_or_default(),
            };
            let account = desk.store.change_account_sign_in(
                account.id,
                |rules| rules.apps.push(app),
                &desk.act,
            )?;
            apps(&account, desk)
        }
        AppVerb::List { address } => apps(&desk.account(&address)?, desk),
        AppVerb::Remove {
            address,
            object_id,
            confirmation,
        } => {
            let account = desk.account(&address)?;
            let is_it = |of: &AllowedApp| of.object_id.eq_ignore_ascii_case(&object_id);
            if !account.sign_in.apps.iter().any(is_it) {
                let what = format!("{address} does not let {object_id} in");
                let hint = format!("`hve-admin sign-in app list {address}` shows whom it lets in");
                return Err(Failure::not_found(what).hint(hint));
            }
            confirm(
                &format!("Let {object_id} in no longer for {address}?"),
                &confirmation,
            )?;
            let account = desk.store.change_account_sign_in(
                account.id,
                |rules| rules.apps.retain(|of| !is_it(of)),
                &desk.act,
            )?;
            apps(&account, desk)
        }
    }
}

fn issuers(tenant: &Tenant) -> Answer {
    let text = match tenant.sign_in.issuers.is_empty() {
        true => format!(
            "{} takes no access tokens; name an issuer with `sign-in issuer add`\n",
            tenant.name
        ),
        false => issuer_table(tenant),
    };
    let json = json!({"tenant": tenant.name.as_str(), "issuers": issuers_json(tenant)});
    Answer::new(text, json)
}

fn issuer_table(tenant: &Tenant) -> String {
    let rows = tenant.sign_in.issuers.iter().map(|of| {
        [
            of.url.clone(),
            of.audiences.join(", "),
            of.directory.clone().unwrap_or_else(|| "-".into()),
        ]
    });
    output::table(&["issuer", "audience", "directory"], 3, rows)
}

fn apps(account: &Account, desk: &Desk) -> Result<Answer> {
    let of = &account.sign_in.apps;
    let mut text = match of.is_empty() {
        true => format!(
            "{} lets nobody in by OAuth; add an application with `sign-in app add`\n",
            account.address
        ),
        false => {
            let rows = of
                .iter()
                .map(|app| [app.object_id.clone(), app.label.clone()]);
            output::table(&["object id", "label"], 2, rows)
        }
    };
    let tenant = desk.tenant_of(account)?;
    if !of.is_empty() && tenant.sign_in.issuers.is_empty() {
        text.push_str(
            "\nThe tenant takes no access tokens yet; name an issuer with `sign-in issuer add`.\n",
        );
    }
    let json = json!({"account": account.address.as_str(), "apps": apps_json(account)});
    Ok(Answer::new(text, json))
}

/// A table below the rules of a tenant, where there is anything to show.
pub(crate) fn issuers_text(tenant: &Tenant) -> String {
    match tenant.sign_in.issuers.is_empty() {
        true => String::new(),
        false => format!("\n{}", issuer_table(tenant)),
    }
}

pub(crate) fn issuers_json(tenant: &Tenant) -> Vec<Value> {
    let issuers = tenant.sign_in.issuers.iter();
    issuers
        .map(|of| json!({"url": of.url, "audiences": of.audiences, "directory": of.directory}))
        .collect()
}

/// Whom an account lets in, in one line.
pub(crate) fn apps_text(account: &Account) -> String {
    let of = &account.sign_in.apps;
    if of.is_empty() {
        return "nobody by OAuth".into();
    }
    let words = of.iter().map(|app| match app.label.as_str() {
        "" => app.object_id.clone(),
        label => format!("{} ({label})", app.object_id),
    });
    words.collect::<Vec<_>>().join(", ")
}

pub(crate) fn apps_json(account: &Account) -> Vec<Value> {
    let apps = account.sign_in.apps.iter();
    apps.map(|app| json!({"object_id": app.object_id, "label": app.label}))
        .collect()
}
