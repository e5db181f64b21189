//! Reads TOML by key, and notes every mistake with its place instead of stopping at the first.

use std::{cell::RefCell, collections::BTreeMap, ops::Range};

use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;

/// A value that can stand in the configuration.
pub(super) trait Setting: Sized {
    /// Reads it; the error says what is expected instead.
    fn read(value: &DeValue<'_>) -> Result<Self, String>;
}

/// The text being read, the mistakes found, and where each key that was read stands.
#[derive(Default)]
pub(super) struct Reader {
    mistakes: RefCell<Vec<Mistake>>,
    places: RefCell<BTreeMap<String, Range<usize>>>,
}

impl Reader {
    pub(super) fn note(&self, span: Option<Range<usize>>, key: &str, text: impl Into<String>) {
        self.mistakes
            .borrow_mut()
            .push(Mistake::new(span, key, text));
    }

    pub(super) fn into_parts(self) -> (Vec<Mistake>, BTreeMap<String, Range<usize>>) {
        (self.mistakes.into_inner(), self.places.into_inner())
    }
}

/// One table of the file. Keys that nobody asked for are mistakes once it is [finished].
///
/// [finished]: Section::finish
pub(super) struct Section<'r, 'i> {
    reader: &'r Reader,
    path: String,
    table: Option<&'r DeTable<'i>>,
    span: Option<Range<usize>>,
    known: Vec<&'static str>,
}

impl<'r, 'i> Section<'r, 'i> {
    pub(super) fn root(reader: &'r Reader, table: &'r DeTable<'i>) -> Self {
        Self::new(reader, String::new(), Some(table), None)
    }

    fn new(
        reader: &'r Reader,
        path: String,
        table: Option<&'r DeTable<'i>>,
        span: Option<Range<usize>>,
    ) -> Self {
        Self {
            reader,
            path,
            table,
            span,
            known: Vec::new(),
        }
    }

    /// The value of `key`, or `default` where it is absent or wrong.
    pub(super) fn or<T: Setting>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// The value of `key`, `None` where it is absent or wrong.
    pub(super) fn optional<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let (span, value) = self.find(key)?;
        let path = self.join(key);
        match T::read(value) {
            Ok(read) => Some(read),
            Err(text) => {
                self.reader.note(Some(span), &path, text);
                None
            }
        }
    }

    /// The items of the list under `key` that can be read; each other one is a mistake of its own.
    pub(super) fn list<T: Setting>(&mut self, key: &'static str) -> Vec<T> {
        let Some((span, value)) = self.find(key) else {
            return Vec::new();
        };
        let path = self.join(key);
        let Some(array) = value.as_array() else {
            let text = expected("a list in square brackets", value);
            self.reader.note(Some(span), &path, text);
            return Vec::new();
        };
        let mut items = Vec::new();
        for (index, item) in array.iter().enumerate() {
            match T::read(item.get_ref()) {
                Ok(read) => items.push(read),
                Err(text) => {
                    let path = format!("{path}[{index}]");
                    self.reader.note(Some(item.span()), &path, text);
                }
            }
        }
        items
    }

    /// The value of `key`; its absence is a mistake.
    pub(super) fn required<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let read = self.optional(key);
        if !self.has(key) {
            let path = self.join(key);
            self.reader
                .note(self.span.clone(), &path, "this key is required");
        }
        read
    }

    /// The table under `key`; an absent one reads as empty.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'r, 'i> {
        let path = self.join(key);
        let Some((span, value)) = self.find(key) else {
            return Section::new(self.reader, path, None, None);
        };
        let table = value.as_table();
        if table.is_none() {
            let text = format!("a table [{path}] is expected here");
            self.reader.note(Some(span.clone()), &path, text);
        }
        Section::new(self.reader, path, table, Some(span))
    }

    /// The array of tables under `key`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'r, 'i>> {
        let path = self.join(key);
        let Some((span, value)) = self.find(key) else {
            return Vec::new();
        };
        let expected = format!("tables [[{path}]] are expected here");
        let Some(array) = value.as_array() else {
            self.reader.note(Some(span), &path, expected);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let table = item.get_ref().as_table();
            if table.is_none() {
                self.reader.note(Some(item.span()), &path, &*expected);
            }
            sections.push(Section::new(self.reader, path, table, Some(item.span())));
        }
        sections
    }

    /// Whether the file has `key` here.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Notes every key that nobody asked for, with the nearest known one.
    pub(super) fn finish(self) {
        let Some(table) = self.table else { return };
        for key in table.keys() {
            let name = key.get_ref();
            if self.known.iter().any(|known| known == name) {
                continue;
            }
            let hint = match nearest(name, &self.known) {
                Some(near) => format!("unknown key; did you mean {near:?}?"),
                None => format!("unknown key; known here: {}", self.known.join(", ")),
            };
            self.reader.note(Some(key.span()), &self.join(name), hint);
        }
    }

    fn find(&mut self, key: &'static str) -> Option<(Range<usize>, &'r DeValue<'i>)> {
        self.known.push(key);
        let (_, value) = self.table?.get_key_value(key)?;
        self.reader
            .places
            .borrow_mut()
            .insert(self.join(key), value.span());
        Some((value.span(), value.get_ref()))
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

impl Setting for String {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| expected("a text in quotes", value))
    }
}

impl Setting for std::path::PathBuf {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        match value.as_str() {
            Some("") => Err("the path is empty".into()),
            Some(path) => Ok(path.into()),
            None => Err(expected("a path in quotes", value)),
        }
    }
}

impl Setting for u32 {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value
            .as_integer()
            .and_then(|number| Self::from_str_radix(number.as_str(), number.radix()).ok())
            .ok_or_else(|| expected("a whole number from 0 to 4294967295", value))
    }
}

impl Setting for std::num::NonZeroU32 {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Self::new(u32::read(value)?).ok_or_else(|| "the number must be at least 1".into())
    }
}

impl Setting for std::net::SocketAddr {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                expected(
                    "an address with a port such as \"0.0.0.0:587\" or \"[::]:587\"",
                    value,
                )
            })
    }
}

/// The words of a mistake in a value's kind or form.
pub(super) fn expected(what: &str, value: &DeValue<'_>) -> String {
    match value.as_str() {
        Some(text) => format!("{what} is expected, not {text:?}"),
        None => format!("{what} is expected, not {}", article(value.type_str())),
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// The known key that differs from `name` by one or two edits.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|key| (edits(name, key), *key))
        .filter(|(edits, _)| *edits <= 2)
        .min()
        .map(|(_, key)| key)
}

/// Levenshtein's distance between two short names.
fn edits(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (i, a) in one.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (b, above) in two.iter().zip(row.iter().skip(1)) {
            let best = (diagonal + usize::from(a != *b))
                .min(left + 1)
                .min(above + 1);
            diagonal = *above;
            left = best;
            next.push(best);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("sessions", "sessions"), 0);
        assert_eq!(edits("sesions", "sessions"), 1);
        assert_eq!(edits("adress", "address"), 1);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(
            nearest("hostnam", &["listeners", "hostname"]),
            Some("hostname")
        );
        assert_eq!(nearest("colour", &["listeners", "hostname"]), None);
    }
}
