//! Every refusal has a reply: one table in `hve-service` names each of them.
//!
//! The refusals may grow (`#[non_exhaustive]`), so the compiler alone does not see a missing one.

use crate::{
    none,
    sources::{Source, project},
};

/// The crates whose refusals reach a client.
const DECIDERS: &[&str] = &[
    "crates/hve-auth/src/",
    "crates/hve-policy/src/",
    "crates/hve-store/src/",
];
/// What the store says of one submission: a refusal but for one variant, and named otherwise.
const VERDICT: &str = "Accepted";
/// Where the table lives.
const TABLE: &str = "crates/hve-service/src/refusals";

#[test]
fn every_refusal_has_a_reply() {
    let sources = project();
    let found = variants(&sources);
    for one in ["SenderRefusal::NullSender", "Accepted::NoRecipients"] {
        assert!(
            found.iter().any(|variant| variant == one),
            "{one}: {found:?}"
        );
    }
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
    // A longer name, at either end, is another name.
    for other in ["SenderRefusal::NullSenders", "MySenderRefusal::NullSender"] {
        let arms = format!("{other} => 1, SenderRefusal::NotTheAccount {{ .. }} => 2");
        assert_eq!(unanswered(&table(&arms)).len(), 1, "{other}");
    }
    let verdict = "pub enum Accepted {\n    Duplicate,\n    Durable,\n}\n";
    let store = [
        Source::sample("crates/hve-store/src/writer/batch.rs", verdict),
        Source::sample("crates/hve-service/src/refusals.rs", "Accepted::Durable, _"),
    ];
    assert_eq!(unanswered(&store).len(), 1, "of the store's too");
}

fn unanswered(sources: &[Source]) -> Vec<String> {
    let table: String = sources
        .iter()
        .filter(|source| source.path.starts_with(TABLE))
        .map(Source::shipped)
        .collect();
    variants(sources)
        .into_iter()
        .filter(|variant| !names(&table, variant))
        .map(|variant| format!("{variant} has no reply in {TABLE}"))
        .collect()
}

/// Whether `path` stands in `text` as whole words.
fn names(text: &str, path: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(path).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text
            .get(at + path.len()..)
            .and_then(|after| after.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}

/// `Enum::Variant` of every public enum that refuses, by its name.
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
                let refuses = name.ends_with("Refusal") && name != "Refusal" || name == VERDICT;
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
