//! The rolling quota, decided in the commit and read back from the file.

use hve_policy::QuotaExceeded;
use hve_store::{Accepted, AccountChange, Writer};
use hve_types::{Ceiling, TenantLimits};
use time::UtcDateTime;

use crate::site::{NOON, Site, act, later, new_account, submit};

const DAY: i64 = 86_400;

fn limited(limit: u64) -> TenantLimits {
    TenantLimits {
        recipients_per_day: Ceiling::AtMost(limit),
        ..TenantLimits::default()
    }
}

#[test]
fn row_38_a_batch_is_decided_in_order_up_to_the_very_last_recipient() {
    let site = Site::with(limited(50));
    let mut writer = site.writer();
    let batch = (0..100).map(|n| site.message(n, 1)).collect();
    let verdicts = submit(&mut writer, batch, NOON).unwrap();
    let (let_in, refused) = verdicts.split_at(50);
    assert!(let_in.iter().all(|verdict| *verdict == Accepted::Durable));
    let exceeded = QuotaExceeded {
        limit: 50,
        used: 50,
        wanted: 1,
        room_at: Some(NOON.unix_timestamp() + DAY + 1),
    };
    assert!(
        refused
            .iter()
            .all(|verdict| *verdict == Accepted::TenantQuota(exceeded))
    );
    assert_eq!(site.used(NOON), 50);
}

#[test]
fn row_39_room_comes_back_when_the_same_second_a_day_later_has_passed() {
    let site = Site::with(limited(10));
    let mut writer = site.writer();
    let mut try_ten = |n, at| {
        submit(&mut writer, vec![site.message(n, 10)], at)
            .unwrap()
            .remove(0)
    };
    assert_eq!(try_ten(1, NOON), Accepted::Durable);
    assert!(matches!(try_ten(2, later(DAY)), Accepted::TenantQuota(_)));
    assert!(
        matches!(try_ten(3, later(-3600)), Accepted::TenantQuota(_)),
        "a clock that stepped back"
    );
    assert_eq!(try_ten(4, later(DAY + 1)), Accepted::Durable);
    // After three days asleep, and back again in time: what counted still counts.
    assert!(matches!(
        try_ten(5, later(2 * DAY)),
        Accepted::TenantQuota(_)
    ));
    assert_eq!(try_ten(6, later(4 * DAY)), Accepted::Durable);
    assert!(matches!(
        try_ten(7, later(DAY + 2)),
        Accepted::TenantQuota(_)
    ));
}

#[test]
fn row_42_limits_move_and_no_usage_is_forgotten() {
    let site = Site::with(limited(100));
    let mut writer = site.writer();
    let mut try_one = |n| {
        submit(&mut writer, vec![site.message(n, 30)], NOON)
            .unwrap()
            .remove(0)
    };
    assert_eq!(try_one(1), Accepted::Durable);
    assert_eq!(try_one(2), Accepted::Durable);
    let set = |limit| {
        site.store
            .change_tenant_limits(site.tenant.id, |of| *of = limited(limit), &act())
            .unwrap();
    };
    set(50);
    assert!(matches!(try_one(3), Accepted::TenantQuota(e) if e.used == 60 && e.limit == 50));
    set(90);
    assert_eq!(try_one(4), Accepted::Durable);
    assert!(matches!(try_one(5), Accepted::TenantQuota(e) if e.used == 90));

    // An account's limit that comes later knows what was sent before it.
    set(1000);
    let change = |ceiling| {
        let change = AccountChange {
            recipients_per_day: Some(ceiling),
            ..AccountChange::default()
        };
        site.store
            .change_account(site.account.id, &change, &act())
            .unwrap();
    };
    change(Ceiling::AtMost(100));
    assert!(matches!(try_one(6), Accepted::AccountQuota(e) if e.used == 90 && e.limit == 100));
    change(Ceiling::Unlimited);
    assert_eq!(try_one(7), Accepted::Durable);
    change(Ceiling::AtMost(150));
    assert_eq!(try_one(8), Accepted::Durable);
    assert!(matches!(try_one(9), Accepted::AccountQuota(e) if e.used == 150));
}

#[test]
fn row_42_an_account_removed_and_added_again_goes_on_with_its_usage() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 30)], NOON).unwrap();
    site.store.remove_account(site.account.id, &act()).unwrap();
    let mut again = new_account(&site.tenant, "HVE01@contoso.test");
    again.limits.recipients_per_day = Ceiling::AtMost(40);
    let revived = site.store.add_account(&again, &act()).unwrap();
    assert_eq!(revived.id, site.account.id);
    assert!(revived.credential_version > site.account.credential_version);
    let verdicts = submit(&mut writer, vec![site.message(2, 20)], NOON).unwrap();
    assert!(matches!(verdicts[..], [Accepted::AccountQuota(e)] if e.used == 30));
}

#[test]
fn row_45_counts_at_the_ends_of_their_types_do_not_wrap() {
    let site = Site::with(limited(u64::MAX));
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 1)], NOON).unwrap();
    let raw = crate::site::raw(&site.path());
    for (seq, count) in [(10, i64::from(i32::MAX)), (11, 1 << 32), (12, i64::MAX)] {
        raw.execute(
            "INSERT INTO usage VALUES (?1, ?2, ?3, 1, 'accepted', ?4, 0, zeroblob(16))",
            (site.tenant.id.0, NOON.unix_timestamp(), seq, count),
        )
        .unwrap();
    }
    drop(writer);
    let mut writer = site.writer();
    let verdicts = submit(&mut writer, vec![site.message(2, 1)], NOON).unwrap();
    assert_eq!(verdicts, [Accepted::Durable]);
    site.store
        .change_tenant_limits(site.tenant.id, |of| *of = limited(1 << 63), &act())
        .unwrap();
    let verdicts = submit(&mut writer, vec![site.message(3, 1)], NOON).unwrap();
    assert!(matches!(verdicts[..], [Accepted::TenantQuota(e)] if e.used > 1 << 63));
}

/// What the quota should be: a list, and a sum over it.
#[derive(Default)]
struct Model {
    events: Vec<(i64, u64, usize)>,
}

impl Model {
    fn used(&self, now: i64, account: Option<usize>) -> u64 {
        self.events
            .iter()
            .filter(|(at, _, who)| at + DAY >= now && account.is_none_or(|account| account == *who))
            .map(|(_, recipients, _)| recipients)
            .sum()
    }
}

/// A small random generator: the seed is all there is to a run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn over_jumping_clocks_and_restarts_every_verdict_is_the_models() {
    for seed in 1..=6 {
        one_life(seed);
    }
}

fn one_life(seed: u64) {
    let mut dice = Dice(seed);
    let (tenant_limit, account_limit) = (200, 120);
    let site = Site::with(limited(tenant_limit));
    let mut second = new_account(&site.tenant, "hve02@contoso.test");
    second.limits.recipients_per_day = Ceiling::AtMost(account_limit);
    let second = site.store.add_account(&second, &act()).unwrap();
    let accounts = [site.account.clone(), second];
    let mut model = Model::default();
    let mut writer: Option<Writer> = None;
    let mut now: UtcDateTime = NOON;
    for n in 0..120 {
        now += time::Duration::seconds(match dice.roll(10) {
            0 => -3600,
            1 => 40_000,
            2 => -90_000,
            3 => 0,
            _ => i64::try_from(dice.roll(5000)).unwrap(),
        });
        if dice.roll(8) == 0 {
            writer = None;
        }
        let writer = writer.get_or_insert_with(|| site.writer());
        let who = usize::try_from(dice.roll(2)).unwrap();
        let wanted = 1 + dice.roll(30);
        let message = site.message_of(&accounts[who], n, usize::try_from(wanted).unwrap());
        let verdict = submit(writer, vec![message], now).unwrap().remove(0);
        let second = now.unix_timestamp();
        let tenant_used = model.used(second, None);
        let account_used = model.used(second, Some(1));
        let place = format!("seed {seed}, step {n}");
        if tenant_used + wanted > tenant_limit {
            assert!(
                matches!(verdict, Accepted::TenantQuota(e) if e.used == tenant_used),
                "{place}"
            );
        } else if who == 1 && account_used + wanted > account_limit {
            assert!(
                matches!(verdict, Accepted::AccountQuota(e) if e.used == account_used),
                "{place}"
            );
        } else {
            assert_eq!(verdict, Accepted::Durable, "{place}");
            model.events.push((second, wanted, who));
        }
        assert_eq!(site.used(now), model.used(second, None), "{place}");
    }
}

#[test]
fn a_quota_of_100_000_events_is_read_back_quickly() {
    let site = Site::with(limited(200_000));
    let raw = crate::site::raw(&site.path());
    raw.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO usage SELECT ?1, ?2 - i / 2, i, ?3, 'accepted', 1, 4096, zeroblob(16) FROM n",
        (site.tenant.id.0, NOON.unix_timestamp(), site.account.id.0),
    )
    .unwrap();
    let mut writer = site.writer();
    let verdicts = submit(&mut writer, vec![site.message(1, 50)], NOON).unwrap();
    assert_eq!(verdicts, [Accepted::Durable]);
    assert_eq!(site.used(NOON), 100_050);
}
