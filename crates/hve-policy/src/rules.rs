//! The rules for one message that need no memory: who sends, to whom, how many, how large.

use hve_types::{Address, DomainKind, HeaderMailbox, Principal, TenantLimits};
use thiserror::Error;

use crate::Retry;

/// The envelope sender must be the account itself.
///
/// # Errors
/// [`SenderRefusal`]; trying the same again is useless.
pub fn sender(principal: &Principal, mail_from: Option<&Address>) -> Result<(), SenderRefusal> {
    match mail_from {
        None => Err(SenderRefusal::NullSender),
        Some(given) if *given == principal.address => Ok(()),
        Some(given) => Err(SenderRefusal::NotTheAccount {
            account: principal.address.clone(),
            given: given.clone(),
        }),
    }
}

/// The envelope sender is not what this account may use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each refusal must be given a reply before anything compiles"
)]
pub enum SenderRefusal {
    /// Another address than the account's.
    #[error(
        "the sender must be {account}, not {given}; set the sender address of the device or application to {account}"
    )]
    NotTheAccount {
        /// The one address it may use.
        account: Address,
        /// What it used.
        given: Address,
    },
    /// `MAIL FROM:<>` is for notices of mail servers (RFC 5321 §4.5.5), which an account is not.
    #[error("an account must send with its own address, not with the empty one")]
    NullSender,
}

impl SenderRefusal {
    /// Always never.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// The header's From, and Sender if there is one, must be the account itself.
///
/// Resent-From counts as From and Resent-Sender as Sender (RFC 5322 §3.6.6): a host gives what both
/// name together, so the words of a refusal are of both.
///
/// An absent From passes: it claims nobody's name, and a submission server adds the account's.
///
/// # Errors
/// [`HeaderRefusal`]; trying the same again is useless.
pub fn header(
    principal: &Principal,
    from: &HeaderMailbox,
    sender: &HeaderMailbox,
) -> Result<(), HeaderRefusal> {
    let account = || principal.address.clone();
    match from {
        HeaderMailbox::Absent => {}
        HeaderMailbox::One(given) if *given == principal.address => {}
        HeaderMailbox::One(given) => {
            return Err(HeaderRefusal::FromNotTheAccount {
                account: account(),
                given: given.clone(),
            });
        }
        HeaderMailbox::Several => return Err(HeaderRefusal::FromSeveral { account: account() }),
        HeaderMailbox::Malformed => {
            return Err(HeaderRefusal::FromMalformed { account: account() });
        }
    }
    match sender {
        HeaderMailbox::Absent => Ok(()),
        HeaderMailbox::One(given) if *given == principal.address => Ok(()),
        HeaderMailbox::One(given) => Err(HeaderRefusal::SenderNotTheAccount {
            account: account(),
            given: given.clone(),
        }),
        HeaderMailbox::Several => Err(HeaderRefusal::SenderSeveral { account: account() }),
        HeaderMailbox::Malformed => Err(HeaderRefusal::SenderMalformed { account: account() }),
    }
}

/// The message says that somebody else wrote or sent it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each refusal must be given a reply before anything compiles"
)]
pub enum HeaderRefusal {
    /// From or Resent-From can not be read as one address (RFC 5322 §3.6.2).
    #[error(
        "the From field, or Resent-From where it is there, can not be read; write it as From: {account}"
    )]
    FromMalformed {
        /// The one address it may name.
        account: Address,
    },
    /// From or Resent-From names another address.
    #[error(
        "the From field, and Resent-From where it is there, must name {account}, not {given}; set the sender address of the device or application to {account}"
    )]
    FromNotTheAccount {
        /// The one address it may name.
        account: Address,
        /// What it names.
        given: Address,
    },
    /// Several addresses in From and Resent-From together.
    #[error("the From field, and Resent-From where it is there, must name only {account}")]
    FromSeveral {
        /// The one address it may name.
        account: Address,
    },
    /// Sender or Resent-Sender can not be read as one address.
    #[error(
        "the Sender field, or Resent-Sender where it is there, can not be read; leave it out or write it as Sender: {account}"
    )]
    SenderMalformed {
        /// The one address it may name.
        account: Address,
    },
    /// Sender or Resent-Sender names another address.
    #[error(
        "the Sender field, and Resent-Sender where it is there, must name {account}, not {given}; leave it out or set it to {account}"
    )]
    SenderNotTheAccount {
        /// The one address it may name.
        account: Address,
        /// What it names.
        given: Address,
    },
    /// Several addresses in Sender and Resent-Sender together.
    #[error(
        "the Sender field, and Resent-Sender where it is there, may name only {account}; leave it out"
    )]
    SenderSeveral {
        /// The one address it may name.
        account: Address,
    },
}

impl HeaderRefusal {
    /// Always never.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// What the directory knows of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the caller fills in each fact, and must hear of a new one"
)]
pub struct RecipientFacts {
    /// The kind of the accepted domain; `None` where it is no accepted domain of this tenant.
    pub domain: Option<DomainKind>,
    /// Whether the recipient directory lists the address; asked for authoritative domains only.
    pub listed: bool,
}

impl RecipientFacts {
    /// Somebody outside: not in any accepted domain of the tenant.
    pub const EXTERNAL: Self = Self {
        domain: None,
        listed: false,
    };
    /// Anybody in a domain whose next hop knows its own users.
    pub const RELAY: Self = Self {
        domain: Some(DomainKind::Relay),
        listed: false,
    };

    /// Somebody in a domain whose directory is complete.
    #[must_use]
    pub const fn authoritative(listed: bool) -> Self {
        Self {
            domain: Some(DomainKind::Authoritative),
            listed,
        }
    }
}

/// Recipients are internal, known where the directory is complete, and at most so many.
///
/// `accepted` counts the distinct recipients already accepted for this message: refused ones and
/// repetitions do not count. What can never be right is said before what would fit elsewhere.
///
/// # Errors
/// [`RecipientRefusal`], which tells the first two from the third by [`RecipientRefusal::retry`].
pub fn recipient(
    limits: &TenantLimits,
    facts: RecipientFacts,
    accepted: usize,
) -> Result<(), RecipientRefusal> {
    match facts.domain {
        None => return Err(RecipientRefusal::External),
        Some(DomainKind::Relay) => {}
        // Authoritative; a kind that is not known here is taken as strictly.
        Some(_) if facts.listed => {}
        Some(_) => return Err(RecipientRefusal::Unknown),
    }
    let limit = limits.recipients_per_message.get();
    if u32::try_from(accepted).is_ok_and(|accepted| accepted < limit) {
        Ok(())
    } else {
        Err(RecipientRefusal::TooMany { limit })
    }
}

/// This recipient is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each refusal must be given a reply before anything compiles"
)]
pub enum RecipientRefusal {
    /// Outside of the tenant's accepted domains.
    #[error(
        "this service sends to the organisation's own domains only; remove the recipient, or have its domain added if it is one of them"
    )]
    External,
    /// The message has as many recipients as it may have.
    #[error("a message may have {limit} recipients; send it to the others in a further message")]
    TooMany {
        /// How many it may have.
        limit: u32,
    },
    /// The domain's directory is complete and does not list it.
    #[error(
        "there is no such recipient; correct the address, or have it added to the recipient directory"
    )]
    Unknown,
}

impl RecipientRefusal {
    /// Never, but for the one too many, which fits into a further message.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::TooMany { .. } => Retry::NextMessage,
            Self::External | Self::Unknown => Retry::Never,
        }
    }
}

/// A message is at most so large; exactly the limit is allowed.
///
/// # Errors
/// [`TooLarge`]; trying the same again is useless.
pub const fn size(limits: &TenantLimits, octets: u64) -> Result<(), TooLarge> {
    let limit = limits.message_octets;
    if octets <= limit {
        Ok(())
    } else {
        Err(TooLarge { limit, octets })
    }
}

/// The message is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a message may have {limit} octets and this one has {octets}; send it in parts, or smaller attachments"
)]
#[expect(clippy::exhaustive_structs, reason = "two figures, nothing more")]
pub struct TooLarge {
    /// Octets it may have.
    pub limit: u64,
    /// Octets it has, or says it will have.
    pub octets: u64,
}

impl TooLarge {
    /// Always never.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        Retry::Never
    }
}
