//! The guard against guessing: it counts *distinct* wrong passwords, so that a printer which
//! repeats an old one harms nobody, and spares the pairs of account and address that were right
//! lately, so that an attack does not lock out those it is aimed at.

use std::{fmt, net::IpAddr, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    Blocked, BlockedBy, GuardLimits, Held, Subject, Wrong,
    guard_flights::Flights,
    guard_keys::Keys,
    guard_limits::is_suspicious,
    guard_table::{Counted, Table},
    keyed::Keyed,
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
    /// Proofs, by pair.
    proofs: Table,
    flights: Flights,
    /// Tells proofs apart.
    next_proof: u64,
}

/// What is tried.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a caller has the one or the other")]
pub enum Guess<'a> {
    /// A proof that differs each time, whatever it was made from. Each counts against its pair of
    /// account and address, which ten block; all of one pair are one guess against the account,
    /// and against the address: a device that repeats an old password so blocks itself only.
    Proof,
    /// A password: the same one again is the same guess.
    Secret(&'a SecretString),
}

/// Leave to try one guess. It counts until it is handed back.
#[must_use = "it counts as a guess in flight until Guard::wrong, right or give_back hear of it"]
pub struct Reservation {
    keys: Keys,
    secret: u64,
    /// Of a proof: its number.
    proof: Option<u64>,
    known: bool,
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
            proofs: Table::new(limits.entries),
            flights: Flights::default(),
            next_proof: 0,
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
        let proof = self.number(guess);
        if let Some(proof) = proof {
            self.proof_has_room(&keys, proof, now)?;
        }
        let known = self.is_known(&keys, proof.unwrap_or(secret), now);
        if !known {
            self.unblocked(&keys, now)?;
            self.has_room(&keys, secret, now)?;
        }
        let reservation = Reservation {
            keys,
            secret,
            proof,
            known,
        };
        for (key, of) in reservation.flights() {
            self.flights.begin(key, of);
        }
        Ok(reservation)
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

    fn proof_has_room(&self, keys: &Keys, proof: u64, now: Duration) -> Result<(), Blocked> {
        let blocked = self.proofs.blocked_until(keys.pair, now);
        let tried = self.with_flights(&self.proofs, keys.pair, proof, now);
        let full = tried > self.limits.secrets_per_account;
        let until = blocked.or(full.then(|| now.saturating_add(IN_FLIGHT)));
        let by = BlockedBy::Account;
        until.map_or(Ok(()), |until| Err(Blocked { until, by }))
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
        self.land(&reservation);
        let Reservation {
            keys,
            secret,
            proof,
            known,
        } = reservation;
        let GuardLimits {
            window,
            secrets_per_account,
            secrets_per_address,
            ..
        } = self.limits;
        if known {
            let tried = proof.unwrap_or(secret);
            let tried = self.pairs.count(keys.pair, tried, window, now);
            if tried.distinct >= secrets_per_account {
                self.pairs.remove(keys.pair);
            }
        }
        let lengths = self.limits.lengths();
        let of_address = self.addresses.count(keys.address, secret, window, now);
        let mut of_account = self.accounts.count(keys.account, secret, window, now);
        let (mut address_block, mut account_block, mut pair_block) = (None, None, None);
        if of_address.distinct >= secrets_per_address {
            address_block = self.addresses.block(keys.address, lengths, now);
        }
        if of_account.distinct >= secrets_per_account {
            account_block = self.accounts.block(keys.account, lengths, now);
        }
        if let Some(proof) = proof {
            let of_pair = self.proofs.count(keys.pair, proof, window, now);
            if of_pair.distinct >= secrets_per_account {
                pair_block = self.proofs.block(keys.pair, lengths, now);
            }
            of_account.distinct = of_account.distinct.max(of_pair.distinct);
            of_account.new = true;
        }
        let delay = if known || !of_account.new {
            Duration::ZERO
        } else {
            self.limits.delay(of_account.distinct, of_address.distinct)
        };
        let begun = |block: Option<(Duration, u32)>, by| {
            let (until, _) = block?;
            Some(Blocked { until, by })
        };
        Wrong {
            delay,
            begun: begun(account_block.or(pair_block), BlockedBy::Account)
                .or(begun(address_block, BlockedBy::Address)),
            account: held(of_account, secrets_per_account, account_block),
            address: held(of_address, secrets_per_address, address_block),
        }
    }

    /// Notes a right password: from now on this pair is known, and what it got wrong is forgiven.
    /// True where that is worth writing down: the pair was not known, or has not been seen for a
    /// day.
    pub fn right(&mut self, reservation: Reservation, now: Duration) -> bool {
        self.land(&reservation);
        let keys = reservation.keys;
        let until = now.saturating_add(self.limits.known_for);
        let known_until = self.pairs.kept_until(keys.pair, now);
        let known = known_until.is_some_and(|of| until.saturating_sub(of) < DAY);
        // Else the days would pass by in steps that are each too small to be written.
        let until = known_until.filter(|_| known).unwrap_or(until);
        self.pairs.keep(keys.pair, until, now);
        !known
    }

    /// Nobody looked whether the guess is right, or it is the same wrong one as before.
    pub fn give_back(&mut self, reservation: Reservation) {
        self.land(&reservation);
    }

    /// This pair was right before the process started, and is known until then.
    pub fn restore_known(&mut self, user: &str, from: IpAddr, until: Duration, now: Duration) {
        let keys = self.keys(user, from);
        self.pairs.keep(keys.pair, until, now);
    }

    /// A block from before the process started, the how-manieth in a row. It may be over at `now`
    /// and still make the next one longer, until `remembered`.
    pub fn restore_block(
        &mut self,
        subject: Subject<'_>,
        (until, in_a_row): (Duration, u32),
        remembered: Duration,
        now: Duration,
    ) {
        let (table, key) = self.table(subject);
        table.restore_block(key, (until, in_a_row), remembered, now);
    }

    /// Forgets what is held against somebody: guesses, block, and that there were blocks.
    pub fn forgive(&mut self, subject: Subject<'_>) {
        let (table, key) = self.table(subject);
        table.remove(key);
        // Whose pairs they are cannot be told; it happens seldom.
        self.proofs = Table::new(self.limits.entries);
    }

    /// Forgives everybody. Known pairs stay known.
    pub fn forgive_all(&mut self) {
        self.accounts = Table::new(self.limits.entries);
        self.addresses = Table::new(self.limits.entries);
        self.proofs = Table::new(self.limits.entries);
    }

    fn table(&mut self, subject: Subject<'_>) -> (&mut Table, u128) {
        match subject {
            Subject::Account(user) => (&mut self.accounts, self.keyed.account(user)),
            Subject::Address(from) => (&mut self.addresses, self.keyed.address(from)),
        }
    }

    fn land(&mut self, reservation: &Reservation) {
        for (key, of) in reservation.flights() {
            self.flights.end(key, of);
        }
    }

    fn keys(&self, user: &str, from: IpAddr) -> Keys {
        Keys {
            account: self.keyed.account(user),
            address: self.keyed.address(from),
            pair: self.keyed.pair(user, from),
        }
    }

    /// The guess together with the user name: an address that tries one password on many names is
    /// counted for each of them.
    fn secret(&self, keys: &Keys, guess: Guess<'_>) -> u64 {
        let account = keys.account.to_le_bytes();
        let tag = match guess {
            Guess::Secret(password) => {
                let password = password.expose_secret().as_bytes();
                self.keyed.tag(&[b"secret", &account, password])
            }
            Guess::Proof => self.keyed.tag(&[b"proofs", &keys.pair.to_le_bytes()]),
        };
        u64::from_le_bytes(tag.first_chunk().copied().unwrap_or_default())
    }

    fn number(&mut self, guess: Guess<'_>) -> Option<u64> {
        matches!(guess, Guess::Proof).then(|| {
            self.next_proof = self.next_proof.wrapping_add(1);
            self.next_proof
        })
    }
}

impl Reservation {
    /// What is in flight, and under which key.
    fn flights(&self) -> [(u128, u64); 3] {
        let Keys {
            account,
            address,
            pair,
        } = self.keys;
        let own = self.proof.unwrap_or(self.secret);
        [(account, self.secret), (address, self.secret), (pair, own)]
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

/// How long who finds too many guesses in flight is told to wait: by then they have landed, unless
/// the hashing threads are far behind.
const IN_FLIGHT: Duration = Duration::from_secs(1);

fn held(counted: Counted, most: usize, block: Option<(Duration, u32)>) -> Held {
    Held {
        guesses: counted.distinct,
        suspicious: is_suspicious(counted.distinct, most),
        block,
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
