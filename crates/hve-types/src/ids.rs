//! Identities: small, copyable, never shown as a bare number's type.

use std::{fmt, str::FromStr};

use thiserror::Error;
use ulid::Ulid;

/// A tenant's number in the store; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub i64);

/// An account's number in the store; an address that is removed and added again keeps its number,
/// so that its usage and quota go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

/// The name of one accepted message: a ULID, so that names sort by time of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(Ulid);

impl QueueId {
    /// Makes an id from milliseconds since 1970 and 80 random bits (the upper 48 are dropped).
    #[must_use]
    pub const fn new(unix_milliseconds: u64, random: u128) -> Self {
        Self(Ulid::from_parts(unix_milliseconds, random))
    }

    /// The 16 octets that are stored.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// The id with these octets.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Ulid::from_bytes(bytes))
    }
}

/// The text is not 26 characters of Crockford's base 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a queue id has 26 characters, such as 01JD8Z0K6M5V3T0Q9C4W7B2XYA")]
pub struct QueueIdError;

impl FromStr for QueueId {
    type Err = QueueIdError;

    fn from_str(text: &str) -> Result<Self, QueueIdError> {
        Ulid::from_string(text).map(Self).map_err(|_| QueueIdError)
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; ulid::ULID_LEN];
        f.write_str(self.0.array_to_str(&mut buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_survive_text_and_octets() {
        let early = QueueId::new(1_764_000_000_000, u128::MAX);
        let late = QueueId::new(1_764_000_000_001, 0);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(QueueId::from_bytes(early.to_bytes()), early);
        assert_eq!("no id".parse::<QueueId>(), Err(QueueIdError));
    }
}
