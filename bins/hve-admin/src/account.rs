//! `account`: send-only accounts, their passwords and the settings of their devices.

use hve_store::{AccountChange, ChangeError, NewAccount};
use hve_types::{Account, AccountLimits, Address, Ceiling};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    cli::{AccountAdd, AccountSet, AccountVerb, SuspendArgs, TenantChoice},
    confirm::confirm,
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
    password::{self, Source},
    preflight,
    shapes::{account_json, account_text, device_json, device_text, state_word},
    size::{Named, Rate, show_ceiling},
    when::Clock,
};

pub(crate) fn run(verb: AccountVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        AccountVerb::Add(add) => self::add(add, desk),
        AccountVerb::List { tenant } => list(&tenant, desk),
        AccountVerb::Show { address } => {
            let account = desk.account(&address)?;
            said(desk, &account, "", None)
        }
        AccountVerb::Test(args) => preflight::test(&args, desk),
        AccountVerb::Set(set) => self::set(set, desk),
        AccountVerb::Suspend { address, suspend } => {
            let until = suspend.until(&desk.clock)?;
            let id = desk.account(&address)?.id;
            let account = desk
                .store
                .suspend_account(id, &suspend.reason, until, &desk.act)?;
            said(desk, &account, "suspended", None)
        }
        AccountVerb::Resume { address } => {
            let id = desk.account(&address)?.id;
            let account = desk.store.resume_account(id, &desk.act)?;
            said(desk, &account, "resumed", None)
        }
        AccountVerb::Remove {
            address,
            confirmation,
        } => {
            let account = desk.account(&address)?;
            let question = format!(
                "Remove account {} ({})?",
                account.address, account.display_name
            );
            confirm(&question, &confirmation)?;
            desk.store.remove_account(account.id, &desk.act)?;
            let json = json!({"removed": {
                "address": account.address.as_str(),
                "tenant": desk.tenant_of(&account)?.name.as_str(),
            }});
            Ok(Answer::new(format!("account {address} removed\n"), json))
        }
    }
}

fn add(add: AccountAdd, desk: &Desk) -> Result<Answer> {
    let tenant = desk.tenant(Some(&add.address.domain()))?;
    // Told before a password is asked for; the store decides again when it adds.
    if desk.store.account(&add.address)?.is_some() {
        return Err(ChangeError::AddressTaken(add.address).into());
    }
    let in_use = u32::try_from(desk.store.accounts(tenant.id)?.len()).unwrap_or(u32::MAX);
    let limit = tenant.limits.accounts;
    if in_use >= limit {
        return Err(ChangeError::AccountCap { limit, in_use }.into());
    }
    let source = match (add.password_stdin, add.generate_password) {
        (true, _) => Source::Stdin,
        (false, true) => Source::Random,
        (false, false) => Source::Prompt,
    };
    let password = password::obtain(source)?;
    let new = NewAccount {
        tenant: tenant.id,
        display_name: add.display_name.unwrap_or_else(|| add.address.to_string()),
        alias: add.alias.filter(|alias| !alias.is_empty()),
        limits: limits(add.recipients_per_day, add.messages_per_minute),
        password: password::stored(&password, &add.address, &desk.store)?,
        address: add.address,
    };
    let account = desk.store.add_account(&new, &desk.act)?;
    let shown = matches!(source, Source::Random).then_some(&password);
    let mut answer = said(desk, &account, "added", shown)?;
    let findings = preflight::findings(&tenant, &account, Default::default(), desk);
    if !preflight::allowed(&findings) {
        answer.text.push_str("\nIt cannot sign in yet:\n");
        answer.text.push_str(&preflight::text(&findings));
    }
    if let Some(members) = answer.json.as_object_mut() {
        members.insert("sign_in".into(), preflight::json_of(&findings).into());
    }
    Ok(answer)
}

fn set(set: AccountSet, desk: &Desk) -> Result<Answer> {
    let account = desk.account(&set.address)?;
    let given = set.changes;
    let password = match (given.password_stdin, given.new_password) {
        (true, _) => Some(password::obtain(Source::Stdin)?),
        (false, true) => Some(password::obtain(Source::Random)?),
        (false, false) => None,
    };
    let change = AccountChange {
        display_name: given.display_name,
        alias: given
            .alias
            .map(|alias| Some(alias).filter(|alias| !alias.is_empty())),
        recipients_per_day: given.recipients_per_day,
        messages_per_minute: given.messages_per_minute.map(|Rate(minute)| minute),
        bounce_to: given.bounce_to.map(|Named(address)| address),
        reply_to: given.reply_to.map(|Named(address)| address),
        password: password
            .as_ref()
            .map(|password| password::stored(password, &account.address, &desk.store))
            .transpose()?,
    };
    let account = desk.store.change_account(account.id, &change, &desk.act)?;
    let shown = password.as_ref().filter(|_| given.new_password);
    said(desk, &account, "changed", shown)
}

fn limits(day: Option<Ceiling>, minute: Option<Rate>) -> AccountLimits {
    let mut limits = AccountLimits::default();
    if let Some(day) = day {
        limits.recipients_per_day = day;
    }
    if let Some(Rate(minute)) = minute {
        limits.messages_per_minute = minute;
    }
    limits
}

fn list(choice: &TenantChoice, desk: &Desk) -> Result<Answer> {
    let tenant = desk.choose(choice)?;
    let accounts = desk.store.accounts(tenant.id)?;
    let rows = accounts.iter().map(|account| {
        let rate = account.limits.messages_per_minute;
        [
            account.address.to_string(),
            account.display_name.clone(),
            account.alias.clone().unwrap_or_else(|| "-".to_owned()),
            state_word(&account.state, &desk.clock).to_owned(),
            show_ceiling(account.limits.recipients_per_day),
            rate.map_or_else(|| "unlimited".to_owned(), |rate| rate.to_string()),
        ]
    });
    let header = [
        "account",
        "display name",
        "alias",
        "state",
        "recipients a day",
        "messages a minute",
    ];
    let mut text = output::table(&header, 4, rows);
    text.push_str(&format!(
        "{} of at most {} accounts\n",
        accounts.len(),
        tenant.limits.accounts
    ));
    let name = tenant.name.as_str();
    let values: Vec<Value> = accounts
        .iter()
        .map(|account| account_json(account, name, &desk.clock))
        .collect();
    Ok(Answer::new(text, values.into()))
}

/// The account and the settings for its device; a password only where it was made just now.
fn said(
    desk: &Desk,
    account: &Account,
    deed: &str,
    password: Option<&SecretString>,
) -> Result<Answer> {
    let tenant = desk.tenant_of(account)?;
    let server = desk.server.as_ref();
    let mut json = account_json(account, tenant.name.as_str(), &desk.clock);
    if let Some(members) = json.as_object_mut() {
        members.insert("device".into(), device_json(server, account));
        if let Some(password) = password {
            members.insert("password".into(), password::show(password).into());
        }
    }
    let mut text = String::new();
    if !deed.is_empty() {
        text.push_str(&format!("account {} {deed}\n\n", account.address));
    }
    text.push_str(&account_text(account, &tenant, &desk.clock));
    let hidden = "(known to you; `account set --new-password` makes another)";
    let word = password.map_or(hidden, password::show);
    text.push_str("\nSettings for the device or application:\n");
    text.push_str(&device_text(server, account, word));
    if password.is_some() {
        text.push_str("\nThe password is shown this once; the store keeps only its hash.\n");
    }
    Ok(Answer::new(text, json))
}

impl SuspendArgs {
    /// The end of the suspension, which must lie ahead.
    pub(crate) fn until(&self, clock: &Clock) -> Result<Option<time::UtcDateTime>> {
        match self.until {
            Some(until) if until <= clock.now => Err(Failure::usage(format!(
                "--until {} has passed already",
                clock.show(until)
            ))),
            until => Ok(until),
        }
    }
}

/// The account that a filter names, if it names one.
pub(crate) fn filter(address: Option<&Address>, desk: &Desk) -> Result<Option<Account>> {
    address.map(|address| desk.account(address)).transpose()
}
