//! The books balance: a report says what the events say, whatever the grouping.

use hve_report::{
    Calendar, Figures, Grouping, NameTable, Period, RefusedAttempts, UsageReport, UsageTally,
};
use hve_types::{AccountId, QueueId, TenantId, UsageEvent, UsageKind};
use proptest::prelude::*;
use time::{
    Duration, UtcDateTime, UtcOffset,
    macros::{date, utc_datetime},
};

const NOVEMBER: Period = Period {
    from: utc_datetime!(2026-11-01 0:00),
    to: utc_datetime!(2026-12-01 0:00),
};
const GROUPINGS: [Grouping; 3] = [Grouping::Account, Grouping::Day, Grouping::Tenant];

fn event(at: UtcDateTime, account: i64, kind: UsageKind, recipients: u32) -> UsageEvent {
    UsageEvent {
        at,
        tenant: TenantId(account / 10),
        account: AccountId(account),
        message: QueueId::new(0, 0),
        kind,
        recipients,
        octets: 4096,
    }
}

fn names() -> NameTable {
    let mut names = NameTable::default();
    names.tenants.insert(TenantId(1), "contoso.test".into());
    let address = |n: i64| format!("hve{n}@contoso.test");
    names
        .accounts
        .extend((10..13).map(|n| (AccountId(n), address(n))));
    names
}

fn report(by: Grouping, events: &[UsageEvent], refused: &[RefusedAttempts<'_>]) -> UsageReport {
    let mut tally = UsageTally::new(NOVEMBER, by, Calendar::utc());
    events.iter().for_each(|event| tally.add(event));
    refused.iter().for_each(|attempts| tally.refuse(attempts));
    tally.finish(&names())
}

fn sample() -> (Vec<UsageEvent>, Vec<RefusedAttempts<'static>>) {
    let at = utc_datetime!(2026-11-24 8:00);
    let events = vec![
        event(at, 10, UsageKind::Accepted, 50),
        event(at, 11, UsageKind::Accepted, 2),
        event(at + Duration::DAY, 10, UsageKind::Accepted, 1),
        event(at + Duration::SECOND, 10, UsageKind::Delivered, 49),
        event(at + Duration::DAY, 10, UsageKind::Failed, 1),
    ];
    let refused = |account, reason, attempts| RefusedAttempts {
        at,
        tenant: Some(TenantId(1)),
        account,
        reason,
        attempts,
    };
    let refused = vec![
        refused(Some(AccountId(11)), "quota-tenant", 3),
        refused(Some(AccountId(11)), "external", 1),
        refused(None, "credentials", 7),
    ];
    (events, refused)
}

#[test]
fn by_account_each_account_has_its_row() {
    let (events, refused) = sample();
    let report = report(Grouping::Account, &events, &refused);
    let csv = report.to_csv().unwrap();
    assert_eq!(
        csv.lines().collect::<Vec<_>>(),
        [
            "account,tenant,messages,recipients,octets,delivered,failed,refused,members,refused_by_reason",
            "-,contoso.test,0,0,0,0,0,7,0,credentials:7",
            "hve10@contoso.test,contoso.test,2,51,8192,49,1,0,0,",
            "hve11@contoso.test,contoso.test,1,2,4096,0,0,4,0,external:1 quota-tenant:3",
        ]
    );
    let cells = report.cells();
    assert_eq!(
        cells.total,
        ["total", "", "3", "53", "12288", "49", "1", "11", "0"]
    );
    assert_eq!(cells.header.len(), cells.total.len());
    assert_eq!(cells.words, 2);
}

#[test]
fn by_day_and_by_tenant_the_same_events_give_the_same_total() {
    let (events, refused) = sample();
    let days = report(Grouping::Day, &events, &refused);
    let of_day: Vec<_> = days
        .rows
        .iter()
        .map(|row| (row.day, row.figures.recipients))
        .collect();
    assert_eq!(
        of_day,
        [
            (Some(date!(2026 - 11 - 24)), 52),
            (Some(date!(2026 - 11 - 25)), 1)
        ]
    );
    let tenants = report(Grouping::Tenant, &events, &refused);
    assert_eq!(tenants.rows.len(), 1);
    assert_eq!(tenants.rows[0].tenant.as_deref(), Some("contoso.test"));
    assert_eq!(tenants.total, days.total);
}

#[test]
fn json_has_the_documented_shape() {
    let (events, refused) = sample();
    let text = report(Grouping::Account, &events, &refused)
        .to_json()
        .unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["from"], "2026-11-01T00:00:00Z");
    assert_eq!(json["to"], "2026-12-01T00:00:00Z");
    assert_eq!(json["by"], "account");
    assert_eq!(
        json["rows"][2],
        serde_json::json!({
            "tenant": "contoso.test", "account": "hve11@contoso.test", "day": null,
            "messages": 1, "recipients": 2, "octets": 4096, "delivered": 0, "failed": 0,
            "members": 0, "refused": {"external": 1, "quota-tenant": 3},
        })
    );
    assert_eq!(json["total"]["recipients"], 53);
    let days = report(Grouping::Day, &events, &[]).to_json().unwrap();
    let days: serde_json::Value = serde_json::from_str(&days).unwrap();
    assert_eq!(days["rows"][0]["day"], "2026-11-24");
}

#[test]
fn row_62_nothing_happened_is_a_report_too() {
    for by in GROUPINGS {
        let report = report(by, &[], &[]);
        assert_eq!((report.rows.len(), &report.total), (0, &Figures::default()));
        assert_eq!(report.to_csv().unwrap().lines().count(), 1);
        assert!(report.to_json().unwrap().contains("\"rows\": []"));
    }
}

#[test]
fn row_62_an_account_that_is_gone_keeps_its_usage() {
    let gone = event(NOVEMBER.from, 999, UsageKind::Accepted, 5);
    let report = report(Grouping::Account, &[gone], &[]);
    assert_eq!(report.rows[0].account.as_deref(), Some("account 999"));
    assert_eq!(report.rows[0].tenant.as_deref(), Some("tenant 99"));
    assert_eq!(report.total.recipients, 5);
}

#[test]
fn row_62_ten_million_events_take_the_memory_of_their_groups() {
    // 12 accounts, however many events: the tally holds 12 groups, and nothing of an event.
    let mut tally = UsageTally::new(NOVEMBER, Grouping::Account, Calendar::utc());
    let mut event = event(NOVEMBER.from, 0, UsageKind::Accepted, 50);
    let events: i64 = if cfg!(debug_assertions) {
        1_000_000
    } else {
        10_000_000
    };
    for n in 0..events {
        event.account = AccountId(n % 12);
        event.tenant = TenantId(1);
        tally.add(&event);
    }
    let report = tally.finish(&names());
    assert_eq!(report.rows.len(), 12);
    assert_eq!(report.total.messages, u64::try_from(events).unwrap());
    assert_eq!(report.total.recipients, 50 * report.total.messages);
}

#[test]
fn row_45_counters_at_their_ends_do_not_wrap() {
    let mut huge = event(NOVEMBER.from, 10, UsageKind::Accepted, u32::MAX);
    huge.octets = u64::MAX - 1;
    let (events, mut refused) = (vec![huge.clone(), huge], sample().1);
    refused[0].attempts = u64::MAX;
    let report = report(Grouping::Account, &events, &refused);
    assert_eq!(report.total.recipients, 2 * u64::from(u32::MAX));
    assert_eq!(report.total.octets, u64::MAX);
    assert_eq!(report.total.refused_total(), u64::MAX);
}

#[test]
fn row_33_a_hostile_name_is_text_in_csv() {
    let mut names = names();
    let formula = "=HYPERLINK(\"http://x\",\"a\")";
    names.accounts.insert(AccountId(10), formula.into());
    names.tenants.insert(TenantId(1), "@a\r\nb".into());
    let mut tally = UsageTally::new(NOVEMBER, Grouping::Account, Calendar::utc());
    tally.add(&event(NOVEMBER.from, 10, UsageKind::Accepted, 1));
    let csv = tally.finish(&names).to_csv().unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(&rows[0][0], &format!("'{formula}"));
    assert_eq!(&rows[0][1], "'@a\r\nb");
}

fn any_event() -> impl Strategy<Value = UsageEvent> {
    let kind = prop_oneof![
        Just(UsageKind::Accepted),
        Just(UsageKind::Delivered),
        Just(UsageKind::Failed)
    ];
    // From a day before the period to a day after it.
    (-86_400_i64..31 * 86_400, 10_i64..40, kind, any::<u32>()).prop_map(
        |(second, account, kind, recipients)| {
            event(
                NOVEMBER.from + Duration::seconds(second),
                account,
                kind,
                recipients,
            )
        },
    )
}

proptest! {
    #[test]
    fn totals_equal_the_sum_of_the_events_whatever_the_grouping(
        events in proptest::collection::vec(any_event(), 0..200),
        quarter_hours in -48_i32..=48,
        seed in any::<usize>(),
    ) {
        let mut expected = Figures::default();
        for event in events.iter().filter(|event| NOVEMBER.contains(event.at)) {
            let recipients = u64::from(event.recipients);
            match event.kind {
                UsageKind::Delivered => expected.delivered += recipients,
                UsageKind::Failed => expected.failed += recipients,
                UsageKind::Expanded => expected.members += recipients,
                _ => {
                    expected.messages += 1;
                    expected.recipients += recipients;
                    expected.octets += event.octets;
                }
            }
        }
        let offset = UtcOffset::from_whole_seconds(quarter_hours * 900).unwrap();
        let mut shuffled = events.clone();
        if !shuffled.is_empty() {
            let turn = seed % shuffled.len();
            shuffled.rotate_left(turn);
        }
        for by in GROUPINGS {
            let count = |events: &[UsageEvent]| {
                let mut tally = UsageTally::new(NOVEMBER, by, Calendar::fixed(offset));
                events.iter().for_each(|event| tally.add(event));
                tally.finish(&names())
            };
            let report = count(&events);
            prop_assert_eq!(&report.total, &expected);
            let of_rows: u64 = report.rows.iter().map(|row| row.figures.recipients).sum();
            prop_assert_eq!(of_rows, expected.recipients);
            // The order of the events is nothing to the report.
            prop_assert_eq!(report, count(&shuffled));
        }
    }
}
