//! Runs the service until a signal ends it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use hve_service::{
    Ask, Service, Signals,
    config::{Config, Mistakes},
    demo::Demo,
    log,
};
use tracing::error;

/// `hve-server check`.
pub(crate) fn check(file: &Path) -> Result<()> {
    match Config::check(file) {
        Ok(_) => {
            println!("{}: no mistakes", file.display());
            Ok(())
        }
        Err(mistakes) => Err(named(mistakes)),
    }
}

/// `hve-server run`.
pub(crate) fn run(file: &Path) -> Result<()> {
    let config = Config::check(file).map_err(named)?;
    serve(config, file.to_owned(), |_| {})
}

/// `hve-server demo`.
pub(crate) fn demo(folder: &Path, listen: Option<SocketAddr>) -> Result<()> {
    let demo = Demo::prepare(folder, listen)
        .with_context(|| format!("no demonstration in {}", folder.display()))?;
    serve(demo.config.clone(), demo.file(), |service| {
        if let Some(address) = service.addresses().first() {
            println!("{}", demo.instructions(*address));
        }
    })
}

fn serve(config: Config, file: PathBuf, ready: impl FnOnce(&Service)) -> Result<()> {
    // Ends last, so that the last words are written.
    let _log = log::start(config.log).context("the log cannot be started")?;
    hve_service::raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("signals cannot be heard")?;
        let service = Service::start(config, None).await?;
        ready(&service);
        loop {
            let asked = tokio::select! {
                asked = signals.next() => asked,
                () = service.failed() => Ask::Stop,
            };
            match asked {
                Ask::Reload => reload(&service, &file),
                _ => break,
            }
        }
        Ok(service.stop().await?)
    })
}

fn reload(service: &Service, file: &Path) {
    match Config::load(file) {
        Ok(config) => service.reload(config),
        Err(mistakes) => {
            for mistake in mistakes.to_string().lines() {
                error!(
                    mistake,
                    "configuration not loaded: the old one stays in use"
                );
            }
        }
    }
}

/// The mistakes stand for themselves, a line each.
fn named(mistakes: Mistakes) -> anyhow::Error {
    let count = mistakes.list.len();
    eprintln!("{mistakes}");
    let plural = if count == 1 { "" } else { "s" };
    anyhow::anyhow!("{count} mistake{plural} in {}", mistakes.file.display())
}
