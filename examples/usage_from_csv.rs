//! A usage report from a CSV of events, as another mail system might export them.
//!
//! ```sh
//! cargo run -p hve-examples --example usage_from_csv               # the sample below
//! cargo run -p hve-examples --example usage_from_csv -- events.csv
//! ```

use std::{collections::HashMap, error::Error, io::Read};

use hve_report::{Calendar, Grouping, NameTable, Period, UsageReport, UsageTally};
use hve_types::{AccountId, Address, QueueId, TenantId, UsageEvent, UsageKind};
use time::{UtcDateTime, format_description::well_known::Rfc3339, macros::utc_datetime};

const SAMPLE: &str = "\
at,account,kind,recipients,octets
2026-11-23T23:59:59Z,payroll@contoso.test,accepted,50,4096
2026-11-24T08:00:00Z,payroll@contoso.test,accepted,50,4096
2026-11-24T08:00:01Z,payroll@contoso.test,delivered,99,4096
2026-11-24T08:00:02Z,payroll@contoso.test,failed,1,4096
2026-11-24T09:30:00Z,scanner@contoso.test,accepted,1,250000
2026-12-01T00:00:00Z,scanner@contoso.test,accepted,1,250000
";

const NOVEMBER: Period = Period {
    from: utc_datetime!(2026-11-01 0:00),
    to: utc_datetime!(2026-12-01 0:00),
};

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(path) = std::env::args_os().nth(1) {
        let report = tally(std::fs::File::open(path)?, NOVEMBER, Grouping::Account)?;
        print!("{}", report.to_csv()?);
        return Ok(());
    }
    sample()
}

fn sample() -> Result<(), Box<dyn Error>> {
    let report = tally(SAMPLE.as_bytes(), NOVEMBER, Grouping::Account)?;
    let csv = report.to_csv()?;
    print!("{csv}");
    assert_eq!(
        csv.lines().skip(1).collect::<Vec<_>>(),
        [
            "payroll@contoso.test,contoso.test,2,100,8192,99,1,0,0,",
            // The event of 1 December is outside the period.
            "scanner@contoso.test,contoso.test,1,1,250000,0,0,0,0,",
        ]
    );
    let days = tally(SAMPLE.as_bytes(), NOVEMBER, Grouping::Day)?;
    assert_eq!(days.rows.len(), 2);
    assert_eq!(days.total, report.total);
    Ok(())
}

/// Reads one line at a time: a file of any length needs the memory of its accounts.
fn tally(events: impl Read, period: Period, by: Grouping) -> Result<UsageReport, Box<dyn Error>> {
    let mut tally = UsageTally::new(period, by, Calendar::utc());
    let mut numbers: HashMap<Address, AccountId> = HashMap::new();
    let mut names = NameTable::default();
    names.tenants.insert(TenantId(1), "contoso.test".into());
    for line in csv::Reader::from_reader(events).into_deserialize() {
        let (at, account, kind, recipients, octets): (String, String, String, u32, u64) = line?;
        let address: Address = account.parse()?;
        let next = AccountId(i64::try_from(numbers.len())? + 1);
        let account = *numbers.entry(address).or_insert_with_key(|address| {
            names.accounts.insert(next, address.to_string());
            next
        });
        tally.add(&UsageEvent {
            at: UtcDateTime::parse(&at, &Rfc3339)?,
            tenant: TenantId(1),
            account,
            message: QueueId::new(0, 0),
            kind: UsageKind::from_name(&kind).ok_or("unknown kind of event")?,
            recipients,
            octets,
        });
    }
    Ok(tally.finish(&names))
}

#[test]
fn the_sample_adds_up() {
    sample().unwrap();
}
