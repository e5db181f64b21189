//! Writing down what became of messages, and of submissions that were refused.

use std::collections::HashMap;

use hve_types::{AccountId, QueueId, TenantId, UsageKind};
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use time::UtcDateTime;

use super::{Outcome, Settlement, books::Books, cancelled};
use crate::{
    RefusalCount, StoreError,
    codec::{self, ProgressForm, from_count, to_count, to_millis},
    usage::hour_of,
};

/// Writes settlements down; messages that are finished leave with their content.
pub(super) fn settle(
    connection: &Connection,
    books: &mut Books,
    settlements: &[Settlement],
    now: UtcDateTime,
) -> Result<(), StoreError> {
    if settlements.is_empty() {
        return Ok(());
    }
    let mut statements = Statements::prepare(connection)?;
    for settlement in settlements {
        let Some(row) = statements.find(settlement.id)? else {
            cancelled::settle(connection, books, settlement, now)?;
            continue;
        };
        let progress = match row.progress() {
            Ok(progress) => progress,
            Err(StoreError::Corrupt(reason)) => {
                statements
                    .park
                    .execute((&settlement.id.to_bytes(), reason))?;
                continue;
            }
            Err(error) => return Err(error),
        };
        let (progress, delivered, failed) = advance(progress, &settlement.outcomes);
        let events = [
            (UsageKind::Delivered, delivered),
            (UsageKind::Failed, failed),
        ];
        for (kind, recipients) in events {
            if recipients > 0 {
                let at = now.unix_timestamp();
                let seq = books.next_seq(connection, row.tenant, at)?;
                statements.usage.execute((
                    row.tenant.0,
                    at,
                    seq,
                    row.account.0,
                    kind.as_str(),
                    to_count(recipients),
                    row.octets,
                    &settlement.id.to_bytes(),
                ))?;
            }
        }
        let waits = progress
            .iter()
            .any(|progress| matches!(progress, ProgressForm::Waiting { .. }));
        if waits {
            statements.write_progress(settlement, &progress)?;
        } else {
            statements.delete(settlement.id, row.body)?;
        }
    }
    Ok(())
}

/// Applies the outcomes, and counts the recipients that are newly delivered and newly failed.
pub(super) fn advance(
    mut progress: Vec<ProgressForm>,
    outcomes: &[(usize, Outcome)],
) -> (Vec<ProgressForm>, usize, usize) {
    let (mut delivered, mut failed) = (0, 0);
    for (index, outcome) in outcomes {
        // An index beyond the envelope, or a recipient that was settled before: nothing to do.
        let Some(place @ ProgressForm::Waiting { .. }) = progress.get_mut(*index) else {
            continue;
        };
        *place = match outcome {
            Outcome::Delivered => {
                delivered += 1;
                ProgressForm::Delivered
            }
            Outcome::Failed { reason } => {
                failed += 1;
                ProgressForm::Failed {
                    reason: reason.clone(),
                }
            }
            Outcome::Deferred { reason } => ProgressForm::Waiting {
                reason: Some(reason.clone()),
            },
        };
    }
    (progress, delivered, failed)
}

/// What a settlement needs of a message's row.
struct Row {
    tenant: TenantId,
    account: AccountId,
    body: i64,
    octets: i64,
    recipients: i64,
    progress: Option<String>,
}

impl Row {
    fn progress(&self) -> Result<Vec<ProgressForm>, StoreError> {
        // A count that no envelope has is damage, not a reason to ask for that much memory.
        let recipients = from_count(self.recipients)?;
        match usize::try_from(recipients) {
            Ok(recipients) if recipients <= RECIPIENTS_MAX => {
                codec::to_progress(self.progress.as_deref(), recipients)
            }
            _ => Err(codec::damaged("recipient count", &recipients.to_string())),
        }
    }
}

/// More recipients than any limit lets one message have.
const RECIPIENTS_MAX: usize = 1_000_000;

struct Statements<'c> {
    find: CachedStatement<'c>,
    park: CachedStatement<'c>,
    progress: CachedStatement<'c>,
    delete_message: CachedStatement<'c>,
    delete_body: CachedStatement<'c>,
    usage: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> Result<Self, StoreError> {
        Ok(Self {
            find: connection.prepare_cached(
                "SELECT tenant, account, body, octets, recipient_count, progress FROM message
                 WHERE id = ?1",
            )?,
            park: connection
                .prepare_cached("UPDATE message SET due_at = NULL, parked = ?2 WHERE id = ?1")?,
            progress: connection.prepare_cached(
                "UPDATE message SET due_at = iif(parked IS NULL AND held IS NULL, ?2, NULL),
                     attempts = attempts + 1, progress = ?3
                 WHERE id = ?1",
            )?,
            delete_message: connection.prepare_cached("DELETE FROM message WHERE id = ?1")?,
            delete_body: connection
                .prepare_cached("DELETE FROM body WHERE seq = ?1 AND message = ?2")?,
            usage: connection.prepare_cached(super::INSERT_USAGE)?,
        })
    }

    fn find(&mut self, id: QueueId) -> Result<Option<Row>, StoreError> {
        Ok(self
            .find
            .query_row([&id.to_bytes()], |row| {
                Ok(Row {
                    tenant: TenantId(row.get(0)?),
                    account: AccountId(row.get(1)?),
                    body: row.get(2)?,
                    octets: row.get(3)?,
                    recipients: row.get(4)?,
                    progress: row.get(5)?,
                })
            })
            .optional()?)
    }

    fn write_progress(
        &mut self,
        settlement: &Settlement,
        progress: &[ProgressForm],
    ) -> Result<(), StoreError> {
        self.progress.execute((
            &settlement.id.to_bytes(),
            settlement.next_attempt.map(to_millis),
            codec::json(&progress),
        ))?;
        Ok(())
    }

    fn delete(&mut self, id: QueueId, body: i64) -> Result<(), StoreError> {
        self.delete_message.execute([&id.to_bytes()])?;
        self.delete_body.execute((body, &id.to_bytes()))?;
        Ok(())
    }
}

/// Adds refusals to the counts of their hours.
pub(super) fn count_refusals(
    connection: &Connection,
    refusals: &[RefusalCount],
) -> Result<(), StoreError> {
    if refusals.is_empty() {
        return Ok(());
    }
    let mut sums: HashMap<_, u64> = HashMap::new();
    for refusal in refusals {
        let key = (
            refusal.tenant.map_or(0, |id| id.0),
            hour_of(refusal.hour.unix_timestamp()),
            refusal.account.map_or(0, |id| id.0),
            refusal.reason.as_str(),
        );
        let sum = sums.entry(key).or_default();
        *sum = sum.saturating_add(refusal.count);
    }
    let mut upsert = connection.prepare_cached(
        "INSERT INTO refusal (tenant, hour, account, reason, refusals) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET refusals = min(refusals + excluded.refusals, (1 << 62) - 1)",
    )?;
    for ((tenant, hour, account, reason), sum) in sums {
        // Neither a count nor the sum of two leaves 63 bits.
        let sum = i64::try_from(sum).unwrap_or(i64::MAX).min((1 << 62) - 1);
        upsert.execute((tenant, hour, account, reason, sum))?;
    }
    Ok(())
}
