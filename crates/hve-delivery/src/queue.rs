//! The queue as delivery sees it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use hve_store::{DueMessage, Store};
use hve_types::{AccountId, Envelope, QueueId, TenantId};
use thiserror::Error;
use time::UtcDateTime;
use tracing::error;

/// A message with recipients that wait.
#[derive(Clone, Debug)]
pub struct Due {
    /// Its name.
    pub id: QueueId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which account sent it.
    pub account: AccountId,
    /// All of its envelope.
    pub envelope: Arc<Envelope>,
    /// Which of the envelope's recipients wait, by index.
    pub pending: Vec<usize>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was accepted.
    pub accepted_at: UtcDateTime,
    /// Somebody was told that it is delayed.
    pub delay_told: bool,
    /// Its text.
    pub content: Content,
}

/// Where a message's text is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content {
    /// Here.
    InMemory(Bytes),
    /// In the queue, to be read when its turn comes.
    InQueue,
}

/// Where accepted messages lie until they are settled. Its calls block.
pub trait Queue: Send + Sync + 'static {
    /// Messages whose next attempt is at `now` or before, the longest due first, at most `limit`.
    /// An entry that cannot be read is not among them, and does not hide others.
    ///
    /// # Errors
    /// The queue cannot be read at all.
    fn due(&self, now: UtcDateTime, limit: usize) -> Result<Vec<Due>, QueueError>;

    /// The text of a message; `None` where it is not there.
    ///
    /// # Errors
    /// The queue cannot be read.
    fn content(&self, id: QueueId) -> Result<Option<Bytes>, QueueError>;

    /// Which of these messages must not be tried after all, because an operator holds them or took
    /// them out. Asked right before each attempt, also of what is in memory; it should cost next
    /// to nothing while no operator does anything. Without one there are none.
    ///
    /// # Errors
    /// The queue cannot be read; nothing of the batch is tried now.
    fn withheld(&self, ids: &[QueueId]) -> Result<HashSet<QueueId>, QueueError> {
        let _ = ids;
        Ok(HashSet::new())
    }

    /// Puts members in the place of the groups that these messages wait for, and keeps that before
    /// it returns: a later attempt goes to the same members. `now` is when they are reported.
    ///
    /// Named are only messages that changed: as they are now, or `None` where they are not to be
    /// tried any more. Without groups there are none.
    ///
    /// # Errors
    /// The queue cannot be read or written; nothing of the batch is tried now.
    fn expand(
        &self,
        dues: &[Due],
        now: UtcDateTime,
    ) -> Result<HashMap<QueueId, Option<Due>>, QueueError> {
        let _ = (dues, now);
        Ok(HashMap::new())
    }
}

/// The queue cannot be read now.
#[derive(Debug, Error)]
#[error("the queue cannot be read: {0}")]
pub struct QueueError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl QueueError {
    fn from_error(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl Queue for Store {
    fn due(&self, now: UtcDateTime, limit: usize) -> Result<Vec<Due>, QueueError> {
        let found = Self::due(self, now, limit).map_err(QueueError::from_error)?;
        for parked in found.parked {
            error!(queue_id = %parked.id, reason = %parked.reason, "parked: this queue entry is damaged");
        }
        Ok(found.messages.into_iter().map(from_store).collect())
    }

    fn content(&self, id: QueueId) -> Result<Option<Bytes>, QueueError> {
        Self::content(self, id).map_err(QueueError::from_error)
    }

    fn withheld(&self, ids: &[QueueId]) -> Result<HashSet<QueueId>, QueueError> {
        Self::withheld(self, ids).map_err(QueueError::from_error)
    }

    fn expand(
        &self,
        dues: &[Due],
        now: UtcDateTime,
    ) -> Result<HashMap<QueueId, Option<Due>>, QueueError> {
        if !self.has_groups().map_err(QueueError::from_error)? {
            return Ok(HashMap::new());
        }
        let mut asked = Vec::new();
        for due in dues {
            let recipients = due.pending.iter();
            let recipients = recipients.filter_map(|place| due.envelope.recipients.get(*place));
            asked.extend(recipients.map(|to| (due.id, due.tenant, &to.address)));
        }
        let named: Vec<QueueId> = self.with_groups(&asked).map_err(QueueError::from_error)?;
        if named.is_empty() {
            return Ok(HashMap::new());
        }
        let expanded = self
            .expand_groups(&named, now)
            .map_err(QueueError::from_error)?;
        for parked in expanded.parked {
            error!(queue_id = %parked.id, reason = %parked.reason, "parked: its groups cannot be expanded");
        }
        let mut changed: HashMap<_, _> = named.into_iter().map(|id| (id, None)).collect();
        for message in expanded.messages {
            changed.insert(message.id, Some(from_store(message)));
        }
        Ok(changed)
    }
}

fn from_store(message: DueMessage) -> Due {
    Due {
        id: message.id,
        tenant: message.tenant,
        account: message.account,
        envelope: Arc::new(message.envelope),
        pending: message.pending,
        attempts: message.attempts,
        accepted_at: message.accepted_at,
        delay_told: message.delay_told,
        content: Content::InQueue,
    }
}
