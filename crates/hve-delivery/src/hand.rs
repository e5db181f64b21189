//! Which messages are in somebody's hands, so that none is attempted twice at once.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hve_types::QueueId;
use time::UtcDateTime;
use tokio::sync::Notify;

use crate::{Content, Due, Queue, QueueError, recent::Recent};

/// What the batches of one engine tell each other.
#[derive(Default)]
pub(crate) struct Shared {
    in_hand: Mutex<InHand>,
    left: Notify,
}

#[derive(Default)]
struct InHand {
    now: HashSet<QueueId>,
    /// How many of them were taken from the queue.
    taken: usize,
    /// Let go of while the queue is being read: what the reading says of them may be older than
    /// their settlement. There is one reading at a time.
    left: Option<HashSet<QueueId>>,
    /// Taken from the queue at their first attempt, a while ago: should their copy in memory come
    /// after all, it is dropped.
    lately: Recent,
}

impl Shared {
    /// Takes a message from memory; false where it is, or was lately, taken from the queue.
    pub(crate) fn enter(&self, id: QueueId) -> bool {
        let mut in_hand = self.in_hand();
        !in_hand.lately.contains(id) && in_hand.now.insert(id)
    }

    /// Lets go of messages that are settled.
    pub(crate) fn leave<'d>(&self, dues: impl IntoIterator<Item = &'d Due>) {
        {
            let mut in_hand = self.in_hand();
            for due in dues {
                let was_there = in_hand.now.remove(&due.id);
                if was_there && matches!(due.content, Content::InQueue) {
                    in_hand.taken = in_hand.taken.saturating_sub(1);
                }
                if let Some(left) = &mut in_hand.left {
                    left.insert(due.id);
                }
            }
        }
        self.left.notify_one();
    }

    /// How many messages of the queue are in hand.
    pub(crate) fn taken(&self) -> usize {
        self.in_hand().taken
    }

    /// Waits until some were let go of.
    pub(crate) async fn left(&self) {
        self.left.notified().await;
    }

    /// Takes due messages that are in no one's hands. True where there may be more.
    pub(crate) fn take(
        &self,
        queue: &impl Queue,
        now: UtcDateTime,
        limit: usize,
        ready: impl Fn(&Due) -> bool,
    ) -> Result<(Vec<Due>, bool), QueueError> {
        let held = {
            let mut in_hand = self.in_hand();
            in_hand.left = Some(HashSet::new());
            in_hand.now.len()
        };
        // What is in hand is due as well until it is settled, and comes first.
        let read = queue.due(now, limit.saturating_add(held));
        let mut in_hand = self.in_hand();
        let left = in_hand.left.take().unwrap_or_default();
        let mut dues = read?;
        dues.retain(|due| ready(due) && !in_hand.now.contains(&due.id) && !left.contains(&due.id));
        let full = dues.len() >= limit;
        dues.truncate(limit);
        for due in &dues {
            in_hand.now.insert(due.id);
            in_hand.taken += 1;
            if due.attempts == 0 {
                in_hand.lately.insert(due.id);
            }
        }
        Ok((dues, full))
    }

    fn in_hand(&self) -> MutexGuard<'_, InHand> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use hve_types::{AccountId, BodyKind, Envelope, TenantId};

    use super::*;
    use crate::Content;

    fn due(number: u64) -> Due {
        Due {
            id: QueueId::new(number, 0),
            tenant: TenantId(1),
            account: AccountId(1),
            envelope: Arc::new(Envelope {
                sender: None,
                recipients: Vec::new(),
                body: BodyKind::SevenBit,
                smtputf8: false,
                ret: None,
                envid: None,
            }),
            pending: Vec::new(),
            attempts: 1,
            accepted_at: UtcDateTime::UNIX_EPOCH,
            delay_told: false,
            content: Content::InQueue,
        }
    }

    /// A queue in whose reading something happens.
    struct Slow<F>(Vec<Due>, F);

    impl<F: Fn() + Send + Sync + 'static> Queue for Slow<F> {
        fn due(&self, _: UtcDateTime, limit: usize) -> Result<Vec<Due>, QueueError> {
            let read = self.0.iter().take(limit).cloned().collect();
            (self.1)();
            Ok(read)
        }

        fn content(&self, _: QueueId) -> Result<Option<Bytes>, QueueError> {
            Ok(None)
        }
    }

    fn taken(shared: &Shared, queue: &impl Queue) -> Vec<QueueId> {
        let (dues, _) = shared
            .take(queue, UtcDateTime::UNIX_EPOCH, 10, |_| true)
            .unwrap();
        dues.iter().map(|due| due.id).collect()
    }

    #[test]
    fn what_is_settled_while_the_queue_is_read_is_not_taken_from_the_old_reading() {
        let shared = Arc::new(Shared::default());
        let [before, within, free] = [1, 2, 3].map(due);
        assert!(shared.enter(before.id));
        let (other, leaving) = (Arc::clone(&shared), [before.clone(), within.clone()]);
        let queue = Slow(vec![before, within, free.clone()], move || {
            other.enter(leaving[1].id);
            other.leave(&leaving);
        });
        assert_eq!(taken(&shared, &queue), [free.id]);
        shared.leave(&[free]);

        // The next reading sees what the settlements left.
        let again = due(1);
        let queue = Slow(vec![again.clone()], || {});
        assert_eq!(taken(&shared, &queue), [again.id]);
        assert_eq!(taken(&shared, &queue), [], "it is in hand");
    }
}
