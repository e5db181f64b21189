//! Guesses that were let in and of which nobody knows yet whether they are right.

use std::collections::HashMap;

use super::weight::Mark;

/// Under each key the secrets in flight, each with its source and the number of clients that try it. What has
/// landed is gone, so it holds no more than there are clients.
#[derive(Default)]
pub(crate) struct Flights(HashMap<u128, Vec<(Mark, usize)>>);

impl Flights {
    pub(crate) fn of(&self, key: u128) -> impl Iterator<Item = Mark> {
        self.0.get(&key).into_iter().flatten().map(|(of, _)| *of)
    }

    pub(crate) fn begin(&mut self, key: u128, guess: Mark) {
        let flying = self.0.entry(key).or_default();
        match flying.iter_mut().find(|(of, _)| *of == guess) {
            Some((_, clients)) => *clients += 1,
            None => flying.push((guess, 1)),
        }
    }

    pub(crate) fn end(&mut self, key: u128, guess: Mark) {
        let Some(flying) = self.0.get_mut(&key) else {
            return;
        };
        if let Some((_, clients)) = flying.iter_mut().find(|(of, _)| *of == guess) {
            *clients = clients.saturating_sub(1);
        }
        flying.retain(|(_, clients)| *clients > 0);
        if flying.is_empty() {
            self.0.remove(&key);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
