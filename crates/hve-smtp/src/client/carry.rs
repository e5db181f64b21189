//! A transaction from its begin to its outcome: what is said when, and what a reply leads to.

use std::sync::Arc;

use bytes::Bytes;
use hve_types::Envelope;

use super::{
    Awaited, Cause, Client, ClientStep, Failure, NotReady, PeerReply, Phase, Protocol, Stage,
    content::Progress, transaction::Transaction,
};
use crate::Now;

impl Client {
    /// Begins a transaction, after [`ClientStep::Ready`]. The outcome comes by
    /// [`ClientStep::Outcome`]; where the peer cannot take the message as it is, without a word
    /// to the peer. The content is a message with CRLF line ends, not dot-stuffed.
    ///
    /// # Errors
    /// [`NotReady`] where the connection is busy, not open or over; nothing was done.
    pub fn begin(&mut self, envelope: Envelope, content: Bytes, now: Now) -> Result<(), NotReady> {
        if self.phase != Phase::Ready || !self.replies.is_empty() || self.half_closed {
            return Err(NotReady);
        }
        self.transactions = self.transactions.saturating_add(1);
        self.clock.begin(now);
        self.phase = Phase::Talking;
        let transaction = Transaction::new(envelope, content, &self.offer, self.needs_reset);
        self.transaction = Some(Box::new(transaction));
        self.go_on();
        Ok(())
    }

    pub(super) fn transaction_replied(&mut self, awaited: Awaited, reply: &Arc<PeerReply>) {
        let Some(transaction) = &mut self.transaction else {
            return self.lost(Cause::UnexpectedReply);
        };
        let understood = match awaited {
            Awaited::Rset => reply.code == 250,
            Awaited::Mail => transaction.mail_replied(reply),
            Awaited::Rcpt(place) => transaction.rcpt_replied(place, reply),
            Awaited::Data => self.data_replied(reply),
            Awaited::Chunk => transaction.chunk_replied(reply),
            Awaited::End => transaction.end_replied(None, reply),
            Awaited::EndFor(place) => transaction.end_replied(Some(place), reply),
            _ => true,
        };
        if !understood {
            return self.end(Failure::misunderstood(awaited.stage(), reply));
        }
        // After a refusal the peer may hold the envelope, or what came of the chunks.
        self.needs_reset = match awaited {
            Awaited::Rset | Awaited::EndForNobody => false,
            Awaited::Mail => reply.code < 400,
            Awaited::End | Awaited::EndFor(_) if reply.code < 400 => false,
            _ => self.needs_reset,
        };
        self.go_on();
    }

    /// False where the reply makes no sense.
    fn data_replied(&mut self, reply: &Arc<PeerReply>) -> bool {
        let Some(transaction) = &mut self.transaction else {
            return false;
        };
        match (reply.code, transaction.has_accepted()) {
            (354, true) => transaction.begin_data(),
            // RFC 2920 §3.1: DATA was said before it was known that nobody gets the message. An
            // empty one ends it. With LMTP nothing would answer that (RFC 2033 §4.2): there the
            // connection ends instead, before the end of a message.
            (354, false) if self.config.protocol == Protocol::Smtp => {
                return self.command(Awaited::EndForNobody, |out| out.extend_from_slice(b".\r\n"));
            }
            (400..=599, _) => transaction.refuse(Stage::Data, reply),
            _ => return false,
        }
        true
    }

    /// Says what can be said now, and settles the transaction where nothing is left.
    pub(super) fn go_on(&mut self) {
        let window = self.window();
        // Not one by one: the commands of half a window go into one write.
        if self.awaited.len() <= window / 2 {
            while self.awaited.len() < window && self.say_next() {}
        }
        let said_all = self.transaction.as_ref().is_some_and(|t| t.has_said_all());
        if said_all && self.awaited.is_empty() {
            self.settle();
        }
    }

    /// How many replies may be awaited at once (RFC 2920 §3.1).
    fn window(&self) -> usize {
        if self.offer.pipelining {
            self.config.limits.pipelined_commands.max(1)
        } else {
            1
        }
    }

    /// Says one command; false where there is none, or where it has to wait.
    fn say_next(&mut self) -> bool {
        let awaits = !self.awaited.is_empty();
        match &mut self.transaction {
            Some(transaction) if transaction.has_more_to_say() => {
                if !awaits && !self.replies.is_empty() {
                    self.lost(Cause::UnsolicitedReply);
                    return false;
                }
                let awaited = transaction.say(&self.offer, awaits, &mut self.out);
                self.awaited.extend(awaited);
                awaited.is_some()
            }
            _ => false,
        }
    }

    /// The next octets of the message, where they can be sent.
    pub(super) fn next_piece(&mut self, now: Now) -> Option<Bytes> {
        // What the peer says in the middle of a message is heard out first.
        if self.awaited.is_empty() && !self.replies.is_empty() {
            return None;
        }
        let window = match self.config.protocol {
            // How many replies follow a chunk that is refused is not told for LMTP.
            Protocol::Lmtp => 1,
            Protocol::Smtp => self.window(),
        };
        let limits = &self.config.limits;
        let transaction = self.transaction.as_mut()?;
        let wanted = transaction.has_accepted();
        let sending = transaction.sending.as_mut()?;
        if sending.between_chunks() {
            if !wanted {
                transaction.sending = None;
                self.go_on();
                return None;
            }
            if self.awaited.len() >= window {
                return None;
            }
        }
        let (piece, progress) = sending.next(limits.piece_octets, limits.chunk_octets);
        match progress {
            Progress::More => {}
            Progress::Chunk => self.awaited.push_back(Awaited::Chunk),
            Progress::End => {
                transaction.sending = None;
                transaction.sent = true;
                match self.config.protocol {
                    Protocol::Lmtp => self
                        .awaited
                        .extend(transaction.accepted().map(Awaited::EndFor)),
                    Protocol::Smtp => self.awaited.push_back(Awaited::End),
                }
            }
        }
        self.clock.wait(now);
        Some(piece)
    }

    /// All is decided.
    fn settle(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            let bug = Failure::new(Stage::Data, Cause::UnexpectedReply);
            let outcome = transaction.broken_off(&bug);
            self.steps.push_back(ClientStep::Outcome(outcome));
            self.ready();
        }
    }
}
