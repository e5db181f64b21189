//! The forms in which values lie in rows: JSON text with names, so that a person with `sqlite3`
//! can read them. The serde types live here and are nobody's API.

mod envelope;
mod holder;
mod oauth;
mod sign_in;

use std::num::NonZeroU32;

use hve_types::{AccountLimits, Address, Ceiling, QueueId, State, Suspension, TenantLimits};
use serde::{Deserialize, Serialize};
use time::{UtcDateTime, format_description::well_known::Rfc3339};

pub(crate) use self::envelope::{
    ProgressForm, envelope_sum, recipients, to_envelope, to_progress, wishes,
};
pub(crate) use self::holder::{held, to_holder};
pub(crate) use self::sign_in::{
    account_sign_in, tenant_sign_in, to_account_sign_in, to_tenant_sign_in,
};
use crate::StoreError;

/// Milliseconds since 1970.
pub(crate) fn to_millis(at: UtcDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// The moment of so many milliseconds since 1970.
pub(crate) fn from_millis(millis: i64) -> Result<UtcDateTime, StoreError> {
    UtcDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .map_err(|_| damaged("time", &millis.to_string()))
}

/// The moment of so many seconds since 1970.
pub(crate) fn from_seconds(seconds: i64) -> Result<UtcDateTime, StoreError> {
    UtcDateTime::from_unix_timestamp(seconds).map_err(|_| damaged("time", &seconds.to_string()))
}

pub(crate) fn damaged(what: &str, text: &str) -> StoreError {
    StoreError::Corrupt(format!("bad {what}: {}", text.escape_debug()))
}

/// An octet count of the store, which keeps it as a signed number.
pub(crate) fn to_count(octets: usize) -> i64 {
    i64::try_from(octets).unwrap_or(i64::MAX)
}

/// A count as it was stored.
pub(crate) fn from_count(count: i64) -> Result<u64, StoreError> {
    u64::try_from(count).map_err(|_| damaged("count", &count.to_string()))
}

pub(crate) fn to_address(text: &str) -> Result<Address, StoreError> {
    Address::parse(text).map_err(|_| damaged("address", text))
}

pub(crate) fn to_queue_id(octets: &[u8]) -> Result<QueueId, StoreError> {
    octets
        .try_into()
        .map(QueueId::from_bytes)
        .map_err(|_| damaged("queue id", &String::from_utf8_lossy(octets)))
}

/// JSON text of a wire type of ours; these hold strings and numbers, so it cannot fail.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// JSON text of ours as a value, to be put into a larger one.
pub(crate) fn value(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_default()
}

pub(crate) fn parse<'a, T: Deserialize<'a>>(what: &str, text: &'a str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(what, &error.to_string()))
}

#[derive(Serialize, Deserialize)]
struct TenantLimitsForm {
    recipients_per_day: Option<u64>,
    recipients_per_message: NonZeroU32,
    accounts: u32,
    message_octets: u64,
    sessions_per_account: NonZeroU32,
}

pub(crate) fn tenant_limits(limits: &TenantLimits) -> String {
    json(&TenantLimitsForm {
        recipients_per_day: ceiling(limits.recipients_per_day),
        recipients_per_message: limits.recipients_per_message,
        accounts: limits.accounts,
        message_octets: limits.message_octets,
        sessions_per_account: limits.sessions_per_account,
    })
}

pub(crate) fn to_tenant_limits(text: &str) -> Result<TenantLimits, StoreError> {
    let form: TenantLimitsForm = parse("tenant limits", text)?;
    Ok(TenantLimits {
        recipients_per_day: to_ceiling(form.recipients_per_day),
        recipients_per_message: form.recipients_per_message,
        accounts: form.accounts,
        message_octets: form.message_octets,
        sessions_per_account: form.sessions_per_account,
    })
}

#[derive(Serialize, Deserialize)]
struct AccountLimitsForm {
    recipients_per_day: Option<u64>,
    messages_per_minute: Option<NonZeroU32>,
}

pub(crate) fn account_limits(limits: &AccountLimits) -> String {
    json(&AccountLimitsForm {
        recipients_per_day: ceiling(limits.recipients_per_day),
        messages_per_minute: limits.messages_per_minute,
    })
}

pub(crate) fn to_account_limits(text: &str) -> Result<AccountLimits, StoreError> {
    let form: AccountLimitsForm = parse("account limits", text)?;
    Ok(AccountLimits {
        recipients_per_day: to_ceiling(form.recipients_per_day),
        messages_per_minute: form.messages_per_minute,
    })
}

/// No bound is `null`.
fn ceiling(ceiling: Ceiling) -> Option<u64> {
    match ceiling {
        Ceiling::AtMost(limit) => Some(limit),
        _ => None,
    }
}

fn to_ceiling(limit: Option<u64>) -> Ceiling {
    limit.map_or(Ceiling::Unlimited, Ceiling::AtMost)
}

#[derive(Serialize, Deserialize)]
struct SuspensionForm {
    reason: String,
    actor: String,
    since: i64,
    until: Option<i64>,
}

/// An active state is no text at all.
pub(crate) fn state(state: &State) -> Option<String> {
    match state {
        State::Suspended(suspension) => Some(json(&SuspensionForm {
            reason: suspension.reason.clone(),
            actor: suspension.actor.clone(),
            since: to_millis(suspension.since),
            until: suspension.until.map(to_millis),
        })),
        _ => None,
    }
}

/// A suspension for the audit log, which people read: its times as RFC 3339 in UTC.
pub(crate) fn told_state(state: &State) -> serde_json::Value {
    match state {
        State::Suspended(suspension) => serde_json::json!({
            "reason": suspension.reason,
            "actor": suspension.actor,
            "since": rfc3339(suspension.since),
            "until": suspension.until.map(rfc3339),
        }),
        _ => serde_json::Value::Null,
    }
}

/// To the millisecond, as the rows hold it, so that a time reads the same before and after.
pub(crate) fn rfc3339(at: UtcDateTime) -> String {
    let at = from_millis(to_millis(at)).unwrap_or(at);
    // Only years outside 0 to 9999 have no such text.
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}

pub(crate) fn to_state(text: Option<&str>) -> Result<State, StoreError> {
    let Some(text) = text else {
        return Ok(State::Active);
    };
    let form: SuspensionForm = parse("suspension", text)?;
    Ok(State::Suspended(Suspension {
        reason: form.reason,
        actor: form.actor,
        since: from_millis(form.since)?,
        until: form.until.map(from_millis).transpose()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beyond_31_and_63_bits_are_kept() {
        let limits = TenantLimits {
            recipients_per_day: Ceiling::AtMost(u64::MAX),
            message_octets: 1 << 32,
            ..TenantLimits::default()
        };
        assert_eq!(to_tenant_limits(&tenant_limits(&limits)).unwrap(), limits);
        let unlimited = AccountLimits::default();
        assert_eq!(
            to_account_limits(&account_limits(&unlimited)).unwrap(),
            unlimited
        );
        assert!(from_millis(i64::MAX).is_err());
        assert!(to_queue_id(b"short").is_err());
    }
}
