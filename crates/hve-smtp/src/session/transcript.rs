//! The last lines of a session, for whoever asks later why it failed.

use std::collections::VecDeque;

use super::{Session, redact};
use crate::{Mechanism, command::Verb};

/// How many lines are kept.
const LINES: usize = 40;

/// How many octets of a line are kept.
const OCTETS: usize = 200;

/// What a line begins with: the client's, and the server's.
const CLIENT: &[u8] = b"C: ";
const SERVER: &[u8] = b"S: ";

/// The last lines in both directions, oldest first; without responses to AUTH, without messages.
/// What else must not be seen is taken out when they are shown, which few ever are.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    lines: VecDeque<Vec<u8>>,
    /// How many octets of the waiting output are in `lines` already.
    noted: usize,
}

impl Transcript {
    /// Keeps a line, its parts one behind the other; the buffer of the oldest serves again.
    fn push(&mut self, who: &[u8], parts: &[&[u8]]) {
        let mut line = if self.lines.len() < LINES {
            Vec::new()
        } else {
            self.lines.pop_front().unwrap_or_default()
        };
        line.clear();
        for part in std::iter::once(&who).chain(parts) {
            let room = OCTETS.saturating_sub(line.len());
            line.extend_from_slice(part.get(..room).unwrap_or(part));
        }
        self.lines.push_back(line);
    }

    /// Keeps what of the waiting output was not kept yet.
    fn output(&mut self, out: &[u8]) {
        let fresh = out.get(self.noted..).unwrap_or_default();
        for line in fresh.split_inclusive(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
            self.push(SERVER, &[line]);
        }
        self.noted = out.len();
    }
}

impl Session {
    /// The last 40 lines, oldest first: `C: ` is the client, `S: ` the server. Each was cut at
    /// 200 octets, and is escaped, so that it shows no control characters. What may hold a secret
    /// reads `<redacted, N octets>`: SASL responses (RFC 4954 §4), every line that is no
    /// command of SMTP, and every argument that is no name, address or number. Messages are not
    /// in it.
    pub fn transcript(&self) -> impl Iterator<Item = String> + '_ {
        self.transcript.lines.iter().map(|line| shown(line))
    }

    /// Keeps the output that is about to leave.
    pub(super) fn note_output(&mut self) {
        self.transcript.output(&self.out);
        self.transcript.noted = 0;
    }

    /// Keeps a command, as far as it can hold no secret.
    pub(super) fn note_command(&mut self, verb: Verb, text: &str, rest: &str) {
        match verb {
            Verb::Auth => self.note_auth(rest),
            // A client that goes on after AUTH was refused says its password as a command.
            Verb::Unknown | Verb::NotSmtp | Verb::Known(_) => self.note_redacted("", text.len()),
            Verb::Ehlo | Verb::Helo | Verb::Mail | Verb::Rcpt | Verb::Bdat | Verb::Vrfy => {
                self.note(&[text.as_bytes()]);
            }
            _ if rest.is_empty() => self.note(&[verb.name().as_bytes()]),
            _ => self.note_redacted(verb.name(), rest.len()),
        }
    }

    /// Keeps that a line with a secret came.
    pub(super) fn note_redacted(&mut self, before: &str, octets: usize) {
        let redacted = format!("<redacted, {octets} octets>");
        let space = if before.is_empty() { "" } else { " " };
        self.note(&[before.as_bytes(), space.as_bytes(), redacted.as_bytes()]);
    }

    /// Only a mechanism that is known is surely no secret.
    fn note_auth(&mut self, rest: &str) {
        let rest = rest.trim_matches(' ');
        let (name, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let known = Mechanism::from_name(name).map(Mechanism::as_str);
        match known {
            Some(name) if initial.is_empty() => self.note(&[b"AUTH ", name.as_bytes()]),
            Some(name) => self.note_redacted(&format!("AUTH {name}"), initial.len()),
            None => self.note_redacted("AUTH", rest.len()),
        }
    }

    /// Keeps a line of the client, and before it what it was told.
    pub(super) fn note(&mut self, parts: &[&[u8]]) {
        self.transcript.output(&self.out);
        self.transcript.push(CLIENT, parts);
    }
}

/// A line as it may be seen.
fn shown(line: &[u8]) -> String {
    let (who, said) = line.split_at_checked(CLIENT.len()).unwrap_or((line, b""));
    let said = String::from_utf8_lossy(said);
    let said = if who == CLIENT {
        redact::command(&said)
    } else {
        redact::reply(&said)
    };
    format!("{}{}", who.escape_ascii(), said.as_bytes().escape_ascii())
}
