//! Sans-IO SMTP: a submission server, and a client for SMTP and LMTP next hops.
//!
//! The crate speaks SMTP submission (RFC 6409) as a server, with [`Session`], and SMTP or LMTP
//! to a next hop, with [`Client`]; and nothing else: it opens no socket, reads no clock, draws
//! no random number, starts no task, and knows no tenant, quota or store. It frames strictly,
//! judges syntax and order, keeps deadlines and budgets, decodes SASL and message bodies, and
//! puts right what a submission server owes a message. Whatever is a matter of policy it asks
//! its host. `RFC.md` beside this crate says section by section what is done, what is not, and
//! why.
//!
//! # The contract of a session
//!
//! After every input – [`Session::new`], [`Session::receive`], [`Session::answer`],
//! [`Session::tls_started`], [`Session::drain`], [`Session::peer_closed`],
//! [`Session::timed_out`] – call [`Session::poll`] until it returns [`Step::NeedInput`],
//! [`Step::Ask`], [`Step::StartTls`] or [`Step::Close`], and do each step in the order in which
//! it comes: write what [`Step::Send`] holds, note what [`Step::Report`] says; on `Ask` find the
//! answer and give it with `answer` (one question is open at a time, and nothing further is
//! parsed until then); on `StartTls` do the handshake and call `tls_started`; on `NeedInput`
//! read once, at the longest until [`Session::deadline`], and call `receive`, `peer_closed` or
//! `timed_out`; on `Close` close. Replies to commands that were sent together are gathered into
//! one `Send`, and are always sent before the session waits for anything but a quick question.
//! A client that does not read its replies is the host's to notice: give writes a deadline too.
//! The monotonic time handed in must never go back. No input whatsoever makes a session panic,
//! and the replies do not depend on how the octets were cut.
//!
//! # Example
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use hve_smtp::{Answer, Leniency, Now, Opening, Question, Session, SessionConfig, Step, TlsFacts};
//! use hve_types::QueueId;
//! use time::macros::utc_datetime;
//!
//! let now = Now { monotonic: Duration::ZERO, utc: utc_datetime!(2026-11-24 05:52:29) };
//! let opening = Opening {
//!     id: "4f2a".into(),
//!     peer: ([192, 0, 2, 1], 40_000).into(),
//!     tls: Some(TlsFacts { version: "TLS1.3", cipher: "TLS_AES_256_GCM_SHA384".into() }),
//!     message_octets: 10 << 20,
//!     recipients: 50,
//!     messages: 1_000,
//! };
//! let config = Arc::new(SessionConfig::new("mail.contoso.test"));
//! let mut session = Session::new(config, opening, now);
//!
//! // All at once, as a client in a hurry sends it; a real one waits for the replies.
//! session.receive(b"EHLO printer\r\nAUTH PLAIN AGh2ZTAxQGNvbnRvc28udGVzdABzZWNyZXQ=\r\n", now);
//! session.receive(b"MAIL FROM:<hve01@contoso.test>\r\nRCPT TO:<all@contoso.test>\r\n", now);
//! session.receive(b"DATA\r\nSubject: Hello\r\n\r\nHi!\r\n.\r\nQUIT\r\n", now);
//!
//! let mut sent = Vec::new();
//! let mut queue = Vec::new();
//! loop {
//!     match session.poll(now) {
//!         Step::Send(octets) => sent.extend(octets),
//!         Step::Ask(question) => {
//!             let answer = match question {
//!                 Question::Authenticate(credentials) => {
//!                     let user = credentials.user.parse()?;
//!                     Answer::Authenticated { user, leniency: Leniency::default() }
//!                 }
//!                 Question::Data(_) => Answer::Proceed {
//!                     queue_id: QueueId::new(1_764_000_000_000, 7),
//!                     message_octets: 10 << 20, reply_to: None,
//!                 },
//!                 Question::Submit(submission) => {
//!                     queue.push(submission); // make it durable, then say so
//!                     Answer::Queued
//!                 }
//!                 _ => Answer::Accepted,
//!             };
//!             session.answer(answer, now);
//!         }
//!         Step::NeedInput => unreachable!("QUIT was sent"),
//!         Step::Close => break,
//!         _ => {}
//!     }
//! }
//! assert!(String::from_utf8(sent)?.ends_with("221 2.0.0 Bye\r\n"));
//! assert_eq!(queue[0].envelope.recipients[0].address.as_str(), "all@contoso.test");
//! assert!(queue[0].content.starts_with(b"Received: from printer ([192.0.2.1])\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod client;
mod command;
mod config;
mod ehlo;
mod limits;
mod lines;
mod message;
mod params;
mod question;
mod refusals;
mod reply;
mod sasl;
mod session;

pub use client::{
    Cause, Client, ClientConfig, ClientCredentials, ClientLimits, ClientStep, Failure, NotReady,
    PeerReply, Protocol, Stage, TlsPolicy, TransactionOutcome, Verdict,
};
pub use config::{Mechanism, Now, Opening, SessionConfig, TlsFacts};
pub use limits::SessionLimits;
pub use question::{
    Answer, BearerCredentials, Credentials, DataRequest, Leniency, MailRequest, Question,
    RcptRequest, Report, SaslResponse, Step, Submission,
};
pub use reply::{Enhanced, Refusal, Reply};
pub use session::Session;
