//! Who changed what: one row for each change, written in the change's own transaction.

use hve_types::TenantId;
use rusqlite::{Connection, Row};
use time::UtcDateTime;

use crate::{
    Store, StoreError,
    codec::{from_millis, to_count, to_millis},
};

/// Who does something to the directory or the queue, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The person or program, in words.
    pub actor: String,
    /// The moment, as the caller's clock says.
    pub at: UtcDateTime,
}

/// One change as it was recorded. No secret is ever in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEntry {
    /// Its place in the log; entries are never removed.
    pub seq: i64,
    /// When.
    pub at: UtcDateTime,
    /// Who.
    pub actor: String,
    /// What was done, such as `account-suspend`.
    pub action: String,
    /// In which tenant.
    pub tenant: Option<TenantId>,
    /// To what: an address, a domain or a queue id.
    pub subject: String,
    /// The subject before, as JSON; `None` where it was not there.
    pub before: Option<String>,
    /// The subject afterwards, as JSON; `None` where it is gone.
    pub after: Option<String>,
}

impl Store {
    /// Entries after the one with number `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub fn audit(&self, after: Option<i64>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = "SELECT seq, at, actor, action, tenant, subject, before, after FROM audit
             WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        self.audit_rows(sql, after.unwrap_or(i64::MIN), limit)
    }

    /// Entries before the one with number `before`, newest first, at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub fn audit_newest(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let sql = "SELECT seq, at, actor, action, tenant, subject, before, after FROM audit
             WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2";
        self.audit_rows(sql, before.unwrap_or(i64::MAX), limit)
    }

    fn audit_rows(
        &self,
        sql: &str,
        bound: i64,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query((bound, to_count(limit)))?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                entries.push(entry(row)?);
            }
            Ok(entries)
        })
    }
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        seq: row.get(0)?,
        at: from_millis(row.get(1)?)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        tenant: row.get::<_, Option<i64>>(4)?.map(TenantId),
        subject: row.get(5)?,
        before: row.get(6)?,
        after: row.get(7)?,
    })
}

/// What a change did, for the log.
pub(crate) struct Deed<'a> {
    pub(crate) action: &'static str,
    pub(crate) tenant: TenantId,
    pub(crate) subject: &'a str,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// Records a change and moves the change counter; call it in the change's transaction.
pub(crate) fn record(
    connection: &Connection,
    act: &Act,
    deed: &Deed<'_>,
) -> Result<(), StoreError> {
    connection.prepare_cached(INSERT)?.execute((
        to_millis(act.at),
        &act.actor,
        deed.action,
        deed.tenant.0,
        deed.subject,
        &deed.before,
        &deed.after,
    ))?;
    connection
        .prepare_cached("UPDATE change_counter SET changes = changes + 1")?
        .execute(())?;
    Ok(())
}

const INSERT: &str = "INSERT INTO audit (at, actor, action, tenant, subject, before, after)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// What was done to something outside the directory, for the log.
pub(crate) struct Remark<'a> {
    pub(crate) action: &'static str,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) subject: &'a str,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// Records what was done to something outside the directory: the change counter stands still.
pub(crate) fn note(
    connection: &Connection,
    act: &Act,
    remark: &Remark<'_>,
) -> Result<(), StoreError> {
    connection.prepare_cached(INSERT)?.execute((
        to_millis(act.at),
        &act.actor,
        remark.action,
        remark.tenant.map(|tenant| tenant.0),
        remark.subject,
        &remark.before,
        &remark.after,
    ))?;
    Ok(())
}
