//! What no single key shows: contradictions, and files that are not what they should be.

use std::{collections::BTreeMap, net::SocketAddr, ops::Range, path::Path};

use hve_delivery::Route;
use hve_types::Domain;

use super::{Config, Document, Mistake};
use crate::tls;

type Places = BTreeMap<String, Range<usize>>;

/// Mistakes that the text alone shows.
pub(super) fn inside(config: &Config, places: &Places) -> Vec<Mistake> {
    let mut list = Vec::new();
    let mut note = |key: &str, text: String| {
        list.push(Mistake::new(places.get(key).cloned(), key, text));
    };
    if let Err(error) = Domain::parse(&config.hostname) {
        note(
            "hostname",
            format!("{:?} is no host name: {error}", config.hostname),
        );
    }
    if config.listeners.is_empty() {
        note("listeners", "at least one [[listeners]] is needed".into());
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        let earlier = config
            .listeners
            .iter()
            .take(index)
            .position(|other| collide(other.address, listener.address));
        if let Some(earlier) = earlier {
            let text = format!("{} is taken by listeners[{earlier}]", listener.address);
            note(&format!("listeners[{index}].address"), text);
        }
    }
    let limits = &config.limits;
    for (key, zero) in [
        ("limits.bytes-in-flight", limits.bytes_in_flight == 0),
        ("limits.message-size", limits.message_octets == 0),
        ("limits.group-size", limits.group_octets == 0),
        (
            "limits.handshake-timeout",
            limits.handshake_timeout.is_zero(),
        ),
        ("limits.write-timeout", limits.write_timeout.is_zero()),
    ] {
        if zero {
            note(key, "zero would let nothing through".into());
        }
    }
    if limits.bytes_in_flight < limits.message_octets {
        let text = "less than limits.message-size: such a message would always be refused";
        note("limits.bytes-in-flight", text.into());
    }
    list
}

/// Two addresses of which the second cannot be bound after the first. `[::]` is IPv4 too.
fn collide(one: SocketAddr, two: SocketAddr) -> bool {
    let covers = |all: SocketAddr, other: SocketAddr| {
        all.ip().is_unspecified() && (all.is_ipv6() || other.is_ipv4())
    };
    one.port() == two.port()
        && one.port() != 0
        && (one.ip() == two.ip() || covers(one, two) || covers(two, one))
}

/// Mistakes that show when the named files are looked at.
pub(super) fn outside(document: &Document) -> Vec<Mistake> {
    let config = &document.config;
    let mut list = Vec::new();
    let mut note = |key: &str, text: String| {
        list.push(Mistake::new(document.places.get(key).cloned(), key, text));
    };
    for error in tls::inspect(&config.tls) {
        let key = if error.concerns_certificate() {
            "tls.certificate"
        } else {
            "tls.key"
        };
        note(key, error.to_string());
    }
    let store = &config.store;
    if store.is_dir() {
        note("store.path", format!("{} is a folder", store.display()));
    } else if let Some(missing) = missing_folder(store) {
        note("store.path", missing);
    }
    if let Route::Maildir(path) = &config.route {
        if path.exists() && !path.is_dir() {
            note("delivery.route", format!("{} is no folder", path.display()));
        } else if !path.exists()
            && let Some(missing) = missing_folder(path)
        {
            note("delivery.route", missing);
        }
    }
    list
}

/// Says so when the folder that should hold `path` does not exist.
fn missing_folder(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""))?;
    (!folder.is_dir()).then(|| format!("the folder {} does not exist", folder.display()))
}
