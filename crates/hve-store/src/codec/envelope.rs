//! Envelopes, and how far their recipients have come.
//!
//! Sender and recipients are plain text, an address a line: this is written for every message.
//! What few clients ask for is JSON in a column of its own, and mostly absent.

use std::borrow::Cow;

use hve_types::{BodyKind, Envelope, Notify, Recipient, Return};
use serde::{Deserialize, Serialize};

use super::{damaged, json, parse, to_address};
use crate::StoreError;

/// Appends the recipients' addresses, each on a line. An address holds no control characters.
pub(crate) fn recipients(envelope: &Envelope, text: &mut String) {
    for (index, recipient) in envelope.recipients.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        text.push_str(recipient.address.as_str());
    }
}

/// Whatever else the client asked for; mostly nothing.
pub(crate) fn wishes(envelope: &Envelope) -> Option<String> {
    let form = WishesForm {
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
        of: envelope
            .recipients
            .iter()
            .enumerate()
            .filter_map(|(index, recipient)| recipient_form(index, recipient))
            .collect(),
    };
    (form != WishesForm::default()).then(|| json(&form))
}

/// The check sum of an envelope's columns.
pub(crate) fn envelope_sum(sender: Option<&str>, recipients: &str, wishes: Option<&str>) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    for text in [
        sender.unwrap_or_default(),
        recipients,
        wishes.unwrap_or_default(),
    ] {
        sum.update(text.as_bytes());
        sum.update(b"\n");
    }
    sum.finalize()
}

/// The envelope of these columns.
pub(crate) fn to_envelope(
    sender: Option<&str>,
    recipients: &str,
    wishes: Option<&str>,
) -> Result<Envelope, StoreError> {
    let wishes: WishesForm<'_> = match wishes {
        Some(text) => parse("envelope", text)?,
        None => WishesForm::default(),
    };
    let mut envelope = Envelope {
        sender: sender.map(to_address).transpose()?,
        recipients: recipients
            .split('\n')
            .map(|text| to_address(text).map(Recipient::new))
            .collect::<Result<_, _>>()?,
        body: match wishes.body {
            None => BodyKind::SevenBit,
            Some(BodyForm::EightBitMime) => BodyKind::EightBitMime,
            Some(BodyForm::BinaryMime) => BodyKind::BinaryMime,
        },
        smtputf8: wishes.smtputf8,
        ret: wishes.ret.map(|ret| match ret {
            ReturnForm::Full => Return::Full,
            ReturnForm::Hdrs => Return::Headers,
        }),
        envid: wishes.envid.map(Into::into),
    };
    for form in wishes.of {
        let place = envelope.recipients.get_mut(form.index);
        let place = place.ok_or_else(|| damaged("recipient", &form.index.to_string()))?;
        place.notify = form.notify.map(|on| to_notify(&on));
        place.orcpt = form.orcpt.map(Into::into);
    }
    Ok(envelope)
}

#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct WishesForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<BodyForm>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    smtputf8: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ret: Option<ReturnForm>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    envid: Option<Cow<'a, str>>,
    /// Those of single recipients.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    of: Vec<RecipientForm<'a>>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct RecipientForm<'a> {
    /// Which of the envelope's recipients, from 0.
    index: usize,
    /// NEVER is the empty list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notify: Option<Vec<NotifyForm>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    orcpt: Option<Cow<'a, str>>,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BodyForm {
    #[serde(rename = "8bitmime")]
    EightBitMime,
    BinaryMime,
}

#[derive(PartialEq, Serialize, Deserialize)]
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

fn recipient_form(index: usize, recipient: &Recipient) -> Option<RecipientForm<'_>> {
    if recipient.notify.is_none() && recipient.orcpt.is_none() {
        return None;
    }
    Some(RecipientForm {
        index,
        notify: recipient.notify.map(notify_form),
        orcpt: recipient.orcpt.as_deref().map(Into::into),
    })
}

fn notify_form(notify: Notify) -> Vec<NotifyForm> {
    let Notify::On {
        success,
        failure,
        delay,
    } = notify
    else {
        return Vec::new();
    };
    [
        success.then_some(NotifyForm::Success),
        failure.then_some(NotifyForm::Failure),
        delay.then_some(NotifyForm::Delay),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn to_notify(on: &[NotifyForm]) -> Notify {
    if on.is_empty() {
        return Notify::Never;
    }
    Notify::On {
        success: on.contains(&NotifyForm::Success),
        failure: on.contains(&NotifyForm::Failure),
        delay: on.contains(&NotifyForm::Delay),
    }
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
    Expanded {
        members: u64,
    },
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

    fn survives(envelope: &Envelope) -> Option<String> {
        let (mut to, wishes) = (String::new(), wishes(envelope));
        recipients(envelope, &mut to);
        let sender = envelope.sender.as_ref().map(Address::as_str);
        let back = to_envelope(sender, &to, wishes.as_deref());
        assert_eq!(back.unwrap(), *envelope);
        wishes
    }

    #[test]
    fn an_envelope_survives_with_every_wish() {
        let address = |text: &str| Address::parse(text).unwrap();
        let mut envelope = Envelope {
            sender: None,
            recipients: vec![
                Recipient::new(address("\u{e9}ve@contoso.test")),
                Recipient::new(address("b@contoso.test")),
                Recipient::new(address("c@contoso.test")),
            ],
            body: BodyKind::SevenBit,
            smtputf8: false,
            ret: None,
            envid: None,
        };
        assert_eq!(survives(&envelope), None, "nothing is asked for");
        envelope.sender = Some(address("Scan.2@contoso.test"));
        envelope.recipients[1].notify = Some(Notify::Never);
        envelope.recipients[1].orcpt = Some("rfc822;b\"+2B@contoso.test".into());
        envelope.recipients[2].notify = Some(Notify::On {
            success: true,
            failure: false,
            delay: true,
        });
        envelope.body = BodyKind::BinaryMime;
        envelope.smtputf8 = true;
        envelope.ret = Some(Return::Headers);
        envelope.envid = Some("a+2Bb".into());
        let wishes = survives(&envelope).unwrap();
        assert!(
            wishes.starts_with(r#"{"body":"binarymime","smtputf8":true,"ret":"hdrs""#),
            "{wishes}"
        );
    }

    #[test]
    fn damage_is_named_and_never_a_panic() {
        let one = "b@contoso.test";
        for (sender, to, wishes) in [
            (None, "", None),
            (None, "\n", None),
            (None, "no address", None),
            (Some(""), one, None),
            (None, one, Some("{")),
            (None, one, Some(r#"{"of":[{"index":1,"notify":[]}]}"#)),
            (None, one, Some(r#"{"body":"9bit"}"#)),
        ] {
            let error = to_envelope(sender, to, wishes).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt(_)), "{to:?} {wishes:?}");
        }
        assert!(to_progress(Some("[]"), 1).is_err());
    }
}
