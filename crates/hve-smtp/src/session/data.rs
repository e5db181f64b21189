//! The message: DATA, BDAT, and its way to the host.

use hve_types::{Address, BodyKind, QueueId};

use super::{Asked, Phase, Session, Transaction, transaction::Message};
use crate::{
    DataRequest, Leniency, Now, Question, Refusal, Submission,
    body::{Body, DotDecoder, length},
    command::{self, Verb},
    message::{self, Context, lenient, trace::Trace},
    refusals,
    reply::push_number,
};

/// A chunk being read (RFC 3030 §2).
#[derive(Debug)]
pub(super) struct Chunk {
    /// Octets still to come.
    left: u64,
    /// Octets in all.
    octets: u64,
    last: bool,
    /// Said when the chunk is over; its octets are read all the same, or they would be taken for
    /// commands.
    refusal: Option<Refusal>,
}

impl Session {
    pub(super) fn data(&mut self, line: &[u8], rest: &str, now: Now) -> Result<(), Refusal> {
        if self.transaction.is_none() && self.aftermath {
            self.refuse(refusals::MAIL_FIRST, "DATA", now);
            return Ok(());
        }
        let (recipients, declared_octets) = self.may_have_message()?;
        let transaction = self.transaction.as_ref();
        if transaction.is_some_and(|t| t.message.is_some()) {
            return Err(refusals::CHUNKS_BEGUN);
        }
        // RFC 3030 §3.
        if transaction.is_some_and(|t| t.is_binary()) {
            return Err(refusals::BINARY_BY_DATA);
        }
        command::no_argument("DATA", rest)?;
        if !matches!(
            command::second_opinion(line),
            Some(smtp_proto::Request::Data)
        ) {
            return Err(refusals::UNKNOWN_COMMAND);
        }
        self.ask_for_message(None, recipients, declared_octets);
        Ok(())
    }

    /// BDAT. Whatever is wrong with it, the octets it announces are read before the reply; where
    /// it announces nothing that can be read, the session ends.
    pub(super) fn bdat(&mut self, line: &[u8], rest: &str, now: Now) {
        let (octets, last) = match command::bdat(line, rest) {
            Ok(chunk) => chunk,
            Err(refusal) => return self.fault(refusal, "BDAT", now),
        };
        let chunk = Chunk {
            left: octets,
            octets,
            last,
            refusal: None,
        };
        let allowed = self.may_come(Verb::Bdat);
        match allowed.and_then(|()| self.may_have_message()) {
            Err(refusal) => self.refuse_chunk(chunk, refusal, now),
            Ok((recipients, declared)) => {
                if self.message_octets().is_some() {
                    self.begin_chunk(chunk, now);
                } else {
                    self.ask_for_message(Some(chunk), recipients, declared);
                }
            }
        }
    }

    /// How many recipients and what size, where a message may come (RFC 5321 §4.1.1.4).
    fn may_have_message(&self) -> Result<(usize, Option<u64>), Refusal> {
        let Some(transaction) = &self.transaction else {
            return Err(refusals::MAIL_FIRST);
        };
        match transaction.envelope.recipients.len() {
            0 if transaction.refused_recipients => Err(refusals::NO_RECIPIENTS),
            0 => Err(refusals::RCPT_FIRST),
            recipients => Ok((recipients, transaction.declared_octets)),
        }
    }

    fn ask_for_message(
        &mut self,
        chunk: Option<Chunk>,
        recipients: usize,
        declared_octets: Option<u64>,
    ) {
        self.question = Some(Question::Data(DataRequest {
            recipients,
            declared_octets,
        }));
        self.asked = Some(Asked::Data(chunk));
    }

    pub(super) fn refuse_chunk(&mut self, mut chunk: Chunk, refusal: Refusal, now: Now) {
        let limits = &self.config.limits;
        if refusal.close {
            return self.refuse(refusal, "BDAT", now);
        }
        if chunk.left > limits.overrun_octets {
            // Reading that much for nothing is worse than to go.
            return self.refuse(refusal.closing(), "BDAT", now);
        }
        self.clock.piece(now);
        chunk.refusal = Some(refusal);
        self.phase = Phase::Chunk(chunk);
    }

    /// Takes a chunk, unless it is announced so large that its end is not worth waiting for.
    fn begin_chunk(&mut self, chunk: Chunk, now: Now) {
        let overrun = self.config.limits.overrun_octets;
        let message = self.transaction.as_ref().and_then(|t| t.message.as_ref());
        if message.is_some_and(|m| m.body.would_be_hopeless(chunk.octets, overrun)) {
            self.transaction = None;
            return self.refuse(refusals::TOO_LARGE_LAST, "BDAT", now);
        }
        self.clock.piece(now);
        self.phase = Phase::Chunk(chunk);
    }

    /// The host lets the message come.
    pub(super) fn begin_body(
        &mut self,
        chunk: Option<Chunk>,
        queue_id: QueueId,
        message_octets: u64,
        reply_to: Option<Address>,
        now: Now,
    ) {
        let Some(mut transaction) = self.transaction.take() else {
            return;
        };
        let head = self.trace(&transaction, queue_id, now);
        // Chunks are cut by count: who can send them can end lines.
        let leniency = match chunk {
            None => self.leniency,
            Some(_) => Leniency::default(),
        };
        transaction.message = Some(Message {
            queue_id,
            head: head.len(),
            body: Body::new(head, message_octets, leniency.bare_lf),
            leniency,
            reply_to,
        });
        self.transaction = Some(transaction);
        self.clock.message(now);
        match chunk {
            Some(chunk) => self.begin_chunk(chunk, now),
            None => {
                self.clock.piece(now);
                self.say(b"354 Go on, end with a dot on a line of its own\r\n");
                self.phase = Phase::Data(DotDecoder::default());
            }
        }
    }

    fn trace(&self, transaction: &Transaction, queue_id: QueueId, now: Now) -> Vec<u8> {
        // A declared size is a claim: it never reserves much.
        let declared = transaction
            .declared_octets
            .unwrap_or(0)
            .clamp(4_096, 65_536);
        let mut head = Vec::with_capacity(1_024 + usize::try_from(declared).unwrap_or(0));
        let hello = self.hello.as_ref();
        Trace {
            hello: hello.map_or("unknown", |hello| &hello.name),
            extended: hello.is_some_and(|hello| hello.extended),
            peer: self.opening.peer.ip(),
            hostname: &self.config.hostname,
            tls: self.opening.tls.as_ref(),
            signed_in: self.user.is_some(),
            smtputf8: transaction.envelope.smtputf8,
            queue_id,
            only_recipient: match transaction.envelope.recipients.as_slice() {
                [only] => Some(&only.address),
                _ => None,
            },
            at: now.utc,
        }
        .write(&mut head);
        head
    }

    /// Takes octets of a message, if one is coming; returns how many were used.
    pub(super) fn take_body(&mut self, bytes: &[u8]) -> usize {
        let transaction = self.transaction.as_deref_mut();
        match &mut self.phase {
            Phase::Data(decoder) => {
                let Some(message) = transaction.and_then(|t| t.message.as_mut()) else {
                    return 0;
                };
                let (used, ended) = decoder.decode(bytes, &mut message.body);
                if ended {
                    self.phase = Phase::DataComplete;
                }
                used
            }
            Phase::Chunk(chunk) => {
                let used = usize::try_from(chunk.left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                let piece = bytes.get(..used).unwrap_or_default();
                chunk.left = chunk.left.saturating_sub(length(piece));
                if chunk.refusal.is_none()
                    && let Some(transaction) = transaction
                {
                    let binary = transaction.is_binary();
                    if let Some(message) = &mut transaction.message {
                        message.body.chunk(piece, binary);
                    }
                }
                used
            }
            _ => 0,
        }
    }

    fn take_body_from_inbox(&mut self) {
        let mut inbox = std::mem::take(&mut self.inbox);
        let used = self.take_body(inbox.pending());
        inbox.consume(used);
        self.inbox = inbox;
    }

    /// Octets of the message so far, once it has begun.
    pub(super) fn message_octets(&self) -> Option<u64> {
        let message = self.transaction.as_ref()?.message.as_ref()?;
        Some(message.body.octets)
    }

    /// Octets of the text or of the chunk so far, for the deadline.
    pub(super) fn piece_octets(&self) -> u64 {
        match &self.phase {
            Phase::Chunk(chunk) => chunk.octets.saturating_sub(chunk.left),
            _ => self.message_octets().unwrap_or(0),
        }
    }

    fn is_hopeless(&self) -> bool {
        let message = self.transaction.as_ref().and_then(|t| t.message.as_ref());
        message.is_some_and(|m| m.body.hopeless(self.config.limits.overrun_octets))
    }

    pub(super) fn read_data(&mut self, now: Now) -> bool {
        if matches!(self.phase, Phase::Data(_)) {
            self.take_body_from_inbox();
        }
        if self.is_hopeless() {
            self.transaction = None;
            self.refuse(refusals::TOO_LARGE_LAST, "message", now);
            return true;
        }
        let complete = matches!(self.phase, Phase::DataComplete);
        if complete {
            self.end_of_message(now);
        }
        complete
    }

    pub(super) fn read_chunk(&mut self, now: Now) -> bool {
        self.take_body_from_inbox();
        if self.is_hopeless() {
            self.transaction = None;
            self.refuse(refusals::TOO_LARGE_LAST, "message", now);
            return true;
        }
        let Phase::Chunk(chunk) = &mut self.phase else {
            return false;
        };
        if chunk.left > 0 {
            return false;
        }
        let (octets, last, refusal) = (chunk.octets, chunk.last, chunk.refusal.take());
        self.phase = Phase::Command;
        self.clock.wait(now);
        let message = self.transaction.as_ref().and_then(|t| t.message.as_ref());
        let too_large = message.is_some_and(|m| m.body.too_large());
        match refusal {
            // A client that sends ahead has not heard of the refusal before.
            Some(refusal) if self.aftermath => self.refuse(refusal, "BDAT", now),
            Some(refusal) => self.fault(refusal, "BDAT", now),
            None if last => self.end_of_message(now),
            // RFC 3030 §2: said at once, and the message is over.
            None if too_large => {
                self.transaction = None;
                self.aftermath = true;
                self.refuse(refusals::TOO_LARGE, "BDAT", now);
            }
            None => {
                self.say(b"250 2.0.0 ");
                push_number(&mut self.out, octets);
                self.say(b" octets received\r\n");
            }
        }
        true
    }

    /// The whole message is here: it is judged, put right and handed to the host.
    fn end_of_message(&mut self, now: Now) {
        self.phase = Phase::Command;
        self.clock.wait(now);
        let Some(transaction) = self.transaction.take() else {
            return;
        };
        match self.submission(*transaction, now) {
            Ok(submission) => {
                self.asked = Some(Asked::Submit(submission.queue_id));
                self.question = Some(Question::Submit(Box::new(submission)));
            }
            Err(refusal) => self.refuse(refusal, "message", now),
        }
    }

    fn submission(&self, transaction: Transaction, now: Now) -> Result<Submission, Refusal> {
        let binary = transaction.is_binary();
        let Transaction {
            mut envelope,
            message,
            ..
        } = transaction;
        let (Some(message), Some(account)) = (message, self.user.as_ref()) else {
            return Err(refusals::HOST_BUG);
        };
        let Message {
            queue_id,
            mut body,
            head,
            leniency,
            reply_to,
        } = message;
        body.end_of_chunks();
        if body.too_large() {
            return Err(refusals::TOO_LARGE);
        }
        if body.bare {
            if !leniency.bare_lf {
                return Err(refusals::BARE_LINE_END);
            }
            body.bytes = lenient::end_lines(&body.bytes, head, body.limit)?;
        }
        // RFC 5322 §3.5 has no NUL in text, and next hops drop or cut at it.
        if !binary && body.nul {
            return Err(refusals::NUL_IN_TEXT);
        }
        let trace_is_ascii = body.bytes.get(..head).is_some_and(<[u8]>::is_ascii);
        if envelope.body == BodyKind::SevenBit && !(body.is_ascii() && trace_is_ascii) {
            envelope.body = BodyKind::EightBitMime;
        }
        let context = Context {
            hostname: &self.config.hostname,
            queue_id,
            account,
            at: now.utc,
            reply_to: reply_to.as_ref(),
            reserved: &self.config.reserved_fields,
            binary,
        };
        let fixed = message::fix(body.bytes, head, &self.config.limits, &context)?;
        Ok(Submission {
            queue_id,
            envelope,
            content: if leniency.long_lines {
                lenient::wrap(fixed.content)
            } else {
                fixed.content
            },
            from: fixed.from,
            sender: fixed.sender,
            message_id: fixed.message_id,
            received_octets: body.octets,
        })
    }

    pub(super) fn queued(&mut self, queue_id: QueueId) {
        self.counts.messages = self.counts.messages.saturating_add(1);
        self.counts.idle_commands = 0;
        self.say(b"250 2.0.0 Queued as ");
        self.say(queue_id.to_string().as_bytes());
        self.say(b"\r\n");
    }
}
