//! From the queue to the next hop, with retries.
//!
//! [`Engine`] takes what was just accepted over in memory, finds the rest in the [`Queue`], hands
//! each copy to the next hop of the [`Route`], and has what came of it written down through
//! [`Settle`]. The queue is the truth: what memory has no room for, and what was in hand when the
//! process ended, is found there again.
//!
//! What a next hop refuses for good is given up; what else cannot be delivered is tried again,
//! hourly in the end, and given up after a day; so is mail for a domain that was removed meanwhile.
//! Who is to hear of it is sent a notice ([`bounce`]), which is in the queue when, and only when,
//! the failure is settled.
//!
//! A copy is delivered once. Between the hand-over to the next hop and the settlement lies a
//! window in which a crash leads to a second attempt; [`Maildir`] closes it by giving the copy the
//! same file name again. With other machines the window stays open, also where a connection is
//! lost after the whole message was sent: this is counted and logged.
//!
//! What this crate does not know: SMTP sessions, quota, configuration files. It draws no random
//! numbers and asks nobody for the time of day; the host gives both. Its timers are tokio's.

mod background;
mod books;
pub mod bounce;
mod content;
mod engine;
mod fair;
mod folder;
mod fresh;
mod hand;
mod health;
mod hops;
mod limits;
mod maildir;
mod parcel;
mod queue;
mod recent;
mod relay;
mod route;
mod schedule;
mod settle;
mod stock;
mod work;

pub use engine::Engine;
pub use fresh::Handover;
pub use health::{Admission, HopHealth};
pub use hve_store::{Notice, Outcome, Reason, Settlement};
pub use limits::Limits;
pub use maildir::{Maildir, MaildirError, OutgoingCopy};
pub use queue::{Content, Due, Queue, QueueError};
pub use relay::{Mark, MarkError, RelaySettings, SetupError};
pub use route::{Endpoint, Relay, RelayError, RelayHost, Route, RouteError, Routes, Trust};
pub use schedule::{Retry, RetrySchedule, ScheduleError};
pub use settle::{Settle, SettleError};
pub use stock::Host;
