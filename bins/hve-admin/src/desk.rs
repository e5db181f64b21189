//! The open store, and how things in it are found by the names people use.

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use hve_service::config::{Config, Delivery, TlsStart};
use hve_store::{Act, Store};
use hve_types::{Account, Address, Domain, Tenant};

use crate::{
    cli::{Global, TenantChoice},
    failure::{Failure, Result},
    host,
    when::Clock,
};

/// What every verb works with.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) act: Act,
    pub(crate) server: Option<DeviceServer>,
    /// Where mail goes, as far as a configuration file says so.
    pub(crate) delivery: Option<Delivery>,
    json: bool,
}

/// Where a device connects.
#[derive(Clone, Debug)]
pub(crate) struct DeviceServer {
    pub(crate) name: String,
    /// `None` where the system chooses it.
    pub(crate) port: Option<u16>,
    pub(crate) security: &'static str,
}

impl Desk {
    /// Opens the store that the command line or the environment names.
    pub(crate) fn open(global: &Global, may_create: bool) -> Result<Self> {
        let Place {
            store: path,
            server,
            delivery,
        } = locate(global)?;
        if !path.exists() {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            if !folder.unwrap_or(Path::new(".")).is_dir() {
                return Err(Failure::not_found(format!(
                    "there is no folder for the store {}",
                    path.display()
                ))
                .hint("check --config or --dir, or make the folder"));
            }
            if !may_create {
                return Err(
                    Failure::not_found(format!("there is no store at {}", path.display())).hint(
                        "check --config or --dir; `hve-server` makes a store when it starts, \
                         and `hve-admin tenant add` does too",
                    ),
                );
            }
        }
        let store = Store::open(&path)?;
        let clock = host::clock();
        let act = Act {
            actor: global.actor.clone().unwrap_or_else(host::user),
            at: clock.now,
        };
        Ok(Self {
            store,
            clock,
            act,
            server,
            delivery,
            json: global.json,
        })
    }

    /// How many to list: what was asked for, else a page for eyes and everything for programs.
    pub(crate) fn limit(&self, asked: Option<NonZeroU32>, page: usize) -> usize {
        match asked {
            Some(asked) => usize::try_from(asked.get()).unwrap_or(usize::MAX),
            None if self.json => usize::MAX,
            None => page,
        }
    }

    /// The tenant that is named, or the only one there is.
    pub(crate) fn choose(&self, choice: &TenantChoice) -> Result<Tenant> {
        self.tenant(choice.tenant.as_ref())
    }

    /// The tenant that has `domain`, or the only one there is.
    pub(crate) fn tenant(&self, domain: Option<&Domain>) -> Result<Tenant> {
        let Some(domain) = domain else {
            let mut all = self.store.tenants()?;
            return match (all.pop(), all.is_empty()) {
                (Some(only), true) => Ok(only),
                (None, _) => Err(Failure::not_found("there is no tenant yet")
                    .hint("add one with `hve-admin tenant add DOMAIN`")),
                (Some(_), false) => Err(Failure::usage("there are several tenants; say which one")
                    .hint(self.known_tenants()?)),
            };
        };
        if let Some(tenant) = self.store.tenant(domain)? {
            return Ok(tenant);
        }
        let directory = self.store.snapshot()?;
        let owner = directory.domain(domain);
        match owner.and_then(|(owner, _)| directory.tenant(owner)) {
            Some(tenant) => Ok(tenant.clone()),
            None => Err(
                Failure::not_found(format!("no tenant has the domain {domain}"))
                    .hint(self.known_tenants()?),
            ),
        }
    }

    /// The account with this address.
    pub(crate) fn account(&self, address: &Address) -> Result<Account> {
        if let Some(account) = self.store.account(address)? {
            return Ok(account);
        }
        let failure = Failure::not_found(format!("there is no account {address}"));
        Err(match self.nearest(address)? {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure.hint("`hve-admin account list` shows those there are"),
        })
    }

    /// The tenant of an account.
    pub(crate) fn tenant_of(&self, account: &Account) -> Result<Tenant> {
        let directory = self.store.snapshot()?;
        directory
            .tenant(account.tenant)
            .cloned()
            .ok_or_else(|| Failure::not_found("the tenant of this account was removed meanwhile"))
    }

    fn known_tenants(&self) -> Result<String> {
        let tenants = self.store.tenants()?;
        if tenants.is_empty() {
            return Ok("there is none yet: `hve-admin tenant add DOMAIN`".to_owned());
        }
        let names: Vec<&str> = tenants.iter().take(20).map(|t| t.name.as_str()).collect();
        let more = tenants.len().saturating_sub(names.len());
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {more} more")
        };
        Ok(format!("known tenants: {}{more}", names.join(", ")))
    }

    /// The account whose address is spelled most alike, if any is near.
    fn nearest(&self, address: &Address) -> Result<Option<Address>> {
        const NEAR: f64 = 0.8;
        let key = address.key();
        let mut best: Option<(f64, Address)> = None;
        for account in self.store.snapshot()?.accounts() {
            let likeness = strsim::jaro_winkler(&key, &account.address.key());
            if likeness >= NEAR && best.as_ref().is_none_or(|(best, _)| likeness > *best) {
                best = Some((likeness, account.address.clone()));
            }
        }
        Ok(best.map(|(_, address)| address))
    }
}

/// Where the store is, and what is known of its server.
struct Place {
    store: PathBuf,
    server: Option<DeviceServer>,
    delivery: Option<Delivery>,
}

fn locate(global: &Global) -> Result<Place> {
    let (config, dir) = match (&global.config, &global.dir) {
        (None, None) => (host::path("HVE_CONFIG"), host::path("HVE_DIR")),
        (Some(_), Some(_)) => {
            return Err(Failure::usage("--config and --dir name two stores").hint("leave one out"));
        }
        (config, dir) => (config.clone(), dir.clone()),
    };
    if let Some(file) = config {
        let config = load(&file)?;
        return Ok(Place {
            server: device_server(&config),
            store: config.store,
            delivery: Some(config.delivery),
        });
    }
    let Some(dir) = dir else {
        return Err(Failure::usage("no store is named").hint(
            "give --config FILE (the server's hve.toml) or --dir DIR (the demo's data folder)",
        ));
    };
    let file = dir.join("hve.toml");
    let (server, delivery) = if file.is_file() {
        // It is looked at for words to show only: a mistake in it is the server's business.
        let config = Config::load(&file).ok();
        let server = config.as_ref().and_then(device_server);
        (server, config.map(|config| config.delivery))
    } else {
        (Some(demo_server()), None)
    };
    Ok(Place {
        store: dir.join("store.db"),
        server,
        delivery,
    })
}

fn load(file: &Path) -> Result<Config> {
    if !file.exists() {
        let message = format!("there is no configuration {}", file.display());
        return Err(Failure::not_found(message).hint("check --config"));
    }
    Config::load(file).map_err(|mistakes| {
        Failure::failed(mistakes).hint("`hve-server check --config FILE` names every mistake")
    })
}

/// The first listener that a device would be told, STARTTLS before implicit TLS.
fn device_server(config: &Config) -> Option<DeviceServer> {
    let listener = config
        .listeners
        .iter()
        .find(|listener| listener.tls == TlsStart::StartTls)
        .or_else(|| config.listeners.first())?;
    Some(DeviceServer {
        name: config.hostname.clone(),
        port: Some(listener.address.port()).filter(|port| *port != 0),
        security: match listener.tls {
            TlsStart::StartTls => "STARTTLS",
            _ => "implicit TLS",
        },
    })
}

/// What `hve-server demo` listens on when it is not told otherwise.
fn demo_server() -> DeviceServer {
    DeviceServer {
        name: "localhost".to_owned(),
        port: Some(5870),
        security: "STARTTLS",
    }
}
