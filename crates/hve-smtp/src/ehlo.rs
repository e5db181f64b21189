//! What the server says of itself: greeting, EHLO, HELP.

use crate::{Mechanism, Opening, SessionConfig, reply::push_number};

/// The 220 line (RFC 5321 §4.2).
pub(crate) fn greeting(out: &mut Vec<u8>, config: &SessionConfig) {
    out.extend_from_slice(b"220 ");
    out.extend_from_slice(config.hostname.as_bytes());
    out.extend_from_slice(b" ESMTP submission\r\n");
}

/// The reply to EHLO (RFC 5321 §4.1.1.1). Before TLS there is no `auth`, and it offers STARTTLS in
/// its place (RFC 3207 §4.2, RFC 4954 §4: no AUTH without protection).
pub(crate) fn ehlo(
    config: &SessionConfig,
    opening: &Opening,
    auth: Option<&[Mechanism]>,
) -> Vec<u8> {
    let mut reply = Vec::with_capacity(256);
    let out = &mut reply;
    out.extend_from_slice(b"250-");
    out.extend_from_slice(config.hostname.as_bytes());
    out.extend_from_slice(b"\r\n250-SIZE ");
    push_number(out, opening.message_octets);
    out.extend_from_slice(
        b"\r\n250-PIPELINING\
          \r\n250-DSN\
          \r\n250-ENHANCEDSTATUSCODES\
          \r\n250-8BITMIME\
          \r\n250-BINARYMIME\
          \r\n250-CHUNKING\
          \r\n250-SMTPUTF8",
    );
    // RFC 9422.
    let limits = [
        (&b" RCPTMAX="[..], opening.recipients),
        (b" MAILMAX=", opening.messages),
    ];
    if limits.iter().any(|(_, value)| *value > 0) {
        out.extend_from_slice(b"\r\n250-LIMITS");
    }
    for (name, value) in limits.into_iter().filter(|(_, value)| *value > 0) {
        out.extend_from_slice(name);
        push_number(out, value.into());
    }
    if let Some(mechanisms) = auth {
        out.extend_from_slice(b"\r\n250 AUTH");
        for mechanism in mechanisms {
            out.push(b' ');
            out.extend_from_slice(mechanism.as_str().as_bytes());
        }
    } else {
        out.extend_from_slice(b"\r\n250 STARTTLS");
    }
    out.extend_from_slice(b"\r\n");
    reply
}

/// The reply to HELO: no extensions.
pub(crate) fn helo(out: &mut Vec<u8>, config: &SessionConfig) {
    out.extend_from_slice(b"250 ");
    out.extend_from_slice(config.hostname.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The text of HELP (RFC 5321 §4.1.1.8).
pub(crate) const HELP: &str = "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\n\
     Send to internal recipients only: EHLO, STARTTLS, EHLO, AUTH, then MAIL, RCPT, DATA";
