//! Golden transcripts: one behaviour a file, replayed at every chunk size; the replies must be
//! the same octets each time.
//!
//! A transcript has lines of these kinds, `C` and `S` lines in groups:
//!
//! ```text
//! # a comment, such as the row of bad-inputs or the RFC section
//! ! start signed-in            where to begin: connected (default), greeted, tls, signed-in
//! ! refuse rcpt a@b.test 550 5.1.10 unknown-recipient No such recipient
//! ! limit errors 3             a limit of the session
//! ! mechanisms XOAUTH2 PLAIN   what AUTH offers
//! ! leniency bare-lf long-lines
//! ! tls                        implicit TLS
//! ! message-octets 100         the host's limit; advertised stays
//! C: NOOP                      a line of the client, CRLF is added; {x*100} repeats x
//! C* 100 NOOP                  the same line many times
//! C~ a\nb\x00                  raw octets with escapes, nothing added
//! S: 250 2.0.0 Ok              a line of the server
//! S* 100 250 2.0.0 Ok
//! Q: MAIL a@b.test ..          what the host was asked, where a file has such lines at all
//! M: From: a@b.test            the content of the message just submitted, without trace line
//! T: 300                       so many seconds pass, then the deadline is looked at
//! S: <starttls> <closed> <open> <data in flight>
//! E:  the client closes        D:  the host drains        O: 421 4.3.2 too-many Too many
//! ```
//!
//! `BLESS=1 cargo test -p hve-smtp --test transcripts` writes what happens into the files, for
//! reading and committing.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

#[cfg(test)]
mod host;

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use host::{Host, Rule, opening, tls};
use hve_smtp::{Leniency, Mechanism, SessionConfig};

#[test]
fn transcripts_are_the_same_at_every_chunk_size() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 50, "transcripts are missing");
    let mut failures = String::new();
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        if std::env::var_os("BLESS").is_some() {
            fs::write(path, replay(&text, usize::MAX)).unwrap();
            continue;
        }
        for size in sizes(&text) {
            let found = replay(&text, size);
            if found != text {
                let name = path.file_name().unwrap().to_string_lossy();
                let (line, (expected, found)) = text
                    .lines()
                    .chain(["<end>"])
                    .zip(found.lines().chain(["<end>"]))
                    .enumerate()
                    .find(|(_, (a, b))| a != b)
                    .unwrap();
                let _ = writeln!(
                    failures,
                    "{name}:{} in pieces of {size}\n  expected {expected}\n  found    {found}",
                    line + 1
                );
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// Every size up to the whole for short transcripts, a spread for the long ones.
fn sizes(text: &str) -> Vec<usize> {
    let longest = text.split("\nS").map(|g| client_octets(g).len()).max();
    let longest = longest.unwrap_or(0).max(1);
    if longest <= 1_500 {
        (1..=longest).chain([usize::MAX]).collect()
    } else if longest > 100_000 {
        vec![1, 61, 4_096, usize::MAX]
    } else {
        vec![
            1,
            2,
            3,
            5,
            7,
            16,
            61,
            1_000,
            1_460,
            4_096,
            65_536,
            usize::MAX,
        ]
    }
}

fn client_octets(group: &str) -> Vec<u8> {
    group.lines().filter_map(client_line).flatten().collect()
}

/// Replays a transcript; returns it with what happened in place of what was expected.
fn replay(text: &str, size: usize) -> String {
    let mut host = open(text);
    let wants_questions = text.lines().any(|line| line.starts_with("Q:"));
    let mut out = String::new();
    let mut octets = Vec::new();
    let mut lines = text.lines().peekable();
    let mut submissions = 0;
    while let Some(line) = lines.next() {
        let is_expectation = ["S:", "S*", "Q:", "M:"].iter().any(|p| line.starts_with(p));
        if is_expectation {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        let argument = line.get(2..).unwrap_or("").trim();
        match line.get(..2) {
            Some("T:") => {
                host.now.monotonic += Duration::from_secs(argument.parse().unwrap());
                if host.session.deadline() <= host.now.monotonic {
                    host.session.timed_out(host.now);
                }
                host.run();
            }
            Some("D:") => {
                host.session.drain(host.now);
                host.run();
            }
            Some("E:") => {
                host.session.peer_closed(host.now);
                host.run();
            }
            Some("O:") => {
                let rule = Rule::parse(&format!("overload * {argument}"));
                host.session.overload(rule.refusal);
                host.run();
            }
            Some("P:") => host.run(),
            _ => match client_line(line) {
                Some(line) => octets.extend(line),
                None => continue,
            },
        }
        let group_goes_on = lines.peek().is_some_and(|next| client_line(next).is_some());
        if group_goes_on {
            continue;
        }
        host.feed(&std::mem::take(&mut octets), size);
        write_down(
            &mut out,
            &mut host,
            wants_questions,
            text.contains("\nM:"),
            &mut submissions,
        );
    }
    out
}

fn open(text: &str) -> Host {
    let mut config = SessionConfig::new("mx.test");
    let mut opening = opening();
    let mut start = None;
    let mut rules = Vec::new();
    let mut message_octets = None;
    let mut leniency = Leniency::default();
    for line in text.lines().filter_map(|line| line.strip_prefix("! ")) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "start" => start = Some(rest),
            "refuse" => rules.push(Rule::parse(rest)),
            "tls" => opening.tls = Some(tls()),
            "message-octets" => message_octets = Some(rest.parse().unwrap()),
            "advertised" => opening.message_octets = rest.parse().unwrap(),
            "messages" => opening.messages = rest.parse().unwrap(),
            "recipients" => opening.recipients = rest.parse().unwrap(),
            "limit" => limit(&mut config, rest),
            "leniency" => {
                leniency.bare_lf = rest.contains("bare-lf");
                leniency.long_lines = rest.contains("long-lines");
            }
            "mechanisms" => {
                let named = rest
                    .split(' ')
                    .map(|name| Mechanism::from_name(name).unwrap());
                config.mechanisms = named.collect();
            }
            "peer" => opening.peer = rest.parse().unwrap(),
            other => panic!("unknown setting {other}"),
        }
    }
    let mut host = Host::new(config, opening);
    host.leniency = leniency;
    if let Some(start) = start {
        host.start(start);
    }
    host.rules = rules;
    host.message_octets = message_octets.unwrap_or(host.message_octets);
    host
}

fn limit(config: &mut SessionConfig, setting: &str) {
    let (name, value) = setting.split_once(' ').unwrap();
    let value: u32 = value.parse().unwrap();
    let limits = &mut config.limits;
    match name {
        "errors" => limits.errors = value,
        "idle-commands" => limits.idle_commands = value,
        "sign-in-attempts" => limits.sign_in_attempts = value,
        "refused-recipients" => limits.refused_recipients = value,
        "recipients" => limits.recipients = usize::try_from(value).unwrap(),
        "overrun-octets" => limits.overrun_octets = value.into(),
        "header-fields" => limits.header_fields = usize::try_from(value).unwrap(),
        "header-octets" => limits.header_octets = usize::try_from(value).unwrap(),
        other => panic!("unknown limit {other}"),
    }
}

fn write_down(
    out: &mut String,
    host: &mut Host,
    questions: bool,
    content: bool,
    submissions: &mut usize,
) {
    let sent = String::from_utf8(std::mem::take(&mut host.sent)).unwrap();
    assert!(sent.is_empty() || sent.ends_with("\r\n"));
    let asked = std::mem::take(&mut host.questions);
    if questions {
        for question in asked {
            let _ = writeln!(out, "Q: {question}");
        }
    }
    for submission in host
        .submissions
        .iter()
        .skip(*submissions)
        .filter(|_| content)
    {
        let text = String::from_utf8_lossy(&submission.content);
        for line in text.strip_suffix("\r\n").unwrap_or(&text).split("\r\n") {
            let _ = writeln!(
                out,
                "M: {}",
                line.escape_debug()
                    .to_string()
                    .replace("\\\"", "\"")
                    .replace("\\'", "'")
            );
        }
    }
    *submissions = host.submissions.len();
    let mut lines = sent.split_terminator("\r\n").peekable();
    while let Some(line) = lines.next() {
        let mut times = 1;
        while lines.next_if_eq(&line).is_some() {
            times += 1;
        }
        let _ = match times {
            1 => writeln!(out, "S: {line}"),
            _ => writeln!(out, "S* {times} {line}"),
        };
    }
    if std::mem::take(&mut host.handshakes) > 0 {
        out.push_str("S: <starttls>\n");
    }
    if host.closed {
        out.push_str("S: <closed>\n");
    }
}

/// The octets of a `C` line.
fn client_line(line: &str) -> Option<Vec<u8>> {
    let (kind, rest) = (line.get(..2)?, line.get(2..)?);
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    match kind {
        "C:" => Some([&expand(rest), &b"\r\n"[..]].concat()),
        "C~" => Some(unescape(&expand(rest))),
        "C*" => {
            let (times, line) = rest.split_once(' ').unwrap_or((rest, ""));
            Some(
                [&expand(line), &b"\r\n"[..]]
                    .concat()
                    .repeat(times.parse().unwrap()),
            )
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
            b't' => b'\t',
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
