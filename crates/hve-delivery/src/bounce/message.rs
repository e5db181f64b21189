//! The notice as a message.

use bytes::Bytes;
use hve_types::{Address, BodyKind, Envelope, QueueId};
use time::UtcDateTime;

use super::{
    Action, Told, returned, status, text,
    words::{date, field, plain},
};

/// All that a notice is made of.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "who makes a notice fills in each field"
)]
pub struct NoticeForm<'a> {
    /// The name of this host, which reports.
    pub name: &'a str,
    /// To whom.
    pub to: &'a Address,
    /// Its own number.
    pub id: QueueId,
    /// When it is made, and when the last attempt ended.
    pub now: UtcDateTime,
    /// The number of the message that it tells of.
    pub of: QueueId,
    /// That message's envelope.
    pub envelope: &'a Envelope,
    /// That message's text.
    pub content: &'a [u8],
    /// When that message was accepted.
    pub accepted_at: UtcDateTime,
    /// When whoever waits is given up; `None` is never.
    pub retry_until: Option<UtcDateTime>,
    /// Of whom it tells.
    pub told: &'a [Told<'a>],
    /// Any number that the author of the message cannot guess: it keeps the parts apart.
    pub boundary: u128,
}

/// A notice that is ready to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Composed {
    /// Its text.
    pub content: Bytes,
    /// How its body is encoded: 8-bit where something that comes back is (RFC 6152 §2).
    pub body: BodyKind,
    /// Its Message-ID.
    pub message_id: String,
}

/// Makes a notice: `multipart/report` (RFC 6522 §3) of words for people, fields for programs
/// (RFC 3464 §2), and what comes back of the message (RFC 3461 §6.2).
#[must_use]
pub fn compose(form: &NoticeForm<'_>) -> Composed {
    let words = text::part(form);
    let returned = returned::part(form);
    let eight_bit = returned.eight_bit || !words.is_ascii();
    let boundary = format!("=_{:032x}", form.boundary);
    let message_id = format!("<{}@{}>", form.id, plain(form.name, NAME_MAX));

    let mut out = header(form, &message_id);
    out.push_str("MIME-Version: 1.0\r\n");
    out.push_str("Content-Type: multipart/report; report-type=delivery-status;\r\n");
    out.push_str(&format!(" boundary=\"{boundary}\"\r\n"));
    encoding(&mut out, eight_bit);
    let begin = |out: &mut String, media_type: &str, eight_bit| {
        out.push_str(&format!(
            "\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
        ));
        encoding(out, eight_bit);
        out.push_str("\r\n");
    };
    begin(&mut out, "text/plain; charset=utf-8", !words.is_ascii());
    out.push_str(&words);
    begin(&mut out, "message/delivery-status", false);
    out.push_str(&status::part(form));
    begin(&mut out, returned.media_type, returned.eight_bit);
    let mut content = out.into_bytes();
    content.extend(returned.octets);
    content.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Composed {
        content: content.into(),
        body: if eight_bit {
            BodyKind::EightBitMime
        } else {
            BodyKind::SevenBit
        },
        message_id,
    }
}

/// The header but for MIME. Nobody answers it by itself (RFC 3834 §5).
fn header(form: &NoticeForm<'_>, message_id: &str) -> String {
    let sender = form.envelope.sender.as_ref();
    // Every domain has a postmaster (RFC 5321 §4.5.1).
    let domain = sender.map_or(form.name, |sender| sender.domain_str());
    let from = format!("Mail delivery <postmaster@{}>", plain(domain, NAME_MAX));
    let mut out = String::new();
    field(&mut out, "Date", &date(form.now));
    field(&mut out, "From", &from);
    // It needs SMTPUTF8 where it is not ASCII, as the envelope does (RFC 6531 §3.4).
    field(&mut out, "To", form.to.as_str());
    let subject = match sender {
        Some(sender) => format!("{}: mail from {sender}", subject(form.told)),
        None => subject(form.told).into(),
    };
    field(&mut out, "Subject", &plain(&subject, NAME_MAX));
    field(&mut out, "Message-ID", message_id);
    field(&mut out, "Auto-Submitted", "auto-replied");
    out
}

fn subject(told: &[Told<'_>]) -> &'static str {
    let any = |action| told.iter().any(|told| told.action == action);
    if any(Action::Failed) {
        "Not delivered"
    } else if any(Action::Delayed) {
        "Delayed"
    } else if any(Action::Relayed) {
        "Handed on"
    } else {
        "Delivered"
    }
}

fn encoding(out: &mut String, eight_bit: bool) {
    let word = if eight_bit { "8bit" } else { "7bit" };
    field(out, "Content-Transfer-Encoding", word);
}

/// Longer than any name of a host or address.
const NAME_MAX: usize = 320;
