//! A report as cells, CSV and JSON.

use std::borrow::Cow;

use thiserror::Error;

use crate::{Figures, Grouping, Row, UsageReport};

/// A report as text cells, for a table on a screen or a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    /// One heading a column.
    pub header: Vec<&'static str>,
    /// As many cells as headings in each row.
    pub rows: Vec<Vec<String>>,
    /// The last line: the sum.
    pub total: Vec<String>,
    /// How many columns at the left are words; the others are numbers.
    pub words: usize,
}

/// A report could not be written as text; nothing a caller does leads here.
#[derive(Debug, Error)]
#[error("the report could not be written as {format}")]
pub struct RenderError {
    format: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl UsageReport {
    /// The report as cells. Reasons of refusals are summed up; [`Figures::refused`] has them.
    #[must_use]
    pub fn cells(&self) -> Cells {
        let words: &[&'static str] = match self.by {
            Grouping::Account => &["account", "tenant"],
            Grouping::Day => &["day"],
            Grouping::Tenant => &["tenant"],
        };
        let line = |mut cells: Vec<String>, figures: &Figures| {
            cells.extend(numbers(figures).map(|number| number.to_string()));
            cells
        };
        let mut sum = vec![String::new(); words.len()];
        if let Some(first) = sum.first_mut() {
            "total".clone_into(first);
        }
        Cells {
            header: words.iter().chain(&NUMBERS).copied().collect(),
            rows: self
                .rows
                .iter()
                .map(|row| line(self.labels(row), &row.figures))
                .collect(),
            total: line(sum, &self.total),
            words: words.len(),
        }
    }

    /// The report as CSV (RFC 4180) with a header line and no line for the total.
    ///
    /// The columns are those of [`UsageReport::cells`] and `refused_by_reason`, such as
    /// `quota-tenant:3 external:1`. A cell that a spreadsheet would take for a formula begins
    /// with an apostrophe.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn to_csv(&self) -> Result<String, RenderError> {
        let failed = |source: csv::Error| RenderError::new("CSV", source);
        let cells = self.cells();
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        writer
            .write_record(cells.header.iter().copied().chain(["refused_by_reason"]))
            .map_err(failed)?;
        for (row, cells) in self.rows.iter().zip(&cells.rows) {
            let reasons = reasons(&row.figures);
            let line = cells.iter().map(String::as_str).chain([reasons.as_str()]);
            let safe = line.map(|cell| without_formula(cell).into_owned());
            writer.write_record(safe).map_err(failed)?;
        }
        let octets = writer
            .into_inner()
            .map_err(|error| RenderError::new("CSV", error.into_error()))?;
        String::from_utf8(octets).map_err(|error| RenderError::new("CSV", error))
    }

    /// The report as JSON in the shape shown at [`UsageReport`], indented.
    ///
    /// # Errors
    /// For a period outside the years 0 to 9999, which RFC 3339 cannot write.
    pub fn to_json(&self) -> Result<String, RenderError> {
        serde_json::to_string_pretty(self).map_err(|error| RenderError::new("JSON", error))
    }

    fn labels(&self, row: &Row) -> Vec<String> {
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
        match self.by {
            Grouping::Account => vec![word(&row.account), word(&row.tenant)],
            Grouping::Day => vec![row.day.map_or_else(|| "-".into(), |day| day.to_string())],
            Grouping::Tenant => vec![word(&row.tenant)],
        }
    }
}

impl RenderError {
    fn new(
        format: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            format,
            source: source.into(),
        }
    }
}

const NUMBERS: [&str; 7] = [
    "messages",
    "recipients",
    "octets",
    "delivered",
    "failed",
    "refused",
    "members",
];

fn numbers(figures: &Figures) -> [u64; 7] {
    [
        figures.messages,
        figures.recipients,
        figures.octets,
        figures.delivered,
        figures.failed,
        figures.refused_total(),
        figures.members,
    ]
}

fn reasons(figures: &Figures) -> String {
    let pairs: Vec<String> = figures
        .refused
        .iter()
        .map(|(reason, count)| format!("{reason}:{count}"))
        .collect();
    pairs.join(" ")
}

/// A cell that begins with one of these is a formula to a spreadsheet (CWE-1236); the apostrophe
/// makes it text. A lone `-` is our own mark for "none", and a formula to nobody.
fn without_formula(cell: &str) -> Cow<'_, str> {
    if cell != "-" && cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_33_formulas_become_text() {
        for cell in [
            "=cmd|'/C calc'!A0",
            "+1",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
        ] {
            assert_eq!(without_formula(cell), format!("'{cell}"));
        }
        for cell in ["", "-", "hve01@contoso.test", "2026-11-24", "12"] {
            assert_eq!(without_formula(cell), cell);
        }
    }
}
