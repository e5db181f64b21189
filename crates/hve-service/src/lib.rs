//! Listeners, TLS, session driver, committer and shutdown: the whole service in one call.
//!
//! [`run`] starts everything that a [`Config`](config::Config) asks for and drains it when told
//! to; [`Service`] is the same in steps, for whoever embeds it. The crate is the only one that
//! reads clocks, draws random numbers and owns sockets; what is right and what is wrong is decided
//! by the crates below it.
//!
//! ```
//! use hve_delivery::Route;
//! use hve_service::{
//!     Parts,
//!     config::{Config, Listener, TlsFiles, TlsStart},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let tls = TlsFiles::new(folder.join("cert.pem"), folder.join("key.pem"));
//! hve_service::tls::write_self_signed(&tls, &["localhost"])?;
//! let route = Route::Maildir(folder.join("mail"));
//! let mut config = Config::new("localhost", tls, folder.join("store.db"), route);
//! let any = "127.0.0.1:0".parse()?;
//! config.listeners.push(Listener::new(any, TlsStart::StartTls));
//!
//! let (ready, listening) = tokio::sync::oneshot::channel();
//! let mut parts = Parts::default();
//! parts.ready = Some(Box::new(|addresses| {
//!     let _ = ready.send(addresses.to_vec());
//! }));
//! let runtime = tokio::runtime::Runtime::new()?;
//! runtime.block_on(hve_service::run(config, parts, async {
//!     let addresses = listening.await;
//!     println!("listening on {addresses:?}");
//!     // A real program waits for a signal here; see `Signals`.
//! }))?;
//! # Ok(())
//! # }
//! ```

mod answers;
mod bearer;
mod black_box;
mod budget;
mod clock;
mod committer;
pub mod config;
mod delivery;
pub mod demo;
mod devices;
mod directory;
mod driver;
mod files;
mod guarded;
mod hashing;
mod hints;
mod issuer_keys;
mod issuers;
mod listener;
pub mod log;
mod permits;
mod proxy;
mod refusals;
mod reload;
mod server;
mod service;
mod sign_in;
mod signals;
pub mod tls;
mod transport;

pub use directory::{Directory, DirectoryError, DirectoryView};
pub use files::raise_file_limit;
pub use issuer_keys::{BadIssuer, check_issuer};
pub use service::{Parts, Ready, RunError, Service, run};
pub use signals::{Ask, Signals};
