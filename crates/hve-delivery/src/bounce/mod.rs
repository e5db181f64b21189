//! Who is told what of an attempt, and in which words: notices of delivery status.
//!
//! All of it is pure: [`wanted`] says of whom a notice tells, [`compose`] makes the message
//! (RFC 3464 in RFC 6522's `multipart/report`), and `conclude` puts it beside the settlement that
//! it tells of, with which it is committed.
//!
//! - A message with the null return path causes no notice: never a bounce of a bounce (RFC 3464 §2).
//! - There is at most one notice for a message and an attempt; it tells of all recipients at once.
//! - It goes to an address of the operator's choice inside the tenant's domains, never to the
//!   sender, who has no mailbox.

mod conclude;
mod message;
mod returned;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod wishes;
mod words;

pub(crate) use self::conclude::{DELAY_NOTICE, HELD, concern, conclude};
pub use self::{
    conclude::{BounceTo, Notices},
    message::{Composed, NoticeForm, compose},
    wishes::{Action, Told, wanted},
};
