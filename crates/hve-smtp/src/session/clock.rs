//! Deadlines: how long each phase may last. The session never looks at a clock itself.

use std::time::Duration;

use super::{Phase, Session};
use crate::{Now, Refusal, refusals};

/// The moments from which deadlines are measured; all monotonic.
#[derive(Debug)]
pub(super) struct Clock {
    opened: Duration,
    /// Since when the session waits for whatever it waits for.
    waiting: Duration,
    /// When the last octets came.
    input: Duration,
    /// When the message began.
    message: Duration,
    /// When its current piece began: the text, or a chunk.
    piece: Duration,
}

impl Clock {
    pub(super) const fn new(now: Now) -> Self {
        Self {
            opened: now.monotonic,
            waiting: now.monotonic,
            input: now.monotonic,
            message: now.monotonic,
            piece: now.monotonic,
        }
    }

    pub(super) const fn wait(&mut self, now: Now) {
        self.waiting = now.monotonic;
    }

    pub(super) const fn input(&mut self, now: Now) {
        self.input = now.monotonic;
    }

    pub(super) const fn message(&mut self, now: Now) {
        self.message = now.monotonic;
    }

    pub(super) const fn piece(&mut self, now: Now) {
        self.piece = now.monotonic;
        self.input = now.monotonic;
    }
}

impl Session {
    /// The monotonic time at which [`Session::timed_out`] is due if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        let limits = &self.config.limits;
        let clock = &self.clock;
        if self.asked.is_some() {
            return clock.waiting.saturating_add(limits.answer);
        }
        let sign_in = match self.user {
            None => clock.opened.saturating_add(limits.sign_in),
            Some(_) => Duration::MAX,
        };
        let from_waiting = |limit| clock.waiting.saturating_add(limit);
        match self.phase {
            // Between two chunks the message still has to end in time.
            Phase::Command if self.message_octets().is_some() => {
                from_waiting(limits.command).min(clock.message.saturating_add(limits.data_total))
            }
            Phase::Greeting(_)
            | Phase::Command
            | Phase::StartTls
            | Phase::Ending(_)
            | Phase::Closed => from_waiting(limits.command).min(sign_in),
            Phase::Sasl(_) => from_waiting(limits.sasl).min(sign_in),
            Phase::Handshake => from_waiting(limits.tls_handshake).min(sign_in),
            Phase::Data(_) | Phase::DataComplete | Phase::Chunk(_) => self.data_deadline(),
        }
    }

    /// The sooner of: silence for too long, too slow on average, too long in all.
    fn data_deadline(&self) -> Duration {
        let limits = &self.config.limits;
        let octets = self.piece_octets();
        let rate = limits.data_octets_per_second.max(1);
        let earned = Duration::from_secs(octets / rate);
        let clock = &self.clock;
        let silence = clock.input.saturating_add(limits.data_block);
        let average = clock
            .piece
            .saturating_add(limits.data_grace.saturating_add(earned));
        let total = clock.message.saturating_add(limits.data_total);
        silence.min(average).min(total)
    }

    /// The deadline has passed: 421, and the end. Called too early, it does nothing.
    pub fn timed_out(&mut self, now: Now) {
        if now.monotonic < self.deadline() {
            return;
        }
        let late_sign_in = self.user.is_none()
            && now.monotonic >= self.clock.opened.saturating_add(self.config.limits.sign_in);
        let refusal: Refusal = match self.phase {
            _ if self.asked.is_some() => refusals::TIMEOUT_ANSWER,
            // Nothing can be said in the middle of a handshake, nor after the end.
            Phase::StartTls | Phase::Handshake => {
                self.phase = Phase::Ending("timeout-handshake");
                return;
            }
            Phase::Ending(reason) => {
                self.out.clear();
                self.close(reason);
                return;
            }
            Phase::Closed => return,
            Phase::Data(_) | Phase::DataComplete | Phase::Chunk(_) => refusals::TIMEOUT_DATA,
            Phase::Command if self.message_octets().is_some() => refusals::TIMEOUT_DATA,
            _ if late_sign_in => refusals::TIMEOUT_SIGN_IN,
            _ => refusals::TIMEOUT_COMMAND,
        };
        self.question = None;
        self.asked = None;
        self.transaction = None;
        self.refuse(refusal, "connection", now);
    }
}
