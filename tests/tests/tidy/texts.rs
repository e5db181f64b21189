//! What may not stand in a file: too many lines, unexplained exceptions, forgotten work.

use crate::{
    must_complain, must_pass, none,
    sources::{Source, project},
};

/// A file that is longer is two files.
const LINES_MAX: usize = 400;

#[test]
fn no_file_is_over_400_lines() {
    none(&too_long(&project()));
}

#[test]
fn a_long_file_is_noticed() {
    let lines = |count| "//! Doc.\n".repeat(count);
    must_pass("crates/x/src/a.rs", &lines(LINES_MAX), too_long);
    must_complain("crates/x/src/a.rs", &lines(LINES_MAX + 1), too_long);
}

#[test]
fn every_file_says_what_it_is() {
    none(&undocumented(&project()));
}

#[test]
fn a_file_without_a_word_is_noticed() {
    must_pass("crates/x/src/a.rs", "//! What it is.\n", undocumented);
    must_complain("crates/x/src/a.rs", "use std::fmt;\n", undocumented);
    must_complain("crates/x/src/a.rs", "//!\nuse std::fmt;\n", undocumented);
    must_complain("crates/x/src/a.rs", "", undocumented);
}

#[test]
fn no_work_is_left_for_later() {
    none(&left_for_later(&project()));
}

#[test]
fn forgotten_work_is_noticed() {
    for call in ["todo", "unimplemented", "dbg"] {
        let text = format!("fn a() {{ {call}!() }}");
        must_complain("crates/x/src/a.rs", &text, left_for_later);
    }
    must_pass("crates/x/src/a.rs", "// no todo here", left_for_later);
}

#[test]
fn every_exception_has_a_reason() {
    none(&unexplained(&project()));
}

#[test]
fn an_unexplained_exception_is_noticed() {
    for attribute in ["allow", "expect"] {
        for (open, close) in [("#[", "]"), ("#![", "]"), ("#[cfg_attr(test, ", ")]")] {
            let bare = format!("{open}{attribute}(dead_code){close}\nfn a() {{}}");
            must_complain("crates/x/src/a.rs", &bare, unexplained);
            let told =
                format!("{open}{attribute}(\n    dead_code,\n    reason = \"why\"\n){close}\n");
            must_pass("crates/x/src/a.rs", &told, unexplained);
        }
    }
}

#[test]
fn no_test_is_switched_off_or_sleeps() {
    none(&lazy_tests(&project()));
}

#[test]
fn a_sleeping_test_is_noticed() {
    let ignored = concat!("#[", "ignore]\nfn a() {}");
    must_complain("crates/x/tests/a.rs", ignored, lazy_tests);
    for call in ["thread::", "tokio::time::", ""] {
        let text = format!("fn a() {{ {call}{}(second) }}", "sleep");
        must_complain("crates/x/tests/a.rs", &text, lazy_tests);
        let module = format!("//! Doc.\n#[cfg(test)]\nmod tests {{\n{text}\n}}\n");
        must_complain("crates/x/src/a.rs", &module, lazy_tests);
        must_pass("crates/hve-service/src/a.rs", &text, lazy_tests);
    }
}

#[test]
fn no_file_knows_a_machine() {
    none(&machine_paths(&project()));
}

#[test]
fn a_path_of_a_machine_is_noticed() {
    for root in MACHINE_ROOTS {
        let text = format!("see {root}x");
        must_complain("README.md", &text, machine_paths);
    }
    must_pass("README.md", "see /etc/hve/hve.toml", machine_paths);
}

fn rust(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|source| source.is_rust())
}

fn too_long(sources: &[Source]) -> Vec<String> {
    rust(sources)
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(source, lines)| format!("{} has {lines} lines: split it", source.path))
        .collect()
}

fn undocumented(sources: &[Source]) -> Vec<String> {
    rust(sources)
        .filter(|source| {
            let first = source.text.lines().next().unwrap_or_default();
            let sentence = first.strip_prefix("//! ");
            sentence.is_none_or(|words| words.trim().is_empty())
        })
        .map(|source| format!("{} does not start with //! and a sentence", source.path))
        .collect()
}

fn left_for_later(sources: &[Source]) -> Vec<String> {
    let calls = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    find(sources, |source| &source.text, &calls)
}

fn lazy_tests(sources: &[Source]) -> Vec<String> {
    let needles = [concat!("#[", "ignore"), concat!("sleep", "(")].map(String::from);
    find(sources, Source::tested, &needles)
}

fn unexplained(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in rust(sources) {
        for word in ["allow(", "expect("] {
            for (at, _) in source.text.match_indices(word) {
                let before = source.text.get(..at).unwrap_or_default();
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                let head = before.get(line_start..).unwrap_or_default().trim_start();
                let is_attribute = head == "#["
                    || head == "#!["
                    || (head.starts_with("#[cfg_attr(") || head.starts_with("#![cfg_attr("))
                        && head.ends_with(", ");
                let rest = source.text.get(at..).unwrap_or_default();
                let end = rest.find(")]").unwrap_or(rest.len());
                let attribute = rest.get(..end).unwrap_or_default();
                if is_attribute && !attribute.contains("reason = \"") {
                    let line = before.lines().count().max(1);
                    complaints.push(format!("{}:{line}: {word}..) has no reason", source.path));
                }
            }
        }
    }
    complaints
}

/// Folders that exist on somebody's machine, put together here so that this file stays clean.
const MACHINE_ROOTS: &[&str] = &[
    concat!("/", "home/"),
    concat!("/", "root/"),
    concat!("/", "Users/"),
    concat!("/", "work/"),
    concat!("/", "tmp/tgt"),
];

fn machine_paths(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            for root in MACHINE_ROOTS {
                // "/network/" and the like are no such path.
                let standing_alone = line.match_indices(root).any(|(at, _)| {
                    let before = line.get(..at).unwrap_or_default();
                    !before.ends_with(|c: char| c.is_alphanumeric() || "._-~}".contains(c))
                });
                if standing_alone {
                    complaints.push(format!("{}:{}: {line}", source.path, number + 1));
                }
            }
        }
    }
    complaints
}

fn find(sources: &[Source], part: impl Fn(&Source) -> &str, needles: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in rust(sources) {
        for line in part(source).lines() {
            let code = line.split("//").next().unwrap_or_default();
            if needles.iter().any(|needle| code.contains(needle.as_str())) {
                complaints.push(format!("{}: {}", source.path, line.trim()));
            }
        }
    }
    complaints
}
