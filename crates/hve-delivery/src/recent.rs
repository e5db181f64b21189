//! The last few thousand ids: bounded memory of what was done lately.

use std::collections::{HashSet, VecDeque};

use hve_types::QueueId;

#[derive(Default)]
pub(crate) struct Recent {
    order: VecDeque<QueueId>,
    known: HashSet<QueueId>,
}

impl Recent {
    pub(crate) fn insert(&mut self, id: QueueId) {
        if self.known.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > IDS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(crate) fn contains(&self, id: QueueId) -> bool {
        self.known.contains(&id)
    }
}

/// More than are taken from the queue while a message in memory waits for its turn.
const IDS_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let id = |n| QueueId::new(n, 0);
        let mut recent = Recent::default();
        for n in 0..=16_384 {
            recent.insert(id(n));
        }
        recent.insert(id(16_384));
        assert!(!recent.contains(id(0)));
        assert!(recent.contains(id(1)) && recent.contains(id(16_384)));
    }
}
