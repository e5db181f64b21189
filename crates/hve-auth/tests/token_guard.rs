//! A flood of forged tokens.

use std::{net::IpAddr, time::Duration};

use hve_auth::TokenGuard;
use secrecy::SecretString;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const NOW: Duration = Duration::from_secs(1_000);

fn token(number: usize) -> SecretString {
    SecretString::from(number.to_string())
}

#[test]
fn fifty_distinct_forged_tokens_block_their_network_for_a_minute() {
    let mut guard = TokenGuard::new([1; 32]);
    for number in 0..49 {
        assert_eq!(guard.forged(HERE, &token(number), NOW), None);
        assert_eq!(guard.forged(HERE, &token(number), NOW), None, "repeated");
    }
    assert_eq!(guard.blocked_until(HERE, NOW), None);
    let end = NOW + Duration::from_secs(60);
    assert_eq!(guard.forged(HERE, &token(49), NOW), Some(end));
    assert_eq!(guard.blocked_until(HERE, NOW), Some(end));
    assert_eq!(guard.blocked_until(THERE, NOW), None);
    assert_eq!(guard.blocked_until(HERE, end), None);
    let again = (0..50).filter_map(|number| guard.forged(HERE, &token(number), end));
    let again: Vec<Duration> = again.collect();
    assert_eq!(again, [end + Duration::from_secs(120)], "twice as long");
}

#[test]
fn a_genuine_token_clears_the_count() {
    let mut guard = TokenGuard::new([1; 32]);
    for number in 0..500 {
        if number % 49 == 0 {
            guard.genuine(HERE);
        }
        assert_eq!(guard.forged(HERE, &token(number), NOW), None, "{number}");
    }
}
