//! Counting: events in, one set of figures for each group.

use std::collections::{BTreeMap, HashMap};

use hve_types::{AccountId, TenantId, UsageEvent, UsageKind};
use time::{Date, UtcDateTime};

use crate::{Calendar, Figures, Grouping, Period, Row, UsageReport};

/// Refused attempts of one kind, counted by the service; they have no usage event of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedAttempts<'a> {
    /// When, or the beginning of the span over which they were counted.
    pub at: UtcDateTime,
    /// The tenant, where one was known.
    pub tenant: Option<TenantId>,
    /// The account, where one was known.
    pub account: Option<AccountId>,
    /// The stable key of the reason, such as `quota-tenant`.
    pub reason: &'a str,
    /// How many.
    pub attempts: u64,
}

/// What tenants and accounts are called, as the host's directory knows. One that is unknown is
/// shown by its number, so that usage of something that is long gone is still in the books.
pub trait Names {
    /// The name of a tenant.
    fn tenant(&self, id: TenantId) -> Option<String>;
    /// The address of an account.
    fn account(&self, id: AccountId) -> Option<String>;
}

/// Names held in memory.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    /// Name of each tenant.
    pub tenants: HashMap<TenantId, String>,
    /// Address of each account.
    pub accounts: HashMap<AccountId, String>,
}

impl Names for NameTable {
    fn tenant(&self, id: TenantId) -> Option<String> {
        self.tenants.get(&id).cloned()
    }

    fn account(&self, id: AccountId) -> Option<String> {
        self.accounts.get(&id).cloned()
    }
}

/// A count in progress. Its size is that of the groups met so far.
#[derive(Debug)]
pub struct UsageTally {
    period: Period,
    by: Grouping,
    calendar: Calendar,
    groups: BTreeMap<Key, Figures>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    tenant: Option<TenantId>,
    account: Option<AccountId>,
    day: Option<Date>,
}

impl UsageTally {
    /// An empty count. `calendar` matters where `by` is [`Grouping::Day`].
    #[must_use]
    pub const fn new(period: Period, by: Grouping, calendar: Calendar) -> Self {
        Self {
            period,
            by,
            calendar,
            groups: BTreeMap::new(),
        }
    }

    /// Counts an event. One outside the period is left out.
    pub fn add(&mut self, event: &UsageEvent) {
        let Some(figures) = self.group(event.at, Some(event.tenant), Some(event.account)) else {
            return;
        };
        let recipients = u64::from(event.recipients);
        match event.kind {
            UsageKind::Accepted => figures.absorb(&Figures {
                messages: 1,
                recipients,
                octets: event.octets,
                ..Figures::default()
            }),
            UsageKind::Delivered => {
                figures.delivered = figures.delivered.saturating_add(recipients);
            }
            UsageKind::Failed => figures.failed = figures.failed.saturating_add(recipients),
            UsageKind::Expanded => figures.members = figures.members.saturating_add(recipients),
            // A kind that this version does not know has no column.
            _ => {}
        }
    }

    /// Counts refused attempts. Those outside the period are left out.
    pub fn refuse(&mut self, refused: &RefusedAttempts<'_>) {
        if let Some(figures) = self.group(refused.at, refused.tenant, refused.account) {
            figures.refuse(refused.reason, refused.attempts);
        }
    }

    /// The report.
    #[must_use]
    pub fn finish(self, names: &impl Names) -> UsageReport {
        let mut total = Figures::default();
        let mut rows: Vec<Row> = self
            .groups
            .into_iter()
            .filter(|(_, figures)| *figures != Figures::default())
            .map(|(key, figures)| {
                total.absorb(&figures);
                Row {
                    tenant: key.tenant.map(|id| tenant_name(names, id)),
                    account: key.account.map(|id| account_name(names, id)),
                    day: key.day,
                    figures,
                }
            })
            .collect();
        rows.sort_by(|a, b| (&a.day, &a.tenant, &a.account).cmp(&(&b.day, &b.tenant, &b.account)));
        UsageReport {
            period: self.period,
            by: self.by,
            rows,
            total,
        }
    }

    fn group(
        &mut self,
        at: UtcDateTime,
        tenant: Option<TenantId>,
        account: Option<AccountId>,
    ) -> Option<&mut Figures> {
        if !self.period.contains(at) {
            return None;
        }
        let key = match self.by {
            Grouping::Account => Key {
                tenant,
                account,
                day: None,
            },
            Grouping::Day => Key {
                tenant: None,
                account: None,
                day: Some(self.calendar.day(at)),
            },
            Grouping::Tenant => Key {
                tenant,
                account: None,
                day: None,
            },
        };
        Some(self.groups.entry(key).or_default())
    }
}

fn tenant_name(names: &impl Names, id: TenantId) -> String {
    names
        .tenant(id)
        .unwrap_or_else(|| format!("tenant {}", id.0))
}

fn account_name(names: &impl Names, id: AccountId) -> String {
    names
        .account(id)
        .unwrap_or_else(|| format!("account {}", id.0))
}
