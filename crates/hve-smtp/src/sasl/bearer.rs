//! XOAUTH2 and OAUTHBEARER: how a user name and an access token are written in one response.
//!
//! Fields are `key=value`, each ended by octet 1, and one more octet 1 ends them all. A response
//! that could be read in two ways is none.

use std::borrow::Cow;

use secrecy::SecretString;

use crate::{BearerCredentials, Mechanism, Refusal, refusals};

/// What the form holds; whether it does is the next question.
#[derive(Default)]
struct Fields<'a> {
    user: Option<Cow<'a, str>>,
    auth: Option<&'a str>,
}

/// Reads the decoded response. One defect, one code: the first in the order of their numbers.
pub(super) fn read(mechanism: Mechanism, octets: &[u8]) -> Result<BearerCredentials, Refusal> {
    let (read, form): (fn(&str) -> Option<Fields<'_>>, _) = match mechanism {
        Mechanism::OAuthBearer => (oauthbearer, refusals::OAUTHBEARER_FORM),
        _ => (xoauth2, refusals::XOAUTH2_FORM),
    };
    let text = std::str::from_utf8(octets).ok();
    let Some(Fields { user, auth }) = text.and_then(read) else {
        return Err(form);
    };
    let user = user.filter(|user| !user.is_empty());
    let user = user.ok_or(refusals::BEARER_NO_USER)?;
    let auth = auth.filter(|auth| !auth.is_empty());
    let token = token(auth.ok_or(refusals::BEARER_NO_AUTH)?)?;
    if user.contains(char::is_control) || !token.bytes().all(is_of_token) {
        return Err(form);
    }
    Ok(BearerCredentials {
        mechanism,
        user: user.into_owned(),
        token: SecretString::from(token),
    })
}

/// `user=ADDRESS ^A auth=Bearer TOKEN ^A ^A`, in this order, each once.
fn xoauth2(text: &str) -> Option<Fields<'_>> {
    let mut fields = Fields::default();
    for field in text.strip_suffix("\x01\x01")?.split('\x01') {
        match field.split_once('=')? {
            ("user", value) if fields.user.is_none() && fields.auth.is_none() => {
                fields.user = Some(value.into());
            }
            ("auth", value) if fields.auth.is_none() => fields.auth = Some(value),
            _ => return None,
        }
    }
    Some(fields)
}

/// `n,a=ADDRESS, ^A auth=Bearer TOKEN ^A ^A` (RFC 7628 §3.1). Host and port may stand there as
/// well and are not looked at: the client has reached us.
fn oauthbearer(text: &str) -> Option<Fields<'_>> {
    let mut parts = text.strip_suffix("\x01\x01")?.split('\x01');
    let mut fields = Fields {
        user: gs2_name(parts.next()?)?,
        auth: None,
    };
    for field in parts {
        match field.split_once('=')? {
            ("auth", value) if fields.auth.is_none() => fields.auth = Some(value),
            ("host" | "port", _) => {}
            _ => return None,
        }
    }
    Some(fields)
}

/// The name in a GS2 header (RFC 5801 §4); the inner `None` is a header without one. Channel
/// binding (`p=`) is not for this mechanism.
fn gs2_name(header: &str) -> Option<Option<Cow<'_, str>>> {
    let header = header
        .strip_prefix("n,")
        .or_else(|| header.strip_prefix("y,"))?;
    let name = header.strip_suffix(',')?;
    if name.is_empty() {
        return Some(None);
    }
    unescape(name.strip_prefix("a=")?).map(Some)
}

/// A comma is written `=2C`, an equals sign `=3D`, and neither stands for itself.
fn unescape(name: &str) -> Option<Cow<'_, str>> {
    if name.contains(',') {
        return None;
    }
    let mut parts = name.split('=');
    let mut plain = Cow::Borrowed(parts.next()?);
    for part in parts {
        let (character, rest) = match part.strip_prefix("2C") {
            Some(rest) => (',', rest),
            None => ('=', part.strip_prefix("3D")?),
        };
        let plain = plain.to_mut();
        plain.push(character);
        plain.push_str(rest);
    }
    Some(plain)
}

/// The token of `Bearer TOKEN`, the scheme in any case of letters (RFC 6750 §2.1).
fn token(auth: &str) -> Result<&str, Refusal> {
    let (scheme, token) = auth.split_once(' ').unwrap_or((auth, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(refusals::BEARER_SCHEME);
    }
    let token = token.trim_start_matches(' ');
    if token.is_empty() {
        return Err(refusals::BEARER_EMPTY);
    }
    Ok(token)
}

/// RFC 6750 §2.1, `b64token`.
const fn is_of_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::Enhanced;

    /// User and token, or the detail of the code.
    fn read_as(mechanism: Mechanism, text: &str) -> Result<(String, String), u16> {
        match read(mechanism, text.replace('^', "\x01").as_bytes()) {
            Ok(c) => Ok((c.user, c.token.expose_secret().to_owned())),
            Err(refusal) => {
                assert_eq!(refusal.reply.code(), 501);
                let Some(Enhanced(5, 5, detail)) = refusal.reply.enhanced() else {
                    panic!("{refusal:?}")
                };
                Err(detail)
            }
        }
    }

    #[test]
    fn row_16_xoauth2_is_read_strictly() {
        let of = |text| read_as(Mechanism::XOAuth2, text);
        let good = Ok(("u@c.test".into(), "a.b-c_d~e+f/g==".into()));
        assert_eq!(of("user=u@c.test^auth=Bearer a.b-c_d~e+f/g==^^"), good);
        assert_eq!(of("user=u@c.test^auth=bearer  a.b-c_d~e+f/g==^^"), good);
        for (bad, detail) in [
            ("", 122),
            ("^^", 122),
            ("user=u^auth=Bearer t", 122),
            ("user=u^auth=Bearer t^", 122),
            ("user=u^auth=Bearer t^^^", 122),
            ("user=u^^auth=Bearer t^^", 122),
            ("auth=Bearer t^user=u^^", 122),
            ("user=u^user=v^auth=Bearer t^^", 122),
            ("user=u^auth=Bearer t^auth=Bearer t^^", 122),
            ("user=u^host=x^auth=Bearer t^^", 122),
            ("USER=u^auth=Bearer t^^", 122),
            ("user=u\n^auth=Bearer t^^", 122),
            ("user=u^auth=Bearer t t^^", 122),
            ("user=u^auth=Bearer t\t^^", 122),
            ("user=u^auth=Bearer tä^^", 122),
            ("n,a=u,^auth=Bearer t^^", 122),
            ("auth=Bearer t^^", 123),
            ("user=^auth=Bearer t^^", 123),
            ("user=^auth=^^", 123),
            ("user=u^^", 124),
            ("user=u^auth=^^", 124),
            ("user=u^auth=t^^", 125),
            ("user=u^auth=Basic t^^", 125),
            ("user=u^auth= Bearer t^^", 125),
            ("user=u^auth=Bearer^^", 126),
            ("user=u^auth=Bearer ^^", 126),
            ("user=u^auth=Bearer   ^^", 126),
        ] {
            assert_eq!(of(bad), Err(detail), "{bad:?}");
        }
    }

    #[test]
    fn row_16_oauthbearer_is_read_strictly() {
        let of = |text| read_as(Mechanism::OAuthBearer, text);
        let good = |user: &str| Ok((user.into(), "t".into()));
        assert_eq!(of("n,a=u@c.test,^auth=Bearer t^^"), good("u@c.test"));
        assert_eq!(of("y,a=u,^auth=Bearer t^^"), good("u"));
        let with_host = "n,a=u,^host=mx.test^port=587^auth=Bearer t^^";
        assert_eq!(of(with_host), good("u"));
        assert_eq!(of("n,a=ü=2Cv=3D=2C,^auth=Bearer t^^"), good("ü,v=,"));
        for (bad, detail) in [
            ("", 122),
            ("^^", 122),
            ("^", 122),
            ("n,a=u,^auth=Bearer t", 122),
            ("n,a=u,^auth=Bearer t^", 122),
            ("n,a=u^auth=Bearer t^^", 122),
            ("n,u,^auth=Bearer t^^", 122),
            ("a=u,^auth=Bearer t^^", 122),
            ("p=tls-exporter,a=u,^auth=Bearer t^^", 122),
            ("n,a=u,v,^auth=Bearer t^^", 122),
            ("n,a=u=v,^auth=Bearer t^^", 122),
            ("n,a=u=2c,^auth=Bearer t^^", 122),
            ("n,a=u=,^auth=Bearer t^^", 122),
            ("n,a=u,^auth=Bearer t^path=/^^", 122),
            ("n,a=u,^auth=Bearer t^auth=Bearer t^^", 122),
            ("user=u^auth=Bearer t^^", 122),
            ("n,,^auth=Bearer t^^", 123),
            ("n,a=,^auth=Bearer t^^", 123),
            ("n,a=u,^^", 124),
            ("n,a=u,^host=mx.test^^", 124),
            ("n,a=u,^auth=^^", 124),
            ("n,a=u,^auth=MAC t^^", 125),
            ("n,a=u,^auth=Bearer ^^", 126),
        ] {
            assert_eq!(of(bad), Err(detail), "{bad:?}");
        }
    }

    #[test]
    fn no_token_is_shown() {
        let read = read(Mechanism::XOAuth2, b"user=me\x01auth=Bearer canary\x01\x01");
        let shown = format!("{read:?}");
        assert!(shown.contains("me") && !shown.contains("canary"));
    }
}
