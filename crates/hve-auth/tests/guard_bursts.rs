//! The guard while guesses are in flight, and the waits before it blocks.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use hve_auth::{Blocked, BlockedBy, Guard, GuardLimits, Guess, Reservation};
use proptest::prelude::*;
use secrecy::SecretString;

const USER: &str = "hve01@contoso.test";
const NOW: Duration = Duration::from_secs(1_000);

fn guard() -> Guard {
    Guard::new([5; 32], GuardLimits::default())
}

fn v4(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
}

fn admit(guard: &mut Guard, user: &str, from: IpAddr, guess: u32) -> Result<Reservation, Blocked> {
    let password = SecretString::from(format!("guess {guess}"));
    guard.admit(user, from, Guess::Secret(&password), NOW)
}

/// So many guesses at one moment, each from an address of its own; what was let in.
fn burst(guard: &mut Guard, guesses: std::ops::Range<u32>) -> Vec<Reservation> {
    let let_in = guesses.map(|guess| admit(guard, USER, v4(guess), guess).ok());
    let_in.flatten().collect()
}

fn flights(guard: &Guard) -> bool {
    !format!("{guard:?}").contains("flights: 0")
}

#[test]
fn row_20_a_burst_of_guesses_at_one_moment_is_ten() {
    let mut guard = guard();
    let flying = burst(&mut guard, 0..1_000);
    assert_eq!(flying.len(), 10);
    let refused = admit(&mut guard, USER, v4(1), 5_000).unwrap_err();
    assert_eq!((refused.by, refused.seconds(NOW)), (BlockedBy::Account, 1));
    let begun: Vec<Blocked> = flying
        .into_iter()
        .filter_map(|one| guard.wrong(one, NOW).begun)
        .collect();
    assert_eq!(begun.len(), 1, "one block, begun by the last");
    assert_eq!(begun[0].until, NOW + GuardLimits::default().block);
    assert!(burst(&mut guard, 0..1_000).is_empty());
    assert!(!flights(&guard));
}

#[test]
fn row_20_a_burst_on_many_names_from_one_address_is_fifty() {
    let mut guard = guard();
    let mut flying = Vec::new();
    for user in 0..1_000 {
        let user = format!("user{user}@contoso.test");
        flying.extend(admit(&mut guard, &user, v4(1), 0).ok());
    }
    assert_eq!(flying.len(), 50);
    assert_eq!(
        admit(&mut guard, "fresh", v4(1), 0).unwrap_err().by,
        BlockedBy::Address
    );
    assert!(admit(&mut guard, "fresh", v4(2), 0).is_ok());
}

#[test]
fn row_20_a_known_pair_signs_in_during_a_burst_from_elsewhere() {
    let mut guard = guard();
    let office = v4(77);
    let first = admit(&mut guard, USER, office, 7).unwrap();
    guard.right(first, NOW);
    let flying = burst(&mut guard, 1_000..2_000);
    assert_eq!(flying.len(), 10);
    let mine = admit(&mut guard, USER, office, 7).unwrap();
    assert!(admit(&mut guard, USER, v4(78), 7).is_err(), "a stranger");
    guard.right(mine, NOW);
    // Whoever sits behind the same address has one guess in flight at a time.
    let guesses = 5_000..6_000;
    let let_in = guesses.filter_map(|guess| admit(&mut guard, USER, office, guess).ok());
    assert_eq!(let_in.count(), 1);
}

#[test]
fn row_21_a_crowd_with_one_password_is_one_guess() {
    let mut guard = guard();
    let crowd: Vec<_> = (0..200)
        .map(|client| admit(&mut guard, USER, v4(client), 1).unwrap())
        .collect();
    assert!(admit(&mut guard, USER, v4(1), 2).is_ok());
    for (client, one) in crowd.into_iter().enumerate() {
        let wrong = guard.wrong(one, NOW);
        assert_eq!(wrong.delay, Duration::ZERO, "client {client}");
        assert_eq!(wrong.begun, None);
    }
}

#[test]
fn what_is_given_back_was_no_guess() {
    let mut guard = guard();
    for round in 0..100 {
        let flying = burst(&mut guard, round * 100..round * 100 + 100);
        assert_eq!(flying.len(), 10, "round {round}");
        for one in flying {
            guard.give_back(one);
        }
        assert!(!flights(&guard));
    }
    // So was what is right, for everybody else.
    for client in 0..100 {
        let one = admit(&mut guard, USER, v4(client), client).unwrap();
        guard.right(one, NOW);
    }
    assert_eq!(burst(&mut guard, 1_000..2_000).len(), 10);
}

/// So many proofs, none of them right, from one address; how many were let in.
fn proofs(guard: &mut Guard, user: &str, from: IpAddr, proofs: u32) -> u32 {
    let mut let_in = 0;
    for _ in 0..proofs {
        if let Ok(one) = guard.admit(user, from, Guess::Proof, NOW) {
            guard.wrong(one, NOW);
            let_in += 1;
        }
    }
    let_in
}

#[test]
fn row_21_an_old_password_by_proofs_blocks_its_own_device_only() {
    let mut guard = guard();
    assert_eq!(proofs(&mut guard, USER, v4(1), 1_000), 10);
    // Neither the account nor the address.
    assert_eq!(proofs(&mut guard, USER, v4(2), 1), 1);
    assert_eq!(proofs(&mut guard, "other@contoso.test", v4(1), 1), 1);
    assert_eq!(
        admit(&mut guard, USER, v4(1), 7).unwrap_err().by,
        BlockedBy::Pair
    );
}

#[test]
fn row_20_proofs_from_many_addresses_block_the_account_and_many_names_the_address() {
    let mut guard = guard();
    let let_in = (0..1_000).map(|from| proofs(&mut guard, USER, v4(from), 1));
    assert_eq!(let_in.sum::<u32>(), 10);
    let names = (0..1_000).map(|user| format!("user{user}@contoso.test"));
    let let_in = names.map(|user| proofs(&mut guard, &user, v4(5_000), 1));
    assert_eq!(let_in.sum::<u32>(), 50);
}

#[test]
fn row_20_a_burst_of_proofs_is_ten_and_the_right_one_of_a_known_pair_passes() {
    let mut guard = guard();
    let first = admit(&mut guard, USER, v4(1), 7).unwrap();
    guard.right(first, NOW);
    let flying: Vec<_> = (0..100)
        .filter_map(|_| guard.admit(USER, v4(1), Guess::Proof, NOW).ok())
        .collect();
    assert_eq!(flying.len(), 10);
    let mut begun = 0;
    for one in flying {
        begun += u32::from(guard.wrong(one, NOW).begun.is_some());
    }
    assert_eq!(begun, 1);
    for _ in 0..100 {
        let one = guard.admit(USER, v4(1), Guess::Proof, NOW).unwrap();
        assert_eq!(guard.wrong(one, NOW).behind.unwrap().by, BlockedBy::Pair);
    }
    let one = guard.admit(USER, v4(1), Guess::Proof, NOW).unwrap();
    guard.right(one, NOW);
    assert!(!flights(&guard));
}

/// Guesses one after the other, each from an address of its own; how long each answer waited.
fn waits(guard: &mut Guard, user: &str) -> Vec<u64> {
    let mut waits = Vec::new();
    for guess in 0..10 {
        if let Ok(one) = admit(guard, user, v4(guess), guess) {
            waits.push(guard.wrong(one, NOW).delay.as_secs());
        }
    }
    waits
}

#[test]
fn row_20_answers_wait_longer_before_the_block() {
    let mut guard = guard();
    let grows = [0, 0, 1, 2, 4, 8, 8, 8, 8, 8];
    assert_eq!(waits(&mut guard, USER), grows);
    // Row 23: a name that nobody has waits the same.
    assert_eq!(waits(&mut guard, "nobody@contoso.test"), grows);
}

#[test]
fn row_20_one_address_on_many_names_waits_as_well() {
    let mut guard = guard();
    let waits: Vec<u64> = (0..50)
        .map(|user| {
            let one = admit(&mut guard, &format!("user{user}"), v4(1), user).unwrap();
            guard.wrong(one, NOW).delay.as_secs()
        })
        .collect();
    let expected = [(10, 0), (5, 1), (5, 2), (5, 4), (25, 8)];
    let expected: Vec<u64> = expected
        .iter()
        .flat_map(|&(times, wait)| std::iter::repeat_n(wait, times))
        .collect();
    assert_eq!(waits, expected);
}

#[test]
fn row_21_an_old_password_hears_no_wait_and_row_23_a_known_pair_waits_like_others() {
    let mut guard = guard();
    let office = v4(77);
    let first = admit(&mut guard, USER, office, 7).unwrap();
    guard.right(first, NOW);
    let old = admit(&mut guard, USER, v4(1), 100).unwrap();
    guard.wrong(old, NOW);
    for guess in 0..8 {
        let one = admit(&mut guard, USER, v4(2), guess).unwrap();
        guard.wrong(one, NOW);
        let old = admit(&mut guard, USER, v4(1), 100).unwrap();
        assert_eq!(guard.wrong(old, NOW).delay, Duration::ZERO);
    }
    for wait in [8, 0, 0] {
        let known = admit(&mut guard, USER, office, 50).unwrap();
        let delay = guard.wrong(known, NOW).delay;
        assert_eq!(delay.as_secs(), wait, "once, then it is repeated");
    }
}

#[test]
fn waits_follow_the_limits() {
    let limits = GuardLimits {
        secrets_per_account: 100,
        delay_longest: Duration::from_secs(5),
        ..GuardLimits::default()
    };
    let of_account = |guesses| limits.delay(guesses, 0).as_secs();
    assert_eq!([20, 21, 31, 41, 99].map(of_account), [0, 1, 2, 4, 5]);
    let none = GuardLimits {
        delay_longest: Duration::ZERO,
        ..limits
    };
    assert_eq!(none.delay(99, 49), Duration::ZERO);
    // No number is too large for it.
    assert_eq!(limits.delay(usize::MAX, usize::MAX).as_secs(), 5);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit { client: u32, guess: u32 },
    Land { number: usize, how: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4_u32, 0..40_u32).prop_map(|(client, guess)| Step::Admit { client, guess }),
        (any::<usize>(), 0..2_u8).prop_map(|(number, how)| Step::Land { number, how }),
    ]
}

proptest! {
    /// Whatever the order: of one name no more than ten distinct guesses from one address, and five
    /// from all others together, are ever looked at.
    #[test]
    fn row_20_no_interleaving_gets_more_guesses(steps in prop::collection::vec(step(), 0..300)) {
        let mut guard = guard();
        let mut flying: Vec<(u32, Reservation)> = Vec::new();
        let mut looked_at = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Admit { client, guess } => {
                    if let Ok(one) = admit(&mut guard, USER, v4(client), guess) {
                        flying.push((guess, one));
                    }
                }
                Step::Land { number, how } if !flying.is_empty() => {
                    let (guess, one) = flying.swap_remove(number % flying.len());
                    if how == 0 {
                        guard.give_back(one);
                    } else {
                        guard.wrong(one, NOW);
                        looked_at.insert(guess);
                    }
                }
                Step::Land { .. } => {}
            }
        }
        for (guess, one) in flying {
            guard.wrong(one, NOW);
            looked_at.insert(guess);
        }
        prop_assert!(looked_at.len() <= 15, "{looked_at:?}");
        prop_assert!(!flights(&guard));
    }
}
