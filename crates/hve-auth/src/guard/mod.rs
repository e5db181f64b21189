//! The guard against guessing: it counts *distinct* wrong passwords, so that a printer which
//! repeats an old one harms nobody, and lets the right password pass from addresses that had it
//! lately, so that an attack does not lock out those it is aimed at.

mod block;
mod flights;
mod guess;
mod keys;
mod limits;
mod table;
mod tokens;
mod weight;

use std::{fmt, net::IpAddr, time::Duration};

use secrecy::ExposeSecret;

pub use block::{Blocked, BlockedBy, Held, Subject, Wrong};
pub use guess::{Guess, Reservation};
pub use keys::network_of;
pub use limits::GuardLimits;

use crate::keyed::Keyed;
use flights::Flights;
use guess::{Tried, flights};
use keys::{Keys, is_of_account, is_of_address};
use limits::is_suspicious;
use table::{Counted, Table};
use weight::Mark;

/// Slows down guessing, per user name, per address (IPv6: per /64, RFC 6177 §2 gives a site at
/// least that) and per pair of both.
///
/// Ask [`Guard::admit`] before any hashing, then tell [`Guard::wrong`], [`Guard::right`] or
/// [`Guard::give_back`]. Times are monotonic. User names that do not exist are counted like those
/// that do. Names, passwords and addresses are kept as keyed hashes only.
///
/// One address contributes half of what blocks an account at most; more block the pair of both,
/// and harm nobody elsewhere.
///
/// A guess in flight counts as if it were wrong, so that a burst of guesses at one moment is let
/// in no further than the same guesses one after the other. Clients that try the same password at
/// one moment are one guess.
///
/// A right password clears no count but makes the pair of account and address known. What a known
/// pair tries is looked at behind a block as well, one secret at a time: the right one passes,
/// whatever others do, also those who share the address. A wrong one hears the block
/// ([`Reservation::behind`]) and is not counted: neither the answer nor the length of a block tells
/// which pairs are known, and so which accounts there are.
///
/// The same wrong password may be repeated without end; [`WrongPasswords`](crate::WrongPasswords)
/// keeps that from costing anything.
pub struct Guard {
    keyed: Keyed,
    limits: GuardLimits,
    accounts: Table,
    addresses: Table,
    pairs: Table,
    /// The pairs that were right lately.
    known: Table,
    /// Forged tokens, by pair.
    tokens: Table,
    /// The pairs that had a genuine token lately.
    genuine: Table,
    flights: Flights,
    /// Tells proofs apart.
    next_proof: u64,
}

impl Guard {
    /// A guard that has seen nothing. `key` must be random and of this process only.
    #[must_use]
    pub fn new(key: [u8; 32], limits: GuardLimits) -> Self {
        Self {
            keyed: Keyed::new(key),
            limits,
            accounts: Table::new(limits.entries, limits.of_one_address()),
            addresses: Table::new(limits.entries, usize::MAX),
            pairs: Table::new(limits.entries, usize::MAX),
            known: Table::new(limits.entries, usize::MAX),
            tokens: Table::new(limits.entries, usize::MAX),
            genuine: Table::new(limits.entries, usize::MAX),
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
        let guess = self.tried(&keys, guess);
        let behind = self.blocked(&keys, guess, now);
        if let Some(blocked) = behind
            && !self.may_pass(&keys, guess, now)
        {
            return Err(blocked);
        }
        let reservation = Reservation {
            keys,
            guess,
            behind,
        };
        for (key, mark) in reservation.flights() {
            self.flights.begin(key, mark);
        }
        Ok(reservation)
    }

    /// Behind a block: a known pair tries one secret at a time, which bounds the work.
    fn may_pass(&self, keys: &Keys, guess: Tried, now: Duration) -> bool {
        let mut flying = self.flights.of(keys.pair);
        self.known.kept_until(keys.pair, now).is_some() && flying.all(|of| of.secret == guess.own)
    }

    /// The longest of the blocks, or that too many guesses are in flight.
    fn blocked(&self, keys: &Keys, guess: Tried, now: Duration) -> Option<Blocked> {
        let blocks = [
            (self.pairs.blocked_until(keys.pair, now), BlockedBy::Pair),
            (
                self.addresses.blocked_until(keys.address, now),
                BlockedBy::Address,
            ),
            (
                self.accounts.blocked_until(keys.account, now),
                BlockedBy::Account,
            ),
        ];
        let blocks = blocks.into_iter().filter_map(|(until, by)| {
            let until = until?;
            Some(Blocked { until, by })
        });
        let until = now.saturating_add(IN_FLIGHT);
        blocks.max_by_key(|of| of.until).or_else(|| {
            let by = self.full(keys, guess, now)?;
            Some(Blocked { until, by })
        })
    }

    fn full(&self, keys: &Keys, guess: Tried, now: Duration) -> Option<BlockedBy> {
        let has_room = |table: &Table, (key, mark), most| {
            let limits = (most, self.limits.window);
            table.has_room((key, mark), self.flights.of(key), limits, now)
        };
        let [account, address, pair] = flights(keys, guess);
        let GuardLimits {
            secrets_per_account,
            secrets_per_address,
            ..
        } = self.limits;
        if !has_room(&self.accounts, account, secrets_per_account) {
            return Some(BlockedBy::Account);
        }
        if !has_room(&self.addresses, address, secrets_per_address) {
            return Some(BlockedBy::Address);
        }
        let room = has_room(&self.pairs, pair, secrets_per_account);
        (!room).then_some(BlockedBy::Pair)
    }

    /// Counts a wrong guess.
    pub fn wrong(&mut self, reservation: Reservation, now: Duration) -> Wrong {
        self.land(&reservation);
        let Reservation {
            keys,
            guess,
            behind,
        } = reservation;
        if let Some(blocked) = behind {
            return Wrong::behind(blocked);
        }
        let limits = self.limits;
        let (of_account_most, of_address_most) =
            (limits.secrets_per_account, limits.secrets_per_address);
        let count = |table: &mut Table, (key, mark), most| {
            let counted = table.count(key, mark, limits.window, now);
            let full = counted.weight >= most;
            let block = full.then(|| table.block(key, limits.lengths(), now));
            (counted, block.flatten())
        };
        let [account, address, pair] = flights(&keys, guess);
        let (of_account, account) = count(&mut self.accounts, account, of_account_most);
        let (of_address, address) = count(&mut self.addresses, address, of_address_most);
        let (of_pair, pair) = count(&mut self.pairs, pair, of_account_most);
        let delay = if of_account.new || guess.is_proof {
            let of_account = of_account.weight.max(of_pair.weight);
            limits.delay(of_account, of_address.weight)
        } else {
            Duration::ZERO
        };
        let begun = |block: Option<(Duration, u32)>, by| {
            let (until, _) = block?;
            Some(Blocked { until, by })
        };
        Wrong {
            behind: None,
            delay,
            begun: begun(account, BlockedBy::Account)
                .or(begun(address, BlockedBy::Address))
                .or(begun(pair, BlockedBy::Pair)),
            account: held(of_account, of_account_most, account),
            address: held(of_address, of_address_most, address),
            pair: held(of_pair, of_account_most, pair),
        }
    }

    /// Notes a right password: from now on this pair is known. What was got wrong stays counted:
    /// others may have, who share the address. True where it is worth writing down: the pair was
    /// not known, or has not been seen for a day.
    pub fn right(&mut self, reservation: Reservation, now: Duration) -> bool {
        self.land(&reservation);
        let keys = reservation.keys;
        let until = now.saturating_add(self.limits.known_for);
        let known_until = self.known.kept_until(keys.pair, now);
        let known = known_until.is_some_and(|of| until.saturating_sub(of) < DAY);
        // Else the days would pass by in steps that are each too small to be written.
        let until = known_until.filter(|_| known).unwrap_or(until);
        self.known.keep(keys.pair, until, now);
        !known
    }

    /// Nobody looked whether the guess is right, or it is the same wrong one as before.
    pub fn give_back(&mut self, reservation: Reservation) {
        self.land(&reservation);
    }

    /// This pair was right before the process started, and is known until then.
    pub fn restore_known(&mut self, user: &str, from: IpAddr, until: Duration, now: Duration) {
        let keys = self.keys(user, from);
        self.known.keep(keys.pair, until, now);
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

    /// Forgets what is held against somebody: guesses, block, and that there were blocks. With an
    /// account or an address all their pairs are forgiven, with a pair its forged tokens.
    pub fn forgive(&mut self, subject: Subject<'_>) {
        let (table, key) = self.table(subject);
        table.remove(key);
        let is_meant = |pair| match subject {
            Subject::Account(_) => is_of_account(pair, key),
            Subject::Address(_) => is_of_address(pair, key),
            Subject::Pair(..) => pair == key,
            Subject::Tokens(..) => false,
        };
        self.pairs.remove_all(is_meant);
        self.tokens.remove_all(is_meant);
    }

    /// Forgives everybody. Known pairs stay known.
    pub fn forgive_all(&mut self) {
        self.accounts.clear();
        self.addresses.clear();
        self.pairs.clear();
        self.tokens.clear();
    }

    fn table(&mut self, subject: Subject<'_>) -> (&mut Table, u128) {
        match subject {
            Subject::Account(user) => (&mut self.accounts, self.keyed.account(user)),
            Subject::Address(from) => (&mut self.addresses, self.keyed.address(from)),
            Subject::Pair(user, from) => {
                let keys = self.keys(user, from);
                (&mut self.pairs, keys.pair)
            }
            Subject::Tokens(user, from) => {
                let keys = self.keys(user, from);
                (&mut self.tokens, keys.pair)
            }
        }
    }

    fn land(&mut self, reservation: &Reservation) {
        for (key, mark) in reservation.flights() {
            self.flights.end(key, mark);
        }
    }

    fn keys(&self, user: &str, from: IpAddr) -> Keys {
        Keys::new(self.keyed.account(user), self.keyed.address(from))
    }

    fn tried(&mut self, keys: &Keys, guess: Guess<'_>) -> Tried {
        let shared = self.secret(keys, guess);
        let is_proof = matches!(guess, Guess::Proof);
        if is_proof {
            self.next_proof = self.next_proof.wrapping_add(1);
        }
        Tried {
            shared,
            own: if is_proof { self.next_proof } else { shared },
            is_proof,
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
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("limits", &self.limits)
            .field("accounts", &self.accounts.len())
            .field("addresses", &self.addresses.len())
            .field("pairs", &self.pairs.len())
            .field("known", &self.known.len())
            .field("flights", &self.flights.len())
            .finish_non_exhaustive()
    }
}

/// How long who finds too many guesses in flight is told to wait: by then they have landed, unless
/// the hashing threads are far behind.
const IN_FLIGHT: Duration = Duration::from_secs(1);

fn held(counted: Counted, most: usize, block: Option<(Duration, u32)>) -> Held {
    Held {
        guesses: counted.distinct,
        suspicious: is_suspicious(counted.weight, most),
        block,
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
