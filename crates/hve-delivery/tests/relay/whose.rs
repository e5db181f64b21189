//! Whose message goes where, and when: domains, accounts, operators, shutdown.

use std::time::Duration;

use hve_delivery::{Limits, Route, Routes};
use tempfile::tempdir;

use crate::{
    MINUTE, RELAYED, once,
    peer::{Peer, kind},
    reason, routes,
    support::{POISON, Running, World, copies, quick},
};

#[tokio::test(flavor = "multi_thread")]
async fn row_27_no_domain_that_was_removed_is_named_to_a_next_hop() {
    let world = World::new();
    let peer = Peer::start(|_, command| kind(command)).await;
    world.accept(0, &["a@contoso.test", "b@fabrikam.test"]);
    let route = routes(&format!("smtp://{}", peer.address));
    let outcomes = once(&world, &route).await;
    assert_eq!(outcomes[0], (0, RELAYED));
    assert_eq!(
        reason(&outcomes[1].1),
        "held: fabrikam.test is no longer a domain of the tenant"
    );
    world.remove_domain(true);
    world.accept(1, &["c@contoso.test"]);
    world.advance(MINUTE);
    once(&world, &route).await;
    let said = peer.commands().join("\n");
    assert!(
        !said.contains("fabrikam") && !said.contains("c@contoso"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_go_their_own_ways_in_one_message() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let peer = Peer::start(|_, command| kind(command)).await;
    world.accept_all_domains();
    let usual = Route::Maildir(dir.path().into());
    let lab: Route = format!("lmtp://{}", peer.address).parse().unwrap();
    let routes = Routes::new(usual)
        .with("lab.contoso.test".parse().unwrap(), lab)
        .with("hold.contoso.test".parse().unwrap(), Route::Hold);
    world.accept(
        0,
        &[
            "a@contoso.test",
            "b@lab.contoso.test",
            "c@hold.contoso.test",
            "d@x.lab.contoso.test",
        ],
    );
    let outcomes = once(&world, &routes).await;
    let words: Vec<_> = outcomes
        .iter()
        .map(|(_, outcome)| reason(outcome))
        .collect();
    let held = "held: the route of its domain is hold:";
    assert_eq!(words, ["delivered", "delivered", held, "delivered"]);
    assert_eq!(copies(dir.path(), "a"), 1);
    assert_eq!(peer.messages()[0].recipients, ["b@lab.contoso.test"]);
    assert_eq!(world.entries().values().next().unwrap().settled.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_56_a_message_whose_attempt_crashes_harms_only_itself() {
    let world = World::new();
    let peer = Peer::start(|_, command| kind(command)).await;
    for number in 0..5 {
        world.accept(number, &["a@contoso.test"]);
    }
    let ids: Vec<_> = world.entries().keys().copied().collect();
    if let Some(entry) = world.entries().get_mut(&ids[2]) {
        entry.due.tenant = POISON;
    }
    once(&world, &routes(&format!("smtp://{}", peer.address))).await;
    let last = world.last(ids[2]).outcomes;
    assert_eq!(reason(&last[0].1), "bug: the attempt crashed");
    assert_eq!(peer.messages().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_56_a_message_that_crashes_its_attempts_is_held_after_five() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let peer = Peer::start(|_, command| kind(command)).await;
    let poison = world.accept(0, &["a@contoso.test"]);
    if let Some(entry) = world.entries().get_mut(&poison.id) {
        entry.due.tenant = POISON;
    }
    // By whatever way it goes.
    let maildir = Routes::new(Route::Maildir(dir.path().into()));
    let relay = routes(&format!("smtp://{}", peer.address));
    for attempt in 1..=5 {
        let route = if attempt % 2 == 0 { &maildir } else { &relay };
        world.advance(60 * MINUTE);
        let outcomes = once(&world, route).await;
        assert_eq!(reason(&outcomes[0].1), "bug: the attempt crashed");
        let next = world.last(poison.id).next_attempt;
        assert_eq!(next.is_none(), attempt == 5, "{attempt}");
    }
    let (engine, handover) = world.engine_for(&relay, quick());
    let running = Running::start(engine);
    world.advance(60 * MINUTE);
    let other = world.accept(1, &["b@contoso.test"]);
    let id = other.id;
    assert!(handover.offer(other));
    world
        .until(|entries| !entries[&id].settled.is_empty())
        .await;
    running.end().await;
    assert_eq!(world.entries()[&poison.id].settled.len(), 5);
    assert_eq!(world.last(id).outcomes, [(0, RELAYED)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_what_was_not_begun_in_the_queue() {
    let world = World::new();
    let peer = Peer::start(|_, command| match command {
        // It never says what became of the message.
        "." => "250-".into(),
        other => kind(other),
    })
    .await;
    let limits = Limits {
        connections: 1,
        stop_within: Duration::ZERO,
        ..quick()
    };
    let route = routes(&format!("smtp://{}", peer.address));
    let (engine, handover) = world.engine_for(&route, limits);
    for number in 0..3 {
        assert!(handover.offer(world.accept(number, &["a@contoso.test"])));
    }
    let running = Running::start(engine);
    world
        .until_true(|| !peer.messages().is_empty() || peer.commands().len() > 3)
        .await;
    running.end().await;
    let entries = world.entries();
    let settled: Vec<_> = entries.values().map(|entry| entry.settled.len()).collect();
    assert!(settled[1..].iter().all(|times| *times == 0), "{settled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_goes_out_before_the_rest_of_a_bulk_job() {
    let world = World::new();
    let peer = Peer::start(|_, command| kind(command)).await;
    let limits = Limits {
        connections: 1,
        ..quick()
    };
    let route = routes(&format!("smtp://{}", peer.address));
    let (engine, handover) = world.engine_for(&route, limits);
    let mut taken = 0;
    for number in 0..5_000 {
        taken += usize::from(handover.offer(world.accept(number, &["bulk@contoso.test"])));
    }
    let alarm = world.accept(5_000, &["alarm@contoso.test"]);
    let alarm = hve_delivery::Due {
        account: hve_types::AccountId(2),
        ..alarm
    };
    let id = alarm.id;
    assert!(handover.offer(alarm), "the bulk job has left room");
    assert!(taken >= 2_000, "{taken}");
    let running = Running::start(engine);
    world
        .until(|entries| !entries[&id].settled.is_empty())
        .await;
    let messages = peer.messages();
    let place = messages
        .iter()
        .position(|it| it.recipients == ["alarm@contoso.test"]);
    assert!(place.unwrap() <= 2, "{place:?}");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_59_what_an_operator_took_out_is_not_named_to_a_next_hop() {
    let world = World::new();
    let peer = Peer::start(|_, command| kind(command)).await;
    let route = routes(&format!("smtp://{}", peer.address));
    let (engine, handover) = world.engine_for(&route, quick());
    let held = world.accept(0, &["held@contoso.test"]);
    let id = held.id;
    world.withhold(id);
    assert!(handover.offer(held));
    let other = world.accept(1, &["a@contoso.test"]);
    let after = other.id;
    assert!(handover.offer(other));
    let running = Running::start(engine);
    world
        .until(|entries| !entries[&after].settled.is_empty())
        .await;
    running.end().await;
    assert!(world.entries()[&id].settled.is_empty());
    assert!(!peer.commands().join("\n").contains("held@"));
}
