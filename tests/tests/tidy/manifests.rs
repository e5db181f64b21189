//! Versions stand in one place, and every member inherits the lints.

use toml::{Table, Value};

use crate::{
    must_complain, must_pass, none,
    sources::{Source, project},
};

#[test]
fn versions_stand_in_the_workspace_only() {
    none(&own_versions(&project()));
}

#[test]
fn a_version_in_a_member_is_noticed() {
    let path = "crates/x/Cargo.toml";
    must_complain(path, "[dependencies]\nserde = \"1\"", own_versions);
    must_complain(
        path,
        "[dev-dependencies]\nserde = { version = \"1\" }",
        own_versions,
    );
    must_complain(
        path,
        "[target.'cfg(unix)'.dependencies]\nx = \"1\"",
        own_versions,
    );
    must_complain(
        path,
        "[dependencies]\nhve-types = { path = \"../hve-types\" }",
        own_versions,
    );
    must_pass(path, "[dependencies]\nserde.workspace = true", own_versions);
}

#[test]
fn members_inherit_lints_and_facts() {
    none(&not_inherited(&project()));
}

#[test]
fn a_member_of_its_own_mind_is_noticed() {
    let good = "[package]\nname = \"x\"\nversion.workspace = true\nedition.workspace = true\n\
                rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\
                [lints]\nworkspace = true\n";
    let path = "crates/x/Cargo.toml";
    must_pass(path, good, not_inherited);
    must_complain(
        path,
        &good.replace("[lints]\nworkspace = true", ""),
        not_inherited,
    );
    must_complain(
        path,
        &good.replace("edition.workspace = true", "edition = \"2021\""),
        not_inherited,
    );
    must_complain(
        path,
        &good.replace("rust-version.workspace = true", ""),
        not_inherited,
    );
}

fn members(sources: &[Source]) -> impl Iterator<Item = (&str, Table)> {
    sources
        .iter()
        .filter(|source| source.path.ends_with("/Cargo.toml"))
        .map(|source| (source.path.as_str(), source.text.parse().unwrap()))
}

fn own_versions(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, manifest) in members(sources) {
        let targets = manifest.get("target").and_then(Value::as_table);
        let tables = targets
            .into_iter()
            .flat_map(Table::values)
            .filter_map(Value::as_table)
            .chain([&manifest]);
        for table in tables {
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let listed = table.get(kind).and_then(Value::as_table);
                for (name, value) in listed.into_iter().flatten() {
                    if value.get("workspace").and_then(Value::as_bool) != Some(true) {
                        complaints.push(format!("{path}: {name} does not say workspace = true"));
                    }
                }
            }
        }
    }
    complaints
}

fn not_inherited(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let inherited = |value: Option<&Value>| {
        value
            .and_then(|value| value.get("workspace"))
            .and_then(Value::as_bool)
            == Some(true)
    };
    for (path, manifest) in members(sources) {
        if !inherited(manifest.get("lints")) {
            complaints.push(format!("{path}: [lints] workspace = true is missing"));
        }
        for fact in ["version", "edition", "rust-version", "license", "publish"] {
            let package = manifest.get("package");
            if !inherited(package.and_then(|package| package.get(fact))) {
                complaints.push(format!("{path}: {fact}.workspace = true is missing"));
            }
        }
    }
    complaints
}
