//! Passwords that were found right a moment ago, so that a device which connects for each message
//! does not pay for Argon2 each time.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    time::Duration,
};

use hve_types::AccountId;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::keyed::Keyed;

/// Remembers, for a short time and for so many secrets at most, that a password was right.
///
/// What is kept is no password but an HMAC-SHA-256 tag of it under a key of this process, bound to
/// the account and to the version of its secret: a changed or revoked one has another version, or
/// none. One entry for each secret. A look-up costs about a
/// microsecond and compares in constant time.
///
/// ```
/// use std::time::Duration;
/// use hve_auth::CredentialCache;
/// use hve_types::AccountId;
/// use secrecy::SecretString;
///
/// let (printer, password) = (AccountId(7), SecretString::from("four score and seven"));
/// let mut cache = CredentialCache::new([1; 32], 1000, Duration::from_secs(300));
/// let start = Duration::ZERO;
/// assert!(!cache.knows(printer, 1, &password, start));
/// cache.remember(printer, 1, &password, start); // after Argon2 said that it is right
/// assert!(cache.knows(printer, 1, &password, start + Duration::from_secs(299)));
/// assert!(!cache.knows(printer, 2, &password, start), "the password was changed since");
/// assert!(!cache.knows(printer, 1, &password, start + Duration::from_secs(300)));
/// ```
pub struct CredentialCache {
    keyed: Keyed,
    capacity: usize,
    ttl: Duration,
    entries: HashMap<Key, Entry>,
    /// In the order of expiry, with the number of the entry it was made for.
    order: VecDeque<(Key, u64)>,
    next: u64,
}

impl CredentialCache {
    /// An empty cache of at most `capacity` secrets, each remembered for `ttl`. `key` must be
    /// random and of this process only. A capacity of zero remembers nothing.
    #[must_use]
    pub fn new(key: [u8; 32], capacity: usize, ttl: Duration) -> Self {
        Self {
            keyed: Keyed::new(key),
            capacity,
            ttl,
            entries: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
        }
    }

    /// Was this password right for the account, under this version of a secret, not long ago?
    /// A no means only that it has to be verified. `now` is monotonic.
    #[must_use]
    pub fn knows(
        &mut self,
        account: AccountId,
        version: u64,
        password: &SecretString,
        now: Duration,
    ) -> bool {
        self.expire(now);
        if password.expose_secret().len() > CACHED_OCTETS_MAX {
            return false;
        }
        // First, so that an entry that is not there takes as long.
        let tag = self.tag(account, version, password);
        let entry = self.entries.get(&(account, version));
        entry.is_some_and(|entry| bool::from(tag.ct_eq(&entry.tag)))
    }

    /// Notes that the password was just verified. An entry is not prolonged by being used, only by
    /// another verification.
    pub fn remember(
        &mut self,
        account: AccountId,
        version: u64,
        password: &SecretString,
        now: Duration,
    ) {
        if self.capacity == 0 || password.expose_secret().len() > CACHED_OCTETS_MAX {
            return;
        }
        self.expire(now);
        let key = (account, version);
        if !self.entries.contains_key(&key) {
            while self.entries.len() >= self.capacity && self.drop_oldest() {}
        }
        let entry = Entry {
            tag: self.tag(account, version, password),
            until: now.saturating_add(self.ttl),
            number: self.next,
        };
        self.order.push_back((key, self.next));
        self.next += 1;
        self.entries.insert(key, entry);
        if self.order.len() > self.capacity.saturating_mul(2) {
            self.order
                .retain(|(key, number)| is_live(&self.entries, *key, *number));
        }
    }

    /// Forgets an account at once.
    pub fn forget(&mut self, account: AccountId) {
        self.entries.retain(|(of, _), _| *of != account);
    }

    /// How many secrets are remembered, expired ones included until the next call.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True where none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn tag(&self, account: AccountId, version: u64, password: &SecretString) -> [u8; 32] {
        self.keyed.tag(&[
            b"verified credential",
            &account.0.to_le_bytes(),
            &version.to_le_bytes(),
            password.expose_secret().as_bytes(),
        ])
    }

    fn expire(&mut self, now: Duration) {
        while let Some((key, number)) = self.order.front() {
            let entry = self.entries.get(key).filter(|e| e.number == *number);
            if entry.is_some_and(|entry| now < entry.until) {
                return;
            }
            self.drop_oldest();
        }
    }

    /// False where there was nothing left.
    fn drop_oldest(&mut self) -> bool {
        let Some((key, number)) = self.order.pop_front() else {
            return false;
        };
        if is_live(&self.entries, key, number) {
            self.entries.remove(&key);
        }
        true
    }
}

impl fmt::Debug for CredentialCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCache")
            .field("capacity", &self.capacity)
            .field("ttl", &self.ttl)
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// An account, and the version of one of its secrets.
type Key = (AccountId, u64);

struct Entry {
    tag: [u8; 32],
    until: Duration,
    number: u64,
}

/// False for what is left in the order of an entry that was replaced or forgotten.
fn is_live(entries: &HashMap<Key, Entry>, key: Key, number: u64) -> bool {
    entries.get(&key).is_some_and(|e| e.number == number)
}

/// Longer passwords than any that can be set are not worth a hash.
const CACHED_OCTETS_MAX: usize = 1024;
