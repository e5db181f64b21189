//! Every bound of the engine, with its reason.

use std::time::Duration;

use crate::{RetrySchedule, bounce::DELAY_NOTICE};

/// What the engine may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Batches under way at once. Default 1: their syncs and those of the store wait for the same
    /// disk, and a second one costs accepting a third of its speed and gains delivery little.
    pub batches: usize,
    /// Messages in one batch. Default 64: enough to share the cost of a sync, few enough that a
    /// batch is over in tens of milliseconds.
    pub batch_messages: usize,
    /// Octets in one batch before it is closed. Default 16 MiB.
    pub batch_octets: usize,
    /// Fresh messages kept in memory until they are settled. Default 4,096. An account takes at
    /// most as much of this, and of the octets, as it leaves.
    pub fresh_messages: usize,
    /// Octets of fresh messages kept in memory until they are settled. Default 64 MiB.
    pub fresh_octets: usize,
    /// How often the queue is looked through. Default 5 s: the shortest wait is a minute.
    pub scan_every: Duration,
    /// How old a message that was never tried must be before the queue's copy of it is taken:
    /// until then it may be on its way here in memory. Default 10 s.
    pub hand_over: Duration,
    /// Messages of the queue in hand at once, for hops that work on many. Default 1,024: they
    /// hold envelopes, not texts.
    pub queued_messages: usize,
    /// Connections to one next hop at once. Default 8: enough to hide its syncs, few enough for
    /// any server.
    pub connections: usize,
    /// For transactions in flight when the engine stops. Default 10 s; what takes longer is
    /// broken off and tried again after the next start.
    pub stop_within: Duration,
    /// How long to wait before a settlement that failed is tried again. Default 1 s.
    pub settle_again: Duration,
    /// When a message is tried again, and when it is given up. Default: for 24 hours.
    pub retries: RetrySchedule,
    /// How long a message may wait before somebody is told of it, once. Default 4 h: a morning.
    pub delay_notice: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batches: 1,
            batch_messages: 64,
            batch_octets: 16 * 1024 * 1024,
            fresh_messages: 4096,
            fresh_octets: 64 * 1024 * 1024,
            scan_every: Duration::from_secs(5),
            hand_over: Duration::from_secs(10),
            queued_messages: 1024,
            connections: 8,
            stop_within: Duration::from_secs(10),
            settle_again: Duration::from_secs(1),
            retries: RetrySchedule::default(),
            delay_notice: DELAY_NOTICE,
        }
    }
}
