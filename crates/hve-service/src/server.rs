//! What all sessions of one server share.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use hve_delivery::Handover;
use hve_policy::MessageRates;
use hve_smtp::SessionConfig;
use hve_types::QueueId;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::{
    bearer::Bearers,
    black_box::BlackBox,
    budget::Budget,
    clock::{self, Clock},
    committer::CommitQueue,
    config::{Config, Limits},
    directory::CachedDirectory,
    hints::QuotaHints,
    permits::Permits,
    sign_in::SignIn,
    tls::ServerTls,
};

/// What all sessions share. Nothing in it is locked while anybody waits.
pub(crate) struct Server {
    pub(crate) clock: Clock,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) tls: ServerTls,
    pub(crate) directory: Arc<CachedDirectory>,
    pub(crate) sign_in: SignIn,
    pub(crate) bearers: Bearers,
    pub(crate) rates: MessageRates,
    pub(crate) hints: QuotaHints,
    pub(crate) budget: Budget,
    pub(crate) committer: CommitQueue,
    pub(crate) black_box: BlackBox,
    pub(crate) handover: Handover,
    /// Sessions in all; the key is nothing.
    pub(crate) sessions: Arc<Permits<()>>,
    pub(crate) sites: Arc<Permits<IpAddr>>,
    pub(crate) names: Names,
    pub(crate) stop: Arc<Stop>,
}

/// How far the server has come in stopping: seen by who waits, and cheaply by who does not.
#[derive(Default)]
pub(crate) struct Stop {
    stage: AtomicU8,
    drain: CancellationToken,
    cut: CancellationToken,
}

/// A step of stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Serving,
    /// No new sessions; those that are idle end, transactions in flight may finish.
    Draining,
    /// Transactions in flight end too.
    Cut,
}

impl Stop {
    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Serving,
            1 => Stage::Draining,
            _ => Stage::Cut,
        }
    }

    pub(crate) fn drain(&self) {
        self.stage.store(1, Ordering::Relaxed);
        self.drain.cancel();
    }

    pub(crate) fn cut(&self) {
        self.stage.store(2, Ordering::Relaxed);
        self.cut.cancel();
    }

    /// Resolves when the server begins to drain.
    pub(crate) async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Resolves when the stage after `stage` begins; for the last one, never.
    pub(crate) fn after(&self, stage: Stage) -> WaitForCancellationFutureOwned {
        let token = match stage {
            Stage::Serving => self.drain.clone(),
            Stage::Draining => self.cut.clone(),
            Stage::Cut => CancellationToken::new(),
        };
        token.cancelled_owned()
    }
}

/// What a reload may change.
pub(crate) struct Settings {
    pub(crate) limits: Arc<Limits>,
    pub(crate) session: Arc<SessionConfig>,
}

impl Settings {
    pub(crate) fn new(config: &Config) -> Self {
        let mut session = SessionConfig::new(config.hostname.as_str());
        session.limits = config.limits.session();
        let marks = config.delivery.marks.iter();
        session.reserved_fields = marks.map(|(_, mark)| mark.field().into()).collect();
        Self {
            limits: Arc::new(config.limits.clone()),
            session: Arc::new(session),
        }
    }
}

/// Gives names to sessions and messages.
pub(crate) struct Names {
    /// Tells the sessions of this process from those before.
    process: u32,
    sessions: AtomicU64,
}

impl Names {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            process: getrandom::u32()?,
            sessions: AtomicU64::new(1),
        })
    }

    /// Such as `5f3a9c1b.2f`: short enough to be read out on the telephone.
    pub(crate) fn session(&self) -> String {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}.{number:x}", self.process)
    }
}

/// A new name for a message.
pub(crate) fn queue_id() -> Result<QueueId, getrandom::Error> {
    let milliseconds = clock::utc().unix_timestamp_nanos() / 1_000_000;
    let random = u128::from(getrandom::u64()?) << 64 | u128::from(getrandom::u64()?);
    Ok(QueueId::new(
        u64::try_from(milliseconds).unwrap_or(0),
        random,
    ))
}
