//! Recipients that were given up: who, when, why, and who was told.

use std::collections::BTreeSet;

use hve_types::{AccountId, Address, QueueId, TenantId};
use rusqlite::{Connection, OptionalExtension, Row};
use time::{Duration, UtcDateTime};

use crate::{
    Reason, Settlement, Store, StoreError,
    codec::{damaged, from_millis, to_address, to_count, to_millis, to_queue_id},
    writer::SettledRow,
};

/// A recipient that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRecipient {
    /// When it was given up, in whole milliseconds.
    pub at: UtcDateTime,
    /// Whose mail it was.
    pub tenant: TenantId,
    /// Which account sent it.
    pub account: AccountId,
    /// Which message.
    pub message: QueueId,
    /// To whom.
    pub recipient: Address,
    /// Why.
    pub reason: Reason,
    /// Who was sent a notice; `None` where nobody wanted one or nobody is named for it.
    pub told: Option<Address>,
}

/// Which of them to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedRecipientFilter {
    /// One tenant's only.
    pub tenant: Option<TenantId>,
    /// One account's only.
    pub account: Option<AccountId>,
    /// Only those that were given up at this moment or later.
    pub since: UtcDateTime,
    /// At most so many, the newest.
    pub limit: usize,
}

impl FailedRecipient {
    /// How many are kept; the oldest go. Some 30 MB at most.
    pub const MOST: u32 = 100_000;
    /// How many are kept of one account, so that one bulk job does not push out all others.
    pub const MOST_OF_ACCOUNT: u32 = 10_000;
    /// How long they are kept. Older ones go with the next one that comes.
    pub const KEPT: Duration = Duration::days(90);
}

impl Store {
    /// Recipients that were given up, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn failed_recipients(
        &self,
        filter: &FailedRecipientFilter,
    ) -> Result<Vec<FailedRecipient>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT at, tenant, account, message, recipient, stage, status, hop, reply, words,
                        told
                 FROM failed_recipient
                 WHERE at >= ?1 AND (?2 IS NULL OR tenant = ?2) AND (?3 IS NULL OR account = ?3)
                 ORDER BY seq DESC LIMIT ?4",
            )?;
            let mut rows = statement.query((
                to_millis(filter.since),
                filter.tenant.map(|id| id.0),
                filter.account.map(|id| id.0),
                to_count(filter.limit),
            ))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
            Ok(found)
        })
    }
}

fn read(row: &Row<'_>) -> Result<FailedRecipient, StoreError> {
    let text = |column| row.get::<_, Option<Box<str>>>(column);
    let message = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(FailedRecipient {
        at: from_millis(row.get(0)?)?,
        tenant: TenantId(row.get(1)?),
        account: AccountId(row.get(2)?),
        message: to_queue_id(message)?,
        recipient: to_address(&row.get::<_, String>(4)?)?,
        reason: Reason {
            words: row.get(9)?,
            stage: text(5)?,
            hop: text(7)?,
            status: text(6)?.as_deref().map(to_status).transpose()?,
            reply: text(8)?,
        },
        told: text(10)?.as_deref().map(to_address).transpose()?,
    })
}

fn to_status(text: &str) -> Result<[u16; 3], StoreError> {
    let numbers: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| damaged("status", text))
}

/// Writes down who was given up, in the transaction of the settlement. The change counter stands
/// still.
pub(crate) fn keep(
    connection: &Connection,
    row: &SettledRow,
    settlement: &Settlement,
    failed: &[(usize, &Reason)],
    now: UtcDateTime,
) -> Result<(), StoreError> {
    let id = settlement.id.to_bytes();
    let recipients: Option<String> = connection
        .prepare_cached("SELECT recipients FROM message WHERE id = ?1")?
        .query_row([&id], |row| row.get(0))
        .optional()?;
    let recipients: Vec<&str> = recipients
        .iter()
        .flat_map(|text| text.split('\n'))
        .collect();
    let mut insert = connection.prepare_cached(
        "INSERT INTO failed_recipient
         (at, tenant, account, message, recipient, stage, status, hop, reply, words, told)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for (index, reason) in failed {
        // A damaged row must not make a list that nobody can read.
        let address = recipients.get(*index).map(|text| to_address(text));
        let Some(Ok(recipient)) = address else {
            continue;
        };
        let notice = settlement.notice.as_ref();
        let told = notice.filter(|notice| notice.about.contains(index));
        insert.execute((
            to_millis(now),
            row.tenant.0,
            row.account.0,
            &id,
            recipient.as_str(),
            reason.stage.as_deref(),
            reason
                .status
                .map(|[class, subject, detail]| format!("{class}.{subject}.{detail}")),
            reason.hop.as_deref(),
            reason.reply.as_deref(),
            &reason.words,
            told.map(|notice| notice.recipient.as_str()),
        ))?;
    }
    Ok(())
}

/// Takes out what is beyond the bounds, once for all settlements of a commit.
pub(crate) fn tidy(
    connection: &Connection,
    accounts: &BTreeSet<AccountId>,
    now: UtcDateTime,
) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    let mut of_account = connection.prepare_cached(
        "DELETE FROM failed_recipient WHERE account = ?1 AND seq <= (SELECT seq FROM
             failed_recipient WHERE account = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
    )?;
    for account in accounts {
        of_account.execute((account.0, FailedRecipient::MOST_OF_ACCOUNT))?;
    }
    // Numbers are given in order, so this bounds the count without counting.
    connection
        .prepare_cached(
            "DELETE FROM failed_recipient WHERE at < ?1
             OR seq <= (SELECT max(seq) FROM failed_recipient) - ?2",
        )?
        .execute((
            to_millis(now.saturating_sub(FailedRecipient::KEPT)),
            FailedRecipient::MOST,
        ))?;
    Ok(())
}
