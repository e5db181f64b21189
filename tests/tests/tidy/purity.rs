//! Below floor 3 there is no clock, no socket, no runtime and no randomness; below floor 2 no file
//! either. And nobody has to know the libraries behind the public signatures.

use toml::{Table, Value};

use crate::{
    must_complain, must_pass, none,
    sources::{Source, project},
};

const PURE: &[&str] = &[
    "hve-types",
    "hve-smtp",
    "hve-auth",
    "hve-policy",
    "hve-report",
];
const BELOW_FLOOR_3: &[&str] = &[
    "hve-types",
    "hve-smtp",
    "hve-auth",
    "hve-policy",
    "hve-report",
    "hve-store",
];

/// Words that act on the world. Addresses of `std::net` are only nouns.
const WORLD: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "UtcDateTime::now",
    "OffsetDateTime::now",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "ToSocketAddrs",
    "tokio",
    "getrandom",
    "rand::",
];

/// What floor 2 may do, being the one that keeps things.
const STORAGE: &[&str] = &[
    "std::fs",
    "fs::",
    "File::",
    "OpenOptions",
    "std::env",
    "std::process",
    "std::thread",
    "thread::spawn",
];

const WORLDLY_PACKAGES: &[&str] = &[
    "tokio",
    "tokio-util",
    "tokio-rustls",
    "mio",
    "async-std",
    "smol",
    "socket2",
    "hyper",
    "getrandom",
    "rand",
];
const STORAGE_PACKAGES: &[&str] = &["rusqlite", "rustix", "libc", "tempfile"];

/// Libraries that stay behind our own types.
const HIDDEN: &[&str] = &["smtp_proto", "governor", "rusqlite", "jsonwebtoken"];

#[test]
fn no_clock_socket_or_runtime_below_floor_3() {
    none(&worldly(&project()));
}

#[test]
fn a_worldly_crate_is_noticed() {
    for word in WORLD.iter().chain(STORAGE) {
        let text = format!("//! Doc.\nfn a() {{ {word} }}");
        must_complain("crates/hve-policy/src/a.rs", &text, worldly);
        must_pass("crates/hve-service/src/a.rs", &text, worldly);
        must_pass("crates/hve-policy/tests/a.rs", &text, worldly);
    }
    must_complain("crates/hve-store/src/a.rs", "Instant::now()", worldly);
    must_pass(
        "crates/hve-store/src/a.rs",
        "std::fs::File::open()",
        worldly,
    );
    must_pass("crates/hve-smtp/src/a.rs", "use std::net::IpAddr;", worldly);
    must_pass("crates/hve-smtp/src/a.rs", "// no tokio here", worldly);
}

#[test]
fn no_package_brings_the_world_below_floor_3() {
    none(&worldly_manifests(&project()));
}

#[test]
fn a_worldly_manifest_is_noticed() {
    let path = |name| format!("crates/{name}/Cargo.toml");
    let uses = |package| format!("[dependencies]\n{package}.workspace = true\n");
    for package in WORLDLY_PACKAGES {
        must_complain(&path("hve-smtp"), &uses(package), worldly_manifests);
        must_complain(&path("hve-store"), &uses(package), worldly_manifests);
        must_pass(&path("hve-service"), &uses(package), worldly_manifests);
    }
    for package in STORAGE_PACKAGES {
        must_complain(&path("hve-auth"), &uses(package), worldly_manifests);
        must_pass(&path("hve-store"), &uses(package), worldly_manifests);
    }
}

#[test]
fn no_hidden_library_shows_in_public() {
    none(&shown(&project()));
}

#[test]
fn a_library_that_shows_is_noticed() {
    let path = "crates/hve-policy/src/a.rs";
    let samples = [
        "pub fn a() -> governor::Quota {",
        "pub use governor::Quota;",
        "pub fn a(\n    request: &smtp_proto::Request<&str>,\n) {",
        "use governor::Quota;\npub struct A {\n    pub quota: Quota,\n}",
        "use governor::{Quota as Q, clock::Clock};\npub type A = Q;",
        "use governor::{Jitter, clock::Clock};\npub fn a(c: impl Clock) {",
        "use governor::Quota;\npub enum A {\n    One(Quota),\n}",
        "use governor as g;\npub fn a() -> g::Quota {",
        "pub struct A(u8, pub governor::Quota);",
    ];
    for sample in samples {
        must_complain(path, sample, shown);
    }
    must_pass(path, "use governor::Quota;\nfn a() -> Quota {", shown);
    must_pass(
        path,
        "use governor::Quota;\npub(crate) fn a() -> Quota {",
        shown,
    );
    must_pass(
        path,
        "pub struct A {\n    inner: governor::Quota,\n}",
        shown,
    );
    must_pass(path, "pub struct A(governor::Quota);", shown);
    must_pass(
        path,
        "use governor::Quota;\npub fn a() { Quota::new() }",
        shown,
    );
}

fn of<'a>(sources: &'a [Source], crates: &'a [&str]) -> impl Iterator<Item = &'a Source> {
    sources.iter().filter(|source| {
        let mut parts = source.path.split('/');
        parts.next() == Some("crates") && parts.next().is_some_and(|name| crates.contains(&name))
    })
}

fn worldly(sources: &[Source]) -> Vec<String> {
    let below_3 = of(sources, BELOW_FLOOR_3).map(|source| (source, WORLD));
    let below_2 = of(sources, PURE).map(|source| (source, STORAGE));
    let mut complaints = Vec::new();
    for (source, words) in below_3
        .chain(below_2)
        .filter(|(source, _)| source.is_rust())
    {
        for line in source.shipped().lines() {
            let code = line.split("//").next().unwrap_or_default();
            for word in words.iter().filter(|word| holds(code, word)) {
                complaints.push(format!("{}: {word} in: {}", source.path, line.trim()));
            }
        }
    }
    complaints
}

/// True where `word` stands in `code` and is not the tail of another word.
fn holds(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).unwrap_or_default();
        !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

fn worldly_manifests(sources: &[Source]) -> Vec<String> {
    let below_3 = of(sources, BELOW_FLOOR_3).map(|source| (source, WORLDLY_PACKAGES));
    let below_2 = of(sources, PURE).map(|source| (source, STORAGE_PACKAGES));
    let mut complaints = Vec::new();
    for (source, packages) in below_3
        .chain(below_2)
        .filter(|(source, _)| source.path.ends_with("Cargo.toml"))
    {
        let manifest: Table = source.text.parse().unwrap();
        let listed = manifest.get("dependencies").and_then(Value::as_table);
        for name in listed.into_iter().flat_map(Table::keys) {
            if packages.contains(&name.as_str()) {
                complaints.push(format!("{} brings {name}", source.path));
            }
        }
    }
    complaints
}

fn shown(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in of(sources, BELOW_FLOOR_3).filter(|source| source.is_rust()) {
        let text = source.shipped();
        let foreign = foreign_names(text);
        for signature in public_signatures(text) {
            let words = signature.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            for word in words {
                if HIDDEN.contains(&word) || foreign.iter().any(|name| name == word) {
                    complaints.push(format!("{}: {word} in: {signature}", source.path));
                }
            }
        }
    }
    complaints
}

/// The names that `use` brings in from the hidden libraries, as this file calls them.
fn foreign_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for statement in text.split(';') {
        let Some(tree) = statement.trim().rsplit_once("use ").map(|(_, tree)| tree) else {
            continue;
        };
        if !HIDDEN
            .iter()
            .any(|hidden| tree.trim_start().starts_with(hidden))
        {
            continue;
        }
        for leaf in tree.split(['{', '}', ',']) {
            let leaf = leaf.trim().trim_end_matches("::");
            let last = leaf.rsplit("::").next().unwrap_or_default();
            let name = last.rsplit(" as ").next().unwrap_or_default().trim();
            if name.starts_with(char::is_alphabetic) && name != "self" {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// Heads of public items and public fields, and whole public enums.
fn public_signatures(text: &str) -> Vec<String> {
    let mut signatures = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.trim_start().starts_with("pub ") {
            continue;
        }
        let is_enum = line.contains(" enum ");
        let mut signature = line.trim().to_owned();
        let finished = |signature: &str| {
            if is_enum {
                signature.ends_with('}')
            } else {
                signature.contains(['{', ';']) || signature.ends_with(',')
            }
        };
        let parameters_open =
            |signature: &str| signature.matches('(').count() > signature.matches(')').count();
        while !finished(&signature) || parameters_open(&signature) {
            let Some(next) = lines.next() else { break };
            signature.push(' ');
            signature.push_str(next.split("//").next().unwrap_or_default().trim());
        }
        if !is_enum && !signature.starts_with("pub use") {
            let body = signature.find('{').unwrap_or(signature.len());
            signature.truncate(body);
        }
        if signature.starts_with("pub struct ") {
            // Of a tuple, only what is marked is public.
            let fields = signature.split(['(', ',', ')']);
            signature = fields.filter(|field| field.contains("pub ")).collect();
        }
        signatures.push(signature);
    }
    signatures
}
