//! Writing down what became of messages, and of submissions that were refused.

use std::collections::{BTreeSet, HashMap};

use hve_types::{AccountId, QueueId, TenantId, UsageKind};
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use time::UtcDateTime;

use super::{Outcome, Reason, Settlement, books::Books, cancelled, notices};
use crate::{
    RefusalCount, StoreError,
    codec::{self, ProgressForm, from_count, to_count, to_millis},
    failed_recipient as failed,
    usage::hour_of,
};

/// Writes settlements down; messages that are finished leave with their content.
pub(super) fn settle(
    connection: &Connection,
    books: &mut Books,
    next_body: &mut i64,
    settlements: &[Settlement],
    now: UtcDateTime,
) -> Result<(), StoreError> {
    if settlements.is_empty() {
        return Ok(());
    }
    let mut statements = Statements::prepare(connection)?;
    let mut with_failures = BTreeSet::new();
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
        let news = advance(progress, &settlement.outcomes);
        if !row.is_notice {
            statements.usage(books, connection, &row, settlement.id, &news, now)?;
        }
        if !news.failed.is_empty() {
            failed::keep(connection, &row, settlement, &news.failed, now)?;
            with_failures.insert(row.account);
        }
        if let Some(notice) = &settlement.notice
            // What was settled before has its notice.
            && (news.settles() || notice.delay && !row.delay_told)
        {
            notices::insert(connection, next_body, &row, settlement.id, notice, now)?;
        }
        let waits = |progress: &ProgressForm| matches!(progress, ProgressForm::Waiting { .. });
        if news.progress.iter().any(waits) {
            statements.write_progress(settlement, &news.progress)?;
        } else {
            statements.delete(settlement.id, row.body)?;
        }
    }
    failed::tidy(connection, &with_failures, now)
}

/// What a settlement changes.
pub(super) struct News<'a> {
    pub(super) progress: Vec<ProgressForm>,
    pub(super) delivered: usize,
    pub(super) failed: Vec<(usize, &'a Reason)>,
}

impl News<'_> {
    fn settles(&self) -> bool {
        self.delivered > 0 || !self.failed.is_empty()
    }
}

/// Applies the outcomes, and finds the recipients that are newly delivered and newly failed.
pub(super) fn advance(progress: Vec<ProgressForm>, outcomes: &[(usize, Outcome)]) -> News<'_> {
    let mut news = News {
        progress,
        delivered: 0,
        failed: Vec::new(),
    };
    for (index, outcome) in outcomes {
        // An index beyond the envelope, or a recipient that was settled before: nothing to do.
        let Some(place @ ProgressForm::Waiting { .. }) = news.progress.get_mut(*index) else {
            continue;
        };
        *place = match outcome {
            Outcome::Delivered | Outcome::Relayed { .. } => {
                news.delivered += 1;
                ProgressForm::Delivered
            }
            Outcome::Failed { reason } => {
                news.failed.push((*index, reason));
                ProgressForm::Failed {
                    reason: reason.words.clone(),
                }
            }
            Outcome::Deferred { reason } => ProgressForm::Waiting {
                reason: Some(reason.words.clone()),
            },
        };
    }
    news
}

/// What a settlement needs of a message's row.
pub(crate) struct Row {
    pub(crate) tenant: TenantId,
    pub(crate) account: AccountId,
    body: i64,
    octets: i64,
    recipients: i64,
    progress: Option<String>,
    delay_told: bool,
    is_notice: bool,
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
                "SELECT tenant, account, body, octets, recipient_count, progress, delay_told,
                     notice_of IS NOT NULL
                 FROM message WHERE id = ?1",
            )?,
            park: connection
                .prepare_cached("UPDATE message SET due_at = NULL, parked = ?2 WHERE id = ?1")?,
            progress: connection.prepare_cached(
                "UPDATE message SET due_at = iif(parked IS NULL AND held IS NULL, ?2, NULL),
                     attempts = attempts + 1, progress = ?3, delay_told = max(delay_told, ?4)
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
                    delay_told: row.get(6)?,
                    is_notice: row.get(7)?,
                })
            })
            .optional()?)
    }

    fn usage(
        &mut self,
        books: &mut Books,
        connection: &Connection,
        row: &Row,
        id: QueueId,
        news: &News<'_>,
        now: UtcDateTime,
    ) -> Result<(), StoreError> {
        let events = [
            (UsageKind::Delivered, news.delivered),
            (UsageKind::Failed, news.failed.len()),
        ];
        for (kind, recipients) in events {
            if recipients > 0 {
                let at = now.unix_timestamp();
                let seq = books.next_seq(connection, row.tenant, at)?;
                self.usage.execute((
                    row.tenant.0,
                    at,
                    seq,
                    row.account.0,
                    kind.as_str(),
                    to_count(recipients),
                    row.octets,
                    &id.to_bytes(),
                ))?;
            }
        }
        Ok(())
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
            settlement
                .notice
                .as_ref()
                .is_some_and(|notice| notice.delay),
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
