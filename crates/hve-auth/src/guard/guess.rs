//! One guess on its way.

use std::fmt;

use secrecy::SecretString;

use super::{Blocked, keys::Keys, weight::Mark};
#[cfg(doc)]
use crate::Guard;

/// What is tried.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a caller has the one or the other")]
pub enum Guess<'a> {
    /// A proof that differs each time, whatever it was made from. Each counts against its pair of
    /// account and address, which ten block; all of one pair are one guess against the account,
    /// and against the address: a device that repeats an old password so blocks itself only.
    Proof,
    /// A password: the same one again is the same guess.
    Secret(&'a SecretString),
}

/// Leave to try one guess. It counts until it is handed back.
#[must_use = "it counts as a guess in flight until Guard::wrong, right or give_back hear of it"]
pub struct Reservation {
    pub(super) keys: Keys,
    pub(super) guess: Tried,
    pub(super) behind: Option<Blocked>,
}

/// A guess as it is counted.
#[derive(Clone, Copy)]
pub(super) struct Tried {
    /// Against the account and the address.
    pub(super) shared: u64,
    /// Against the pair: of a proof its number.
    pub(super) own: u64,
    pub(super) is_proof: bool,
}

impl Reservation {
    /// The block behind which the guess is looked at, as the pair is known. A wrong one, and one
    /// that is not looked at after all, has to be answered with it, as to a stranger.
    #[must_use]
    pub const fn behind(&self) -> Option<Blocked> {
        self.behind
    }

    pub(super) fn flights(&self) -> [(u128, Mark); 3] {
        flights(&self.keys, self.guess)
    }
}

/// What is tried, as of account, address and pair, each under its key.
pub(super) fn flights(keys: &Keys, guess: Tried) -> [(u128, Mark); 3] {
    let Keys {
        account,
        address,
        pair,
    } = *keys;
    let of = |secret, source| Mark { secret, source };
    let source = u64::try_from(address >> 64).unwrap_or_default();
    [
        (account, of(guess.shared, source)),
        (address, of(guess.shared, 0)),
        (pair, of(guess.own, 0)),
    ]
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("behind", &self.behind)
            .finish_non_exhaustive()
    }
}
