//! What a changed configuration can do to a running service, and what it cannot.

use crate::config::Config;

/// The keys that differ and are read at the start only.
pub(crate) fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let (was, is) = (&old.limits, &new.limits);
    [
        ("listeners", old.listeners != new.listeners),
        ("store.path", old.store != new.store),
        ("delivery.route", old.route != new.route),
        ("log", old.log != new.log),
        (
            "limits.bytes-in-flight",
            was.bytes_in_flight != is.bytes_in_flight,
        ),
        (
            "limits.hashing-threads",
            was.hashing_threads != is.hashing_threads,
        ),
        (
            "limits.hashing-queue",
            was.hashing_queue != is.hashing_queue,
        ),
        ("limits.verified-for", was.verified_for != is.verified_for),
        (
            "limits.verified-accounts",
            was.verified_accounts != is.verified_accounts,
        ),
        (
            "limits.group-messages",
            was.group_messages != is.group_messages,
        ),
        ("limits.group-size", was.group_octets != is.group_octets),
    ]
    .into_iter()
    .filter_map(|(key, differs)| differs.then_some(key))
    .collect()
}

/// The new configuration with the old values where those stay in force: the next reload
/// compares with what is really in use.
pub(crate) fn merge(old: &Config, mut new: Config) -> Config {
    new.listeners.clone_from(&old.listeners);
    new.store.clone_from(&old.store);
    new.route.clone_from(&old.route);
    new.log = old.log;
    let (was, is) = (&old.limits, &mut new.limits);
    is.bytes_in_flight = was.bytes_in_flight;
    is.hashing_threads = was.hashing_threads;
    is.hashing_queue = was.hashing_queue;
    is.verified_for = was.verified_for;
    is.verified_accounts = was.verified_accounts;
    is.group_messages = was.group_messages;
    is.group_octets = was.group_octets;
    new
}

#[cfg(test)]
mod tests {
    use hve_delivery::Route;

    use super::*;
    use crate::config::{Listener, TlsFiles, TlsStart};

    #[test]
    fn row_65_what_cannot_change_is_named_and_stays() {
        let tls = TlsFiles::new("cert.pem", "key.pem");
        let old = Config::new("mail.contoso.test", tls, "store.db", Route::Hold);
        let mut new = old.clone();
        assert!(needs_restart(&old, &new).is_empty());
        let address = "127.0.0.1:587".parse().unwrap();
        new.listeners
            .push(Listener::new(address, TlsStart::StartTls));
        new.store = "other.db".into();
        new.limits.group_octets += 1;
        new.limits.errors = std::num::NonZeroU32::MIN;
        let named = ["listeners", "store.path", "limits.group-size"];
        assert_eq!(needs_restart(&old, &new), named);
        let merged = merge(&old, new.clone());
        assert!(needs_restart(&old, &merged).is_empty());
        assert_eq!(merged.limits.errors, new.limits.errors);
    }
}
