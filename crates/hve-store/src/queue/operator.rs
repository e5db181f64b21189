//! What an operator does to queued messages, beside a running server.
//!
//! Nobody here knows whether an attempt is under way, and nobody waits for one: the change is made
//! in the row at once, and whoever settles the attempt later keeps to what the row says then. A
//! message that is held stays held, with what was delivered meanwhile written down; of one that is
//! cancelled a note stays behind, in which the writer finds what it has to write down.

use std::collections::HashSet;

use hve_types::QueueId;
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use serde_json::{Value, json};

use super::{
    Progress, QueueState, QueuedMessage,
    rows::{COLUMNS, queued},
};
use crate::{
    Act, Store, StoreError,
    audit::{Remark, note},
    codec::{self, to_millis},
};

/// What to do to a queued message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "whoever offers them offers all")]
pub enum QueueChange {
    /// Take it out of the queue, with its content and for good.
    Cancel,
    /// Try it no more until it is released.
    Hold,
    /// Try it again, now, though it is held or parked.
    Release,
    /// Try it now, and not when the schedule says. What is held or parked stays so.
    Retry,
}

/// What came of a [`QueueChange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum Changed {
    /// It is done.
    Done,
    /// No such message is in the queue, or no longer.
    Gone,
    /// There was nothing to do: the message is in another state.
    AsItWas,
}

impl Store {
    /// Does `change` to each of these messages, in one transaction, with a row in the audit log for
    /// each that is changed; the answers are in the order of `ids`. Give a few hundred at a time:
    /// the server's commits wait meanwhile.
    ///
    /// An attempt that is under way is not stopped. What it delivers is written down as delivered
    /// all the same, and if it came too late for a cancellation, the audit log says so.
    ///
    /// # Errors
    /// The store failed; nothing is changed.
    pub fn change_queue(
        &self,
        change: QueueChange,
        ids: &[QueueId],
        act: &Act,
    ) -> Result<Vec<Changed>, StoreError> {
        self.change(|connection| {
            let mut desk = Desk::prepare(connection, act)?;
            ids.iter().map(|id| desk.change(change, *id)).collect()
        })
    }

    /// Which of these messages must not be tried now: an operator holds or cancelled them, or they
    /// are parked, or settled. Costs one look for all that were accepted after the last message
    /// that was ever held or cancelled.
    ///
    /// # Errors
    /// The store failed.
    pub fn withheld(&self, ids: &[QueueId]) -> Result<HashSet<QueueId>, StoreError> {
        self.read(|connection| {
            let highest: Vec<u8> = connection
                .prepare_cached("SELECT highest FROM withheld")?
                .query_row((), |row| row.get(0))?;
            let mut due = connection
                .prepare_cached("SELECT 1 FROM message WHERE id = ?1 AND due_at IS NOT NULL")?;
            let mut withheld = HashSet::new();
            for id in ids {
                let octets = id.to_bytes();
                if octets.as_slice() <= highest.as_slice() && !due.exists([octets])? {
                    withheld.insert(*id);
                }
            }
            Ok(withheld)
        })
    }
}

/// The statements of one transaction.
struct Desk<'c> {
    connection: &'c Connection,
    act: &'c Act,
    find: CachedStatement<'c>,
    hold: CachedStatement<'c>,
    release: CachedStatement<'c>,
    withhold: CachedStatement<'c>,
}

impl<'c> Desk<'c> {
    fn prepare(connection: &'c Connection, act: &'c Act) -> Result<Self, StoreError> {
        forget(connection, Some(to_millis(act.at) - CANCELLED_KEPT_MS))?;
        Ok(Self {
            connection,
            act,
            find: connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM message m WHERE m.id = ?1"))?,
            hold: connection
                .prepare_cached("UPDATE message SET due_at = NULL, held = ?2 WHERE id = ?1")?,
            release: connection.prepare_cached(
                "UPDATE message SET due_at = ?2, held = NULL, parked = NULL WHERE id = ?1",
            )?,
            withhold: connection
                .prepare_cached("UPDATE withheld SET highest = max(highest, ?1)")?,
        })
    }

    fn change(&mut self, change: QueueChange, id: QueueId) -> Result<Changed, StoreError> {
        let found = self
            .find
            .query_row([id.to_bytes()], |row| Ok(queued(row)))
            .optional()?
            .transpose()?;
        let Some(message) = found else {
            return Ok(Changed::Gone);
        };
        let now = to_millis(self.act.at);
        match (change, &message.state) {
            (QueueChange::Cancel, _) => self.cancel(&message)?,
            (QueueChange::Hold, QueueState::Waiting { .. } | QueueState::Held { by: None }) => {
                let held = codec::held(self.act);
                self.hold.execute((id.to_bytes(), held))?;
                self.withhold.execute([id.to_bytes()])?;
                self.note("queue-hold", &message, json!({"state": "held"}))?;
            }
            (QueueChange::Release, QueueState::Held { .. } | QueueState::Parked { .. }) => {
                self.release.execute((id.to_bytes(), now))?;
                self.note("queue-release", &message, due(self.act))?;
            }
            (QueueChange::Retry, QueueState::Waiting { until }) if *until > self.act.at => {
                self.release.execute((id.to_bytes(), now))?;
                self.note("queue-retry", &message, due(self.act))?;
            }
            _ => return Ok(Changed::AsItWas),
        }
        Ok(Changed::Done)
    }

    fn cancel(&mut self, message: &QueuedMessage) -> Result<(), StoreError> {
        let id = message.id.to_bytes();
        let connection = self.connection;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO cancelled (message, tenant, account, octets, progress,
                     recipients, is_notice, cancelled_at)
                 SELECT id, tenant, account, octets, progress, recipients,
                     notice_of IS NOT NULL, ?2
                 FROM message WHERE id = ?1",
            )?
            .execute((id, to_millis(self.act.at)))?;
        connection
            .prepare_cached(
                "DELETE FROM body
                 WHERE seq = (SELECT body FROM message WHERE id = ?1) AND message = ?1",
            )?
            .execute([id])?;
        connection
            .prepare_cached("DELETE FROM message WHERE id = ?1")?
            .execute([id])?;
        self.withhold.execute([id])?;
        self.note("queue-cancel", message, lost(message))
    }

    fn note(
        &self,
        action: &'static str,
        message: &QueuedMessage,
        after: Value,
    ) -> Result<(), StoreError> {
        let remark = Remark {
            action,
            tenant: Some(message.tenant),
            subject: &message.id.to_string(),
            before: Some(told(message).to_string()),
            after: Some(after.to_string()),
        };
        note(self.connection, self.act, &remark)
    }
}

/// A message's state for the audit log.
fn told(message: &QueuedMessage) -> Value {
    match &message.state {
        QueueState::Held { .. } => json!({"state": "held"}),
        QueueState::Parked { reason } => json!({"state": "parked", "reason": reason}),
        QueueState::Waiting { until } => {
            json!({"state": "waiting", "next_attempt": codec::rfc3339(*until)})
        }
    }
}

fn due(act: &Act) -> Value {
    json!({"state": "waiting", "next_attempt": codec::rfc3339(act.at)})
}

/// What is lost with a message: all by which somebody can find out whom to tell.
fn lost(message: &QueuedMessage) -> Value {
    let envelope = message.envelope.as_ref();
    let sender = envelope.and_then(|envelope| envelope.sender.as_ref());
    let lost: Vec<&str> = message.waiting().map(|(to, _)| to.as_str()).collect();
    let delivered = message
        .progress
        .iter()
        .filter(|progress| matches!(progress, Progress::Delivered))
        .count();
    json!({
        "state": "cancelled",
        "account": message.account.0,
        "sender": sender.map(hve_types::Address::as_str),
        "not_delivered": envelope.map(|_| lost),
        "delivered": delivered,
        "message_id": message.message_id,
        "accepted_at": codec::rfc3339(message.accepted_at),
        "attempts": message.attempts,
        "octets": message.octets,
    })
}

/// Forgets messages cancelled before `until`, or all.
pub(crate) fn forget(connection: &Connection, until: Option<i64>) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM cancelled WHERE ?1 IS NULL OR cancelled_at < ?1")?
        .execute([until])?;
    Ok(())
}

/// A day: no attempt takes that long.
const CANCELLED_KEPT_MS: i64 = 24 * 60 * 60 * 1000;
