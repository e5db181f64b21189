//! What the server writes into a message: the trace line, dates, Message-ID.

use std::net::IpAddr;

use hve_types::{Address, QueueId};
use time::{UtcDateTime, Weekday};

use crate::{TlsFacts, reply::push_number};

/// What the trace line tells (RFC 5321 §4.4).
#[derive(Debug)]
pub(crate) struct Trace<'a> {
    pub(crate) hello: &'a str,
    /// EHLO, not HELO.
    pub(crate) extended: bool,
    pub(crate) peer: IpAddr,
    pub(crate) hostname: &'a str,
    pub(crate) tls: Option<&'a TlsFacts>,
    pub(crate) signed_in: bool,
    pub(crate) smtputf8: bool,
    pub(crate) queue_id: QueueId,
    /// Only a single recipient is named, so that nobody learns of the others
    /// (RFC 5321 §7.2).
    pub(crate) only_recipient: Option<&'a Address>,
    pub(crate) at: UtcDateTime,
}

impl Trace<'_> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
        put("Received: from ");
        put(self.hello);
        put(" (");
        put(&literal(self.peer));
        put(")\r\n by ");
        put(self.hostname);
        put(" with ");
        put(self.with());
        if let Some(tls) = self.tls {
            put("\r\n (");
            put(tls.version);
            put(" ");
            put(&tls.cipher);
            put(")");
        }
        put("\r\n id ");
        put(&self.queue_id.to_string());
        if let Some(recipient) = self.only_recipient {
            put("\r\n for <");
            put(recipient.as_str());
            put(">");
        }
        put(";\r\n ");
        date(out, self.at);
        out.extend_from_slice(b"\r\n");
    }

    /// The protocol as registered by RFC 3848 and RFC 6531 §4.3.
    const fn with(&self) -> &'static str {
        match (
            self.smtputf8,
            self.extended,
            self.tls.is_some(),
            self.signed_in,
        ) {
            (true, _, false, false) => "UTF8SMTP",
            (true, _, true, false) => "UTF8SMTPS",
            (true, _, false, true) => "UTF8SMTPA",
            (true, _, true, true) => "UTF8SMTPSA",
            (false, false, _, _) => "SMTP",
            (false, true, false, false) => "ESMTP",
            (false, true, true, false) => "ESMTPS",
            (false, true, false, true) => "ESMTPA",
            (false, true, true, true) => "ESMTPSA",
        }
    }
}

/// RFC 5321 §4.1.3.
fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// The date of RFC 5322 §3.3, in UTC.
pub(crate) fn date(out: &mut Vec<u8>, at: UtcDateTime) {
    let day = match at.weekday() {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    };
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = usize::from(u8::from(at.month())).saturating_sub(1);
    out.extend_from_slice(day.as_bytes());
    out.extend_from_slice(b", ");
    push_number(out, at.day().into());
    out.push(b' ');
    out.extend_from_slice(months.get(month).copied().unwrap_or("Jan").as_bytes());
    out.push(b' ');
    push_number(out, u64::try_from(at.year()).unwrap_or(0));
    for (separator, value) in [(b' ', at.hour()), (b':', at.minute()), (b':', at.second())] {
        out.push(separator);
        two_digits(out, value);
    }
    out.extend_from_slice(b" +0000");
}

/// The time of RFC 3339 in whole seconds: `2026-11-24T05:52:29Z`.
pub(crate) fn timestamp(out: &mut Vec<u8>, at: UtcDateTime) {
    push_number(out, u64::try_from(at.year()).unwrap_or(0));
    for (separator, value) in [
        (b'-', u8::from(at.month())),
        (b'-', at.day()),
        (b'T', at.hour()),
        (b':', at.minute()),
        (b':', at.second()),
    ] {
        out.push(separator);
        two_digits(out, value);
    }
    out.push(b'Z');
}

fn two_digits(out: &mut Vec<u8>, value: u8) {
    out.extend_from_slice(&[b'0' + value / 10 % 10, b'0' + value % 10]);
}

#[cfg(test)]
mod tests {
    use time::macros::utc_datetime;

    use super::*;

    fn text(trace: &Trace<'_>) -> String {
        let mut out = Vec::new();
        trace.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_trace_line_tells_all_it_may() {
        let tls = TlsFacts {
            version: "TLS1.3",
            cipher: "TLS_AES_256_GCM_SHA384".into(),
        };
        let recipient = Address::parse("user@contoso.test").unwrap();
        let mut trace = Trace {
            hello: "printer",
            extended: true,
            peer: [192, 0, 2, 1].into(),
            hostname: "mail.contoso.test",
            tls: Some(&tls),
            signed_in: true,
            smtputf8: false,
            queue_id: QueueId::from_bytes([0; 16]),
            only_recipient: Some(&recipient),
            at: utc_datetime!(2026-11-04 05:02:09),
        };
        assert_eq!(
            text(&trace),
            "Received: from printer ([192.0.2.1])\r\n by mail.contoso.test with ESMTPSA\r\n \
             (TLS1.3 TLS_AES_256_GCM_SHA384)\r\n id 00000000000000000000000000\r\n \
             for <user@contoso.test>;\r\n Wed, 4 Nov 2026 05:02:09 +0000\r\n"
        );
        trace.only_recipient = None;
        trace.smtputf8 = true;
        trace.peer = "2001:db8::1".parse().unwrap();
        let written = text(&trace);
        assert!(!written.contains("for <") && written.contains("with UTF8SMTPSA"));
        assert!(written.contains("([IPv6:2001:db8::1])"));
    }

    #[test]
    fn timestamps_are_rfc_3339() {
        let mut out = Vec::new();
        timestamp(&mut out, utc_datetime!(2026-01-02 03:04:05.999));
        assert_eq!(out, b"2026-01-02T03:04:05Z");
    }
}
