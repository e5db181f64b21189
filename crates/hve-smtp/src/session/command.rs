//! Lines and commands: which may come when, and the simple ones.

use super::{Hello, Phase, Session};
use crate::{
    Enhanced, Now, Refusal, Reply, Report,
    command::{self, Verb},
    ehlo,
    lines::{Line, LineFault, LineLimits},
    refusals,
};

impl Session {
    /// Reads one line, if one is there.
    pub(super) fn read_line(&mut self, now: Now) -> bool {
        let in_sasl = matches!(self.phase, Phase::Sasl(_));
        let pending = self.inbox.pending();
        let first = pending.first().copied().filter(|_| self.lines.at_start());
        if let Some(octet) = first.filter(|octet| !in_sasl && is_no_text(*octet)) {
            // There will be no line end to wait for.
            self.no_text(octet, now);
            return true;
        }
        let secret = in_sasl || self.lines.has_whole_line() && is_auth(pending);
        let limits = &self.config.limits;
        let sasl = if self.mechanisms().iter().any(|m| m.is_bearer()) {
            limits.bearer_line_octets
        } else {
            limits.sasl_line_octets
        };
        let limits = LineLimits {
            line: if secret {
                sasl
            } else {
                limits.command_line_octets
            },
            discard: limits
                .discard_octets
                .max(sasl)
                .max(limits.command_line_octets),
        };
        let Some(line) = self.lines.next(&mut self.inbox, limits) else {
            return false;
        };
        match line {
            Line::Clean(octets) => self.clean_line(octets, in_sasl, secret, now),
            Line::Broken(fault) => {
                let refusal = refusal_of(fault);
                self.note(&[b"<a line that cannot be read>"]);
                if in_sasl {
                    self.broken_response(refusal, now);
                } else {
                    self.fault(refusal, "line", now);
                }
            }
            Line::Endless => self.refuse(refusals::LINE_ENDLESS, "line", now),
        }
        self.clock.wait(now);
        true
    }

    /// A TLS ClientHello, or worse.
    fn no_text(&mut self, first: u8, now: Now) {
        let is_hello = begins_tls(first) && self.opening.tls.is_none();
        let (seen, refusal): (&[u8], _) = if is_hello {
            (b"<the beginning of TLS>", refusals::TLS_TOO_SOON)
        } else {
            (b"<octets that are no text>", refusals::NOT_SMTP)
        };
        self.note(&[seen]);
        self.refuse(refusal, "connection", now);
    }

    fn clean_line(&mut self, octets: usize, in_sasl: bool, secret: bool, now: Now) {
        let mut inbox = std::mem::take(&mut self.inbox);
        let line = inbox.pending().get(..octets).unwrap_or_default();
        if in_sasl {
            self.response(line.strip_suffix(b"\r\n").unwrap_or(line), now);
        } else {
            self.command(line, now);
        }
        if secret {
            inbox.wipe(octets);
        } else {
            inbox.consume(octets);
        }
        self.inbox = inbox;
        if matches!(self.phase, Phase::StartTls) {
            // RFC 3207 §4.2: what came in clear text behind STARTTLS may be anybody's.
            let octets = self.inbox.clear();
            self.lines.reset();
            if octets > 0 {
                self.reports.push_back(Report::ClearTextDropped { octets });
            }
        }
    }

    /// One command. `line` has its CRLF, is UTF-8 and holds no control characters.
    fn command(&mut self, line: &[u8], now: Now) {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let text = text.strip_suffix("\r\n").unwrap_or(text);
        let (verb, rest) = Verb::of(text);
        self.counts.commands += 1;
        self.note_command(verb, text, rest);
        let forward = matches!(verb, Verb::Data | Verb::Bdat) && self.transaction.is_some();
        if verb != Verb::Rcpt && !forward {
            self.counts.idle_commands = self.counts.idle_commands.saturating_add(1);
            if self.counts.idle_commands > self.config.limits.idle_commands {
                return self.refuse(refusals::TOO_MANY_IDLE_COMMANDS, verb.name(), now);
            }
        }
        if verb == Verb::Bdat {
            return self.bdat(line, rest, now);
        }
        let result = self.may_come(verb).and_then(|()| match verb {
            Verb::Rcpt => self.rcpt(line, rest, now),
            Verb::Mail => self.mail(line, rest, now),
            Verb::Data => self.data(line, rest, now),
            Verb::Auth => self.auth(line, rest),
            Verb::Ehlo | Verb::Helo => self.say_hello(verb, line, rest),
            Verb::StartTls => self.start_tls(line, rest, now),
            // Words behind these three are let pass, as old scripts write `QUIT bye`; they can
            // be read in one way only.
            Verb::Noop => {
                self.say(b"250 2.0.0 Ok\r\n");
                Ok(())
            }
            Verb::Rset => {
                self.transaction = None;
                self.aftermath = false;
                self.say(b"250 2.0.0 Ok\r\n");
                Ok(())
            }
            Verb::Quit => {
                self.say(b"221 2.0.0 Bye\r\n");
                self.phase = Phase::Ending("quit");
                Ok(())
            }
            Verb::Help => {
                self.reply(&Reply::new(214, Some(Enhanced(2, 0, 0)), ehlo::HELP));
                Ok(())
            }
            Verb::Vrfy => self.verify(rest),
            Verb::Known(_) => Err(refusals::NOT_IMPLEMENTED),
            Verb::NotSmtp => Err(refusals::NOT_SMTP),
            Verb::Bdat | Verb::Unknown if text.is_empty() => Err(refusals::EMPTY_LINE),
            Verb::Bdat | Verb::Unknown => Err(refusals::UNKNOWN_COMMAND),
        });
        if let Err(refusal) = result {
            self.fault(refusal, verb.name(), now);
        }
    }

    /// Is this the time for such a command?
    pub(super) fn may_come(&self, verb: Verb) -> Result<(), Refusal> {
        let needs_tls = !matches!(
            verb,
            Verb::Ehlo
                | Verb::Helo
                | Verb::StartTls
                | Verb::Noop
                | Verb::Rset
                | Verb::Quit
                | Verb::NotSmtp
                | Verb::Unknown
        );
        // RFC 3207 §4: the server may require TLS for everything else.
        if needs_tls && self.opening.tls.is_none() {
            return Err(refusals::TLS_FIRST);
        }
        // RFC 5321 §4.1.4.
        let needs_hello = matches!(
            verb,
            Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Bdat | Verb::Auth | Verb::StartTls
        );
        if needs_hello && self.hello.is_none() {
            return Err(refusals::HELLO_FIRST);
        }
        // RFC 6409 §4.3.
        let needs_account = matches!(verb, Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Bdat);
        if needs_account && self.user.is_none() {
            return Err(refusals::SIGN_IN_FIRST);
        }
        Ok(())
    }

    /// EHLO and HELO; either may follow the other, and both reset a transaction
    /// (RFC 5321 §4.1.4).
    fn say_hello(&mut self, verb: Verb, line: &[u8], rest: &str) -> Result<(), Refusal> {
        let name = command::hello_name(line, rest)?;
        let extended = verb == Verb::Ehlo;
        self.transaction = None;
        self.hello = Some(Hello {
            name: name.into(),
            extended,
        });
        if extended {
            let auth = self.opening.tls.is_some().then(|| self.mechanisms());
            let reply = ehlo::ehlo(&self.config, &self.opening, auth);
            self.say(&reply);
        } else {
            ehlo::helo(&mut self.out, &self.config);
        }
        Ok(())
    }

    /// RFC 3207 §4.
    fn start_tls(&mut self, line: &[u8], rest: &str, now: Now) -> Result<(), Refusal> {
        command::no_argument("STARTTLS", rest)?;
        if self.opening.tls.is_some() {
            return Err(refusals::TLS_ALREADY);
        }
        if !matches!(
            command::second_opinion(line),
            Some(smtp_proto::Request::StartTls)
        ) {
            return Err(refusals::UNKNOWN_COMMAND);
        }
        self.say(b"220 2.0.0 Ready for TLS\r\n");
        self.phase = Phase::StartTls;
        self.clock.wait(now);
        Ok(())
    }

    /// VRFY tells nothing (RFC 5321 §3.5.3, §7.3).
    fn verify(&mut self, rest: &str) -> Result<(), Refusal> {
        if rest.trim_matches(' ').is_empty() {
            return Err(refusals::bad_argument("Syntax: VRFY address"));
        }
        self.say(b"252 2.0.0 Send it and see; addresses are judged at RCPT\r\n");
        Ok(())
    }
}

/// Lines that hold a secret, and so may be longer and are wiped.
fn is_auth(pending: &[u8]) -> bool {
    pending
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"AUTH "))
}

/// No command of any client starts like this.
const fn is_no_text(octet: u8) -> bool {
    !matches!(octet, b'\r' | b'\n' | b'\t' | b' '..=b'~')
}

/// The record type of a TLS handshake, or the form of a hello from before TLS.
const fn begins_tls(octet: u8) -> bool {
    matches!(octet, 0x16 | 0x80)
}

const fn refusal_of(fault: LineFault) -> Refusal {
    match fault {
        LineFault::BareLf => refusals::BARE_LF,
        LineFault::BareCr => refusals::BARE_CR,
        LineFault::Control => refusals::CONTROL,
        LineFault::NotUtf8 => refusals::NOT_UTF8,
        LineFault::TooLong => refusals::LINE_TOO_LONG,
    }
}
