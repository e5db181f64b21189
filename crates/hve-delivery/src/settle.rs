//! What came of an attempt, and who writes it down.

use std::future::Future;

use hve_types::QueueId;
use thiserror::Error;
use time::UtcDateTime;

/// What came of one attempt at a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which message.
    pub id: QueueId,
    /// What came of each recipient that was tried, by its index in the envelope.
    pub outcomes: Vec<(usize, Outcome)>,
    /// When the deferred ones are tried again; `None` where there are none.
    pub next_attempt: Option<UtcDateTime>,
}

/// What came of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Handed to the next hop.
    Delivered,
    /// Not now.
    Deferred {
        /// Words for the operator, without addresses.
        reason: String,
    },
    /// Never.
    Failed {
        /// Words for the operator, without addresses.
        reason: String,
    },
}

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
