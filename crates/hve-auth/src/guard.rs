//! The guard against guessing: it counts *distinct* wrong passwords, so that a printer which
//! repeats an old one harms nobody, and spares the pairs of account and address that were right
//! lately, so that an attack does not lock out those it is aimed at.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    Blocked, BlockedBy, GuardLimits,
    guard_flights::Flights,
    guard_table::Table,
    keyed::{Keyed, canonical},
};

/// Slows down guessing, per user name and per address (IPv6: per /64, RFC 6177 §2 gives a site at
/// least that).
///
/// Ask [`Guard::admit`] before any hashing, then tell [`Guard::wrong`], [`Guard::right`] or
/// [`Guard::give_back`]. Times are monotonic. User names that do not exist are counted like those
/// that do. Names, passwords and addresses are kept as keyed hashes only.
///
/// A guess in flight counts as if it were wrong, so that a burst of guesses at one moment is let
/// in no further than the same guesses one after the other. Clients that try the same password at
/// one moment are one guess.
///
/// A right password clears no count but makes the pair of account and address known: a known pair
/// is admitted while its account or its address is blocked or under a burst, until the pair itself
/// has tried as many distinct wrong passwords as block an account.
///
/// The same wrong password may be repeated without end; [`WrongPasswords`](crate::WrongPasswords)
/// keeps that from costing anything.
pub struct Guard {
    keyed: Keyed,
    limits: GuardLimits,
    accounts: Table,
    addresses: Table,
    pairs: Table,
    flights: Flights,
    /// Tells apart guesses of which no two are alike.
    proofs: u64,
}

/// What is tried.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a caller has the one or the other")]
pub enum Guess<'a> {
    /// A proof that differs each time, whatever it was made from: each is one more guess.
    Proof,
    /// A password: the same one again is the same guess.
    Secret(&'a SecretString),
}

/// Leave to try one guess. It counts until it is handed back.
#[must_use = "it counts as a guess in flight until Guard::wrong, right or give_back hear of it"]
pub struct Reservation {
    keys: Keys,
    secret: u64,
    known: bool,
}

/// What a wrong guess led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wrong {
    /// How long the answer has to wait, so that guessing in a row takes its time: see
    /// [`GuardLimits::delay`]. Nothing for a known pair and for a guess that was made before.
    pub delay: Duration,
    /// The block that it began, for the log.
    pub begun: Option<Blocked>,
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
            flights: Flights::default(),
            proofs: 0,
        }
    }

    /// May this address try this for this user name now?
    ///
    /// # Errors
    /// [`Blocked`], with the end of the block; where as many guesses are in flight as would begin
    /// one, it ends in a second.
    pub fn admit(
        &mut self,
        user: &str,
        from: IpAddr,
        guess: Guess<'_>,
        now: Duration,
    ) -> Result<Reservation, Blocked> {
        let keys = self.keys(user, from);
        let secret = self.secret(&keys, guess);
        let known = self.is_known(&keys, secret, now);
        if !known {
            self.unblocked(&keys, now)?;
            self.has_room(&keys, secret, now)?;
        }
        for key in keys.all() {
            self.flights.begin(key, secret);
        }
        Ok(Reservation {
            keys,
            secret,
            known,
        })
    }

    fn is_known(&self, keys: &Keys, secret: u64, now: Duration) -> bool {
        let most = self.limits.secrets_per_account;
        self.pairs.kept_until(keys.pair, now).is_some()
            && self.with_flights(&self.pairs, keys.pair, secret, now) <= most
    }

    fn unblocked(&self, keys: &Keys, now: Duration) -> Result<(), Blocked> {
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

    fn has_room(&self, keys: &Keys, secret: u64, now: Duration) -> Result<(), Blocked> {
        let until = now.saturating_add(IN_FLIGHT);
        let block = |by| Err(Blocked { until, by });
        let most = self.limits.secrets_per_account;
        if self.with_flights(&self.accounts, keys.account, secret, now) > most {
            return block(BlockedBy::Account);
        }
        let most = self.limits.secrets_per_address;
        if self.with_flights(&self.addresses, keys.address, secret, now) > most {
            return block(BlockedBy::Address);
        }
        Ok(())
    }

    /// The distinct secrets tried under a key, in flight or with `secret`.
    fn with_flights(&self, table: &Table, key: u128, secret: u64, now: Duration) -> usize {
        let mut all: Vec<u64> = table.tried(key, self.limits.window, now).collect();
        all.extend(self.flights.of(key));
        all.push(secret);
        all.sort_unstable();
        all.dedup();
        all.len()
    }

    /// Counts a wrong guess.
    pub fn wrong(&mut self, reservation: Reservation, now: Duration) -> Wrong {
        let (keys, secret, known) = self.land(reservation);
        let GuardLimits {
            window,
            secrets_per_account,
            secrets_per_address,
            ..
        } = self.limits;
        if known {
            let tried = self.pairs.count(keys.pair, secret, window, now);
            if tried.distinct >= secrets_per_account {
                self.pairs.remove(keys.pair);
            }
        }
        let lengths = self.limits.lengths();
        let mut begun = None;
        let of_address = self.addresses.count(keys.address, secret, window, now);
        if of_address.distinct >= secrets_per_address {
            let by = BlockedBy::Address;
            let until = self.addresses.block(keys.address, lengths, now);
            begun = until.map(|until| Blocked { until, by });
        }
        let of_account = self.accounts.count(keys.account, secret, window, now);
        if of_account.distinct >= secrets_per_account {
            let by = BlockedBy::Account;
            let until = self.accounts.block(keys.account, lengths, now);
            begun = until.map(|until| Blocked { until, by }).or(begun);
        }
        let delay = if known || !of_account.new {
            Duration::ZERO
        } else {
            self.limits.delay(of_account.distinct, of_address.distinct)
        };
        Wrong { delay, begun }
    }

    /// Notes a right password: from now on this pair is known, and what it got wrong is forgiven.
    pub fn right(&mut self, reservation: Reservation, now: Duration) {
        let (keys, ..) = self.land(reservation);
        let until = now.saturating_add(self.limits.known_for);
        self.pairs.keep(keys.pair, until, now);
    }

    /// Nobody looked whether the guess is right, or it is the same wrong one as before.
    pub fn give_back(&mut self, reservation: Reservation) {
        self.land(reservation);
    }

    fn land(&mut self, reservation: Reservation) -> (Keys, u64, bool) {
        let Reservation {
            keys,
            secret,
            known,
        } = reservation;
        for key in keys.all() {
            self.flights.end(key, secret);
        }
        (keys, secret, known)
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

    /// The guess together with the user name: an address that tries one password on many names is
    /// counted for each of them.
    fn secret(&mut self, keys: &Keys, guess: Guess<'_>) -> u64 {
        let account = keys.account.to_le_bytes();
        let tag = match guess {
            Guess::Secret(password) => {
                let password = password.expose_secret().as_bytes();
                self.keyed.tag(&[b"secret", &account, password])
            }
            Guess::Proof => {
                self.proofs = self.proofs.wrapping_add(1);
                let number = self.proofs.to_le_bytes();
                self.keyed.tag(&[b"proof", &account, &number])
            }
        };
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
            .field("flights", &self.flights.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
struct Keys {
    account: u128,
    address: u128,
    pair: u128,
}

impl Keys {
    const fn all(self) -> [u128; 3] {
        [self.account, self.address, self.pair]
    }
}

/// How long who finds too many guesses in flight is told to wait: by then they have landed, unless
/// the hashing threads are far behind.
const IN_FLIGHT: Duration = Duration::from_secs(1);

/// The address as IPv6; of IPv6 only the /64. IPv4 written as IPv6 is IPv4.
fn network(from: IpAddr) -> [u8; 16] {
    match from.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).octets(),
    }
}
