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

    fn admit<'a>(&'a self, user: &'a str, guess: u8) -> Result<Admitted<'a>, Refusal> {
        let password = SecretString::from(format!("guess {guess}"));
        let from = Ipv4Addr::new(192, 0, 2, guess).into();
        let guess = Guess::Secret(&password);
        self.guarded.admit(user, from, guess, NOW)
    }

    /// Guesses in a row; how long each answer waited.
    async fn waits(&self, user: &str, guesses: u8) -> Vec<u64> {
        let mut waits = Vec::new();
        for guess in 0..guesses {
            let begun = Instant::now();
            self.admit(user, guess).unwrap().wrong(NOW).await;
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
    let refusal = site.admit(USER, 99).err().unwrap();
    assert_eq!(refusal.reason, "sign-in-blocked");
}

#[tokio::test(start_paused = true)]
async fn a_wait_holds_up_nobody_else_and_ends_with_the_server() {
    let site = Site::new();
    site.waits(USER, 8).await;
    let begun = Instant::now();
    let mut waiting = pin!(site.admit(USER, 8).unwrap().wrong(NOW));
    let poll = |waiting: std::pin::Pin<&mut _>| {
        Future::poll(waiting, &mut Context::from_waker(Waker::noop()))
    };
    assert!(poll(waiting.as_mut()).is_pending());
    // Its place among the guesses is free by now, and so is the guard itself.
    site.admit(USER, 8).unwrap().right(AccountId(1), NOW);
    site.admit("other@contoso.test", 9)
        .unwrap()
        .wrong(NOW)
        .await;
    assert!(poll(waiting.as_mut()).is_pending());
    site.stop.drain();
    waiting.await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[test]
fn row_20_leave_to_guess_is_given_back_however_the_attempt_ends() {
    let site = Site::new();
    for _ in 0..3 {
        let mut held: Vec<_> = (0..10)
            .map(|guess| site.admit(USER, guess).unwrap())
            .collect();
        let refusal = site.admit(USER, 10).err().unwrap();
        assert_eq!(refusal.reason, "sign-in-blocked");
        held.pop().unwrap().right(AccountId(1), NOW);
        // The rest went away: their futures were dropped where they stood.
        drop(held);
    }
    assert!(site.admit(USER, 10).is_ok());
}
