//! `audit list`: who changed what, and when.

use std::num::NonZeroU32;

use hve_store::AuditEntry;
use serde_json::{Value, json};

use crate::{
    desk::Desk,
    failure::Result,
    output::{self, Answer},
    when::rfc3339,
};

/// Entries that are listed for eyes at one time.
const PAGE: usize = 100;

pub(crate) fn list(limit: Option<NonZeroU32>, before: Option<i64>, desk: &Desk) -> Result<Answer> {
    let limit = desk.limit(limit, PAGE);
    // One more than is shown tells whether there are more.
    let mut entries = desk.store.audit_newest(before, limit.saturating_add(1))?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let names = desk.store.names()?;
    let rows = entries.iter().map(|entry| {
        [
            entry.seq.to_string(),
            desk.clock.show(entry.at),
            entry.actor.clone(),
            entry.action.clone(),
            entry.subject.clone(),
            changes(entry),
        ]
    });
    let header = ["no.", "when", "who", "what", "subject", "change"];
    let mut text = output::table(&header, header.len(), rows);
    if let Some(last) = entries.last().filter(|_| more) {
        text.push_str(&format!("… there are more: --before {}\n", last.seq));
    }
    let values: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let tenant = entry.tenant.and_then(|id| names.tenant(id));
            json!({
                "seq": entry.seq,
                "at": rfc3339(entry.at),
                "actor": entry.actor,
                "action": entry.action,
                "tenant": tenant.map(hve_types::Domain::as_str),
                "subject": entry.subject,
                "before": parsed(entry.before.as_deref()),
                "after": parsed(entry.after.as_deref()),
            })
        })
        .collect();
    Ok(Answer::new(text, values.into()))
}

/// The log keeps JSON; should it not be, its text is better than nothing.
fn parsed(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
    })
}

/// The members that differ, as `name: before → after`.
fn changes(entry: &AuditEntry) -> String {
    let (before, after) = (
        parsed(entry.before.as_deref()),
        parsed(entry.after.as_deref()),
    );
    let mut differing = Vec::new();
    differ("", &before, &after, &mut differing);
    differing.join(", ")
}

fn differ(name: &str, before: &Value, after: &Value, into: &mut Vec<String>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                let path = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                let member = |of: &serde_json::Map<String, Value>| of.get(key).cloned();
                let (old, new) = (member(old), member(new));
                differ(
                    &path,
                    &old.unwrap_or_default(),
                    &new.unwrap_or_default(),
                    into,
                );
            }
        }
        // Something whole came or went: its name is in the subject already.
        (Value::Null, Value::Object(_)) | (Value::Object(_), Value::Null) => {}
        _ => into.push(format!("{name}: {} → {}", short(before), short(after))),
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let mut into = Vec::new();
        let before = json!({"name": "a", "limits": {"day": 1, "minute": null}, "gone": 1});
        let after = json!({"name": "a", "limits": {"day": 2, "minute": 5}, "new": "x"});
        differ("", &before, &after, &mut into);
        into.sort();
        let expected = [
            "gone: 1 → -",
            "limits.day: 1 → 2",
            "limits.minute: - → 5",
            "new: - → x",
        ];
        assert_eq!(into, expected);
    }
}
