//! What a stranger could learn with a stop-watch.

use std::time::Instant;

use hve_auth::{HashCost, PasswordHash};
use secrecy::SecretString;

#[expect(
    clippy::disallowed_methods,
    reason = "this test is about time, and the machine's clock is the only judge"
)]
fn seconds(hash: &PasswordHash, password: &SecretString) -> f64 {
    let start = Instant::now();
    assert!(!hash.verify(password));
    start.elapsed().as_secs_f64()
}

/// Both are timed in turn, in either order, so that a busy machine slows down both; the median of
/// their ratios is then one, after a few rounds or after many. Where the work differs, it never is.
#[test]
fn row_23_an_unknown_user_costs_what_a_known_one_costs() {
    let cost = HashCost::default();
    let real = PasswordHash::derive(&SecretString::from("the right one"), [3; 16], cost).unwrap();
    let decoy = PasswordHash::decoy(cost).unwrap();
    let wrong = SecretString::from("a wrong one");
    let mut ratios = Vec::new();
    let mut median = 0.0;
    for round in 0..200 {
        let (known, unknown) = if round % 2 == 0 {
            let known = seconds(&real, &wrong);
            (known, seconds(&decoy, &wrong))
        } else {
            let unknown = seconds(&decoy, &wrong);
            (seconds(&real, &wrong), unknown)
        };
        ratios.push(known / unknown);
        ratios.sort_by(f64::total_cmp);
        median = ratios[ratios.len() / 2];
        if round >= 20 && (0.9..1.1).contains(&median) {
            return;
        }
    }
    panic!("a known user takes {median:.2} times as long as an unknown one");
}

/// The same without a stop-watch: the parameters decide the work.
#[test]
fn row_23_the_decoy_asks_for_the_work_of_a_real_hash() {
    let cost = HashCost::default();
    let real = PasswordHash::derive(&SecretString::from("the right one"), [3; 16], cost).unwrap();
    let decoy = PasswordHash::decoy(cost).unwrap();
    // Algorithm, version and parameters; then come salt and hash, of one length.
    let work = |of: &PasswordHash| -> Vec<String> {
        let parts = of.as_phc().split('$').take(4);
        parts.map(str::to_owned).collect()
    };
    assert_eq!(work(&real), work(&decoy));
    assert_eq!(work(&real).len(), 4);
    assert_eq!(real.as_phc().len(), decoy.as_phc().len());
}
