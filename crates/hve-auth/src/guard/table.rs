//! One bounded table of the guard: under each key the distinct secrets tried of late, a block, or
//! the time until which it is spared.

use std::{collections::HashMap, time::Duration};

use super::weight::{Mark, weight};

/// A table that never holds more than its capacity.
pub(crate) struct Table {
    capacity: usize,
    /// So many secrets of one source weigh, at most.
    of_one_source: usize,
    entries: HashMap<u128, Entry>,
}

/// How long blocks last.
#[derive(Clone, Copy)]
pub(crate) struct BlockLengths {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
    /// For how long after its end a block makes the next one longer.
    pub(crate) memory: Duration,
}

/// What [`Table::count`] found.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    /// Distinct secrets tried within the window, this one among them.
    pub(crate) distinct: usize,
    /// What they weigh together.
    pub(crate) weight: usize,
    /// It was not tried within the window before.
    pub(crate) new: bool,
}

#[derive(Default)]
struct Entry {
    /// Distinct secrets, each with the time it was last tried.
    tried: Vec<(Mark, Duration)>,
    blocked_until: Duration,
    /// Blocks in a row, remembered until then.
    blocks: u32,
    blocks_until: Duration,
    kept_until: Duration,
    touched: Duration,
    /// The time from which the tried secrets do not matter any more.
    stale_at: Duration,
}

impl Table {
    pub(crate) fn new(capacity: usize, of_one_source: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            of_one_source,
            entries: HashMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn blocked_until(&self, key: u128, now: Duration) -> Option<Duration> {
        let entry = self.entries.get(&key)?;
        (now < entry.blocked_until).then_some(entry.blocked_until)
    }

    pub(crate) fn kept_until(&self, key: u128, now: Duration) -> Option<Duration> {
        let entry = self.entries.get(&key)?;
        (now < entry.kept_until).then_some(entry.kept_until)
    }

    /// The distinct secrets tried within the window.
    pub(crate) fn tried(
        &self,
        key: u128,
        window: Duration,
        now: Duration,
    ) -> impl Iterator<Item = Mark> {
        let tried = self.entries.get(&key).map(|entry| &entry.tried);
        let fresh = move |(_, at): &&(Mark, Duration)| now.saturating_sub(*at) < window;
        tried.into_iter().flatten().filter(fresh).map(|(of, _)| *of)
    }

    /// Counts a secret.
    pub(crate) fn count(
        &mut self,
        key: u128,
        guess: Mark,
        window: Duration,
        now: Duration,
    ) -> Counted {
        let entry = self.entry(key, now);
        entry
            .tried
            .retain(|(_, at)| now.saturating_sub(*at) < window);
        let known = entry
            .tried
            .iter_mut()
            .find(|(known, _)| known.secret == guess.secret);
        let new = known.is_none();
        match known {
            Some((_, at)) => *at = now,
            None => entry.tried.push((guess, now)),
        }
        entry.stale_at = now.saturating_add(window);
        let tried = entry.tried.iter().map(|(of, _)| *of).collect();
        let distinct = entry.tried.len();
        Counted {
            distinct,
            weight: weight(tried, self.of_one_source),
            new,
        }
    }

    /// Blocks a key and forgets what led to it: after the block counting begins anew. Each
    /// further block within the memory is twice as long as the one before. Returns its end and
    /// the how-manieth in a row it is; `None` where the key is blocked already: guesses that waited
    /// for a thread begin no second.
    pub(crate) fn block(
        &mut self,
        key: u128,
        lengths: BlockLengths,
        now: Duration,
    ) -> Option<(Duration, u32)> {
        let entry = self.entry(key, now);
        entry.tried = Vec::new();
        if now < entry.blocked_until {
            return None;
        }
        if now >= entry.blocks_until {
            entry.blocks = 0;
        }
        let factor = 2_u32.saturating_pow(entry.blocks);
        let length = lengths.first.saturating_mul(factor).min(lengths.longest);
        entry.blocks = entry.blocks.saturating_add(1);
        entry.blocked_until = now.saturating_add(length);
        entry.blocks_until = entry.blocked_until.saturating_add(lengths.memory);
        Some((entry.blocked_until, entry.blocks))
    }

    /// A block that began elsewhere.
    pub(crate) fn restore_block(
        &mut self,
        key: u128,
        (until, in_a_row): (Duration, u32),
        remembered: Duration,
        now: Duration,
    ) {
        let entry = self.entry(key, now);
        entry.blocked_until = until;
        entry.blocks = in_a_row;
        entry.blocks_until = remembered;
    }

    /// Is there room for one more secret, with those that are in flight?
    pub(crate) fn has_room(
        &self,
        (key, guess): (u128, Mark),
        flying: impl Iterator<Item = Mark>,
        (most, window): (usize, Duration),
        now: Duration,
    ) -> bool {
        let mut all: Vec<Mark> = self.tried(key, window, now).collect();
        for one in flying {
            if all.iter().all(|of| of.secret != one.secret) {
                all.push(one);
            }
        }
        let repeated = all.iter().any(|of| of.secret == guess.secret);
        let weight = weight(all, self.of_one_source);
        weight < most || repeated && weight == most
    }

    /// Spares a key until then.
    pub(crate) fn keep(&mut self, key: u128, until: Duration, now: Duration) {
        let entry = self.entry(key, now);
        entry.kept_until = until;
    }

    /// Forgets all keys that are so.
    pub(crate) fn remove_all(&mut self, is_meant: impl Fn(u128) -> bool) {
        self.entries.retain(|key, _| !is_meant(*key));
    }

    pub(crate) fn remove(&mut self, key: u128) {
        self.entries.remove(&key);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    fn entry(&mut self, key: u128, now: Duration) -> &mut Entry {
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        let entry = self.entries.entry(key).or_default();
        entry.touched = now;
        entry
    }

    /// Drops what is over, and if that is not a quarter, the least of the rest: without a block
    /// before with one, few secrets before many, longest unheard of first. Costs one walk for a
    /// quarter of the table, so little for each new entry.
    fn make_room(&mut self, now: Duration) {
        self.entries.retain(|_, entry| {
            now < entry.blocks_until || now < entry.kept_until || now < entry.stale_at
        });
        let target = self.capacity - self.capacity.div_ceil(4);
        let Some(surplus) = self.entries.len().checked_sub(target).filter(|n| *n > 0) else {
            return;
        };
        let mut ranks: Vec<_> = self
            .entries
            .iter()
            .map(|(key, entry)| {
                let blocked = now < entry.blocked_until;
                (blocked, entry.tried.len(), entry.touched, *key)
            })
            .collect();
        ranks.select_nth_unstable(surplus - 1);
        for (.., key) in ranks.iter().take(surplus) {
            self.entries.remove(key);
        }
    }
}
