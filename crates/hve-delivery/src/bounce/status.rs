//! The part for programs: message/delivery-status (RFC 3464 §2).

use hve_types::Recipient;

use super::{
    Action, NoticeForm, Told,
    words::{date, field, from_xtext, plain},
};

/// The fields of the message, and those of each recipient after an empty line.
pub(super) fn part(form: &NoticeForm<'_>) -> String {
    let mut out = String::new();
    if let Some(envid) = &form.envelope.envid {
        let envid = plain(&from_xtext(envid), VALUE_MAX);
        field(&mut out, "Original-Envelope-Id", &envid);
    }
    let host = format!("dns; {}", plain(form.name, VALUE_MAX));
    field(&mut out, "Reporting-MTA", &host);
    field(&mut out, "Arrival-Date", &date(form.accepted_at));
    for told in form.told {
        out.push_str("\r\n");
        recipient(&mut out, form, told);
    }
    out
}

fn recipient(out: &mut String, form: &NoticeForm<'_>, told: &Told<'_>) {
    if let Some(original) = original(told.recipient) {
        field(out, "Original-Recipient", &original);
    }
    field(out, "Final-Recipient", &address(told.recipient));
    field(out, "Action", told.action.as_str());
    let [class, subject, detail] = status(told);
    field(out, "Status", &format!("{class}.{subject}.{detail}"));
    if let Some(reason) = told.reason {
        if let Some(hop) = &reason.hop {
            field(out, "Remote-MTA", &remote(hop));
        }
        // Its own words are of type smtp; ours have no type of the RFC (RFC 3464 §2.3.6).
        let diagnostic = match &reason.reply {
            Some(reply) => format!("smtp; {}", plain(reply, VALUE_MAX)),
            None => format!("x-hve; {}", plain(&reason.words, VALUE_MAX)),
        };
        field(out, "Diagnostic-Code", &diagnostic);
    }
    field(out, "Last-Attempt-Date", &date(form.now));
    field(out, "Final-Log-ID", &form.of.to_string());
    if let (Action::Delayed, Some(until)) = (told.action, form.retry_until) {
        field(out, "Will-Retry-Until", &date(until));
    }
}

/// The next hop by its name alone (RFC 3464 §2.3.5); a socket in the file system has none.
fn remote(hop: &str) -> String {
    let is_port = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let (kind, name) = match hop.rsplit_once(':') {
        _ if hop.starts_with('/') => ("x-socket", hop),
        Some((name, port)) if is_port(port) => ("dns", name),
        _ => ("dns", hop),
    };
    format!("{kind}; {}", plain(name, VALUE_MAX))
}

/// ORCPT as it was given, decoded (RFC 3464 §2.3.1).
fn original(recipient: &Recipient) -> Option<String> {
    let (kind, address) = recipient.orcpt.as_deref()?.split_once(';')?;
    let kind = plain(kind, VALUE_MAX);
    Some(format!(
        "{kind}; {}",
        plain(&from_xtext(address), VALUE_MAX)
    ))
}

/// One that is not ASCII has a type of its own (RFC 6533 §3).
fn address(recipient: &Recipient) -> String {
    let text = recipient.address.as_str();
    if text.is_ascii() {
        return format!("rfc822; {text}");
    }
    let escaped = text.replace('+', "\\x{2B}").replace('=', "\\x{3D}");
    format!("utf-8; {}", plain(&escaped, VALUE_MAX))
}

/// The status (RFC 3463 §2), whose class agrees with the action: what is given up is permanent,
/// whatever the last words were.
pub(super) fn status(told: &Told<'_>) -> [u16; 3] {
    let class = match told.action {
        Action::Delivered | Action::Relayed => return [2, 0, 0],
        Action::Failed => 5,
        Action::Delayed => 4,
    };
    let said = told.reason.and_then(|reason| reason.status);
    let [_, subject, detail] = said.unwrap_or([class, 0, 0]);
    [class, subject.min(999), detail.min(999)]
}

/// No line is longer than 998 octets (RFC 5322 §2.1.1), whatever a next hop says.
const VALUE_MAX: usize = 800;
