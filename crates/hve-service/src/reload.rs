//! What a changed configuration can do to a running service, and what it cannot.

use crate::config::Config;

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: &'static str,
    pub(crate) old: String,
    pub(crate) new: String,
    /// It is read at the start only.
    pub(crate) needs_restart: bool,
}

/// What is read at the start only.
const AT_START: [&str; 20] = [
    "store.path",
    "delivery.route",
    "delivery.routes",
    "delivery.credentials",
    "delivery.marks",
    "delivery.retry-after",
    "delivery.give-up-after",
    "delivery.delay-notice-after",
    "listeners",
    "limits.bytes-in-flight",
    "limits.hashing-threads",
    "limits.hashing-queue",
    "limits.guess-delay",
    "limits.verified-for",
    "limits.verified-accounts",
    "limits.issuer-pause",
    "limits.group-messages",
    "limits.group-size",
    "log.format",
    "log.level",
];

/// The settings that differ.
pub(crate) fn changes(old: &Config, new: &Config) -> Vec<Change> {
    old.shown()
        .into_iter()
        .zip(new.shown())
        .filter(|(old, new)| old != new)
        .map(|((key, old), (_, new))| Change {
            key,
            old,
            new,
            needs_restart: AT_START.contains(&key),
        })
        .collect()
}

/// The new configuration with the old values where those stay in force: the next reload
/// compares with what is really in use.
pub(crate) fn merge(old: &Config, mut new: Config) -> Config {
    new.listeners.clone_from(&old.listeners);
    new.store.clone_from(&old.store);
    new.delivery.clone_from(&old.delivery);
    new.log = old.log;
    let (was, is) = (&old.limits, &mut new.limits);
    is.bytes_in_flight = was.bytes_in_flight;
    is.hashing_threads = was.hashing_threads;
    is.hashing_queue = was.hashing_queue;
    is.guess_delay = was.guess_delay;
    is.verified_for = was.verified_for;
    is.verified_accounts = was.verified_accounts;
    is.issuer_pause = was.issuer_pause;
    is.group_messages = was.group_messages;
    is.group_octets = was.group_octets;
    new
}

#[cfg(test)]
mod tests {
    use hve_delivery::{Route, Routes};

    use super::*;
    use crate::config::{Listener, LogFormat, LogLevel, RelayCredentials, TlsFiles, TlsStart};

    #[test]
    fn row_65_what_cannot_change_is_named_and_stays() {
        let tls = TlsFiles::new("cert.pem", "key.pem");
        let old = Config::new("mail.contoso.test", tls, "store.db", Route::Hold);
        let mut new = old.clone();
        assert_eq!(changes(&old, &new), []);
        let address = "127.0.0.1:587".parse().unwrap();
        new.listeners
            .push(Listener::new(address, TlsStart::StartTls));
        new.store = "other.db".into();
        new.limits.group_octets = 1 << 20;
        new.limits.errors = std::num::NonZeroU32::MIN;
        let change = |key, old: &str, new: &str, needs_restart| Change {
            key,
            old: old.into(),
            new: new.into(),
            needs_restart,
        };
        let errors = change("limits.errors", "20", "1", false);
        let expected = [
            change("store.path", "store.db", "other.db", true),
            change("listeners", "", "127.0.0.1:587 starttls", true),
            errors.clone(),
            change("limits.group-size", "16MiB", "1MiB", true),
        ];
        assert_eq!(changes(&old, &new), expected);
        let merged = merge(&old, new.clone());
        assert_eq!(changes(&old, &merged), [errors]);
    }

    #[test]
    fn row_65_what_is_read_at_the_start_stays_whatever_it_is() {
        let tls = TlsFiles::new("cert.pem", "key.pem");
        let old = Config::new("mail.contoso.test", tls, "store.db", Route::Hold);
        let mut new = old.clone();
        let one = std::num::NonZeroU32::MIN;
        let limits = &mut new.limits;
        limits.hashing_threads = 1;
        limits.bytes_in_flight = 1;
        limits.group_octets = 1;
        limits.hashing_queue = one;
        limits.verified_accounts = one;
        limits.group_messages = one;
        limits.guess_delay = std::time::Duration::ZERO;
        limits.verified_for = std::time::Duration::ZERO;
        limits.issuer_pause = std::time::Duration::ZERO;
        new.log.format = LogFormat::Json;
        new.log.level = LogLevel::Debug;
        new.store = "other.db".into();
        let mail = Route::Maildir("mail".into());
        let domain = "contoso.test".parse().unwrap();
        new.delivery.routes = Routes::new(mail).with(domain, Route::Hold);
        let minute = std::time::Duration::from_mins(1);
        let retries = hve_delivery::RetrySchedule::new(vec![minute], Some(minute));
        new.delivery.retries = retries.unwrap();
        new.delivery.delay_notice = minute;
        let mark = hve_delivery::Mark::new("X-House", "a word").unwrap();
        new.delivery.marks.push(("house".into(), mark));
        new.delivery.credentials.push(RelayCredentials {
            name: "relay".into(),
            user: "hve".into(),
            password_file: "password".into(),
        });
        let address = "127.0.0.1:587".parse().unwrap();
        new.listeners
            .push(Listener::new(address, TlsStart::StartTls));
        let differ = changes(&old, &new);
        assert_eq!(differ.len(), AT_START.len());
        assert!(differ.iter().all(|change| change.needs_restart));
        assert_eq!(merge(&old, new), old);
    }
}
