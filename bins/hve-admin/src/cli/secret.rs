//! The verbs of secrets.

use clap::{Args, Subcommand};
use hve_types::Address;
use time::UtcDateTime;

use super::Confirmation;
use crate::{size, when};

#[derive(Debug, Subcommand)]
pub(crate) enum SecretVerb {
    /// Add a second secret: the first goes on working until it is revoked
    #[command(after_help = "Rotation without a gap:\n  \
                      hve-admin secret add scan2@contoso.test 'winter 2026' --generate-password\n  \
                      … type it into the devices …\n  \
                      hve-admin secret revoke scan2@contoso.test password")]
    Add(SecretAdd),
    /// List the secrets of an account, never what they are
    List {
        /// The account
        address: Address,
    },
    /// Revoke a secret; the other one goes on working
    Revoke {
        /// The account
        address: Address,
        /// Its label
        label: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Args, Debug)]
pub(crate) struct SecretAdd {
    /// The account
    pub(crate) address: Address,
    /// What to call it, such as where it is used or when it was made
    #[arg(value_parser = size::words)]
    pub(crate) label: String,
    /// The moment from which it is void
    #[arg(long, value_name = "RFC3339", value_parser = when::moment)]
    pub(crate) expires: Option<UtcDateTime>,
    /// Read it from standard input; a line end at its end is dropped
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Make a random one and show it once
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) generate_password: bool,
}
