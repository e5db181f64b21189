//! The client's two messages, read strictly by the grammar of RFC 5802 §7.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::ScramRefusal;

/// `client-first-message`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst<'a> {
    pub(super) flag: Flag<'a>,
    pub(super) authzid: Option<String>,
    /// `gs2-header`, with its last comma.
    pub(super) header: &'a str,
    /// `client-first-message-bare`.
    pub(super) bare: &'a str,
    pub(super) user: String,
    pub(super) nonce: &'a str,
}

/// What the client says of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag<'a> {
    /// `n`: it has none.
    None,
    /// `y`: it has, and believes that the server has not.
    NotOffered,
    /// `p=`: it binds in this way.
    Type(&'a str),
}

/// `client-final-message`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFinal<'a> {
    /// `c=`, out of base64.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    /// Everything before `,p=`.
    pub(super) without_proof: &'a str,
    pub(super) proof: Zeroizing<[u8; 32]>,
}

pub(super) fn client_first(message: &[u8]) -> Result<ClientFirst<'_>, ScramRefusal> {
    let text = text(message)?;
    let (flag, rest) = text.split_once(',').ok_or(ScramRefusal::Malformed)?;
    let (authzid, bare) = rest.split_once(',').ok_or(ScramRefusal::Malformed)?;
    let header = text.strip_suffix(bare).ok_or(ScramRefusal::Malformed)?;
    let flag = match flag {
        "n" => Flag::None,
        "y" => Flag::NotOffered,
        _ => Flag::Type(binding_type(flag).ok_or(ScramRefusal::Malformed)?),
    };
    let authzid = match authzid {
        "" => None,
        some => Some(name(some, "a=").ok_or(ScramRefusal::Malformed)?),
    };
    if bare.starts_with("m=") {
        return Err(ScramRefusal::ExtensionUnsupported);
    }
    let mut attributes = bare.split(',');
    let user = attributes.next().and_then(|user| name(user, "n="));
    let nonce = attributes.next().and_then(nonce);
    let (Some(user), Some(nonce)) = (user, nonce) else {
        return Err(ScramRefusal::Malformed);
    };
    extensions(attributes)?;
    Ok(ClientFirst {
        flag,
        authzid,
        header,
        bare,
        user,
        nonce,
    })
}

pub(super) fn client_final(message: &[u8]) -> Result<ClientFinal<'_>, ScramRefusal> {
    let text = text(message)?;
    let (without_proof, proof) = text.rsplit_once(",p=").ok_or(ScramRefusal::Malformed)?;
    let mut attributes = without_proof.split(',');
    let binding = attributes.next().and_then(|of| of.strip_prefix("c="));
    let binding = binding.and_then(|of| STANDARD.decode(of).ok());
    let nonce = attributes.next().and_then(nonce);
    let proof = STANDARD.decode(proof).map(Zeroizing::new).ok();
    let proof = proof.and_then(|of| of.as_slice().try_into().ok());
    let (Some(binding), Some(nonce), Some(proof)) = (binding, nonce, proof) else {
        return Err(ScramRefusal::Malformed);
    };
    extensions(attributes)?;
    Ok(ClientFinal {
        binding,
        nonce,
        without_proof,
        proof: Zeroizing::new(proof),
    })
}

/// Far more than any client says; what is kept of a message lives until the next one.
const MESSAGE_OCTETS_MAX: usize = 2048;

fn text(message: &[u8]) -> Result<&str, ScramRefusal> {
    let text = std::str::from_utf8(message).ok();
    // NUL is nowhere in the grammar; other control characters only help whoever writes into logs.
    text.filter(|text| text.len() <= MESSAGE_OCTETS_MAX && !text.contains(char::is_control))
        .ok_or(ScramRefusal::Malformed)
}

fn binding_type(flag: &str) -> Option<&str> {
    let name = flag.strip_prefix("p=").filter(|name| !name.is_empty())?;
    let good = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-');
    name.bytes().all(good).then_some(name)
}

/// A `saslname` behind its letter: a comma is written `=2C`, an equals sign `=3D`, and neither
/// stands for itself.
fn name(attribute: &str, letter: &str) -> Option<String> {
    let mut parts = attribute.strip_prefix(letter)?.split('=');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match part.strip_prefix("2C") {
            Some(rest) => (',', rest),
            None => ('=', part.strip_prefix("3D")?),
        };
        plain.push(character);
        plain.push_str(rest);
    }
    (!plain.is_empty()).then_some(plain)
}

/// Visible ASCII; the comma has ended the attribute.
fn nonce(attribute: &str) -> Option<&str> {
    let nonce = attribute.strip_prefix("r=")?;
    let good = !nonce.is_empty() && nonce.bytes().all(|octet| octet.is_ascii_graphic());
    good.then_some(nonce)
}

/// Optional extensions are for those who know them; there are none, so they are only checked.
fn extensions<'a>(attributes: impl Iterator<Item = &'a str>) -> Result<(), ScramRefusal> {
    for attribute in attributes {
        let (letter, value) = attribute.split_once('=').ok_or(ScramRefusal::Malformed)?;
        if letter == "m" {
            return Err(ScramRefusal::ExtensionUnsupported);
        }
        let good = matches!(letter.as_bytes(), [one] if one.is_ascii_alphabetic());
        if !good || value.is_empty() {
            return Err(ScramRefusal::Malformed);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_19_a_first_message_is_read_strictly() {
        let read = |text: &'static str| client_first(text.as_bytes());
        let first = read("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert_eq!((first.header, first.flag), ("n,,", Flag::None));
        assert_eq!(
            (&*first.user, first.nonce),
            ("user", "rOprNGfwEbeRWgbNEkqO")
        );
        let first = read("p=tls-exporter,a=b=2Cc,n=x=3Dy=2C=3D,r=+,x=a=b").unwrap();
        assert_eq!(first.header, "p=tls-exporter,a=b=2Cc,");
        assert_eq!(first.flag, Flag::Type("tls-exporter"));
        assert_eq!(first.authzid.as_deref(), Some("b,c"));
        assert_eq!((&*first.user, first.nonce), ("x=y,=", "+"));
        assert_eq!(first.bare, "n=x=3Dy=2C=3D,r=+,x=a=b");
        assert_eq!(read("y,,n=u,r=r").unwrap().flag, Flag::NotOffered);
        for extension in ["n,,m=x,n=u,r=r", "n,,n=u,r=r,m=x"] {
            assert_eq!(read(extension), Err(ScramRefusal::ExtensionUnsupported));
        }
        for bad in [
            "",
            "n",
            "n,",
            "n,,",
            "n,n=u,r=r",
            "N,,n=u,r=r",
            "x,,n=u,r=r",
            "p=,,n=u,r=r",
            "p=a b,,n=u,r=r",
            "n,b,n=u,r=r",
            "n,a=,n=u,r=r",
            "n,,n=,r=r",
            "n,,n=u",
            "n,,r=r,n=u",
            "n,,n=u,r=",
            "n,,n=u,r=a b",
            "n,,n=u,r=\u{e9}",
            "n,,n=u=,r=r",
            "n,,n=u=2c,r=r",
            "n,,n=u=41,r=r",
            "n,,n=u,r=r,",
            "n,,n=u,r=r,x",
            "n,,n=u,r=r,x=",
            "n,,n=u,r=r,xy=z",
            "n,,n=u,r=r,1=z",
            "n,,n=u\0,r=r",
            "n,,n=u\n,r=r",
            " n,,n=u,r=r",
        ] {
            assert_eq!(read(bad), Err(ScramRefusal::Malformed), "{bad:?}");
        }
        assert_eq!(client_first(b"n,,n=\xff,r=r"), Err(ScramRefusal::Malformed));
        let long = format!("n,,n={},r=r", "u".repeat(MESSAGE_OCTETS_MAX));
        assert_eq!(client_first(long.as_bytes()), Err(ScramRefusal::Malformed));
    }

    #[test]
    fn row_19_a_final_message_is_read_strictly() {
        let proof = STANDARD.encode([7; 32]);
        let read = |text: String| {
            let read = client_final(text.as_bytes());
            read.map(|of| (of.binding, of.nonce.to_owned(), of.without_proof.to_owned()))
        };
        let good = read(format!("c=biws,r=abc,p={proof}")).unwrap();
        assert_eq!(good, (b"n,,".to_vec(), "abc".into(), "c=biws,r=abc".into()));
        read(format!("c=biws,r=abc,x=y,p={proof}")).unwrap();
        let extension = read(format!("c=biws,r=abc,m=y,p={proof}"));
        assert_eq!(extension, Err(ScramRefusal::ExtensionUnsupported));
        for bad in [
            String::new(),
            format!("p={proof}"),
            format!("c=biws,p={proof}"),
            format!("r=abc,c=biws,p={proof}"),
            format!("c=biw,r=abc,p={proof}"),
            format!("c=biws,r=,p={proof}"),
            format!("c=biws,r=abc,i=1,p={proof},"),
            format!("c=biws,r=abc,p={proof},x=y"),
            format!("c=biws,r=abc,=y,p={proof}"),
            "c=biws,r=abc".into(),
            "c=biws,r=abc,p=".into(),
            "c=biws,r=abc,p=biws".into(),
            format!("c=biws,r=abc,p={}", STANDARD.encode([7; 33])),
        ] {
            assert_eq!(read(bad.clone()), Err(ScramRefusal::Malformed), "{bad}");
        }
    }
}
