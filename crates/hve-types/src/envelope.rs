//! The envelope: who sends, to whom, and what the client asked for.

use crate::Address;

/// The envelope of one message. Recipients are distinct and in the order they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The return path; `None` is the null path `<>`.
    pub sender: Option<Address>,
    /// To whom; each address once.
    pub recipients: Vec<Recipient>,
    /// How the body is encoded.
    pub body: BodyKind,
    /// SMTPUTF8 was asked for (RFC 6531 §3.4).
    pub smtputf8: bool,
    /// RET: what a failure notice should carry (RFC 3461 §4.3).
    pub ret: Option<Return>,
    /// ENVID, still xtext-encoded (RFC 3461 §4.4).
    pub envid: Option<String>,
}

/// One recipient with its delivery-status wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The address.
    pub address: Address,
    /// NOTIFY (RFC 3461 §4.1); `None` where the client gave none.
    pub notify: Option<Notify>,
    /// ORCPT as `type;xtext` (RFC 3461 §4.2).
    pub orcpt: Option<String>,
}

impl Recipient {
    /// A recipient without wishes.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self {
            address,
            notify: None,
            orcpt: None,
        }
    }
}

/// When the sender wants to hear (RFC 3461 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notify {
    /// NEVER.
    Never,
    /// Any of SUCCESS, FAILURE and DELAY.
    On {
        /// SUCCESS.
        success: bool,
        /// FAILURE.
        failure: bool,
        /// DELAY.
        delay: bool,
    },
}

/// What a failure notice should carry (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Return {
    /// FULL: the whole message.
    Full,
    /// HDRS: its header only.
    Headers,
}

/// The BODY parameter (RFC 6152, RFC 3030 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyKind {
    /// 7BIT, or nothing said.
    #[default]
    SevenBit,
    /// 8BITMIME.
    EightBitMime,
    /// BINARYMIME.
    BinaryMime,
}
