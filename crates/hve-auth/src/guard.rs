//! The guard against guessing: it counts *distinct* wrong passwords, so that a printer which
//! repeats an old one harms nobody, and spares the pairs of account and address that were right
//! lately, so that an attack does not lock out those it is aimed at.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::{
    SignInRefusal,
    guard_table::{BlockLengths, Table},
    keyed::{Keyed, canonical},
};

/// The numbers of the [`Guard`], with the reasons for their defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by struct update from the default"
)]
pub struct GuardLimits {
    /// Distinct wrong passwords for one user name, from anywhere, that block it. Default 10: far
    /// more than a person who mistypes; some 100 guesses a day as blocks grow, against passwords
    /// of at least 12 characters.
    pub secrets_per_account: usize,
    /// Distinct pairs of user name and wrong password from one address that block it. Default 50:
    /// an office behind one address may have 49 devices with an old password each.
    pub secrets_per_address: usize,
    /// For how long a wrong password counts after it was last tried. Default 15 minutes.
    pub window: Duration,
    /// How long a first block lasts; each further one within `block_memory` lasts twice as long.
    /// Default 15 minutes: guessing becomes hopeless, waiting does not.
    pub block: Duration,
    /// The longest block. Default 4 hours: who is locked out by a stranger still gets in the same
    /// working day.
    pub block_longest: Duration,
    /// For how long after its end a block makes the next one longer. Default 24 hours: an attack
    /// that rests over night goes on where it was.
    pub block_memory: Duration,
    /// How long a pair of account and address that was right is spared. Default 30 days: a device
    /// that reports once a month stays known.
    pub known_for: Duration,
    /// Entries of each of the three tables: accounts, addresses, known pairs. Default 65,536: 60 MB
    /// if an attacker fills them all with one wrong password each, at 20 ms of hashing apiece.
    /// When one is full, a quarter goes: those without a block, longest unheard of, first.
    pub entries: usize,
}

impl Default for GuardLimits {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        Self {
            secrets_per_account: 10,
            secrets_per_address: 50,
            window: Duration::from_secs(15 * MINUTE),
            block: Duration::from_secs(15 * MINUTE),
            block_longest: Duration::from_secs(4 * 60 * MINUTE),
            block_memory: Duration::from_secs(24 * 60 * MINUTE),
            known_for: Duration::from_secs(30 * 24 * 60 * MINUTE),
            entries: 65_536,
        }
    }
}

/// Slows down guessing, per user name and per address (IPv6: per /64, RFC 6177 §2 gives a site at
/// least that).
///
/// Ask [`Guard::admit`] before any hashing, then tell [`Guard::wrong`] or [`Guard::right`]. Times
/// are monotonic. User names that do not exist are counted like those that do. Names, passwords
/// and addresses are kept as keyed hashes only.
///
/// A right password clears no count but makes the pair of account and address known: a known pair
/// is admitted while its account or its address is blocked, until the pair itself has tried as
/// many distinct wrong passwords as block an account.
///
/// The same wrong password may be repeated without end; [`WrongPasswords`](crate::WrongPasswords)
/// keeps that from costing anything.
pub struct Guard {
    keyed: Keyed,
    limits: GuardLimits,
    accounts: Table,
    addresses: Table,
    pairs: Table,
}

impl Guard {
    /// A guard that has seen nothing. `key` must be random and of this process only.
    #[must_use]
    pub fn new(key: [u8; 32], limits: GuardLimits) -> Self {
        Self {
            keyed: Keyed::new(key),
            limits,
            accounts: Table::new(limits.entries),
            addresses: Table::new(limits.entries),
            pairs: Table::new(limits.entries),
        }
    }

    /// May this address try a password for this user name now?
    ///
    /// # Errors
    /// [`Blocked`], with the end of the block.
    pub fn admit(&self, user: &str, from: IpAddr, now: Duration) -> Result<(), Blocked> {
        let keys = self.keys(user, from);
        if self.pairs.kept_until(keys.pair, now).is_some() {
            return Ok(());
        }
        let account = self.accounts.blocked_until(keys.account, now);
        let address = self.addresses.blocked_until(keys.address, now);
        let block = |until, by| Err(Blocked { until, by });
        match (account, address) {
            (None, None) => Ok(()),
            (Some(until), None) => block(until, BlockedBy::Account),
            (Some(account), Some(address)) if account > address => {
                block(account, BlockedBy::Account)
            }
            (_, Some(until)) => block(until, BlockedBy::Address),
        }
    }

    /// Counts a wrong password. Returns the block that it began, for the log.
    pub fn wrong(
        &mut self,
        user: &str,
        from: IpAddr,
        password: &SecretString,
        now: Duration,
    ) -> Option<Blocked> {
        let keys = self.keys(user, from);
        let secret = self.secret(&keys, password);
        let GuardLimits {
            window,
            block: first,
            block_longest: longest,
            block_memory: memory,
            secrets_per_account,
            secrets_per_address,
            ..
        } = self.limits;
        if self.pairs.kept_until(keys.pair, now).is_some() {
            let tried = self.pairs.count(keys.pair, secret, window, now);
            if tried >= secrets_per_account {
                self.pairs.remove(keys.pair);
            }
        }
        let lengths = BlockLengths {
            first,
            longest,
            memory,
        };
        let mut begun = None;
        if self.addresses.count(keys.address, secret, window, now) >= secrets_per_address {
            let by = BlockedBy::Address;
            let until = self.addresses.block(keys.address, lengths, now);
            begun = until.map(|until| Blocked { until, by });
        }
        if self.accounts.count(keys.account, secret, window, now) >= secrets_per_account {
            let by = BlockedBy::Account;
            let until = self.accounts.block(keys.account, lengths, now);
            begun = until.map(|until| Blocked { until, by }).or(begun);
        }
        begun
    }

    /// Notes a right password: from now on this pair is known, and what it got wrong is forgiven.
    pub fn right(&mut self, user: &str, from: IpAddr, now: Duration) {
        let keys = self.keys(user, from);
        let until = now.saturating_add(self.limits.known_for);
        self.pairs.keep(keys.pair, until, now);
    }

    fn keys(&self, user: &str, from: IpAddr) -> Keys {
        let user = canonical(user);
        let network = network(from);
        Keys {
            account: self.keyed.number(&[b"account", user.as_bytes()]),
            address: self.keyed.number(&[b"address", &network]),
            pair: self.keyed.number(&[b"pair", user.as_bytes(), &network]),
        }
    }

    /// The password together with the user name: an address that tries one password on many names
    /// is counted for each of them.
    fn secret(&self, keys: &Keys, password: &SecretString) -> u64 {
        let password = password.expose_secret().as_bytes();
        let tag = self
            .keyed
            .tag(&[b"secret", &keys.account.to_le_bytes(), password]);
        u64::from_le_bytes(tag.first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("limits", &self.limits)
            .field("accounts", &self.accounts.len())
            .field("addresses", &self.addresses.len())
            .field("pairs", &self.pairs.len())
            .finish_non_exhaustive()
    }
}

/// No password is looked at until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("too many different wrong passwords for this {by}; wait, then try the right one")]
#[non_exhaustive]
pub struct Blocked {
    /// The monotonic time at which it is over.
    pub until: Duration,
    /// What is blocked: for the log rather than for the client.
    pub by: BlockedBy,
}

impl Blocked {
    /// How long it still lasts at `now`, in whole seconds, rounded up.
    #[must_use]
    pub fn seconds(&self, now: Duration) -> u64 {
        let rest = self.until.saturating_sub(now);
        rest.as_secs() + u64::from(rest.subsec_nanos() > 0)
    }
}

impl From<Blocked> for SignInRefusal {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked {
            until: blocked.until,
        }
    }
}

/// What too many wrong passwords were tried for, or from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockedBy {
    /// The user name.
    Account,
    /// The client's address or /64.
    Address,
}

impl fmt::Display for BlockedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "user name",
            Self::Address => "address",
        })
    }
}

struct Keys {
    account: u128,
    address: u128,
    pair: u128,
}

/// The address as IPv6; of IPv6 only the /64. IPv4 written as IPv6 is IPv4.
fn network(from: IpAddr) -> [u8; 16] {
    match from.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).octets(),
    }
}
