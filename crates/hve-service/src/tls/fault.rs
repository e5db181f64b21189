//! Why a handshake failed, as far as the operator of a device can do something about it.

use rustls::{AlertDescription as Alert, Error, InvalidMessage, PeerIncompatible as Peer};

use crate::transport::TransportError;

/// What was wrong with a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No cipher, group or signature that both sides have.
    Ciphers,
    /// The client says that the certificate has expired.
    Expired,
    /// The client went away in the middle.
    Gone,
    /// What came is not TLS.
    NotTls,
    /// The client offers only versions that are too old.
    OldVersions,
    /// Something else; the error has the words for it.
    Other,
    /// The client refuses our versions.
    OurVersions,
    /// It was not done in time.
    Slow,
    /// The client does not trust the certificate.
    Untrusted,
}

impl Fault {
    /// `None` where the server itself gave up: it is stopping.
    pub(crate) const fn of(error: &TransportError) -> Option<Self> {
        Some(match error {
            TransportError::Stopping => return None,
            TransportError::Ended | TransportError::Io(_) => Self::Gone,
            TransportError::TooSlow => Self::Slow,
            TransportError::Tls(error) => match error {
                Error::PeerIncompatible(
                    Peer::Tls12NotOffered
                    | Peer::Tls12NotOfferedOrEnabled
                    | Peer::SupportedVersionsExtensionRequired,
                ) => Self::OldVersions,
                Error::PeerIncompatible(_) => Self::Ciphers,
                Error::InvalidMessage(
                    InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
                ) => Self::NotTls,
                Error::AlertReceived(
                    Alert::UnknownCA
                    | Alert::BadCertificate
                    | Alert::CertificateUnknown
                    | Alert::UnsupportedCertificate,
                ) => Self::Untrusted,
                Error::AlertReceived(Alert::CertificateExpired) => Self::Expired,
                Error::AlertReceived(Alert::ProtocolVersion) => Self::OurVersions,
                _ => Self::Other,
            },
        })
    }
}

/// What a client said first where a handshake was to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A ClientHello, and the version it names: 0x0301 is TLS 1.0; every later version names
    /// 0x0303 (RFC 8446 §4.1.2).
    Hello(Option<u16>),
    /// A request of HTTP.
    Http,
    #[default]
    Nothing,
    Other,
    /// A command of SMTP in clear text.
    Smtp,
    /// A hello in the form of SSL 2.
    Ssl2,
}

impl Heard {
    /// What the first octets look like.
    pub(crate) fn of(octets: &[u8]) -> Self {
        let word = octets.split(u8::is_ascii_whitespace).next();
        let word = word.unwrap_or_default();
        let among = |words: &[&str]| {
            let same = |known: &&str| word.eq_ignore_ascii_case(known.as_bytes());
            words.iter().any(same)
        };
        match octets {
            [] => Self::Nothing,
            [0x16, ..] => Self::Hello(match octets {
                [_, _, _, _, _, 1, _, _, _, major, minor, ..] => {
                    Some(u16::from_be_bytes([*major, *minor]))
                }
                _ => None,
            }),
            [0x80, _, 1, ..] => Self::Ssl2,
            _ if among(&SMTP) => Self::Smtp,
            _ if among(&HTTP) => Self::Http,
            _ => Self::Other,
        }
    }
}

const SMTP: [&str; 8] = [
    "EHLO", "HELO", "AUTH", "MAIL", "NOOP", "QUIT", "RSET", "STARTTLS",
];
const HTTP: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_octets_tell_the_protocol() {
        let hello = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x01";
        assert_eq!(Heard::of(hello), Heard::Hello(Some(0x0301)));
        assert_eq!(Heard::of(&hello[..7]), Heard::Hello(None));
        assert_eq!(Heard::of(b"\x80\x2e\x01\x03\x01"), Heard::Ssl2);
        assert_eq!(Heard::of(b"ehlo printer\r\n"), Heard::Smtp);
        assert_eq!(Heard::of(b"GET / HTTP/1.1\r\n"), Heard::Http);
        assert_eq!(Heard::of(b"EHLOS\r\n"), Heard::Other);
        assert_eq!(Heard::of(b"\x00"), Heard::Other);
        assert_eq!(Heard::of(b""), Heard::Nothing);
    }
}
