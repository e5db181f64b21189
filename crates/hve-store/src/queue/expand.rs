//! Groups in queued messages: expanded once, right before the first attempt, and for good.

use std::collections::HashSet;

use hve_types::{AccountId, Address, Envelope, QueueId, Recipient, TenantId, UsageKind};
use rusqlite::{Connection, OptionalExtension};
use time::UtcDateTime;

use super::{
    DueMessage, Parked,
    rows::{COLUMNS, due_by_row},
};
use crate::{
    Store, StoreError,
    codec::{self, ProgressForm, to_count},
    directory::expand_group,
};

/// What came of looking for groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expanded {
    /// Messages that name a group, with its members as recipients of their own.
    pub messages: Vec<DueMessage>,
    /// Messages that could not be worked on and were set aside just now.
    pub parked: Vec<Parked>,
}

impl Store {
    /// Expands the groups that these messages wait for, in one transaction. Each member becomes a
    /// recipient of the message, unless it is one already, and is reported in usage; the group is
    /// done with. So a later attempt goes to the same members whatever becomes of the group, and to
    /// none of them twice. Messages that are not queued any more, or not due, are not in the
    /// answer.
    ///
    /// # Errors
    /// The store failed; nothing is changed.
    pub fn expand_groups(&self, ids: &[QueueId], now: UtcDateTime) -> Result<Expanded, StoreError> {
        self.change_soon(|connection| {
            let mut expanded = Expanded::default();
            for id in ids {
                match expand(connection, *id, now) {
                    Ok(message) => expanded.messages.extend(message),
                    Err(StoreError::Corrupt(reason)) => {
                        connection
                            .prepare_cached(
                                "UPDATE message SET due_at = NULL, parked = ?2 WHERE id = ?1",
                            )?
                            .execute((id.to_bytes(), &reason))?;
                        expanded.parked.push(Parked { id: *id, reason });
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(expanded)
        })
    }

    /// Which of these messages wait for a group: of each the name, its tenant, and one recipient.
    ///
    /// # Errors
    /// The store failed.
    pub fn with_groups(
        &self,
        asked: &[(QueueId, TenantId, &Address)],
    ) -> Result<Vec<QueueId>, StoreError> {
        self.read(|connection| {
            let mut find = connection
                .prepare_cached("SELECT 1 FROM group_member WHERE tenant = ?1 AND of = ?2")?;
            let mut named = Vec::new();
            for (id, tenant, address) in asked {
                if named.last() != Some(id) && find.exists((tenant.0, address.key()))? {
                    named.push(*id);
                }
            }
            Ok(named)
        })
    }
}

fn expand(
    connection: &Connection,
    id: QueueId,
    now: UtcDateTime,
) -> Result<Option<DueMessage>, StoreError> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS}, 1, m.delay_told FROM message m
             WHERE m.id = ?1 AND m.due_at IS NOT NULL"
        ))?
        .query_row([id.to_bytes()], |row| Ok(due_by_row(row)))
        .optional()?
        .transpose()?;
    let Some((mut message, mut progress)) = found else {
        return Ok(None);
    };
    let members = add_members(connection, &mut message, &mut progress)?;
    let Some(members) = members else {
        return Ok(Some(message));
    };
    write(connection, &message, &progress)?;
    if members > 0 {
        report(connection, &message, members, now)?;
    }
    Ok(Some(message))
}

/// How many recipients are new; `None` where the message waits for no group.
fn add_members(
    connection: &Connection,
    message: &mut DueMessage,
    progress: &mut Vec<ProgressForm>,
) -> Result<Option<usize>, StoreError> {
    let mut recipients = message.envelope.recipients.clone();
    let mut known: HashSet<String> = recipients.iter().map(|it| it.address.key()).collect();
    let before = recipients.len();
    let mut any = false;
    for place in std::mem::take(&mut message.pending) {
        let Some(group) = recipients.get(place).cloned() else {
            continue;
        };
        let Some(members) = expand_group(connection, message.tenant, &group.address)? else {
            message.pending.push(place);
            continue;
        };
        any = true;
        if let Some(state) = progress.get_mut(place) {
            *state = ProgressForm::Expanded {
                members: u64::try_from(members.len()).unwrap_or(u64::MAX),
            };
        }
        for address in members {
            if known.insert(address.key()) {
                message.pending.push(recipients.len());
                progress.push(ProgressForm::Waiting { reason: None });
                // What the client wants to hear of the group, it hears of the members.
                recipients.push(Recipient {
                    address,
                    ..group.clone()
                });
            }
        }
    }
    message.pending.sort_unstable();
    let new = recipients.len() - before;
    message.envelope = Envelope {
        recipients,
        ..message.envelope.clone()
    };
    Ok(any.then_some(new))
}

fn write(
    connection: &Connection,
    message: &DueMessage,
    progress: &[ProgressForm],
) -> Result<(), StoreError> {
    let envelope = &message.envelope;
    let sender = envelope.sender.as_ref().map(Address::as_str);
    let (mut recipients, wishes) = (String::new(), codec::wishes(envelope));
    codec::recipients(envelope, &mut recipients);
    connection
        .prepare_cached(
            "UPDATE message SET recipients = ?2, wishes = ?3, envelope_sum = ?4,
                 recipient_count = ?5, progress = ?6
             WHERE id = ?1",
        )?
        .execute((
            message.id.to_bytes(),
            &recipients,
            &wishes,
            codec::envelope_sum(sender, &recipients, wishes.as_deref()),
            to_count(envelope.recipients.len()),
            codec::json(&progress),
        ))?;
    Ok(())
}

/// The server's writer numbers the events of a second upwards from 1 and remembers where it is; so
/// these are numbered downwards from -1.
fn report(
    connection: &Connection,
    message: &DueMessage,
    members: usize,
    now: UtcDateTime,
) -> Result<(), StoreError> {
    let (TenantId(tenant), AccountId(account)) = (message.tenant, message.account);
    let at = now.unix_timestamp();
    connection
        .prepare_cached(
            "INSERT INTO usage (tenant, at, seq, account, kind, recipients, octets, message)
             SELECT ?1, ?2, min(0, coalesce(min(seq), 0)) - 1, ?3, ?4, ?5, ?6, ?7
             FROM usage WHERE tenant = ?1 AND at = ?2",
        )?
        .execute((
            tenant,
            at,
            account,
            UsageKind::Expanded.as_str(),
            to_count(members),
            i64::try_from(message.octets).unwrap_or(i64::MAX),
            message.id.to_bytes(),
        ))?;
    Ok(())
}
