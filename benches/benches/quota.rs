//! The rolling quota: what one decision costs, and what a rebuild at start-up costs.
//!
//! Felt by every message at its end. The aim is under a microsecond with 100,000 events in the
//! window; the walk over a whole day of seconds is the worst that a jumping clock can cause.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hve_policy::RollingQuota;
use hve_types::Ceiling;

const START: i64 = 1_800_000_000;
const DAY: i64 = 86_400;
const EVENTS: i64 = 100_000;

/// 100,000 events spread evenly over the day before `START`, one recipient each.
fn a_full_day() -> impl Iterator<Item = (i64, u64)> {
    (0..EVENTS).map(|event| (START - DAY + event * DAY / EVENTS, 1))
}

fn quota_of_a_day() -> RollingQuota {
    let mut quota = RollingQuota::new();
    quota.extend(a_full_day());
    quota
}

fn decide(c: &mut Criterion) {
    let mut group = c.benchmark_group("quota/100000 events");
    let limit = Ceiling::AtMost(1 << 40);

    let mut quota = quota_of_a_day();
    group.bench_function("decide in the same second", |b| {
        b.iter(|| quota.decide(black_box(limit), black_box(50), black_box(START)));
    });

    // A year of traffic: each message one second after the other, so one second leaves the window
    // for each that enters.
    let mut quota = quota_of_a_day();
    let mut now = START;
    group.bench_function("decide and record, a second later", |b| {
        b.iter(|| {
            now += 1;
            let verdict = quota.decide(limit, 1, now);
            quota.record(now, 1);
            verdict
        });
    });

    let mut quota = quota_of_a_day();
    group.bench_function("refuse with the time of room, 50 wanted", |b| {
        b.iter(|| quota.decide(Ceiling::AtMost(100_000), black_box(50), black_box(START)));
    });

    let mut quota = quota_of_a_day();
    group.bench_function("refuse after the limit fell to a half", |b| {
        b.iter(|| quota.decide(Ceiling::AtMost(50_000), black_box(50), black_box(START)));
    });

    let mut quota = quota_of_a_day();
    group.bench_function("refuse after the limit fell to a hundredth", |b| {
        b.iter(|| quota.decide(Ceiling::AtMost(1_000), black_box(50), black_box(START)));
    });

    let mut quota = quota_of_a_day();
    let mut late = false;
    group.bench_function("decide after the clock jumped a day", |b| {
        b.iter(|| {
            late = !late;
            let now = if late { START + DAY } else { START };
            quota.decide(limit, 50, black_box(now))
        });
    });

    let quota = quota_of_a_day();
    group.bench_function("whole forecast", |b| {
        b.iter(|| {
            let freed = quota.frees(black_box(START));
            freed.map(|freed| freed.recipients).sum::<u64>()
        });
    });
    group.finish();
}

/// Built from usage rows at start-up, without the reading.
fn rebuild(c: &mut Criterion) {
    let mut group = c.benchmark_group("quota/rebuild");
    let events: Vec<_> = a_full_day().collect();
    group.bench_function("100000 events in order", |b| {
        b.iter(|| quota_from(black_box(&events)));
    });
    // As they might come from several nodes: neighbours swapped over a minute.
    let mut shuffled = events;
    for minute in shuffled.chunks_mut(60) {
        minute.reverse();
    }
    group.bench_function("100000 events, each minute in reverse", |b| {
        b.iter(|| quota_from(black_box(&shuffled)));
    });
    let quota = quota_of_a_day();
    group.bench_function("undo of the last", |b| {
        b.iter_batched_ref(
            || {
                let mut quota = quota.clone();
                quota.record(START, 50);
                quota
            },
            |quota| quota.undo(START, 50),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn quota_from(events: &[(i64, u64)]) -> RollingQuota {
    let mut quota = RollingQuota::known_from(START - 2 * DAY);
    quota.extend(events.iter().copied());
    quota
}

criterion_group!(benches, decide, rebuild);
criterion_main!(benches);
