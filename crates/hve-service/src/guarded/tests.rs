//! How attempts end, on a clock that is wound by hand.

use std::{
    net::Ipv4Addr,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use hve_store::Writer;
use secrecy::SecretString;
use time::macros::utc_datetime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::committer;

const USER: &str = "hve01@contoso.test";
const NOW: Now = Now {
    monotonic: Duration::from_secs(1_000),
    utc: utc_datetime!(2026-11-24 12:00),
};

struct Site {
    guarded: Guarded,
    stop: Arc<Stop>,
    _folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::open(&folder.path().join("store.db")).unwrap();
        let (store, limits) = (writer.store(), Limits::default());
        let (queue, _) = committer::start(writer, &limits, CancellationToken::new()).unwrap();
        let stop = Arc::<Stop>::default();
        let edge = Edge {
            directory: Arc::new(CachedDirectory::new(Arc::new(store.clone()))),
            stop: Arc::clone(&stop),
            store,
            queue,
        };
        Self {
            guarded: Guarded::new([7; 32], &limits, edge),
            stop,
            _folder: folder,
        }
    }

    async fn admit<'a>(&'a self, user: &'a str, guess: u8) -> Result<Admitted<'a>, Refusal> {
        let password = SecretString::from(format!("guess {guess}"));
        let from = Ipv4Addr::new(192, 0, 2, guess).into();
        let guess = Guess::Secret(&password);
        self.guarded.admit(user, from, guess, NOW).await
    }

    /// Guesses in a row; how long each answer waited.
    async fn waits(&self, user: &str, guesses: u8) -> Vec<u64> {
        let mut waits = Vec::new();
        for guess in 0..guesses {
            let begun = Instant::now();
            self.admit(user, guess).await.unwrap().wrong(NOW).await;
            waits.push(begun.elapsed().as_secs());
        }
        waits
    }
}

#[tokio::test(start_paused = true)]
async fn row_20_and_23_answers_wait_alike_for_names_that_are_not_there() {
    let site = Site::new();
    let grows = [0, 0, 1, 2, 4, 8, 8, 8, 8, 8];
    assert_eq!(site.waits(USER, 10).await, grows);
    assert_eq!(site.waits("not an address", 10).await, grows);
    let refusal = site.admit(USER, 99).await.err().unwrap();
    assert_eq!(refusal.reason, "sign-in-blocked");
}

#[tokio::test(start_paused = true)]
async fn a_wait_holds_up_nobody_else_and_ends_with_the_server() {
    let site = Site::new();
    site.waits(USER, 8).await;
    let begun = Instant::now();
    let mut waiting = pin!(site.admit(USER, 8).await.unwrap().wrong(NOW));
    let poll = |waiting: std::pin::Pin<&mut _>| {
        Future::poll(waiting, &mut Context::from_waker(Waker::noop()))
    };
    assert!(poll(waiting.as_mut()).is_pending());
    // Its place among the guesses is free by now, and so is the guard itself.
    site.admit(USER, 8).await.unwrap().right(AccountId(1), NOW);
    site.admit("other@contoso.test", 9)
        .await
        .unwrap()
        .wrong(NOW)
        .await;
    assert!(poll(waiting.as_mut()).is_pending());
    site.stop.drain();
    waiting.await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn row_20_leave_to_guess_is_given_back_however_the_attempt_ends() {
    let site = Site::new();
    for _ in 0..3 {
        let mut held = Vec::new();
        for guess in 0..10 {
            held.push(site.admit(USER, guess).await.unwrap());
        }
        let refusal = site.admit(USER, 10).await.err().unwrap();
        assert_eq!(refusal.reason, "sign-in-blocked");
        held.pop().unwrap().right(AccountId(1), NOW);
        // The rest went away: their futures were dropped where they stood.
        drop(held);
    }
    assert!(site.admit(USER, 10).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn row_23_behind_a_block_neither_answer_nor_time_tells_who_is_known() {
    const NOBODY: &str = "nobody@contoso.test";
    let site = Site::new();
    let from = Ipv4Addr::new(192, 0, 2, 200).into();
    let guess = async |user: &'static str, text: String| {
        let password = SecretString::from(text);
        let guess = Guess::Secret(&password);
        site.guarded.admit(user, from, guess, NOW).await
    };
    let known = guess(USER, "right".into()).await.unwrap();
    known.right(AccountId(1), NOW);
    for name in 0..50 {
        let name: &'static str = format!("made up {name}").leak();
        let wrong = guess(name, "guess".into()).await.unwrap();
        wrong.wrong(NOW).await;
    }
    for round in 0..20 {
        let begun = Instant::now();
        let stranger = guess(NOBODY, format!("{round}")).await.err().unwrap();
        let waited = begun.elapsed();
        assert_eq!(stranger.reply.code(), 454);
        let begun = Instant::now();
        let wrong = guess(USER, format!("{round}")).await.unwrap();
        let heard = match round % 2 {
            0 => wrong.wrong(NOW).await,
            _ => wrong.repeated(NOW).await,
        };
        assert_eq!((heard, begun.elapsed()), (stranger, waited));
    }
    guess(USER, "right".into())
        .await
        .unwrap()
        .right(AccountId(1), NOW);
}
