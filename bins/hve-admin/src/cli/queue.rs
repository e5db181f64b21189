//! The verbs of the queue.

use std::num::NonZeroU32;

use clap::{Args, Subcommand, ValueEnum};
use hve_store::QueueStanding;
use hve_types::{Address, Domain, QueueId};
use time::Duration;

use super::Confirmation;
use crate::{size, when};

#[derive(Debug, Subcommand)]
pub(crate) enum QueueVerb {
    /// List the messages that wait, oldest first
    ///
    /// Of every tenant, unless a filter says otherwise. Filters combine: each has to hold.
    List(QueueList),
    /// Show one message: envelope, recipients and what became of each
    Show {
        /// Its queue id, as in the client's 250 reply
        id: QueueId,
        /// Show the header fields of the message too; its body is never shown
        #[arg(long)]
        headers: bool,
    },
    /// The queue in figures: by account, by domain of the recipients, by reason
    Stats(QueueWhich),
    /// Try messages now, and not when the schedule says
    ///
    /// What is held or parked stays so: `queue release` frees it.
    #[command(after_help = "Example:\n  hve-admin queue retry --all --domain contoso.test")]
    Retry(QueueTargets),
    /// Keep messages in the queue without trying them, until they are released
    ///
    /// An attempt that is under way is not stopped; what it does not deliver is held.
    #[command(after_help = "Example:\n  hve-admin queue hold --all --account hve01@contoso.test")]
    Hold(QueueTargets),
    /// Try messages again that are held, or were parked
    Release(QueueTargets),
    /// Take messages out of the queue, with their content and for good
    ///
    /// Nobody is told. The audit log keeps who was not reached; the quota stays used. An attempt
    /// that is under way is not stopped: should it deliver after all, usage and audit log say so.
    #[command(
        after_help = "Example:\n  hve-admin queue cancel --all --account hve01@contoso.test \
                            --older 2h --reason \"mailbox full\""
    )]
    Cancel(QueueTargets),
}

#[derive(Args, Debug)]
pub(crate) struct QueueList {
    #[command(flatten)]
    pub(crate) which: QueueWhich,
    /// Begin after this message
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<QueueId>,
    /// At most so many [default: 100, with --json: all]
    #[arg(long, value_name = "COUNT", value_parser = size::positive)]
    pub(crate) limit: Option<NonZeroU32>,
}

/// Which messages a change is made to.
#[derive(Args, Debug)]
pub(crate) struct QueueTargets {
    /// The messages, by their queue ids
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(crate) ids: Vec<QueueId>,
    /// All messages for which the filters hold, or simply all; asks first
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) which: QueueWhich,
    #[command(flatten)]
    pub(crate) confirmation: Confirmation,
}

/// Which messages are meant. Each filter has to hold.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Filters")]
pub(crate) struct QueueWhich {
    /// Only messages of this tenant, by any of its domains
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) tenant: Option<Domain>,
    /// Only messages of this account
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) account: Option<Address>,
    /// Only messages that wait for this recipient
    #[arg(long, value_name = "ADDRESS", conflicts_with = "domain")]
    pub(crate) recipient: Option<Address>,
    /// Only messages that wait for a recipient of this domain
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<Domain>,
    /// Only messages that wait for a recipient whose route has these words in it, such as
    /// lmtp://store.contoso.test; the routes are those of the server's configuration file
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["recipient", "domain"],
          value_parser = size::words)]
    pub(crate) route: Option<String>,
    /// Only messages that wait for a reason with these words in it, such as "452" or "refused"
    #[arg(long, value_name = "WORDS", value_parser = size::words)]
    pub(crate) reason: Option<String>,
    /// Only messages accepted longer ago than this: 30m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = when::length)]
    pub(crate) older: Option<Duration>,
    /// Only messages accepted no longer ago than this
    #[arg(long, value_name = "TIME", value_parser = when::length)]
    pub(crate) newer: Option<Duration>,
    /// Only messages in this state
    #[arg(long, value_enum)]
    pub(crate) state: Option<StateWord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateWord {
    /// Held by an operator
    Held,
    /// Set aside because they cannot be worked on
    Parked,
    /// To be tried
    Waiting,
}

impl From<StateWord> for QueueStanding {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Held => Self::Held,
            StateWord::Parked => Self::Parked,
            StateWord::Waiting => Self::Waiting,
        }
    }
}

impl QueueWhich {
    /// No filter at all.
    pub(crate) fn is_everything(&self) -> bool {
        *self
            == Self {
                tenant: None,
                account: None,
                recipient: None,
                domain: None,
                route: None,
                reason: None,
                older: None,
                newer: None,
                state: None,
            }
    }
}
