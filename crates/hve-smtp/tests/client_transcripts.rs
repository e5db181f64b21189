//! Golden transcripts of the client: one behaviour a file, replayed at every chunk size; what it
//! says and what it makes of the replies must be the same each time.
//!
//! ```text
//! # a comment, such as the row of bad-inputs or the RFC section
//! ! protocol lmtp              smtp is the default
//! ! tls required               off is the default
//! ! credentials user password
//! ! limit pipelined-commands 3
//! ! content Subject: x\r\n     of the messages that follow
//! S: 220 mx.test               a line of the peer, CRLF is added; {x*100} repeats x
//! S~ 220 mx\n                  raw octets with escapes
//! B: a@b.test c@d.test 8bit    begins a transaction: sender, recipients, flags
//! H:  the handshake is done    H: failed   it is not
//! T: 300                       so many seconds pass, then the deadline is looked at
//! E:  the peer closes          Q:  the host quits
//! C: EHLO mail.contoso.test    what the client says
//! C~ no line end               the same without CRLF
//! = c@d.test delivered: ..     a verdict
//! = dsn passed on              of the last outcome
//! = failed ..                  = ready   = starttls   = closed
//! ```
//!
//! `BLESS=1 cargo test -p hve-smtp --test client_transcripts` writes what happens into the
//! files, for reading and committing.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

#[cfg(test)]
mod peer;

use std::{fmt::Write as _, fs, path::Path};

use hve_smtp::{ClientConfig, ClientCredentials, Protocol, TlsPolicy};
use hve_types::Envelope;
use peer::{Host, State, envelope, told, why};

#[test]
fn client_transcripts_are_the_same_at_every_chunk_size() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client_transcripts");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 30, "transcripts are missing");
    let mut failures = String::new();
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        if std::env::var_os("BLESS").is_some() {
            fs::write(path, Replay::new(&text).run(&text, usize::MAX)).unwrap();
            continue;
        }
        for size in sizes(&text) {
            let found = Replay::new(&text).run(&text, size);
            if found != text {
                let name = path.file_name().unwrap().to_string_lossy();
                let _ = writeln!(failures, "{name} in pieces of {size}:\n{found}");
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Every size up to the whole for short transcripts, a spread for the long ones.
fn sizes(text: &str) -> Vec<usize> {
    let longest: usize = text.lines().filter_map(peer_line).map(|l| l.len()).sum();
    if longest <= 1_500 {
        (1..=longest.max(1)).chain([usize::MAX]).collect()
    } else {
        vec![1, 2, 3, 5, 7, 61, 1_460, 4_096, usize::MAX]
    }
}

struct Replay {
    host: Host,
    content: Vec<u8>,
    /// Of the transactions begun and not yet settled or told.
    begun: Vec<Envelope>,
    out: String,
}

impl Replay {
    fn new(text: &str) -> Self {
        let mut config = ClientConfig::new("mail.contoso.test", Protocol::Smtp);
        config.tls = TlsPolicy::Off;
        let settings = text.lines().filter_map(|line| line.strip_prefix("! "));
        for setting in settings {
            set(&mut config, setting);
        }
        Self {
            host: Host::new(config),
            content: b"Subject: Hello\r\n\r\nHi!\r\n".to_vec(),
            begun: Vec::new(),
            out: String::new(),
        }
    }

    /// Returns the transcript with what happened in place of what was expected.
    fn run(mut self, text: &str, size: usize) -> String {
        let mut octets = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if ["C:", "C~", "C*", "= "].iter().any(|p| line.starts_with(p)) {
                continue;
            }
            self.out.push_str(line);
            self.out.push('\n');
            if let Some(content) = line.strip_prefix("! content ") {
                self.content = unescape(&expand(content));
            }
            if let Some(line) = peer_line(line) {
                octets.extend(line);
                if lines.peek().is_none_or(|next| peer_line(next).is_none()) {
                    self.host.feed(&std::mem::take(&mut octets), size);
                    self.write_down();
                }
            } else if self.act(line) {
                self.write_down();
            }
        }
        self.out
    }

    /// True for the lines that are an event.
    fn act(&mut self, line: &str) -> bool {
        let argument = line.get(2..).unwrap_or("").trim();
        let host = &mut self.host;
        match line.get(..2) {
            Some("B:") => {
                self.begun.push(envelope(argument));
                host.begin(envelope(argument), &self.content);
            }
            Some("T:") => host.pass(argument.parse().unwrap()),
            Some("E:") => host.client.peer_closed(host.now),
            Some("Q:") => host.client.quit(host.now),
            Some("H:") if argument == "failed" => host.client.tls_failed(host.now),
            Some("H:") => host.client.tls_started(host.now),
            Some("P:") => {}
            _ => return false,
        }
        if line.starts_with("H:") {
            self.host.state = State::Waits;
        }
        self.host.run();
        true
    }

    fn write_down(&mut self) {
        let host = &mut self.host;
        let said = std::mem::take(&mut host.said);
        let mut lines = said.split_inclusive(|b| *b == b'\n').peekable();
        while let Some(line) = lines.next() {
            let mut times = 1;
            while lines.next_if_eq(&line).is_some() {
                times += 1;
            }
            let whole = line.strip_suffix(b"\r\n");
            let shown = String::from_utf8_lossy(whole.unwrap_or(line)).into_owned();
            let shown = shown
                .replace('\\', "\\\\")
                .replace('\r', "\\r")
                .replace('\n', "\\n")
                .replace('\0', "\\0");
            let _ = match (times, whole) {
                (1, Some(_)) => writeln!(self.out, "C: {shown}"),
                (1, None) => writeln!(self.out, "C~ {shown}"),
                _ => writeln!(self.out, "C* {times} {shown}"),
            };
        }
        for outcome in host.outcomes.drain(..) {
            let envelope = self.begun.remove(0);
            assert_eq!(envelope.recipients.len(), outcome.verdicts.len());
            for (recipient, verdict) in envelope.recipients.iter().zip(&outcome.verdicts) {
                let _ = writeln!(self.out, "= {} {}", recipient.address, told(verdict));
            }
            if outcome.dsn_passed_on {
                self.out.push_str("= dsn passed on\n");
            }
        }
        for failure in host.failures.drain(..) {
            let _ = writeln!(self.out, "= failed{}", why(&failure));
        }
        self.out.push_str(match host.state {
            State::Waits => "",
            State::Ready => "= ready\n",
            State::Handshake => "= starttls\n",
            State::Closed => "= closed\n",
        });
    }
}

fn set(config: &mut ClientConfig, setting: &str) {
    let (word, rest) = setting.split_once(' ').unwrap();
    match word {
        "protocol" if rest == "lmtp" => config.protocol = Protocol::Lmtp,
        "tls" => {
            config.tls = match rest {
                "implicit" => TlsPolicy::Implicit,
                "opportunistic" => TlsPolicy::Opportunistic,
                "required" => TlsPolicy::Required,
                other => panic!("unknown policy {other}"),
            }
        }
        "credentials" => {
            let (user, password) = rest.split_once(' ').unwrap();
            let password = String::from_utf8(expand(password)).unwrap();
            config.credentials = Some(ClientCredentials {
                user: String::from_utf8(unescape(user.as_bytes())).unwrap().into(),
                password: password.into(),
            });
        }
        "limit" => {
            let (name, value) = rest.split_once(' ').unwrap();
            let value = value.parse().unwrap();
            match name {
                "pipelined-commands" => config.limits.pipelined_commands = value,
                "chunk-octets" => config.limits.chunk_octets = value,
                "piece-octets" => config.limits.piece_octets = value,
                other => panic!("unknown limit {other}"),
            }
        }
        "content" => {}
        other => panic!("unknown setting {other}"),
    }
}

/// The octets of an `S` line.
fn peer_line(line: &str) -> Option<Vec<u8>> {
    let (kind, rest) = (line.get(..2)?, line.get(2..)?);
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    match kind {
        "S:" => Some([&expand(rest), &b"\r\n"[..]].concat()),
        "S~" => Some(unescape(&expand(rest))),
        "S*" => {
            let (times, line) = rest.split_once(' ').unwrap_or((rest, ""));
            let line = [&expand(line), &b"\r\n"[..]].concat();
            Some(line.repeat(times.parse().unwrap()))
        }
        _ => None,
    }
}

/// `{ab*3}` is `ababab`.
fn expand(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('{') {
        let (inner, tail) = tail.split_once('}').unwrap();
        let (unit, times) = inner.rsplit_once('*').unwrap();
        out.extend_from_slice(before.as_bytes());
        out.extend(unescape(unit.as_bytes()).repeat(times.parse().unwrap()));
        rest = tail;
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut octets = text.iter().copied();
    while let Some(octet) = octets.next() {
        if octet != b'\\' {
            out.push(octet);
            continue;
        }
        out.push(match octets.next().unwrap() {
            b'r' => b'\r',
            b'n' => b'\n',
            b'0' => 0,
            b'x' => {
                let digits = [octets.next().unwrap(), octets.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    out
}
