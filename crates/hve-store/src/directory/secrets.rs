//! The secrets of accounts: up to two at a time, so that one can be rotated while the other works.

use hve_auth::{PasswordHash, ScramKeys, ScramSalts, Secret, StoredPassword};
use hve_types::{Account, AccountId, SECRETS_MAX, SecretFacts};
use rusqlite::Connection;
use serde_json::{Value, json};
use time::UtcDateTime;

use super::{
    account_rows::{by_id, note, told as told_account, write},
    check_text,
};
use crate::{
    Act, ChangeError, Store, StoreError,
    codec::{damaged, from_count, from_millis, rfc3339, to_millis},
    last_use,
};

/// A further secret of an account.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// What people call it, unique in the account in any case of letters.
    pub label: String,
    /// The password; its hash best made with [`PasswordHash::derive_beside`] of the secret that is
    /// there.
    pub password: StoredPassword,
    /// The first moment at which it is void; `None` is never.
    pub expires_at: Option<UtcDateTime>,
}

/// What the secret of a new account is called, and one that replaces all others.
const FIRST_LABEL: &str = "password";
/// Octets of a label.
const LABEL_MAX: usize = 64;

impl Store {
    /// Adds a secret beside those that the account has: it works at the next sign-in, and the
    /// others go on working.
    ///
    /// # Errors
    /// [`SECRETS_MAX`] are there; a label that is taken or that nobody can read; no such account;
    /// or the store failed.
    pub fn add_secret(
        &self,
        id: AccountId,
        new: &NewSecret,
        act: &Act,
    ) -> Result<Account, ChangeError> {
        check_text("the label", &new.label, LABEL_MAX)?;
        self.change_secrets(id, "secret-add", act, |connection, account| {
            if labelled(account, &new.label) {
                return Err(ChangeError::SecretTaken(new.label.clone()));
            }
            if account.secrets.len() >= SECRETS_MAX {
                return Err(ChangeError::SecretCap);
            }
            Ok(insert(connection, id, new, act)?)
        })
    }

    /// Revokes a secret: sessions that signed in with it end at their next command, those of the
    /// other one go on. Without any secret the account cannot sign in.
    ///
    /// # Errors
    /// No such account or secret, or the store failed.
    pub fn revoke_secret(
        &self,
        id: AccountId,
        label: &str,
        act: &Act,
    ) -> Result<Account, ChangeError> {
        self.change_secrets(id, "secret-revoke", act, |connection, account| {
            if !labelled(account, label) {
                return Err(ChangeError::UnknownSecret(label.to_owned()));
            }
            connection
                .prepare_cached("DELETE FROM secret WHERE account = ?1 AND label = ?2")?
                .execute((id.0, label))?;
            Ok(last_use::forget_secrets(connection, id)?)
        })
    }

    /// The salts of SCRAM in this store: they are the same for as long as it lives.
    ///
    /// # Errors
    /// The store failed.
    pub fn scram_salts(&self) -> Result<ScramSalts, StoreError> {
        self.read(|connection| {
            let key = connection
                .prepare_cached("SELECT key FROM scram_salt")?
                .query_row((), |row| row.get(0))?;
            Ok(ScramSalts::new(key))
        })
    }

    fn change_secrets(
        &self,
        id: AccountId,
        action: &'static str,
        act: &Act,
        change: impl FnOnce(&Connection, &Account) -> Result<(), ChangeError>,
    ) -> Result<Account, ChangeError> {
        self.change(|connection| {
            let before = by_id(connection, id)?;
            change(connection, &before)?;
            let mut after = by_id(connection, id)?;
            // What was wrong until now may be right.
            after.credential_version += 1;
            write(connection, &after)?;
            let (was, is) = (told_account(&before), told_account(&after));
            note(connection, act, action, &after, was, is)?;
            Ok(after)
        })
    }
}

fn labelled(account: &Account, label: &str) -> bool {
    let same = |of: &SecretFacts| of.label.eq_ignore_ascii_case(label);
    account.secrets.iter().any(same)
}

fn insert(
    connection: &Connection,
    account: AccountId,
    new: &NewSecret,
    act: &Act,
) -> Result<(), StoreError> {
    let scram = new.password.scram.as_ref().map(ScramKeys::to_text);
    connection
        .prepare_cached(
            "INSERT INTO secret (account, label, password, created_at, expires_at, scram)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            account.0,
            &new.label,
            new.password.hash.as_phc(),
            to_millis(act.at),
            new.expires_at.map(to_millis),
            scram.as_ref().map(|text| text.as_str()),
        ))?;
    Ok(())
}

/// One new secret in the place of all.
pub(super) fn replace(
    connection: &Connection,
    account: AccountId,
    password: &StoredPassword,
    act: &Act,
) -> Result<(), StoreError> {
    remove_all(connection, account)?;
    let new = NewSecret {
        label: FIRST_LABEL.to_owned(),
        password: password.clone(),
        expires_at: None,
    };
    insert(connection, account, &new, act)?;
    last_use::forget_secrets(connection, account)
}

pub(super) fn remove_all(connection: &Connection, account: AccountId) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM secret WHERE account = ?1")?
        .execute([account.0])?;
    Ok(())
}

/// What may be told of an account's secrets, oldest first.
pub(super) fn facts(
    connection: &Connection,
    account: AccountId,
) -> Result<Vec<SecretFacts>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, label, created_at, expires_at FROM secret WHERE account = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([account.0])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        facts.push(SecretFacts {
            version: from_count(row.get(0)?)?,
            label: row.get(1)?,
            created_at: from_millis(row.get(2)?)?,
            expires_at: row.get::<_, Option<i64>>(3)?.map(from_millis).transpose()?,
        });
    }
    Ok(facts)
}

/// The hashes of an account's secrets, oldest first.
pub(super) fn hashes(
    connection: &Connection,
    account: &Account,
) -> Result<Vec<Secret>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT id, password, scram FROM secret WHERE account = ?1 ORDER BY id")?;
    let mut rows = statement.query([account.id.0])?;
    let mut secrets = Vec::new();
    while let Some(row) = rows.next()? {
        // The hash is a secret: it is not shown in the error.
        let hash = PasswordHash::parse(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)
            .map_err(|_| damaged("password hash of", account.address.as_str()))?;
        let scram = row.get_ref(2)?.as_str_or_null();
        let scram = scram.map_err(rusqlite::Error::from)?.map(ScramKeys::parse);
        secrets.push(Secret {
            version: from_count(row.get(0)?)?,
            hash,
            scram: scram
                .transpose()
                .map_err(|_| damaged("SCRAM keys of", account.address.as_str()))?,
        });
    }
    Ok(secrets)
}

/// A secret as the audit log shows it.
pub(super) fn told(of: &SecretFacts) -> Value {
    json!({
        "label": of.label,
        "created_at": rfc3339(of.created_at),
        "expires_at": of.expires_at.map(rfc3339),
    })
}
