//! From a route to an open connection: host by host, each with its health.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hve_smtp::{Cause, Stage, TlsPolicy};
use hve_store::Reason;
use tokio::{
    net::{TcpStream, UnixStream, lookup_host},
    time::{Instant, timeout},
};
use tracing::{debug, info, warn};

use super::{
    Hop,
    wire::{Event, Handshake, Lost, Stream, Wire, encrypt},
    words,
};
use crate::{Admission, Endpoint, HopHealth, Relay, RelayHost};

/// The hosts of a route, and what is known of them.
pub(super) struct Places {
    relay: Relay,
    known: Mutex<Vec<Known>>,
    origin: Instant,
}

struct Known {
    endpoint: Endpoint,
    health: HopHealth,
    /// Why it is down.
    last: String,
}

/// Why there is no connection.
pub(super) struct NoConnection {
    /// All that was heard, in words; the rest is of the last host that was asked.
    pub(super) reason: Reason,
    /// Nobody was asked, since all are known to be down.
    pub(super) unasked: bool,
}

impl Places {
    pub(super) fn new(relay: &Relay) -> Self {
        let known = |endpoint: &Endpoint| Known {
            endpoint: endpoint.clone(),
            health: HopHealth::default(),
            last: String::new(),
        };
        Self {
            known: Mutex::new(relay.in_order(0).map(known).collect()),
            relay: relay.clone(),
            origin: Instant::now(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whether `endpoint` may be connected to; if not, says why and for how long.
    fn admit(&self, endpoint: &Endpoint) -> Result<(), String> {
        let now = self.origin.elapsed();
        let mut known = self.known();
        let Some(known) = known.iter_mut().find(|known| known.endpoint == *endpoint) else {
            return Ok(());
        };
        match known.health.admit(now) {
            Admission::Closed { until } => {
                let seconds = until.saturating_sub(now).as_secs();
                let last = &known.last;
                Err(format!(
                    "down, asked again in {seconds} s; last time: {last}"
                ))
            }
            _ => Ok(()),
        }
    }

    fn succeeded(&self, endpoint: &Endpoint) {
        let mut known = self.known();
        if let Some(known) = known.iter_mut().find(|known| known.endpoint == *endpoint) {
            if known.health.failures() > 0 {
                info!(hop = %endpoint, "the next hop is back");
            }
            known.health.succeeded();
        }
    }

    fn failed(&self, endpoint: &Endpoint, reason: &str, random: u64) {
        let now = self.origin.elapsed();
        let mut known = self.known();
        if let Some(known) = known.iter_mut().find(|known| known.endpoint == *endpoint) {
            let before = known.health.failures();
            known.health.failed(now, random);
            reason.clone_into(&mut known.last);
            if known.health.failures() > before {
                let failures = known.health.failures();
                warn!(hop = %endpoint, failures, %reason, "the next hop is down");
            }
        }
    }
}

impl Hop {
    /// A connection on which a transaction can begin, to the best host that there is.
    pub(super) async fn connect(&self) -> Result<(Wire, String), NoConnection> {
        let mut none = NoConnection {
            reason: Reason::default(),
            unasked: true,
        };
        let places: Vec<&Endpoint> = self.places.relay.in_order(self.supply.random()).collect();
        for endpoint in places {
            if let Err(closed) = self.places.admit(endpoint) {
                let words = format!("{endpoint}: {closed}");
                none.reason.words = joined(&none.reason.words, &words);
                continue;
            }
            let name = endpoint.to_string();
            match self.open(endpoint).await {
                Ok(wire) => {
                    debug!(hop = %endpoint, "connected");
                    self.places.succeeded(endpoint);
                    return Ok((wire, name));
                }
                Err(lost) => {
                    let mut heard = words::reason(&name, &lost.failure, lost.detail.as_deref());
                    heard.words = joined(&none.reason.words, &heard.words);
                    none = NoConnection {
                        reason: heard,
                        unasked: false,
                    };
                    let reason = lost.to_string();
                    self.places.failed(endpoint, &reason, self.supply.random());
                }
            }
        }
        Err(none)
    }

    async fn open(&self, endpoint: &Endpoint) -> Result<Wire, Lost> {
        let tls = self.setup.tls.as_ref();
        let handshake: Handshake = tls.and_then(|tls| {
            let name = tls.name_of(endpoint)?;
            Some((tls.connector.clone(), name))
        });
        let mut stream = match timeout(CONNECT, reach(endpoint)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let (stage, cause) = (Stage::Connect, Cause::Unreachable);
                return Err(Lost::new(stage, cause, error.to_string()));
            }
            Err(_) => {
                let detail = format!("no answer within {} s", CONNECT.as_secs());
                return Err(Lost::new(Stage::Connect, Cause::Unreachable, detail));
            }
        };
        let config = &self.setup.client;
        if config.tls == TlsPolicy::Implicit {
            let shaken = encrypt(stream, handshake.as_ref());
            let lost = |detail: String| Lost::new(Stage::StartTls, Cause::TlsFailed, detail);
            stream = match timeout(config.limits.tls_handshake, shaken).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return Err(lost(error.to_string())),
                Err(_) => return Err(lost("not done in time".into())),
            };
        }
        let mut wire = Wire::new(stream, config.clone(), handshake);
        match wire.next().await {
            Event::Ready => Ok(wire),
            Event::Closed(Some(lost)) => Err(lost),
            Event::Closed(None) | Event::Outcome(_) => Err(Lost::new(
                Stage::Greeting,
                Cause::PeerClosed,
                "before a transaction was possible",
            )),
        }
    }
}

fn joined(before: &str, words: &str) -> String {
    if before.is_empty() {
        words.to_owned()
    } else {
        format!("{before}; {words}")
    }
}

/// The first address that answers.
async fn reach(endpoint: &Endpoint) -> io::Result<Box<dyn Stream>> {
    let stream = match endpoint {
        Endpoint::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Endpoint::Tcp { host, port } => match host {
            RelayHost::Address(address) => TcpStream::connect((*address, *port)).await?,
            RelayHost::Name(name) => {
                let addresses: Vec<_> = lookup_host((name.as_str(), *port)).await?.collect();
                TcpStream::connect(&*addresses).await?
            }
        },
    };
    // Commands are small and each waits for its reply.
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// For finding and reaching a host.
const CONNECT: Duration = Duration::from_secs(30);
