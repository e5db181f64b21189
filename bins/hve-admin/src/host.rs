//! What only the system knows: the time, randomness, who runs this. Nothing else reads them.

use time::UtcDateTime;

use crate::{
    failure::{Failure, Result},
    when::{Clock, Zone},
};

/// The time and the zone.
#[expect(
    clippy::disallowed_methods,
    reason = "a program has to read the clock somewhere: here, once"
)]
pub(crate) fn clock() -> Clock {
    // The books are kept to the second.
    let now = UtcDateTime::now();
    Clock {
        now: now.replace_nanosecond(0).unwrap_or(now),
        zone: Zone::system(),
    }
}

/// Random octets from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)
        .map_err(|error| Failure::failed(format!("the system gives no randomness: {error}")))?;
    Ok(octets)
}

/// The system user, for the audit log.
pub(crate) fn user() -> String {
    ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// A variable that names a file.
pub(crate) fn path(name: &str) -> Option<std::path::PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(Into::into)
}
