//! What delivery asks its host: settlements, clock, randomness, and whose a domain is.

use std::sync::Arc;

use hve_delivery::{Host, QueueError, Settle, SettleError, Settlement, bounce::Notices};
use hve_types::{AccountId, Domain, TenantId};

use crate::{
    clock,
    committer::{CommitQueue, Trouble},
    directory::CachedDirectory,
};

/// Settlements go the committer's way.
pub(crate) struct Settlements(pub(crate) CommitQueue);

impl Settle for Settlements {
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), SettleError> {
        match self.0.settle(settlements).await {
            Ok(()) => Ok(()),
            Err(Trouble::Ended) => Err(SettleError::Closed),
            Err(Trouble::DiskFull | Trouble::Store) => Err(SettleError::Trouble),
        }
    }
}

/// Clock, randomness, whether a domain is still the tenant's, and who hears of failures.
pub(crate) fn host(directory: Arc<CachedDirectory>, hostname: &str) -> Host {
    let of = Arc::clone(&directory);
    let bounce_to = move |tenant: TenantId, account: AccountId| {
        let view = of.current().map_err(|error| QueueError(Box::new(error)))?;
        let own = view.account(account).and_then(|of| of.bounce_to.clone());
        Ok(own.or_else(|| view.tenant(tenant).and_then(|of| of.postmaster.clone())))
    };
    let accepts = move |tenant: TenantId, domain: &Domain| {
        let view = directory
            .current()
            .map_err(|error| QueueError(Box::new(error)))?;
        Ok(view.domain(domain).is_some_and(|(of, _)| of == tenant))
    };
    Host {
        clock: Box::new(clock::utc),
        // Mail is delivered without randomness as well; only jitter and boundaries need it.
        random: Box::new(|| getrandom::u64().unwrap_or(0)),
        accepts: Box::new(accepts),
        notices: Notices {
            name: hostname.into(),
            bounce_to: Box::new(bounce_to),
        },
    }
}
