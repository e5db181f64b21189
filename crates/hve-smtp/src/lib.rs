//! Sans-IO SMTP submission: bytes in, steps and questions out.
//!
//! The crate speaks SMTP submission (RFC 6409) as a server, and nothing else: it opens no
//! socket, reads no clock, knows no tenant, no quota and no store. `RFC.md` beside it says
//! section by section what is done.

mod body;
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

pub use config::{Mechanism, Now, Opening, SessionConfig, TlsFacts};
pub use limits::SessionLimits;
pub use question::{
    Answer, Credentials, DataRequest, MailRequest, Question, RcptRequest, Report, Step, Submission,
};
pub use reply::{Enhanced, Refusal, Reply};
pub use session::Session;
