//! Sockets that listen, and the permits that every connection needs.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::{
    config::{self, TlsStart},
    driver::Driver,
    permits::site,
    proxy::{self, ProxyError},
    refusals,
    server::Server,
    transport::Transport,
};

/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 1024;
/// How long to wait when no connection can be accepted: for files to be closed, mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// A bound address.
pub(crate) struct Bound {
    settings: config::Listener,
    socket: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds the address and listens.
    pub(crate) fn bind(settings: config::Listener) -> io::Result<Self> {
        let address = settings.address;
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        // A restart need not wait for the last connections of the process before.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // `[::]` is both families, whatever the system's default.
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into())?;
        Ok(Self {
            settings,
            address: socket.local_addr()?,
            socket,
        })
    }

    /// The address, with the port that the system chose.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn tls(&self) -> TlsStart {
        self.settings.tls
    }

    /// Accepts until the server drains. Each connection has a task of its own in `sessions`.
    pub(crate) async fn serve(self, server: Arc<Server>, sessions: TaskTracker) {
        let settings = Arc::new(self.settings);
        let mut in_trouble = false;
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = server.stop.draining() => return,
            };
            match accepted {
                Ok((socket, peer)) => {
                    in_trouble = false;
                    let (server, settings) = (Arc::clone(&server), Arc::clone(&settings));
                    // Some kernels lack it for some sockets; then replies are only slower.
                    let _ = socket.set_nodelay(true);
                    sessions.spawn(connection(server, settings, socket, canonical(peer)));
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    if !in_trouble {
                        error!(%error, "no connection can be accepted: trying on");
                    }
                    in_trouble = true;
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// The client gave up before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// `::ffff:192.0.2.1` of a socket for both families is `192.0.2.1`.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// One connection: who it is, whether there is a place for it, and its session.
async fn connection(
    server: Arc<Server>,
    settings: Arc<config::Listener>,
    mut socket: TcpStream,
    mut peer: SocketAddr,
) {
    let limits = Arc::clone(&server.settings.load().limits);
    let count = |limit: NonZeroU32| usize::try_from(limit.get()).unwrap_or(usize::MAX);
    let place = server.sessions.take((), count(limits.sessions));
    if place.is_some() && is_load_balancer(&settings, peer.ip()) {
        match told_client(&mut socket, limits.handshake_timeout).await {
            Ok(client) => peer = client.unwrap_or(peer),
            Err(error) => {
                warn!(load_balancer = %peer.ip(), %error, "connection dropped");
                return;
            }
        }
    }
    let sites = &server.sites;
    let of_site = sites.take(site(peer.ip()), count(limits.sessions_per_address));
    let full = match (&place, &of_site) {
        (Some(_), Some(_)) => None,
        (None, _) => Some("all"),
        (Some(_), None) => Some("of its address"),
    };
    if let Some(sessions) = full {
        info!(client = %peer.ip(), sessions, "no session left");
        // In TLS a refusal would cost a handshake, which is what there is too much of.
        if settings.tls == TlsStart::Implicit {
            return;
        }
    }
    let transport = Transport::new(socket);
    let Ok(mut driver) = Driver::open(server, transport, peer, settings.tls).await else {
        return;
    };
    if full.is_some() {
        driver.overload(refusals::sessions());
    }
    driver.run().await;
    drop((place, of_site));
}

fn is_load_balancer(settings: &config::Listener, peer: IpAddr) -> bool {
    let networks = &settings.proxy_protocol_from;
    networks.iter().any(|network| network.contains(peer))
}

async fn told_client(
    socket: &mut TcpStream,
    patience: Duration,
) -> Result<Option<SocketAddr>, ProxyError> {
    let told = timeout(patience, proxy::read_header(socket)).await;
    let client = told.map_err(|_| ProxyError::TooSlow)??;
    Ok(client.map(canonical))
}
