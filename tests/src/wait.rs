//! Waiting for a condition, with a limit and a name for what did not come.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes on a busy machine; a condition that is met ends the wait.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at that nobody announces, such as a file of another process.
const GLANCE: Duration = Duration::from_millis(5);

/// The clock of the tests.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "limits of waits need a clock; no result depends on it"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until `condition` yields something.
///
/// # Panics
/// After a minute, naming `what` did not come.
pub fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, condition)
}

/// [`until`] with a limit of its own.
///
/// # Panics
/// After `limit`, naming `what` did not come.
pub fn within<T>(limit: Duration, what: &str, condition: impl FnMut() -> Option<T>) -> T {
    look(limit, what, condition, || thread::park_timeout(GLANCE))
}

/// [`until`] without a pause between two looks: for what is over within a moment.
///
/// # Panics
/// After a minute, naming `what` did not come.
pub fn at_once<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    look(PATIENCE, what, condition, thread::yield_now)
}

fn look<T>(
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
    pause: impl Fn(),
) -> T {
    let begin = now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(begin.elapsed() < limit, "{what}: not within {limit:?}");
        pause();
    }
}
