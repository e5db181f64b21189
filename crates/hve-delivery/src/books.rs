//! Has attempts written down, in groups.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    Limits, RetrySchedule, Settle, SettleError, Settlement,
    background::in_background,
    bounce,
    hand::Shared,
    parcel::Attempted,
    stock::{Supply, settlement},
};

/// Where what came of attempts is written down.
pub(crate) struct Books<S> {
    settle: S,
    supply: Arc<dyn Supply>,
    shared: Arc<Shared>,
    again: Duration,
    retries: RetrySchedule,
}

impl<S: Settle> Books<S> {
    pub(crate) fn new(
        settle: S,
        supply: Arc<dyn Supply>,
        shared: Arc<Shared>,
        limits: &Limits,
    ) -> Self {
        Self {
            settle,
            supply,
            shared,
            again: limits.settle_again,
            retries: limits.retries.clone(),
        }
    }

    /// Writes down what comes back one by one: each time all that came meanwhile, at most `most`.
    pub(crate) async fn keep(
        &self,
        mut complete: mpsc::UnboundedReceiver<Attempted>,
        most: usize,
        shutdown: &CancellationToken,
    ) {
        let mut group = Vec::new();
        while complete.recv_many(&mut group, most).await > 0 {
            self.settle(std::mem::take(&mut group), shutdown).await;
        }
    }

    /// Copies that are delivered must not be delivered again, so this insists until the end.
    /// Then the messages are nobody's any more.
    pub(crate) async fn settle(&self, attempted: Vec<Attempted>, shutdown: &CancellationToken) {
        if attempted.is_empty() {
            return;
        }
        let (now, random) = (self.supply.utc(), || self.supply.random());
        // Of a message that was withheld there is nothing to settle.
        let tried = |attempted: &&Attempted| {
            !attempted.outcomes.is_empty() || attempted.due.pending.is_empty()
        };
        let settlements: Vec<_> = attempted
            .iter()
            .filter(tried)
            .map(|attempted| settlement(attempted, &self.retries, now, random()))
            .collect();
        let settlements = self.conclude(&attempted, settlements).await;
        if !settlements.is_empty() {
            self.insist(settlements, shutdown).await;
        }
        self.shared
            .leave(attempted.iter().map(|attempted| &attempted.due));
    }

    /// Gives up who has had his time, and adds what people are told.
    async fn conclude(
        &self,
        attempted: &[Attempted],
        settlements: Vec<Settlement>,
    ) -> Vec<Settlement> {
        let dues = attempted.iter().map(|attempted| &attempted.due);
        if !bounce::concern(dues.clone(), &settlements) {
            return settlements;
        }
        let dues: Vec<_> = dues.cloned().collect();
        let (supply, as_they_are) = (Arc::clone(&self.supply), settlements.clone());
        // A crash in there must not lead to a second delivery.
        in_background(move || supply.conclude(&dues, settlements))
            .await
            .unwrap_or(as_they_are)
    }

    async fn insist(&self, settlements: Vec<Settlement>, shutdown: &CancellationToken) {
        let messages = settlements.len();
        loop {
            // A shutdown in the middle of an attempt leaves one more.
            let last = shutdown.is_cancelled();
            match self.settle.settle(settlements.clone()).await {
                Ok(()) => return,
                Err(SettleError::Trouble) if !last => {
                    warn!(messages, "not settled, trying again");
                    tokio::select! {
                        () = sleep(self.again) => {}
                        () = shutdown.cancelled() => {}
                    }
                }
                Err(error) => {
                    error!(messages, %error, "not settled, they are tried again after the next start");
                    return;
                }
            }
        }
    }
}
