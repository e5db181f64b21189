//! `queue stats`: the queue in figures.

use hve_store::QueueSum;
use serde_json::{Value, json};
use time::Duration;

use super::{filter, route};
use crate::{
    cli::QueueWhich,
    desk::Desk,
    failure::Result,
    output::{self, Answer},
    size::show_octets,
    when::{self, Clock, rfc3339},
};

/// Rows of each table for eyes: the largest.
const ROWS: usize = 20;

pub(super) fn show(which: &QueueWhich, desk: &Desk) -> Result<Answer> {
    let stats = desk
        .store
        .queue_stats(&filter(which, desk)?, desk.clock.now)?;
    let names = desk.store.names()?;
    let account = |id| {
        names
            .account(id)
            .map_or_else(|| format!("account {}", id.0), ToString::to_string)
    };
    let accounts = largest(stats.accounts.iter().map(|(id, sum)| (account(*id), *sum)));
    let domains = largest(stats.domains.iter().map(|(name, sum)| (name.clone(), *sum)));
    let mut reasons = largest(stats.reasons.iter().map(|(reason, sum)| {
        let reason = reason.as_deref().unwrap_or("not tried yet");
        (reason.to_owned(), *sum)
    }));
    if stats.other_reasons.messages > 0 {
        reasons.push(("other reasons".to_owned(), stats.other_reasons));
    }

    let clock = &desk.clock;
    let total = &stats.total;
    let oldest = total.oldest.map_or_else(
        || "-".to_owned(),
        |at| format!("{}, accepted {}", age(total, clock), clock.show(at)),
    );
    let mut text = output::pairs(&[
        ("messages", total.messages.to_string()),
        ("recipients", total.recipients.to_string()),
        ("size", show_octets(total.octets)),
        ("oldest", oldest),
        ("due", stats.due.to_string()),
        ("held", stats.held.to_string()),
        ("parked", stats.parked.to_string()),
    ]);
    let routed: Vec<(String, QueueSum)> = domains
        .iter()
        .map(|(domain, sum)| match route::of(domain, desk) {
            Some(route) => (format!("{domain} by {route}"), *sum),
            None => (domain.clone(), *sum),
        })
        .collect();
    for (name, rows) in [
        ("account", &accounts),
        ("domain", &routed),
        ("reason", &reasons),
    ] {
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&table(name, rows, clock));
        }
    }
    let json = json!({
        "total": sum_json(total),
        "due": stats.due,
        "held": stats.held,
        "parked": stats.parked,
        "accounts": groups_json("account", &accounts),
        "domains": with_routes(groups_json("domain", &domains), desk),
        "reasons": groups_json("reason", &reasons),
    });
    Ok(Answer::new(text, json))
}

fn largest(groups: impl Iterator<Item = (String, QueueSum)>) -> Vec<(String, QueueSum)> {
    let mut groups: Vec<_> = groups.collect();
    groups.sort_by(|(a, one), (b, other)| other.messages.cmp(&one.messages).then(a.cmp(b)));
    groups
}

fn table(name: &str, groups: &[(String, QueueSum)], clock: &Clock) -> String {
    let header = [name, "messages", "recipients", "octets", "oldest"];
    let rows = groups.iter().take(ROWS).map(|(name, sum)| {
        [
            name.clone(),
            sum.messages.to_string(),
            sum.recipients.to_string(),
            sum.octets.to_string(),
            age(sum, clock),
        ]
    });
    let mut text = output::table(&header, 1, rows);
    if groups.len() > ROWS {
        let more = groups.len() - ROWS;
        text.push_str(&format!("… and {more} smaller; --json shows all\n"));
    }
    text
}

fn age(sum: &QueueSum, clock: &Clock) -> String {
    sum.oldest.map_or_else(
        || "-".to_owned(),
        |at| when::show_length((clock.now - at).max(Duration::ZERO)),
    )
}

fn sum_json(sum: &QueueSum) -> Value {
    json!({
        "messages": sum.messages,
        "recipients": sum.recipients,
        "octets": sum.octets,
        "oldest": sum.oldest.map(rfc3339),
    })
}

fn with_routes(mut groups: Value, desk: &Desk) -> Value {
    for group in groups.as_array_mut().into_iter().flatten() {
        let route = group["domain"]
            .as_str()
            .and_then(|domain| route::of(domain, desk));
        if let Value::Object(members) = group {
            members.insert("route".to_owned(), route.into());
        }
    }
    groups
}

fn groups_json(name: &str, groups: &[(String, QueueSum)]) -> Value {
    groups
        .iter()
        .map(|(group, sum)| {
            let mut value = sum_json(sum);
            if let Value::Object(members) = &mut value {
                members.insert(name.to_owned(), group.as_str().into());
            }
            value
        })
        .collect()
}
