//! How a connection ends: by QUIT, by 421, by what cannot be read, by silence.

use std::sync::Arc;

use super::{
    Awaited, Cause, Client, ClientStep, Failure, PeerReply, Phase, Stage, replies::Received,
    transaction::Transaction,
};
use crate::Now;

impl Client {
    /// Takes no further transaction: says QUIT at once, or after the one in flight.
    pub fn quit(&mut self, now: Now) {
        self.quitting = true;
        if self.phase == Phase::Ready {
            self.clock.wait(now);
            self.say_quit();
        }
    }

    /// The peer sends nothing more, or nothing can be written to it. What it has sent is still
    /// read, then the connection ends.
    pub fn peer_closed(&mut self, _now: Now) {
        self.half_closed = true;
    }

    pub(super) fn gone(&mut self) {
        match self.awaited.front() {
            _ if self.phase == Phase::Ended => {}
            Some(Awaited::Quit) => self.phase = Phase::Ended,
            _ => self.lost(Cause::PeerClosed),
        }
    }

    /// The connection is over for a reason of ours or of the wire.
    pub(super) fn lost(&mut self, cause: Cause) {
        self.end(Failure::new(self.stage(), cause));
    }

    /// The end: recipients without a verdict are to be tried again.
    pub(super) fn end(&mut self, failure: Failure) {
        if self.phase == Phase::Ended {
            return;
        }
        self.out.clear();
        self.awaited.clear();
        self.replies.clear();
        self.phase = Phase::Ended;
        if let Some(transaction) = self.transaction.take() {
            let outcome = transaction.broken_off(&failure);
            self.steps.push_back(ClientStep::Outcome(outcome));
        }
        self.steps.push_back(ClientStep::Failed(failure));
    }

    /// What is going on.
    pub(super) fn stage(&self) -> Stage {
        let sending = |transaction: &Transaction| transaction.sending.is_some();
        match (self.awaited.front(), &self.phase) {
            (_, Phase::StartTls | Phase::Handshake) => Stage::StartTls,
            (Some(awaited), _) => awaited.stage(),
            (None, Phase::Ready) => Stage::Idle,
            (None, _) if self.transaction.as_deref().is_some_and(sending) => Stage::Data,
            // The next command was about to be said.
            (None, _) => self.answered,
        }
    }

    /// A reply to nothing. Some servers say 421 before they close an idle connection, and some
    /// refuse a message before its end; all else means that the two sides do not understand
    /// each other, and no later reply could be trusted.
    pub(super) fn unasked(&mut self, received: &Received) {
        let reply = PeerReply::new(received.code, received.enhanced, &received.text);
        let reply = Arc::new(reply);
        if reply.code == 421 || self.transaction.is_some() && reply.code >= 400 {
            let stage = self.stage();
            if let Some(transaction) = &mut self.transaction {
                transaction.refuse(Stage::Data, &reply);
            }
            self.end(Failure::refused(stage, &reply));
        } else {
            self.lost(Cause::UnsolicitedReply);
        }
    }

    /// 421 to a command.
    pub(super) fn shut_out(&mut self, awaited: Awaited, reply: &Arc<PeerReply>) {
        let failure = Failure::refused(awaited.stage(), reply);
        if let Some(transaction) = &mut self.transaction {
            transaction.shut_out(awaited, &failure);
        }
        self.end(failure);
    }

    pub(super) fn say_quit(&mut self) {
        self.phase = Phase::Talking;
        self.command(Awaited::Quit, |out| out.extend_from_slice(b"QUIT\r\n"));
    }
}
