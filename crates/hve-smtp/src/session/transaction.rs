//! The envelope: MAIL and RCPT, and what the host says to them.

use hve_types::{Address, BodyKind, Envelope, QueueId, Recipient};

use super::{Session, data::Chunk};
use crate::{
    Leniency, MailRequest, Now, Question, RcptRequest, Refusal,
    body::Body,
    params::{self, MailCommand},
    refusals,
    sasl::Ahead,
};

/// What the open question is about.
#[derive(Debug)]
pub(super) enum Asked {
    SignIn(Ahead),
    Mail,
    Rcpt {
        recipient: Recipient,
        key: u64,
    },
    /// With the first chunk where the client uses BDAT.
    Data(Option<Chunk>),
    Submit(QueueId),
}

/// One message on its way.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    pub(super) declared_octets: Option<u64>,
    pub(super) refused_recipients: bool,
    /// The [`key`] of each recipient, so that a repeated one is found quickly in a long list.
    keys: Vec<u64>,
    pub(super) message: Option<Message>,
}

/// The message itself, once the host has let it come.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) queue_id: QueueId,
    pub(super) body: Body,
    /// Octets of the trace line.
    pub(super) head: usize,
    pub(super) leniency: Leniency,
    pub(super) reply_to: Option<Address>,
}

impl Transaction {
    pub(super) fn is_binary(&self) -> bool {
        self.envelope.body == BodyKind::BinaryMime
    }

    fn has(&self, address: &Address, key: u64) -> bool {
        self.keys.contains(&key)
            && self
                .envelope
                .recipients
                .iter()
                .any(|recipient| recipient.address == *address)
    }
}

impl Session {
    pub(super) fn mail(&mut self, line: &[u8], rest: &str, now: Now) -> Result<(), Refusal> {
        // RFC 5321 §4.1.4: no nested MAIL.
        if self.transaction.is_some() {
            return Err(refusals::MAIL_ALREADY);
        }
        // RFC 9422: MAILMAX.
        if self.opening.messages > 0 && self.counts.messages >= self.opening.messages {
            self.refuse(refusals::TOO_MANY_MESSAGES, "MAIL", now);
            return Ok(());
        }
        // Until the sender is accepted.
        self.aftermath = true;
        let command = params::mail(line, rest)?;
        // RFC 1870 §6.1: what is declared too large need not come.
        let limit = self.opening.message_octets;
        if limit > 0 && command.declared_octets.is_some_and(|octets| octets > limit) {
            self.refuse(refusals::TOO_LARGE, "MAIL", now);
            return Ok(());
        }
        self.begin(command);
        Ok(())
    }

    fn begin(&mut self, command: MailCommand) {
        let MailCommand {
            sender,
            declared_octets,
            body,
            smtputf8,
            ret,
            envid,
        } = command;
        self.question = Some(Question::Mail(MailRequest {
            sender: sender.clone(),
            declared_octets,
            body,
            smtputf8,
            ret,
            envid: envid.clone(),
        }));
        self.asked = Some(Asked::Mail);
        self.transaction = Some(Box::new(Transaction {
            envelope: Envelope {
                sender,
                recipients: Vec::new(),
                body,
                smtputf8,
                ret,
                envid,
            },
            declared_octets,
            refused_recipients: false,
            keys: Vec::new(),
            message: None,
        }));
    }

    pub(super) fn sender_accepted(&mut self) {
        self.aftermath = false;
        self.say(b"250 2.1.0 Sender ok\r\n");
    }

    pub(super) fn rcpt(&mut self, line: &[u8], rest: &str, now: Now) -> Result<(), Refusal> {
        let Some(transaction) = &self.transaction else {
            if self.aftermath {
                self.refuse_recipient(refusals::MAIL_FIRST, now);
                return Ok(());
            }
            return Err(refusals::MAIL_FIRST);
        };
        if transaction.message.is_some() {
            return Err(refusals::CHUNKS_BEGUN);
        }
        let recipient = match params::rcpt(line, rest, transaction.envelope.smtputf8) {
            Ok(recipient) => recipient,
            // A list with some bad entries is no attack on the protocol.
            Err(refusal) => {
                self.refuse_recipient(refusal, now);
                return Ok(());
            }
        };
        let key = key(&recipient.address);
        if transaction.has(&recipient.address, key) {
            // Told once, asked once, counted once, delivered once; the first wishes hold.
            self.say(RECIPIENT_OK);
            return Ok(());
        }
        let accepted = transaction.envelope.recipients.len();
        if accepted >= self.config.limits.recipients {
            // RFC 5321 §4.5.3.1.10.
            self.refuse_recipient(refusals::TOO_MANY_RECIPIENTS, now);
            return Ok(());
        }
        self.question = Some(Question::Rcpt(RcptRequest {
            recipient: recipient.clone(),
            accepted,
        }));
        self.asked = Some(Asked::Rcpt { recipient, key });
        Ok(())
    }

    pub(super) fn recipient_accepted(&mut self, recipient: Recipient, key: u64) {
        if let Some(transaction) = &mut self.transaction {
            transaction.keys.push(key);
            transaction.envelope.recipients.push(recipient);
        }
        self.say(RECIPIENT_OK);
    }

    /// The host says no to whatever was asked.
    pub(super) fn host_refused(&mut self, asked: Asked, refusal: Refusal, now: Now) {
        match asked {
            Asked::SignIn(ahead) => self.sign_in_answered_no(&ahead, refusal, now),
            Asked::Mail => {
                self.transaction = None;
                self.refuse(refusal, "MAIL", now);
            }
            Asked::Rcpt { .. } => self.refuse_recipient(refusal, now),
            Asked::Data(chunk) => {
                self.transaction = None;
                self.aftermath = true;
                match chunk {
                    None => self.refuse(refusal, "DATA", now),
                    Some(chunk) => self.refuse_chunk(chunk, refusal, now),
                }
            }
            Asked::Submit(_) => self.refuse(refusal, "message", now),
        }
    }
}

const RECIPIENT_OK: &[u8] = b"250 2.1.5 Recipient ok\r\n";

/// A quick hash that is the same for equal addresses. It only says which ones are worth a look,
/// so collisions, even made on purpose, cost time in proportion and nothing else.
fn key(address: &Address) -> u64 {
    let mut key = 0x9e37_79b9_7f4a_7c15_u64;
    for chunk in address.as_str().as_bytes().chunks(8) {
        let mut word = [0; 8];
        word.iter_mut()
            .zip(chunk)
            .for_each(|(to, from)| *to = *from);
        // Bit 5 is the case of ASCII letters.
        let word = u64::from_le_bytes(word) | 0x2020_2020_2020_2020;
        key = (key.rotate_left(23) ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_addresses_have_one_key() {
        let of = |text: &str| key(&Address::parse(text).unwrap());
        assert_eq!(of("User.Name@Contoso.test"), of("user.nAME@contoso.TEST"));
        assert_ne!(of("user1@contoso.test"), of("user2@contoso.test"));
        assert_ne!(of("a.user@contoso.test"), of("user.a@contoso.test"));
    }
}
