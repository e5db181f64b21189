//! Attempts that were under way when their message was cancelled.

use hve_types::{AccountId, TenantId, UsageKind};
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;
use time::UtcDateTime;

use super::{Outcome, Settlement, books::Books, settle::advance};
use crate::{
    Act, StoreError,
    audit::{Remark, note},
    codec::{self, to_count},
};

/// Writes down what came of a message that is no longer queued, should an operator have cancelled
/// it; whatever else is not queued was settled before. Of what failed after that nobody is told.
pub(super) fn settle(
    connection: &Connection,
    books: &mut Books,
    settlement: &Settlement,
    now: UtcDateTime,
) -> Result<(), StoreError> {
    let id = settlement.id.to_bytes();
    let Some(row) = find(connection, &id)? else {
        return Ok(());
    };
    let recipients: Vec<&str> = row.recipients.split('\n').collect();
    let progress = match codec::to_progress(row.progress.as_deref(), recipients.len()) {
        Ok(progress) => progress,
        // The row was damaged before it was cancelled.
        Err(StoreError::Corrupt(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let before = progress.clone();
    let news = advance(progress, &settlement.outcomes);
    let at = now.unix_timestamp();
    for (kind, recipients) in [
        (UsageKind::Delivered, news.delivered),
        (UsageKind::Failed, news.failed.len()),
    ] {
        if recipients > 0 && !row.is_notice {
            let seq = books.next_seq(connection, row.tenant, at)?;
            connection.prepare_cached(super::INSERT_USAGE)?.execute((
                row.tenant.0,
                at,
                seq,
                row.account.0,
                kind.as_str(),
                to_count(recipients),
                row.octets,
                &id,
            ))?;
        }
    }
    connection
        .prepare_cached("UPDATE cancelled SET progress = ?2 WHERE message = ?1")?
        .execute((&id, codec::json(&news.progress)))?;
    if news.delivered == 0 {
        return Ok(());
    }
    let arrived: Vec<&str> = settlement
        .outcomes
        .iter()
        .filter(|(index, outcome)| {
            matches!(outcome, Outcome::Delivered | Outcome::Relayed { .. })
                && before.get(*index) != news.progress.get(*index)
        })
        .filter_map(|(index, _)| recipients.get(*index).copied())
        .collect();
    let act = Act {
        actor: "delivery".into(),
        at: now,
    };
    let remark = Remark {
        action: "queue-cancel-late",
        tenant: Some(row.tenant),
        subject: &settlement.id.to_string(),
        before: Some(json!({"state": "cancelled"}).to_string()),
        after: Some(json!({"state": "cancelled", "delivered": arrived}).to_string()),
    };
    note(connection, &act, &remark)
}

/// What was kept of a cancelled message.
struct Row {
    tenant: TenantId,
    account: AccountId,
    octets: i64,
    progress: Option<String>,
    recipients: String,
    is_notice: bool,
}

fn find(connection: &Connection, id: &[u8; 16]) -> Result<Option<Row>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT tenant, account, octets, progress, recipients, is_notice FROM cancelled
             WHERE message = ?1",
        )?
        .query_row([id], |row| {
            Ok(Row {
                tenant: TenantId(row.get(0)?),
                account: AccountId(row.get(1)?),
                octets: row.get(2)?,
                progress: row.get(3)?,
                recipients: row.get(4)?,
                is_notice: row.get(5)?,
            })
        })
        .optional()?)
}
