//! `RFC.md` stays true: what the code cites has a row, and what a row names as proof exists.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const TABLE: &str = include_str!("../RFC.md");

#[test]
fn every_section_the_code_cites_has_a_row() {
    let table = citations(TABLE);
    let mut missing = Vec::new();
    for path in files(&crate_folder().join("src")) {
        // A comment may break a citation over two lines.
        let text = fs::read_to_string(&path).unwrap();
        let joined: String = text
            .lines()
            .map(|line| {
                line.trim_start()
                    .trim_start_matches(['/', '!', ' '])
                    .to_owned()
                    + " "
            })
            .collect();
        for (rfc, sections) in citations(&joined) {
            match table.get(&rfc) {
                Some(known) => missing.extend(
                    sections
                        .difference(known)
                        .map(|section| format!("RFC {rfc} §{section} in {}", path.display())),
                ),
                None => missing.push(format!("RFC {rfc} in {}", path.display())),
            }
        }
    }
    assert!(missing.is_empty(), "no row in RFC.md: {missing:#?}");
}

#[test]
fn every_proof_exists() {
    let mut known: BTreeSet<String> = ["tests/transcripts", "tests/client_transcripts"]
        .iter()
        .flat_map(|folder| files(&crate_folder().join(folder)))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    for folder in ["src", "tests"] {
        for path in files(&crate_folder().join(folder)) {
            let text = fs::read_to_string(path).unwrap_or_default();
            let names = text
                .split("fn ")
                .skip(1)
                .filter_map(|rest| rest.split('(').next());
            known.extend(names.map(str::to_owned));
        }
    }
    let mut rows = 0;
    for row in TABLE.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split(" |").collect();
        let [_, status, _, proof, ..] = cells.as_slice() else {
            panic!("a row has four cells: {row}");
        };
        if row.starts_with("| Section") {
            continue;
        }
        rows += 1;
        let status = status.trim_start_matches([' ', '|']);
        assert!(
            ["done", "partial", "refused", "host"].contains(&status),
            "{row}"
        );
        let proofs: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        assert!(status == "host" || !proofs.is_empty(), "no proof: {row}");
        for proof in proofs {
            assert!(known.contains(proof), "no such proof: {proof}");
        }
    }
    assert!(rows > 60);
}

/// The sections cited, by RFC. `RFC 5321 §3.5.3, §7.3` cites two; in a table under a heading
/// `## RFC 5321, ..` the number may be left out.
fn citations(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut heading = None;
    for line in text.lines() {
        let mut rfc: Option<String> = None;
        let numbers = line.split("RFC ").enumerate();
        for (n, part) in numbers {
            if n > 0 {
                let number = digits(part);
                if number.is_empty() {
                    continue;
                }
                found.entry(number.clone()).or_default();
                if line.starts_with("## ") && n == 1 {
                    heading = Some(number.clone());
                }
                rfc = Some(number);
            } else if line.starts_with("| §") {
                rfc.clone_from(&heading);
            }
            let Some(rfc) = &rfc else { continue };
            for section in part.split('§').skip(1) {
                let section: String = section
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || *c == '.')
                    .collect();
                let section = section.trim_end_matches('.').to_owned();
                found.entry(rfc.clone()).or_default().insert(section);
            }
        }
    }
    found
}

fn digits(text: &str) -> String {
    text.chars().take_while(char::is_ascii_digit).collect()
}

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
