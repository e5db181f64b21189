//! Delivery to other machines by LMTP and SMTP.
//!
//! Each hop has one line of parcels, in which accounts take turns, and a bounded number of
//! connections that take from it. A connection is opened when more waits than idle connections
//! can take, is used for many transactions, and ends when it had nothing to do for a while.

mod carry;
mod connect;
mod mark;
mod setup;
mod tls;
mod wire;
mod words;

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, warn};

pub use mark::{Mark, MarkError};
pub use setup::{RelaySettings, SetupError};

use crate::{Limits, Relay, fair::FairLine, parcel::Parcel, stock::Supply};
use connect::Places;
use setup::Setup;

/// One next hop with all its hosts.
pub(crate) struct Hop {
    setup: Setup,
    places: Places,
    supply: Arc<dyn Supply>,
    state: Mutex<State>,
    pushed: Notify,
    connections_max: usize,
    stop_within: Duration,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Ends what does not end by itself.
    cut: CancellationToken,
    /// Recipients of whom it is not known whether the hop has their copy.
    uncertain: AtomicU64,
}

#[derive(Default)]
struct State {
    line: FairLine<Parcel>,
    carriers: usize,
    idle: usize,
}

impl Hop {
    pub(crate) fn new(
        relay: &Relay,
        settings: &RelaySettings,
        limits: &Limits,
        supply: Arc<dyn Supply>,
        stop: CancellationToken,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            setup: Setup::new(relay, settings)?,
            places: Places::new(relay),
            supply,
            state: Mutex::default(),
            pushed: Notify::new(),
            connections_max: limits.connections.max(1),
            stop_within: limits.stop_within,
            tasks: TaskTracker::new(),
            stop,
            cut: CancellationToken::new(),
            uncertain: AtomicU64::new(0),
        })
    }

    /// Takes a parcel, to be delivered when it is its turn.
    pub(crate) fn push(self: &Arc<Self>, parcel: Parcel) {
        {
            let account = parcel.due().account;
            self.state().line.push(account, parcel);
        }
        self.pushed.notify_one();
        self.staff();
    }

    /// Opens one more connection where that helps.
    fn staff(self: &Arc<Self>) {
        let mut state = self.state();
        let wanted = state.line.len() > state.idle && state.carriers < self.connections_max;
        if !wanted || self.stop.is_cancelled() {
            return;
        }
        state.carriers += 1;
        let (berth, cut) = (Berth(Arc::clone(self)), self.cut.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = carry::carry(&berth.0) => {}
                () = cut.cancelled() => {}
            }
        });
    }

    fn try_take(&self) -> Option<Parcel> {
        self.state().line.pop()
    }

    /// Waits for a parcel. May be dropped at any moment.
    async fn take(&self) -> Parcel {
        let _idle = Idle::new(self);
        loop {
            let mut pushed = pin!(self.pushed.notified());
            // From here on: two connections that look at the same moment are both told.
            pushed.as_mut().enable();
            if let Some(parcel) = self.try_take() {
                return parcel;
            }
            pushed.await;
        }
    }

    /// Counts copies that may come twice.
    fn note_uncertain(&self, parcel: &Parcel, recipients: u64) {
        let before = self.uncertain.fetch_add(recipients, Ordering::Relaxed);
        let total = before.saturating_add(recipients);
        let queue_id = parcel.due().id;
        warn!(
            %queue_id, recipients, total,
            "the next hop took the whole message and did not say what came of it: \
             the next attempt may be a second copy"
        );
    }

    /// Waits until no connection is left. What was not begun stays in the queue.
    pub(crate) async fn closed(&self) {
        self.tasks.close();
        if timeout(self.stop_within, self.tasks.wait()).await.is_err() {
            warn!("a next hop is too slow for the shutdown: what it has is tried again");
            self.cut.cancel();
            self.tasks.wait().await;
        }
        while let Some(parcel) = self.try_take() {
            parcel.abandon();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection; given back however its task ends.
struct Berth(Arc<Hop>);

impl Drop for Berth {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!("bug: a connection to a next hop crashed");
        }
        {
            let mut state = self.0.state();
            state.carriers = state.carriers.saturating_sub(1);
        }
        // Something may have come after the last look.
        self.0.staff();
    }
}

/// While a connection has nothing to do.
struct Idle<'h>(&'h Hop);

impl<'h> Idle<'h> {
    fn new(hop: &'h Hop) -> Self {
        hop.state().idle += 1;
        Self(hop)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.idle = state.idle.saturating_sub(1);
    }
}
