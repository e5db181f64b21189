//! Sessions that came to nothing: their last lines and what was wrong, in a ring.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use hve_types::Address;
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};
use time::{Duration, UtcDateTime};

use crate::{
    Store, StoreError,
    codec::{damaged, from_millis, json, parse, to_address, to_millis},
};

/// A session that ended without a message, and not because nobody wanted to send one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSession {
    /// Its name: what the ids of its refusals begin with.
    pub session: String,
    /// When it ended.
    pub at: UtcDateTime,
    /// Who connected.
    pub client: IpAddr,
    /// What counts as one client, such as a whole IPv6 network: each has its own bound.
    pub network: IpAddr,
    /// Where the client connected to.
    pub listener: SocketAddr,
    /// How TLS begins there: a word of the configuration.
    pub tls: String,
    /// The account that signed in or tried to, where that is known.
    pub account: Option<Address>,
    /// What was wrong, the cause first.
    pub diagnoses: Vec<Diagnosis>,
    /// The last lines, oldest first. They are kept as they are given: without secrets.
    pub lines: Vec<String>,
}

/// What was wrong with a session, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// A stable key.
    pub key: String,
    /// What was seen.
    pub finding: String,
    /// What to set, and where.
    pub remedy: String,
}

/// Which failed sessions to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSessionFilter {
    /// Only those of this account, or that tried to be.
    pub account: Option<Address>,
    /// Only those of this client.
    pub client: Option<IpAddr>,
    /// Only those that ended at this moment or later.
    pub since: UtcDateTime,
    /// At most so many, the newest.
    pub limit: usize,
}

impl FailedSession {
    /// How many are kept; the oldest go.
    pub const MOST: u32 = 500;
    /// How many are kept of one network, which may be a whole office behind one address.
    pub const MOST_OF_NETWORK: u32 = 100;
    /// How many are kept of one network and account, or of no account, so that one noisy device
    /// does not push out all others.
    pub const MOST_OF_DEVICE: u32 = 20;
    /// How long they are kept. Older ones go with the next one that comes.
    pub const KEPT: Duration = Duration::days(7);
}

impl Store {
    /// Sessions that came to nothing, newest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn failed_sessions(
        &self,
        filter: &FailedSessionFilter,
    ) -> Result<Vec<FailedSession>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM failed_session WHERE at >= ?1 ORDER BY seq DESC"
            ))?;
            let mut rows = statement.query((to_millis(filter.since),))?;
            let mut found = Vec::new();
            while found.len() < filter.limit
                && let Some(row) = rows.next()?
            {
                found.extend(Some(read(row)?).filter(|one| filter.takes(one)));
            }
            Ok(found)
        })
    }

    /// The failed session of this name, if it is still kept.
    ///
    /// # Errors
    /// The store failed.
    pub fn failed_session(&self, session: &str) -> Result<Option<FailedSession>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM failed_session WHERE session = ?1 ORDER BY seq DESC"
            ))?;
            let mut rows = statement.query((session,))?;
            rows.next()?.map(read).transpose()
        })
    }
}

impl FailedSessionFilter {
    /// The ring is small: what SQL has no word for is asked here.
    fn takes(&self, session: &FailedSession) -> bool {
        let of_account = self.account.as_ref();
        of_account.is_none_or(|account| session.account.as_ref() == Some(account))
            && self.client.is_none_or(|client| session.client == client)
    }
}

const COLUMNS: &str = "session, at, client, network, listener, tls, account, diagnoses, lines";

fn read(row: &Row<'_>) -> Result<FailedSession, StoreError> {
    let text = |column| row.get::<_, String>(column);
    let client = |column| -> Result<IpAddr, StoreError> {
        let text = text(column)?;
        text.parse().map_err(|_| damaged("client", &text))
    };
    let listener = text(4)?;
    let account: Option<String> = row.get(6)?;
    Ok(FailedSession {
        session: text(0)?,
        at: from_millis(row.get(1)?)?,
        client: client(2)?,
        network: client(3)?,
        listener: listener
            .parse()
            .map_err(|_| damaged("listener", &listener))?,
        tls: text(5)?,
        account: account.as_deref().map(to_address).transpose()?,
        diagnoses: diagnoses(&text(7)?)?,
        lines: parse("lines", &text(8)?)?,
    })
}

/// A diagnosis as it lies in a row.
#[derive(Serialize, Deserialize)]
struct Form<'a> {
    key: Cow<'a, str>,
    finding: Cow<'a, str>,
    remedy: Cow<'a, str>,
}

fn form(of: &Diagnosis) -> Form<'_> {
    Form {
        key: of.key.as_str().into(),
        finding: of.finding.as_str().into(),
        remedy: of.remedy.as_str().into(),
    }
}

fn diagnoses(text: &str) -> Result<Vec<Diagnosis>, StoreError> {
    let forms: Vec<Form<'_>> = parse("diagnoses", text)?;
    let diagnosis = |form: Form<'_>| Diagnosis {
        key: form.key.into_owned(),
        finding: form.finding.into_owned(),
        remedy: form.remedy.into_owned(),
    };
    Ok(forms.into_iter().map(diagnosis).collect())
}

/// Adds sessions to the ring and takes out what is beyond its bounds, in the transaction of the
/// caller. The change counter stands still.
pub(crate) fn keep(
    connection: &Connection,
    sessions: &[FailedSession],
    now: UtcDateTime,
) -> Result<(), StoreError> {
    if sessions.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO failed_session
         (session, at, client, network, listener, tls, account, diagnoses, lines)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut of_device = connection.prepare_cached(
        "DELETE FROM failed_session WHERE seq IN (SELECT seq FROM failed_session
         WHERE network = ?1 AND lower(account) IS lower(?2)
         ORDER BY seq DESC LIMIT -1 OFFSET ?3)",
    )?;
    let mut of_network = connection.prepare_cached(
        "DELETE FROM failed_session WHERE seq IN (SELECT seq FROM failed_session
         WHERE network = ?1 ORDER BY seq DESC LIMIT -1 OFFSET ?2)",
    )?;
    for one in sessions {
        let network = one.network.to_string();
        let account = one.account.as_ref().map(Address::as_str);
        insert.execute((
            &one.session,
            to_millis(one.at),
            one.client.to_string(),
            &network,
            one.listener.to_string(),
            &one.tls,
            account,
            json(&one.diagnoses.iter().map(form).collect::<Vec<_>>()),
            json(&one.lines),
        ))?;
        of_device.execute((&network, account, FailedSession::MOST_OF_DEVICE))?;
        of_network.execute((&network, FailedSession::MOST_OF_NETWORK))?;
    }
    connection
        .prepare_cached(
            "DELETE FROM failed_session WHERE at < ?1 OR seq IN (SELECT seq FROM failed_session
             ORDER BY seq DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute((
            to_millis(now.saturating_sub(FailedSession::KEPT)),
            FailedSession::MOST,
        ))?;
    Ok(())
}
