//! What a message needs of the peer, held against what the peer offers.

use hve_types::{Address, BodyKind, Envelope};

use super::{Cause, offer::Offer};

/// How a message is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What BODY says; nothing for `SevenBit`.
    pub(super) body: BodyKind,
    /// SMTPUTF8 is said.
    pub(super) smtputf8: bool,
}

/// Decides how a message can be sent.
///
/// # Errors
/// Why it cannot, to anybody.
pub(super) fn plan(envelope: &Envelope, content: &[u8], offer: &Offer) -> Result<Plan, Cause> {
    // RFC 1870 §5: what counts is the message without stuffed dots.
    let octets = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if offer.octets_max.is_some_and(|max| octets > max) {
        return Err(Cause::MessageTooLarge);
    }
    let binary = envelope.body == BodyKind::BinaryMime;
    if binary && !(offer.binary && offer.chunking) {
        return Err(Cause::BinaryNotOffered);
    }
    if !binary && has_bare_line_end(content) {
        return Err(Cause::BareLineEnds);
    }
    let body = match envelope.body {
        BodyKind::BinaryMime => BodyKind::BinaryMime,
        // RFC 6152 §3: declared, or in truth.
        _ if offer.eight_bit
            && (envelope.body == BodyKind::EightBitMime || !content.is_ascii()) =>
        {
            BodyKind::EightBitMime
        }
        _ if content.is_ascii() => BodyKind::SevenBit,
        _ => return Err(Cause::EightBitNotOffered),
    };
    let sender = envelope.sender.as_ref();
    let header_needs = || envelope.smtputf8 && !header(content).is_ascii();
    if !offer.smtputf8 && (sender.is_some_and(Address::is_internationalised) || header_needs()) {
        return Err(Cause::SmtpUtf8NotOffered);
    }
    let addresses = sender
        .into_iter()
        .chain(envelope.recipients.iter().map(|r| &r.address));
    let wanted = envelope.smtputf8 || addresses.into_iter().any(Address::is_internationalised);
    Ok(Plan {
        body,
        smtputf8: offer.smtputf8 && wanted,
    })
}

/// Whether this recipient can be named to the peer (RFC 6531 §3.2).
pub(super) fn can_be_named(address: &Address, offer: &Offer) -> bool {
    offer.smtputf8 || !address.is_internationalised()
}

/// The header, or all where there is no body.
fn header(content: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(content, b"\r\n\r\n").unwrap_or(content.len());
    content.get(..end).unwrap_or(content)
}

/// A CR or LF that is not part of a CRLF (RFC 5321 §2.3.8).
fn has_bare_line_end(content: &[u8]) -> bool {
    let mut at = 0;
    while let Some(rest) = content.get(at..) {
        let Some(found) = memchr::memchr2(b'\r', b'\n', rest) else {
            return false;
        };
        if !rest
            .get(found..)
            .is_some_and(|end| end.starts_with(b"\r\n"))
        {
            return true;
        }
        at += found + 2;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use hve_types::Recipient;

    fn envelope(body: BodyKind, smtputf8: bool) -> Envelope {
        Envelope {
            sender: Some("a@b.test".parse().unwrap()),
            recipients: vec![Recipient::new("é@b.test".parse().unwrap())],
            body,
            smtputf8,
            ret: None,
            envid: None,
        }
    }

    fn check(body: BodyKind, content: &str, offer: &str, expected: Result<&str, Cause>) {
        let offer = Offer::read(&format!(
            "mx\n{}",
            offer.replace(' ', "\n").replace('=', " ")
        ));
        let found = plan(&envelope(body, true), content.as_bytes(), &offer);
        let found = found.map(|plan| {
            let body = match plan.body {
                BodyKind::BinaryMime => "binary",
                BodyKind::EightBitMime => "8bit",
                _ => "7bit",
            };
            format!("{body}{}", if plan.smtputf8 { " utf8" } else { "" })
        });
        assert_eq!(
            found.as_deref().map_err(|c| *c),
            expected,
            "{content:?} {offer:?}"
        );
    }

    #[test]
    fn eight_bits_are_declared_or_refused() {
        use BodyKind::{BinaryMime, EightBitMime, SevenBit};
        check(SevenBit, "x\r\n", "", Ok("7bit"));
        check(EightBitMime, "x\r\n", "", Ok("7bit"));
        check(EightBitMime, "x\r\n", "8BITMIME", Ok("8bit"));
        check(SevenBit, "x\r\n\r\né\r\n", "8BITMIME", Ok("8bit"));
        check(
            EightBitMime,
            "x\r\n\r\né\r\n",
            "",
            Err(Cause::EightBitNotOffered),
        );
        check(BinaryMime, "x\n", "BINARYMIME CHUNKING", Ok("binary"));
        check(
            BinaryMime,
            "x\r\n",
            "8BITMIME CHUNKING",
            Err(Cause::BinaryNotOffered),
        );
        check(
            BinaryMime,
            "x\r\n",
            "8BITMIME BINARYMIME",
            Err(Cause::BinaryNotOffered),
        );
    }

    #[test]
    fn utf8_in_a_header_needs_smtputf8_and_in_a_body_it_does_not() {
        use BodyKind::EightBitMime;
        let header = "Subject: é\r\n\r\nx\r\n";
        check(
            EightBitMime,
            header,
            "8BITMIME",
            Err(Cause::SmtpUtf8NotOffered),
        );
        check(EightBitMime, header, "8BITMIME SMTPUTF8", Ok("8bit utf8"));
        check(EightBitMime, "a: b\r\n\r\né\r\n", "8BITMIME", Ok("8bit"));
    }

    #[test]
    fn size_and_bare_line_ends() {
        use BodyKind::SevenBit;
        check(SevenBit, "12345678\r\n", "SIZE=10", Ok("7bit"));
        check(
            SevenBit,
            "123456789\r\n",
            "SIZE=10",
            Err(Cause::MessageTooLarge),
        );
        for bad in ["a\nb", "\n", "a\r", "\r\n\r\r\n", "a\r\n.\n", "\n\r"] {
            check(SevenBit, bad, "", Err(Cause::BareLineEnds));
        }
    }
}
