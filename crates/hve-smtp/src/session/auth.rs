//! AUTH and what follows it (RFC 4954).

use hve_types::Address;

use super::{Asked, Phase, Session};
use crate::{
    Leniency, Mechanism, Now, Refusal, command, refusals,
    sasl::{self, Ahead, Exchange, Next, Relay},
};

impl Session {
    /// Names what AUTH offers this client from its next EHLO on, in this order, in place of
    /// [`SessionConfig::mechanisms`](crate::SessionConfig): for what depends on its TLS connection
    /// or its address. Best called just before [`tls_started`](Self::tls_started).
    pub fn offer(&mut self, mechanisms: Vec<Mechanism>) {
        self.offered = Some(mechanisms.into());
    }

    pub(super) fn mechanisms(&self) -> &[Mechanism] {
        self.offered.as_deref().unwrap_or(&self.config.mechanisms)
    }

    pub(super) fn auth(&mut self, line: &[u8], rest: &str) -> Result<(), Refusal> {
        // RFC 4954 §4: once, and not within a transaction.
        if self.user.is_some() {
            return Err(refusals::SIGNED_IN_ALREADY);
        }
        if self.transaction.is_some() {
            return Err(refusals::AUTH_IN_TRANSACTION);
        }
        // AUTH is an extension, so HELO does not do.
        if !self.hello.as_ref().is_some_and(|hello| hello.extended) {
            return Err(refusals::HELLO_FIRST);
        }
        let (mechanism, initial) = command::auth(line, rest, self.mechanisms())?;
        let (exchange, challenge) = Exchange::begin(mechanism);
        match initial {
            Some(word) => {
                let next = exchange.initial_response(word.as_bytes())?;
                self.go_on(next);
            }
            None => self.challenge(exchange, challenge),
        }
        Ok(())
    }

    /// One line within the exchange.
    pub(super) fn response(&mut self, line: &[u8], now: Now) {
        self.note_redacted("", line.len());
        let phase = std::mem::replace(&mut self.phase, Phase::Command);
        let Phase::Sasl(exchange) = phase else {
            return;
        };
        match exchange {
            Exchange::Apologised(refusal) => self.sign_in_refused(*refusal, now),
            exchange => match exchange.response(line) {
                Ok(next) => self.go_on(next),
                Err(refusal) => self.fault(refusal, "sasl", now),
            },
        }
    }

    /// A line within the exchange that must not be used. A refusal that waits for the client's
    /// next response is told, and counted, all the same.
    pub(super) fn broken_response(&mut self, refusal: Refusal, now: Now) {
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Sasl(Exchange::Apologised(held)) => self.sign_in_refused(*held, now),
            _ => self.fault(refusal, "sasl", now),
        }
    }

    fn go_on(&mut self, next: Next) {
        match next {
            Next::Challenge(exchange, challenge) => self.challenge(exchange, challenge),
            Next::Ask(question, ahead) => {
                self.question = Some(question);
                self.asked = Some(Asked::SignIn(ahead));
            }
        }
    }

    /// A challenge of the host.
    pub(super) fn pass_on(&mut self, relay: Relay, octets: &[u8], now: Now) {
        if relay.may_go_on() {
            self.challenge(Exchange::Relay(relay), &sasl::encode(octets));
        } else {
            self.sign_in_refused(refusals::HOST_BUG, now);
        }
    }

    fn challenge(&mut self, exchange: Exchange, challenge: &str) {
        self.say(b"334 ");
        self.say(challenge.as_bytes());
        self.say(b"\r\n");
        self.phase = Phase::Sasl(exchange);
    }

    pub(super) fn signed_in(&mut self, user: Address, leniency: Leniency) {
        self.user = Some(user);
        self.leniency = leniency;
        self.counts.idle_commands = 0;
        self.say(b"235 2.7.0 Signed in\r\n");
    }

    /// The host says no. OAUTHBEARER tells the client what is wrong in a challenge, and the
    /// refusal follows the client's response to it (RFC 7628 §3.2.3).
    pub(super) fn sign_in_answered_no(&mut self, ahead: &Ahead, refusal: Refusal, now: Now) {
        if matches!(ahead, Ahead::Apology) && blames_the_token(&refusal) {
            let exchange = Exchange::Apologised(Box::new(refusal));
            self.challenge(exchange, sasl::INVALID_TOKEN);
        } else {
            self.sign_in_refused(refusal, now);
        }
    }

    fn sign_in_refused(&mut self, refusal: Refusal, now: Now) {
        self.counts.failed_sign_ins = self.counts.failed_sign_ins.saturating_add(1);
        let was_last =
            self.counts.failed_sign_ins >= self.config.limits.sign_in_attempts && !refusal.close;
        self.refuse(refusal, "AUTH", now);
        if was_last {
            self.refuse(refusals::TOO_MANY_SIGN_INS, "AUTH", now);
        }
    }
}

/// Where the token could not be checked, or the session ends anyway, the client is not told to
/// throw it away.
const fn blames_the_token(refusal: &Refusal) -> bool {
    refusal.reply.code() >= 500 && !refusal.close
}
