//! Passwords that were found wrong a moment ago: whoever repeats one gets the same answer, but no
//! work out of the server.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};

use crate::keyed::{Keyed, canonical};

/// Remembers, for a short time and so many at most, which password was wrong for which user name.
///
/// The [`Guard`](crate::Guard) lets the same wrong password pass any number of times, for the sake
/// of devices that have an old one. Without this memory each of those tries would cost a run of
/// Argon2, and one client could keep all hashing threads busy.
///
/// Entries are keyed hashes, bound to the credential version that the password was wrong for: a
/// new password works at once, also one that was wrong before. User names that do not exist are
/// remembered like those that do, so that the time of the answer tells a stranger nothing.
///
/// ```
/// use std::time::Duration;
/// use hve_auth::WrongPasswords;
/// use secrecy::SecretString;
///
/// let mut wrong = WrongPasswords::new([1; 32], 10_000, Duration::from_secs(300));
/// let (user, old, now) = ("hve01@contoso.test", SecretString::from("last year's"), Duration::ZERO);
/// assert!(!wrong.knows(user, Some(1), &old, now), "so it has to be verified");
/// wrong.remember(user, Some(1), &old, now);
/// assert!(wrong.knows(user, Some(1), &old, now));
/// assert!(!wrong.knows(user, Some(2), &old, now), "it may be right by now");
/// ```
pub struct WrongPasswords {
    keyed: Keyed,
    capacity: usize,
    ttl: Duration,
    tags: HashSet<u128>,
    /// In the order of expiry; each tag once.
    order: VecDeque<(u128, Duration)>,
}

impl WrongPasswords {
    /// Remembers at most `capacity` of them, each for `ttl`. `key` must be random and of this
    /// process only. Some 80 octets each.
    #[must_use]
    pub fn new(key: [u8; 32], capacity: usize, ttl: Duration) -> Self {
        Self {
            keyed: Keyed::new(key),
            capacity,
            ttl,
            tags: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Was this password found wrong for this user name not long ago? `version` is the credential
    /// version of the account, `None` where there is no such account. `now` is monotonic.
    #[must_use]
    pub fn knows(
        &mut self,
        user: &str,
        version: Option<u64>,
        password: &SecretString,
        now: Duration,
    ) -> bool {
        self.expire(now);
        self.tags.contains(&self.tag(user, version, password))
    }

    /// Notes that the password was just verified, and is wrong. Being repeated does not prolong an
    /// entry.
    pub fn remember(
        &mut self,
        user: &str,
        version: Option<u64>,
        password: &SecretString,
        now: Duration,
    ) {
        self.expire(now);
        let tag = self.tag(user, version, password);
        if self.capacity == 0 || !self.tags.insert(tag) {
            return;
        }
        self.order.push_back((tag, now.saturating_add(self.ttl)));
        while self.order.len() > self.capacity {
            self.drop_oldest();
        }
    }

    /// How many are remembered, expired ones included until the next call.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// True where none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    fn tag(&self, user: &str, version: Option<u64>, password: &SecretString) -> u128 {
        let version = version.map(u64::to_le_bytes);
        self.keyed.number(&[
            b"wrong password",
            canonical(user).as_bytes(),
            version.as_ref().map_or(&[], |octets| octets.as_slice()),
            password.expose_secret().as_bytes(),
        ])
    }

    fn expire(&mut self, now: Duration) {
        while self.order.front().is_some_and(|(_, until)| now >= *until) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((tag, _)) = self.order.pop_front() {
            self.tags.remove(&tag);
        }
    }
}

impl fmt::Debug for WrongPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrongPasswords")
            .field("capacity", &self.capacity)
            .field("ttl", &self.ttl)
            .field("entries", &self.tags.len())
            .finish_non_exhaustive()
    }
}
