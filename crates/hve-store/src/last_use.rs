//! When, from where and how an account signed in last with each of its secrets, tokens and
//! certificates.

use std::net::IpAddr;

use hve_types::AccountId;
use rusqlite::Connection;
use time::UtcDateTime;

use crate::{
    Store, StoreError,
    codec::{damaged, from_millis, to_millis},
};

/// One sign-in: the last one with that proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// Which account.
    pub account: AccountId,
    /// With what: [`hve_types::Proof::name`].
    pub proof: String,
    /// When.
    pub at: UtcDateTime,
    /// From where.
    pub client: IpAddr,
    /// How: the name of a SASL mechanism.
    pub mechanism: String,
}

impl Store {
    /// The last uses of an account, the latest first. A running server writes them down within
    /// seconds; a crash loses those that were not written.
    ///
    /// # Errors
    /// The store failed.
    pub fn last_uses(&self, account: AccountId) -> Result<Vec<LastUse>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT proof, at, client, mechanism FROM last_use WHERE account = ?1
                 ORDER BY at DESC",
            )?;
            let mut rows = statement.query([account.0])?;
            let mut uses = Vec::new();
            while let Some(row) = rows.next()? {
                let client: String = row.get(2)?;
                uses.push(LastUse {
                    account,
                    proof: row.get(0)?,
                    at: from_millis(row.get(1)?)?,
                    client: client.parse().map_err(|_| damaged("client", &client))?,
                    mechanism: row.get(3)?,
                });
            }
            Ok(uses)
        })
    }
}

/// Writes uses down; one that is older than what is there changes nothing.
pub(crate) fn keep(connection: &Connection, uses: &[LastUse]) -> Result<(), StoreError> {
    for one in uses {
        connection
            .prepare_cached(
                "INSERT INTO last_use (account, proof, at, client, mechanism)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (account, proof) DO UPDATE
                 SET at = excluded.at, client = excluded.client, mechanism = excluded.mechanism
                 WHERE excluded.at >= at",
            )?
            .execute((
                one.account.0,
                &one.proof,
                to_millis(one.at),
                one.client.to_string(),
                &one.mechanism,
            ))?;
    }
    Ok(())
}

pub(crate) fn remove_all(connection: &Connection, account: AccountId) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM last_use WHERE account = ?1")?
        .execute([account.0])?;
    Ok(())
}

/// The uses of secrets that are gone.
pub(crate) fn forget_secrets(
    connection: &Connection,
    account: AccountId,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM last_use WHERE account = ?1 AND proof LIKE 'secret %'
             AND proof NOT IN (SELECT 'secret ' || id FROM secret WHERE account = ?1)",
        )?
        .execute([account.0])?;
    Ok(())
}
