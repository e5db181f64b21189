//! Notices of delivery status on their way into the queue.

use hve_types::{Envelope, QueueId, Recipient};
use rusqlite::Connection;
use time::UtcDateTime;

use super::{Notice, settle::Row};
use crate::{
    StoreError,
    codec::{self, to_count, to_millis},
};

/// Puts a notice into the queue, in the transaction of the settlement it tells of.
pub(super) fn insert(
    connection: &Connection,
    next_body: &mut i64,
    about: &Row,
    of: QueueId,
    notice: &Notice,
    now: UtcDateTime,
) -> Result<(), StoreError> {
    let envelope = Envelope {
        sender: None,
        recipients: vec![Recipient::new(notice.recipient.clone())],
        body: notice.body,
        smtputf8: notice.recipient.is_internationalised(),
        ret: None,
        envid: None,
    };
    let (id, wishes) = (notice.id.to_bytes(), codec::wishes(&envelope));
    let recipient = notice.recipient.as_str();
    let body = *next_body;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO message (id, tenant, account, body, octets, recipient_count,
                 accepted_at, due_at, attempts, client, message_id, sender, recipients,
                 wishes, envelope_sum, content_sum, notice_of)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6, 0, '', ?7, NULL, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT DO NOTHING",
        )?
        .execute((
            &id,
            about.tenant.0,
            about.account.0,
            body,
            to_count(notice.content.len()),
            to_millis(now),
            &notice.message_id,
            recipient,
            &wishes,
            codec::envelope_sum(None, recipient, wishes.as_deref()),
            crc32fast::hash(&notice.content),
            &of.to_bytes(),
        ))?;
    if inserted > 0 {
        *next_body += 1;
        connection
            .prepare_cached("INSERT INTO body (seq, message, content) VALUES (?1, ?2, ?3)")?
            .execute((body, &id, &notice.content[..]))?;
    }
    Ok(())
}
