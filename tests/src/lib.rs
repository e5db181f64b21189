//! What the tests of the whole share: the real binaries, a raw SMTP client, certificates, folders.
//!
//! Everything here fails the test at once and says why; nothing sleeps, everything waits for a
//! condition with a limit ([`until`]).

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

mod admin;
mod binaries;
mod certificates;
mod client;
mod dovecot;
mod folder;
mod maildir;
mod postfix;
mod server;
mod sink;
mod site;
mod tools;
mod wait;

pub use admin::{Admin, Outcome};
pub use binaries::{binary, target_folder};
pub use certificates::Pair;
pub use client::{Client, Reply, plain_response};
pub use dovecot::Dovecot;
pub use folder::memory_folder;
pub use maildir::{Mail, mails, waiting_mails};
pub use postfix::Postfix;
pub use server::{Server, raise_open_files};
pub use sink::Sink;
pub use site::{ACCOUNT, DOMAIN, PASSWORD, Site};
pub use tools::{Tool, excused, node_module, python_packages, skipped, tool};
pub use wait::{at_once, now, until, within};
