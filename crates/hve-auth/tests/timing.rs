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
    for _ in 0..15 {
        shortest(&mut known, || real.verify(&wrong));
        shortest(&mut unknown, || decoy.verify(&wrong));
    }
    let (less, more) = (known.min(unknown), known.max(unknown));
    assert!(
        more < less + less / 4,
        "known {known:?}, unknown {unknown:?}"
    );
}
