//! From rows to messages.

use hve_types::{AccountId, Envelope, QueueId, TenantId};
use rusqlite::Row;

use super::{DueMessage, Progress, QueueState, QueuedMessage};
use crate::{
    StoreError,
    codec::{self, ProgressForm, damaged, from_count, from_millis, to_count, to_queue_id},
};

pub(super) const COLUMNS: &str =
    "m.id, m.tenant, m.account, m.octets, m.accepted_at, m.due_at, m.attempts,
     m.parked, m.client, m.message_id, m.sender, m.recipients, m.wishes, m.progress,
     m.recipient_count, m.envelope_sum, m.held";

/// A message of [`COLUMNS`], whether its content is there, and whether somebody was told of a
/// delay.
pub(super) fn due(row: &Row<'_>) -> Result<DueMessage, StoreError> {
    Ok(due_by_row(row)?.0)
}

/// As [`due`], with how far all of its recipients have come.
pub(super) fn due_by_row(row: &Row<'_>) -> Result<(DueMessage, Vec<ProgressForm>), StoreError> {
    let (envelope, progress) = envelope(row)?;
    if !row.get::<_, bool>(17)? {
        return Err(StoreError::Corrupt(
            "its content is missing or has another length".into(),
        ));
    }
    let message = DueMessage {
        id: id(row)?,
        tenant: TenantId(row.get(1)?),
        account: AccountId(row.get(2)?),
        pending: progress
            .iter()
            .enumerate()
            .filter(|(_, progress)| matches!(progress, ProgressForm::Waiting { .. }))
            .map(|(index, _)| index)
            .collect(),
        envelope,
        attempts: row.get(6)?,
        accepted_at: from_millis(row.get(4)?)?,
        octets: from_count(row.get(3)?)?,
        delay_told: row.get(18)?,
    };
    Ok((message, progress))
}

pub(super) fn queued(row: &Row<'_>) -> Result<QueuedMessage, StoreError> {
    let (envelope, progress, damage) = match envelope(row) {
        Ok((envelope, progress)) => (Some(envelope), progress, None),
        Err(StoreError::Corrupt(reason)) => (None, Vec::new(), Some(reason)),
        Err(error) => return Err(error),
    };
    let parked: Option<String> = row.get(7)?;
    let state = match (parked.or(damage), row.get(5)?) {
        (Some(reason), _) => QueueState::Parked { reason },
        (None, Some(due_at)) => QueueState::Waiting {
            until: from_millis(due_at)?,
        },
        (None, None) => QueueState::Held {
            // Who it was is for eyes only; that it is held stands without it.
            by: row
                .get::<_, Option<String>>(16)?
                .and_then(|text| codec::to_holder(&text).ok()),
        },
    };
    Ok(QueuedMessage {
        id: id(row)?,
        tenant: TenantId(row.get(1)?),
        account: AccountId(row.get(2)?),
        envelope,
        progress: progress.into_iter().map(Progress::from).collect(),
        state,
        attempts: row.get(6)?,
        accepted_at: from_millis(row.get(4)?)?,
        octets: from_count(row.get(3)?)?,
        client: row.get::<_, String>(8)?.parse().ok(),
        message_id: row.get(9)?,
    })
}

pub(super) fn id(row: &Row<'_>) -> Result<QueueId, StoreError> {
    to_queue_id(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)
}

fn envelope(row: &Row<'_>) -> Result<(Envelope, Vec<ProgressForm>), StoreError> {
    let text = |index| -> Result<Option<&str>, StoreError> {
        let text = row.get_ref(index)?.as_str_or_null();
        Ok(text.map_err(rusqlite::Error::from)?)
    };
    let (sender, recipients, wishes) = (text(10)?, text(11)?.unwrap_or_default(), text(12)?);
    if i64::from(codec::envelope_sum(sender, recipients, wishes)) != row.get::<_, i64>(15)? {
        return Err(damaged("envelope", "its check sum is another"));
    }
    let envelope = codec::to_envelope(sender, recipients, wishes)?;
    if to_count(envelope.recipients.len()) != row.get::<_, i64>(14)? {
        return Err(damaged("envelope", "another number of recipients"));
    }
    let progress = codec::to_progress(text(13)?, envelope.recipients.len())?;
    Ok((envelope, progress))
}

impl From<ProgressForm> for Progress {
    fn from(form: ProgressForm) -> Self {
        match form {
            ProgressForm::Delivered => Self::Delivered,
            ProgressForm::Expanded { members } => Self::Expanded { members },
            ProgressForm::Failed { reason } => Self::Failed { reason },
            ProgressForm::Waiting { reason } => Self::Waiting { reason },
        }
    }
}
