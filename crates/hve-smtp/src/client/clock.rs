//! Deadlines: how long the peer may take (RFC 5321 §4.5.3.2). The client never looks at a clock.

use std::time::Duration;

use super::{Awaited, Cause, Client, Phase};
use crate::Now;

/// The moments from which deadlines are measured; all monotonic.
#[derive(Debug)]
pub(super) struct Clock {
    /// The last complete reply, or the last octets said.
    waiting: Duration,
    /// When the transaction began.
    transaction: Duration,
}

impl Clock {
    pub(super) const fn new(now: Now) -> Self {
        Self {
            waiting: now.monotonic,
            transaction: now.monotonic,
        }
    }

    pub(super) const fn wait(&mut self, now: Now) {
        self.waiting = now.monotonic;
    }

    pub(super) const fn begin(&mut self, now: Now) {
        self.waiting = now.monotonic;
        self.transaction = now.monotonic;
    }
}

impl Client {
    /// The monotonic time at which [`Client::timed_out`] is due if nothing happens before. A
    /// host holds its writes to it too.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        let limits = &self.config.limits;
        let wait = match (&self.phase, self.awaited.front()) {
            (Phase::Ended, _) => limits.quit,
            (Phase::StartTls | Phase::Handshake, _) => limits.tls_handshake,
            (Phase::Ready, _) => limits.idle,
            // The content is on its way.
            (Phase::Talking, None | Some(Awaited::Chunk)) => limits.data_block,
            (Phase::Talking, Some(awaited)) => match awaited {
                Awaited::Greeting => limits.greeting,
                Awaited::Mail => limits.mail,
                Awaited::Rcpt(_) => limits.rcpt,
                Awaited::Data => limits.data,
                Awaited::End | Awaited::EndFor(_) | Awaited::EndForNobody => limits.end_of_data,
                Awaited::Quit => limits.quit,
                _ => limits.command,
            },
        };
        let deadline = self.clock.waiting.saturating_add(wait);
        match self.transaction {
            None => deadline,
            Some(_) => deadline.min(self.clock.transaction.saturating_add(limits.transaction)),
        }
    }

    /// The deadline has passed: an idle connection ends with QUIT, any other as it is. Called
    /// too early, it does nothing.
    pub fn timed_out(&mut self, now: Now) {
        if now.monotonic < self.deadline() {
            return;
        }
        match self.awaited.front() {
            _ if self.phase == Phase::Ready => self.quit(now),
            Some(Awaited::Quit) => self.phase = Phase::Ended,
            _ => self.lost(Cause::TimedOut),
        }
    }
}
