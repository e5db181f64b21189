//! The command line: what can be said. What it does is in the module of each noun.

mod books;
mod bounces;
mod directory;
mod guard;
mod oauth;
mod queue;
mod secret;
mod sessions;
mod sign_in;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::size::words;

pub(crate) use books::{AuditVerb, ExplainArgs, Format, QuotaVerb, ReportArgs, UsageVerb};
pub(crate) use bounces::BouncesArgs;
pub(crate) use directory::{
    AccountAdd, AccountSet, AccountVerb, DomainVerb, GroupMembers, GroupVerb, RecipientVerb,
    SuspendArgs, TenantLimitArgs, TenantVerb,
};
pub(crate) use guard::GuardVerb;
pub(crate) use oauth::{AppVerb, IssuerAdd, IssuerVerb};
pub(crate) use queue::{QueueList, QueueTargets, QueueVerb, QueueWhich};
pub(crate) use secret::{SecretAdd, SecretVerb};
pub(crate) use sessions::{SessionName, SessionsFailed, SessionsVerb};
pub(crate) use sign_in::{
    AccountTest, NamedPolicy, SignInAccount, SignInMechanism, SignInPolicyVerb, SignInSet,
    SignInVerb,
};

/// Administers a High Volume Email service.
///
/// Works on the store itself, whether the server runs or not; a running server sees each change
/// at the next command of a session.
#[derive(Debug, Parser)]
#[command(name = "hve-admin", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

/// What every verb understands.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every verb")]
pub(crate) struct Global {
    /// The server's configuration file; its store.path names the store.
    ///
    /// Without --config and --dir the variables HVE_CONFIG and HVE_DIR are looked at.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// The data folder of `hve-server demo`; the store is DIR/store.db.
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) dir: Option<PathBuf>,

    /// Answer in JSON, with times in UTC; errors too, on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Who is named in the audit log; the system user when it is not given.
    #[arg(long, value_name = "NAME", global = true, value_parser = words)]
    pub(crate) actor: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// Organisations: each has domains, accounts and one quota
    #[command(subcommand)]
    Tenant(TenantVerb),
    /// Domains to which a tenant's accounts may send
    #[command(subcommand)]
    Domain(DomainVerb),
    /// The recipient directory: who exists in an authoritative domain
    #[command(subcommand)]
    Recipient(RecipientVerb),
    /// Send-only accounts of devices and applications
    #[command(subcommand)]
    Account(AccountVerb),
    /// The secrets of an account: two at a time, so that one is rotated without a gap
    #[command(subcommand)]
    Secret(SecretVerb),
    /// Who may sign in, and how: security defaults, policies, exemptions, address lists
    #[command(subcommand)]
    SignIn(SignInVerb),
    /// Who guesses passwords, and who is blocked for it
    #[command(subcommand)]
    Guard(GuardVerb),
    /// Recipients used in the last 24 hours, and when room comes back
    #[command(subcommand)]
    Quota(QuotaVerb),
    /// What was sent over a period
    #[command(subcommand)]
    Usage(UsageVerb),
    /// Which rule allows or refuses a message
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Messages that are accepted and not yet delivered
    #[command(subcommand)]
    Queue(QueueVerb),
    /// Sessions that came to nothing: what was wrong, and what to set on the device
    #[command(subcommand)]
    Sessions(SessionsVerb),
    /// List recipients that were given up, newest first: when, why, and who was told
    ///
    /// The server keeps them for 90 days, at most 10,000 of one account. A notice is sent to the
    /// account's own address for it or to the tenant's postmaster: `account set --bounce-to`,
    /// `tenant set --postmaster`.
    #[command(
        after_help = "Example:\n  hve-admin bounces --account hve01@contoso.test \
                            --since 2026-11-24T00:00:00Z"
    )]
    Bounces(BouncesArgs),
    /// Who changed what, and when
    #[command(subcommand)]
    Audit(AuditVerb),
    /// Print a script that completes commands in a shell
    ///
    /// For bash: hve-admin completions bash > /etc/bash_completion.d/hve-admin
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Show every rule a message would meet, with its verdict and figures
    ///
    /// Rules about what is not described, such as the size, are shown as not asked. Nothing is sent
    /// and nothing is counted. Exit code 0 when no rule blocks the message, 5 when one does.
    #[command(
        after_help = "Example:\n  hve-admin policy explain --account hve01@contoso.test \
                      --from hve01@contoso.test --to user1@contoso.test --to x@example.org"
    )]
    Explain(ExplainArgs),
}

/// Names the tenant of a verb that works inside one.
#[derive(Args, Debug)]
pub(crate) struct TenantChoice {
    /// The tenant, by any of its domains; not needed when there is only one
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) tenant: Option<hve_types::Domain>,
}

/// Asks before something is removed, or much is changed.
#[derive(Args, Debug)]
pub(crate) struct Confirmation {
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed: the store or the system is in trouble
  2  the command was not understood, or lacks something
  3  no such tenant, domain, account, recipient, message, session or store
  4  refused: a limit is reached, the name is taken, the password is too weak
  5  policy explain, account test: a rule blocks the message or the sign-in

Sizes are 10MiB, 500KB or plain octets. Counts without a bound are `unlimited`.
Every verb explains itself: hve-admin account add --help";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
