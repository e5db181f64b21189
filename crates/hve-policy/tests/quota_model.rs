//! The rolling quota against a plain model: every event in a list, counted one by one.

use hve_policy::{Freed, RollingQuota};
use hve_types::Ceiling;
use proptest::{collection::vec, prelude::*};

const DAY: i64 = 86_400;
const START: i64 = 1_800_000_000;

/// What the quota ought to be: slow, and too simple to be wrong.
#[derive(Default)]
struct Model {
    events: Vec<(i64, u64)>,
}

impl Model {
    fn used(&self, now: i64) -> u64 {
        let counting = self.events.iter().filter(|(at, _)| now <= at + DAY);
        counting.map(|(_, recipients)| recipients).sum()
    }

    fn frees(&self, now: i64) -> Vec<Freed> {
        let mut frees: Vec<Freed> = Vec::new();
        let mut events = self.events.clone();
        events.retain(|(at, _)| now <= at + DAY);
        events.sort_unstable();
        for (at, recipients) in events {
            let at = at + DAY + 1;
            match frees.last_mut().filter(|freed| freed.at == at) {
                Some(freed) => freed.recipients += recipients,
                None => frees.push(Freed { at, recipients }),
            }
        }
        frees
    }

    /// The first second from `now` on in which `wanted` fits, by trying all at which anything
    /// changes.
    fn room_at(&self, limit: u64, wanted: u64, now: i64) -> Option<i64> {
        let changes = self.frees(now).into_iter().map(|freed| freed.at);
        std::iter::once(now)
            .chain(changes)
            .find(|at| self.used(*at) + wanted <= limit)
    }

    /// The fullest 24 h window that holds second `at`.
    fn fullest_window_around(&self, at: i64) -> u64 {
        let begins = self.events.iter().map(|(begin, _)| *begin);
        begins
            .filter(|begin| (*begin..=*begin + DAY).contains(&at))
            .map(|begin| {
                let window = begin..=begin + DAY;
                let held = self.events.iter().filter(|(at, _)| window.contains(at));
                held.map(|(_, recipients)| recipients).sum()
            })
            .max()
            .unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// The clock moves by so many seconds, either way.
    Step(i64),
    /// The operator sets the limit.
    Limit(u64),
    /// A message comes in; it is counted if the quota lets it.
    Send(u64),
    /// The last counted message is taken back, as its commit failed.
    Undo,
}

/// Small steps mostly; then a clock that is put back or forward: an hour as at the end of summer
/// time (which UTC does not know, but people do), 25 hours, three days, and exactly a day.
fn act() -> impl Strategy<Value = Act> {
    let jump = prop_oneof![
        Just(-3_600),
        Just(3_600),
        Just(-25 * 3_600),
        Just(25 * 3_600),
        Just(3 * DAY),
        Just(-3 * DAY),
        Just(DAY - 1),
        Just(DAY),
        Just(DAY + 1),
    ];
    prop_oneof![
        8 => (0_i64..4_000).prop_map(Act::Step),
        4 => (0_i64..3).prop_map(Act::Step),
        1 => jump.prop_map(Act::Step),
        1 => (0_u64..400).prop_map(Act::Limit),
        12 => (1_u64..=50).prop_map(Act::Send),
        1 => Just(Act::Undo),
    ]
}

/// The quota as a server keeps it: rebuilt from the list when it no longer covers the moment.
struct Live {
    quota: RollingQuota,
    rebuilt: usize,
}

impl Live {
    fn at(&mut self, model: &Model, now: i64) -> &mut RollingQuota {
        if !self.quota.covers(now) {
            self.quota = rebuild(model, now);
            self.rebuilt += 1;
        }
        &mut self.quota
    }
}

fn rebuild(model: &Model, now: i64) -> RollingQuota {
    let since = now - 2 * DAY;
    let mut quota = RollingQuota::known_from(since);
    let mut events = model.events.clone();
    events.retain(|(at, _)| *at >= since);
    events.sort_unstable();
    quota.extend(events);
    quota
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_39_42_the_quota_is_its_model_whatever_clock_and_limit_do(acts in vec(act(), 1..250)) {
        let mut model = Model::default();
        let mut live = Live { quota: RollingQuota::new(), rebuilt: 0 };
        let (mut now, mut limit) = (START, 200);
        for act in acts {
            match act {
                Act::Step(seconds) => now += seconds,
                Act::Limit(new) => limit = new,
                Act::Undo => if let Some((at, recipients)) = model.events.pop() {
                    live.at(&model, now).undo(at, recipients);
                },
                Act::Send(recipients) => {
                    let verdict = live.at(&model, now).decide(Ceiling::AtMost(limit), recipients, now);
                    let used = model.used(now);
                    prop_assert_eq!(verdict.is_ok(), used + recipients <= limit);
                    if let Err(refused) = verdict {
                        prop_assert_eq!(
                            (refused.used, refused.limit, refused.wanted),
                            (used, limit, recipients)
                        );
                        prop_assert_eq!(refused.room_at, model.room_at(limit, recipients, now));
                    } else {
                        live.quota.record(now, recipients);
                        model.events.push((now, recipients));
                        prop_assert!(model.fullest_window_around(now) <= limit);
                    }
                }
            }
            let quota = live.at(&model, now);
            prop_assert_eq!(quota.peek(now), model.used(now));
            prop_assert_eq!(quota.used(now), model.used(now));
        }
        let quota = live.at(&model, now);
        prop_assert_eq!(quota.frees(now).collect::<Vec<_>>(), model.frees(now));
    }

    #[test]
    fn rows_40_42_a_quota_built_from_the_list_is_the_live_one(
        events in vec((0_i64..2 * DAY, 1_u64..1_000), 0..300),
        later in 0_i64..2 * DAY,
    ) {
        let model = Model {
            events: events.into_iter().map(|(at, recipients)| (START + at, recipients)).collect(),
        };
        let mut live = RollingQuota::new();
        live.extend(model.events.iter().copied()); // in the order they came, not of their stamps
        let now = START + 2 * DAY + later;
        let mut rebuilt = rebuild(&model, now);
        prop_assert!(live.covers(now) && rebuilt.covers(now));
        prop_assert_eq!(live.used(now), rebuilt.used(now));
        prop_assert_eq!(
            live.frees(now).collect::<Vec<_>>(),
            rebuilt.frees(now).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_forecast_is_exact(
        events in vec((0_i64..DAY, 1_u64..50), 1..100),
        limit in 1_u64..500,
        wanted in 1_u64..50,
    ) {
        let now = START + DAY;
        let mut quota = RollingQuota::new();
        quota.extend(events.into_iter().map(|(at, recipients)| (START + at, recipients)));
        for freed in quota.frees(now).collect::<Vec<_>>() {
            let before = quota.used(freed.at - 1);
            prop_assert_eq!(before - quota.used(freed.at), freed.recipients);
        }
        prop_assert_eq!(quota.frees(now).map(|freed| freed.recipients).sum::<u64>(), quota.used(now));
        if let Err(refused) = quota.decide(Ceiling::AtMost(limit), wanted, now) {
            match refused.room_at {
                None => prop_assert!(wanted > limit),
                Some(at) => {
                    prop_assert!(quota.decide(Ceiling::AtMost(limit), wanted, at - 1).is_err());
                    prop_assert!(quota.decide(Ceiling::AtMost(limit), wanted, at).is_ok());
                }
            }
        }
    }

    #[test]
    fn looking_does_not_change_anything(
        events in vec((0_i64..3 * DAY, 1_u64..50), 1..100),
        moments in vec(0_i64..4 * DAY, 1..40),
    ) {
        let mut moved = RollingQuota::new();
        moved.extend(events.into_iter().map(|(at, recipients)| (START + at, recipients)));
        let still = moved.clone();
        for moment in moments {
            let now = START + moment;
            let ceiling = Ceiling::AtMost(300);
            prop_assert_eq!(still.peek(now), moved.used(now));
            prop_assert_eq!(still.peek_decide(ceiling, 7, now), moved.decide(ceiling, 7, now));
            prop_assert!(still.frees(now).eq(moved.frees(now)));
        }
    }
}
