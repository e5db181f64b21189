//! A host for tests: it answers questions by simple rules and writes everything down.

use std::{sync::Arc, time::Duration};

use hve_smtp::{
    Answer, BearerCredentials, Credentials, Enhanced, Leniency, Now, Opening, Question, Refusal,
    Reply, Report, SaslResponse, Session, SessionConfig, Step, Submission, TlsFacts,
};
use hve_types::{Address, HeaderMailbox, Notify, QueueId};
use secrecy::ExposeSecret;
use time::macros::utc_datetime;

/// A refusal of the host: to which question, about whom (`*` is anybody), and what.
pub(crate) struct Rule {
    pub(crate) question: String,
    pub(crate) about: String,
    pub(crate) refusal: Refusal,
}

impl Rule {
    /// `rcpt bob@contoso.test 550 5.1.10 unknown-recipient No such recipient`; `!` before the
    /// code closes.
    pub(crate) fn parse(text: &str) -> Self {
        let words: Vec<&str> = text.splitn(6, ' ').collect();
        let [question, about, code, status, reason, text] = words[..] else {
            panic!("a rule has six words: {text}");
        };
        let parts: Vec<u16> = status
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect();
        let close = code.starts_with('!');
        let reply = Reply::new(
            code.trim_start_matches('!').parse().unwrap(),
            Some(Enhanced(parts[0], parts[1], parts[2])),
            text.replace("\\n", "\n"),
        );
        let reason: &'static str = Box::leak(reason.to_owned().into_boxed_str());
        let refusal = Refusal::new(reply, reason);
        Self {
            question: question.into(),
            about: about.into(),
            refusal: if close { refusal.closing() } else { refusal },
        }
    }
}

/// Drives one session.
pub(crate) struct Host {
    pub(crate) session: Session,
    pub(crate) rules: Vec<Rule>,
    pub(crate) message_octets: u64,
    pub(crate) leniency: Leniency,
    pub(crate) now: Now,
    pub(crate) sent: Vec<u8>,
    pub(crate) questions: Vec<String>,
    pub(crate) reports: Vec<Report>,
    pub(crate) submissions: Vec<Submission>,
    pub(crate) closed: bool,
    pub(crate) handshakes: u32,
    messages: u128,
}

pub(crate) const CLOCK: Now = Now {
    monotonic: Duration::from_secs(1_000),
    utc: utc_datetime!(2026-11-24 05:52:29),
};

pub(crate) fn opening() -> Opening {
    Opening {
        id: "s".into(),
        peer: ([192, 0, 2, 1], 40_000).into(),
        tls: None,
        message_octets: 10_485_760,
        recipients: 50,
        messages: 1_000,
    }
}

pub(crate) fn tls() -> TlsFacts {
    TlsFacts {
        version: "TLS1.3",
        cipher: "TLS_AES_256_GCM_SHA384".into(),
    }
}

impl Host {
    pub(crate) fn new(config: SessionConfig, opening: Opening) -> Self {
        Self {
            message_octets: opening.message_octets,
            session: Session::new(Arc::new(config), opening, CLOCK),
            rules: Vec::new(),
            leniency: Leniency::default(),
            now: CLOCK,
            sent: Vec::new(),
            questions: Vec::new(),
            reports: Vec::new(),
            submissions: Vec::new(),
            closed: false,
            handshakes: 0,
            messages: 0,
        }
    }

    /// Sends octets in pieces; what comes behind STARTTLS or the end never reaches the session.
    pub(crate) fn feed(&mut self, octets: &[u8], size: usize) {
        for piece in octets.chunks(size.max(1)) {
            let handshakes = self.handshakes;
            if self.closed {
                return;
            }
            self.session.receive(piece, self.now);
            self.run();
            if self.handshakes > handshakes {
                return;
            }
        }
    }

    /// Polls until the session wants something that is not there.
    pub(crate) fn run(&mut self) {
        for _ in 0..1_000_000 {
            match self.session.poll(self.now) {
                Step::Send(octets) => self.sent.extend(octets),
                Step::NeedInput => {
                    assert!(self.session.deadline() > self.now.monotonic, "overdue");
                    return;
                }
                Step::StartTls => {
                    self.handshakes += 1;
                    self.session.tls_started(tls(), self.now);
                }
                Step::Ask(question) => {
                    // Octets that come meanwhile must wait.
                    self.session.receive(b"", self.now);
                    let answer = self.answer(question);
                    self.session.answer(answer, self.now);
                }
                Step::Report(report) => self.reports.push(report),
                Step::Close => {
                    self.closed = true;
                    return;
                }
                other => panic!("unknown step {other:?}"),
            }
        }
        panic!("the session does not come to rest");
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Authenticate(credentials) => self.sign_in(&credentials),
            Question::Bearer(credentials) => self.bearer(&credentials),
            Question::Sasl(response) => self.sasl(&response),
            Question::External { authzid } => {
                let authzid = authzid.unwrap_or_else(|| "-".into());
                self.questions.push(format!("EXTERNAL {authzid}"));
                let good = ["-", "hve01@contoso.test"].contains(&&*authzid);
                self.verdict(good, "hve01@contoso.test")
            }
            Question::Mail(mail) => {
                let sender = mail
                    .sender
                    .as_ref()
                    .map_or("<>", Address::as_str)
                    .to_owned();
                self.questions.push(format!(
                    "MAIL {sender} size={} body={:?} smtputf8={} ret={:?} envid={}",
                    mail.declared_octets.map_or("-".into(), |n| n.to_string()),
                    mail.body,
                    mail.smtputf8,
                    mail.ret,
                    mail.envid.as_deref().unwrap_or("-"),
                ));
                self.judge("mail", &sender)
            }
            Question::Rcpt(rcpt) => {
                let address = rcpt.recipient.address.as_str();
                self.questions.push(format!(
                    "RCPT {address} accepted={} notify={} orcpt={}",
                    rcpt.accepted,
                    notify(rcpt.recipient.notify),
                    rcpt.recipient.orcpt.as_deref().unwrap_or("-"),
                ));
                self.judge("rcpt", address)
            }
            Question::Data(data) => {
                let declared = data.declared_octets.map_or("-".into(), |n| n.to_string());
                self.questions.push(format!(
                    "DATA recipients={} size={declared}",
                    data.recipients
                ));
                match self.judge("data", "*") {
                    Answer::Accepted => {
                        self.messages += 1;
                        Answer::Proceed {
                            queue_id: QueueId::new(1_764_000_000_000, self.messages),
                            message_octets: self.message_octets,
                            reply_to: None,
                        }
                    }
                    refused => refused,
                }
            }
            Question::Submit(submission) => {
                let recipients: Vec<_> = submission
                    .envelope
                    .recipients
                    .iter()
                    .map(|r| r.address.as_str())
                    .collect();
                self.questions.push(format!(
                    "SUBMIT {} octets={} body={:?} from={} sender={} id={} to={}",
                    submission.queue_id,
                    submission.received_octets,
                    submission.envelope.body,
                    mailbox(&submission.from),
                    mailbox(&submission.sender),
                    submission.message_id,
                    recipients.join(","),
                ));
                let answer = self.judge("submit", "*");
                if !matches!(answer, Answer::Accepted) {
                    return answer;
                }
                self.submissions.push(*submission);
                Answer::Queued
            }
            other => panic!("unknown question {other:?}"),
        }
    }

    fn sign_in(&mut self, credentials: &Credentials) -> Answer {
        self.questions.push(format!(
            "AUTHENTICATE {} authzid={} user={:?}",
            credentials.mechanism.as_str(),
            credentials.authzid.as_deref().unwrap_or("-"),
            credentials.user,
        ));
        let good = credentials.user == "hve01@contoso.test"
            && credentials.password.expose_secret() == "secret"
            && credentials
                .authzid
                .as_ref()
                .is_none_or(|z| *z == credentials.user);
        self.verdict(good, &credentials.user)
    }

    /// Tokens that start with `good` are.
    fn bearer(&mut self, credentials: &BearerCredentials) -> Answer {
        let token = credentials.token.expose_secret();
        self.questions.push(format!(
            "BEARER {} user={:?} token={} octets",
            credentials.mechanism.as_str(),
            credentials.user,
            token.len(),
        ));
        self.verdict(token.starts_with("good"), &credentials.user)
    }

    /// As SCRAM goes, without its arithmetic; `more` is never satisfied.
    fn sasl(&mut self, response: &SaslResponse) -> Answer {
        let text = String::from_utf8_lossy(&response.octets).into_owned();
        self.questions.push(format!(
            "SASL {} first={} {text}",
            response.mechanism.as_str(),
            response.first,
        ));
        match (response.first, &*text) {
            (_, "more") => Answer::Challenge(b"more".to_vec()),
            (true, "client-first") => Answer::Challenge(b"server-first".to_vec()),
            (false, "client-final") => Answer::Challenge(b"server-final".to_vec()),
            (first, text) => self.verdict(!first && text.is_empty(), "hve01@contoso.test"),
        }
    }

    fn verdict(&self, good: bool, user: &str) -> Answer {
        match self.judge("auth", user) {
            Answer::Accepted if good => Answer::Authenticated {
                user: Address::parse(user).unwrap(),
                leniency: self.leniency,
            },
            Answer::Accepted => Answer::Refused(
                Rule::parse("auth * 535 5.7.3 wrong-credentials Wrong user name or password")
                    .refusal,
            ),
            refused => refused,
        }
    }

    fn judge(&self, question: &str, about: &str) -> Answer {
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.question == question && (rule.about == "*" || rule.about == about));
        match rule {
            Some(rule) => Answer::Refused(rule.refusal.clone()),
            None => Answer::Accepted,
        }
    }

    /// Sends the usual opening and forgets it: `greeted`, `tls` (EHLO said again) or `signed-in`.
    pub(crate) fn start(&mut self, point: &str) {
        let steps: &[&[u8]] = match point {
            "greeted" => &[],
            "tls" => &[b"EHLO printer\r\nSTARTTLS\r\n", b"EHLO printer\r\n"],
            "signed-in" => &[
                b"EHLO printer\r\nSTARTTLS\r\n",
                b"EHLO printer\r\nAUTH PLAIN AGh2ZTAxQGNvbnRvc28udGVzdABzZWNyZXQ=\r\n",
            ],
            other => panic!("no such start: {other}"),
        };
        self.run();
        for step in steps {
            self.feed(step, usize::MAX);
        }
        self.sent.clear();
        self.questions.clear();
        self.reports.clear();
        self.handshakes = 0;
    }
}

fn notify(notify: Option<Notify>) -> String {
    match notify {
        None => "-".into(),
        Some(Notify::Never) => "NEVER".into(),
        Some(Notify::On {
            success,
            failure,
            delay,
        }) => [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")]
            .into_iter()
            .filter_map(|(wanted, name)| wanted.then_some(name))
            .collect::<Vec<_>>()
            .join("+"),
        Some(other) => panic!("unknown wish {other:?}"),
    }
}

fn mailbox(mailbox: &HeaderMailbox) -> &str {
    match mailbox {
        HeaderMailbox::Absent => "absent",
        HeaderMailbox::One(address) => address.as_str(),
        HeaderMailbox::Several => "several",
        HeaderMailbox::Malformed => "malformed",
    }
}
