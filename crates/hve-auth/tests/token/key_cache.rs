//! Keys in time: fresh, overdue, worthless, and a flood of unknown ids.

use std::time::Duration;

use hve_auth::KeyAdvice::{Fetch, Unavailable, Use, UseStale};
use hve_auth::KeyCache;

use crate::support::{EC, RSA, key_set};

const HOUR: u64 = 3_600;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A cache with the key `ec`, fetched at 0.
fn filled() -> KeyCache {
    let mut cache = KeyCache::new(at(60));
    assert_eq!(cache.ask(Some("ec"), at(0)), Fetch);
    cache.put(key_set(&[EC.published()]), at(0));
    cache
}

#[test]
fn without_keys_it_is_tried_once_a_minute() {
    let mut cache = KeyCache::new(at(60));
    for minute in 0..3 {
        assert_eq!(cache.ask(None, at(60 * minute)), Fetch);
        assert_eq!(cache.ask(None, at(60 * minute)), Unavailable);
        assert_eq!(cache.ask(Some("ec"), at(60 * minute + 59)), Unavailable);
    }
    assert!(cache.keys().is_none());
}

#[test]
fn fresh_keys_are_used_for_an_hour() {
    let mut cache = filled();
    assert_eq!(cache.ask(Some("ec"), at(0)), Use);
    assert_eq!(cache.ask(None, at(HOUR - 1)), Use);
    assert_eq!(cache.ask(Some("ec"), at(HOUR)), Fetch);
    cache.put(key_set(&[EC.published()]), at(HOUR));
    assert_eq!(cache.ask(Some("ec"), at(2 * HOUR - 1)), Use);
}

#[test]
fn overdue_keys_are_used_for_a_day_while_the_issuer_is_away() {
    let mut cache = filled();
    let mut attempts = 0;
    for second in HOUR..24 * HOUR {
        match cache.ask(Some("ec"), at(second)) {
            Fetch => attempts += 1,
            advice => assert_eq!(advice, UseStale, "{second}"),
        }
    }
    assert_eq!(attempts, 23 * 60, "one a minute");
    assert_eq!(cache.ask(Some("ec"), at(24 * HOUR)), Fetch);
    assert_eq!(cache.ask(Some("ec"), at(24 * HOUR)), Unavailable);
    cache.put(key_set(&[EC.published()]), at(24 * HOUR));
    assert_eq!(cache.ask(Some("ec"), at(24 * HOUR)), Use, "it is back");
}

#[test]
fn an_unknown_key_is_fetched_and_an_invented_one_costs_one_fetch_a_minute() {
    let mut cache = filled();
    assert_eq!(cache.ask(Some("rsa"), at(59)), Unavailable, "too early");
    assert_eq!(cache.ask(Some("rsa"), at(60)), Fetch);
    cache.put(key_set(&[RSA.published()]), at(60));
    assert_eq!(cache.ask(Some("rsa"), at(60)), Use);
    assert!(!cache.keys().unwrap().knows(Some("ec")), "withdrawn");
    assert_eq!(cache.ask(Some("ec"), at(60)), Use, "fetched since it came");
    assert_eq!(cache.ask(Some("ec"), at(61)), Unavailable, "not since");

    let flood = (61..61 + 600).flat_map(|second| (0..10).map(move |n| (second, n)));
    let fetches = flood
        .filter(|(second, n)| cache.ask(Some(&format!("{second}-{n}")), at(*second)) == Fetch)
        .count();
    assert_eq!(fetches, 10, "ten minutes");
    assert_eq!(
        cache.ask(Some("rsa"), at(661)),
        Use,
        "others go on meanwhile"
    );
}

#[test]
fn an_unknown_key_is_later_while_the_issuer_is_away() {
    let mut cache = filled();
    for second in [60, HOUR, 2 * HOUR] {
        assert_eq!(cache.ask(Some("rsa"), at(second)), Fetch);
        // Nothing came.
        assert_eq!(cache.ask(Some("rsa"), at(second)), Unavailable);
        assert!([Use, UseStale].contains(&cache.ask(Some("ec"), at(second))));
    }
    assert_eq!(cache.ask(Some("rsa"), at(3 * HOUR)), Fetch);
    cache.put(key_set(&[EC.published()]), at(3 * HOUR));
    assert_eq!(cache.ask(Some("rsa"), at(3 * HOUR)), Use, "there is none");
}

#[test]
fn a_clock_that_steps_back_does_no_harm() {
    let mut cache = KeyCache::new(at(60));
    assert_eq!(cache.ask(None, at(100)), Fetch);
    cache.put(key_set(&[EC.published()]), at(100));
    assert_eq!(cache.ask(Some("ec"), at(0)), Use);
}
