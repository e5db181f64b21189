//! Whom a header field of a message names.

use crate::Address;

/// What `From` or `Sender` of a message says, read strictly.
///
/// Only [`HeaderMailbox::One`] names somebody. A field that two mail programs could read as two
/// different people is [`HeaderMailbox::Malformed`], never a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a rule that does not know a new case must not compile"
)]
pub enum HeaderMailbox {
    /// The field is not there.
    Absent,
    /// Exactly one mailbox.
    One(Address),
    /// More than one mailbox, or the field more than once with different mailboxes.
    Several,
    /// The field is there and is no mailbox list in the strict grammar.
    Malformed,
}
