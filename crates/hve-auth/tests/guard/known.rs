//! The guard and those it knows: the right password passes, whatever others do.

use std::time::Duration;

use hve_auth::{BlockedBy, GuardLimits, Guess};

use crate::support::{
    MINUTE, START, USER, admit, attack, besiege, guard, right, secret, v4, wrong,
};

#[test]
fn row_20_a_neighbour_of_a_known_device_does_not_take_it_out_and_hears_the_block() {
    let mut guard = guard();
    right(&mut guard, USER, v4(1), START);
    assert_eq!(attack(&mut guard, USER, v4(1), 10, START), 10);
    let until = START + 15 * MINUTE;
    for number in 0..1_000 {
        let guess = secret(number);
        let one = guard.admit(USER, v4(1), Guess::Secret(&guess), START);
        let one = one.unwrap();
        assert_eq!(one.behind().unwrap().until, until);
        // One at a time, so that the work is bounded.
        assert!(admit(&mut guard, USER, v4(1), START).is_err());
        let heard = guard.wrong(one, START);
        assert_eq!(heard.behind.unwrap().until, until);
        assert_eq!((heard.begun, heard.pair.guesses), (None, 0));
        right(&mut guard, USER, v4(1), START);
    }
    // Strangers elsewhere are not blocked by it, and have half of their guesses left.
    assert_eq!(attack(&mut guard, USER, v4(2), 1_000, START), 5);
    // The block ends when it said it would.
    assert_eq!(admit(&mut guard, USER, v4(1), until), Ok(()));
    assert_eq!(wrong(&mut guard, USER, v4(1), &secret("late"), until), None);
}

#[test]
fn row_23_on_a_blocked_address_a_wrong_guess_hears_the_same_for_known_names() {
    let mut guard = guard();
    right(&mut guard, USER, v4(1), START);
    for user in 0..50 {
        attack(&mut guard, &format!("made up {user}"), v4(1), 1, START);
    }
    for round in 0..30 {
        let now = START + Duration::from_secs(round);
        let guess = secret(round);
        let nobody = guard.admit("nobody", v4(1), Guess::Secret(&guess), now);
        let known = guard.admit(USER, v4(1), Guess::Secret(&guess), now);
        let known = guard.wrong(known.unwrap(), now);
        assert_eq!(known.behind, nobody.err(), "the same end");
    }
}

#[test]
fn row_20_the_right_password_works_from_a_known_address_during_the_attack() {
    let mut guard = guard();
    let office = v4(77);
    right(&mut guard, USER, office, START);
    for address in 0..1_000 {
        attack(&mut guard, USER, v4(1_000 + address), 1, START);
    }
    assert!(
        admit(&mut guard, USER, v4(2), START).is_err(),
        "strangers wait"
    );
    assert_eq!(admit(&mut guard, USER, office, START), Ok(()));
    // Even where somebody else guesses from the same address.
    for user in 0..60 {
        attack(&mut guard, &format!("user{user}"), office, 1, START);
    }
    assert_eq!(
        admit(&mut guard, "fresh", office, START).unwrap_err().by,
        BlockedBy::Address
    );
    assert_eq!(admit(&mut guard, USER, office, START), Ok(()));
}

#[test]
fn a_known_pair_is_known_for_so_long() {
    let mut guard = guard();
    right(&mut guard, USER, v4(1), START);
    let last = START + GuardLimits::default().known_for - Duration::from_secs(1);
    besiege(&mut guard, USER, last);
    assert!(admit(&mut guard, USER, v4(1), last).is_ok());
    assert!(admit(&mut guard, USER, v4(1), last + Duration::from_secs(1)).is_err());
}
