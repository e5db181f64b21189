//! What the guard against guessing keeps: clients that are known to an account, who is suspected
//! of guessing, and what the operator forgave.

mod suspect;

use std::net::IpAddr;

use hve_types::{AccountId, TenantId};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::json;
use time::{Duration, UtcDateTime};

use crate::{
    Act, Store, StoreError,
    audit::{Remark, note},
    codec::{from_millis, rfc3339, to_count, to_millis},
};
use suspect::{is_meant, to_network, user_of};

pub use suspect::Suspect;

/// An account was signed in to from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownClient {
    /// Which account.
    pub account: AccountId,
    /// What counts as one client, such as a whole IPv6 network.
    pub network: IpAddr,
    /// When last, to the day.
    pub seen_at: UtcDateTime,
}

/// Why it is suspected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Who.
    pub suspect: Suspect,
    /// Different wrong passwords of late, as of `tried_at`.
    pub guesses: u32,
    /// When the last of them was tried.
    pub tried_at: UtcDateTime,
    /// Where that one came from, or for which user name it was.
    pub other: Option<String>,
    /// The last block, which may be over.
    pub block: Option<Block>,
}

/// No password is looked at meanwhile, but for clients that are known to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// When it began.
    pub since: UtcDateTime,
    /// When it ends.
    pub until: UtcDateTime,
    /// The how-manieth in a row it is; each lasts longer than the one before.
    pub in_a_row: u32,
}

/// What the operator forgives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one or all: there is no more")]
pub enum GuardReset {
    /// Everybody.
    All,
    /// One.
    One(Suspect),
}

/// What the guard has to say since the last commit.
#[derive(Clone, Debug, Default)]
pub struct GuardNotes {
    /// Clients that became known, or were seen again.
    pub known: Vec<KnownClient>,
    /// Suspicions that arose or grew.
    pub suspicions: Vec<Suspicion>,
}

impl GuardNotes {
    /// True where there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.suspicions.is_empty()
    }
}

impl KnownClient {
    /// How many are kept of one account; those longest unseen go.
    pub const MOST_OF_ACCOUNT: u32 = 32;
    /// How long one is kept after it was seen.
    pub const KEPT: Duration = Duration::days(30);
}

impl Suspicion {
    /// How many are kept; those longest untried go.
    pub const MOST: u32 = 10_000;
    /// How long one is kept: longer than any block is remembered.
    pub const KEPT: Duration = Duration::days(2);
}

impl Store {
    /// The clients that were seen at `since` or later, the newest first, at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub fn known_clients(
        &self,
        since: UtcDateTime,
        limit: usize,
    ) -> Result<Vec<KnownClient>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT account, network, seen_at FROM known_client WHERE seen_at >= ?1
                 ORDER BY seen_at DESC, account, network LIMIT ?2",
            )?;
            let mut rows = statement.query((to_millis(since), to_count(limit)))?;
            let mut known = Vec::new();
            while let Some(row) = rows.next()? {
                known.push(KnownClient {
                    account: AccountId(row.get(0)?),
                    network: to_network(&row.get::<_, String>(1)?)?,
                    seen_at: from_millis(row.get(2)?)?,
                });
            }
            Ok(known)
        })
    }

    /// Everybody who is suspected, the last tried first.
    ///
    /// # Errors
    /// The store failed.
    pub fn suspicions(&self) -> Result<Vec<Suspicion>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT kind, name, guesses, tried_at, other, blocks, blocked_at, blocked_until
                 FROM suspect ORDER BY tried_at DESC, kind, name",
            )?;
            let mut rows = statement.query(())?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(suspicion(row)?);
            }
            Ok(all)
        })
    }

    /// Forgives; a running server follows at the next attempt to sign in. Returns how many were
    /// suspected.
    ///
    /// # Errors
    /// The store failed.
    pub fn reset_guard(&self, reset: &GuardReset, act: &Act) -> Result<usize, StoreError> {
        self.change(|connection| {
            let suspect = match reset {
                GuardReset::All => None,
                GuardReset::One(suspect) => Some(suspect),
            };
            let name = suspect.map(Suspect::name);
            let kind = suspect.map(Suspect::kind);
            let before = match (kind, &name) {
                (Some(kind), Some(name)) => told(connection, kind, name)?,
                _ => None,
            };
            let forgiven = connection
                .prepare_cached(&format!(
                    "DELETE FROM suspect WHERE {}",
                    is_meant("kind", "name", "?1", "?2")
                ))?
                .execute((kind, &name))?;
            connection
                .prepare_cached("INSERT INTO guard_reset (at, kind, name) VALUES (?1, ?2, ?3)")?
                .execute((to_millis(act.at), kind, &name))?;
            connection
                .prepare_cached("DELETE FROM guard_reset WHERE at < ?1")?
                .execute((to_millis(act.at.saturating_sub(RESET_KEPT)),))?;
            let subject = name.as_deref().unwrap_or("everything");
            let tenant = tenant_of(connection, kind, subject)?;
            let remark = Remark {
                action: "guard-reset",
                tenant,
                subject,
                before,
                after: None,
            };
            note(connection, act, &remark)?;
            Ok(forgiven)
        })
    }

    /// What was forgiven after the reset with the number `after`, and the number of the last one.
    /// Costs a few microseconds where there is none.
    ///
    /// # Errors
    /// The store failed.
    pub fn guard_resets(&self, after: i64) -> Result<(i64, Vec<GuardReset>), StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, kind, name FROM guard_reset WHERE seq > ?1 ORDER BY seq",
            )?;
            let mut rows = statement.query((after,))?;
            let (mut last, mut resets) = (after, Vec::new());
            while let Some(row) = rows.next()? {
                last = row.get(0)?;
                let kind: Option<String> = row.get(1)?;
                resets.push(match kind {
                    None => GuardReset::All,
                    Some(kind) => {
                        let name: String = row.get(2)?;
                        GuardReset::One(Suspect::read(&kind, &name)?)
                    }
                });
            }
            Ok((last, resets))
        })
    }
}

/// Writes the notes, in the transaction of the caller. The change counter stands still.
pub(crate) fn keep(
    connection: &Connection,
    notes: &GuardNotes,
    now: UtcDateTime,
) -> Result<(), StoreError> {
    keep_known(connection, &notes.known, now)?;
    keep_suspicions(connection, &notes.suspicions, now)
}

fn keep_known(
    connection: &Connection,
    known: &[KnownClient],
    now: UtcDateTime,
) -> Result<(), StoreError> {
    if known.is_empty() {
        return Ok(());
    }
    let mut upsert = connection.prepare_cached(
        "INSERT INTO known_client (account, network, seen_at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET seen_at = max(seen_at, excluded.seen_at)",
    )?;
    let mut prune = connection.prepare_cached(
        "DELETE FROM known_client WHERE account = ?1 AND (seen_at < ?2 OR network IN
         (SELECT network FROM known_client WHERE account = ?1
          ORDER BY seen_at DESC, network LIMIT -1 OFFSET ?3))",
    )?;
    let oldest = to_millis(now.saturating_sub(KnownClient::KEPT));
    for one in known {
        let account = one.account.0;
        upsert.execute((account, one.network.to_string(), to_millis(one.seen_at)))?;
        prune.execute((account, oldest, KnownClient::MOST_OF_ACCOUNT))?;
    }
    Ok(())
}

fn keep_suspicions(
    connection: &Connection,
    suspicions: &[Suspicion],
    now: UtcDateTime,
) -> Result<(), StoreError> {
    if suspicions.is_empty() {
        return Ok(());
    }
    // What the operator forgave in the same moment stays forgiven. A suspicion without a block
    // leaves the block that there was.
    let forgiven = is_meant("?1", "?2", "kind", "name");
    let mut upsert = connection.prepare_cached(&format!(
        "INSERT INTO suspect
         (kind, name, guesses, tried_at, other, blocks, blocked_at, blocked_until)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS (SELECT 1 FROM guard_reset
             WHERE at >= ?4 AND ({forgiven}))
         ON CONFLICT DO UPDATE SET guesses = excluded.guesses, tried_at = excluded.tried_at,
             other = excluded.other,
             blocks = iif(excluded.blocks > 0, excluded.blocks, blocks),
             blocked_at = coalesce(excluded.blocked_at, blocked_at),
             blocked_until = coalesce(excluded.blocked_until, blocked_until)"
    ))?;
    for one in suspicions {
        let block = one.block.as_ref();
        upsert.execute((
            one.suspect.kind(),
            one.suspect.name(),
            one.guesses,
            to_millis(one.tried_at),
            &one.other,
            block.map_or(0, |block| block.in_a_row),
            block.map(|block| to_millis(block.since)),
            block.map(|block| to_millis(block.until)),
        ))?;
    }
    connection
        .prepare_cached(
            "DELETE FROM suspect WHERE tried_at < ?1 OR tried_at <
             (SELECT tried_at FROM suspect ORDER BY tried_at DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute((
            to_millis(now.saturating_sub(Suspicion::KEPT)),
            Suspicion::MOST - 1,
        ))?;
    Ok(())
}

fn suspicion(row: &Row<'_>) -> Result<Suspicion, StoreError> {
    let text = |column| row.get::<_, String>(column);
    let (since, until): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    let block = match (since, until) {
        (Some(since), Some(until)) => Some(Block {
            since: from_millis(since)?,
            until: from_millis(until)?,
            in_a_row: row.get(5)?,
        }),
        _ => None,
    };
    Ok(Suspicion {
        suspect: Suspect::read(&text(0)?, &text(1)?)?,
        guesses: row.get(2)?,
        tried_at: from_millis(row.get(3)?)?,
        other: row.get(4)?,
        block,
    })
}

/// A suspicion as the audit log tells it.
fn told(connection: &Connection, kind: &str, name: &str) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT kind, name, guesses, tried_at, other, blocks, blocked_at, blocked_until
         FROM suspect WHERE kind = ?1 AND name = ?2",
    )?;
    let mut rows = statement.query((kind, name))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let found = suspicion(row)?;
    let until = found.block.map(|block| rfc3339(block.until));
    let value = json!({"guesses": found.guesses, "blocked_until": until});
    Ok(Some(value.to_string()))
}

fn tenant_of(
    connection: &Connection,
    kind: Option<&str>,
    name: &str,
) -> Result<Option<TenantId>, StoreError> {
    let Some(name) = kind.and_then(|kind| user_of(kind, name)) else {
        return Ok(None);
    };
    let tenant = connection
        .prepare_cached("SELECT tenant FROM account WHERE key = ?1 AND removed_at IS NULL")?
        .query_row((name,), |row| row.get(0))
        .optional()?;
    Ok(tenant.map(TenantId))
}

/// Longer than a block and its memory: a server that nobody signed in to meanwhile has nothing
/// left to forgive.
const RESET_KEPT: Duration = Duration::days(7);

/// The clients of an account that is removed: one that comes back under its address begins anew.
pub(crate) fn forget_account(
    connection: &Connection,
    account: AccountId,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM known_client WHERE account = ?1")?
        .execute([account.0])?;
    Ok(())
}
