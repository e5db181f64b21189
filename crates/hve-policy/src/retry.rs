//! Later or never, and how a moment is written.

use std::fmt;

use time::UtcDateTime;

/// Whether the refused client should try again. Later is a 4xx reply in SMTP, never a 5xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever answers a client must handle each"
)]
pub enum Retry {
    /// The same message, from this second since 1970 on.
    At(i64),
    /// The same message, after so many seconds.
    After {
        /// Whole seconds, rounded up.
        seconds: u64,
    },
    /// What was refused fits into a further message.
    NextMessage,
    /// Never: something has to be changed first.
    Never,
}

/// A second since 1970, shown as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a number with a way to show it")]
pub struct Moment(pub i64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(at) = UtcDateTime::from_unix_timestamp(self.0) else {
            return write!(f, "second {} since 1970", self.0);
        };
        let (hour, minute, second) = at.time().as_hms();
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}Z", at.date())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        assert_eq!(Moment(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Moment(1_763_963_549).to_string(), "2025-11-24T05:52:29Z");
        assert_eq!(
            Moment(i64::MAX).to_string(),
            "second 9223372036854775807 since 1970"
        );
    }
}
