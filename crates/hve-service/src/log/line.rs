//! One event as one line.

use std::fmt::{self, Write};

use time::UtcDateTime;
use tracing::field::{Field, Visit};

use crate::config::LogFormat;

/// A line being written. The event's message comes first, its fields follow in order.
pub(super) struct Line {
    format: LogFormat,
    head: String,
    message: String,
    fields: String,
}

impl Line {
    pub(super) fn new(format: LogFormat, at: UtcDateTime, level: &str) -> Self {
        let mut head = String::with_capacity(256);
        let (date, time) = (at.date(), at.time());
        let stamp = format_args!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.millisecond()
        );
        // Writing to a string cannot fail.
        let _ = match format {
            LogFormat::Text => write!(head, "{stamp} {level:5} "),
            LogFormat::Json => write!(head, "{{\"time\":\"{stamp}\",\"level\":\"{level}\""),
        };
        Self {
            format,
            head,
            message: String::new(),
            fields: String::with_capacity(256),
        }
    }

    pub(super) fn finish(mut self) -> String {
        match self.format {
            LogFormat::Text => {
                escape(&mut self.head, &self.message, Quoting::None);
                self.head.push_str(&self.fields);
            }
            LogFormat::Json => {
                self.head.push_str(",\"event\":\"");
                escape(&mut self.head, &self.message, Quoting::Json);
                self.head.push('"');
                self.head.push_str(&self.fields);
                self.head.push('}');
            }
        }
        self.head.push('\n');
        self.head
    }

    fn text(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
            return;
        }
        let fields = &mut self.fields;
        match self.format {
            LogFormat::Text => {
                let _ = write!(fields, " {}=", field.name());
                let plain = !value.is_empty()
                    && value
                        .bytes()
                        .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'=');
                if plain {
                    fields.push_str(value);
                } else {
                    fields.push('"');
                    escape(fields, value, Quoting::Text);
                    fields.push('"');
                }
            }
            LogFormat::Json => {
                let _ = write!(fields, ",\"{}\":\"", field.name());
                escape(fields, value, Quoting::Json);
                fields.push('"');
            }
        }
    }

    fn number(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let _ = match self.format {
            LogFormat::Text => write!(self.fields, " {}={value}", field.name()),
            LogFormat::Json => write!(self.fields, ",\"{}\":{value}", field.name()),
        };
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, format_args!("{value}"));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    Json,
    None,
    Text,
}

/// Copies `value` with every control character, and what could end the quotes, escaped.
fn escape(to: &mut String, value: &str, quoting: Quoting) {
    for c in value.chars() {
        let _ = match c {
            '"' | '\\' if quoting != Quoting::None => write!(to, "\\{c}"),
            _ if !steers(c) => to.write_char(c),
            _ if quoting == Quoting::Json => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units)
                    .iter()
                    .try_for_each(|unit| write!(to, "\\u{unit:04x}"))
            }
            _ => write!(to, "{}", c.escape_unicode()),
        };
    }
}

/// Characters that act on a terminal or a reader instead of being shown: controls, line and
/// paragraph separators, and those that turn the direction of writing.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use time::macros::utc_datetime;
    use tracing_subscriber::{Layer, layer::SubscriberExt};

    use super::*;

    struct Capture(LogFormat, Arc<Mutex<String>>);

    impl<S: tracing::Subscriber> Layer<S> for Capture {
        fn on_event(
            &self,
            event: &tracing::Event<'_>,
            _context: tracing_subscriber::layer::Context<'_, S>,
        ) {
            let mut line = Line::new(self.0, utc_datetime!(2026-11-24 5:52:29.007), "info");
            event.record(&mut line);
            self.1.lock().unwrap().push_str(&line.finish());
        }
    }

    fn lines(format: LogFormat, act: impl FnOnce()) -> String {
        let text = Arc::new(Mutex::new(String::new()));
        let capture = Capture(format, Arc::clone(&text));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(capture), act);
        text.lock().unwrap().clone()
    }

    fn event() {
        let evil = "a\r\nb\u{1b}[2J\u{9b}\u{202e}\"";
        tracing::info!(account = %"hve01@contoso.test", recipients = 2_u64, evil, empty = "", "accepted");
    }

    #[test]
    fn text_is_one_line_that_nobody_can_steer() {
        assert_eq!(
            lines(LogFormat::Text, event),
            "2026-11-24T05:52:29.007Z info  accepted account=hve01@contoso.test recipients=2 \
             evil=\"a\\u{d}\\u{a}b\\u{1b}[2J\\u{9b}\\u{202e}\\\"\" empty=\"\"\n"
        );
    }

    #[test]
    fn json_is_one_object_a_line() {
        assert_eq!(
            lines(LogFormat::Json, event),
            "{\"time\":\"2026-11-24T05:52:29.007Z\",\"level\":\"info\",\"event\":\"accepted\",\
             \"account\":\"hve01@contoso.test\",\"recipients\":2,\
             \"evil\":\"a\\u000d\\u000ab\\u001b[2J\\u009b\\u202e\\\"\",\"empty\":\"\"}\n"
        );
    }
}
