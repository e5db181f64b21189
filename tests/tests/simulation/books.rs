//! The plain reference: what must be true of the store, kept in the simplest way there is.

use std::collections::{BTreeMap, BTreeSet};

use hve_store::{QueueFilter, Store, UsageFilter};
use hve_types::{AccountId, Ceiling, QueueId, TenantId, UsageKind};
use time::UtcDateTime;

const DAY: i64 = 86_400;

/// One submission that reached the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) account: AccountId,
    pub(crate) recipients: u64,
    /// The second it was decided in.
    pub(crate) at: i64,
    pub(crate) content: Vec<u8>,
    pub(crate) settled: bool,
}

/// Everything that was accepted, and everything a client was told.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) durable: BTreeMap<QueueId, Entry>,
    /// Ids in a `250` that left the session.
    pub(crate) acknowledged: BTreeSet<QueueId>,
    /// Ids of submissions that were refused or never decided.
    pub(crate) not_accepted: BTreeSet<QueueId>,
    /// The largest limits that were ever in force.
    pub(crate) tenant_limit_max: u64,
    pub(crate) account_limit: BTreeMap<AccountId, u64>,
}

impl Books {
    /// What counts at `now`: of everybody, or of one account.
    pub(crate) fn used(&self, account: Option<AccountId>, now: i64) -> u64 {
        self.of(account)
            .filter(|entry| entry.at + DAY >= now)
            .map(|entry| entry.recipients)
            .sum()
    }

    /// Whether one more message fits, by the limits of this moment.
    pub(crate) fn fits(&self, tenant: Ceiling, account: AccountId, wanted: u64, now: i64) -> bool {
        let own = self.account_limit.get(&account);
        let own = own.map_or(Ceiling::Unlimited, |limit| Ceiling::AtMost(*limit));
        tenant.allows(self.used(None, now) + wanted)
            && own.allows(self.used(Some(account), now) + wanted)
    }

    fn of(&self, account: Option<AccountId>) -> impl Iterator<Item = &Entry> {
        self.durable
            .values()
            .filter(move |entry| account.is_none_or(|account| entry.account == account))
    }

    /// Compares the whole store with these books.
    pub(crate) fn compare(&self, store: &Store, tenant: TenantId, now: UtcDateTime) {
        for id in &self.acknowledged {
            assert!(self.durable.contains_key(id), "{id}: 250 and not durable");
        }
        self.compare_queue(store);
        self.compare_usage(store, tenant);
        self.compare_quota(store, tenant, now);
        self.no_window_is_above_its_limit();
    }

    fn compare_queue(&self, store: &Store) {
        let filter = QueueFilter {
            limit: 100_000,
            ..QueueFilter::default()
        };
        let queued = store.queue(&filter).unwrap();
        let queued: BTreeSet<QueueId> = queued.iter().map(|message| message.id).collect();
        let waiting = self.durable.iter().filter(|(_, entry)| !entry.settled);
        let expected: BTreeSet<QueueId> = waiting.map(|(id, _)| *id).collect();
        assert_eq!(queued, expected, "the queue");
        for id in &self.not_accepted {
            assert!(!queued.contains(id), "{id}: refused and queued");
        }
        for (id, entry) in self.durable.iter().filter(|(_, entry)| !entry.settled) {
            let content = store.content(*id).unwrap();
            let content = content.as_deref();
            assert_eq!(content, Some(entry.content.as_slice()), "content of {id}");
        }
    }

    fn compare_usage(&self, store: &Store, tenant: TenantId) {
        let filter = UsageFilter {
            tenant: Some(tenant),
            account: None,
            from: UtcDateTime::MIN,
            to: UtcDateTime::MAX,
        };
        let mut accepted: BTreeMap<QueueId, (AccountId, u64, i64)> = BTreeMap::new();
        store
            .usage(&filter, |event| {
                if event.kind == UsageKind::Accepted {
                    let recipients = u64::from(event.recipients);
                    let value = (event.account, recipients, event.at.unix_timestamp());
                    let before = accepted.insert(event.message, value);
                    assert_eq!(before, None, "{} is counted twice", event.message);
                }
            })
            .unwrap();
        let value = |entry: &Entry| (entry.account, entry.recipients, entry.at);
        let expected: BTreeMap<_, _> = self
            .durable
            .iter()
            .map(|(id, entry)| (*id, value(entry)))
            .collect();
        assert_eq!(accepted, expected, "usage events");
    }

    fn compare_quota(&self, store: &Store, tenant: TenantId, now: UtcDateTime) {
        let mut quota = store.quota(tenant, now).unwrap();
        let now = now.unix_timestamp();
        assert_eq!(
            quota.tenant.used(now),
            self.used(None, now),
            "the tenant's quota"
        );
        for account in self.account_limit.keys() {
            let stored = quota.accounts.get_mut(account);
            let stored = stored.map_or(0, |quota| quota.used(now));
            assert_eq!(stored, self.used(Some(*account), now), "{account:?}");
        }
    }

    /// Of all windows it is enough to look at those that begin with an event.
    fn no_window_is_above_its_limit(&self) {
        let limits = self
            .account_limit
            .iter()
            .map(|(account, limit)| (Some(*account), *limit));
        for (account, limit) in limits.chain([(None, self.tenant_limit_max)]) {
            for first in self.of(account) {
                let window = first.at..=first.at + DAY;
                let inside = self.of(account).filter(|entry| window.contains(&entry.at));
                let sum: u64 = inside.map(|entry| entry.recipients).sum();
                assert!(
                    sum <= limit,
                    "{account:?}: {sum} of {limit} from {}",
                    first.at
                );
            }
        }
    }
}
