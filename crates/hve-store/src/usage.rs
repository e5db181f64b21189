//! Usage events and refusal counts: what reports and the quota are computed from.

use std::collections::HashMap;

use hve_policy::{RollingQuota, WINDOW_SECONDS};
use hve_types::{AccountId, TenantId, UsageEvent, UsageKind};
use rusqlite::{Connection, Row};
use time::UtcDateTime;

use crate::{
    Store, StoreError,
    codec::{damaged, from_count, from_seconds, to_count, to_queue_id},
};

/// Which events or counts to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageFilter {
    /// One tenant's only.
    pub tenant: Option<TenantId>,
    /// One account's only.
    pub account: Option<AccountId>,
    /// From this second on.
    pub from: UtcDateTime,
    /// Before this second.
    pub to: UtcDateTime,
}

/// Submissions that were refused for one reason, in one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalCount {
    /// When; the store keeps the hour.
    pub hour: UtcDateTime,
    /// Whose; `None` before sign-in.
    pub tenant: Option<TenantId>,
    /// Which account's; `None` before sign-in.
    pub account: Option<AccountId>,
    /// The stable key of the reason.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// What a tenant has used of its quota.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QuotaState {
    /// The first second from which everything is known.
    pub since: i64,
    /// By the tenant.
    pub tenant: RollingQuota,
    /// By each account that sent something, removed ones too.
    pub accounts: HashMap<AccountId, RollingQuota>,
}

impl Store {
    /// Hands every event of the filter to `each`: by tenant, and in order of time within one.
    ///
    /// The events are read in pages, so that a slow reader keeps neither memory nor the log's
    /// checkpoint waiting; an event that is committed meanwhile may or may not be among them.
    ///
    /// # Errors
    /// The store failed; what was handed over before stands.
    pub fn usage(
        &self,
        filter: &UsageFilter,
        mut each: impl FnMut(UsageEvent),
    ) -> Result<(), StoreError> {
        let (from, to) = seconds(filter);
        for tenant in self.tenants_of(filter)? {
            let mut place = (from, i64::MIN);
            loop {
                let page = self.usage_page(tenant, filter.account, place, to)?;
                let last = page.len() < PAGE_ROWS;
                for (event, seq) in page {
                    place = (event.at.unix_timestamp(), seq);
                    each(event);
                }
                if last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// How many submissions of the filter were refused, by hour, account and reason.
    ///
    /// # Errors
    /// The store failed.
    pub fn refusals(&self, filter: &UsageFilter) -> Result<Vec<RefusalCount>, StoreError> {
        let (from, to) = seconds(filter);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT tenant, hour, account, reason, refusals FROM refusal
                 WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR account = ?2)
                   AND hour >= ?3 AND hour < ?4
                 ORDER BY tenant, hour, account, reason",
            )?;
            let mut rows = statement.query((
                filter.tenant.map(|id| id.0),
                filter.account.map(|id| id.0),
                hour_of(from),
                to,
            ))?;
            let mut counts = Vec::new();
            while let Some(row) = rows.next()? {
                counts.push(RefusalCount {
                    tenant: Some(row.get(0)?).filter(|id| *id != 0).map(TenantId),
                    hour: from_seconds(row.get(1)?)?,
                    account: Some(row.get(2)?).filter(|id| *id != 0).map(AccountId),
                    reason: row.get(3)?,
                    count: from_count(row.get(4)?)?,
                });
            }
            Ok(counts)
        })
    }

    /// What a tenant and its accounts have used at `now`, as the next commit will see it.
    ///
    /// # Errors
    /// The store failed.
    pub fn quota(&self, tenant: TenantId, now: UtcDateTime) -> Result<QuotaState, StoreError> {
        self.read(|connection| quota(connection, tenant, now.unix_timestamp(), |_| true))
    }

    fn tenants_of(&self, filter: &UsageFilter) -> Result<Vec<TenantId>, StoreError> {
        if let Some(tenant) = filter.tenant {
            return Ok(vec![tenant]);
        }
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT id FROM tenant ORDER BY id")?;
            let mut rows = statement.query(())?;
            let mut tenants = Vec::new();
            while let Some(row) = rows.next()? {
                tenants.push(TenantId(row.get(0)?));
            }
            Ok(tenants)
        })
    }

    fn usage_page(
        &self,
        tenant: TenantId,
        account: Option<AccountId>,
        after: (i64, i64),
        to: i64,
    ) -> Result<Vec<(UsageEvent, i64)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT at, seq, account, kind, recipients, octets, message FROM usage
                 WHERE tenant = ?1 AND (at, seq) > (?2, ?3) AND at < ?4
                   AND (?5 IS NULL OR account = ?5)
                 ORDER BY at, seq LIMIT ?6",
            )?;
            let mut rows = statement.query((
                tenant.0,
                after.0,
                after.1,
                to,
                account.map(|id| id.0),
                to_count(PAGE_ROWS),
            ))?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push((event(tenant, row)?, row.get(1)?));
            }
            Ok(page)
        })
    }
}

/// Reads a tenant's quota back from its usage events, and those of the accounts that `wanted`
/// names. Events ahead of `now`, of a clock that has stepped back, are read too.
pub(crate) fn quota(
    connection: &Connection,
    tenant: TenantId,
    now: i64,
    wanted: impl Fn(AccountId) -> bool,
) -> Result<QuotaState, StoreError> {
    let since = now.saturating_sub(2 * WINDOW_SECONDS);
    let mut state = QuotaState {
        since,
        tenant: RollingQuota::known_from(since),
        accounts: HashMap::new(),
    };
    let mut statement = connection.prepare_cached(
        "SELECT at, account, recipients FROM usage
         WHERE tenant = ?1 AND at >= ?2 AND kind = 'accepted' ORDER BY at, seq",
    )?;
    let mut rows = statement.query((tenant.0, since))?;
    while let Some(row) = rows.next()? {
        let (at, account) = (row.get(0)?, AccountId(row.get(1)?));
        let recipients = from_count(row.get(2)?)?;
        state.tenant.record(at, recipients);
        if wanted(account) {
            state
                .accounts
                .entry(account)
                .or_insert_with(|| RollingQuota::known_from(since))
                .record(at, recipients);
        }
    }
    Ok(state)
}

/// The first second of the hour.
pub(crate) fn hour_of(second: i64) -> i64 {
    second.div_euclid(3600) * 3600
}

fn seconds(filter: &UsageFilter) -> (i64, i64) {
    (filter.from.unix_timestamp(), filter.to.unix_timestamp())
}

fn event(tenant: TenantId, row: &Row<'_>) -> Result<UsageEvent, StoreError> {
    let kind = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
    let message = row.get_ref(6)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(UsageEvent {
        at: from_seconds(row.get(0)?)?,
        tenant,
        account: AccountId(row.get(2)?),
        message: to_queue_id(message)?,
        kind: UsageKind::from_name(kind).ok_or_else(|| damaged("kind of usage", kind))?,
        recipients: row.get(4)?,
        octets: from_count(row.get(5)?)?,
    })
}

/// Events read at a time: about half a MB.
const PAGE_ROWS: usize = 4096;
