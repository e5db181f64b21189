//! From what was seen of a session to what was wrong with it, in words: pure.

mod handshake;
mod refused;
mod token;

use std::time::Duration;

use hve_store::Diagnosis;
use hve_types::Address;

use super::user_name::UserName;
use crate::tls::{Fault, Heard};

/// What was seen of a session, now that it is over.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// TLS begins with the first octet here, not with STARTTLS.
    pub(crate) implicit: bool,
    /// The port of the server.
    pub(crate) port: u16,
    /// TLS was up.
    pub(crate) encrypted: bool,
    /// The handshake that failed.
    pub(crate) handshake: Option<Handshake>,
    /// Refusals in their order, each reason once: its key and the text of the reply.
    pub(crate) refusals: &'a [(&'static str, String)],
    /// Somebody is signed in.
    pub(crate) signed_in: bool,
    /// Who failed to sign in, where it is an address in a domain of ours.
    pub(crate) tried: Option<&'a Address>,
    /// There is an account of that name.
    pub(crate) account_exists: bool,
    /// The form of the user name that failed to sign in.
    pub(crate) user_name: Option<UserName>,
    /// Messages that were queued.
    pub(crate) messages: u32,
}

/// A handshake that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    pub(crate) fault: Fault,
    /// What the client said first.
    pub(crate) heard: Heard,
    /// How long it took.
    pub(crate) took: Duration,
}

/// A client that leaves so soon, without a word, wanted to know whether the port is open; one
/// that stays longer waits for a greeting.
const PROBE: Duration = Duration::from_secs(3);

/// Refusals that come from what was refused before, where anything was.
const CONSEQUENCES: [&str; 14] = [
    "bug-host-answer",
    "empty-line",
    "hello-first",
    "mail-first",
    "no-recipients",
    "rcpt-first",
    "shutting-down",
    "sign-in-cancelled",
    "sign-in-first",
    "too-many-errors",
    "too-many-idle-commands",
    "too-many-refused-recipients",
    "too-many-sign-ins",
    "unknown-command",
];

impl Facts<'_> {
    /// Whether the session came to nothing although it was meant to come to something. Whoever
    /// only looks whether the server is there is refused nothing, and has not failed.
    pub(crate) fn is_failure(&self) -> bool {
        let handshake = self.handshake.is_some_and(|of| !of.is_probe());
        let is_own = |reason: &str| {
            // The server's own end, and a connection that was kept for later.
            reason == "shutting-down" || reason == "timeout-command" && self.signed_in
        };
        let refused = self.refusals.iter().any(|(reason, _)| !is_own(reason));
        self.messages == 0 && (handshake || refused)
    }

    /// What was wrong, the cause first. Every failure has a diagnosis.
    pub(crate) fn diagnoses(&self) -> Vec<Diagnosis> {
        let mut found: Vec<Diagnosis> = Vec::new();
        let diagnose = |of| handshake::diagnose(of, self.implicit, self.port);
        found.extend(self.handshake.map(diagnose));
        let mut consequences = Vec::new();
        for (reason, text) in self.refusals {
            let diagnosis = refused::diagnose(reason, text, self);
            if found.iter().any(|known| known.key == diagnosis.key) {
                continue;
            }
            if CONSEQUENCES.contains(reason) || reason.starts_with("timeout-") {
                consequences.push(diagnosis);
            } else {
                found.push(diagnosis);
            }
        }
        if found.is_empty() {
            found = consequences;
        }
        found
    }
}

impl Handshake {
    fn is_probe(&self) -> bool {
        let silent = self.heard == Heard::Nothing && self.fault == Fault::Gone;
        silent && self.took < PROBE
    }
}

/// One line about a handshake that failed, for the log.
pub(crate) fn handshake_hint(of: Handshake, implicit: bool, port: u16) -> String {
    let Diagnosis {
        finding, remedy, ..
    } = handshake::diagnose(of, implicit, port);
    format!("{finding} {remedy}")
}

/// A diagnosis in words.
fn of(key: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Diagnosis {
    Diagnosis {
        key: key.to_owned(),
        finding: finding.into(),
        remedy: remedy.into(),
    }
}

#[cfg(test)]
mod tests;
