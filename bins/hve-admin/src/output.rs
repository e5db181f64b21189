//! How answers look: sober tables for eyes, JSON for programs.

use std::io::{self, Write};

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde_json::Value;

use crate::failure::Failure;

/// What a verb has to say.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For eyes; ends with a line end.
    pub(crate) text: String,
    /// For programs.
    pub(crate) json: Value,
    /// The exit code.
    pub(crate) code: u8,
}

impl Answer {
    pub(crate) fn new(text: impl Into<String>, json: Value) -> Self {
        Self {
            text: text.into(),
            json,
            code: 0,
        }
    }
}

/// A table with a heading; the columns from `numbers` on are numbers.
pub(crate) fn table<R>(header: &[&str], numbers: usize, rows: R) -> String
where
    R: IntoIterator,
    R::Item: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table.load_style(STYLE).set_header(header.iter().copied());
    for row in rows {
        table.add_row(row.into_iter().map(|cell| clean(&cell)));
    }
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{}\n", table.trim_fmt())
}

/// A line below the heading and nothing else.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// One thing: a name and a value a line.
pub(crate) fn pairs<V: AsRef<str>>(pairs: &[(&str, V)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    pairs
        .iter()
        .map(|(name, value)| format!("{name:width$}  {}\n", clean(value.as_ref())))
        .collect()
}

/// Text that comes from elsewhere, fit for a terminal: no control character and no mark that
/// turns the direction of writing reaches it.
pub(crate) fn clean(text: &str) -> String {
    let harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().all(harmless) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmless(c) {
            safe.push(c);
        } else {
            safe.extend(c.escape_default());
        }
    }
    safe
}

/// Writes an answer to standard output and gives the exit code. A reader that has gone away,
/// such as `head`, has what it wanted.
pub(crate) fn write(answer: &Answer, json: bool) -> u8 {
    let text = if json {
        format!("{:#}\n", answer.json)
    } else {
        answer.text.clone()
    };
    match put(io::stdout().lock(), &text) {
        Ok(()) => answer.code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => answer.code,
        Err(error) => {
            let failure = Failure::failed(format!("standard output cannot be written: {error}"));
            complain(&failure, json)
        }
    }
}

/// Writes a failure to standard error and gives the exit code.
pub(crate) fn complain(failure: &Failure, json: bool) -> u8 {
    let text = if json {
        format!("{:#}\n", failure.json())
    } else {
        failure.text()
    };
    // Where not even an error can be written, the exit code is all there is.
    put(io::stderr().lock(), &text).ok();
    failure.code()
}

fn put(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_33_a_terminal_is_not_commanded() {
        assert_eq!(clean("\u{1b}[2Jx\r\n"), "\\u{1b}[2Jx\\r\\n");
        assert_eq!(clean("a\u{202e}b\u{9b}"), "a\\u{202e}b\\u{9b}");
        assert_eq!(clean("Büro \"2\" ✓"), "Büro \"2\" ✓");
        let table = table(&["a"], 1, [["\u{1b}[31mred".to_owned()]]);
        assert!(!table.contains('\u{1b}'), "{table}");
    }
}
