//! The whole service in one value: started, reloaded, stopped.

use std::{net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration};

use arc_swap::ArcSwap;
use hve_delivery::Engine;
use hve_policy::MessageRates;
use hve_store::{OpenError, Store, StoreError, Writer};
use thiserror::Error;
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use crate::{
    bearer::Bearers,
    black_box::BlackBox,
    budget::Budget,
    clock::Clock,
    committer,
    config::{Config, Listener, PasswordFileError},
    delivery,
    directory::{CachedDirectory, Directory, DirectoryError},
    guarded::{Edge, Guarded},
    hints::QuotaHints,
    listener::Bound,
    reload,
    server::{Names, Server, Settings, Stop},
    sign_in::{Keys, SignIn},
    tls::{ServerTls, TlsError},
};

/// What an embedder may bring along; [`Parts::default`] is the service as it stands alone.
#[derive(Default)]
#[non_exhaustive]
pub struct Parts {
    /// Who there is and what they may do; the store where it is absent.
    pub directory: Option<Arc<dyn Directory>>,
    /// Called once with the bound addresses, in the order of the configuration, when clients can
    /// connect.
    pub ready: Option<Ready>,
}

/// What is done with the bound addresses.
pub type Ready = Box<dyn FnOnce(&[SocketAddr]) + Send>;

/// Runs a service until `shutdown` resolves, then drains it.
///
/// # Errors
/// It could not be started, or it had to stop by itself; see [`RunError`].
pub async fn run(
    config: Config,
    parts: Parts,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let Parts { directory, ready } = parts;
    let service = Service::start(config, directory).await?;
    if let Some(ready) = ready {
        ready(service.addresses());
    }
    tokio::select! {
        () = shutdown => {}
        () = service.failed() => {}
    }
    service.stop().await
}

/// Why a service could not be started, or stopped by itself.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that writes the store has ended: nothing can be accepted any more.
    #[error("bug: the thread that writes the store has ended; nothing that got a 250 is lost")]
    CommitterEnded,
    /// A route to another machine lacks what it names.
    #[error(transparent)]
    Delivery(#[from] hve_delivery::SetupError),
    /// The directory cannot be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The password for a next hop.
    #[error(transparent)]
    Password(#[from] PasswordFileError),
    /// No randomness for keys and names.
    #[error("the system gives no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Unreadable(#[from] StoreError),
    /// A thread cannot be started.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// Certificate, key or settings of TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running service. Dropping it without [`Service::stop`] leaves its tasks running.
pub struct Service {
    server: Arc<Server>,
    config: ArcSwap<Config>,
    addresses: Vec<SocketAddr>,
    listeners: TaskTracker,
    sessions: TaskTracker,
    delivery: TaskTracker,
    stop_delivery: CancellationToken,
    committer: JoinHandle<()>,
    committer_ended: CancellationToken,
}

impl Service {
    /// Opens the store, binds the addresses and begins to serve, on the tokio runtime of the
    /// caller. `directory` is the store where it is `None`.
    ///
    /// # Errors
    /// See [`RunError`]; nothing is left running.
    pub async fn start(
        config: Config,
        directory: Option<Arc<dyn Directory>>,
    ) -> Result<Self, RunError> {
        let tls = ServerTls::new(&config.tls)?;
        let relays = config.delivery.settings(&config.hostname)?;
        // Before the store: an address in use is the more frequent mistake, and costs less.
        let bound: Vec<Bound> = config
            .listeners
            .iter()
            .map(bind)
            .collect::<Result<_, _>>()?;
        let path = config.store.clone();
        let writer = spawn_blocking(move || Writer::open(&path))
            .await
            .map_err(|error| RunError::Thread(error.into()))??;
        let store = writer.store();
        let source = directory.unwrap_or_else(|| Arc::new(store.clone()));
        let directory = Arc::new(CachedDirectory::new(source));
        directory.current()?;
        let names = Names::new()?;

        let committer_ended = CancellationToken::new();
        let (queue, committer) = committer::start(writer, &config.limits, committer_ended.clone())
            .map_err(RunError::Thread)?;
        let (clock, stop) = (Clock::start(), Arc::new(Stop::default()));
        let guarded = Guarded::new(
            random()?,
            &config.limits,
            Edge {
                directory: Arc::clone(&directory),
                stop: Arc::clone(&stop),
                store: store.clone(),
                queue: queue.clone(),
            },
        );
        guarded.restore(&*directory.current()?, clock.now());
        let keys = Keys {
            cache: random()?,
            wrong: random()?,
            salts: store.scram_salts()?,
        };
        let sign_in = SignIn::new(Arc::clone(&directory), &config.limits, keys, guarded)
            .map_err(RunError::Thread)?;
        let (engine, handover) = Engine::new(
            &config.delivery.routes,
            store,
            delivery::Settlements(queue.clone()),
            delivery::host(Arc::clone(&directory), &config.hostname),
            &relays,
            config.delivery.limits(),
        )?;
        let server = Arc::new(Server {
            clock,
            settings: ArcSwap::from_pointee(Settings::new(&config)),
            tls,
            directory,
            sign_in,
            bearers: Bearers::new(&config.limits),
            rates: MessageRates::new(),
            hints: QuotaHints::default(),
            budget: Budget::new(config.limits.bytes_in_flight),
            committer: queue,
            black_box: BlackBox::default(),
            handover,
            sessions: Arc::default(),
            sites: Arc::default(),
            names,
            stop,
        });
        let service = Self {
            addresses: bound.iter().map(Bound::address).collect(),
            config: ArcSwap::from_pointee(config),
            listeners: TaskTracker::new(),
            sessions: TaskTracker::new(),
            delivery: TaskTracker::new(),
            stop_delivery: CancellationToken::new(),
            committer,
            committer_ended,
            server,
        };
        service.serve(bound, engine);
        Ok(service)
    }

    fn serve(&self, bound: Vec<Bound>, engine: Engine<Store, delivery::Settlements>) {
        self.delivery.spawn(engine.run(self.stop_delivery.clone()));
        for listener in bound {
            info!(address = %listener.address(), tls = listener.tls().as_str(), "listening");
            let sessions = self.sessions.clone();
            self.listeners
                .spawn(listener.serve(Arc::clone(&self.server), sessions));
        }
        self.listeners.spawn(tend(Arc::clone(&self.server)));
        info!("ready");
    }

    /// The bound addresses, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Connections that are open at this moment.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Resolves when the service can go on no longer by itself; then [`Service::stop`] it.
    pub async fn failed(&self) {
        self.committer_ended.cancelled().await;
        error!("the thread that writes the store has ended: stopping");
    }

    /// Takes over what may change while sessions go on: limits, host name, certificate and key.
    /// What needs a restart is named in the log. The certificate is read again in any case.
    pub fn reload(&self, config: Config) {
        let old = self.config.load();
        for change in reload::changes(&old, &config) {
            let reload::Change { key, old, new, .. } = &change;
            if change.needs_restart {
                warn!(
                    key,
                    old, new, "changed, but takes effect at the next start only"
                );
            } else {
                info!(key, old, new, "changed");
            }
        }
        match self.server.tls.reload(Some(&config.tls)) {
            Ok(()) => info!("certificate loaded"),
            Err(error) => error!(%error, "certificate not loaded: the old one stays in use"),
        }
        let merged = reload::merge(&old, config);
        self.server.settings.store(Arc::new(Settings::new(&merged)));
        self.config.store(Arc::new(merged));
        info!("configuration loaded");
    }

    /// Drains the service: no new sessions, idle ones get 421, transactions in flight may finish
    /// until the grace period is over. Then delivery ends with what it has in hand, and the last
    /// commit is made.
    ///
    /// # Errors
    /// [`RunError::CommitterEnded`] where that is why it had to stop.
    pub async fn stop(self) -> Result<(), RunError> {
        let failed = self.committer_ended.is_cancelled();
        let grace = self.config.load().limits.shutdown_grace;
        info!(sessions = self.sessions.len(), "draining");
        self.server.stop.drain();
        self.listeners.close();
        self.listeners.wait().await;
        self.sessions.close();
        if timeout(grace, self.sessions.wait()).await.is_err() {
            warn!(
                sessions = self.sessions.len(),
                "grace period over: cutting off transactions"
            );
            self.server.stop.cut();
            // They only have to say 421 now, and write it.
            if timeout(LAST_WORDS, self.sessions.wait()).await.is_err() {
                warn!(sessions = self.sessions.len(), "sessions left behind");
            }
        }
        self.stop_delivery.cancel();
        self.delivery.close();
        self.delivery.wait().await;
        let Self {
            server, committer, ..
        } = self;
        server.committer.end();
        drop(server);
        let ended = spawn_blocking(move || committer.join()).await;
        if failed || !matches!(ended, Ok(Ok(()))) {
            return Err(RunError::CommitterEnded);
        }
        info!("stopped");
        Ok(())
    }
}

/// For a session's last reply, and its delivery to the client.
const LAST_WORDS: Duration = Duration::from_secs(2);

fn bind(listener: &Listener) -> Result<Bound, RunError> {
    let address = listener.address;
    Bound::bind(listener.clone()).map_err(|source| RunError::Bind { address, source })
}

fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(key)
}

/// How often the files of the certificate are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(5);
/// How many of those rounds lie between two times of forgetting accounts that are idle.
const FORGET_ROUNDS: u32 = 12;

/// What is to be done now and then.
async fn tend(server: Arc<Server>) {
    let mut timer = interval(CERTIFICATE_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rounds = 0_u32;
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            () = server.stop.draining() => return,
        }
        let looking = Arc::clone(&server);
        // Files may lie on a slow disk.
        let looked = spawn_blocking(move || looking.tls.reload_if_changed()).await;
        match looked {
            Ok(Ok(true)) => info!("certificate changed: the new one is in use"),
            Ok(Err(error)) => {
                error!(%error, "certificate changed and not fit: the old one stays in use");
            }
            Ok(Ok(false)) | Err(_) => {}
        }
        rounds = rounds.wrapping_add(1);
        if rounds.is_multiple_of(FORGET_ROUNDS) {
            server.rates.forget_idle(server.clock.monotonic());
        }
    }
}
