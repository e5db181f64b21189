//! A finished report: rows of figures and their total.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use time::{Date, UtcDateTime, format_description::well_known::Rfc3339};

use crate::Period;

/// What one row of a report stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Grouping {
    /// A row for each account.
    Account,
    /// A row for each day of the calendar.
    Day,
    /// A row for each tenant.
    Tenant,
}

impl Grouping {
    /// `account`, `day` or `tenant`: the word in commands and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Day => "day",
            Self::Tenant => "tenant",
        }
    }
}

/// What was counted. Sums that would pass `u64::MAX` stay there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Messages accepted with a `250`.
    pub messages: u64,
    /// Envelope recipients of the accepted messages: what counted against the quota.
    pub recipients: u64,
    /// Octets of the accepted messages, each counted once however many recipients it had.
    pub octets: u64,
    /// Recipients handed to the next hop. They may have been accepted before the period.
    pub delivered: u64,
    /// Recipients given up for good.
    pub failed: u64,
    /// Members that took the place of groups: more than the groups themselves counted for.
    pub members: u64,
    /// Refused attempts, by the stable key of the reason.
    pub refused: BTreeMap<String, u64>,
}

impl Figures {
    /// Refused attempts of every reason.
    #[must_use]
    pub fn refused_total(&self) -> u64 {
        self.refused
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.recipients = self.recipients.saturating_add(other.recipients);
        self.octets = self.octets.saturating_add(other.octets);
        self.delivered = self.delivered.saturating_add(other.delivered);
        self.failed = self.failed.saturating_add(other.failed);
        self.members = self.members.saturating_add(other.members);
        for (reason, count) in &other.refused {
            self.refuse(reason, *count);
        }
    }

    pub(crate) fn refuse(&mut self, reason: &str, attempts: u64) {
        if let Some(count) = self.refused.get_mut(reason) {
            *count = count.saturating_add(attempts);
        } else {
            self.refused.insert(reason.to_owned(), attempts);
        }
    }
}

/// The figures of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The tenant's name; `None` when grouped by day, or for attempts that named no tenant.
    pub tenant: Option<String>,
    /// The account's address; `None` unless grouped by account, or for attempts of nobody known.
    pub account: Option<String>,
    /// The day; `None` unless grouped by day. `2026-11-24` in JSON and CSV.
    #[serde(serialize_with = "day")]
    pub day: Option<Date>,
    /// What was counted.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Usage over a period.
///
/// As JSON (the shape is stable, members may be added):
///
/// ```json
/// {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "by": "account",
///  "rows": [{"tenant": "contoso.test", "account": "hve01@contoso.test", "day": null,
///            "messages": 2, "recipients": 60, "octets": 8192, "delivered": 59, "failed": 1,
///            "members": 0, "refused": {"quota-tenant": 3}}],
///  "total": {"messages": 2, "recipients": 60, "octets": 8192, "delivered": 59, "failed": 1,
///            "members": 0, "refused": {"quota-tenant": 3}}}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageReport {
    /// What was asked for; `to` is the first moment that is not included.
    #[serde(flatten, serialize_with = "period")]
    pub period: Period,
    /// What a row stands for.
    pub by: Grouping,
    /// The groups that have any figure, by name or by day, ascending.
    pub rows: Vec<Row>,
    /// The sum of the rows.
    pub total: Figures,
}

fn day<S: Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
    match day {
        Some(day) => serializer.collect_str(day),
        None => serializer.serialize_none(),
    }
}

fn period<S: Serializer>(period: &Period, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Ends {
        from: String,
        to: String,
    }
    let text = |at: UtcDateTime| at.format(&Rfc3339).map_err(serde::ser::Error::custom);
    Ends {
        from: text(period.from)?,
        to: text(period.to)?,
    }
    .serialize(serializer)
}
