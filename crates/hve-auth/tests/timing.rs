//! What a stranger could learn with a stop-watch.

use std::time::{Duration, Instant};

use hve_auth::{HashCost, PasswordHash};
use secrecy::SecretString;

/// The shortest of many runs tells what the work costs; all else is the machine's noise.
#[expect(
    clippy::disallowed_methods,
    reason = "this test is about time, and the machine's clock is the only judge"
)]
fn shortest(shortest: &mut Duration, work: impl FnOnce() -> bool) {
    let start = Instant::now();
    assert!(!work());
    *shortest = start.elapsed().min(*shortest);
}

#[test]
fn row_23_an_unknown_user_costs_what_a_known_one_costs() {
    let cost = HashCost::default();
    let real = PasswordHash::derive(&SecretString::from("the right one"), [3; 16], cost).unwrap();
    let decoy = PasswordHash::decoy(cost).unwrap();
    let wrong = SecretString::from("a wrong one");
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    // On a busy machine it takes a few rounds until both had a moment to themselves; where the
    // work differs, no number of rounds helps.
    for round in 0..150 {
        shortest(&mut known, || real.verify(&wrong));
        shortest(&mut unknown, || decoy.verify(&wrong));
        if round >= 10 && alike(known, unknown) {
            return;
        }
    }
    panic!("known {known:?}, unknown {unknown:?}");
}

fn alike(one: Duration, other: Duration) -> bool {
    let (less, more) = (one.min(other), one.max(other));
    more <= less + less / 8
}
