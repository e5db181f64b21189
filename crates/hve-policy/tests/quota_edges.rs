//! The rolling quota at its edges: the very second, the largest numbers, clocks that jump.

use hve_policy::{Freed, QuotaExceeded, Retry, RollingQuota, WINDOW_SECONDS};
use hve_types::Ceiling;

const START: i64 = 1_800_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn quota(events: &[(i64, u64)]) -> RollingQuota {
    let mut quota = RollingQuota::new();
    quota.extend(events.iter().copied());
    quota
}

/// One recipient, as a server does it.
fn ask_and_record(quota: &mut RollingQuota, now: i64) {
    assert_eq!(quota.decide(Ceiling::Unlimited, 1, now), Ok(()));
    quota.record(now, 1);
}

#[test]
fn row_38_a_hundred_threads_share_the_last_fifty() {
    use std::sync::Mutex;
    for _ in 0..50 {
        let quota = Mutex::new(quota(&[(START, 99_950)]));
        let accepted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..100)
                .map(|_| {
                    scope.spawn(|| {
                        let mut quota = quota.lock().unwrap();
                        let verdict = quota.decide(Ceiling::AtMost(100_000), 1, START);
                        if verdict.is_ok() {
                            quota.record(START, 1);
                        }
                        usize::from(verdict.is_ok())
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(accepted, 50);
        assert_eq!(quota.into_inner().unwrap().used(START), 100_000);
    }
}

#[test]
fn row_39_an_event_counts_until_the_same_second_a_day_later_has_passed() {
    let mut quota = quota(&[(START, 100)]);
    let full = Ceiling::AtMost(100);
    assert_eq!(quota.used(START + 86_400), 100);
    let refused = quota.decide(full, 1, START + 86_400).unwrap_err();
    assert_eq!(
        refused,
        QuotaExceeded {
            limit: 100,
            used: 100,
            wanted: 1,
            room_at: Some(START + 86_401)
        }
    );
    assert_eq!(refused.retry(), Retry::At(START + 86_401));
    assert_eq!(quota.used(START + 86_401), 0);
    assert_eq!(quota.decide(full, 100, START + 86_401), Ok(()));
}

#[test]
fn row_39_a_clock_an_hour_back_neither_forgets_nor_frees() {
    let mut quota = quota(&[(START, 60)]);
    let ceiling = Ceiling::AtMost(100);
    let back = START - HOUR;
    assert_eq!(quota.used(back), 60, "what lies ahead counts as well");
    assert_eq!(quota.decide(ceiling, 40, back), Ok(()));
    quota.record(back, 40);
    assert!(quota.decide(ceiling, 1, back + 1).is_err());
    assert_eq!(quota.used(back + WINDOW_SECONDS + 1), 60);
    assert_eq!(quota.used(START + WINDOW_SECONDS + 1), 0);
}

#[test]
fn row_39_a_clock_25_hours_ahead_and_back_finds_everything_again() {
    let mut quota = quota(&[(START, 60), (START + 10, 30)]);
    let ahead = START + 25 * HOUR;
    assert_eq!(quota.used(ahead), 0);
    quota.record(ahead, 5);
    assert!(quota.covers(START + 20));
    assert_eq!(quota.used(START + 20), 95);
    assert!(
        quota.decide(Ceiling::AtMost(95), 1, START + 20).is_err(),
        "what was let in ahead of time counts until its own day is over"
    );
}

#[test]
fn row_39_a_machine_that_wakes_three_days_later_starts_afresh_and_can_go_back() {
    let mut quota = RollingQuota::new();
    for second in 0..3 * DAY {
        ask_and_record(&mut quota, START + second);
    }
    let now = START + 3 * DAY - 1;
    assert_eq!(quota.used(now), 86_401);
    let ahead = now + 3 * DAY;
    assert_eq!(quota.used(ahead), 0);
    quota.record(ahead, 1);
    // One message ahead of time does not wipe the memory.
    assert!(quota.covers(now));
    assert_eq!(quota.used(now), 86_402);
    // Many do, and the quota says that it has to be rebuilt rather than undercount.
    for second in 1..DAY {
        ask_and_record(&mut quota, ahead + second);
    }
    assert!(!quota.covers(now));
    assert!(quota.covers(ahead + DAY));
}

#[test]
fn row_39_a_leap_second_is_a_repeated_second() {
    // POSIX time shows second 23:59:59 or 0:00:00 twice: both land in one bucket.
    let quota = quota(&[(START, 1), (START, 1), (START + 1, 1)]);
    assert_eq!(
        quota.frees(START + 1).collect::<Vec<_>>(),
        [
            Freed {
                at: START + 86_401,
                recipients: 2
            },
            Freed {
                at: START + 86_402,
                recipients: 1
            }
        ]
    );
}

#[test]
fn row_42_a_limit_below_the_use_blocks_until_enough_has_left_and_forgets_nothing() {
    let mut quota = quota(&[(START, 50), (START + 100, 50), (START + 200, 50)]);
    let now = START + 300;
    assert!(quota.decide(Ceiling::AtMost(200), 50, now).is_ok());
    let lowered = quota.decide(Ceiling::AtMost(80), 50, now).unwrap_err();
    assert_eq!(lowered.used, 150);
    assert_eq!(
        lowered.room_at,
        Some(START + 200 + 86_401),
        "30 beside the last 50 would be too few"
    );
    assert!(quota.decide(Ceiling::AtMost(200), 50, now).is_ok());
    assert!(quota.decide(Ceiling::Unlimited, u64::MAX, now).is_ok());
    let never = quota.decide(Ceiling::AtMost(49), 50, now).unwrap_err();
    assert_eq!((never.room_at, never.retry()), (None, Retry::Never));
    let none = quota.decide(Ceiling::AtMost(0), 1, now).unwrap_err();
    assert_eq!(none.retry(), Retry::Never);
}

#[test]
fn row_45_counters_go_over_2_31_2_32_and_2_63() {
    for exponent in [31, 32, 63] {
        let power = 1_u64 << exponent;
        for step in [power - 1, power, power + 1] {
            let mut quota = quota(&[(START, step)]);
            assert_eq!(quota.used(START), step);
            assert!(quota.decide(Ceiling::AtMost(step), 1, START).is_err());
            assert!(quota.decide(Ceiling::AtMost(step + 1), 1, START).is_ok());
            quota.record(START + 1, 1);
            assert_eq!(quota.used(START + 1), step + 1);
            assert_eq!(quota.used(START + 86_401), 1);
        }
    }
}

#[test]
fn row_45_sums_saturate_and_come_down_again() {
    let mut quota = quota(&[(START, u64::MAX), (START + 1, u64::MAX), (START + 2, 3)]);
    assert_eq!(quota.used(START + 2), u64::MAX);
    let refused = quota.decide(Ceiling::AtMost(10), 5, START + 2).unwrap_err();
    assert_eq!(refused.room_at, Some(START + 1 + 86_401));
    assert_eq!(quota.used(START + 86_401), u64::MAX);
    assert_eq!(quota.used(START + 86_402), 3, "the sum was never cut off");
}

#[test]
fn row_45_a_second_that_saturated_is_not_undone_below_what_is_known() {
    let mut quota = quota(&[(START, u64::MAX), (START, 7)]);
    quota.undo(START, 7);
    assert_eq!(quota.used(START), u64::MAX);
    quota.undo(START, u64::MAX);
    assert_eq!(quota.used(START), u64::MAX);
}

#[test]
fn row_45_the_ends_of_time_do_not_overflow() {
    for at in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
        for now in [i64::MIN, -1, 0, i64::MAX] {
            let mut quota = quota(&[(0, 1), (at, 2)]);
            assert!(quota.used(now) <= 3);
            let _ = quota.decide(Ceiling::AtMost(2), 2, now);
            quota.undo(at, 2);
            assert!(quota.frees(now).count() <= 1);
        }
    }
}

#[test]
fn undoing_takes_back_no_more_than_was_recorded() {
    let mut quota = quota(&[(START, 10), (START + 5, 10)]);
    quota.undo(START + 5, 4);
    assert_eq!(quota.used(START + 5), 16);
    quota.undo(START + 5, 100);
    quota.undo(START + 6, 100);
    assert_eq!(quota.used(START + 5), 10);
    assert_eq!(quota.frees(START + 5).count(), 1);
    assert_eq!(quota.used(START + 86_401), 0);
    quota.undo(START, 10);
    assert_eq!(quota.used(START), 0, "also behind the window");
}

#[test]
fn memory_holds_48_hours() {
    let mut quota = RollingQuota::new();
    for second in 0..5 * DAY {
        ask_and_record(&mut quota, START + second);
    }
    assert!(quota.covers(START + 5 * DAY - DAY));
    assert!(!quota.covers(START + 3 * DAY));
    assert_eq!(quota.frees(i64::MIN).count(), 172_801);
}

#[test]
fn a_refusal_says_what_to_do() {
    let later = quota(&[(START, 99_990)])
        .decide(Ceiling::AtMost(100_000), 50, START)
        .unwrap_err();
    assert_eq!(
        later.to_string(),
        "99990 of 100000 recipients are used in 24 hours and this message has 50; there is room \
         from 2027-01-16T08:00:01Z"
    );
    let never = RollingQuota::new()
        .decide(Ceiling::AtMost(10), 50, START)
        .unwrap_err();
    assert_eq!(
        never.to_string(),
        "0 of 10 recipients are used in 24 hours and this message has 50; it never fits, send it \
         to fewer at a time"
    );
}
