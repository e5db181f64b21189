//! Sign-in: what a cached verification, the guard and Argon2id itself cost.
//!
//! The cached one is felt by every device that connects for each message; the aim is under
//! 5 microseconds. Argon2id is slow on purpose: that *is* the protection, so its figure is a fact
//! to plan threads with and no aim.

use std::{hint::black_box, net::IpAddr, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use hve_auth::{CredentialCache, Guard, GuardLimits, Guess, HashCost, PasswordHash};
use hve_types::AccountId;
use secrecy::SecretString;

const NOW: Duration = Duration::from_secs(1_000);

fn cached(c: &mut Criterion) {
    let mut group = c.benchmark_group("auth/cached verify");
    let password = SecretString::from("k7mpx2r-h3nqwzt-b8vgd4c-e9sfy6j");
    let wrong = SecretString::from("k7mpx2r-h3nqwzt-b8vgd4c-e9sfy6k");
    let mut cache = CredentialCache::new([7; 32], 10_000, Duration::from_secs(300));
    for account in 0..10_000 {
        cache.remember(AccountId(account), 1, &password, NOW);
    }
    group.bench_function("right", |b| {
        b.iter(|| cache.knows(black_box(AccountId(5_000)), 1, &password, NOW));
    });
    group.bench_function("wrong", |b| {
        b.iter(|| cache.knows(black_box(AccountId(5_000)), 1, &wrong, NOW));
    });
    group.bench_function("unknown account", |b| {
        b.iter(|| cache.knows(black_box(AccountId(-1)), 1, &password, NOW));
    });
    group.finish();
}

fn guard(c: &mut Criterion) {
    let mut group = c.benchmark_group("auth/guard");
    let user = "hve01@contoso.test";
    let from = IpAddr::from([192, 0, 2, 1]);
    let mut guard = Guard::new([7; 32], GuardLimits::default());
    let old = SecretString::from("the password of last year");
    group.bench_function("admit and give back", |b| {
        b.iter(|| {
            if let Ok(one) = guard.admit(black_box(user), from, Guess::Secret(&old), NOW) {
                guard.give_back(one);
            }
        });
    });
    group.bench_function("admit, right", |b| {
        b.iter(|| {
            if let Ok(one) = guard.admit(black_box(user), from, Guess::Secret(&old), NOW) {
                guard.right(one, NOW);
            }
        });
    });
    group.bench_function("admit, the same wrong one again", |b| {
        b.iter(|| {
            if let Ok(one) = guard.admit(black_box(user), from, Guess::Secret(&old), NOW) {
                black_box(guard.wrong(one, NOW));
            }
        });
    });
    group.finish();
}

fn argon2id(c: &mut Criterion) {
    let mut group = c.benchmark_group("auth/argon2id");
    group.sample_size(20);
    let password = SecretString::from("k7mpx2r-h3nqwzt-b8vgd4c-e9sfy6j");
    for cost in [
        HashCost::default(),
        HashCost {
            memory_kib: 12_288,
            passes: 3,
            lanes: 1,
        },
    ] {
        let Ok(decoy) = PasswordHash::decoy(cost) else {
            continue;
        };
        let name = format!("verify, {} KiB, {} passes", cost.memory_kib, cost.passes);
        group.bench_function(name, |b| b.iter(|| decoy.verify(black_box(&password))));
    }
    group.finish();
}

criterion_group!(benches, cached, guard, argon2id);
criterion_main!(benches);
