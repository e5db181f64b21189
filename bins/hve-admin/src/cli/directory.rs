//! The verbs of tenants, domains, recipients and accounts.

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use hve_types::{Address, Ceiling, Domain, DomainKind};
use time::UtcDateTime;

use super::{AccountTest, Confirmation, TenantChoice};
use crate::{size, when};

#[derive(Debug, Subcommand)]
pub(crate) enum TenantVerb {
    /// Add a tenant, named by its first domain
    ///
    /// Makes the store when there is none yet.
    Add {
        /// Its first domain, and its name
        domain: Domain,
        /// How the domain answers for a local part that is not in the recipient directory
        #[arg(long, value_enum, default_value_t = KindWord::Relay)]
        kind: KindWord,
        #[command(flatten)]
        limits: TenantLimitArgs,
    },
    /// List the tenants
    List,
    /// Show a tenant with its domains, limits and state
    Show {
        /// Any of its domains; not needed when there is only one tenant
        tenant: Option<Domain>,
    },
    /// Change limits, and who hears of failures; what was used stays counted
    #[command(after_help = "Example:\n  hve-admin tenant set contoso.test \
                            --recipients-per-day 200000 --message-size 25MiB")]
    Set {
        /// Any of its domains
        tenant: Domain,
        #[command(flatten)]
        limits: TenantLimitArgs,
        /// Who is sent a notice of mail that was not delivered, unless the account names somebody:
        /// an address in a domain of the tenant
        #[arg(long, value_name = "ADDRESS|none", value_parser = size::address_or_none)]
        postmaster: Option<size::Named>,
    },
    /// Stop a tenant: its accounts are refused at their next command
    Suspend {
        /// Any of its domains
        tenant: Domain,
        #[command(flatten)]
        suspend: SuspendArgs,
    },
    /// Let a suspended tenant go on
    Resume {
        /// Any of its domains
        tenant: Domain,
    },
    /// Remove a tenant with its domains, accounts and recipients
    ///
    /// Its usage and audit entries are kept.
    Remove {
        /// Any of its domains
        tenant: Domain,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// Limits that are not given stay as they are.
#[derive(Args, Debug, Default)]
pub(crate) struct TenantLimitArgs {
    /// Recipients in any 24 hours, all accounts together [default: 100000]
    #[arg(long, value_name = "COUNT|unlimited", value_parser = size::ceiling)]
    pub(crate) recipients_per_day: Option<Ceiling>,
    /// Distinct recipients of one message [default: 50]
    #[arg(long, value_name = "COUNT", value_parser = size::positive)]
    pub(crate) recipients_per_message: Option<NonZeroU32>,
    /// Accounts at one time [default: 20]
    #[arg(long, value_name = "COUNT")]
    pub(crate) accounts: Option<u32>,
    /// Size of one message as it arrives [default: 10MiB]
    #[arg(long, value_name = "SIZE", value_parser = size::message_octets)]
    pub(crate) message_size: Option<u64>,
    /// Sessions of one account at one time [default: 50]
    #[arg(long, value_name = "COUNT", value_parser = size::positive)]
    pub(crate) sessions_per_account: Option<NonZeroU32>,
}

#[derive(Args, Debug)]
pub(crate) struct SuspendArgs {
    /// Why; the client sees it in the reply
    #[arg(long, value_name = "TEXT", value_parser = size::words)]
    pub(crate) reason: String,
    /// The moment at which it ends by itself, such as 2026-12-01T08:00:00Z
    #[arg(long, value_name = "RFC3339", value_parser = when::moment)]
    pub(crate) until: Option<UtcDateTime>,
}

/// [`DomainKind`] as a word of the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KindWord {
    /// The recipient directory is complete: who is not in it does not exist
    Authoritative,
    /// Any local part is passed on
    Relay,
}

impl From<KindWord> for DomainKind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Authoritative => Self::Authoritative,
            KindWord::Relay => Self::Relay,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum DomainVerb {
    /// Accept a further domain for a tenant
    Add {
        /// The domain
        domain: Domain,
        #[command(flatten)]
        tenant: TenantChoice,
        /// How it answers for a local part that is not in the recipient directory
        #[arg(long, value_enum, default_value_t = KindWord::Relay)]
        kind: KindWord,
    },
    /// List the accepted domains
    List {
        #[command(flatten)]
        tenant: TenantChoice,
    },
    /// Accept a domain no longer
    Remove {
        /// The domain
        domain: Domain,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecipientVerb {
    /// Add the addresses in the first column of a CSV file; `-` is standard input
    ///
    /// A first line that holds no address is taken for a heading. When any other line is wrong,
    /// nothing is imported and each such line is named.
    Import {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        tenant: TenantChoice,
    },
    /// List recipients in the order of their addresses
    List {
        #[command(flatten)]
        tenant: TenantChoice,
        /// Begin after this address
        #[arg(long, value_name = "ADDRESS")]
        after: Option<Address>,
        /// At most so many [default: 1000, with --json: all]
        #[arg(long, value_name = "COUNT", value_parser = size::positive)]
        limit: Option<NonZeroU32>,
    },
    /// Groups: addresses that stand for others
    #[command(subcommand)]
    Group(GroupVerb),
    /// Remove one recipient, as a group and from all groups too
    Remove {
        /// The address
        address: Address,
        #[command(flatten)]
        tenant: TenantChoice,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupVerb {
    /// Add members to a group; the first one makes it
    ///
    /// A message to a group counts as one recipient for the quota, and goes to each member once.
    /// Members are addresses of the tenant's domains, and may be groups themselves.
    #[command(
        after_help = "Example:\n  hve-admin recipient group add all@contoso.test \
                            user1@contoso.test it@contoso.test"
    )]
    Add(GroupMembers),
    /// List the members of a group
    Members {
        /// The group
        group: Address,
        /// List those of groups in it, instead of those groups: who gets the mail
        #[arg(long)]
        expanded: bool,
        #[command(flatten)]
        tenant: TenantChoice,
    },
    /// Take members out of a group; without any left it is a recipient like others
    Remove(GroupMembers),
}

#[derive(Args, Debug)]
pub(crate) struct GroupMembers {
    /// The group
    pub(crate) group: Address,
    /// Its members
    #[arg(required = true, value_name = "MEMBER")]
    pub(crate) members: Vec<Address>,
    #[command(flatten)]
    pub(crate) tenant: TenantChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountVerb {
    /// Add an account and show the settings for its device
    ///
    /// The password is prompted for, or comes from standard input, or is made; never from an
    /// argument, which everybody on this machine could read in the process list.
    #[command(
        after_help = "Example:\n  printf '%s' \"$PASSWORD\" | hve-admin account add \
                            scan2@contoso.test --password-stdin"
    )]
    Add(AccountAdd),
    /// List the accounts
    List {
        #[command(flatten)]
        tenant: TenantChoice,
    },
    /// Show an account with the settings for its device
    Show {
        /// Its address
        address: Address,
    },
    /// Show every rule of sign-in the account would meet, without signing in
    ///
    /// Exit code 0 when no rule blocks it, 5 when one does; each block says how to lift it.
    Test(AccountTest),
    /// Change an account; what is not given stays
    Set(AccountSet),
    /// Stop an account: it is refused at its next command
    Suspend {
        /// Its address
        address: Address,
        #[command(flatten)]
        suspend: SuspendArgs,
    },
    /// Let a suspended account go on
    Resume {
        /// Its address
        address: Address,
    },
    /// Remove an account; its usage stays in the books
    Remove {
        /// Its address
        address: Address,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Args, Debug)]
pub(crate) struct AccountAdd {
    /// Its address in an accepted domain: user name and only sender address
    pub(crate) address: Address,
    /// The name people see [default: the address]
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// A short name, unique in the tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) alias: Option<String>,
    /// Recipients in any 24 hours, within the tenant's [default: unlimited]
    #[arg(long, value_name = "COUNT|unlimited", value_parser = size::ceiling)]
    pub(crate) recipients_per_day: Option<Ceiling>,
    /// Messages a minute, evenly [default: unlimited]
    #[arg(long, value_name = "COUNT|unlimited", value_parser = size::rate)]
    pub(crate) messages_per_minute: Option<size::Rate>,
    /// Read the password from standard input; a line end at its end is dropped
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Make a random password and show it once
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) generate_password: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct AccountChanges {
    /// The name people see
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// A short name, unique in the tenant; empty takes it away
    #[arg(long, value_name = "NAME")]
    pub(crate) alias: Option<String>,
    /// Recipients in any 24 hours, within the tenant's
    #[arg(long, value_name = "COUNT|unlimited", value_parser = size::ceiling)]
    pub(crate) recipients_per_day: Option<Ceiling>,
    /// Messages a minute, evenly
    #[arg(long, value_name = "COUNT|unlimited", value_parser = size::rate)]
    pub(crate) messages_per_minute: Option<size::Rate>,
    /// Who is sent a notice of its mail that was not delivered: an address in a domain of the
    /// tenant; `none` leaves it to the tenant's postmaster
    #[arg(long, value_name = "ADDRESS|none", value_parser = size::address_or_none)]
    pub(crate) bounce_to: Option<size::Named>,
    /// Where answers to its mail go: a Reply-To is added where a message has none
    #[arg(long, value_name = "ADDRESS|none", value_parser = size::address_or_none)]
    pub(crate) reply_to: Option<size::Named>,
    /// Make a random new password and show it once
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) new_password: bool,
    /// Read a new password from standard input; a line end at its end is dropped
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AccountSet {
    /// Its address
    pub(crate) address: Address,
    #[command(flatten)]
    pub(crate) changes: AccountChanges,
}
