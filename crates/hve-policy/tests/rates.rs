//! Message rates: the burst, the refill, later and never, and clocks.

use std::{num::NonZeroU32, time::Duration};

use hve_policy::{MessageRates, RateExceeded, Retry};
use hve_types::AccountId;
use proptest::{collection::vec, prelude::*};

const PRINTER: AccountId = AccountId(1);
const START: Duration = Duration::from_secs(1_000_000);

fn rate(per_minute: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(per_minute - 1)
}

#[test]
fn a_minute_s_worth_at_once_then_evenly() {
    let rates = MessageRates::new();
    for _ in 0..30 {
        assert_eq!(rates.check(PRINTER, rate(30), START), Ok(()));
    }
    let wait = rates.check(PRINTER, rate(30), START).unwrap_err();
    assert_eq!((wait.seconds, wait.per_minute), (2, 30));
    assert_eq!(wait.retry(), Retry::After { seconds: 2 });
    assert_eq!(
        wait.to_string(),
        "this account may send 30 messages a minute; try again in 2 seconds"
    );
    let later = START + Duration::from_secs(2);
    assert_eq!(rates.check(PRINTER, rate(30), later), Ok(()));
    assert!(rates.check(PRINTER, rate(30), later).is_err());
    assert_eq!(
        rates.check(AccountId(2), rate(30), later),
        Ok(()),
        "each for itself"
    );
}

#[test]
fn row_45_the_slowest_and_the_fastest_rate() {
    let rates = MessageRates::new();
    assert_eq!(rates.check(PRINTER, rate(1), START), Ok(()));
    assert_eq!(
        rates.check(PRINTER, rate(1), START).unwrap_err().seconds,
        60
    );
    for _ in 0..1_000 {
        assert_eq!(rates.check(PRINTER, NonZeroU32::MAX, START), Ok(()));
    }
}

#[test]
fn later_and_never_are_told_apart() {
    let rates = MessageRates::new();
    assert_eq!(rates.check_many(PRINTER, rate(10), rate(10), START), Ok(()));
    let later = rates
        .check_many(PRINTER, rate(10), rate(10), START)
        .unwrap_err();
    assert_eq!(later.retry(), Retry::After { seconds: 60 });
    let never = rates
        .check_many(PRINTER, rate(10), rate(11), START)
        .unwrap_err();
    assert_eq!(
        never,
        RateExceeded::Never {
            burst: 10,
            messages: 11
        }
    );
    assert_eq!(never.retry(), Retry::Never);
}

#[test]
fn what_is_refused_is_not_counted() {
    let rates = MessageRates::new();
    for _ in 0..2 {
        assert_eq!(rates.check(PRINTER, rate(2), START), Ok(()));
    }
    for _ in 0..1_000 {
        assert_eq!(
            rates.check(PRINTER, rate(2), START).unwrap_err().seconds,
            30
        );
    }
    assert_eq!(
        rates.check(PRINTER, rate(2), START + Duration::from_secs(30)),
        Ok(())
    );
}

#[test]
fn row_39_times_out_of_order_and_absurd_ones_do_no_harm() {
    let rates = MessageRates::new();
    assert_eq!(rates.check(PRINTER, rate(1), START), Ok(()));
    let early = START - Duration::from_secs(50);
    assert_eq!(
        rates.check(PRINTER, rate(1), early).unwrap_err().seconds,
        60
    );
    assert_eq!(rates.check(PRINTER, rate(1), Duration::MAX), Ok(()));
    assert!(rates.check(PRINTER, rate(1), Duration::MAX).is_err());
    assert!(rates.check(PRINTER, rate(1), Duration::ZERO).is_err());
    rates.forget_idle(Duration::MAX);
}

#[test]
fn the_idle_are_forgotten_and_only_they() {
    let rates = MessageRates::new();
    for account in 0..1_000 {
        assert_eq!(rates.check(AccountId(account), rate(60), START), Ok(()));
    }
    let busy = START + Duration::from_secs(3_600);
    for _ in 0..60 {
        assert_eq!(rates.check(PRINTER, rate(60), busy), Ok(()));
    }
    assert_eq!(rates.len(), 1_000);
    rates.forget_idle(busy);
    assert_eq!(rates.len(), 1);
    assert!(
        rates.check(PRINTER, rate(60), busy).is_err(),
        "not forgiven"
    );
    rates.forget_idle(busy + Duration::from_secs(3_600));
    assert!(rates.is_empty());
}

#[test]
fn row_38_many_threads_share_one_burst() {
    let rates = MessageRates::new();
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let tries = (0..100).filter(|_| rates.check(PRINTER, rate(50), START).is_ok());
                    tries.count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(accepted, 50);
}

proptest! {
    #[test]
    fn no_minute_holds_more_than_the_burst_and_the_refill(
        per_minute in 1_u32..40,
        pauses in vec(0_u64..20_000, 1..300),
    ) {
        let rates = MessageRates::new();
        let mut now = START;
        let mut sent: Vec<Duration> = Vec::new();
        for milliseconds in pauses {
            now += Duration::from_millis(milliseconds / 4);
            match rates.check(PRINTER, rate(per_minute), now) {
                Ok(()) => sent.push(now),
                Err(wait) => {
                    // The wait that is told is enough.
                    let retried = now + Duration::from_secs(wait.seconds);
                    prop_assert_eq!(rates.check(PRINTER, rate(per_minute), retried), Ok(()));
                    now = retried;
                    sent.push(now);
                }
            }
        }
        for begin in &sent {
            let minute = *begin..*begin + Duration::from_secs(60);
            let held = sent.iter().filter(|at| minute.contains(*at)).count();
            prop_assert!(u32::try_from(held).unwrap() < 2 * per_minute, "{held} of {per_minute}");
        }
    }
}
