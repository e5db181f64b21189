//! The queue in figures.

use std::collections::BTreeMap;

use hve_types::AccountId;
use time::UtcDateTime;

use super::{QueueStanding, QueueState, QueuedMessage};
use crate::{QueueFilter, Store, StoreError};

/// The queue, or a part of it, in figures. Each message is counted once in each group it has a
/// recipient in that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStats {
    /// All of it.
    pub total: QueueSum,
    /// Messages whose next attempt is due.
    pub due: u64,
    /// Messages an operator holds.
    pub held: u64,
    /// Messages that cannot be worked on.
    pub parked: u64,
    /// By the account that sent them.
    pub accounts: BTreeMap<AccountId, QueueSum>,
    /// By the domain of the recipients that wait.
    pub domains: BTreeMap<String, QueueSum>,
    /// By why the last attempt did not succeed, or why the message is parked; `None` before the
    /// first attempt. At most 1,000 different ones.
    pub reasons: BTreeMap<Option<String>, QueueSum>,
    /// Of the reasons beyond those.
    pub other_reasons: QueueSum,
}

/// Some messages in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueSum {
    /// Messages.
    pub messages: u64,
    /// Recipients that wait.
    pub recipients: u64,
    /// Octets of the messages' content.
    pub octets: u64,
    /// When the oldest of the messages was accepted.
    pub oldest: Option<UtcDateTime>,
}

impl QueueSum {
    fn add(&mut self, message: &QueuedMessage, recipients: u64) {
        self.messages += 1;
        self.recipients += recipients;
        self.octets = self.octets.saturating_add(message.octets);
        let oldest = self
            .oldest
            .map_or(message.accepted_at, |it| it.min(message.accepted_at));
        self.oldest = Some(oldest);
    }
}

impl QueueStats {
    /// Counts one more message; `now` says whether it is due.
    pub fn add(&mut self, message: &QueuedMessage, now: UtcDateTime) {
        match (message.state.standing(), &message.state) {
            (QueueStanding::Held, _) => self.held += 1,
            (QueueStanding::Parked, _) => self.parked += 1,
            (_, QueueState::Waiting { until }) if *until <= now => self.due += 1,
            _ => {}
        }
        let (mut domains, mut reasons) = (BTreeMap::new(), BTreeMap::new());
        let mut waiting = 0;
        for (address, reason) in message.waiting() {
            waiting += 1;
            *domains.entry(address.domain_str()).or_default() += 1;
            *reasons.entry(reason).or_default() += 1;
        }
        if let QueueState::Parked { reason } = &message.state {
            reasons = BTreeMap::from([(Some(reason.as_str()), waiting)]);
        }
        self.total.add(message, waiting);
        self.accounts
            .entry(message.account)
            .or_default()
            .add(message, waiting);
        for (domain, recipients) in domains {
            let sum = self.domains.entry(domain.to_owned()).or_default();
            sum.add(message, recipients);
        }
        for (reason, recipients) in reasons {
            self.reason(reason).add(message, recipients);
        }
    }

    fn reason(&mut self, reason: Option<&str>) -> &mut QueueSum {
        let reason = reason.map(str::to_owned);
        // Reasons repeat what other machines say: their number has no bound of its own.
        if self.reasons.len() >= REASONS_MAX && !self.reasons.contains_key(&reason) {
            return &mut self.other_reasons;
        }
        self.reasons.entry(reason).or_default()
    }
}

impl Store {
    /// What `filter` means, in figures, as of `now`. Looks at each message's row once, in the
    /// order in which they lie, and at no content.
    ///
    /// # Errors
    /// The store failed.
    pub fn queue_stats(
        &self,
        filter: &QueueFilter,
        now: UtcDateTime,
    ) -> Result<QueueStats, StoreError> {
        let mut stats = QueueStats::default();
        self.each_queued(filter, |message| stats.add(&message, now))?;
        Ok(stats)
    }
}

const REASONS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::{queue::each_queued_sql, schema};

    /// Steps of SQLite's machine for the figures of so many messages, by what it plans to do.
    fn steps(messages: i32) -> (i32, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hve.db");
        Store::open(&path).unwrap();
        let connection = schema::connect(&path, schema::Use::Change).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        for n in 0..messages {
            let sql = "INSERT INTO message (id, tenant, account, body, octets, recipient_count,
                     accepted_at, due_at, attempts, client, message_id, recipients, envelope_sum,
                     content_sum)
                 VALUES (?1, 1, ?2 % 7, ?2, 9, 1, ?2, ?2, 0, '', '', 'a@contoso.test', 0, 0)";
            let id = hve_types::QueueId::new(u64::from(n.unsigned_abs()), 0).to_bytes();
            connection.execute(sql, (id, n)).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        let sql = each_queued_sql();
        let everything = (Vec::<u8>::new(), None::<i64>, None::<i64>);
        let plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap()
            .query_map(everything.clone(), |row| row.get(3))
            .unwrap()
            .collect::<Result<Vec<String>, _>>()
            .unwrap();
        let mut statement = connection.prepare(&sql).unwrap();
        let mut rows = statement.query(everything).unwrap();
        let mut count = 0;
        while rows.next().unwrap().is_some() {
            count += 1;
        }
        drop(rows);
        assert_eq!(count, messages);
        assert_eq!(statement.get_status(StatementStatus::Sort), 0);
        (statement.get_status(StatementStatus::VmStep), plan)
    }

    #[test]
    fn each_row_is_looked_at_once_and_no_content() {
        let (some, plan) = steps(1_000);
        assert_eq!(plan, ["SEARCH m USING PRIMARY KEY (id>?)"]);
        let (twice, _) = steps(2_000);
        assert!(twice <= 2 * some, "{some} {twice}");
        // Each column takes a step or two.
        assert!(some <= 1_000 * 60, "{some}");
    }
}
