//! The line before the store is short, and no client has all of it.

use super::*;

fn record(black_box: &BlackBox, client: &str) -> Option<Failed> {
    let mut evidence = Evidence::default();
    evidence.refused("not-smtp", "No");
    let facts = Facts {
        implicit: false,
        port: 587,
        encrypted: false,
        handshake: None,
        refusals: evidence.refusals(),
        signed_in: false,
        tried: None,
        account_exists: false,
        user_name: None,
        messages: 0,
    };
    let identity = Identity {
        session: "s",
        client: client.parse().unwrap(),
        listener: "192.0.2.9:587".parse().unwrap(),
        tls: "starttls",
        account: None,
    };
    black_box.record(identity, &facts, &evidence, std::iter::empty())
}

#[test]
fn a_flood_leaves_places_for_others_and_places_come_back() {
    let black_box = BlackBox::default();
    let dropped = || black_box.dropped.load(Ordering::Relaxed);
    let host = |n: usize| format!("2001:db8::{n:x}");
    let one_network = (0..100).filter_map(|n| record(&black_box, &host(n)));
    let mut waiting: Vec<Failed> = one_network.collect();
    assert_eq!(waiting.len(), WAITING_OF_NETWORK);
    assert_eq!(dropped(), 92);
    let others = (0..100).filter_map(|n| record(&black_box, &format!("192.0.2.{n}")));
    waiting.extend(others);
    assert_eq!(waiting.len(), WAITING);
    assert!(record(&black_box, "198.51.100.1").is_none());
    assert!(dropped() > 0);
    waiting.clear();
    assert!(record(&black_box, "198.51.100.1").is_some());
    assert_eq!(dropped(), 0, "it was told");
}

#[test]
fn a_session_is_remembered_by_its_first_reasons() {
    let mut evidence = Evidence::default();
    assert!(evidence.is_empty());
    for _ in 0..3 {
        evidence.refused("one", "first");
        evidence.refused("one", "second");
    }
    assert_eq!(evidence.refusals(), [("one", "first".to_owned())]);
    let names: Vec<&'static str> = (0..100)
        .map(|n| &*Box::leak(format!("reason-{n}").into_boxed_str()))
        .collect();
    names.iter().for_each(|name| evidence.refused(name, ""));
    assert_eq!(evidence.refusals().len(), REASONS);
}
