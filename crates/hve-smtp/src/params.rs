//! MAIL and RCPT: paths and ESMTP parameters, strictly.
//!
//! A parameter may stand once, must be one this server offered, and must have a value of its
//! grammar. A path is what stands between `<` and the first `>`; it is judged in that form and
//! must be the very text the second parser read.

use hve_types::{Address, BodyKind, Notify, Recipient, Return};
use smtp_proto::Request;

use crate::{Enhanced, Refusal, Reply, command::second_opinion, refusals};

/// MAIL, checked.
#[derive(Debug)]
pub(crate) struct MailCommand {
    pub(crate) sender: Option<Address>,
    pub(crate) declared_octets: Option<u64>,
    pub(crate) body: BodyKind,
    pub(crate) smtputf8: bool,
    pub(crate) ret: Option<Return>,
    pub(crate) envid: Option<String>,
}

/// RCPT, checked.
pub(crate) type RcptCommand = Recipient;

/// MAIL FROM (RFC 5321 §4.1.1.2). `rest` is what stands behind the verb.
pub(crate) fn mail(line: &[u8], rest: &str) -> Result<MailCommand, Refusal> {
    const SYNTAX: &str = "Syntax: MAIL FROM:<address> [parameters]";
    let (path, words) = path(rest, "FROM:", SYNTAX)?;
    let mut command = MailCommand {
        sender: None,
        declared_octets: None,
        body: BodyKind::SevenBit,
        smtputf8: false,
        ret: None,
        envid: None,
    };
    let mut seen = Seen::default();
    for word in words {
        let (key, value) = key_and_value(word);
        mail_parameter(&mut command, &mut seen, key, value)?;
    }
    if path.eq_ignore_ascii_case("postmaster") {
        return Err(refusals::BARE_POSTMASTER_SENDER);
    }
    if !path.is_empty() {
        command.sender = Some(address(path, command.smtputf8, 7)?);
    }
    match second_opinion(line) {
        Some(Request::Mail { from }) if from.address == path => Ok(command),
        _ => Err(refusals::bad_argument(SYNTAX)),
    }
}

/// RCPT TO (RFC 5321 §4.1.1.3).
pub(crate) fn rcpt(line: &[u8], rest: &str, smtputf8: bool) -> Result<RcptCommand, Refusal> {
    const SYNTAX: &str = "Syntax: RCPT TO:<address> [parameters]";
    let (path, words) = path(rest, "TO:", SYNTAX)?;
    let (mut notify, mut orcpt) = (None, None);
    let mut seen = Seen::default();
    for word in words {
        let (key, value) = key_and_value(word);
        rcpt_parameter(&mut notify, &mut orcpt, &mut seen, key, value)?;
    }
    if path.is_empty() {
        return Err(refusals::NULL_RECIPIENT);
    }
    // RFC 5321 §4.5.1 wants it on servers that have mailboxes; a submission server has none.
    if path.eq_ignore_ascii_case("postmaster") {
        return Err(refusals::BARE_POSTMASTER);
    }
    let address = address(path, smtputf8, 3)?;
    match second_opinion(line) {
        Some(Request::Rcpt { to }) if to.address == path => Ok(Recipient {
            address,
            notify,
            orcpt,
        }),
        _ => Err(refusals::bad_argument(SYNTAX)),
    }
}

/// Decimal digits up to ten: every size in use fits, and nothing overflows anywhere.
pub(crate) fn number(digits: &str) -> Option<u64> {
    let fits = (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| digits.parse().ok()).flatten()
}

/// Splits `FROM:<path> words`. One space before `<` is let pass: many devices and scripts send
/// it, and it cannot be read in two ways.
fn path<'a>(
    rest: &'a str,
    keyword: &str,
    syntax: &'static str,
) -> Result<(&'a str, impl Iterator<Item = &'a str> + use<'a>), Refusal> {
    let broken = || refusals::bad_argument(syntax);
    let (head, tail) = rest.split_at_checked(keyword.len()).ok_or_else(broken)?;
    if !head.eq_ignore_ascii_case(keyword) {
        return Err(broken());
    }
    let tail = tail.strip_prefix(' ').unwrap_or(tail);
    let inner = tail.strip_prefix('<').ok_or_else(broken)?;
    let (path, tail) = inner.split_once('>').ok_or_else(broken)?;
    // RFC 5321 §4.1.1 asks servers to tolerate spaces before the CRLF.
    let tail = tail.trim_end_matches(' ');
    if tail.contains("  ") {
        return Err(broken());
    }
    let words = match tail.strip_prefix(' ') {
        Some(words) => Some(words.split(' ')),
        None if tail.is_empty() => None,
        None => return Err(broken()),
    };
    Ok((path, words.into_iter().flatten()))
}

fn address(path: &str, smtputf8: bool, detail: u16) -> Result<Address, Refusal> {
    // RFC 6531 §3.4: the flag must be there before such an address.
    if !smtputf8 && !path.is_ascii() {
        return Err(refusals::UTF8_WITHOUT_FLAG);
    }
    Address::parse(path).map_err(|error| {
        let reply = Reply::new(
            501,
            Some(Enhanced(5, 1, detail)),
            format!("Bad address: {error}"),
        );
        Refusal::new(reply, "bad-address")
    })
}

fn key_and_value(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word, None),
    }
}

/// Which parameters have stood already.
#[derive(Default)]
struct Seen(u8);

impl Seen {
    fn first(&mut self, bit: u8, key: &str) -> Result<(), Refusal> {
        let mask = 1 << bit;
        if self.0 & mask != 0 {
            return Err(refusals::bad_argument(format!("{key} stands twice")));
        }
        self.0 |= mask;
        Ok(())
    }
}

fn bad_value(key: &str) -> Refusal {
    refusals::bad_argument(format!("Bad value of {key}"))
}

/// The beginning of the one reply that repeats a word of the client.
pub(crate) const NOT_SUPPORTED: &str = "Parameter not supported: ";

/// RFC 5321 §4.1.1.11: what was not offered is refused.
fn unsupported(key: &str) -> Refusal {
    // Quoted only where it can be a parameter's name at all.
    let name = Some(key).filter(|key| {
        (1..=20).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    let text = format!("{NOT_SUPPORTED}{}", name.unwrap_or("?"));
    Refusal::new(
        Reply::new(555, Some(Enhanced(5, 5, 4)), text),
        "unsupported-parameter",
    )
}

fn mail_parameter(
    command: &mut MailCommand,
    seen: &mut Seen,
    key: &str,
    value: Option<&str>,
) -> Result<(), Refusal> {
    let is = |name: &str| key.eq_ignore_ascii_case(name);
    if is("SIZE") {
        seen.first(0, "SIZE")?;
        let digits = value.ok_or_else(|| bad_value("SIZE"))?;
        // RFC 1870 §3 allows twenty digits; more than ten are too large in any case.
        let all_digits =
            (11..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if all_digits {
            return Err(refusals::TOO_LARGE);
        }
        command.declared_octets = Some(number(digits).ok_or_else(|| bad_value("SIZE"))?);
    } else if is("BODY") {
        seen.first(1, "BODY")?;
        command.body = value.and_then(body_kind).ok_or_else(|| bad_value("BODY"))?;
    } else if is("SMTPUTF8") {
        seen.first(2, "SMTPUTF8")?;
        // RFC 6531 §3.4: no value.
        if value.is_some() {
            return Err(bad_value("SMTPUTF8"));
        }
        command.smtputf8 = true;
    } else if is("RET") {
        seen.first(3, "RET")?;
        command.ret = Some(
            value
                .and_then(return_kind)
                .ok_or_else(|| bad_value("RET"))?,
        );
    } else if is("ENVID") {
        seen.first(4, "ENVID")?;
        // RFC 3461 §4.4: at most 100 characters.
        let envid = value.filter(|v| v.len() <= 100 && is_xtext(v));
        command.envid = Some(envid.ok_or_else(|| bad_value("ENVID"))?.to_owned());
    } else if is("AUTH") {
        seen.first(5, "AUTH")?;
        // RFC 4954 §5: no client is trusted to speak for another, so it counts as `<>`.
        let good = value.is_some_and(|v| v == "<>" || v.len() <= 500 && is_xtext(v));
        if !good {
            return Err(bad_value("AUTH"));
        }
    } else {
        return Err(unsupported(key));
    }
    Ok(())
}

fn rcpt_parameter(
    notify: &mut Option<Notify>,
    orcpt: &mut Option<String>,
    seen: &mut Seen,
    key: &str,
    value: Option<&str>,
) -> Result<(), Refusal> {
    if key.eq_ignore_ascii_case("NOTIFY") {
        seen.first(0, "NOTIFY")?;
        *notify = Some(
            value
                .and_then(notify_of)
                .ok_or_else(|| bad_value("NOTIFY"))?,
        );
    } else if key.eq_ignore_ascii_case("ORCPT") {
        seen.first(1, "ORCPT")?;
        // RFC 3461 §4.2: `type;xtext`, at most 500 characters.
        let good = value.filter(|v| {
            let (kind, address) = v.split_once(';').unwrap_or_default();
            let kind_is_atom = kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            v.len() <= 500 && !kind.is_empty() && kind_is_atom && is_xtext(address)
        });
        *orcpt = Some(good.ok_or_else(|| bad_value("ORCPT"))?.to_owned());
    } else {
        return Err(unsupported(key));
    }
    Ok(())
}

fn body_kind(value: &str) -> Option<BodyKind> {
    let is = |name: &str| value.eq_ignore_ascii_case(name);
    if is("7BIT") {
        Some(BodyKind::SevenBit)
    } else if is("8BITMIME") {
        Some(BodyKind::EightBitMime)
    } else if is("BINARYMIME") {
        Some(BodyKind::BinaryMime)
    } else {
        None
    }
}

fn return_kind(value: &str) -> Option<Return> {
    if value.eq_ignore_ascii_case("FULL") {
        Some(Return::Full)
    } else if value.eq_ignore_ascii_case("HDRS") {
        Some(Return::Headers)
    } else {
        None
    }
}

/// RFC 3461 §4.1: NEVER alone, or a list of the others.
fn notify_of(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (false, false, false);
    for word in value.split(',') {
        let wish = if word.eq_ignore_ascii_case("SUCCESS") {
            &mut success
        } else if word.eq_ignore_ascii_case("FAILURE") {
            &mut failure
        } else if word.eq_ignore_ascii_case("DELAY") {
            &mut delay
        } else {
            return None;
        };
        if *wish {
            return None;
        }
        *wish = true;
    }
    Some(Notify::On {
        success,
        failure,
        delay,
    })
}

/// RFC 3461 §4: visible ASCII without `+` and `=`, or `+` and two upper-case hex digits. Not
/// empty.
fn is_xtext(text: &str) -> bool {
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        let good = match octet {
            b'+' => {
                let hex = |b: Option<u8>| matches!(b, Some(b'0'..=b'9' | b'A'..=b'F'));
                hex(octets.next()) && hex(octets.next())
            }
            b'=' => false,
            other => matches!(other, b'!'..=b'~'),
        };
        if !good {
            return false;
        }
    }
    !text.is_empty()
}
