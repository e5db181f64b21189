//! What can be said on the command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};

/// High Volume Email: SMTP submission for internal bulk mail
///
/// Devices and applications sign in over TLS and send to the organisation's own domains; a 250
/// means that the message is on the disk.
///
/// To try it:   hve-server demo
/// To run it:   hve-server run --config /etc/hve/hve.toml
///
/// Accounts, quota and reports are the business of hve-admin.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Name every mistake in a configuration, with its line; also in the files it names
    Check {
        /// The configuration
        #[arg(long, value_name = "FILE", env = "HVE_CONFIG")]
        config: PathBuf,
    },
    /// Make a small installation in a folder, run it, and show how to use it
    ///
    /// Makes what is missing: store, self-signed certificate, tenant contoso.test, account
    /// hve01@contoso.test with a random password. A second start reuses everything.
    Demo {
        /// The folder; hve-admin --dir takes the same
        #[arg(long, default_value = "hve-demo")]
        dir: PathBuf,
        /// Where to listen [default: what the folder's hve.toml says, at first 127.0.0.1:5870]
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Run the server
    ///
    /// Log lines go to standard error. SIGTERM and Ctrl-C drain: no new sessions, transactions
    /// in flight may finish. SIGHUP reads the configuration and the certificate again.
    Run {
        /// The configuration; hve.example.toml shows every key with its default
        #[arg(long, value_name = "FILE", env = "HVE_CONFIG")]
        config: PathBuf,
    },
}
