//! What the guard takes over from before a restart, what is worth writing down for the next one,
//! and what an operator forgives.

use std::{net::IpAddr, time::Duration};

use hve_auth::{
    Blocked, BlockedBy, Guard, GuardLimits, Guess, Held, Reservation, Subject, Wrong, network_of,
};
use secrecy::SecretString;

const USER: &str = "hve01@contoso.test";
const NOW: Duration = Duration::from_secs(1_000);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

fn guard() -> Guard {
    Guard::new([5; 32], GuardLimits::default())
}

fn admit(guard: &mut Guard, from: IpAddr, now: Duration) -> Result<Reservation, Blocked> {
    let password = SecretString::from("the right one");
    guard.admit(USER, from, Guess::Secret(&password), now)
}

/// Different guesses for the user, as far as they are let in.
fn attack(guard: &mut Guard, from: IpAddr, now: Duration) -> Vec<Wrong> {
    let mut heard = Vec::new();
    for guess in 0..60 {
        let password = SecretString::from(format!("guess {guess}"));
        if let Ok(one) = guard.admit(USER, from, Guess::Secret(&password), now) {
            heard.push(guard.wrong(one, now));
        }
    }
    heard
}

#[test]
fn row_20_a_known_pair_is_known_after_a_restart() {
    let mut guard = guard();
    guard.restore_known(USER, HOME, NOW + MINUTE, NOW);
    assert_eq!(attack(&mut guard, AWAY, NOW).len(), 10);
    assert!(admit(&mut guard, AWAY, NOW).is_err());
    assert!(admit(&mut guard, HOME, NOW).is_ok());
    let account = Subject::Account(USER);
    guard.restore_block(account, (NOW + DAY, 1), NOW + DAY, NOW);
    assert!(admit(&mut guard, HOME, NOW).is_ok());
    assert!(
        admit(&mut guard, HOME, NOW + MINUTE).is_err(),
        "for so long"
    );
}

#[test]
fn row_20_a_block_goes_on_after_a_restart_and_the_next_is_longer() {
    let mut guard = guard();
    let until = NOW + MINUTE;
    let subject = Subject::Account("HVE01@contoso.test");
    guard.restore_block(subject, (until, 2), until + DAY, NOW);
    assert_eq!(admit(&mut guard, HOME, NOW).unwrap_err().until, until);
    let subject = Subject::Pair("HVE01@contoso.test", AWAY);
    guard.restore_block(subject, (until, 2), until + DAY, NOW);
    let heard = attack(&mut guard, AWAY, until);
    let block = heard.last().unwrap().pair.block;
    assert_eq!(block, Some((until + 60 * MINUTE, 3)));
    let subject = Subject::Address(HOME);
    guard.restore_block(subject, (until, 1), until + DAY, NOW);
    let refused = guard.admit("other", HOME, Guess::Proof, NOW).unwrap_err();
    assert_eq!(refused.by, BlockedBy::Address);
}

#[test]
fn what_is_held_against_somebody_is_told() {
    let mut guard = guard();
    let heard = attack(&mut guard, AWAY, NOW);
    let told = |held: Held| (held.guesses, held.suspicious, held.block);
    let accounts: Vec<_> = heard.iter().map(|wrong| told(wrong.account)).collect();
    assert_eq!(accounts[1], (2, false, None));
    assert_eq!(accounts[2], (3, true, None));
    let end = NOW + GuardLimits::default().block;
    assert_eq!(accounts[9], (10, true, None), "by one address alone");
    assert_eq!(told(heard[9].pair), (10, true, Some((end, 1))));
    assert_eq!(told(heard[9].address), (10, false, None));
}

#[test]
fn a_right_password_is_worth_writing_down_once_a_day() {
    let mut guard = guard();
    let mut written = Vec::new();
    for hour in 0..72 {
        let now = NOW + hour * 60 * MINUTE;
        let one = admit(&mut guard, HOME, now).unwrap();
        if guard.right(one, now) {
            written.push(hour);
        }
    }
    assert_eq!(written, [0, 24, 48]);
}

#[test]
fn an_operator_forgives_one_or_all() {
    let mut guard = guard();
    guard.restore_known(USER, HOME, NOW + DAY, NOW);
    for subject in [
        Subject::Account("Hve01@Contoso.test"),
        Subject::Address(AWAY),
        Subject::Pair("HVE01@contoso.test", AWAY),
    ] {
        guard.restore_block(subject, (NOW + DAY, 3), NOW + 2 * DAY, NOW);
        assert!(admit(&mut guard, AWAY, NOW).is_err());
        guard.forgive(subject);
        let one = admit(&mut guard, AWAY, NOW).unwrap();
        guard.give_back(one);
    }
    assert_eq!(attack(&mut guard, AWAY, NOW).len(), 10);
    for others in [
        Subject::Pair(USER, HOME),
        Subject::Pair("other@contoso.test", AWAY),
        Subject::Account("other@contoso.test"),
        Subject::Address(HOME),
    ] {
        guard.forgive(others);
        assert!(admit(&mut guard, AWAY, NOW).is_err(), "{others:?}");
    }
    // With the account or the address the pair is forgiven: the next block is a first one again.
    for whole in [Subject::Account(USER), Subject::Address(AWAY)] {
        guard.forgive(whole);
        let heard = attack(&mut guard, AWAY, NOW);
        assert_eq!(heard.last().unwrap().pair.block.unwrap().1, 1);
    }
    guard.forgive_all();
    let heard = attack(&mut guard, AWAY, NOW);
    assert_eq!(heard.last().unwrap().pair.block.unwrap().1, 1);
    assert!(admit(&mut guard, HOME, NOW).is_ok(), "and is still known");
}

#[test]
fn what_counts_as_one_address() {
    let network = |text: &str| network_of(text.parse().unwrap()).to_string();
    assert_eq!(network("192.0.2.7"), "192.0.2.7");
    assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
    assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
}
