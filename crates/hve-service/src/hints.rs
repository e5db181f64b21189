//! What the last refusals by quota tell: a client that certainly fails again hears so at RCPT,
//! before it sends a body. The truth is decided in the commit.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, atomic::AtomicBool, atomic::Ordering},
};

use hve_policy::QuotaExceeded;
use hve_smtp::Refusal;
use hve_store::Accepted;
use hve_types::{AccountId, Principal, TenantId};

use crate::refusals::{QuotaOf, quota};

/// The refusals by quota that still hold.
#[derive(Debug, Default)]
pub(crate) struct QuotaHints {
    any: AtomicBool,
    by_owner: Mutex<HashMap<Owner, Hint>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Account(AccountId),
    Tenant(TenantId),
}

#[derive(Clone, Copy, Debug)]
struct Hint {
    exceeded: QuotaExceeded,
    /// The directory in which the limit stood.
    version: u64,
}

impl QuotaHints {
    /// Learns from a verdict that was decided under the directory of `version` or an older one.
    pub(crate) fn learn(&self, principal: &Principal, verdict: &Accepted, version: u64) {
        let (owner, exceeded) = match verdict {
            Accepted::AccountQuota(exceeded) => (Owner::Account(principal.account), *exceeded),
            Accepted::TenantQuota(exceeded) => (Owner::Tenant(principal.tenant), *exceeded),
            _ => return,
        };
        let mut hints = self.by_owner.lock().unwrap_or_else(PoisonError::into_inner);
        let hint = hints.entry(owner).or_insert(Hint { exceeded, version });
        // The fewer recipients are known not to fit, the more the hint says.
        if exceeded.wanted <= hint.exceeded.wanted || version != hint.version {
            *hint = Hint { exceeded, version };
        }
        self.any.store(true, Ordering::Release);
    }

    /// Whether a message of so many recipients certainly has no room at `now`, in seconds since
    /// 1970: no less has fitted, the limit is the same, and its time has not come.
    pub(crate) fn check(
        &self,
        principal: &Principal,
        recipients: usize,
        version: u64,
        now: i64,
    ) -> Result<(), Refusal> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let recipients = u64::try_from(recipients).unwrap_or(u64::MAX);
        let mut hints = self.by_owner.lock().unwrap_or_else(PoisonError::into_inner);
        for (owner, of) in [
            (Owner::Account(principal.account), QuotaOf::Account),
            (Owner::Tenant(principal.tenant), QuotaOf::Tenant),
        ] {
            let Some(hint) = hints.get(&owner) else {
                continue;
            };
            let over = hint.exceeded.room_at.is_some_and(|at| now >= at);
            if over || hint.version != version {
                hints.remove(&owner);
            } else if recipients >= hint.exceeded.wanted {
                return Err(quota(of, &hint.exceeded));
            }
        }
        if hints.is_empty() {
            self.any.store(false, Ordering::Release);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hve_types::Proof;

    use super::*;

    fn principal() -> Principal {
        Principal {
            tenant: TenantId(1),
            account: AccountId(2),
            address: "hve01@contoso.test".parse().unwrap(),
            proof: Proof::Secret { version: 1 },
        }
    }

    fn exceeded(wanted: u64) -> QuotaExceeded {
        QuotaExceeded {
            limit: 100,
            used: 95,
            wanted,
            room_at: Some(1000),
        }
    }

    #[test]
    fn only_what_certainly_fails_is_refused() {
        let (hints, principal) = (QuotaHints::default(), principal());
        let check =
            |recipients, version, now| hints.check(&principal, recipients, version, now).is_ok();
        assert!(check(50, 7, 0));
        hints.learn(&principal, &Accepted::TenantQuota(exceeded(10)), 7);
        assert!(check(9, 7, 999), "fewer may fit");
        assert!(!check(10, 7, 999));
        hints.learn(&principal, &Accepted::TenantQuota(exceeded(6)), 7);
        assert!(!check(6, 7, 999));
        hints.learn(&principal, &Accepted::TenantQuota(exceeded(20)), 7);
        assert!(!check(6, 7, 999), "the stronger hint stays");
        assert!(check(50, 7, 1000), "there is room now");
        assert!(hints.by_owner.lock().unwrap().is_empty());
    }

    #[test]
    fn a_change_of_the_directory_voids_a_hint() {
        let (hints, principal) = (QuotaHints::default(), principal());
        hints.learn(&principal, &Accepted::AccountQuota(exceeded(1)), 7);
        assert!(hints.check(&principal, 1, 7, 0).is_err());
        assert!(hints.check(&principal, 1, 8, 0).is_ok());
        hints.learn(&principal, &Accepted::Durable, 8);
        assert!(hints.check(&principal, 1, 8, 0).is_ok());
    }
}
