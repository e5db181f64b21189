//! Every refusal has a reply: one table in `hve-service` names each of them.
//!
//! The refusals may grow (`#[non_exhaustive]`), so the compiler alone does not see a missing one.

use crate::{
    none,
    sources::{Source, project},
};

/// The crates whose refusals reach a client.
const DECIDERS: &[&str] = &["crates/hve-auth/src/", "crates/hve-policy/src/"];
/// Where the table lives.
const TABLE: &str = "crates/hve-service/src/refusals";

#[test]
fn every_refusal_has_a_reply() {
    let sources = project();
    assert!(variants(&sources).len() > 5, "the refusals were not found");
    none(&unanswered(&sources));
}

#[test]
fn a_refusal_without_a_reply_is_noticed() {
    let refusals = "/// Why not.\npub enum SenderRefusal {\n    /// One.\n    NullSender,\n    \
                    #[error(\"two\")]\n    NotTheAccount { who: u8 },\n}\n";
    let table = |arms: &str| {
        [
            Source::sample("crates/hve-policy/src/sender.rs", refusals),
            Source::sample("crates/hve-service/src/refusals.rs", arms),
        ]
    };
    let whole = "SenderRefusal::NullSender => 1, SenderRefusal::NotTheAccount { .. } => 2";
    none(&unanswered(&table(whole)));
    let one_missing = unanswered(&table("SenderRefusal::NullSender => 1"));
    assert_eq!(one_missing.len(), 1);
    assert!(
        one_missing
            .iter()
            .all(|complaint| complaint.contains("NotTheAccount"))
    );
}

fn unanswered(sources: &[Source]) -> Vec<String> {
    let table: String = sources
        .iter()
        .filter(|source| source.path.starts_with(TABLE))
        .map(Source::shipped)
        .collect();
    variants(sources)
        .into_iter()
        .filter(|variant| !table.contains(variant.as_str()))
        .map(|variant| format!("{variant} has no reply in {TABLE}"))
        .collect()
}

/// `Enum::Variant` of every public enum whose name says that it refuses.
fn variants(sources: &[Source]) -> Vec<String> {
    let mut variants = Vec::new();
    let deciders = sources.iter().filter(|source| {
        source.is_rust()
            && DECIDERS
                .iter()
                .any(|decider| source.path.starts_with(decider))
    });
    for source in deciders {
        let mut current = None;
        for line in source.shipped().lines() {
            if let Some(name) = line.strip_prefix("pub enum ") {
                let name = name.trim_end_matches(" {");
                // One called `Refusal` only gathers the others, for those who ask all at once.
                let refuses = name.ends_with("Refusal") && name != "Refusal";
                current = refuses.then_some(name);
            } else if line == "}" {
                current = None;
            }
            let variant = line.strip_prefix("    ").unwrap_or_default();
            if let Some(name) = current.filter(|_| variant.starts_with(char::is_uppercase)) {
                let end = variant.find(|c: char| !c.is_alphanumeric());
                let variant = variant.get(..end.unwrap_or(variant.len()));
                variants.push(format!("{name}::{}", variant.unwrap_or_default()));
            }
        }
    }
    variants
}
