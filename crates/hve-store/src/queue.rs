//! The queue as it is read: for delivery, and for eyes.

mod expand;
mod filter;
mod operator;
mod rows;
mod stats;

use std::net::IpAddr;

use bytes::Bytes;
use hve_types::{AccountId, Envelope, QueueId, TenantId};
use rusqlite::OptionalExtension;
use time::UtcDateTime;

pub(crate) use self::operator::forget;
use self::rows::{COLUMNS, due, id, queued};
pub use self::{
    expand::Expanded,
    filter::{QueueFilter, QueueStanding, RecipientFilter},
    operator::{Changed, QueueChange},
    stats::{QueueStats, QueueSum},
};
use crate::{
    Store, StoreError,
    codec::{to_count, to_millis},
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
    Held {
        /// The operator who said so; `None` where delivery did.
        by: Option<Holder>,
    },
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

/// Who holds a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The person or program, in words.
    pub actor: String,
    /// Since when.
    pub since: UtcDateTime,
}

/// How far one recipient has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Handed to the next hop.
    Delivered,
    /// A group that was replaced by its members, which are recipients of their own.
    Expanded {
        /// How many.
        members: u64,
    },
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
        let mut page = Vec::new();
        self.each_queued(filter, |message| page.push(message))?;
        Ok(page)
    }

    /// The names of the messages that are meant, in order of arrival.
    ///
    /// # Errors
    /// The store failed.
    pub fn queue_ids(&self, filter: &QueueFilter) -> Result<Vec<QueueId>, StoreError> {
        let mut ids = Vec::new();
        self.each_queued(filter, |message| ids.push(message.id))?;
        Ok(ids)
    }

    /// Shows the messages that are meant, one after the other: memory holds one.
    fn each_queued(
        &self,
        filter: &QueueFilter,
        mut show: impl FnMut(QueuedMessage),
    ) -> Result<(), StoreError> {
        self.read(|connection| {
            // What a row says by itself is asked here; the rest once it is read.
            let mut statement = connection.prepare_cached(&each_queued_sql())?;
            let after = filter.after.map(QueueId::to_bytes);
            let mut rows = statement.query((
                after.as_ref().map_or(&[][..], |id| id.as_slice()),
                filter.tenant.map(|id| id.0),
                filter.account.map(|id| id.0),
            ))?;
            let mut shown = 0;
            while shown < filter.limit
                && let Some(row) = rows.next()?
            {
                let message = queued(row)?;
                if filter.means(&message) {
                    shown += 1;
                    show(message);
                }
            }
            Ok(())
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

fn each_queued_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM message m
         WHERE m.id > ?1 AND (?2 IS NULL OR m.tenant = ?2) AND (?3 IS NULL OR m.account = ?3)
         ORDER BY m.id"
    )
}
