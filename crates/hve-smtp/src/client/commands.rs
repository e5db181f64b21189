//! MAIL and RCPT as they are written. Addresses were parsed strictly and hold neither spaces nor
//! brackets; what came as text is looked at again, so that nothing is smuggled into a command.

use hve_types::{Address, BodyKind, Envelope, Notify, Recipient, Return};

use super::{needs::Plan, offer::Offer};
use crate::reply::push_number;

/// MAIL (RFC 5321 §4.1.1.2) with what the peer understands of the parameters.
pub(super) fn mail(
    out: &mut Vec<u8>,
    envelope: &Envelope,
    octets: usize,
    plan: &Plan,
    offer: &Offer,
) {
    let sender = envelope.sender.as_ref().map_or("", Address::as_str);
    push(out, &["MAIL FROM:<", sender, ">"]);
    if offer.size {
        // RFC 1870 §6.1.
        push(out, &[" SIZE="]);
        push_number(out, u64::try_from(octets).unwrap_or(u64::MAX));
    }
    match plan.body {
        BodyKind::BinaryMime => push(out, &[" BODY=BINARYMIME"]),
        BodyKind::EightBitMime => push(out, &[" BODY=8BITMIME"]),
        _ => {}
    }
    if plan.smtputf8 {
        push(out, &[" SMTPUTF8"]);
    }
    if offer.dsn {
        match envelope.ret {
            Some(Return::Full) => push(out, &[" RET=FULL"]),
            Some(Return::Headers) => push(out, &[" RET=HDRS"]),
            _ => {}
        }
        if let Some(envid) = parameter(envelope.envid.as_deref()) {
            push(out, &[" ENVID=", envid]);
        }
    }
    push(out, &["\r\n"]);
}

/// RCPT (RFC 5321 §4.1.1.3).
pub(super) fn rcpt(out: &mut Vec<u8>, recipient: &Recipient, offer: &Offer) {
    push(out, &["RCPT TO:<", recipient.address.as_str(), ">"]);
    if offer.dsn {
        // RFC 3461 §5.2.1: wishes are passed on as they came.
        if let Some(notify) = recipient.notify {
            push_notify(out, notify);
        }
        if let Some(orcpt) = parameter(recipient.orcpt.as_deref()) {
            push(out, &[" ORCPT=", orcpt]);
        }
    }
    push(out, &["\r\n"]);
}

/// NOTIFY (RFC 3461 §4.1).
fn push_notify(out: &mut Vec<u8>, notify: Notify) {
    let Notify::On {
        success,
        failure,
        delay,
    } = notify
    else {
        push(out, &[" NOTIFY=NEVER"]);
        return;
    };
    let wishes = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
    let mut before = " NOTIFY=";
    for (_, name) in wishes.into_iter().filter(|(wished, _)| *wished) {
        push(out, &[before, name]);
        before = ",";
    }
}

fn push(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A value that fits into a command: visible ASCII, at most the 500 octets of RFC 3461 §4.2.
fn parameter(text: Option<&str>) -> Option<&str> {
    text.filter(|text| {
        (1..=500).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'!'..=b'~'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(envelope: &Envelope, plan: &Plan, offer: &str) -> String {
        let offer = Offer::read(offer);
        let mut out = Vec::new();
        mail(&mut out, envelope, 1_000, plan, &offer);
        for recipient in &envelope.recipients {
            rcpt(&mut out, recipient, &offer);
        }
        String::from_utf8(out).unwrap()
    }

    fn envelope() -> Envelope {
        let notify = Notify::On {
            success: true,
            failure: false,
            delay: true,
        };
        Envelope {
            sender: Some("hve01@contoso.test".parse().unwrap()),
            recipients: vec![
                Recipient {
                    notify: Some(notify),
                    orcpt: Some("rfc822;all@contoso.test".into()),
                    ..Recipient::new("a@contoso.test".parse().unwrap())
                },
                Recipient {
                    notify: Some(Notify::Never),
                    ..Recipient::new("b@contoso.test".parse().unwrap())
                },
            ],
            body: BodyKind::EightBitMime,
            smtputf8: true,
            ret: Some(Return::Headers),
            envid: Some("QQ314159".into()),
        }
    }

    #[test]
    fn parameters_are_said_where_they_are_understood() {
        let plan = Plan {
            body: BodyKind::EightBitMime,
            smtputf8: true,
        };
        assert_eq!(
            written(&envelope(), &plan, "mx\nSIZE\nDSN"),
            "MAIL FROM:<hve01@contoso.test> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159\r\n\
             RCPT TO:<a@contoso.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;all@contoso.test\r\n\
             RCPT TO:<b@contoso.test> NOTIFY=NEVER\r\n"
        );
        assert_eq!(
            written(&envelope(), &Plan::default(), "mx"),
            "MAIL FROM:<hve01@contoso.test>\r\nRCPT TO:<a@contoso.test>\r\nRCPT TO:<b@contoso.test>\r\n"
        );
    }

    #[test]
    fn row_37_nothing_is_smuggled_into_a_command() {
        let mut envelope = envelope();
        envelope.sender = None;
        envelope.recipients.truncate(1);
        for bad in ["x\r\nRSET", "x y", "é", "", &"x".repeat(501)] {
            envelope.envid = Some(bad.into());
            envelope.recipients[0].orcpt = Some(bad.into());
            assert_eq!(
                written(&envelope, &Plan::default(), "mx\nDSN"),
                "MAIL FROM:<> RET=HDRS\r\nRCPT TO:<a@contoso.test> NOTIFY=SUCCESS,DELAY\r\n"
            );
        }
    }
}
