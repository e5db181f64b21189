//! Envelopes, and how far their recipients have come.

use std::borrow::Cow;

use hve_types::{BodyKind, Envelope, Notify, Recipient, Return};
use serde::{Deserialize, Serialize};

use super::{damaged, json, parse, to_address};
use crate::StoreError;

#[derive(Serialize, Deserialize)]
struct EnvelopeForm<'a> {
    #[serde(borrow)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to: Vec<RecipientForm<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<BodyForm>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    smtputf8: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ret: Option<ReturnForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    envid: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct RecipientForm<'a> {
    #[serde(borrow)]
    to: Cow<'a, str>,
    /// NEVER is the empty list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notify: Option<Vec<NotifyForm>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    orcpt: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BodyForm {
    #[serde(rename = "8bitmime")]
    EightBitMime,
    BinaryMime,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReturnForm {
    Full,
    Hdrs,
}

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum NotifyForm {
    Success,
    Failure,
    Delay,
}

pub(crate) fn envelope(envelope: &Envelope) -> String {
    let form = EnvelopeForm {
        from: envelope.sender.as_ref().map(|from| from.as_str().into()),
        to: envelope.recipients.iter().map(recipient_form).collect(),
        body: match envelope.body {
            BodyKind::EightBitMime => Some(BodyForm::EightBitMime),
            BodyKind::BinaryMime => Some(BodyForm::BinaryMime),
            _ => None,
        },
        smtputf8: envelope.smtputf8,
        ret: envelope.ret.map(|ret| match ret {
            Return::Headers => ReturnForm::Hdrs,
            _ => ReturnForm::Full,
        }),
        envid: envelope.envid.as_deref().map(Into::into),
    };
    json(&form)
}

fn recipient_form(recipient: &Recipient) -> RecipientForm<'_> {
    RecipientForm {
        to: recipient.address.as_str().into(),
        notify: recipient.notify.map(|notify| match notify {
            Notify::On {
                success,
                failure,
                delay,
            } => [
                success.then_some(NotifyForm::Success),
                failure.then_some(NotifyForm::Failure),
                delay.then_some(NotifyForm::Delay),
            ]
            .into_iter()
            .flatten()
            .collect(),
            _ => Vec::new(),
        }),
        orcpt: recipient.orcpt.as_deref().map(Into::into),
    }
}

pub(crate) fn to_envelope(text: &str) -> Result<Envelope, StoreError> {
    let form: EnvelopeForm<'_> = parse("envelope", text)?;
    let to_recipient = |form: RecipientForm<'_>| {
        Ok(Recipient {
            address: to_address(&form.to)?,
            notify: form.notify.map(|on| {
                if on.is_empty() {
                    Notify::Never
                } else {
                    Notify::On {
                        success: on.contains(&NotifyForm::Success),
                        failure: on.contains(&NotifyForm::Failure),
                        delay: on.contains(&NotifyForm::Delay),
                    }
                }
            }),
            orcpt: form.orcpt.map(Into::into),
        })
    };
    Ok(Envelope {
        sender: form.from.as_deref().map(to_address).transpose()?,
        recipients: form
            .to
            .into_iter()
            .map(to_recipient)
            .collect::<Result<_, StoreError>>()?,
        body: match form.body {
            None => BodyKind::SevenBit,
            Some(BodyForm::EightBitMime) => BodyKind::EightBitMime,
            Some(BodyForm::BinaryMime) => BodyKind::BinaryMime,
        },
        smtputf8: form.smtputf8,
        ret: form.ret.map(|ret| match ret {
            ReturnForm::Full => Return::Full,
            ReturnForm::Hdrs => Return::Headers,
        }),
        envid: form.envid.map(Into::into),
    })
}

/// How far one recipient has come, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(crate) enum ProgressForm {
    Waiting {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Delivered,
    Failed {
        reason: String,
    },
}

pub(crate) fn to_progress(
    text: Option<&str>,
    recipients: usize,
) -> Result<Vec<ProgressForm>, StoreError> {
    let Some(text) = text else {
        return Ok(vec![ProgressForm::Waiting { reason: None }; recipients]);
    };
    let progress: Vec<ProgressForm> = parse("progress", text)?;
    if progress.len() == recipients {
        Ok(progress)
    } else {
        Err(damaged("progress", "another number of recipients"))
    }
}

#[cfg(test)]
mod tests {
    use hve_types::Address;

    use super::*;

    #[test]
    fn an_envelope_survives_with_every_wish() {
        let address = |text: &str| Address::parse(text).unwrap();
        let full = Envelope {
            sender: Some(address("Scan.2@contoso.test")),
            recipients: vec![
                Recipient::new(address("\u{e9}ve@contoso.test")),
                Recipient {
                    address: address("b@contoso.test"),
                    notify: Some(Notify::Never),
                    orcpt: Some("rfc822;b\"+2B@contoso.test".into()),
                },
                Recipient {
                    address: address("c@contoso.test"),
                    notify: Some(Notify::On {
                        success: true,
                        failure: false,
                        delay: true,
                    }),
                    orcpt: None,
                },
            ],
            body: BodyKind::BinaryMime,
            smtputf8: true,
            ret: Some(Return::Headers),
            envid: Some("a+2Bb".into()),
        };
        assert_eq!(to_envelope(&envelope(&full)).unwrap(), full);
        let plain = Envelope {
            sender: None,
            recipients: vec![Recipient::new(address("b@contoso.test"))],
            body: BodyKind::SevenBit,
            smtputf8: false,
            ret: None,
            envid: None,
        };
        let text = envelope(&plain);
        assert_eq!(text, r#"{"from":null,"to":[{"to":"b@contoso.test"}]}"#);
        assert_eq!(to_envelope(&text).unwrap(), plain);
    }

    #[test]
    fn damage_is_named_and_never_a_panic() {
        for text in [
            "",
            "{",
            "null",
            r#"{"from":null,"to":[{"to":"no address"}]}"#,
        ] {
            assert!(matches!(to_envelope(text), Err(StoreError::Corrupt(_))));
        }
        assert!(to_progress(Some("[]"), 1).is_err());
    }
}
