//! What the engine tells of mail that is late, given up, or delivered.
use std::{fs, sync::Arc, time::Duration};

use crate::support::{Running, World, quick};
use hve_delivery::{Due, Notice, Outcome, Route, Routes, Settlement};
use hve_types::{Envelope, Notify};
use tempfile::{TempDir, tempdir};

const HOUR: Duration = Duration::from_secs(3600);

/// Mailboxes into which nothing goes.
fn broken() -> TempDir {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("contoso.test"), "no folder").unwrap();
    dir
}

/// Each attempt in turn, the clock moved on by so many hours before it.
async fn attempts(world: &World, dir: &TempDir, hours: &[u32]) -> Vec<Settlement> {
    let (engine, _handover) = world.engine(dir.path(), quick());
    let running = Running::start(engine);
    for (done, hours) in hours.iter().enumerate() {
        world.advance(HOUR * *hours);
        world.until_settled(done + 1).await;
    }
    running.end().await;
    let entries = world.entries();
    entries
        .values()
        .flat_map(|entry| entry.settled.clone())
        .collect()
}

/// As if all messages had been tried before.
fn tried_often(world: &World) {
    for entry in world.entries().values_mut() {
        entry.due.attempts = 10;
    }
}

fn text(notice: &Notice) -> &str {
    std::str::from_utf8(&notice.content).unwrap()
}

fn with_wish(due: &Due, notify: Notify) -> Due {
    let mut envelope: Envelope = (*due.envelope).clone();
    for recipient in &mut envelope.recipients {
        recipient.notify = Some(notify);
    }
    Due {
        envelope: Arc::new(envelope),
        ..due.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_late_once_and_given_up_after_a_day() {
    let (world, dir) = (World::new(), broken());
    world.set_bounce_to("postmaster@contoso.test");
    world.accept(0, &["a@contoso.test", "b@contoso.test"]);
    tried_often(&world);
    let settled = attempts(&world, &dir, &[1, 3, 1, 19]).await;
    let notices: Vec<_> = settled.iter().map(|one| one.notice.as_deref()).collect();
    assert_eq!((notices[0], notices[2]), (None, None));

    let late = notices[1].unwrap();
    assert!(late.delay && late.about == [0, 1]);
    assert!(text(late).contains("\r\nAction: delayed\r\n"));
    let end = world.now();
    assert_eq!(settled[2].next_attempt.map(|next| next <= end), Some(true));

    let given_up = notices[3].unwrap();
    assert_eq!(given_up.recipient.as_str(), "postmaster@contoso.test");
    assert!(!given_up.delay && given_up.about == [0, 1]);
    assert_eq!(text(given_up).matches("\r\nStatus: 5.4.7\r\n").count(), 2);
    assert!(text(given_up).contains("Not a directory"), "the last words");
    assert!(
        text(given_up).contains("\r\nSubject: 0\r\n"),
        "the header comes back"
    );
    assert_ne!(late.id, given_up.id);
    assert_eq!(settled[3].next_attempt, None);
    assert!(
        settled[3]
            .outcomes
            .iter()
            .all(|(_, it)| matches!(it, Outcome::Failed { .. }))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_outside_or_where_nobody_is_named() {
    for to in [None, Some("boss@example.org")] {
        let (world, dir) = (World::new(), broken());
        if let Some(to) = to {
            world.set_bounce_to(to);
        }
        world.accept(0, &["a@contoso.test"]);
        tried_often(&world);
        let settled = attempts(&world, &dir, &[24]).await;
        assert_eq!(settled[0].notice, None, "{to:?}");
        assert!(matches!(
            settled[0].outcomes[..],
            [(0, Outcome::Failed { .. })]
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_given_up_while_it_is_not_known_who_hears_of_it() {
    let (world, dir) = (World::new(), broken());
    world.set_bounce_to("postmaster@contoso.test");
    world.let_directory_fail(true);
    world.accept(0, &["a@contoso.test"]);
    tried_often(&world);
    let settled = attempts(&world, &dir, &[24]).await;
    assert!(matches!(
        settled[0].outcomes[..],
        [(0, Outcome::Deferred { .. })]
    ));
    assert_eq!(
        settled[0].next_attempt,
        Some(world.now() + Duration::from_secs(60))
    );
    world.let_directory_fail(false);
    let settled = attempts(&world, &dir, &[0, 1]).await;
    assert!(settled[1].notice.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn row_34_a_bounce_that_fails_makes_no_bounce() {
    let (world, dir) = (World::new(), broken());
    world.set_bounce_to("postmaster@contoso.test");
    let due = world.accept(0, &["postmaster@contoso.test"]);
    let mut envelope: Envelope = (*due.envelope).clone();
    envelope.sender = None;
    let id = due.id;
    if let Some(entry) = world.entries().get_mut(&id) {
        entry.due.envelope = Arc::new(envelope);
    }
    tried_often(&world);
    let settled = attempts(&world, &dir, &[5, 19]).await;
    assert!(settled.iter().all(|one| one.notice.is_none()));
    assert!(matches!(
        settled[1].outcomes[..],
        [(0, Outcome::Failed { .. })]
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn row_27_mail_for_a_domain_that_left_is_given_up_with_a_notice() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    world.set_bounce_to("postmaster@contoso.test");
    world.accept(0, &["a@gone.test"]);
    tried_often(&world);
    let settled = attempts(&world, &dir, &[24]).await;
    let notice = settled[0].notice.as_deref().unwrap();
    assert!(text(notice).contains("held: gone.test is no longer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_hears_of_success_and_who_wants_nothing_hears_nothing() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    world.set_bounce_to("postmaster@contoso.test");
    let asks = Notify::On {
        success: true,
        failure: false,
        delay: false,
    };
    let asked = with_wish(&world.accept(0, &["a@contoso.test"]), asks);
    let never = with_wish(&world.accept(1, &["a@gone.test"]), Notify::Never);
    for due in [&asked, &never] {
        if let Some(entry) = world.entries().get_mut(&due.id) {
            entry.due.envelope = Arc::clone(&due.envelope);
        }
    }
    tried_often(&world);
    attempts(&world, &dir, &[24]).await;
    let delivered = world.last(asked.id).notice.unwrap();
    assert!(text(&delivered).contains("\r\nAction: delivered\r\nStatus: 2.0.0\r\n"));
    let failed = world.last(never.id);
    assert!(matches!(failed.outcomes[..], [(0, Outcome::Failed { .. })]));
    assert_eq!(failed.notice, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_route_holds_is_never_given_up() {
    let (world, dir) = (World::new(), tempdir().unwrap());
    world.accept_all_domains();
    let routes = Routes::new(Route::Maildir(dir.path().into()))
        .with("hold.contoso.test".parse().unwrap(), Route::Hold);
    let id = world.accept(0, &["c@hold.contoso.test"]).id;
    tried_often(&world);
    let (engine, _handover) = world.engine_for(&routes, quick());
    let running = Running::start(engine);
    world.advance(HOUR * 30);
    world.until_settled(1).await;
    running.end().await;
    let settled = world.last(id);
    assert!(matches!(
        settled.outcomes[..],
        [(0, Outcome::Deferred { .. })]
    ));
    let next = settled.next_attempt.unwrap();
    assert!(next > world.now(), "and it is no busy loop");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_of_days_a_message_is_tried_some_times_before_it_is_given_up() {
    let (world, dir) = (World::new(), broken());
    world.accept(0, &["a@contoso.test"]);
    let settled = attempts(&world, &dir, &[72, 1, 1, 1, 1]).await;
    let waits = settled.iter().map(|one| one.next_attempt.is_some());
    assert_eq!(waits.collect::<Vec<_>>(), [true, true, true, true, false]);
}
