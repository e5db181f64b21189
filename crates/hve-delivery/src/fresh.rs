//! The way in for fresh messages: bounded memory, shared fairly between accounts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hve_types::AccountId;
use tokio::sync::Notify;

use crate::{Content, Due, Limits, fair::FairLine};

/// Gives the engine what was just accepted. Cheap to clone.
#[derive(Clone)]
pub struct Handover {
    /// `None` where nothing is delivered anyway.
    fresh: Option<Arc<FreshLine>>,
}

/// Where fresh messages wait for their turn.
pub(crate) struct FreshLine {
    state: Mutex<State>,
    offered: Notify,
    messages_max: usize,
    octets_max: usize,
}

#[derive(Default)]
struct State {
    line: FairLine<Fresh>,
    all: Used,
    by_account: HashMap<AccountId, Used>,
    closed: bool,
}

/// What is in memory until it is settled.
#[derive(Clone, Copy, Default)]
struct Used {
    messages: usize,
    octets: usize,
}

/// A fresh message, and its part of the room.
pub(crate) struct Fresh {
    pub(crate) due: Due,
    pub(crate) room: Room,
}

/// Part of the room; dropping it gives it back.
pub(crate) struct Room {
    of: Arc<FreshLine>,
    account: AccountId,
    pub(crate) octets: usize,
}

impl Handover {
    pub(crate) const fn new(fresh: Option<Arc<FreshLine>>) -> Self {
        Self { fresh }
    }

    /// Offers a message that is durable and was never tried. False where there is no room: the
    /// engine then takes it from the queue. Never blocks.
    ///
    /// An account takes at most as much of the room as it leaves to others: one that sends a
    /// hundred thousand messages does not keep another's alarm out of memory.
    pub fn offer(&self, due: Due) -> bool {
        self.fresh.as_ref().is_some_and(|fresh| fresh.offer(due))
    }
}

impl FreshLine {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            state: Mutex::default(),
            offered: Notify::new(),
            messages_max: limits.fresh_messages.max(1),
            octets_max: limits.fresh_octets,
        }
    }

    fn offer(self: &Arc<Self>, due: Due) -> bool {
        let octets = match &due.content {
            Content::InMemory(content) => content.len().max(OCTETS_MIN),
            Content::InQueue => OCTETS_MIN,
        };
        let account = due.account;
        let mut state = self.state();
        if state.closed || !self.admits(&state, account, octets) {
            return false;
        }
        state.all.add(octets);
        state.by_account.entry(account).or_default().add(octets);
        let room = Room {
            of: Arc::clone(self),
            account,
            octets,
        };
        state.line.push(account, Fresh { due, room });
        drop(state);
        self.offered.notify_one();
        true
    }

    fn admits(&self, state: &State, account: AccountId, octets: usize) -> bool {
        let own = state.by_account.get(&account).copied().unwrap_or_default();
        let left = Used {
            messages: self.messages_max.saturating_sub(state.all.messages),
            octets: self.octets_max.saturating_sub(state.all.octets),
        };
        // The first message of an account needs room only, however large it is.
        let modest = own.messages == 0
            || own.messages + 1 < left.messages && own.octets + octets * 2 <= left.octets;
        left.messages > 0 && left.octets >= octets && modest
    }

    /// Waits for the next one.
    pub(crate) async fn recv(&self) -> Fresh {
        loop {
            let offered = self.offered.notified();
            if let Some(fresh) = self.try_recv() {
                return fresh;
            }
            offered.await;
        }
    }

    pub(crate) fn try_recv(&self) -> Option<Fresh> {
        self.state().line.pop()
    }

    /// Takes no more; what waits is left to the queue.
    pub(crate) fn close(&self) {
        let line = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.line)
        };
        // Each gives its room back, which takes the lock.
        drop(line);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    const fn add(&mut self, octets: usize) {
        self.messages += 1;
        self.octets += octets;
    }

    const fn sub(&mut self, octets: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.octets = self.octets.saturating_sub(octets);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.of.state();
        state.all.sub(self.octets);
        if let Some(own) = state.by_account.get_mut(&self.account) {
            own.sub(self.octets);
            if own.messages == 0 {
                state.by_account.remove(&self.account);
            }
        }
    }
}

/// What a message takes at least: its envelope counts too.
const OCTETS_MIN: usize = 1024;

#[cfg(test)]
mod tests {
    use hve_types::{BodyKind, Envelope, QueueId, TenantId};
    use time::UtcDateTime;

    use super::*;

    fn due(account: i64, octets: usize) -> Due {
        Due {
            id: QueueId::new(1, 0),
            tenant: TenantId(1),
            account: AccountId(account),
            envelope: Arc::new(Envelope {
                sender: None,
                recipients: Vec::new(),
                body: BodyKind::SevenBit,
                smtputf8: false,
                ret: None,
                envid: None,
            }),
            pending: Vec::new(),
            attempts: 0,
            accepted_at: UtcDateTime::UNIX_EPOCH,
            delay_told: false,
            content: Content::InMemory(vec![0; octets].into()),
        }
    }

    fn line(messages: usize, octets: usize) -> (Arc<FreshLine>, Handover) {
        let limits = Limits {
            fresh_messages: messages,
            fresh_octets: octets,
            ..Limits::default()
        };
        let line = Arc::new(FreshLine::new(&limits));
        (Arc::clone(&line), Handover::new(Some(line)))
    }

    fn offers(handover: &Handover, account: i64, octets: usize, times: usize) -> usize {
        (0..times)
            .filter(|_| handover.offer(due(account, octets)))
            .count()
    }

    #[test]
    fn a_bulk_job_leaves_room_and_the_next_turn_to_others() {
        let (line, handover) = line(100, 1 << 30);
        assert_eq!(offers(&handover, 1, 10, 1_000), 50);
        assert_eq!(offers(&handover, 2, 10, 1_000), 25);
        assert_eq!(offers(&handover, 3, 10, 1), 1);
        let turns: Vec<_> = (0..3).map(|_| line.try_recv().unwrap()).collect();
        let accounts: Vec<_> = turns.iter().map(|fresh| fresh.due.account.0).collect();
        assert_eq!(accounts, [1, 2, 3]);
        // What is taken out of the line still takes its room, until it is settled.
        assert_eq!(offers(&handover, 1, 10, 1), 0);
        drop(turns);
        while line.try_recv().is_some() {}
        assert_eq!(offers(&handover, 1, 10, 1), 1);
    }

    #[test]
    fn a_large_message_may_take_all_the_room_that_there_is() {
        let (line, handover) = line(100, 64 << 10);
        assert_eq!(offers(&handover, 1, 64 << 10, 2), 1);
        assert_eq!(offers(&handover, 2, 1, 1), 0);
        drop(line.try_recv());
        assert_eq!(offers(&handover, 1, 16 << 10, 9), 2);
        assert_eq!(offers(&handover, 2, 32 << 10, 1), 1);
        line.close();
        assert_eq!(line.state().all.messages, 0);
        assert_eq!(offers(&handover, 3, 1, 1), 0);
        assert!(!Handover::new(None).offer(due(1, 1)));
    }
}
