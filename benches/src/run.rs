//! The workloads, with the figures of stock Postfix that they are measured against.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    LoadError,
    load::{self, Load, Measured},
    process,
    site::{Setting, Site},
};

/// One of the four workloads that are measured in messages a second.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// `A` to `D`.
    pub name: &'static str,
    /// In words.
    pub what: &'static str,
    /// Messages a second of stock Postfix 3.7 with Dovecot SASL on this class of machine.
    pub postfix: f64,
    /// What we aim at, as a multiple of that.
    pub aim: f64,
    /// The load; its totals are the full run's.
    pub load: Load,
}

impl Workload {
    /// At most 100,000 copies where each becomes a file: a tenant's whole day.
    #[must_use]
    pub fn as_many_as_are_delivered(mut self, route: &str) -> Self {
        if route.starts_with("maildir") {
            let most = 100_000 / self.load.recipients.max(1);
            self.load.messages = self.load.messages.min(most);
        }
        self
    }
}

/// What a run of one workload gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which workload.
    pub workload: Workload,
    /// Where mail went: `hold:`, `maildir:mail`, or `sink`.
    pub route: String,
    /// What the clients saw.
    pub measured: Measured,
    /// What the server used meanwhile; `None` for the sink, which is no process of its own.
    pub cpu: Option<Duration>,
    /// The server's memory at its highest, in KiB.
    pub highest_kib: u64,
    /// After the last answer, until the last message was delivered; `None` where nothing is
    /// delivered, or not in time.
    pub drained: Option<Duration>,
}

impl Outcome {
    /// Microseconds of the server's CPU for each accepted message.
    #[must_use]
    pub fn cpu_us(&self) -> Option<f64> {
        let cpu = self.cpu?.as_secs_f64() * 1e6;
        Some(cpu / f64::from(self.measured.accepted.max(1)))
    }

    /// Messages a second from the first answer until the last message was delivered.
    #[must_use]
    pub fn delivered_rate(&self) -> Option<f64> {
        let whole = self.measured.elapsed + self.drained?;
        Some(f64::from(self.measured.accepted) / whole.as_secs_f64())
    }

    /// The figures as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let measured = &self.measured;
        let millis = |percent| measured.percentile(percent).as_secs_f64() * 1e3;
        json!({
            "workload": self.workload.name, "what": self.workload.what, "route": self.route,
            "messages_per_second": measured.rate(), "accepted": measured.accepted,
            "refused": measured.refused, "broken": measured.broken, "opened": measured.opened,
            "seconds": measured.elapsed.as_secs_f64(), "p50_ms": millis(50), "p95_ms": millis(95),
            "p99_ms": millis(99), "max_ms": millis(100), "cpu_us_per_message": self.cpu_us(),
            "rss_highest_kib": self.highest_kib, "postfix_per_second": self.workload.postfix,
            "times_postfix": measured.rate() / self.workload.postfix, "aim": self.workload.aim,
            "delivered_per_second": self.delivered_rate(),
            "drained_after_seconds": self.drained.map(|time| time.as_secs_f64()),
            "trouble": measured.trouble,
        })
    }
}

/// The four workloads, each ended by `time_max` at the latest.
#[must_use]
pub fn workloads(time_max: Duration) -> [Workload; 4] {
    let load = |connections, messages_each, recipients, octets, messages| Load {
        connections,
        messages_each,
        recipients,
        octets,
        messages,
        time_max,
    };
    [
        Workload {
            name: "A",
            what: "64 connections, one message each",
            postfix: 285.0,
            aim: 6.0,
            load: load(64, 1, 1, 4096, 20_000),
        },
        Workload {
            name: "B",
            what: "64 connections, 100 messages each",
            postfix: 801.0,
            aim: 15.0,
            load: load(64, 100, 1, 4096, 100_000),
        },
        Workload {
            name: "C",
            what: "16 connections, 50 recipients a message",
            postfix: 116.0,
            aim: 40.0,
            load: load(16, 100, 50, 4096, 30_000),
        },
        Workload {
            name: "D",
            what: "16 connections, 1 MiB messages",
            postfix: 158.0,
            aim: 2.0,
            load: load(16, 20, 1, 1024 * 1024, 2_000),
        },
    ]
}

/// One workload against a server of its own.
///
/// # Errors
/// The server does not start, or takes nothing.
pub async fn against_server(
    workload: Workload,
    setting: &Setting,
    drain_max: Duration,
) -> Result<Outcome, LoadError> {
    let site = Site::start(setting).await?;
    // The first sign-in of an account pays for Argon2id; devices that come back do not.
    site.target().open().await?.quit().await?;
    let before = process::cpu_time(site.pid())?;
    let measured = load::run(site.target(), workload.load).await?;
    let cpu = process::cpu_time(site.pid())?.saturating_sub(before);
    let drained = match setting.route.starts_with("hold") {
        true => None,
        false => site.drained_within(drain_max).await?,
    };
    let (_, highest_kib) = process::memory_kib(site.pid())?;
    site.stop().await?;
    Ok(Outcome {
        workload,
        route: setting.route.clone(),
        measured,
        cpu: Some(cpu),
        highest_kib,
        drained,
    })
}
