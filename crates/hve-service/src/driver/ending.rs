//! What is done with a session that failed: it is handed to the black box.

use std::{net::SocketAddr, time::Duration};

use hve_smtp::Session;
use tracing::info;

use crate::{
    answers::Host,
    black_box::{Evidence, Facts, Handshake, Identity, handshake_hint},
    committer::Note,
    config::TlsStart,
    directory::DirectoryView,
    server::Server,
    tls::Fault,
    transport::{Transport, TransportError},
};

/// A connection at its end.
pub(super) struct Ending<'a> {
    pub(super) server: &'a Server,
    pub(super) host: &'a Host,
    pub(super) transport: &'a Transport,
    /// How TLS begins here.
    pub(super) tls: TlsStart,
    /// The session's name.
    pub(super) id: &'a str,
    /// `None` where TLS did not come about before it began.
    pub(super) session: Option<&'a Session>,
}

/// A handshake that failed, and how long it took.
pub(super) struct FailedHandshake {
    pub(super) error: TransportError,
    pub(super) took: Duration,
}

impl Ending<'_> {
    /// Counts and logs a handshake that failed. Bad input of a client, so no alarm; but the
    /// operator of the device may need the hint.
    pub(super) fn tls_failed(&self, failed: &FailedHandshake, evidence: &mut Evidence) {
        let Some(fault) = Fault::of(&failed.error) else {
            return;
        };
        let handshake = Handshake {
            fault,
            heard: self.transport.heard(),
            took: failed.took,
        };
        self.host.refused("tls-failed");
        let error = failed.error.to_string();
        let hint = handshake_hint(handshake, self.is_implicit(), self.listener().port());
        info!(session = self.id, client = %self.host.client(), error, hint, "TLS failed");
        evidence.handshake_failed(handshake, error);
    }

    /// Keeps what was seen, if the session failed.
    pub(super) fn keep(&self, evidence: &Evidence) {
        let messages = self.session.map_or(0, Session::messages);
        if evidence.is_empty() || messages > 0 {
            return;
        }
        let view = self.server.directory.current().ok();
        let view = view.as_deref();
        let tried = self.host.tried();
        let known = |view: &dyn DirectoryView| view.account_named(tried?).map(|of| of.id);
        let facts = Facts {
            implicit: self.is_implicit(),
            port: self.listener().port(),
            encrypted: self.transport.tls_facts().is_some(),
            handshake: evidence.handshake(),
            refusals: evidence.refusals(),
            signed_in: self.host.account().is_some(),
            tried,
            account_exists: view.and_then(known).is_some(),
            user_name: self.host.user_name(),
            messages,
        };
        let identity = Identity {
            session: self.id,
            client: self.host.client(),
            listener: self.listener(),
            tls: self.tls.as_str(),
            account: self.host.account().or(tried).cloned(),
        };
        let lines = self.session.into_iter().flat_map(Session::transcript);
        let black_box = &self.server.black_box;
        if let Some(failed) = black_box.record(identity, &facts, evidence, lines) {
            self.server.committer.note(Note::Failed(Box::new(failed)));
        }
    }

    fn is_implicit(&self) -> bool {
        self.tls == TlsStart::Implicit
    }

    fn listener(&self) -> SocketAddr {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        self.transport.local_address().unwrap_or(nowhere)
    }
}
