//! The engine against a queue in memory and Maildirs on disk.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

mod bounces;
mod support;

use std::{fs, time::Duration};

use hve_delivery::{Content, Due, Limits, Outcome, Route, Routes};
use hve_types::TenantId;
use support::{POISON, Running, World, copies, quick};
use tempfile::tempdir;

const MINUTE: Duration = Duration::from_secs(60);

fn all_delivered(world: &World) -> bool {
    let entries = world.entries();
    let mut settled = entries.values().flat_map(|entry| &entry.settled);
    settled.all(|one| one.outcomes.iter().all(|(_, it)| *it == Outcome::Delivered))
}

#[tokio::test(flavor = "multi_thread")]
async fn fresh_messages_are_delivered_from_memory() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let (engine, handover) = world.engine(dir.path(), quick());
    for number in 0..200 {
        let to = ["a@contoso.test", "B.c@contoso.test"];
        assert!(handover.offer(world.accept(number, &to)));
    }
    let running = Running::start(engine);
    world.until_settled(1).await;
    running.end().await;
    assert!(all_delivered(&world));
    assert_eq!(
        (copies(dir.path(), "a"), copies(dir.path(), "b.c")),
        (200, 200)
    );
    assert!(
        world
            .entries()
            .values()
            .all(|entry| entry.content_reads == 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_memory_has_no_room_for_is_found_in_the_queue() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let limits = Limits {
        fresh_messages: 5,
        fresh_octets: 4096,
        ..quick()
    };
    let (engine, handover) = world.engine(dir.path(), limits);
    let offers: Vec<_> = (0..40)
        .map(|number| handover.offer(world.accept(number, &["a@contoso.test"])))
        .collect();
    // Each takes a kibibyte at least, and an account leaves as much as it takes.
    assert_eq!(offers.iter().filter(|taken| **taken).count(), 2);
    let running = Running::start(engine);
    world
        .until(|entries| {
            entries
                .values()
                .filter(|entry| !entry.settled.is_empty())
                .count()
                >= 2
        })
        .await;
    // The rest could still be on its way here in memory.
    assert!(
        world
            .entries()
            .values()
            .skip(2)
            .all(|entry| entry.settled.is_empty())
    );
    world.advance(Duration::from_secs(10));
    world.until_settled(1).await;
    running.end().await;
    assert_eq!(copies(dir.path(), "a"), 40);
    assert!(
        world
            .entries()
            .values()
            .all(|entry| entry.settled.len() == 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_in_memory_and_in_the_queue_is_attempted_once() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let late = world.accept(0, &["a@contoso.test"]);
    let (engine, handover) = world.engine(dir.path(), quick());
    let running = Running::start(engine);
    world.advance(MINUTE);
    world.until_settled(1).await;
    fs::remove_dir_all(dir.path().join("contoso.test")).unwrap();
    assert!(handover.offer(late));
    assert!(handover.offer(world.accept(1, &["b@contoso.test"])));
    world.until_settled(1).await;
    running.end().await;
    assert_eq!((copies(dir.path(), "a"), copies(dir.path(), "b")), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_from_the_queue() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    for number in 0..300 {
        world.accept(number, &["a@contoso.test", "b@contoso.test"]);
    }
    // One recipient was delivered before; another message waits for its hour.
    let ids: Vec<_> = world.entries().keys().copied().collect();
    if let Some(entry) = world.entries().get_mut(&ids[0]) {
        entry.due.pending = vec![1];
        entry.due.attempts = 1;
    }
    if let Some(entry) = world.entries().get_mut(&ids[1]) {
        entry.next_attempt = entry.next_attempt.map(|at| at + 100 * MINUTE);
    }
    world.advance(MINUTE);
    let (engine, _handover) = world.engine(dir.path(), quick());
    let running = Running::start(engine);
    world
        .until(|entries| {
            entries
                .values()
                .filter(|entry| !entry.settled.is_empty())
                .count()
                == 299
        })
        .await;
    running.end().await;
    assert_eq!(
        (copies(dir.path(), "a"), copies(dir.path(), "b")),
        (298, 299)
    );
    assert!(world.entries()[&ids[1]].settled.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn row_49_a_mailbox_in_trouble_is_tried_again_until_it_is_mended() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let broken = dir.path().join("contoso.test/a");
    fs::create_dir(dir.path().join("contoso.test")).unwrap();
    fs::write(&broken, "no folder").unwrap();
    let (engine, handover) = world.engine(dir.path(), quick());
    let due = world.accept(0, &["a@contoso.test", "b@contoso.test"]);
    let (id, begun) = (due.id, world.now());
    handover.offer(due);
    let running = Running::start(engine);
    world.until_settled(1).await;
    let first = world.last(id);
    let (_, Outcome::Deferred { reason }) = &first.outcomes[0] else {
        unreachable!("{first:?}");
    };
    assert!(
        reason.words.contains("Not a directory") && !reason.words.contains('@'),
        "{reason}"
    );
    assert_eq!(first.outcomes[1], (1, Outcome::Delivered));
    assert_eq!(first.next_attempt, Some(begun + MINUTE));

    world.advance(MINUTE);
    world.until_settled(2).await;
    let second = world.last(id);
    assert_eq!(second.outcomes.len(), 1);
    assert_eq!(second.next_attempt, Some(begun + 3 * MINUTE));

    fs::remove_file(&broken).unwrap();
    world.advance(2 * MINUTE);
    world.until_settled(3).await;
    assert_eq!(world.last(id).outcomes, [(0, Outcome::Delivered)]);
    running.end().await;
    assert_eq!((copies(dir.path(), "a"), copies(dir.path(), "b")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_delivered_waits_for_a_day_and_is_not_lost() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let root = dir.path().join("mail");
    fs::write(&root, "no folder").unwrap();
    let due = world.accept(0, &["a@contoso.test"]);
    let (id, begun) = (due.id, world.now());
    let (engine, handover) = world.engine(&root, quick());
    handover.offer(due);
    let running = Running::start(engine);
    let mut attempts = 0;
    let mut until_settled_and_due = async || {
        attempts += 1;
        world.until_settled(attempts).await;
        let settled = world.last(id);
        assert!(
            matches!(&settled.outcomes[..], [(0, Outcome::Deferred { reason })] if reason.words.contains("mail folder")),
            "{settled:?}"
        );
        let wait = (settled.next_attempt.unwrap() - world.now()).unsigned_abs();
        assert!(wait <= 60 * MINUTE, "{wait:?}");
        wait
    };
    while world.now() - begun < 22 * 60 * MINUTE {
        let wait = until_settled_and_due().await;
        world.advance(wait);
    }
    let wait = until_settled_and_due().await;
    fs::remove_file(&root).unwrap();
    world.advance(wait);
    world.until_settled(attempts + 1).await;
    running.end().await;
    assert_eq!(world.last(id).outcomes, [(0, Outcome::Delivered)]);
    assert_eq!(copies(&root, "a"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_27_mail_for_a_removed_domain_is_held() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let (engine, handover) = world.engine(dir.path(), quick());
    world.remove_domain(true);
    let due = world.accept(0, &["a@contoso.test"]);
    let id = due.id;
    handover.offer(due);
    let running = Running::start(engine);
    world.until_settled(1).await;
    let reason = "held: contoso.test is no longer a domain of the tenant".to_owned();
    assert_eq!(
        world.last(id).outcomes,
        [(
            0,
            Outcome::Deferred {
                reason: reason.into()
            }
        )]
    );
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());

    world.remove_domain(false);
    world.advance(MINUTE);
    world.until_settled(2).await;
    running.end().await;
    assert_eq!(world.last(id).outcomes, [(0, Outcome::Delivered)]);
    assert_eq!(copies(dir.path(), "a"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_fails_is_tried_again_and_not_the_delivery() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let (engine, handover) = world.engine(dir.path(), quick());
    world.let_settling_fail(true);
    handover.offer(world.accept(0, &["a@contoso.test"]));
    let running = Running::start(engine);
    world.until(|_| copies(dir.path(), "a") == 1).await;
    // A reader takes it away: a second delivery would show.
    fs::remove_dir_all(dir.path().join("contoso.test/a")).unwrap();
    world.advance(100 * MINUTE);
    world.let_settling_fail(false);
    world.until_settled(1).await;
    running.end().await;
    assert!(all_delivered(&world));
    assert_eq!(copies(dir.path(), "a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_50_and_56_what_is_broken_does_not_stop_the_others() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    for number in 0..20 {
        world.accept(number, &["a@contoso.test"]);
    }
    let ids: Vec<_> = world.entries().keys().copied().collect();
    if let Some(entry) = world.entries().get_mut(&ids[3]) {
        entry.content = None;
    }
    if let Some(entry) = world.entries().get_mut(&ids[5]) {
        entry.due.pending = vec![0, 7];
    }
    if let Some(entry) = world.entries().get_mut(&ids[7]) {
        entry.due.tenant = POISON;
    }
    world.let_reading_fail(true);
    world.advance(MINUTE);
    let (engine, handover) = world.engine(dir.path(), quick());
    let running = Running::start(engine);
    // The queue cannot be read, but memory can.
    let fresh = world.accept(99, &["b@contoso.test"]);
    let id = fresh.id;
    handover.offer(fresh);
    world
        .until(|entries| !entries[&id].settled.is_empty())
        .await;
    world.let_reading_fail(false);
    world.until_settled(1).await;
    running.end().await;
    let waits = |id, place: usize| match world.last(id).outcomes[place].clone() {
        (_, Outcome::Deferred { reason }) => reason,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(waits(ids[3], 0).words, "its text is missing from the queue");
    assert_eq!(waits(ids[5], 1).words, "no such recipient in the envelope");
    assert_eq!(waits(ids[7], 0).words, "bug: the attempt crashed");
    assert_eq!((copies(dir.path(), "a"), copies(dir.path(), "b")), (18, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_in_hand_and_leaves_the_rest() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    let limits = Limits {
        batches: 1,
        batch_messages: 8,
        ..quick()
    };
    let (engine, handover) = world.engine(dir.path(), limits);
    world.let_settling_fail(true);
    for number in 0..100 {
        handover.offer(world.accept(number, &["a@contoso.test"]));
    }
    let running = Running::start(engine);
    world.until(|_| copies(dir.path(), "a") == 8).await;
    world.let_settling_fail(false);
    running.shutdown();
    running.end().await;
    let settled = world
        .entries()
        .values()
        .filter(|entry| !entry.settled.is_empty())
        .count();
    assert_eq!((settled % 8, copies(dir.path(), "a")), (0, settled));
    assert!(settled >= 8);
    assert!(!handover.offer(world.accept(100, &["a@contoso.test"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_route_touches_nothing() {
    let world = World::new();
    let due = world.accept(0, &["a@contoso.test"]);
    let (engine, handover) = world.engine_for(&Routes::new(Route::Hold), quick());
    let running = Running::start(engine);
    let other = Due {
        tenant: TenantId(2),
        content: Content::InQueue,
        ..due.clone()
    };
    assert!(!handover.offer(due) && !handover.offer(other));
    running.end().await;
    assert!(
        world
            .entries()
            .values()
            .all(|entry| entry.settled.is_empty())
    );
}
