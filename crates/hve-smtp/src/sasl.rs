//! SASL: bounded strict base64, PLAIN and LOGIN, each with and without initial response.

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{SecretString, zeroize::Zeroizing};

use crate::{Credentials, Mechanism, Refusal, refusals};

/// An exchange that waits for a response.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// PLAIN, its only response.
    Plain,
    /// LOGIN, the user name.
    LoginUser,
    /// LOGIN, the password of this user.
    LoginPassword(String),
}

/// What a response leads to.
#[derive(Debug)]
pub(crate) enum Next {
    /// This challenge goes to the client as a 334 line, already in base64.
    Challenge(Exchange, &'static str),
    /// Everything is there.
    Complete(Credentials),
}

impl Exchange {
    /// The exchange, and its first challenge.
    pub(crate) const fn begin(mechanism: Mechanism) -> (Self, &'static str) {
        match mechanism {
            Mechanism::Plain => (Self::Plain, ""),
            Mechanism::Login => (Self::LoginUser, USERNAME),
        }
    }

    /// Takes one line without its CRLF.
    pub(crate) fn response(self, line: &[u8]) -> Result<Next, Refusal> {
        // RFC 4954 §4.
        if line == b"*" {
            return Err(refusals::SIGN_IN_CANCELLED);
        }
        self.decoded(decode(line)?)
    }

    /// Takes an initial response, in which `=` means "present and empty" (RFC 4954 §4).
    pub(crate) fn initial_response(self, word: &[u8]) -> Result<Next, Refusal> {
        if word == b"=" {
            self.decoded(Zeroizing::new(Vec::new()))
        } else {
            self.decoded(decode(word)?)
        }
    }

    fn decoded(self, octets: Zeroizing<Vec<u8>>) -> Result<Next, Refusal> {
        let text = std::str::from_utf8(&octets).map_err(|_| refusals::BAD_CREDENTIALS_SYNTAX)?;
        match self {
            Self::Plain => plain(text).map(Next::Complete),
            Self::LoginUser => {
                let user = user(text)?;
                Ok(Next::Challenge(Self::LoginPassword(user), PASSWORD))
            }
            Self::LoginPassword(user) => Ok(Next::Complete(Credentials {
                mechanism: Mechanism::Login,
                authzid: None,
                user,
                password: password(text)?,
            })),
        }
    }
}

/// `Username:`
const USERNAME: &str = "VXNlcm5hbWU6";
/// `Password:`
const PASSWORD: &str = "UGFzc3dvcmQ6";

/// RFC 4648 §4 and nothing else: padding must be there and canonical, spare bits zero, no other
/// alphabet, no white space. The length is bounded by the line.
fn decode(line: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    STANDARD
        .decode(line)
        .map(Zeroizing::new)
        .map_err(|_| refusals::BAD_BASE64)
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2): exactly two NULs.
fn plain(text: &str) -> Result<Credentials, Refusal> {
    let mut parts = text.split('\0');
    let (Some(authzid), Some(authcid), Some(passwd), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(refusals::BAD_CREDENTIALS_SYNTAX);
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
    Ok(text.to_owned())
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
            Ok(Next::Complete(c)) => Ok((c.authzid, c.user, c.password.expose_secret().to_owned())),
            Ok(Next::Challenge(..)) => panic!("PLAIN has one response"),
            Err(refusal) => Err(refusal.reason),
        }
    }

    #[test]
    fn row_16_nul_rules_of_plain() {
        let good = |z: Option<&str>| Ok((z.map(String::from), "u".into(), "p".into()));
        assert_eq!(plain_of(b"\0u\0p"), good(None));
        assert_eq!(plain_of(b"z\0u\0p"), good(Some("z")));
        for bad in [
            &b""[..],
            b"u",
            b"u\0p",
            b"\0\0",
            b"\0u\0",
            b"\0\0p",
            b"\0u\0p\0",
            b"\0u\0p\0q",
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
    fn login_asks_twice() {
        let (exchange, challenge) = Exchange::begin(Mechanism::Login);
        assert_eq!(STANDARD.decode(challenge).unwrap(), b"Username:");
        let Ok(Next::Challenge(exchange, challenge)) = exchange.response(b"dQ==") else {
            panic!("the user name is good")
        };
        assert_eq!(STANDARD.decode(challenge).unwrap(), b"Password:");
        let Ok(Next::Complete(credentials)) = exchange.response(b"cA==") else {
            panic!("the password is good")
        };
        assert_eq!(credentials.user, "u");
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
        assert_eq!(refusal.reason, "bad-credentials-syntax");
    }
}
