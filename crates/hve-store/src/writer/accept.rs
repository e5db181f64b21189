//! Letting messages in.

use std::fmt::Write;

use hve_types::{Address, UsageKind};
use rusqlite::{CachedStatement, Connection};
use time::UtcDateTime;

use super::{
    Accepted, NewMessage,
    books::{Books, Entry},
};
use crate::{
    StoreError,
    codec::{self, to_count, to_millis},
};

/// Decides about each message, in order, and inserts those that are let in.
pub(super) fn accept(
    connection: &Connection,
    books: &mut Books,
    next_body: &mut i64,
    submissions: &[NewMessage],
    now: UtcDateTime,
) -> Result<Vec<Accepted>, StoreError> {
    if submissions.is_empty() {
        return Ok(Vec::new());
    }
    let mut inserts = Inserts::prepare(connection)?;
    let mut verdicts = Vec::with_capacity(submissions.len());
    for message in submissions {
        let recipients = message.envelope.recipients.len();
        let who = (message.tenant, message.account);
        let wanted = u64::try_from(recipients).unwrap_or(u64::MAX);
        let verdict = if recipients == 0 {
            Accepted::NoRecipients
        } else if let Err(refusal) = books.judge(connection, who, wanted, now)? {
            refusal
        } else if inserts.message(message, *next_body, now)? {
            *next_body += 1;
            let at = now.unix_timestamp();
            let seq = books.next_seq(connection, message.tenant, at)?;
            inserts.usage(message, at, seq)?;
            books.count(Entry {
                id: message.id,
                tenant: message.tenant,
                account: message.account,
                at,
                recipients: wanted,
            });
            Accepted::Durable
        } else {
            Accepted::Duplicate
        };
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// The statements of the hot path, looked up once a batch.
struct Inserts<'c> {
    message: CachedStatement<'c>,
    body: CachedStatement<'c>,
    usage: CachedStatement<'c>,
    /// Texts of the message at hand, in memory that is used again.
    client: String,
    recipients: String,
}

impl<'c> Inserts<'c> {
    fn prepare(connection: &'c Connection) -> Result<Self, StoreError> {
        Ok(Self {
            message: connection.prepare_cached(
                "INSERT INTO message (id, tenant, account, body, octets, recipient_count,
                     accepted_at, due_at, attempts, client, message_id, sender, recipients,
                     wishes, envelope_sum, content_sum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, 0, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT DO NOTHING",
            )?,
            body: connection
                .prepare_cached("INSERT INTO body (seq, message, content) VALUES (?1, ?2, ?3)")?,
            usage: connection.prepare_cached(super::INSERT_USAGE)?,
            client: String::new(),
            recipients: String::new(),
        })
    }

    /// False where a message of that id is there already.
    fn message(
        &mut self,
        message: &NewMessage,
        body: i64,
        now: UtcDateTime,
    ) -> Result<bool, StoreError> {
        let id = message.id.to_bytes();
        self.client.clear();
        write!(self.client, "{}", message.client).ok();
        self.recipients.clear();
        codec::recipients(&message.envelope, &mut self.recipients);
        let sender = message.envelope.sender.as_ref().map(Address::as_str);
        let wishes = codec::wishes(&message.envelope);
        let inserted = self.message.execute((
            &id,
            message.tenant.0,
            message.account.0,
            body,
            to_count(message.content.len()),
            to_count(message.envelope.recipients.len()),
            to_millis(now),
            &self.client,
            &message.message_id,
            sender,
            &self.recipients,
            &wishes,
            codec::envelope_sum(sender, &self.recipients, wishes.as_deref()),
            crc32fast::hash(&message.content),
        ))?;
        if inserted == 0 {
            return Ok(false);
        }
        self.body.execute((body, &id, &message.content[..]))?;
        Ok(true)
    }

    fn usage(&mut self, message: &NewMessage, at: i64, seq: i64) -> Result<(), StoreError> {
        self.usage.execute((
            message.tenant.0,
            at,
            seq,
            message.account.0,
            UsageKind::Accepted.as_str(),
            to_count(message.envelope.recipients.len()),
            to_count(message.content.len()),
            &message.id.to_bytes(),
        ))?;
        Ok(())
    }
}
