//! A line in which accounts take turns, so that one that sends much delays nobody else.

use std::collections::{HashMap, VecDeque};

use hve_types::AccountId;

/// Things that wait, each for an account. Within an account the order is kept.
pub(crate) struct FairLine<T> {
    /// Accounts with something in line, each once; the first is next.
    turns: VecDeque<AccountId>,
    waiting: HashMap<AccountId, VecDeque<T>>,
    len: usize,
}

impl<T> Default for FairLine<T> {
    fn default() -> Self {
        Self {
            turns: VecDeque::new(),
            waiting: HashMap::new(),
            len: 0,
        }
    }
}

impl<T> FairLine<T> {
    pub(crate) fn push(&mut self, account: AccountId, item: T) {
        let own = self.waiting.entry(account).or_default();
        if own.is_empty() {
            self.turns.push_back(account);
        }
        own.push_back(item);
        self.len += 1;
    }

    /// The next one, of the account whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let account = self.turns.pop_front()?;
        let own = self.waiting.get_mut(&account)?;
        let item = own.pop_front()?;
        if own.is_empty() {
            self.waiting.remove(&account);
        } else {
            self.turns.push_back(account);
        }
        self.len -= 1;
        Some(item)
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_job_lets_another_account_go_next_but_one() {
        let (bulk, alarm) = (AccountId(1), AccountId(2));
        let mut line = FairLine::default();
        for number in 0..100_000 {
            line.push(bulk, number);
        }
        line.push(alarm, 1_000_000);
        assert_eq!(line.len(), 100_001);
        assert_eq!([line.pop(), line.pop()], [Some(0), Some(1_000_000)]);
        assert_eq!([line.pop(), line.pop()], [Some(1), Some(2)]);
        line.push(alarm, 2_000_000);
        assert_eq!([line.pop(), line.pop()], [Some(3), Some(2_000_000)]);
        let rest: Vec<_> = std::iter::from_fn(|| line.pop()).collect();
        assert!(rest.is_sorted() && rest.len() == 100_000 - 4);
        assert_eq!(
            (line.len(), line.turns.len(), line.waiting.len()),
            (0, 0, 0)
        );
    }
}
