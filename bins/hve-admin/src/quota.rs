//! `quota show`: what was used of the last 24 hours, and when room comes back.

use std::collections::BTreeMap;

use hve_policy::{Freed, RollingQuota};
use hve_types::{Account, Ceiling};
use serde_json::{Value, json};

use crate::{
    cli::TenantChoice,
    desk::Desk,
    failure::Result,
    output::{self, Answer},
    size::{bound, show_ceiling},
    when::{from_unix, rfc3339},
};

const HOUR: i64 = 3600;

pub(crate) fn show(choice: &TenantChoice, desk: &Desk) -> Result<Answer> {
    let tenant = desk.choose(choice)?;
    let now = desk.clock.now;
    let mut state = desk.store.quota(tenant.id, now)?;
    let limit = tenant.limits.recipients_per_day;
    let used = state.tenant.used(now.unix_timestamp());
    let frees: Vec<Freed> = state.tenant.frees(now.unix_timestamp()).collect();
    let accounts: Vec<(Account, u64)> = desk
        .store
        .accounts(tenant.id)?
        .into_iter()
        .map(|account| {
            let used = state
                .accounts
                .get_mut(&account.id)
                .map_or(0, |quota: &mut RollingQuota| {
                    quota.used(now.unix_timestamp())
                });
            (account, used)
        })
        .collect();

    let json = json!({
        "tenant": tenant.name.as_str(),
        "limit": bound(limit),
        "used": used,
        "room": room(limit, used),
        "frees": frees
            .iter()
            .map(|freed| json!({
                "at": rfc3339(from_unix(freed.at)),
                "recipients": freed.recipients,
            }))
            .collect::<Vec<Value>>(),
        "accounts": accounts
            .iter()
            .map(|(account, used)| {
                let limit = account.limits.recipients_per_day;
                json!({
                    "address": account.address.as_str(),
                    "limit": bound(limit),
                    "used": used,
                    "room": room(limit, *used),
                })
            })
            .collect::<Vec<Value>>(),
    });

    let mut text = output::pairs(&[
        ("tenant", tenant.name.to_string()),
        (
            "limit",
            format!("{} recipients in any 24 hours", show_ceiling(limit)),
        ),
        ("used", used.to_string()),
        ("room", show_room(limit, used)),
    ]);
    text.push_str(&by_hour(&frees, desk));
    text.push('\n');
    let rows = accounts.iter().map(|(account, used)| {
        let limit = account.limits.recipients_per_day;
        [
            account.address.to_string(),
            show_ceiling(limit),
            used.to_string(),
            show_room(limit, *used),
        ]
    });
    text.push_str(&output::table(
        &["account", "limit", "used", "room"],
        1,
        rows,
    ));
    Ok(Answer::new(text, json))
}

/// What is left of a limit; an account's room may be more than its tenant has.
const fn room(limit: Ceiling, used: u64) -> Option<u64> {
    match bound(limit) {
        Some(limit) => Some(limit.saturating_sub(used)),
        None => None,
    }
}

fn show_room(limit: Ceiling, used: u64) -> String {
    room(limit, used).map_or_else(|| "unlimited".to_owned(), |room| room.to_string())
}

/// Seconds are for programs; eyes want to know how much is free at the end of each hour.
fn by_hour(frees: &[Freed], desk: &Desk) -> String {
    if frees.is_empty() {
        return String::new();
    }
    let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
    for freed in frees {
        // The first full hour at which all of it is free.
        let hour = freed.at.saturating_add(HOUR - 1).div_euclid(HOUR) * HOUR;
        let sum = hours.entry(hour).or_default();
        *sum = sum.saturating_add(freed.recipients);
    }
    let rows = hours
        .into_iter()
        .map(|(hour, recipients)| [desk.clock.show(from_unix(hour)), recipients.to_string()]);
    format!(
        "\n{}",
        output::table(&["room comes back by", "recipients"], 1, rows)
    )
}
