//! The rules of the house, as far as a machine can keep them.
//!
//! Each rule is a pure function from texts to complaints, so that each is also shown a bad sample:
//! a rule that cannot fail keeps nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a source tree that cannot be read fails the test"
)]

mod arrows;
mod manifests;
mod purity;
mod refusals;
mod rows;
mod sources;
mod texts;

use sources::Source;

/// Fails with every complaint at once: one run shows the whole work.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// A rule must speak up about `text`, and name its place.
fn must_complain(path: &str, text: &str, rule: impl Fn(&[Source]) -> Vec<String>) {
    let complaints = rule(&[Source::sample(path, text)]);
    assert!(!complaints.is_empty(), "no complaint about {text:?}");
    assert!(
        complaints.iter().all(|complaint| complaint.contains(path)),
        "{complaints:?} do not name {path}"
    );
}

/// A rule must let `text` pass.
fn must_pass(path: &str, text: &str, rule: impl Fn(&[Source]) -> Vec<String>) {
    none(&rule(&[Source::sample(path, text)]));
}
