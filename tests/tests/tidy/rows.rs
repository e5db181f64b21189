//! Every bad input that this server must survive has a test that names its row.
//!
//! The rows are those of the list the project was built against; a test claims one by `row_NN`
//! in its name, a transcript by `rowNN` in its file name.

use std::collections::BTreeMap;

use crate::sources::{Source, project};

/// Rows that this version claims.
fn claimed() -> impl Iterator<Item = u32> {
    (1..=36).chain(38..=45).chain(48..=56).chain([62, 65])
}

#[test]
fn every_row_has_a_test() {
    let tests = tests_by_row(&project());
    let missing: Vec<u32> = claimed().filter(|row| !tests.contains_key(row)).collect();
    assert!(missing.is_empty(), "rows without a test: {missing:?}");
    for (row, tests) in &tests {
        println!("row {row}:");
        for test in tests {
            println!("    {test}");
        }
    }
}

#[test]
fn only_tests_claim_rows() {
    let claims = |path: &str, text: &str| tests_by_row(&[Source::sample(path, text)]);
    let test = "#[test]\nfn row_07_empty_commands() {}";
    assert!(claims("crates/x/tests/a.rs", test).contains_key(&7));
    let waiting = "#[tokio::test]\n// Why.\nasync fn a_row_52() {}";
    assert!(claims("crates/x/src/a.rs", waiting).contains_key(&52));
    let both = "#[test]\nfn row_43_row_49_disk() {}";
    assert_eq!(claims("crates/x/src/a.rs", both).len(), 2);
    let transcript = "crates/hve-smtp/tests/transcripts/row1-bare-lf.txt";
    assert!(claims(transcript, "").contains_key(&1));
    for not_a_test in [
        "fn row_07_helper() {}",
        "// row_07",
        "#[test]\nfn arrow_07() {}",
    ] {
        assert!(claims("crates/x/src/a.rs", not_a_test).is_empty());
    }
}

fn tests_by_row(sources: &[Source]) -> BTreeMap<u32, Vec<String>> {
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for path in sources
        .iter()
        .map(|source| &source.path)
        .filter(|path| path.contains("/transcripts/"))
    {
        for row in rows_in(path) {
            found.entry(row).or_default().push(path.clone());
        }
    }
    for source in sources.iter().filter(|source| source.is_rust()) {
        let mut is_test = false;
        for line in source.text.lines().map(str::trim_start) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let signature = line.strip_prefix("async ").unwrap_or(line);
            if let Some(name) = signature.strip_prefix("fn ").filter(|_| is_test) {
                let name = name.split('(').next().unwrap_or_default();
                for row in rows_in(name) {
                    let test = format!("{}: {name}", source.path);
                    found.entry(row).or_default().push(test);
                }
            }
            // Attributes and comments may stand between the mark and the name.
            is_test &= line.starts_with("#[") || line.starts_with("//");
        }
    }
    found
}

/// The numbers behind `row_` or `row` where that begins a word.
fn rows_in(name: &str) -> impl Iterator<Item = u32> {
    name.match_indices("row").filter_map(|(at, mark)| {
        let before = name.get(..at)?;
        if before.ends_with(|c: char| c.is_alphanumeric()) {
            return None;
        }
        let rest = name.get(at + mark.len()..)?;
        let digits = rest.strip_prefix('_').unwrap_or(rest);
        let end = digits.find(|c: char| !c.is_ascii_digit());
        digits.get(..end.unwrap_or(digits.len()))?.parse().ok()
    })
}
