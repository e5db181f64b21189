//! The whole path of a submission, simulated: real session, real policy, real store, one thread,
//! virtual time, and chance from a seed.
//!
//! Random commands, lost connections, refusals, clock steps, changed limits, and crashes between
//! any two steps of accept, with the files as the crash leaves them. After each:
//! a `250` was said only of what is durable, the books are the sum of what was accepted, no 24 h
//! hold more than the limit, and a restart forgets nothing.
//!
//! `HVE_SEED=… cargo test -p hve-tests --test simulation` replays one seed.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

mod books;
mod disk;
mod race;
mod random;
mod script;
mod session;
mod world;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Duration,
};

use hve_tests::now;

use crate::world::{Totals, World};

/// Steps of one seed: a few dozen sessions and a handful of crashes.
const STEPS: usize = 1_200;
/// Seeds that are always run, then others for as long as there is time.
const SEEDS: u64 = 30;
const TIME: Duration = Duration::from_secs(15);

fn simulate(seed: u64) -> Totals {
    let run = catch_unwind(AssertUnwindSafe(|| World::new(seed).run(STEPS)));
    run.unwrap_or_else(|panic| {
        eprintln!("failed with HVE_SEED={seed}");
        resume_unwind(panic)
    })
}

#[test]
fn row_40_row_39_books_agree_whatever_happens_when() {
    if let Ok(seed) = env::var("HVE_SEED") {
        let totals = simulate(seed.parse().unwrap());
        println!("HVE_SEED={seed}: {totals:?}");
        return;
    }
    let begin = now();
    let mut sum = Totals::default();
    let mut seeds = 0;
    while seeds < SEEDS || begin.elapsed() < TIME {
        let totals = simulate(seeds);
        sum.accepted += totals.accepted;
        sum.refused += totals.refused;
        sum.crashes += totals.crashes;
        seeds += 1;
    }
    println!("seeds 0 to {}: {sum:?}", seeds - 1);
    // A simulation in which nothing happens proves nothing.
    let seeds = usize::try_from(seeds).unwrap();
    assert!(sum.accepted > 10 * seeds, "{sum:?}");
    assert!(sum.refused > seeds, "{sum:?}");
    assert!(sum.crashes > 3 * seeds, "{sum:?}");
}
