//! `bounces`: recipients that were given up, in the next hop's words.

use hve_store::{FailedRecipient, FailedRecipientFilter, Names};
use hve_types::Address;
use serde_json::{Value, json};

use crate::{
    account,
    cli::BouncesArgs,
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
    when::{DayOrMoment, rfc3339},
};

/// Recipients that are listed for eyes at one time.
const PAGE: usize = 50;

pub(crate) fn list(args: &BouncesArgs, desk: &Desk) -> Result<Answer> {
    let limit = desk.limit(args.limit, PAGE);
    let of = account::filter(args.account.as_ref(), desk)?;
    let since = match args.since {
        None => desk.clock.now.saturating_sub(FailedRecipient::KEPT),
        Some(DayOrMoment::Moment(at)) => at,
        Some(DayOrMoment::Day(day)) => desk.clock.zone.start_of(day).ok_or_else(|| {
            Failure::usage("--since: this day has no beginning here").hint("write a moment in UTC")
        })?,
    };
    let filter = FailedRecipientFilter {
        tenant: None,
        account: of.map(|of| of.id),
        since,
        // One more than is shown tells whether there are more.
        limit: limit.saturating_add(1),
    };
    let mut failed = desk.store.failed_recipients(&filter)?;
    let more = failed.len() > limit;
    failed.truncate(limit);
    let names = desk.store.names()?;
    let values: Vec<Value> = failed.iter().map(|one| failed_json(one, &names)).collect();
    if failed.is_empty() {
        let text = "no recipient was given up; `hve-admin queue list` shows who still waits\n";
        return Ok(Answer::new(text, values.into()));
    }
    let rows = failed.iter().map(|one| {
        [
            desk.clock.show(one.at),
            sender(one, &names).to_owned(),
            one.recipient.to_string(),
            status(one).unwrap_or_else(|| "-".to_owned()),
            one.reason.words.clone(),
            one.told
                .as_ref()
                .map_or_else(|| "nobody".to_owned(), Address::to_string),
        ]
    });
    let header = ["given up", "account", "recipient", "status", "why", "told"];
    let mut text = output::table(&header, header.len(), rows);
    if more {
        text.push_str("… there are more: --limit COUNT\n");
    }
    if failed.iter().any(|one| one.told.is_none()) {
        text.push_str(
            "nobody is told unless there is an address for it: `hve-admin account set \
             --bounce-to`, `hve-admin tenant set --postmaster`\n",
        );
    }
    Ok(Answer::new(text, values.into()))
}

fn sender<'a>(one: &FailedRecipient, names: &'a Names) -> &'a str {
    names.account(one.account).map_or("-", Address::as_str)
}

fn status(one: &FailedRecipient) -> Option<String> {
    let [class, subject, detail] = one.reason.status?;
    Some(format!("{class}.{subject}.{detail}"))
}

fn failed_json(one: &FailedRecipient, names: &Names) -> Value {
    json!({
        "at": rfc3339(one.at),
        "tenant": names.tenant(one.tenant).map(hve_types::Domain::as_str),
        "account": names.account(one.account).map(Address::as_str),
        "message": one.message.to_string(),
        "recipient": one.recipient.as_str(),
        "status": status(one),
        "stage": one.reason.stage,
        "next_hop": one.reason.hop,
        "reply": one.reason.reply,
        "why": one.reason.words,
        "told": one.told.as_ref().map(Address::as_str),
    })
}
