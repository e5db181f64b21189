//! What goes out: replies, refusals with their correlation ids, and the budget of errors.

use super::{Phase, Session};
use crate::{
    Now, Refusal, Reply, Report, Step, message::trace::timestamp, refusals, reply::push_number,
};

/// What is counted in one session.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) commands: u64,
    pub(super) errors: u32,
    pub(super) idle_commands: u32,
    pub(super) failed_sign_ins: u32,
    pub(super) messages: u32,
    pub(super) refused_recipients: u32,
    /// Refusals, for their ids.
    refusals: u64,
}

impl Session {
    /// Says something good, as it stands.
    pub(super) fn say(&mut self, line: &[u8]) {
        self.out.extend_from_slice(line);
    }

    pub(super) fn reply(&mut self, reply: &Reply) {
        reply.write(&mut self.out, None);
    }

    pub(super) fn flush(&mut self) -> Step {
        self.note_output();
        Step::Send(std::mem::take(&mut self.out))
    }

    /// Refuses what broke the protocol; too much of that ends the session.
    pub(super) fn fault(&mut self, refusal: Refusal, command: &'static str, now: Now) {
        self.counts.errors = self.counts.errors.saturating_add(1);
        if self.counts.errors > self.config.limits.errors && !refusal.close {
            self.refuse(refusals::TOO_MANY_ERRORS, command, now);
        } else {
            self.refuse(refusal, command, now);
        }
    }

    /// Refuses a recipient; only very many of them end the session.
    pub(super) fn refuse_recipient(&mut self, refusal: Refusal, now: Now) {
        if let Some(transaction) = &mut self.transaction {
            transaction.refused_recipients = true;
        }
        self.counts.refused_recipients = self.counts.refused_recipients.saturating_add(1);
        if self.counts.refused_recipients > self.config.limits.refused_recipients && !refusal.close
        {
            self.refuse(refusals::TOO_MANY_REFUSED_RECIPIENTS, "RCPT", now);
        } else {
            self.refuse(refusal, "RCPT", now);
        }
    }

    /// Says no, with the id under which the log has it.
    pub(super) fn refuse(&mut self, refusal: Refusal, command: &'static str, now: Now) {
        let Refusal {
            reply,
            reason,
            close,
        } = refusal;
        // A host that "refuses" with a good code would break the client's idea of the session.
        let reply = if reply.code() < 400 {
            refusals::HOST_BUG.reply
        } else {
            reply
        };
        self.counts.refusals += 1;
        let mut id = Vec::with_capacity(self.opening.id.len() + 8);
        id.extend_from_slice(self.opening.id.as_bytes());
        id.push(b'-');
        push_number(&mut id, self.counts.refusals);
        let mut ending = Vec::with_capacity(self.config.hostname.len() + id.len() + 32);
        ending.push(b'[');
        ending.extend_from_slice(self.config.hostname.as_bytes());
        ending.push(b' ');
        timestamp(&mut ending, now.utc);
        ending.push(b' ');
        ending.extend_from_slice(&id);
        ending.push(b']');
        reply.write(&mut self.out, Some(&String::from_utf8_lossy(&ending)));
        self.reports.push_back(Report::Refused {
            correlation: String::from_utf8_lossy(&id).into_owned(),
            reason,
            command,
            code: reply.code(),
            enhanced: reply.enhanced(),
            text: reply.text().to_owned(),
        });
        // RFC 5321 §3.8: 421 is the last word.
        if close || reply.code() == 421 {
            self.phase = Phase::Ending(reason);
        }
    }
}
