//! Who writes down what came of an attempt.

use std::future::Future;

use hve_store::Settlement;
use thiserror::Error;

/// Writes settlements down.
pub trait Settle: Send + Sync + 'static {
    /// Returns when the settlements are durable.
    ///
    /// # Errors
    /// None of them is; see [`SettleError`] for what to do.
    fn settle(
        &self,
        settlements: Vec<Settlement>,
    ) -> impl Future<Output = Result<(), SettleError>> + Send;
}

/// Why nothing was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The host is ending; do not try again.
    #[error("settlements are no longer taken")]
    Closed,
    /// The store is in trouble; try again later.
    #[error("the store cannot take settlements now")]
    Trouble,
}
