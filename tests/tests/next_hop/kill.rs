//! `kill -9` in the middle of delivery to a next hop, over and over.

use std::collections::{BTreeSet, HashMap};

use hve_tests::{ACCOUNT, Sink, Site, at_once, until};

/// A round is cut off when so many messages have arrived in it.
const ARRIVED: [usize; 20] = [
    1, 5, 30, 2, 17, 64, 3, 90, 8, 1, 40, 11, 70, 2, 25, 6, 50, 1, 33, 9,
];
/// Messages of each round.
const SENT: usize = 100;

#[test]
fn row_53_no_message_is_lost_by_kill_9_and_only_those_under_way_come_twice() {
    let sink = Sink::start();
    let site = Site::new().routed(&format!("lmtp://{}", sink.address()));
    let (mut acknowledged, mut settled) = (0, HashMap::new());
    let mut may_come_again = 0;
    for wanted in ARRIVED {
        let before = sink.copies().len();
        let mut server = site.start();
        let mut client = site.signed_in(&server);
        for number in 0..SENT {
            let text = format!("From: <{ACCOUNT}>\r\nSubject: {number}\r\n\r\nText.");
            let reply = client.submit(ACCOUNT, &["a@contoso.test"], &text);
            assert_eq!(reply.expect("a reply").code, 250);
            acknowledged += 1;
        }
        at_once("messages at the sink", || {
            (sink.copies().len() >= before + wanted).then_some(())
        });
        server.kill();
        let waiting = waiting(&site);
        let copies = sink.copies();
        may_come_again += copies.keys().filter(|id| waiting.contains(*id)).count();
        for (id, times) in copies {
            if !waiting.contains(&id) {
                // As often as it had come when it was first seen to be settled.
                settled.entry(id).or_insert(times);
            }
        }
    }
    let server = site.start();
    until("an empty queue", || waiting(&site).is_empty().then_some(()));
    drop(server);
    let copies = sink.copies();
    assert_eq!(copies.len(), acknowledged, "each has arrived");
    for (id, times) in settled {
        assert_eq!(copies[&id], times, "{id} was settled, and came again");
    }
    let again = copies.values().sum::<usize>() - copies.len();
    assert!(again <= may_come_again, "{again} of {may_come_again}");
    println!("{acknowledged} messages, {again} second copies, {may_come_again} were under way");
}

fn waiting(site: &Site) -> BTreeSet<String> {
    let queue = site.admin().queue();
    let id = |message: &serde_json::Value| message["id"].as_str().unwrap_or_default().to_owned();
    queue.iter().map(id).collect()
}
