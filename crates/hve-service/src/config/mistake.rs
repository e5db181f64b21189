//! What is wrong in a configuration, and where.

use std::{fmt, ops::Range, path::PathBuf};

/// Everything that is wrong in one configuration file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct Mistakes {
    /// The file.
    pub file: PathBuf,
    /// At least one mistake.
    pub list: Vec<Mistake>,
}

impl Mistakes {
    /// Sorts the mistakes of `text` by place and turns octet offsets into lines and columns.
    pub(super) fn new(file: PathBuf, text: &str, mut list: Vec<Mistake>) -> Self {
        for mistake in &mut list {
            mistake.place = mistake.span.as_ref().map(|span| place(text, span.start));
        }
        list.sort_by_key(|mistake| mistake.place);
        Self { file, list }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}", self.file.display())?;
            if let Some((line, column)) = mistake.place {
                write!(f, ":{line}:{column}")?;
            }
            write!(f, ": ")?;
            if !mistake.key.is_empty() {
                write!(f, "{}: ", mistake.key)?;
            }
            write!(f, "{}", mistake.text)?;
        }
        Ok(())
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mistake {
    /// Line and column, both from 1, the column in characters; `None` where it is no single place.
    pub place: Option<(usize, usize)>,
    /// The key, such as `limits.sessions` or `listeners[1].address`; empty for the syntax.
    pub key: String,
    /// What is wrong and what would be right.
    pub text: String,
    span: Option<Range<usize>>,
}

impl Mistake {
    pub(super) fn new(span: Option<Range<usize>>, key: &str, text: impl Into<String>) -> Self {
        Self {
            place: None,
            key: key.to_owned(),
            text: text.into(),
            span,
        }
    }
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}
