//! A password as a store keeps it.

use secrecy::SecretString;

use crate::{PasswordHash, ScramKeys};

/// What is kept of one password: neither half gives it back. `Debug` shows costs only.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a store fills in each field, and must hear of a new one"
)]
pub struct StoredPassword {
    /// For PLAIN and LOGIN, which send the password.
    pub hash: PasswordHash,
    /// For SCRAM. `None` where the password has a character that SCRAM forbids, or was set before
    /// these keys were kept: it then serves PLAIN and LOGIN only.
    pub scram: Option<ScramKeys>,
}

impl StoredPassword {
    /// Adds the keys of SCRAM to the hash of the same password: a tenth of a second of work and
    /// more. `salt` is what [`ScramSalts::of`](crate::ScramSalts::of) says of the user name.
    #[must_use]
    pub fn new(hash: PasswordHash, password: &SecretString, salt: [u8; 16]) -> Self {
        let scram = ScramKeys::derive(password, salt, ScramKeys::ITERATIONS).ok();
        Self { hash, scram }
    }
}

/// For PLAIN and LOGIN only.
impl From<PasswordHash> for StoredPassword {
    fn from(hash: PasswordHash) -> Self {
        Self { hash, scram: None }
    }
}
