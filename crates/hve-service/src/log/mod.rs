//! One line for each event: words for eyes, or JSON for programs.
//!
//! Everything that happened to come from a client is escaped, so that no line can be forged and
//! no terminal steered. Bodies, passwords and tokens are never given to the log at all.

mod line;
mod sink;

use tracing::{
    Event, Level, Subscriber, level_filters::LevelFilter, subscriber::SetGlobalDefaultError,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

use crate::{
    clock,
    config::{Log, LogFormat, LogLevel},
};
use line::Line;
pub use sink::LogGuard;
use sink::Sink;

/// Sends every event of this process to standard error, in the form that `settings` ask for.
///
/// Lines are written by a thread of their own; what waits is bounded, and a line that finds no
/// room is dropped and counted. The guard writes what still waits when it is dropped.
///
/// # Errors
/// Another subscriber is in place already.
pub fn start(settings: Log) -> Result<LogGuard, SetGlobalDefaultError> {
    let (sink, guard) = sink::start(std::io::stderr());
    let lines = EventLines {
        format: settings.format,
        sink,
    };
    let subscriber = tracing_subscriber::registry()
        .with(filter(settings.level))
        .with(lines);
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(guard)
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
    }
}

struct EventLines {
    format: LogFormat,
    sink: Sink,
}

impl<S: Subscriber> Layer<S> for EventLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            _ => "debug",
        };
        let mut line = Line::new(self.format, clock::utc(), level);
        event.record(&mut line);
        self.sink.push(&line.finish());
    }
}
