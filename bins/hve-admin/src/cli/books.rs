//! The verbs of quota, usage, policy and audit: they only look.

use std::num::NonZeroU32;

use clap::{Args, Subcommand, ValueEnum};
use hve_report::Grouping;
use hve_types::{Address, Domain};

use super::TenantChoice;
use crate::{size, when};

#[derive(Debug, Subcommand)]
pub(crate) enum QuotaVerb {
    /// Show a tenant's quota: limit, used, room, and when how much comes back
    Show {
        #[command(flatten)]
        tenant: TenantChoice,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UsageVerb {
    /// Report what was sent over a period
    #[command(after_help = "Example:\n  hve-admin usage report --from 2026-11-01 \
                            --to 2026-11-30 --by day --format csv > november.csv")]
    Report(ReportArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// First day (2026-11-01), or first moment (RFC 3339) [default: 30 days ago]
    #[arg(long, value_name = "DAY", value_parser = when::day_or_moment)]
    pub(crate) from: Option<when::DayOrMoment>,
    /// Last day, included (2026-11-30), or the moment before which it ends [default: today]
    #[arg(long, value_name = "DAY", value_parser = when::day_or_moment)]
    pub(crate) to: Option<when::DayOrMoment>,
    /// Only this account
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) account: Option<Address>,
    /// What a row stands for
    #[arg(long, value_enum, default_value_t = By::Account)]
    pub(crate) by: By,
    /// How it is written [default: table, with --json: json]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Whose days: utc, local, an offset such as +01:00, or a zone such as Europe/Berlin
    #[arg(
        long,
        value_name = "ZONE",
        default_value = "utc",
        allow_hyphen_values = true
    )]
    pub(crate) zone: String,
    /// Only this tenant, by any of its domains [default: all]
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) tenant: Option<Domain>,
}

/// [`Grouping`] as a word of the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum By {
    /// A row for each day
    Day,
    /// A row for each account
    Account,
    /// A row for each tenant
    Tenant,
}

impl From<By> for Grouping {
    fn from(by: By) -> Self {
        match by {
            By::Account => Self::Account,
            By::Day => Self::Day,
            By::Tenant => Self::Tenant,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For eyes
    Table,
    /// For spreadsheets; cells that would be formulas are made text
    Csv,
    /// For programs
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The account that would send
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) account: Address,
    /// The sender in MAIL FROM; `<>` is the null path
    #[arg(long, value_name = "ADDRESS", value_parser = path)]
    pub(crate) from: Option<Path>,
    /// A recipient; repeat for several
    #[arg(long, value_name = "ADDRESS", num_args = 1..)]
    pub(crate) to: Vec<Address>,
    /// The address in the From field of the message
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) header_from: Option<Address>,
    /// The address in the Sender field of the message
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) header_sender: Option<Address>,
    /// The size of the message
    #[arg(long, value_name = "SIZE", value_parser = size::octets)]
    pub(crate) size: Option<u64>,
}

/// A return path; `None` is the null path.
#[derive(Clone, Debug)]
pub(crate) struct Path(pub(crate) Option<Address>);

fn path(text: &str) -> Result<Path, hve_types::AddressError> {
    let inner = text
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .unwrap_or(text);
    if inner.is_empty() {
        return Ok(Path(None));
    }
    Address::parse(inner).map(|address| Path(Some(address)))
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// List changes, newest first
    List {
        /// At most so many [default: 100, with --json: all]
        #[arg(long, value_name = "COUNT", value_parser = size::positive)]
        limit: Option<NonZeroU32>,
        /// Only entries with a number below this one, to read on
        #[arg(long, value_name = "NUMBER")]
        before: Option<i64>,
    },
}
