//! The books: what the writer knows of tenants and accounts in order to decide, and their rolling
//! quotas. All of it is a copy of what the file holds.

use std::collections::HashMap;

use hve_policy::RollingQuota;
use hve_types::{AccountId, Ceiling, QueueId, State, Suspension, TenantId};
use rusqlite::Connection;
use time::UtcDateTime;

use super::Accepted;
use crate::{StoreError, directory, usage};

#[derive(Debug, Default)]
pub(super) struct Books {
    /// The change counter at which standings were read.
    version: u64,
    tenants: HashMap<TenantId, TenantBook>,
    /// What the transaction in progress has counted.
    journal: Vec<Entry>,
}

/// A message that the transaction in progress has counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) id: QueueId,
    pub(super) tenant: TenantId,
    pub(super) account: AccountId,
    /// In seconds.
    pub(super) at: i64,
    pub(super) recipients: u64,
}

#[derive(Debug, Default)]
struct TenantBook {
    standing: Option<Standing>,
    quota: Option<RollingQuota>,
    accounts: HashMap<AccountId, AccountBook>,
    /// The second of the last usage event, and the next number in it.
    next_seq: Option<(i64, i64)>,
}

#[derive(Debug, Default)]
struct AccountBook {
    standing: Option<Standing>,
    /// Kept only for accounts that have a limit.
    quota: Option<RollingQuota>,
}

/// Whether somebody may send at all, and how much.
#[derive(Clone, Debug)]
enum Standing {
    Known { state: State, ceiling: Ceiling },
    Removed,
}

impl Books {
    /// Standings of another version of the directory are read again when they are next asked for.
    pub(super) fn at_version(&mut self, version: u64) {
        if self.version == version {
            return;
        }
        self.version = version;
        for tenant in self.tenants.values_mut() {
            tenant.standing = None;
            for account in tenant.accounts.values_mut() {
                account.standing = None;
            }
        }
    }

    /// May this message be let in? `Err` holds the verdict that refuses it.
    pub(super) fn judge(
        &mut self,
        connection: &Connection,
        (tenant_id, account_id): (TenantId, AccountId),
        recipients: u64,
        now: UtcDateTime,
    ) -> Result<Result<(), Accepted>, StoreError> {
        let second = now.unix_timestamp();
        let tenant = self.tenants.entry(tenant_id).or_default();
        let ceiling = match tenant.standing(connection, tenant_id)?.check(now) {
            Ok(ceiling) => ceiling,
            Err(barred) => return Ok(Err(barred.of_tenant())),
        };
        let account = tenant.accounts.entry(account_id).or_default();
        let standing = account.standing(connection, tenant_id, account_id)?;
        let account_ceiling = match standing.check(now) {
            Ok(ceiling) => ceiling,
            Err(barred) => return Ok(Err(barred.of_account())),
        };
        let (quota, account_quota) = tenant.quotas(connection, (tenant_id, account_id), second)?;
        if let Err(exceeded) = quota.decide(ceiling, recipients, second) {
            return Ok(Err(Accepted::TenantQuota(exceeded)));
        }
        if let Some(quota) = account_quota
            && let Err(exceeded) = quota.decide(account_ceiling, recipients, second)
        {
            return Ok(Err(Accepted::AccountQuota(exceeded)));
        }
        Ok(Ok(()))
    }

    /// Counts a message that was inserted.
    pub(super) fn count(&mut self, entry: Entry) {
        let tenant = self.tenants.entry(entry.tenant).or_default();
        tenant.each_quota(entry.account, |quota| {
            quota.record(entry.at, entry.recipients);
        });
        self.journal.push(entry);
    }

    /// The next number among a tenant's usage events of one second.
    pub(super) fn next_seq(
        &mut self,
        connection: &Connection,
        id: TenantId,
        at: i64,
    ) -> Result<i64, StoreError> {
        let tenant = self.tenants.entry(id).or_default();
        let seq = match tenant.next_seq {
            Some((second, seq)) if second == at => seq,
            _ => connection
                .prepare_cached(
                    "SELECT coalesce(max(seq), 0) + 1 FROM usage WHERE tenant = ?1 AND at = ?2",
                )?
                .query_row((id.0, at), |row| row.get(0))?,
        };
        tenant.next_seq = Some((at, seq + 1));
        Ok(seq)
    }

    /// The transaction is durable.
    pub(super) fn keep(&mut self) {
        self.journal.clear();
    }

    /// The transaction was rolled back.
    pub(super) fn undo(&mut self) {
        for entry in self.take_journal() {
            if let Some(tenant) = self.tenants.get_mut(&entry.tenant) {
                tenant.each_quota(entry.account, |quota| {
                    quota.undo(entry.at, entry.recipients);
                });
            }
        }
    }

    pub(super) fn take_journal(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.journal)
    }

    #[cfg(test)]
    pub(super) fn used(&mut self, id: TenantId, now: UtcDateTime) -> u64 {
        let quota = self.tenants.get_mut(&id).and_then(|t| t.quota.as_mut());
        quota.map_or(0, |quota| quota.used(now.unix_timestamp()))
    }

    /// Forgets everything; it is read from the file when it is next needed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl TenantBook {
    fn standing(&mut self, connection: &Connection, id: TenantId) -> Result<&Standing, StoreError> {
        let standing = match self.standing.take() {
            Some(standing) => standing,
            None => match directory::find_tenant(connection, id)? {
                Some(tenant) => Standing::Known {
                    state: tenant.state,
                    ceiling: tenant.limits.recipients_per_day,
                },
                None => Standing::Removed,
            },
        };
        Ok(self.standing.insert(standing))
    }

    /// The quotas of the tenant and, where it has a limit, of the account, knowing all that counts
    /// at `second`. They are read back from the file where they do not.
    fn quotas(
        &mut self,
        connection: &Connection,
        (tenant, account): (TenantId, AccountId),
        second: i64,
    ) -> Result<(&mut RollingQuota, Option<&mut RollingQuota>), StoreError> {
        let covering = |quota: Option<RollingQuota>| quota.filter(|quota| quota.covers(second));
        let known = covering(self.quota.take());
        let book = self.accounts.entry(account).or_default();
        let limited = book.is_limited();
        let account_known = covering(book.quota.take());
        let (known, account_known) = match (known, account_known) {
            (Some(known), Some(account_known)) if limited => (known, Some(account_known)),
            (Some(known), _) if !limited => (known, None),
            _ => {
                let mut read = usage::quota(connection, tenant, second, |id| id == account)?;
                let own = read.accounts.remove(&account);
                let own = own.unwrap_or_else(|| RollingQuota::known_from(read.since));
                (read.tenant, limited.then_some(own))
            }
        };
        book.quota = account_known;
        Ok((self.quota.insert(known), book.quota.as_mut()))
    }

    fn each_quota(&mut self, account: AccountId, f: impl FnMut(&mut RollingQuota)) {
        let account = self.accounts.get_mut(&account);
        let account = account.and_then(|account| account.quota.as_mut());
        self.quota.iter_mut().chain(account).for_each(f);
    }
}

impl AccountBook {
    fn standing(
        &mut self,
        connection: &Connection,
        tenant: TenantId,
        id: AccountId,
    ) -> Result<&Standing, StoreError> {
        let standing = match self.standing.take() {
            Some(standing) => standing,
            None => {
                let found = directory::find_account(connection, id)?;
                match found.filter(|account| account.tenant == tenant) {
                    Some(account) => Standing::Known {
                        state: account.state,
                        ceiling: account.limits.recipients_per_day,
                    },
                    None => Standing::Removed,
                }
            }
        };
        Ok(self.standing.insert(standing))
    }

    fn is_limited(&self) -> bool {
        matches!(
            self.standing,
            Some(Standing::Known {
                ceiling: Ceiling::AtMost(_),
                ..
            })
        )
    }
}

/// Why a standing lets nothing in.
enum Barred {
    Removed,
    Suspended(Suspension),
}

impl Standing {
    fn check(&self, now: UtcDateTime) -> Result<Ceiling, Barred> {
        match self {
            Self::Removed => Err(Barred::Removed),
            Self::Known { state, ceiling } => match state.suspension(now) {
                Some(suspension) => Err(Barred::Suspended(suspension.clone())),
                None => Ok(*ceiling),
            },
        }
    }
}

impl Barred {
    fn of_tenant(self) -> Accepted {
        match self {
            Self::Removed => Accepted::TenantRemoved,
            Self::Suspended(suspension) => Accepted::TenantSuspended(suspension),
        }
    }

    fn of_account(self) -> Accepted {
        match self {
            Self::Removed => Accepted::AccountRemoved,
            Self::Suspended(suspension) => Accepted::AccountSuspended(suspension),
        }
    }
}
