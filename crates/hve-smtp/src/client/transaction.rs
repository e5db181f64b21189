//! One message on its way: who is named, what the peer said to whom, a verdict for each.

use std::sync::Arc;

use bytes::Bytes;
use hve_types::Envelope;

use super::{
    Awaited, Cause, Failure, PeerReply, Stage, TransactionOutcome, Verdict, commands,
    content::Sending, needs, offer::Offer,
};

/// A transaction in flight.
#[derive(Debug)]
pub(super) struct Transaction {
    envelope: Envelope,
    content: Bytes,
    plan: needs::Plan,
    standings: Vec<Standing>,
    next: Next,
    pub(super) sending: Option<Sending>,
    /// The last octet was handed out: the peer may have the message.
    pub(super) sent: bool,
    dsn_passed_on: bool,
}

/// Where a recipient stands.
#[derive(Clone, Debug)]
enum Standing {
    /// The peer would take the message for it.
    Accepted,
    /// It is decided.
    Decided(Verdict),
    /// Not named, or named and without a reply.
    Open,
}

/// What is to be said next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Rset,
    Mail,
    /// The recipient's place.
    Rcpt(usize),
    Content,
    Nothing,
}

impl Transaction {
    /// What the peer cannot take, or cannot even be asked, is decided here.
    pub(super) fn new(envelope: Envelope, content: Bytes, offer: &Offer, reset: bool) -> Self {
        let plan = needs::plan(&envelope, &content, offer);
        let standing = |recipient: &hve_types::Recipient| match &plan {
            Err(cause) => permanent(*cause),
            Ok(_) if needs::can_be_named(&recipient.address, offer) => Standing::Open,
            Ok(_) => permanent(Cause::SmtpUtf8NotOffered),
        };
        let standings: Vec<_> = envelope.recipients.iter().map(standing).collect();
        let open = standings.iter().any(|s| matches!(s, Standing::Open));
        Self {
            envelope,
            content,
            plan: plan.unwrap_or_default(),
            standings,
            next: match (open, reset) {
                (false, _) => Next::Nothing,
                (true, true) => Next::Rset,
                (true, false) => Next::Mail,
            },
            sending: None,
            sent: false,
            dsn_passed_on: false,
        }
    }

    /// True where nothing is left to be said.
    pub(super) fn has_said_all(&self) -> bool {
        self.next == Next::Nothing && self.sending.is_none()
    }

    /// True where there is a command to say, if not yet.
    pub(super) fn has_more_to_say(&self) -> bool {
        self.next != Next::Nothing
    }

    /// Writes the next command, where it can be said before the replies that are awaited.
    pub(super) fn say(
        &mut self,
        offer: &Offer,
        awaits: bool,
        out: &mut Vec<u8>,
    ) -> Option<Awaited> {
        match self.next {
            Next::Rset => {
                out.extend_from_slice(b"RSET\r\n");
                self.next = Next::Mail;
                Some(Awaited::Rset)
            }
            Next::Mail => {
                let octets = self.content.len();
                commands::mail(out, &self.envelope, octets, &self.plan, offer);
                self.dsn_passed_on = offer.dsn;
                self.next = self.next_open(0);
                Some(Awaited::Mail)
            }
            Next::Rcpt(place) => {
                if let Some(recipient) = self.envelope.recipients.get(place) {
                    commands::rcpt(out, recipient, offer);
                }
                self.next = self.next_open(place.saturating_add(1));
                Some(Awaited::Rcpt(place))
            }
            Next::Content => self.say_content(offer, awaits, out),
            Next::Nothing => None,
        }
    }

    fn say_content(&mut self, offer: &Offer, awaits: bool, out: &mut Vec<u8>) -> Option<Awaited> {
        if !awaits && !self.has_accepted() {
            self.next = Next::Nothing;
            None
        } else if offer.chunking {
            // A chunk is never sent to a peer that has not agreed to take it: one that refuses
            // and does not count its octets would take them for commands.
            if !awaits {
                self.next = Next::Nothing;
                self.sending = Some(Sending::chunks(self.content.clone()));
            }
            None
        } else if !awaits || offer.pipelining {
            out.extend_from_slice(b"DATA\r\n");
            self.next = Next::Nothing;
            Some(Awaited::Data)
        } else {
            None
        }
    }

    fn next_open(&self, from: usize) -> Next {
        let mut rest = self.standings.iter().enumerate().skip(from);
        rest.find(|(_, standing)| matches!(standing, Standing::Open))
            .map_or(Next::Content, |(place, _)| Next::Rcpt(place))
    }

    /// True where the peer would take the message for somebody.
    pub(super) fn has_accepted(&self) -> bool {
        self.accepted().next().is_some()
    }

    /// The places of the recipients for whom the peer would take it.
    pub(super) fn accepted(&self) -> impl Iterator<Item = usize> {
        let standings = self.standings.iter().enumerate();
        standings.filter_map(|(place, s)| matches!(s, Standing::Accepted).then_some(place))
    }

    /// The reply to MAIL; false if it makes no sense, as with the others.
    pub(super) fn mail_replied(&mut self, reply: &Arc<PeerReply>) -> bool {
        match reply.code {
            200..=299 => true,
            400..=599 => {
                self.refuse(Stage::Mail, reply);
                // DATA may have been said already; what was not is not said any more.
                self.next = Next::Nothing;
                true
            }
            _ => false,
        }
    }

    pub(super) fn rcpt_replied(&mut self, place: usize, reply: &Arc<PeerReply>) -> bool {
        let standing = match reply.code {
            200..=299 => Standing::Accepted,
            400..=599 => judged(Stage::Rcpt, reply),
            _ => return false,
        };
        // Where MAIL was refused it is decided, whatever is said now.
        if let Some(open @ Standing::Open) = self.standings.get_mut(place) {
            *open = standing;
        }
        true
    }

    /// To a chunk that is not the last.
    pub(super) fn chunk_replied(&mut self, reply: &Arc<PeerReply>) -> bool {
        match reply.code {
            200..=299 => true,
            400..=599 => {
                self.refuse(Stage::Data, reply);
                true
            }
            _ => false,
        }
    }

    /// 354 came to DATA: the content follows.
    pub(super) fn begin_data(&mut self) {
        self.sending = Some(Sending::dots(self.content.clone()));
    }

    pub(super) fn end_replied(&mut self, place: Option<usize>, reply: &Arc<PeerReply>) -> bool {
        let standing = match reply.code {
            200..=299 => Standing::Decided(Verdict::Delivered(Arc::clone(reply))),
            400..=599 => judged(Stage::EndOfData, reply),
            _ => return false,
        };
        for (at, accepted) in self.standings.iter_mut().enumerate() {
            if matches!(accepted, Standing::Accepted) && place.is_none_or(|place| place == at) {
                *accepted = standing.clone();
            }
        }
        true
    }

    /// A refusal for all that are not decided.
    pub(super) fn refuse(&mut self, stage: Stage, reply: &Arc<PeerReply>) {
        for standing in &mut self.standings {
            if !matches!(standing, Standing::Decided(_)) {
                *standing = judged(stage, reply);
            }
        }
    }

    /// 421 came to a command: where that was the end of the message, the peer does not have it.
    pub(super) fn shut_out(&mut self, awaited: Awaited, failure: &Failure) {
        match awaited {
            Awaited::End => self.sent = false,
            Awaited::EndFor(place) => {
                if let Some(standing) = self.standings.get_mut(place) {
                    *standing = Standing::Decided(Verdict::Temporary(failure.clone()));
                }
            }
            _ => {}
        }
    }

    /// The outcome where the connection is lost.
    pub(super) fn broken_off(self, failure: &Failure) -> TransactionOutcome {
        let sent = self.sent;
        let verdict = |standing| match standing {
            Standing::Decided(verdict) => verdict,
            Standing::Open => Verdict::Temporary(failure.clone()),
            Standing::Accepted => Verdict::Temporary(Failure {
                uncertain: sent,
                ..failure.clone()
            }),
        };
        TransactionOutcome {
            verdicts: self.standings.into_iter().map(verdict).collect(),
            dsn_passed_on: self.dsn_passed_on,
        }
    }
}

fn permanent(cause: Cause) -> Standing {
    Standing::Decided(Verdict::Permanent(Failure::new(Stage::Mail, cause)))
}

/// 4xx is later, 5xx is never (RFC 5321 §4.2.1), with two exceptions: 552 to RCPT may mean too
/// many recipients (RFC 5321 §4.5.3.1.10), and 530 is about us and not about the message
/// (RFC 4954 §6).
fn judged(stage: Stage, reply: &Arc<PeerReply>) -> Standing {
    let failure = Failure::refused(stage, reply);
    let later = reply.code < 500 || reply.code == 530 || stage == Stage::Rcpt && reply.code == 552;
    Standing::Decided(if later {
        Verdict::Temporary(failure)
    } else {
        Verdict::Permanent(failure)
    })
}
