//! Arrows between the crates point down, and each is listed here.
//!
//! A new edge is a change of its own, with its reason in ARCHITECTURE.md.

use std::process::Command;

use serde_json::Value;

use crate::{none, sources::root};

/// Who may use whom, floor by floor.
const ALLOWED: &[(&str, &[&str])] = &[
    // floor 0
    ("hve-types", &[]),
    // floor 1: siblings never know each other
    ("hve-smtp", &["hve-types"]),
    ("hve-auth", &["hve-types"]),
    ("hve-policy", &["hve-types"]),
    ("hve-report", &["hve-types"]),
    // floor 2
    (
        "hve-store",
        &["hve-types", "hve-auth", "hve-policy", "hve-report"],
    ),
    // floor 3
    ("hve-delivery", &["hve-types", "hve-policy", "hve-store"]),
    (
        "hve-service",
        &[
            "hve-types",
            "hve-smtp",
            "hve-auth",
            "hve-policy",
            "hve-store",
            "hve-delivery",
        ],
    ),
    // floor 4
    ("hve-server", &["hve-service"]),
    (
        "hve-admin",
        &[
            "hve-types",
            "hve-auth",
            "hve-policy",
            "hve-report",
            "hve-store",
            "hve-service",
        ],
    ),
];

/// Unpublished packages that may use any crate, and that no crate may use.
const LEAVES: &[&str] = &["hve-examples", "hve-tests", "hve-benches"];

#[test]
fn arrows_point_down() {
    none(&complaints(&metadata()));
}

#[test]
fn a_wrong_arrow_is_noticed() {
    let package = |name: &str, uses: &str, kind: Value| {
        serde_json::json!({"packages": [{"name": name, "dependencies": [
            {"name": uses, "kind": kind}
        ]}]})
    };
    let bad = [
        package("hve-smtp", "hve-policy", Value::Null),
        package("hve-types", "hve-store", "dev".into()),
        package("hve-service", "hve-tests", "dev".into()),
        package("hve-unlisted", "hve-types", Value::Null),
    ];
    for metadata in bad {
        assert_eq!(complaints(&metadata).len(), 1, "{metadata}");
    }
    none(&complaints(&package("hve-smtp", "hve-types", Value::Null)));
    none(&complaints(&package("hve-smtp", "memchr", Value::Null)));
    none(&complaints(&package("hve-tests", "hve-smtp", Value::Null)));
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn complaints(metadata: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if LEAVES.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(listed, _)| *listed == name) else {
            complaints.push(format!("{name} stands on no floor: list it"));
            continue;
        };
        // Dependencies of tests count too: what a test needs to know, its crate needs to know.
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            if used.starts_with("hve-") && !allowed.contains(&used) {
                complaints.push(format!("{name} uses {used}: no such arrow is listed"));
            }
        }
    }
    complaints
}
