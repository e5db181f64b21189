//! A message whose recipients go different ways, and is settled once all of them are back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use hve_store::Reason;
use tokio::sync::mpsc;
use tracing::info;

use crate::{Due, Outcome, fresh::Room, hops::Hops};

/// What came of some recipients, by their place in the envelope.
pub(crate) type Outcomes = Vec<(usize, Outcome)>;

/// The recipients of one message that go to one hop.
///
/// Each parcel is finished exactly once, by a panic or a shutdown in the middle of its attempt too.
pub(crate) struct Parcel {
    message: Arc<Message>,
    /// Whose places in the envelope.
    pub(crate) recipients: Vec<usize>,
    finished: bool,
}

struct Message {
    due: Due,
    /// Given back when the message is settled.
    room: Mutex<Option<Room>>,
    state: Mutex<State>,
    /// Where it goes when it is complete.
    complete: Complete,
}

struct State {
    open: usize,
    outcomes: Outcomes,
    hop_is_down: bool,
    crashed: bool,
}

/// One attempt at all waiting recipients of a message.
pub(crate) struct Attempted {
    pub(crate) due: Due,
    pub(crate) outcomes: Outcomes,
    /// Some were not even tried, because their hop is down.
    pub(crate) hop_is_down: bool,
    /// A part of it ended in a panic.
    pub(crate) crashed: bool,
    /// Its part of the memory for fresh messages: dropped when it is settled.
    _room: Option<Room>,
}

/// Where messages go that are complete.
pub(crate) type Complete = mpsc::UnboundedSender<Attempted>;

/// Divides a message by hop; with each parcel the number of its hop. What is complete goes
/// `away` where part of it goes to other machines, else `here`.
pub(crate) fn divide(
    due: Due,
    room: Option<Room>,
    hops: &Hops,
    here: &Complete,
    away: &Complete,
) -> Vec<(usize, Parcel)> {
    let mut ways: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &place in &due.pending {
        let recipient = due.envelope.recipients.get(place);
        let hop = hops.number(
            recipient
                .map(|recipient| recipient.address.domain())
                .as_ref(),
        );
        ways.entry(hop).or_default().push(place);
    }
    if ways.is_empty() {
        // Nobody waits: it is settled as it is.
        ways.insert(hops.number(None), Vec::new());
    }
    let leaves = ways.keys().any(|&hop| hops.leads_away(hop));
    let message = Arc::new(Message {
        due,
        room: Mutex::new(room),
        state: Mutex::new(State {
            open: ways.len(),
            outcomes: Vec::new(),
            hop_is_down: false,
            crashed: false,
        }),
        complete: if leaves { away } else { here }.clone(),
    });
    let parcel = |(hop, recipients)| {
        let message = Arc::clone(&message);
        let parcel = Parcel {
            message,
            recipients,
            finished: false,
        };
        (hop, parcel)
    };
    ways.into_iter().map(parcel).collect()
}

impl Parcel {
    /// The message, with all of its recipients.
    pub(crate) fn due(&self) -> &Due {
        &self.message.due
    }

    /// The message with only the recipients of this parcel pending.
    pub(crate) fn part(&self) -> Due {
        Due {
            pending: self.recipients.clone(),
            ..self.due().clone()
        }
    }

    /// What came of all its recipients.
    pub(crate) fn finish(mut self, outcomes: Outcomes) {
        self.end(outcomes, false);
    }

    /// Not tried: there is nobody to try it with.
    pub(crate) fn defer(mut self, reason: Reason, hop_is_down: bool) {
        let outcomes = self.deferred(&reason);
        self.end(outcomes, hop_is_down);
    }

    /// Its attempt ended in a panic.
    pub(crate) fn crashed(mut self) {
        self.crash();
    }

    fn crash(&mut self) {
        {
            let state = self.message.state.lock();
            state.unwrap_or_else(PoisonError::into_inner).crashed = true;
        }
        let outcomes = self.deferred(&CRASHED.into());
        self.end(outcomes, false);
    }

    /// Not tried, and nothing to be settled: an operator holds the message, or took it out.
    pub(crate) fn withhold(mut self) {
        let queue_id = self.due().id;
        info!(%queue_id, "not tried: an operator holds it, or took it out");
        self.end(Outcomes::new(), false);
    }

    /// Forgotten rather than settled: it stays in the queue as it is.
    pub(crate) fn abandon(mut self) {
        self.finished = true;
    }

    fn deferred(&self, reason: &Reason) -> Outcomes {
        let outcome = |&place: &usize| {
            let reason = reason.clone();
            (place, Outcome::Deferred { reason })
        };
        self.recipients.iter().map(outcome).collect()
    }

    fn end(&mut self, outcomes: Outcomes, hop_is_down: bool) {
        self.finished = true;
        let complete = {
            let state = self.message.state.lock();
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            state.open = state.open.saturating_sub(1);
            state.outcomes.extend(outcomes);
            state.hop_is_down |= hop_is_down;
            (state.open == 0).then(|| {
                let outcomes = std::mem::take(&mut state.outcomes);
                (outcomes, state.hop_is_down, state.crashed)
            })
        };
        let Some((mut outcomes, hop_is_down, crashed)) = complete else {
            return;
        };
        outcomes.sort_by_key(|(place, _)| *place);
        let room = self.message.room.lock();
        let room = room.unwrap_or_else(PoisonError::into_inner).take();
        // Nobody listens after the end of the engine: then it is tried again after the start.
        let _ = self.message.complete.send(Attempted {
            due: self.message.due.clone(),
            outcomes,
            hop_is_down,
            crashed,
            _room: room,
        });
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if !self.finished {
            if std::thread::panicking() {
                return self.crash();
            }
            let reason = "broken off by a shutdown; it may have been delivered all the same";
            let outcomes = self.deferred(&reason.into());
            self.end(outcomes, false);
        }
    }
}

/// Why a recipient waits whose attempt ended in a panic.
const CRASHED: &str = "bug: the attempt crashed";
