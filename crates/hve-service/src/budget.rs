//! The memory that messages may take while they are being received, all sessions together.
//!
//! A message begins with a small share, which grows with what has come: a size that is only
//! announced takes nothing, and a client that sends slowly holds little.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// All that there is.
pub(crate) struct Budget {
    units: Arc<Semaphore>,
}

/// The share of one message; given back when it is dropped.
pub(crate) struct Share {
    permit: OwnedSemaphorePermit,
    budget: Arc<Semaphore>,
    received: u64,
}

/// Nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// Octets are counted in kibibytes: a semaphore counts to 2^29 at least.
const UNIT: u64 = 1024;
/// The first share of a message of which no size is known.
const FIRST_OCTETS: u64 = 64 * 1024;
/// How long a client waits for others to finish: long enough for a crowd to pass, short enough
/// for it to be told while it still listens.
const PATIENCE: Duration = Duration::from_secs(2);

impl Budget {
    pub(crate) fn new(octets: u64) -> Self {
        let units = usize::try_from(octets / UNIT).unwrap_or(usize::MAX);
        Self {
            units: Arc::new(Semaphore::new(units.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// A first share for a message that may have `declared` octets.
    pub(crate) async fn share(&self, declared: Option<u64>) -> Result<Share, Exhausted> {
        let first = declared.unwrap_or(FIRST_OCTETS).min(FIRST_OCTETS);
        let permit = acquire(&self.units, first).await?;
        Ok(Share {
            permit,
            budget: Arc::clone(&self.units),
            received: 0,
        })
    }
}

impl Share {
    /// Notes what has come; [`Share::grow`] before more is read.
    pub(crate) fn note(&mut self, octets: usize) {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(octets);
    }

    fn is_short(&self) -> bool {
        self.received / UNIT > self.units()
    }

    fn units(&self) -> u64 {
        u64::try_from(self.permit.num_permits()).unwrap_or(u64::MAX)
    }

    /// Doubles the share until it covers what has come.
    pub(crate) async fn grow(&mut self) -> Result<(), Exhausted> {
        while self.is_short() {
            let more = acquire(&self.budget, self.units().saturating_mul(UNIT)).await?;
            self.permit.merge(more);
        }
        Ok(())
    }
}

async fn acquire(from: &Arc<Semaphore>, octets: u64) -> Result<OwnedSemaphorePermit, Exhausted> {
    let units = u32::try_from(octets.div_ceil(UNIT))
        .unwrap_or(u32::MAX)
        .max(1);
    if let Ok(permit) = Arc::clone(from).try_acquire_many_owned(units) {
        return Ok(permit);
    }
    match timeout(PATIENCE, Arc::clone(from).acquire_many_owned(units)).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(Exhausted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_share_grows_with_what_comes_and_is_given_back() {
        let budget = Budget::new(256 * 1024);
        let mut share = budget.share(Some(1 << 40)).await.unwrap();
        assert_eq!(budget.units.available_permits(), 192);
        share.note(64 * 1024);
        assert!(!share.is_short());
        share.note(4096);
        assert!(share.is_short());
        share.grow().await.unwrap();
        assert_eq!(budget.units.available_permits(), 128);
        let other = budget.share(None).await.unwrap();
        share.note(64 * 1024);
        assert_eq!(share.grow().await.err(), Some(Exhausted));
        drop(other);
        share.grow().await.unwrap();
        assert_eq!(budget.share(None).await.err(), Some(Exhausted));
        drop(share);
        assert_eq!(budget.units.available_permits(), 256);
    }

    #[tokio::test]
    async fn a_small_message_takes_little() {
        let budget = Budget::new(1024 * 1024);
        let _share = budget.share(Some(4000)).await.unwrap();
        assert_eq!(budget.units.available_permits(), 1020);
    }
}
