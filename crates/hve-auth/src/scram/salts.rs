//! The salts of one site.

use std::fmt;

use crate::keyed::{Keyed, canonical};

/// The salt of each user name, whether or not there is such a user.
///
/// A server has to name a salt before it knows anything of the client, so whatever makes the salts
/// of unknown users unlike those of known ones tells a stranger who there is: another length,
/// another value after a restart, or a value that changes with the password. Here all of them are
/// HMAC-SHA-256 of the name under one random key of the store. They differ between users and
/// between sites, as a salt has to; an account keeps its own with a new password, so its two secrets
/// share one, and one message asks for the proof of either.
pub struct ScramSalts(Keyed);

impl ScramSalts {
    /// `key` must be random, and kept as long as the accounts are.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(Keyed::new(key))
    }

    /// The salt of a user name; all spellings of an address have the same.
    #[must_use]
    pub fn of(&self, user: &str) -> [u8; 16] {
        let tag = self.0.tag(&[b"SCRAM salt", canonical(user).as_bytes()]);
        tag.first_chunk().copied().unwrap_or_default()
    }
}

impl fmt::Debug for ScramSalts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramSalts").finish_non_exhaustive()
    }
}
