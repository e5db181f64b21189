//! Sessions that came to nothing: what was seen of them, what was wrong, and the way to where
//! that is kept.
//!
//! A session that goes well pays nothing for it but two comparisons at its end. One that fails is
//! written down only if there is room in a short line, so that no flood of failures slows down
//! the store or fills the memory.

mod diagnosis;
mod user_name;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hve_store::FailedSession;
use hve_types::Address;
use tracing::info;

pub(crate) use diagnosis::{Facts, Handshake, handshake_hint};
pub(crate) use user_name::UserName;

use crate::{
    clock,
    permits::{Permit, Permits, site},
};

/// What is remembered of a session while it goes on, in case it fails.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Refusals in their order, each reason once: its key and the text of the reply.
    refusals: Vec<(&'static str, String)>,
    /// The handshake that failed, and the words of the library.
    handshake: Option<(Handshake, String)>,
}

/// Reasons that are remembered of one session.
const REASONS: usize = 16;

/// The line of sessions that wait to be written down.
#[derive(Debug, Default)]
pub(crate) struct BlackBox {
    places: Arc<Permits<()>>,
    of_network: Arc<Permits<IpAddr>>,
    /// Since the last one that found a place.
    dropped: AtomicU64,
}

/// Sessions that may wait at a time: about 0.5 MB.
const WAITING: usize = 64;
/// Of one network: a flood leaves places for the others.
const WAITING_OF_NETWORK: usize = 8;

/// A failed session on its way to the store, with its place in the line.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) session: FailedSession,
    _places: (Permit<()>, Permit<IpAddr>),
}

/// Which session it was.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) session: &'a str,
    pub(crate) client: IpAddr,
    pub(crate) listener: SocketAddr,
    /// How TLS begins there.
    pub(crate) tls: &'static str,
    /// Who signed in, or tried to.
    pub(crate) account: Option<Address>,
}

impl Evidence {
    /// Something was refused.
    pub(crate) fn refused(&mut self, reason: &'static str, text: &str) {
        let is_known = self.refusals.iter().any(|(known, _)| *known == reason);
        if !is_known && self.refusals.len() < REASONS {
            self.refusals.push((reason, text.to_owned()));
        }
    }

    /// The handshake failed.
    pub(crate) fn handshake_failed(&mut self, handshake: Handshake, words: String) {
        self.handshake = Some((handshake, words));
    }

    pub(crate) fn refusals(&self) -> &[(&'static str, String)] {
        &self.refusals
    }

    pub(crate) fn handshake(&self) -> Option<Handshake> {
        self.handshake.as_ref().map(|(handshake, _)| *handshake)
    }

    /// Nothing went wrong.
    pub(crate) const fn is_empty(&self) -> bool {
        self.refusals.is_empty() && self.handshake.is_none()
    }
}

impl BlackBox {
    /// The session as it is to be kept. `None` where it did not fail, and where too many wait.
    pub(crate) fn record(
        &self,
        identity: Identity<'_>,
        facts: &Facts<'_>,
        evidence: &Evidence,
        lines: impl Iterator<Item = String>,
    ) -> Option<Failed> {
        if !facts.is_failure() {
            return None;
        }
        let network = site(identity.client);
        let place = self.of_network.take(network, WAITING_OF_NETWORK);
        let places = place.and_then(|of| Some((self.places.take((), WAITING)?, of)));
        let Some(places) = places else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            info!(dropped, "failed sessions not kept: too many at once");
        }
        let words = evidence.handshake.as_ref();
        let words = words.map(|(_, words)| format!("TLS: {}", words.escape_debug()));
        let session = FailedSession {
            session: identity.session.to_owned(),
            at: clock::utc(),
            client: identity.client,
            network,
            listener: identity.listener,
            tls: identity.tls.to_owned(),
            account: identity.account,
            diagnoses: facts.diagnoses(),
            lines: lines.chain(words).collect(),
        };
        Some(Failed {
            session,
            _places: places,
        })
    }
}

#[cfg(test)]
mod tests;
