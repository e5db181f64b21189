//! The queue as it is read: for delivery, and for eyes.

use std::net::IpAddr;

use bytes::Bytes;
use hve_types::{AccountId, Envelope, QueueId, TenantId};
use rusqlite::{OptionalExtension, Row};
use time::UtcDateTime;

use crate::{
    Store, StoreError,
    codec::{
        self, ProgressForm, damaged, from_count, from_millis, to_count, to_millis, to_queue_id,
    },
};

/// A message whose recipients, or some of them, are due for an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DueMessage {
    /// Its name.
    pub id: QueueId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which account sent it.
    pub account: AccountId,
    /// Its whole envelope.
    pub envelope: Envelope,
    /// Indexes of the envelope's recipients that wait.
    pub pending: Vec<usize>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was accepted, in whole milliseconds.
    pub accepted_at: UtcDateTime,
    /// Octets of its content.
    pub octets: u64,
    /// Somebody was told that it is delayed.
    pub delay_told: bool,
}

/// What is due, and what turned out to be unreadable on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DueMessages {
    /// The longest due first.
    pub messages: Vec<DueMessage>,
    /// Messages that were set aside just now: an operator should hear of them.
    pub parked: Vec<Parked>,
}

/// A message that cannot be worked on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its name.
    pub id: QueueId,
    /// What is wrong with it.
    pub reason: String,
}

/// Which messages to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// One tenant's only.
    pub tenant: Option<TenantId>,
    /// One account's only.
    pub account: Option<AccountId>,
    /// Only those that are parked.
    pub parked_only: bool,
    /// Only those whose id is above this one: where the page before ended.
    pub after: Option<QueueId>,
    /// At most so many.
    pub limit: usize,
}

/// A message in the queue, for eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuedMessage {
    /// Its name.
    pub id: QueueId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which account sent it.
    pub account: AccountId,
    /// Its envelope; `None` where the row cannot be read, see [`QueueState::Parked`].
    pub envelope: Option<Envelope>,
    /// How far each recipient has come, in the envelope's order.
    pub progress: Vec<Progress>,
    /// What happens to it next.
    pub state: QueueState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was accepted, in whole milliseconds.
    pub accepted_at: UtcDateTime,
    /// Octets of its content.
    pub octets: u64,
    /// Where it came from.
    pub client: Option<IpAddr>,
    /// Its Message-ID.
    pub message_id: String,
}

/// What happens to a queued message next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueState {
    /// Nothing, until somebody asks for it.
    Held,
    /// Nothing: it cannot be worked on.
    Parked {
        /// What is wrong with it.
        reason: String,
    },
    /// An attempt.
    Waiting {
        /// When it is due.
        until: UtcDateTime,
    },
}

/// How far one recipient has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Handed to the next hop.
    Delivered,
    /// Given up.
    Failed {
        /// Why.
        reason: String,
    },
    /// Still to be delivered.
    Waiting {
        /// Why the last attempt did not succeed; `None` before the first.
        reason: Option<String>,
    },
}

impl Store {
    /// Messages due at `now`, the longest due first, at most `limit`.
    ///
    /// A row that cannot be read, or has no content, is parked at once, with the reason in its
    /// row, and does not keep others.
    ///
    /// # Errors
    /// The store failed.
    pub fn due(&self, now: UtcDateTime, limit: usize) -> Result<DueMessages, StoreError> {
        let mut found = self.due_page(now, limit)?;
        let mut told = 0;
        while told < found.parked.len() {
            self.park_all(found.parked.get(told..).unwrap_or_default())?;
            told = found.parked.len();
            // A page of nothing but damage must not look like an empty queue.
            if found.messages.is_empty() {
                let next = self.due_page(now, limit)?;
                found.messages = next.messages;
                found.parked.extend(next.parked);
            }
        }
        Ok(found)
    }

    fn due_page(&self, now: UtcDateTime, limit: usize) -> Result<DueMessages, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS}, b.message IS m.id AND length(b.content) IS m.octets,
                     m.delay_told
                 FROM message m LEFT JOIN body b ON b.seq = m.body
                 WHERE m.due_at <= ?1 AND length(m.id) = 16 ORDER BY m.due_at LIMIT ?2"
            ))?;
            let mut rows = statement.query((to_millis(now), to_count(limit)))?;
            let mut found = DueMessages::default();
            while let Some(row) = rows.next()? {
                match due(row) {
                    Ok(message) => found.messages.push(message),
                    Err(StoreError::Corrupt(reason)) => found.parked.push(Parked {
                        id: id(row)?,
                        reason,
                    }),
                    Err(error) => return Err(error),
                }
            }
            Ok(found)
        })
    }

    /// Sets a message aside, so that nobody tries it again; it stays in the queue for eyes.
    ///
    /// # Errors
    /// The store failed.
    pub fn park(&self, id: QueueId, reason: &str) -> Result<(), StoreError> {
        self.park_all(&[Parked {
            id,
            reason: reason.to_owned(),
        }])
    }

    /// The server does this while it delivers, so it waits for nobody's turn for long.
    fn park_all(&self, parked: &[Parked]) -> Result<(), StoreError> {
        self.change_soon(|connection| {
            let mut park = connection
                .prepare_cached("UPDATE message SET due_at = NULL, parked = ?2 WHERE id = ?1")?;
            for Parked { id, reason } in parked {
                park.execute((id.to_bytes(), reason))?;
            }
            Ok(())
        })
    }

    /// The content of a queued message; `None` where it is not there.
    ///
    /// # Errors
    /// The content is not what was accepted, in which case the message is parked; or the store
    /// failed.
    pub fn content(&self, id: QueueId) -> Result<Option<Bytes>, StoreError> {
        let found = self.read(|connection| {
            Ok::<_, StoreError>(
                connection
                    .prepare_cached(
                        "SELECT b.content, m.content_sum FROM message m
                         JOIN body b ON b.seq = m.body AND b.message = m.id WHERE m.id = ?1",
                    )?
                    .query_row([id.to_bytes()], |row| {
                        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))
                    })
                    .optional()?,
            )
        })?;
        let Some((content, sum)) = found else {
            return Ok(None);
        };
        if i64::from(crc32fast::hash(&content)) != sum {
            let reason = "its content is not what was accepted: the check sum is another";
            self.park(id, reason)?;
            return Err(StoreError::Corrupt(reason.into()));
        }
        Ok(Some(content.into()))
    }

    /// A page of the queue, in order of arrival.
    ///
    /// # Errors
    /// The store failed.
    pub fn queue(&self, filter: &QueueFilter) -> Result<Vec<QueuedMessage>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM message m
                 WHERE m.id > ?1 AND (?2 IS NULL OR m.tenant = ?2)
                   AND (?3 IS NULL OR m.account = ?3) AND (NOT ?4 OR m.parked IS NOT NULL)
                 ORDER BY m.id LIMIT ?5"
            ))?;
            let after = filter.after.map(QueueId::to_bytes);
            let mut rows = statement.query((
                after.as_ref().map_or(&[][..], |id| id.as_slice()),
                filter.tenant.map(|id| id.0),
                filter.account.map(|id| id.0),
                filter.parked_only,
                to_count(filter.limit),
            ))?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push(queued(row)?);
            }
            Ok(page)
        })
    }

    /// One message of the queue.
    ///
    /// # Errors
    /// The store failed.
    pub fn queued(&self, id: QueueId) -> Result<Option<QueuedMessage>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM message m WHERE m.id = ?1"))?
                .query_row([id.to_bytes()], |row| Ok(queued(row)))
                .optional()?
                .transpose()
        })
    }
}

const COLUMNS: &str = "m.id, m.tenant, m.account, m.octets, m.accepted_at, m.due_at, m.attempts,
     m.parked, m.client, m.message_id, m.sender, m.recipients, m.wishes, m.progress,
     m.recipient_count, m.envelope_sum";

fn due(row: &Row<'_>) -> Result<DueMessage, StoreError> {
    let (envelope, progress) = envelope(row)?;
    if !row.get::<_, bool>(16)? {
        return Err(StoreError::Corrupt(
            "its content is missing or has another length".into(),
        ));
    }
    Ok(DueMessage {
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
        delay_told: row.get(17)?,
    })
}

fn queued(row: &Row<'_>) -> Result<QueuedMessage, StoreError> {
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
        (None, None) => QueueState::Held,
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

fn id(row: &Row<'_>) -> Result<QueueId, StoreError> {
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
            ProgressForm::Failed { reason } => Self::Failed { reason },
            ProgressForm::Waiting { reason } => Self::Waiting { reason },
        }
    }
}
