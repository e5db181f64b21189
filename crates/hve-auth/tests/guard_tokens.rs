//! A flood of forged tokens.

use std::{net::IpAddr, time::Duration};

use hve_auth::{Guard, GuardLimits, Guess, Subject};
use secrecy::SecretString;

const USER: &str = "hve01@contoso.test";
const OTHER: &str = "hve02@contoso.test";
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const NOW: Duration = Duration::from_secs(1_000);

fn guard() -> Guard {
    Guard::new([1; 32], GuardLimits::default())
}

fn token(number: usize) -> SecretString {
    SecretString::from(number.to_string())
}

/// So many different forged tokens; the blocks that they began.
fn flood(guard: &mut Guard, tokens: usize, now: Duration) -> Vec<(Duration, u32)> {
    let heard = (0..tokens).map(|number| guard.forged(USER, HERE, &token(number), now).block);
    heard.flatten().collect()
}

#[test]
fn fifty_distinct_forged_tokens_block_their_pair_for_a_minute() {
    let mut guard = guard();
    for _ in 0..3 {
        assert_eq!(flood(&mut guard, 49, NOW), [], "repeated");
    }
    assert_eq!(guard.admit_token(USER, HERE, NOW), Ok(None));
    let end = NOW + Duration::from_secs(60);
    assert_eq!(flood(&mut guard, 50, NOW), [(end, 1)]);
    let blocked = guard.admit_token(USER, HERE, NOW).unwrap_err();
    assert_eq!(blocked.until, end);
    for (user, from, now) in [(OTHER, HERE, NOW), (USER, THERE, NOW), (USER, HERE, end)] {
        assert_eq!(guard.admit_token(user, from, now), Ok(None));
    }
    let password = SecretString::from("a password");
    let password = guard.admit(USER, HERE, Guess::Secret(&password), NOW);
    assert!(password.is_ok_and(|one| one.behind().is_none()));
    let longer = end + Duration::from_secs(120);
    assert_eq!(flood(&mut guard, 50, end), [(longer, 2)], "twice as long");
}

#[test]
fn an_application_that_had_a_genuine_token_is_let_in_behind_the_block() {
    let mut guard = guard();
    guard.genuine(USER, HERE, NOW);
    let begun = flood(&mut guard, 50, NOW);
    let behind = guard.admit_token(USER, HERE, NOW).unwrap();
    assert_eq!(behind.map(|of| of.until), begun.first().map(|of| of.0));
    // Made-up names do not make it forgotten.
    for name in 0..70_000 {
        guard.forged(&format!("made up {name}"), THERE, &token(0), NOW);
    }
    assert!(guard.admit_token(USER, HERE, NOW).is_ok());
}

#[test]
fn an_operator_forgives_forged_tokens() {
    for subject in [
        Subject::Account(USER),
        Subject::Address(HERE),
        Subject::Pair(USER, HERE),
        Subject::Tokens(USER, HERE),
    ] {
        let mut guard = guard();
        flood(&mut guard, 50, NOW);
        for others in [
            Subject::Account(OTHER),
            Subject::Address(THERE),
            Subject::Pair(OTHER, HERE),
            Subject::Tokens(USER, THERE),
        ] {
            guard.forgive(others);
        }
        assert!(guard.admit_token(USER, HERE, NOW).is_err());
        guard.forgive(subject);
        assert_eq!(guard.admit_token(USER, HERE, NOW), Ok(None), "{subject:?}");
    }
    let mut guard = guard();
    flood(&mut guard, 50, NOW);
    guard.forgive_all();
    assert_eq!(guard.admit_token(USER, HERE, NOW), Ok(None));
}
