//! Every setting as a text, as one would write it: to tell what a reload changes.

use std::fmt::Write as _;

use super::{
    Config, Delivery, Limits, Listener, LogFormat, LogLevel, RelayCredentials,
    units::{octets_text, time_text},
};

impl Config {
    /// Each key with its value, always the same keys in the same order. No value is a secret: of
    /// the private key there is only the path.
    pub(crate) fn shown(&self) -> Vec<(&'static str, String)> {
        let mut list = vec![
            ("hostname", self.hostname.clone()),
            (
                "tls.certificate",
                self.tls.certificate.display().to_string(),
            ),
            ("tls.key", self.tls.key.display().to_string()),
            ("store.path", self.store.display().to_string()),
        ];
        list.extend(delivery(&self.delivery));
        let listeners: Vec<_> = self.listeners.iter().map(listener).collect();
        list.push(("listeners", listeners.join(", ")));
        list.extend(limits(&self.limits));
        let format = match self.log.format {
            LogFormat::Json => "json",
            LogFormat::Text => "text",
        };
        let level = match self.log.level {
            LogLevel::Debug => "debug",
            LogLevel::Error => "error",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
        };
        list.extend([("log.format", format.into()), ("log.level", level.into())]);
        list
    }
}

fn delivery(of: &Delivery) -> [(&'static str, String); 7] {
    let waits: Vec<_> = of
        .retries
        .waits()
        .iter()
        .map(|wait| time_text(*wait))
        .collect();
    let lifetime = of.retries.lifetime().map(time_text);
    let exceptions = of.routes.exceptions();
    let exceptions: Vec<_> = exceptions
        .map(|(domain, route)| format!("{domain} {route}"))
        .collect();
    let credentials = |of: &RelayCredentials| {
        let file = of.password_file.display();
        format!("{} {} {file}", of.name, of.user)
    };
    let credentials: Vec<_> = of.credentials.iter().map(credentials).collect();
    // The value is as good as a password.
    let marks = of
        .marks
        .iter()
        .map(|(name, mark)| format!("{name} {}", mark.field()));
    let marks: Vec<_> = marks.collect();
    [
        ("delivery.route", of.routes.usual().to_string()),
        ("delivery.routes", exceptions.join(", ")),
        ("delivery.credentials", credentials.join(", ")),
        ("delivery.marks", marks.join(", ")),
        ("delivery.retry-after", waits.join(", ")),
        ("delivery.give-up-after", lifetime.unwrap_or_default()),
        ("delivery.delay-notice-after", time_text(of.delay_notice)),
    ]
}

fn listener(of: &Listener) -> String {
    let mut text = format!("{} {}", of.address, of.tls.as_str());
    for network in &of.proxy_protocol_from {
        // Writing to a string cannot fail.
        let _ = write!(text, " proxy {network}");
    }
    text
}

fn limits(all: &Limits) -> Vec<(&'static str, String)> {
    let count = |number: std::num::NonZeroU32| number.to_string();
    let (octets, time) = (octets_text, time_text);
    // Taken apart, so that a new limit cannot be forgotten here.
    let Limits {
        sessions,
        sessions_per_address,
        bytes_in_flight,
        message_octets,
        handshake_timeout,
        sign_in_timeout,
        command_timeout,
        data_timeout,
        message_timeout,
        slowest_octets,
        messages_per_session,
        errors,
        sign_in_attempts,
        write_timeout,
        shutdown_grace,
        hashing_threads,
        hashing_queue,
        guess_delay,
        verified_for,
        verified_accounts,
        issuer_pause,
        group_messages,
        group_octets,
    } = *all;
    vec![
        ("limits.sessions", count(sessions)),
        ("limits.sessions-per-address", count(sessions_per_address)),
        ("limits.bytes-in-flight", octets(bytes_in_flight)),
        ("limits.message-size", octets(message_octets)),
        ("limits.handshake-timeout", time(handshake_timeout)),
        ("limits.sign-in-timeout", time(sign_in_timeout)),
        ("limits.command-timeout", time(command_timeout)),
        ("limits.data-timeout", time(data_timeout)),
        ("limits.message-timeout", time(message_timeout)),
        ("limits.slowest-per-second", octets(slowest_octets)),
        ("limits.messages-per-session", count(messages_per_session)),
        ("limits.errors", count(errors)),
        ("limits.sign-in-attempts", count(sign_in_attempts)),
        ("limits.write-timeout", time(write_timeout)),
        ("limits.shutdown-grace", time(shutdown_grace)),
        ("limits.hashing-threads", hashing_threads.to_string()),
        ("limits.hashing-queue", count(hashing_queue)),
        ("limits.guess-delay", time(guess_delay)),
        ("limits.verified-for", time(verified_for)),
        ("limits.verified-accounts", count(verified_accounts)),
        ("limits.issuer-pause", time(issuer_pause)),
        ("limits.group-messages", count(group_messages)),
        ("limits.group-size", octets(group_octets)),
    ]
}
