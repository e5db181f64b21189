//! The rows of accounts: checks, reading and writing, each within somebody's transaction.

use hve_types::{Account, AccountId, Address, TenantId};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Value, json};

use super::{NewAccount, domains, secrets};
use crate::{
    Act, ChangeError, StoreError,
    audit::{Deed, record},
    codec::{self, from_count, from_millis, to_address, to_millis},
    guard, last_use,
};

pub(super) fn check_address(connection: &Connection, new: &NewAccount) -> Result<(), ChangeError> {
    let domain = new.address.domain();
    if domains::owner(connection, &domain)? != Some(new.tenant) {
        return Err(ChangeError::DomainNotAccepted(domain));
    }
    let taken = connection
        .prepare_cached("SELECT 1 FROM account WHERE key = ?1 AND removed_at IS NULL")?
        .exists([new.address.key()])?;
    if taken {
        return Err(ChangeError::AddressTaken(new.address.clone()));
    }
    Ok(())
}

pub(super) fn check_alias(
    connection: &Connection,
    tenant: TenantId,
    alias: Option<&str>,
    but: Option<AccountId>,
) -> Result<(), ChangeError> {
    let Some(alias) = alias else {
        return Ok(());
    };
    let taken = connection
        .prepare_cached(
            "SELECT 1 FROM account
             WHERE tenant = ?1 AND alias = ?2 AND removed_at IS NULL AND id IS NOT ?3",
        )?
        .exists((tenant.0, alias, but.map(|id| id.0)))?;
    if taken {
        return Err(ChangeError::AliasTaken(alias.to_owned()));
    }
    Ok(())
}

pub(super) fn insert_or_revive(
    connection: &Connection,
    new: &NewAccount,
    act: &Act,
) -> Result<Account, ChangeError> {
    let id: i64 = connection
        .prepare_cached(
            "INSERT INTO account (tenant, key, address, display_name, alias, limits,
                                  credential_version, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)
             ON CONFLICT (tenant, key) DO UPDATE SET
                 address = excluded.address, display_name = excluded.display_name,
                 alias = excluded.alias, limits = excluded.limits,
                 suspension = NULL, sign_in = NULL, bounce_to = NULL, reply_to = NULL,
                 credential_version = credential_version + 1,
                 created_at = excluded.created_at, removed_at = NULL
             RETURNING id",
        )?
        .query_row(
            (
                new.tenant.0,
                new.address.key(),
                new.address.as_str(),
                &new.display_name,
                &new.alias,
                codec::account_limits(&new.limits),
                to_millis(act.at),
            ),
            |row| row.get(0),
        )?;
    secrets::replace(connection, AccountId(id), &new.password, act)?;
    by_id(connection, AccountId(id))
}

pub(super) fn write(connection: &Connection, account: &Account) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE account SET display_name = ?2, alias = ?3, limits = ?4, suspension = ?5,
                                credential_version = ?6, sign_in = ?7, bounce_to = ?8,
                                reply_to = ?9 WHERE id = ?1",
        )?
        .execute((
            account.id.0,
            &account.display_name,
            &account.alias,
            codec::account_limits(&account.limits),
            codec::state(&account.state),
            i64::try_from(account.credential_version).unwrap_or(i64::MAX),
            codec::account_sign_in(&account.sign_in),
            account.bounce_to.as_ref().map(Address::as_str),
            account.reply_to.as_ref().map(Address::as_str),
        ))?;
    Ok(())
}

pub(super) fn remove(
    connection: &Connection,
    gone: &Account,
    act: &Act,
) -> Result<(), ChangeError> {
    connection
        .prepare_cached(
            "UPDATE account SET removed_at = ?2,
                                credential_version = credential_version + 1 WHERE id = ?1",
        )?
        .execute((gone.id.0, to_millis(act.at)))?;
    secrets::remove_all(connection, gone.id)?;
    last_use::remove_all(connection, gone.id)?;
    guard::forget_account(connection, gone.id)?;
    note(connection, act, "account-remove", gone, told(gone), None)?;
    Ok(())
}

pub(super) fn remove_all(
    connection: &Connection,
    tenant: TenantId,
    act: &Act,
) -> Result<(), ChangeError> {
    for gone in of(connection, tenant)? {
        remove(connection, &gone, act)?;
    }
    Ok(())
}

pub(super) fn of(connection: &Connection, tenant: TenantId) -> Result<Vec<Account>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "{SELECT} WHERE tenant = ?1 AND removed_at IS NULL ORDER BY key"
    ))?;
    let mut rows = statement.query([tenant.0])?;
    collect(connection, &mut rows)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Account>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE removed_at IS NULL"))?;
    let mut rows = statement.query(())?;
    collect(connection, &mut rows)
}

/// The account with that number, unless it was removed.
pub(crate) fn find(connection: &Connection, id: AccountId) -> Result<Option<Account>, StoreError> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE id = ?1 AND removed_at IS NULL"))?
        .query_row([id.0], |row| Ok(account(connection, row)))
        .optional()?
        .transpose()
}

pub(super) fn by_id(connection: &Connection, id: AccountId) -> Result<Account, ChangeError> {
    find(connection, id)?.ok_or(ChangeError::UnknownAccount)
}

fn collect(
    connection: &Connection,
    rows: &mut rusqlite::Rows<'_>,
) -> Result<Vec<Account>, StoreError> {
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        accounts.push(account(connection, row)?);
    }
    Ok(accounts)
}

pub(super) const SELECT: &str =
    "SELECT id, tenant, address, display_name, alias, limits, suspension,
     created_at, credential_version, sign_in, bounce_to, reply_to FROM account";

pub(super) fn account(connection: &Connection, row: &Row<'_>) -> Result<Account, StoreError> {
    let id = AccountId(row.get(0)?);
    let address: String = row.get(2)?;
    let limits: String = row.get(5)?;
    let named = |column| -> Result<Option<Address>, StoreError> {
        let text: Option<String> = row.get(column)?;
        text.as_deref().map(to_address).transpose()
    };
    Ok(Account {
        id,
        tenant: TenantId(row.get(1)?),
        address: to_address(&address)?,
        display_name: row.get(3)?,
        alias: row.get(4)?,
        limits: codec::to_account_limits(&limits)?,
        state: codec::to_state(row.get::<_, Option<String>>(6)?.as_deref())?,
        created_at: from_millis(row.get(7)?)?,
        credential_version: from_count(row.get(8)?)?,
        sign_in: codec::to_account_sign_in(row.get::<_, Option<String>>(9)?.as_deref())?,
        bounce_to: named(10)?,
        reply_to: named(11)?,
        secrets: secrets::facts(connection, id)?,
    })
}

pub(super) fn note(
    connection: &Connection,
    act: &Act,
    action: &'static str,
    account: &Account,
    before: Option<String>,
    after: Option<String>,
) -> Result<(), StoreError> {
    let deed = Deed {
        action,
        tenant: account.tenant,
        subject: account.address.as_str(),
        before,
        after,
    };
    record(connection, act, &deed)
}

/// An account as the audit log shows it.
pub(super) fn told(account: &Account) -> Option<String> {
    Some(form(account).to_string())
}

/// The same after a change in which the password may have been another one.
pub(super) fn told_with_password(account: &Account, changed: bool) -> Option<String> {
    let mut form = form(account);
    if let (true, Some(fields)) = (changed, form.as_object_mut()) {
        fields.insert("password".into(), "changed".into());
    }
    Some(form.to_string())
}

fn form(account: &Account) -> Value {
    json!({
        "display_name": account.display_name,
        "alias": account.alias,
        "limits": codec::value(&codec::account_limits(&account.limits)),
        "suspension": codec::told_state(&account.state),
        "secrets": account.secrets.iter().map(secrets::told).collect::<Vec<_>>(),
        "sign_in": codec::value(&codec::account_sign_in(&account.sign_in)),
        "bounce_to": account.bounce_to.as_ref().map(Address::as_str),
        "reply_to": account.reply_to.as_ref().map(Address::as_str),
    })
}
