//! What no single key shows: contradictions, and files that are not what they should be.

use std::{collections::BTreeMap, net::SocketAddr, ops::Range, path::Path};

use hve_types::Domain;

use super::{Draft, Listener, Mistake, delivery};
use crate::tls;

type Places = BTreeMap<String, Range<usize>>;

/// Mistakes that the text alone shows, beside those of single values in `known`.
pub(super) fn inside(draft: &Draft, places: &Places, known: &[Mistake]) -> Vec<Mistake> {
    // In place of a wrong value stands the default, of which nobody needs to hear.
    let wrong = |key: &str| known.iter().any(|mistake| mistake.key == key);
    let mut list = Vec::new();
    let mut note = |key: &str, text: String| {
        list.push(Mistake::new(places.get(key).cloned(), key, text));
    };
    if let Some(name) = &draft.hostname
        && let Err(error) = Domain::parse(name)
    {
        note("hostname", format!("{name:?} is no host name: {error}"));
    }
    if draft.listeners.is_empty() && !wrong("listeners") {
        note("listeners", "at least one [[listeners]] is needed".into());
    }
    let address = |listener: &Option<Listener>| listener.as_ref().map(|of| of.address);
    for (index, listener) in draft.listeners.iter().enumerate() {
        let Some(own) = address(listener) else {
            continue;
        };
        let mut earlier = draft.listeners.iter().take(index).map(address);
        if let Some(earlier) = earlier.position(|other| other.is_some_and(|of| collide(of, own))) {
            let text = format!("{own} is taken by listeners[{earlier}]");
            note(&format!("listeners[{index}].address"), text);
        }
    }
    for (key, text) in delivery::inside(&draft.delivery) {
        note(&key, text);
    }
    let limits = &draft.limits;
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
    if limits.bytes_in_flight < limits.message_octets
        && !wrong("limits.bytes-in-flight")
        && !wrong("limits.message-size")
    {
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
pub(super) fn outside(draft: &Draft, places: &Places) -> Vec<Mistake> {
    let mut list = Vec::new();
    let mut note = |key: &str, text: String| {
        list.push(Mistake::new(places.get(key).cloned(), key, text));
    };
    for error in tls::inspect_known(draft.certificate.as_deref(), draft.key.as_deref()) {
        let key = if error.concerns_certificate() {
            "tls.certificate"
        } else {
            "tls.key"
        };
        note(key, error.to_string());
    }
    if let Some(store) = &draft.store {
        if store.is_dir() {
            note("store.path", format!("{} is a folder", store.display()));
        } else if let Some(missing) = missing_folder(store) {
            note("store.path", missing);
        }
    }
    for (key, text) in delivery::outside(&draft.delivery) {
        note(&key, text);
    }
    list
}

/// Says so when the folder that should hold `path` does not exist.
pub(super) fn missing_folder(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""))?;
    (!folder.is_dir()).then(|| format!("the folder {} does not exist", folder.display()))
}
