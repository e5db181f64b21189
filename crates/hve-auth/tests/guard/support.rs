//! A guard, and those who try passwords.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use hve_auth::{Blocked, Guard, GuardLimits, Guess};
use secrecy::SecretString;

pub(crate) const USER: &str = "hve01@contoso.test";
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const START: Duration = Duration::from_secs(1_000);

pub(crate) fn guard() -> Guard {
    Guard::new([5; 32], GuardLimits::default())
}

pub(crate) fn secret(number: impl std::fmt::Display) -> SecretString {
    SecretString::from(format!("guess {number}"))
}

pub(crate) fn v4(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
}

pub(crate) fn admit(
    guard: &mut Guard,
    user: &str,
    from: IpAddr,
    now: Duration,
) -> Result<(), Blocked> {
    let reservation = guard.admit(user, from, Guess::Secret(&secret("right")), now)?;
    guard.give_back(reservation);
    Ok(())
}

/// Tries one password, which is wrong; the block that it began.
pub(crate) fn wrong(
    guard: &mut Guard,
    user: &str,
    from: IpAddr,
    password: &SecretString,
    now: Duration,
) -> Option<Blocked> {
    let reservation = guard.admit(user, from, Guess::Secret(password), now);
    guard.wrong(reservation.unwrap(), now).begun
}

pub(crate) fn right(guard: &mut Guard, user: &str, from: IpAddr, now: Duration) {
    let reservation = guard.admit(user, from, Guess::Secret(&secret("right")), now);
    guard.right(reservation.unwrap(), now);
}

/// Tries so many different passwords, as long as it is let; how many it could try.
pub(crate) fn attack(
    guard: &mut Guard,
    user: &str,
    from: IpAddr,
    guesses: u32,
    now: Duration,
) -> u32 {
    let mut tried = 0;
    for guess in 0..guesses {
        let password = secret(format!("{guess} of {from}"));
        if let Ok(reservation) = guard.admit(user, from, Guess::Secret(&password), now) {
            guard.wrong(reservation, now);
            tried += 1;
        }
    }
    tried
}

/// Ten different passwords from five addresses, which block the account for everybody.
pub(crate) fn besiege(guard: &mut Guard, user: &str, now: Duration) -> u32 {
    let addresses = 2_001..2_006;
    addresses
        .map(|from| attack(guard, user, v4(from), 2, now))
        .sum()
}
