//! The verbs of sessions that failed: they only look.

use std::{net::IpAddr, num::NonZeroU32};

use clap::{Args, Subcommand};
use hve_types::Address;

use crate::size;

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsVerb {
    /// List sessions that came to nothing, newest first, each with what was wrong
    ///
    /// The server keeps the last 500 for 7 days, at most 100 of one client and 20 of one client
    /// and account. Whoever only looked whether the server is there, and was refused nothing, is
    /// not among them.
    #[command(after_help = "Why can printer X not send?\n  \
                      hve-admin sessions failed --from 192.0.2.7\n  \
                      hve-admin sessions show 5f3a9c1b.2f")]
    Failed(SessionsFailed),
    /// Show one of them: what was wrong, what to set, and its last lines without secrets
    Show {
        /// Its name, or the id at the end of a reply, as a device may show it
        #[arg(value_parser = session_name)]
        id: SessionName,
    },
}

#[derive(Args, Debug)]
pub(crate) struct SessionsFailed {
    /// Only those of this account, or that tried to sign in as it
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) account: Option<Address>,
    /// Only those from this client
    #[arg(long, value_name = "IP")]
    pub(crate) from: Option<IpAddr>,
    /// At most so many [default: 50, with --json: all]
    #[arg(long, value_name = "COUNT", value_parser = size::positive)]
    pub(crate) limit: Option<NonZeroU32>,
}

/// The name of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionName(pub(crate) String);

/// `5f3a9c1b.2f`, out of `5f3a9c1b.2f-1` or of `[mail.contoso.test 2026-11-24T05:52:29Z
/// 5f3a9c1b.2f-1]`.
fn session_name(text: &str) -> Result<SessionName, String> {
    let word = text.split_whitespace().next_back().unwrap_or_default();
    let word = word.trim_matches(['[', ']']);
    let name = word.split_once('-').map_or(word, |(name, _)| name);
    if name.is_empty() {
        return Err("write the name of a session, such as 5f3a9c1b.2f".to_owned());
    }
    Ok(SessionName(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_by_whatever_a_device_shows() {
        for text in [
            "5f3a9c1b.2f",
            "5f3a9c1b.2f-12",
            "5f3a9c1b.2f-1]",
            "[mail.contoso.test 2026-11-24T05:52:29Z 5f3a9c1b.2f-1]",
        ] {
            let expected = SessionName("5f3a9c1b.2f".to_owned());
            assert_eq!(session_name(text), Ok(expected), "{text}");
        }
        session_name("").unwrap_err();
        session_name("[]").unwrap_err();
    }
}
