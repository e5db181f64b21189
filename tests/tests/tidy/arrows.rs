//! Arrows between the crates point down, and each is listed here.
//!
//! A new edge is a change of its own, with its reason in ARCHITECTURE.md.

use std::process::Command;

use serde_json::Value;

use crate::{none, sources::root};

/// Who may use whom, floor by floor.
const FLOORS: &[&[(&str, &[&str])]] = &[
    &[("hve-types", &[])],
    // Siblings never know each other.
    &[
        ("hve-smtp", &["hve-types"]),
        ("hve-auth", &["hve-types"]),
        ("hve-policy", &["hve-types"]),
        ("hve-report", &["hve-types"]),
    ],
    &[(
        "hve-store",
        &["hve-types", "hve-auth", "hve-policy", "hve-report"],
    )],
    &[
        (
            "hve-delivery",
            &["hve-types", "hve-smtp", "hve-policy", "hve-store"],
        ),
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
    ],
    &[
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
    ],
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
        package("hve-smtp", "hve-auth", "dev".into()),
        package("hve-service", "hve-tests", "dev".into()),
        package("hve-unlisted", "hve-types", Value::Null),
    ];
    for metadata in bad {
        assert_eq!(complaints(&metadata).len(), 1, "{metadata}");
    }
    none(&complaints(&package("hve-smtp", "hve-types", Value::Null)));
    none(&complaints(&package("hve-smtp", "memchr", Value::Null)));
    none(&complaints(&package(
        "hve-delivery",
        "hve-auth",
        "dev".into(),
    )));
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
        let Some((floor, allowed)) = place(name) else {
            complaints.push(format!("{name} stands on no floor: list it"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            // What only tests need may come from any lower floor.
            let fine = allowed.contains(&used)
                || dependency["kind"] == "dev"
                    && place(used).is_some_and(|(below, _)| below < floor);
            if used.starts_with("hve-") && !fine {
                complaints.push(format!("{name} uses {used}: no such arrow is listed"));
            }
        }
    }
    complaints
}

/// The floor of a package, and whom it may use.
fn place(package: &str) -> Option<(usize, &'static [&'static str])> {
    FLOORS.iter().enumerate().find_map(|(floor, packages)| {
        let (_, allowed) = packages.iter().find(|(name, _)| *name == package)?;
        Some((floor, *allowed))
    })
}
