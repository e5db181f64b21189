//! What delivery asks its host: settlements, clock, randomness, and whose a domain is.

use std::sync::Arc;

use hve_delivery::{Host, QueueError, Settle, SettleError, Settlement};
use hve_types::{Domain, TenantId};

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

/// Clock, randomness, and whether a domain is still the tenant's.
pub(crate) fn host(directory: Arc<CachedDirectory>) -> Host {
    let accepts = move |tenant: TenantId, domain: &Domain| {
        let view = directory
            .current()
            .map_err(|error| QueueError(Box::new(error)))?;
        Ok(view.domain(domain).is_some_and(|(of, _)| of == tenant))
    };
    Host {
        clock: Box::new(clock::utc),
        // Only jitter: any number will do where there is no randomness.
        random: Box::new(|| getrandom::u64().unwrap_or(0)),
        accepts: Box::new(accepts),
    }
}
