//! SASL: bounded strict base64, and what each mechanism says, with and without initial response.

mod bearer;
mod relay;

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{SecretString, zeroize::Zeroizing};

use crate::{Credentials, Mechanism, Question, Refusal, refusals};

pub(crate) use relay::Relay;

/// An exchange that waits for a response.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// PLAIN, its only response.
    Plain,
    /// LOGIN, the user name.
    LoginUser,
    /// LOGIN, the password of this user.
    LoginPassword(String),
    /// XOAUTH2 or OAUTHBEARER, the only response.
    Bearer(Mechanism),
    /// EXTERNAL, the only response.
    External,
    /// SCRAM, any response.
    Relay(Relay),
    /// OAUTHBEARER has failed and the client was told why; whatever it says next, it hears this
    /// (RFC 7628 §3.2.3).
    Apologised(Box<Refusal>),
}

/// What a response leads to.
#[derive(Debug)]
pub(crate) enum Next {
    /// This challenge goes to the client as a 334 line, already in base64.
    Challenge(Exchange, &'static str),
    /// The host is asked.
    Ask(Question, Ahead),
}

/// What may lie between the host's answer and the end of the exchange.
#[derive(Debug)]
pub(crate) enum Ahead {
    /// Nothing.
    End,
    /// After a refusal a challenge that tells why, and a response to it.
    Apology,
    /// Perhaps another challenge.
    Relay(Relay),
}

impl Exchange {
    /// The exchange, and its first challenge.
    pub(crate) const fn begin(mechanism: Mechanism) -> (Self, &'static str) {
        match mechanism {
            Mechanism::Plain => (Self::Plain, ""),
            Mechanism::Login => (Self::LoginUser, USERNAME),
            Mechanism::XOAuth2 | Mechanism::OAuthBearer => (Self::Bearer(mechanism), ""),
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => {
                (Self::Relay(Relay::new(mechanism)), "")
            }
            Mechanism::External => (Self::External, ""),
        }
    }

    /// Takes one line without its CRLF.
    pub(crate) fn response(self, line: &[u8]) -> Result<Next, Refusal> {
        // RFC 4954 §4.
        if line == b"*" {
            return Err(refusals::SIGN_IN_CANCELLED);
        }
        self.base64(line)
    }

    /// Takes an initial response, in which `=` means "present and empty" (RFC 4954 §4).
    pub(crate) fn initial_response(self, word: &[u8]) -> Result<Next, Refusal> {
        self.base64(if word == b"=" { b"" } else { word })
    }

    fn base64(self, text: &[u8]) -> Result<Next, Refusal> {
        match decode(text) {
            Some(octets) => self.decoded(octets),
            None if matches!(self, Self::Bearer(_)) => Err(refusals::BEARER_BASE64),
            None => Err(refusals::BAD_BASE64),
        }
    }

    fn decoded(self, octets: Zeroizing<Vec<u8>>) -> Result<Next, Refusal> {
        match self {
            Self::Plain => Ok(authenticate(plain(text(&octets)?)?)),
            Self::LoginUser => {
                let text = text(&octets)?;
                if text.contains('\0') {
                    return Err(refusals::LOGIN_FORM);
                }
                let user = user(text)?;
                Ok(Next::Challenge(Self::LoginPassword(user), PASSWORD))
            }
            Self::LoginPassword(user) => Ok(authenticate(Credentials {
                mechanism: Mechanism::Login,
                authzid: None,
                user,
                password: password(text(&octets)?)?,
            })),
            Self::Bearer(mechanism) => {
                let credentials = bearer::read(mechanism, &octets)?;
                let ahead = match mechanism {
                    Mechanism::OAuthBearer => Ahead::Apology,
                    _ => Ahead::End,
                };
                Ok(Next::Ask(Question::Bearer(credentials), ahead))
            }
            Self::External => Ok(Next::Ask(external(&octets)?, Ahead::End)),
            Self::Relay(relay) => Ok(relay.ask(octets)),
            Self::Apologised(refusal) => Err(*refusal),
        }
    }
}

const fn authenticate(credentials: Credentials) -> Next {
    Next::Ask(Question::Authenticate(credentials), Ahead::End)
}

/// `{"status":"invalid_token"}` (RFC 7628 §3.2.2).
pub(crate) const INVALID_TOKEN: &str = "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=";
/// An authorization identity, or nothing (RFC 4422 App. A).
fn external(octets: &[u8]) -> Result<Question, Refusal> {
    let name = text(octets).and_then(|text| match text {
        "" => Ok(None),
        name => user(name).map(Some),
    });
    match name {
        Ok(authzid) => Ok(Question::External { authzid }),
        Err(_) => Err(refusals::BAD_AUTHZID),
    }
}

/// `Username:`
const USERNAME: &str = "VXNlcm5hbWU6";
/// `Password:`
const PASSWORD: &str = "UGFzc3dvcmQ6";

/// RFC 4648 §4 and nothing else: padding must be there and canonical, spare bits zero, no other
/// alphabet, no white space. The length is bounded by the line.
fn decode(line: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    STANDARD.decode(line).map(Zeroizing::new).ok()
}

/// What goes into a challenge.
pub(crate) fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

fn text(octets: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(octets).map_err(|_| refusals::BAD_CREDENTIALS_SYNTAX)
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2): exactly two NULs.
fn plain(text: &str) -> Result<Credentials, Refusal> {
    let mut parts = text.split('\0');
    let (Some(authzid), Some(authcid), Some(passwd), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(if is_base64_of(text, |inner| inner.contains('\0')) {
            refusals::BASE64_TWICE
        } else {
            refusals::PLAIN_FORM
        });
    };
    let authzid = if authzid.is_empty() {
        None
    } else {
        Some(user(authzid)?)
    };
    Ok(Credentials {
        mechanism: Mechanism::Plain,
        authzid,
        user: user(authcid)?,
        password: password(passwd)?,
    })
}

/// No account's name is empty or holds control characters; a log may then show it.
fn user(text: &str) -> Result<String, Refusal> {
    if text.is_empty() || text.contains(char::is_control) {
        return Err(refusals::BAD_CREDENTIALS_SYNTAX);
    }
    // No base64 is an address, so no account is called so.
    let telling = |inner: &str| inner.contains(['@', '\0']) || text.ends_with('=');
    if is_base64_of(text, telling) {
        return Err(refusals::BASE64_TWICE);
    }
    Ok(text.to_owned())
}

/// Whether the text is base64 itself, of such a text.
fn is_base64_of(text: &str, telling: impl Fn(&str) -> bool) -> bool {
    let inner = decode(text.as_bytes());
    let inner = inner.as_ref().and_then(|of| std::str::from_utf8(of).ok());
    inner.is_some_and(telling)
}

fn password(text: &str) -> Result<SecretString, Refusal> {
    if text.is_empty() || text.contains('\0') {
        return Err(refusals::BAD_CREDENTIALS_SYNTAX);
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn plain_of(octets: &[u8]) -> Result<(Option<String>, String, String), &'static str> {
        match Exchange::Plain.response(STANDARD.encode(octets).as_bytes()) {
            Ok(Next::Ask(Question::Authenticate(c), Ahead::End)) => {
                Ok((c.authzid, c.user, c.password.expose_secret().to_owned()))
            }
            Ok(other) => panic!("PLAIN has one response: {other:?}"),
            Err(refusal) => Err(refusal.reason),
        }
    }

    #[test]
    fn row_16_nul_rules_of_plain() {
        let good = |z: Option<&str>| Ok((z.map(String::from), "u".into(), "p".into()));
        assert_eq!(plain_of(b"\0u\0p"), good(None));
        assert_eq!(plain_of(b"z\0u\0p"), good(Some("z")));
        for bad in [&b""[..], b"u", b"u\0p", b"\0u\0p\0", b"\0u\0p\0q"] {
            assert_eq!(plain_of(bad), Err("plain-form"), "{bad:?}");
        }
        for bad in [
            &b"\0\0"[..],
            b"\0u\0",
            b"\0\0p",
            b"\0u\n\0p",
            b"\0u\xff\0p",
            b"\0u\0\xff",
            b"\x1b\0u\0p",
        ] {
            assert_eq!(plain_of(bad), Err("bad-credentials-syntax"), "{bad:?}");
        }
        assert_eq!(
            plain_of("\0ü\0pä ß\t".as_bytes()).map(|c| c.2),
            Ok("pä ß\t".into())
        );
    }

    #[test]
    fn row_16_base64_is_strict() {
        for bad in [
            "A",
            "AA",
            "AAA",
            "AA=A",
            "AHUAcA",
            "AHUAcA=",
            "AHUA cA==",
            "AHUAcB==",
            "_-==",
            "=",
            "====",
        ] {
            let refusal = Exchange::Plain.response(bad.as_bytes()).unwrap_err();
            assert_eq!(refusal.reason, "bad-base64", "{bad}");
        }
        let cancelled = Exchange::Plain.response(b"*").unwrap_err();
        assert_eq!(cancelled.reason, "sign-in-cancelled");
    }

    #[test]
    fn row_16_what_is_encoded_twice_or_is_of_the_other_mechanism_is_named() {
        let twice = STANDARD.encode("\0u@c.test\0p");
        assert_eq!(plain_of(twice.as_bytes()), Err("base64-twice"));
        assert_eq!(plain_of(b"\0dUBjLnRlc3Q=\0cA=="), Err("base64-twice"));
        let user = |text: &[u8]| {
            let next = Exchange::LoginUser.response(STANDARD.encode(text).as_bytes());
            next.map(drop).map_err(|refusal| refusal.reason)
        };
        assert_eq!(user(b"dUBjLnRlc3Q="), Err("base64-twice"));
        assert_eq!(user(b"AHUAcA=="), Err("base64-twice"));
        assert_eq!(user(b"\0u\0p"), Err("login-form"));
        // Four letters are base64 of something, too.
        for good in [&b"scan"[..], b"scanner1", b"u@c.test"] {
            assert_eq!(user(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn login_asks_twice() {
        let (exchange, challenge) = Exchange::begin(Mechanism::Login);
        assert_eq!(STANDARD.decode(challenge).unwrap(), b"Username:");
        let Ok(Next::Challenge(exchange, challenge)) = exchange.response(b"dQ==") else {
            panic!("the user name is good")
        };
        assert_eq!(STANDARD.decode(challenge).unwrap(), b"Password:");
        let Ok(Next::Ask(Question::Authenticate(credentials), _)) = exchange.response(b"cA==")
        else {
            panic!("the password is good")
        };
        assert_eq!(credentials.user, "u");
    }

    #[test]
    fn row_16_external_takes_a_name_or_nothing() {
        let authzid = |octets: &[u8]| match external(octets) {
            Ok(Question::External { authzid }) => Ok(authzid),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal.reason),
        };
        assert_eq!(authzid(b""), Ok(None));
        assert_eq!(authzid(b"u@c.test"), Ok(Some("u@c.test".into())));
        for bad in [&b"\0"[..], b"u\0", b"u\r\n", b"\xff"] {
            assert_eq!(authzid(bad), Err("bad-authzid"), "{bad:?}");
        }
    }

    #[test]
    fn the_apology_is_what_it_says() {
        let octets = STANDARD.decode(INVALID_TOKEN).unwrap();
        assert_eq!(octets, br#"{"status":"invalid_token"}"#);
    }

    #[test]
    fn no_password_is_shown() {
        let response = STANDARD.encode("\0user\0canary");
        let next = Exchange::Plain.response(response.as_bytes()).unwrap();
        let shown = format!("{next:?}");
        assert!(shown.contains("user") && !shown.contains("canary"));
    }

    #[test]
    fn an_empty_initial_response_is_an_equals_sign() {
        let refusal = Exchange::Plain.initial_response(b"=").unwrap_err();
        assert_eq!(refusal.reason, "plain-form");
    }
}
