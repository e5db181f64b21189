//! Runs the service until a signal ends it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use hve_service::{
    Ask, RunError, Service, Signals,
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
    serve(config, file.to_owned(), |_| Ok(()))
}

/// `hve-server demo`.
pub(crate) fn demo(folder: &Path, listen: Option<SocketAddr>) -> Result<()> {
    let no_demo = || format!("no demonstration in {}", folder.display());
    let mut demo = Demo::prepare(folder, listen).with_context(no_demo)?;
    let (config, file) = (demo.config.clone(), demo.file());
    let served = serve(config, file, |service| {
        demo.write_address().with_context(no_demo)?;
        demo.add_account().with_context(no_demo)?;
        if let Some(address) = service.addresses().first() {
            println!("{}", demo.instructions(*address));
        }
        Ok(())
    });
    served.map_err(|error| match error.downcast_ref() {
        Some(RunError::Bind { .. }) => {
            anyhow::anyhow!("{}; choose another with --listen", words(&error))
        }
        _ => error,
    })
}

/// An error and its causes. Some say their cause themselves: it is not said twice.
pub(crate) fn words(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn serve(config: Config, file: PathBuf, ready: impl FnOnce(&Service) -> Result<()>) -> Result<()> {
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
        if let Err(error) = ready(&service) {
            service.stop().await?;
            return Err(error);
        }
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

#[cfg(test)]
mod tests {
    use std::{io, net::TcpListener};

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let source = io::Error::from_raw_os_error(98);
        let reason = source.to_string();
        let error = RunError::Bind {
            address: SocketAddr::from(([127, 0, 0, 1], 587)),
            source,
        };
        assert_eq!(
            words(&error.into()),
            format!("cannot listen on 127.0.0.1:587: {reason}")
        );
        let nested = anyhow::anyhow!("no such file").context("no demonstration in x");
        assert_eq!(words(&nested), "no demonstration in x: no such file");
    }

    #[test]
    fn a_taken_port_says_what_to_do() {
        let folder = std::env::temp_dir().join(format!("hve-taken-port-{}", std::process::id()));
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = demo(&folder, taken.local_addr().ok()).unwrap_err();
        std::fs::remove_dir_all(&folder).unwrap();
        let text = words(&error);
        assert!(text.ends_with("; choose another with --listen"), "{text}");
        assert_eq!(text.matches("os error").count(), 1, "{text}");
    }
}
