//! One simulated client with the real session it talks to.

use std::{net::SocketAddr, sync::Arc};

use hve_smtp::{Now, Opening, Session, SessionConfig, TlsFacts};
use hve_types::{Envelope, Principal, QueueId};

use crate::script::Script;

/// A session and the client at its other end.
pub(crate) struct Talk {
    pub(crate) number: u64,
    pub(crate) session: Session,
    pub(crate) principal: Option<Principal>,
    /// Its submission is with the committer: nothing is polled until it is answered.
    pub(crate) waits: bool,
    /// Every octet the client has read.
    pub(crate) heard: Vec<u8>,
    script: Script,
    said: usize,
}

/// A submission on its way to the store.
pub(crate) struct Waiting {
    /// Of which talk.
    pub(crate) talk: u64,
    pub(crate) id: QueueId,
    pub(crate) principal: Principal,
    pub(crate) envelope: Arc<Envelope>,
    pub(crate) content: Vec<u8>,
    pub(crate) message_id: String,
}

impl Talk {
    pub(crate) fn new(number: u64, script: Script, message_octets: u64, now: Now) -> Self {
        let opening = Opening {
            id: format!("sim{number}"),
            peer: SocketAddr::from(([192, 0, 2, 1], 40_000)),
            tls: Some(TlsFacts {
                version: "TLS1.3",
                cipher: "TLS_AES_256_GCM_SHA384".into(),
            }),
            message_octets,
            recipients: 50,
            messages: 100,
        };
        let config = Arc::new(SessionConfig::new("mail.contoso.test"));
        Self {
            number,
            session: Session::new(config, opening, now),
            principal: None,
            waits: false,
            heard: Vec::new(),
            script,
            said: 0,
        }
    }

    /// The client says a few octets more. False once it has hung up.
    pub(crate) fn say(&mut self, count: usize, now: Now) -> bool {
        let rest = self.script.octets.get(self.said..).unwrap_or_default();
        let piece = rest.get(..count.min(rest.len())).unwrap_or_default();
        if piece.is_empty() {
            self.session.peer_closed(now);
            return !self.script.hangs_up;
        }
        self.session.receive(piece, now);
        self.said += piece.len();
        true
    }

    /// The ids of all messages that the client was told are queued.
    pub(crate) fn acknowledged(&self) -> impl Iterator<Item = QueueId> {
        let heard = String::from_utf8_lossy(&self.heard).into_owned();
        let lines: Vec<String> = heard.lines().map(str::to_owned).collect();
        lines
            .into_iter()
            .filter(|line| line.starts_with("250 2.0.0"))
            .filter_map(|line| line.split(' ').find_map(|word| word.parse().ok()))
    }
}
