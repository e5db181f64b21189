//! The grammar of a relay: `smtp://one.test|two.test,backup.test:2525?tls=required&auth=name`.

use std::net::{IpAddr, Ipv6Addr};

use hve_smtp::{Protocol, TlsPolicy};
use hve_types::Domain;
use thiserror::Error;

use super::relay::{Endpoint, Relay, RelayHost, Trust};

/// Reads what stands behind a scheme; `None` where it is no scheme of a relay.
pub(super) fn relay(text: &str) -> Option<Result<Relay, RelayError>> {
    let schemes = [
        ("lmtp://", Protocol::Lmtp, TlsPolicy::Opportunistic),
        ("lmtp+unix:", Protocol::Lmtp, TlsPolicy::Off),
        ("smtp://", Protocol::Smtp, TlsPolicy::Opportunistic),
        ("smtps://", Protocol::Smtp, TlsPolicy::Implicit),
    ];
    schemes.into_iter().find_map(|(scheme, protocol, tls)| {
        let rest = text.strip_prefix(scheme)?;
        Some(read(scheme, rest, protocol, tls))
    })
}

fn read(scheme: &str, rest: &str, protocol: Protocol, tls: TlsPolicy) -> Result<Relay, RelayError> {
    let (places, options) = match rest.split_once('?') {
        None => (rest, None),
        Some((places, options)) => (places, Some(options)),
    };
    let hosts = if scheme == "lmtp+unix:" {
        if !places.starts_with('/') {
            return Err(RelayError::NoSocket);
        }
        vec![vec![Endpoint::Unix(places.into())]]
    } else {
        hosts(places, Relay::default_port(protocol, tls))?
    };
    let mut relay = Relay {
        protocol,
        hosts,
        tls,
        trust: Trust::System,
        certificate_name: None,
        credentials: None,
        mark: None,
    };
    let said = match options {
        None => Said::default(),
        Some(options) => Said::read(options)?,
    };
    said.apply(&mut relay)?;
    Ok(relay)
}

/// `,` is the next best, `|` is as good.
fn hosts(text: &str, port: u16) -> Result<Vec<Vec<Endpoint>>, RelayError> {
    text.split(',')
        .map(|group| group.split('|').map(|host| endpoint(host, port)).collect())
        .collect()
}

fn endpoint(text: &str, default_port: u16) -> Result<Endpoint, RelayError> {
    let bad = || RelayError::BadHost(text.to_owned());
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or_else(bad)?;
            let address: Ipv6Addr = address.parse().map_err(|_| bad())?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => return Err(bad()),
            };
            (RelayHost::Address(address.into()), port)
        }
        None => {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            (named(host).ok_or_else(bad)?, port)
        }
    };
    let port = match port {
        None => default_port,
        Some(port) => number(port).ok_or_else(|| RelayError::BadPort(text.to_owned()))?,
    };
    Ok(Endpoint::Tcp { host, port })
}

fn named(text: &str) -> Option<RelayHost> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(RelayHost::Address(address));
    }
    // `192.0.2` and `192.0.2.300` are no names.
    let last = text.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Domain::parse(text).ok().map(RelayHost::Name)
}

/// 1 to 65,535, in digits only.
fn number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let port = text.parse().ok()?;
    (digits && port > 0).then_some(port)
}

/// The options as they were said.
#[derive(Default)]
struct Said {
    tls: Option<TlsPolicy>,
    ca: Option<String>,
    pins: Option<Vec<[u8; 32]>>,
    name: Option<Domain>,
    auth: Option<Box<str>>,
    mark: Option<Box<str>>,
}

impl Said {
    fn read(text: &str) -> Result<Self, RelayError> {
        let mut said = Self::default();
        for option in text.split('&') {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            let bad = || RelayError::BadOption {
                key: key.to_owned(),
                value: value.to_owned(),
            };
            let again = match key {
                "tls" => said.tls.replace(policy(value).ok_or_else(bad)?).is_some(),
                "ca" if !value.is_empty() => said.ca.replace(value.to_owned()).is_some(),
                "pin" => said.pins.replace(pins(value).ok_or_else(bad)?).is_some(),
                "name" => {
                    let name = Domain::parse(value).map_err(|_| bad())?;
                    said.name.replace(name).is_some()
                }
                "auth" if is_key(value) => said.auth.replace(value.into()).is_some(),
                "mark" if is_key(value) => said.mark.replace(value.into()).is_some(),
                "ca" | "auth" | "mark" => return Err(bad()),
                _ => return Err(RelayError::UnknownOption(key.to_owned())),
            };
            if again {
                return Err(RelayError::Twice(key.to_owned()));
            }
        }
        Ok(said)
    }

    fn apply(self, relay: &mut Relay) -> Result<(), RelayError> {
        let asks = [
            (self.ca.is_some(), "ca"),
            (self.pins.is_some(), "pin"),
            (self.name.is_some(), "name"),
            (self.auth.is_some(), "auth"),
        ];
        let asks = asks.iter().find(|(said, _)| *said).map(|(_, key)| *key);
        relay.trust = match (self.ca, self.pins) {
            (Some(_), Some(_)) => return Err(RelayError::TwoTrusts),
            (None, Some(_)) if self.name.is_some() => return Err(RelayError::NameOfPinned),
            (Some(path), None) => Trust::Authority(path.into()),
            (None, Some(pins)) => Trust::Pinned(pins),
            (None, None) => Trust::System,
        };
        relay.certificate_name = self.name;
        relay.credentials = self.auth;
        relay.mark = self.mark;
        relay.tls = match (relay.tls, self.tls) {
            // `smtps` and a socket have said it.
            (TlsPolicy::Implicit | TlsPolicy::Off, Some(_)) => return Err(RelayError::TlsIsGiven),
            (given @ (TlsPolicy::Implicit | TlsPolicy::Off), None) => given,
            (_, Some(said)) => said,
            (_, None) => relay.default_tls(),
        };
        match (relay.tls, asks) {
            (TlsPolicy::Off | TlsPolicy::Opportunistic, Some(key)) => {
                Err(RelayError::NeedsTls(key))
            }
            _ => Ok(()),
        }
    }
}

fn policy(text: &str) -> Option<TlsPolicy> {
    match text {
        "off" => Some(TlsPolicy::Off),
        "opportunistic" => Some(TlsPolicy::Opportunistic),
        "required" => Some(TlsPolicy::Required),
        _ => None,
    }
}

/// `sha256:..`, several with a comma between: the old one and the new.
fn pins(text: &str) -> Option<Vec<[u8; 32]>> {
    text.split(',').map(pin).collect()
}

/// With or without the colons that other tools put between the octets.
fn pin(text: &str) -> Option<[u8; 32]> {
    let digits: String = text.strip_prefix("sha256:")?.split(':').collect();
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut pin = [0; 32];
    for (n, octet) in pin.iter_mut().enumerate() {
        *octet = u8::from_str_radix(digits.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(pin)
}

/// A name as configuration keys have it.
fn is_key(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !text.is_empty() && text.bytes().all(plain)
}

/// Why a text is no relay.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RelayError {
    /// Neither a name nor an address.
    #[error("{0:?} is no host; write a name, an address, or an IPv6 address in brackets")]
    BadHost(String),
    /// An option with a value that it cannot have.
    #[error("{key}={value} makes no sense; {}", option_help(key))]
    BadOption {
        /// The option.
        key: String,
        /// What was said.
        value: String,
    },
    /// Not 1 to 65,535.
    #[error("the port of {0:?} must be 1 to 65535")]
    BadPort(String),
    /// A pinned certificate is good whatever its name.
    #[error("\"name\" says nothing where the certificate is pinned; leave one of them out")]
    NameOfPinned,
    /// Protection that would not be there.
    #[error("\"{0}\" needs TLS at all times; say tls=required, or leave it out")]
    NeedsTls(&'static str),
    /// No path.
    #[error("\"lmtp+unix:\" needs a path from the root, as in \"lmtp+unix:/run/dovecot/lmtp\"")]
    NoSocket,
    /// TLS is part of the scheme.
    #[error("\"tls\" is for smtp:// and lmtp://; smtps:// always has it, and a socket never")]
    TlsIsGiven,
    /// An option stands twice.
    #[error("\"{0}\" stands twice")]
    Twice(String),
    /// `ca` and `pin`.
    #[error("either \"ca\" or \"pin\", not both")]
    TwoTrusts,
    /// No such option.
    #[error("there is no option \"{0}\"; there are tls, ca, pin, name, auth and mark")]
    UnknownOption(String),
}

fn option_help(key: &str) -> &'static str {
    match key {
        "tls" => "tls is required, opportunistic or off",
        "ca" => "ca is a file of certificates",
        "pin" => "pin is \"sha256:\" and 64 hexadecimal digits, several with commas between",
        "name" => "name is the name in the certificate",
        _ => "auth and mark are names of letters, digits, - and _ from the configuration",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Route;

    /// The canonical text, which is read as the same relay again.
    fn check(text: &str, canonical: &str) -> Relay {
        let found = relay(text).unwrap().unwrap();
        assert_eq!(found.to_string(), canonical, "{text}");
        assert_eq!(relay(canonical), Some(Ok(found.clone())), "{canonical}");
        assert_eq!(text.parse(), Ok(Route::Relay(Box::new(found.clone()))));
        found
    }

    #[test]
    fn hosts_ports_and_preference() {
        check("smtp://Mx.Contoso.test", "smtp://mx.contoso.test:25");
        check("smtps://mx.contoso.test", "smtps://mx.contoso.test:465");
        check("lmtp://127.0.0.1", "lmtp://127.0.0.1:24");
        check("lmtp://[::1]:2400", "lmtp://[::1]:2400");
        check("lmtp+unix:/run/dovecot/lmtp", "lmtp+unix:/run/dovecot/lmtp");
        check("smtp://localhost", "smtp://localhost:25");
        let relay = check(
            "smtp://a.test|b.test:26|c.test,[2001:db8::1]",
            "smtp://a.test:25|b.test:26|c.test:25,[2001:db8::1]:25",
        );
        let order = |random| {
            let places = relay.in_order(random).map(ToString::to_string);
            places.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(order(0), "a.test:25 b.test:26 c.test:25 [2001:db8::1]:25");
        assert_eq!(order(4), "b.test:26 c.test:25 a.test:25 [2001:db8::1]:25");
        assert_eq!(order(u64::MAX).split(' ').count(), 4);
    }

    #[test]
    fn row_55_protection_is_what_was_asked_for() {
        let tls = |text: &str| relay(text).unwrap().unwrap().tls;
        assert_eq!(tls("smtp://a.test"), TlsPolicy::Opportunistic);
        assert_eq!(tls("smtp://a.test?tls=off"), TlsPolicy::Off);
        assert_eq!(tls("lmtp://a.test?tls=required"), TlsPolicy::Required);
        assert_eq!(tls("smtps://a.test?auth=relay"), TlsPolicy::Implicit);
        assert_eq!(tls("lmtp+unix:/x"), TlsPolicy::Off);
        // Whoever names a certificate or a password means protection.
        for option in ["ca=/etc/ca.pem", "name=mx.test", "auth=relay"] {
            assert_eq!(tls(&format!("smtp://a.test?{option}")), TlsPolicy::Required);
        }
    }

    #[test]
    fn options_are_read_and_shown() {
        let pin = "ab".repeat(32);
        let with_colons = ["AB"; 32].join(":");
        check(
            &format!("smtp://a.test?pin=sha256:{with_colons}"),
            &format!("smtp://a.test:25?pin=sha256:{pin}"),
        );
        check(
            "smtps://192.0.2.1?name=mx.test&ca=/etc/ca.pem&mark=house&auth=smart-host_1",
            "smtps://192.0.2.1:465?ca=/etc/ca.pem&name=mx.test&auth=smart-host_1&mark=house",
        );
        check("smtp://a.test?tls=off", "smtp://a.test:25?tls=off");
        check("smtp://a.test?tls=opportunistic", "smtp://a.test:25");
    }

    #[test]
    fn what_is_no_relay_is_refused_with_its_reason() {
        let refused = |text: &str| relay(text).unwrap().unwrap_err();
        for host in [
            "",
            "a b",
            "192.0.2.300",
            "[::1",
            "[a.test]",
            "::1",
            "a@b.test",
            "[::1]x",
        ] {
            let text = format!("smtp://{host}");
            let bad = matches!(
                refused(&text),
                RelayError::BadHost(_) | RelayError::BadPort(_)
            );
            assert!(bad, "{text}");
        }
        for port in ["0", "65536", "+25", "", "x"] {
            let text = format!("smtp://a.test:{port}");
            assert!(matches!(refused(&text), RelayError::BadPort(_)), "{text}");
        }
        assert!(matches!(refused("smtp://a.test,"), RelayError::BadHost(_)));
        assert_eq!(refused("lmtp+unix:run/lmtp"), RelayError::NoSocket);
        for option in [
            "tls=yes",
            "pin=sha256:ab",
            "pin=ab",
            "name=",
            "auth=a b",
            "mark=",
            "ca=",
        ] {
            let error = refused(&format!("smtp://a.test?{option}"));
            assert!(matches!(error, RelayError::BadOption { .. }), "{option}");
        }
        assert_eq!(
            refused("smtp://a.test?starttls=1"),
            RelayError::UnknownOption("starttls".into())
        );
        assert_eq!(
            refused("smtp://a.test?tls=off&tls=off"),
            RelayError::Twice("tls".into())
        );
        assert_eq!(refused("smtps://a.test?tls=off"), RelayError::TlsIsGiven);
        assert_eq!(refused("lmtp+unix:/x?auth=a"), RelayError::NeedsTls("auth"));
        assert_eq!(
            refused("smtp://a.test?tls=opportunistic&ca=/x"),
            RelayError::NeedsTls("ca")
        );
        let pin = format!("pin=sha256:{}", "0".repeat(64));
        assert_eq!(
            refused(&format!("smtp://a.test?{pin}&ca=/x")),
            RelayError::TwoTrusts
        );
        assert_eq!(
            refused(&format!("smtp://a.test?{pin}&name=a.test")),
            RelayError::NameOfPinned
        );
        assert_eq!(relay("http://a.test"), None);
    }
}
