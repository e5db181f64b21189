//! What guesses weigh: many from one source less than as many from several.

/// One guess: what was tried, and where it came from. The same secret from elsewhere is the same
/// guess, and weighs where it was tried first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) secret: u64,
    pub(crate) source: u64,
}

/// The number of guesses, of which `of_one_source` at most count for each source.
///
/// Towards the block of an account one address contributes half of it at most: the rest has to come
/// from others. Else a single stranger would lock out every new client of the account; as it is,
/// the stranger is blocked for this account, and nobody else.
pub(crate) fn weight(mut guesses: Vec<Mark>, of_one_source: usize) -> usize {
    guesses.sort_unstable_by_key(|of| of.source);
    guesses
        .chunk_by(|one, next| one.source == next.source)
        .map(|of_source| of_source.len().min(of_one_source))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many guesses from each source, in turns.
    fn of_sources(counts: &[usize]) -> usize {
        let (mut guesses, mut secret) = (Vec::new(), 0);
        for round in 0..counts.iter().max().copied().unwrap_or_default() {
            for (source, _) in (0..).zip(counts).filter(|(_, count)| round < **count) {
                secret += 1;
                guesses.push(Mark { secret, source });
            }
        }
        weight(guesses, 5)
    }

    #[test]
    fn one_source_contributes_half_of_ten_and_others_the_rest() {
        assert_eq!(of_sources(&[]), 0);
        assert_eq!(of_sources(&[4]), 4);
        assert_eq!(of_sources(&[1_000]), 5);
        assert_eq!(of_sources(&[10, 4]), 9);
        assert_eq!(of_sources(&[10, 10]), 10);
        assert_eq!(of_sources(&[10, 1, 1, 1, 1, 1]), 10);
        assert_eq!(of_sources(&[1; 10]), 10);
    }

    #[test]
    fn without_a_bound_it_is_their_number() {
        let guesses = (0..50).map(|secret| Mark { secret, source: 0 });
        assert_eq!(weight(guesses.collect(), usize::MAX), 50);
    }
}
