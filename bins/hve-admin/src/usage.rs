//! `usage report`: what was sent over a period.

use hve_report::{Names, RefusedAttempts, UsageReport, UsageTally};
use hve_store::UsageFilter;
use hve_types::{AccountId, TenantId};

use crate::{
    account,
    cli::{Format, ReportArgs},
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
    when::{self, Zone},
};

pub(crate) fn report(args: &ReportArgs, desk: &Desk) -> Result<Answer> {
    let zone = Zone::parse(&args.zone, &desk.clock.zone).map_err(Failure::usage)?;
    let period = when::period(args.from, args.to, &zone, desk.clock.now).map_err(Failure::usage)?;
    let account = account::filter(args.account.as_ref(), desk)?;
    let tenant = match (&args.tenant, &account) {
        (Some(domain), _) => Some(desk.tenant(Some(domain))?.id),
        (None, Some(account)) => Some(account.tenant),
        (None, None) => None,
    };
    let filter = UsageFilter {
        tenant,
        account: account.as_ref().map(|account| account.id),
        from: period.from,
        to: period.to,
    };
    let mut tally = UsageTally::new(period, args.by.into(), zone.calendar());
    desk.store.usage(&filter, |event| tally.add(&event))?;
    for refusal in desk.store.refusals(&filter)? {
        tally.refuse(&RefusedAttempts {
            // Refusals are counted by the hour; the one in which the period begins belongs to it.
            at: refusal.hour.max(period.from),
            tenant: refusal.tenant,
            account: refusal.account,
            reason: &refusal.reason,
            attempts: refusal.count,
        });
    }
    let report = tally.finish(&Known(desk.store.names()?));
    answer(&report, args.format, &zone)
}

fn answer(report: &UsageReport, format: Option<Format>, zone: &Zone) -> Result<Answer> {
    let json = serde_json::to_value(report).map_err(Failure::failed)?;
    let text = match format {
        Some(Format::Csv) => report.to_csv().map_err(Failure::failed)?,
        Some(Format::Json) => format!("{json:#}\n"),
        Some(Format::Table) | None => table(report, zone),
    };
    Ok(Answer::new(text, json))
}

fn table(report: &UsageReport, zone: &Zone) -> String {
    let cells = report.cells();
    let mut rows = cells.rows;
    rows.push(cells.total);
    let mut text = format!(
        "Usage by {} from {} up to {}\n",
        report.by.as_str(),
        zone.show(report.period.from),
        zone.show(report.period.to)
    );
    text.push_str(&output::table(&cells.header, cells.words, rows));
    if report.rows.is_empty() {
        text.push_str("Nothing was sent in this period.\n");
    }
    if report.total.refused_total() > 0 {
        text.push_str("\nRefused attempts by reason:\n");
        let reasons = &report.total.refused;
        let rows = reasons
            .iter()
            .map(|(reason, count)| [reason.clone(), count.to_string()]);
        text.push_str(&output::table(&["reason", "attempts"], 1, rows));
    }
    text
}

/// Of everything there is, and of what was removed: its usage stays in the books.
struct Known(hve_store::Names);

impl Names for Known {
    fn tenant(&self, id: TenantId) -> Option<String> {
        self.0.tenant(id).map(ToString::to_string)
    }

    fn account(&self, id: AccountId) -> Option<String> {
        self.0.account(id).map(ToString::to_string)
    }
}
