//! The engine and next hops that speak SMTP and LMTP.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod notices;
mod peer;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod whose;

use std::time::Duration;

use hve_delivery::{Limits, Outcome, RelaySettings, Routes};
use peer::{Peer, kind};
use support::{Running, World, quick};
use tokio::net::TcpListener;

const RELAYED: Outcome = Outcome::Relayed {
    dsn_passed_on: false,
};
const MINUTE: Duration = Duration::from_secs(60);

fn routes(text: &str) -> Routes {
    Routes::new(text.parse().unwrap())
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Deferred { reason } | Outcome::Failed { reason } => &reason.words,
        Outcome::Delivered => "delivered",
        Outcome::Relayed { .. } => "relayed",
    }
}

/// Delivers what the world holds once; returns the outcome of the first message's recipients.
async fn once(world: &World, routes: &Routes) -> Vec<(usize, Outcome)> {
    once_with(world, routes, &RelaySettings::new("hve.contoso.test")).await
}

async fn once_with(
    world: &World,
    routes: &Routes,
    relays: &RelaySettings,
) -> Vec<(usize, Outcome)> {
    world.advance(MINUTE);
    let (engine, _handover) = world.try_engine(routes, relays).unwrap();
    let running = Running::start(engine);
    let times = {
        let entries = world.entries();
        let times = entries.values().map(|entry| entry.settled.len());
        times.min().unwrap_or_default() + 1
    };
    world.until_settled(times).await;
    running.end().await;
    let id = *world.entries().keys().next().unwrap();
    world.last(id).outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_messages_go_over_few_connections_from_memory() {
    let world = World::new();
    let peer = Peer::start(|_, command| kind(command)).await;
    let limits = Limits {
        connections: 2,
        ..quick()
    };
    let (engine, handover) = world.engine_for(&routes(&format!("smtp://{}", peer.address)), limits);
    for number in 0..100 {
        let to = ["a@contoso.test", "B.c@contoso.test"];
        assert!(handover.offer(world.accept(number, &to)));
    }
    let running = Running::start(engine);
    world.until_settled(1).await;
    running.end().await;
    let messages = peer.messages();
    assert_eq!(messages.len(), 100);
    assert!(peer.connections() <= 2, "{}", peer.connections());
    let both = ["a@contoso.test", "B.c@contoso.test"];
    assert!(messages.iter().all(|message| message.recipients == both));
    let mut texts: Vec<_> = messages.iter().map(|message| &message.text).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 100);
    let entries = world.entries();
    assert!(entries.values().all(|entry| entry.content_reads == 0));
    let quits = peer.commands().iter().filter(|it| *it == "QUIT").count();
    assert_eq!(quits, peer.connections(), "each connection ends politely");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_54_lmtp_says_for_each_recipient_what_became_of_it() {
    let world = World::new();
    let peer = Peer::start(|_, command| match command {
        "RCPT TO:<nobody@contoso.test>" => "550 5.1.1 No such user".into(),
        ". full@contoso.test" => "452 4.2.2 Mailbox full".into(),
        ". never@contoso.test" => "554 5.7.1 Not like this".into(),
        other => kind(other),
    })
    .await;
    let to = ["a", "nobody", "full", "never"].map(|local| format!("{local}@contoso.test"));
    world.accept(0, &to.each_ref().map(String::as_str));
    let outcomes = once(&world, &routes(&format!("lmtp://{}", peer.address))).await;
    let hop = peer.address;
    assert_eq!(outcomes[0], (0, Outcome::Delivered));
    let expected = [
        format!("{hop}: rcpt: the next hop refused: 550 5.1.1 No such user"),
        format!("{hop}: end-of-data: the next hop refused: 452 4.2.2 Mailbox full"),
        format!("{hop}: end-of-data: the next hop refused: 554 5.7.1 Not like this"),
    ];
    assert!(matches!(outcomes[1].1, Outcome::Failed { .. }));
    assert!(matches!(outcomes[2].1, Outcome::Deferred { .. }));
    assert!(matches!(outcomes[3].1, Outcome::Failed { .. }));
    for ((_, outcome), expected) in outcomes[1..].iter().zip(expected) {
        assert_eq!(reason(outcome), expected);
    }
    // Only who waits is tried again.
    world.advance(MINUTE);
    let again = once(&world, &routes(&format!("lmtp://{}", peer.address))).await;
    assert_eq!(again.len(), 1);
    assert_eq!(peer.messages()[1].recipients, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn row_53_a_hop_that_goes_away_after_the_dot_gets_the_message_again() {
    let world = World::new();
    let peer = Peer::start(|connection, command| match command {
        "." if connection == 1 => String::new(),
        other => kind(other),
    })
    .await;
    world.accept(0, &["a@contoso.test"]);
    let route = routes(&format!("smtp://{}", peer.address));
    let outcomes = once(&world, &route).await;
    let said = reason(&outcomes[0].1);
    assert!(
        said.ends_with("it may have been delivered all the same"),
        "{said}"
    );
    assert_eq!(once(&world, &route).await, [(0, RELAYED)]);
    assert_eq!(peer.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_55_a_hop_that_is_down_is_asked_once_and_the_next_host_serves() {
    let world = World::new();
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = dead.local_addr().unwrap();
    drop(dead);
    let busy = Peer::start(|_, _| "421 4.3.2 Not now".into()).await;
    let peer = Peer::start(|_, command| kind(command)).await;
    for number in 0..50 {
        world.accept(number, &["a@contoso.test"]);
    }
    let route = format!("smtp://{nobody},{},{}", busy.address, peer.address);
    world.advance(MINUTE);
    let limits = Limits {
        connections: 1,
        ..quick()
    };
    let (engine, _handover) = world.engine_for(&routes(&route), limits);
    let running = Running::start(engine);
    world.until_settled(1).await;
    running.end().await;
    assert_eq!((busy.connections(), peer.messages().len()), (1, 50));
}

#[tokio::test(flavor = "multi_thread")]
async fn row_57_a_route_that_is_down_is_not_hammered_with_the_whole_queue() {
    let world = World::new();
    let busy = Peer::start(|_, _| "421 4.3.2 Not now".into()).await;
    for number in 0..200 {
        world.accept(number, &["a@contoso.test"]);
    }
    let outcomes = once(&world, &routes(&format!("smtp://{}", busy.address))).await;
    assert!(
        reason(&outcomes[0].1).contains("421 4.3.2 Not now"),
        "{outcomes:?}"
    );
    // As many as there may be connections, before the first of them has failed.
    assert!(busy.connections() <= Limits::default().connections);
    let now = world.now();
    let entries = world.entries();
    let waits = entries
        .values()
        .map(|entry| entry.next_attempt.unwrap() - now);
    assert!(waits.max().unwrap().whole_minutes() <= 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_55_421_in_the_middle_ends_the_connection_and_the_message_is_tried_again() {
    let world = World::new();
    let peer = Peer::start(|connection, command| match command {
        "DATA" if connection == 1 => "421 4.3.2 Shutting down".into(),
        other => kind(other),
    })
    .await;
    world.accept(0, &["a@contoso.test"]);
    let route = routes(&format!("smtp://{}", peer.address));
    let outcomes = once(&world, &route).await;
    assert!(reason(&outcomes[0].1).contains("421 4.3.2"), "{outcomes:?}");
    assert_eq!(once(&world, &route).await, [(0, RELAYED)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_closed_while_idle_costs_no_attempt() {
    let world = World::new();
    let peer = Peer::start(|connection, command| match command {
        // What a server says that has waited long enough, at the second message.
        "RSET" | "MAIL FROM:<hve01@contoso.test>" if connection == 1 && second(command) => {
            "421 4.4.2 Idle for too long".into()
        }
        other => kind(other),
    })
    .await;
    let limits = Limits {
        connections: 1,
        ..quick()
    };
    let route = routes(&format!("smtp://{}", peer.address));
    let (engine, handover) = world.engine_for(&route, limits);
    let running = Running::start(engine);
    for number in 0..2 {
        assert!(handover.offer(world.accept(number, &["a@contoso.test"])));
        world.until_settled(1).await;
    }
    running.end().await;
    let entries = world.entries();
    let all = entries.values().flat_map(|entry| &entry.settled);
    assert!(
        all.flat_map(|one| &one.outcomes)
            .all(|(_, it)| *it == RELAYED)
    );
    assert_eq!((peer.connections(), peer.messages().len()), (2, 2));
}

/// True from the second MAIL on.
fn second(command: &str) -> bool {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static MAILS: AtomicUsize = AtomicUsize::new(0);
    command.starts_with("MAIL") && MAILS.fetch_add(1, Ordering::SeqCst) > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn row_54_replies_that_make_no_sense_end_the_connection_and_keep_the_mail() {
    let long = "2".repeat(1 << 20);
    for nonsense in ["250 ok\n250 bare", "OK", "25", &long, "250-a\r\n550 b"] {
        let world = World::new();
        let reply = nonsense.to_owned();
        let peer = Peer::start(move |_, command| match command {
            ". a@contoso.test" => reply.clone(),
            other => kind(other),
        })
        .await;
        world.accept(0, &["a@contoso.test", "b@contoso.test"]);
        let route = routes(&format!("lmtp://{}", peer.address));
        let outcomes = once(&world, &route).await;
        let waits = |(_, it): &(usize, Outcome)| matches!(it, Outcome::Deferred { .. });
        assert!(
            outcomes.len() == 2 && outcomes.iter().all(waits),
            "{outcomes:?}"
        );
    }
}
