//! The figures for eyes.

use std::{fmt::Write as _, time::Duration};

use crate::{flood::Flood, guess::Guessed, idle::Idle, run::Outcome};

/// The heading of [`row`].
pub const HEADING: &str = "workload                                     route         msg/s  p50 ms  p95 ms  p99 ms  max ms  cpu us  x Postfix  (aim)  drained  RSS MiB";

/// One workload in one line, and what went wrong below it.
#[must_use]
pub fn row(outcome: &Outcome) -> String {
    let measured = &outcome.measured;
    let millis = |percent| format!("{:.2}", measured.percentile(percent).as_secs_f64() * 1e3);
    let cpu = outcome
        .cpu_us()
        .map_or_else(|| "-".into(), |micros| format!("{micros:.0}"));
    let drained = outcome.drained.map_or_else(|| "-".into(), seconds);
    let mut text = format!(
        "{} {:<42} {:<12} {:>6.0}  {:>6}  {:>6}  {:>6}  {:>6}  {:>6}  {:>9.1}  {:>5}  {:>7}  {:>7}",
        outcome.workload.name,
        outcome.workload.what,
        outcome.route,
        measured.rate(),
        millis(50),
        millis(95),
        millis(99),
        millis(100),
        cpu,
        measured.rate() / outcome.workload.postfix,
        outcome.workload.aim,
        drained,
        outcome.highest_kib / 1024,
    );
    if let Some(rate) = outcome.delivered_rate() {
        let _ = write!(
            text,
            "\n  from the first answer to the last delivery: {rate:.0} msg/s"
        );
    }
    if let Some(trouble) = &measured.trouble {
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "\n  {} refused, {} connections broken; first: {trouble}",
            measured.refused, measured.broken
        );
    }
    text
}

/// Idle sessions in one line.
#[must_use]
pub fn idle_row(idle: &Idle) -> String {
    format!(
        "E {} idle TLS sessions, signed in: server {} MiB (before: {} MiB), {} KiB each, opened in {}",
        idle.sessions,
        idle.after_kib / 1024,
        idle.before_kib / 1024,
        idle.kib_each(),
        seconds(idle.elapsed),
    )
}

/// One flood in one line.
#[must_use]
pub fn flood_row(flood: &Flood) -> String {
    format!(
        "F {} clients, {}: server {} MiB -> {} MiB (highest so far {} MiB), {}; {}",
        flood.clients,
        flood.what,
        flood.before_kib / 1024,
        flood.after_kib / 1024,
        flood.highest_kib / 1024,
        seconds(flood.elapsed),
        flood.seen,
    )
}

/// One flood of wrong passwords in one line.
#[must_use]
pub fn guess_row(guessed: &Guessed) -> String {
    let rates = |rates: &[f64]| {
        let texts: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
        texts.join(", ")
    };
    format!(
        "G {}, wrong passwords {}: {:.0} % of the throughput is left (aim 90 %): {} msg/s with, {} without; {:.0} guesses/s, {} answered otherwise; CPUs {:.2} with, {:.2} without",
        guessed.what,
        guessed.guessing.words(),
        guessed.ratio() * 100.0,
        rates(&guessed.flooded),
        rates(&guessed.quiet),
        guessed.guesses,
        guessed.other,
        guessed.cpu.1,
        guessed.cpu.0,
    )
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
