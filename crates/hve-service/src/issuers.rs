//! The keys of all issuers: fetched when needed, by one task at a time for each issuer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hve_auth::{KeyAdvice, KeyCache, KeySet};
use tokio::{
    sync::watch,
    task::{spawn, spawn_blocking},
};
use tracing::{info, warn};

use crate::issuer_keys::{FetchError, IssuerKeys};

/// The keys of the issuers that any tenant trusts.
pub(crate) struct Issuers {
    /// The least time between two fetches from one issuer.
    pause: Duration,
    known: Mutex<HashMap<Box<str>, Arc<Mutex<Held>>>>,
}

struct Held {
    cache: KeyCache,
    /// Closed when the fetch on its way is over.
    fetch: Option<watch::Receiver<()>>,
}

impl Issuers {
    pub(crate) fn new(pause: Duration) -> Self {
        Self {
            pause,
            known: Mutex::default(),
        }
    }

    /// The keys for a token that names `key_id`; `None` where there are none now. `now` is
    /// monotonic.
    ///
    /// Only for an issuer that a tenant trusts: each costs memory, and two requests now and then.
    /// `is_trusted` is asked when one is new, so that those which no tenant trusts any more go.
    ///
    /// Where the keys lack what the token names, or there are none, and a fetch is on its way,
    /// this waits for it: at the longest twice the time-out of one request.
    pub(crate) async fn keys(
        &self,
        issuer: &str,
        is_trusted: impl Fn(&str) -> bool,
        key_id: Option<&str>,
        now: Duration,
    ) -> Option<KeySet> {
        let held = self.held(issuer, is_trusted);
        let fetch = {
            let mut of = lock(&held);
            let advice = of.cache.ask(key_id, now);
            let has_it = of.cache.keys().is_some_and(|keys| keys.knows(key_id));
            match advice {
                KeyAdvice::Fetch => Some(begin(&mut of, issuer, Arc::clone(&held), now)),
                KeyAdvice::Use | KeyAdvice::UseStale if has_it => None,
                _ => of.fetch.clone(),
            }
        };
        if let Some(mut fetch) = fetch {
            // An error is the end of it: nothing is ever sent.
            while fetch.changed().await.is_ok() {}
        }
        let mut of = lock(&held);
        match of.cache.ask(key_id, now) {
            KeyAdvice::Use | KeyAdvice::UseStale => of.cache.keys().cloned(),
            // A second fetch for one token is not begun.
            KeyAdvice::Fetch | KeyAdvice::Unavailable => None,
        }
    }

    fn held(&self, issuer: &str, is_trusted: impl Fn(&str) -> bool) -> Arc<Mutex<Held>> {
        let mut known = lock(&self.known);
        if let Some(held) = known.get(issuer) {
            return Arc::clone(held);
        }
        known.retain(|issuer, _| is_trusted(issuer));
        let held = Arc::new(Mutex::new(Held {
            cache: KeyCache::new(self.pause),
            fetch: None,
        }));
        known.insert(issuer.into(), Arc::clone(&held));
        held
    }
}

/// Fetches in a task of its own: a client that hangs up does not end what others wait for.
fn begin(
    of: &mut Held,
    issuer: &str,
    held: Arc<Mutex<Held>>,
    now: Duration,
) -> watch::Receiver<()> {
    let (over, fetch) = watch::channel(());
    of.fetch = Some(fetch.clone());
    let issuer = issuer.to_owned();
    spawn(async move {
        let fetched = fetch_keys(&issuer).await;
        let mut of = lock(&held);
        match fetched {
            Ok(keys) => {
                info!(issuer, ?keys, "keys of an issuer fetched");
                of.cache.put(keys, now);
            }
            Err(error) => {
                let held = of.cache.keys().is_some();
                warn!(issuer, %error, held, "keys of an issuer not fetched");
            }
        }
        of.fetch = None;
        drop(over);
    });
    fetch
}

/// A client is made for each fetch, off the threads that serve clients: it reads the system's
/// certificates, and so knows one that was installed since.
async fn fetch_keys(issuer: &str) -> Result<KeySet, FetchError> {
    let client = spawn_blocking(IssuerKeys::new).await;
    client
        .map_err(|_| FetchError::Stopped)??
        .fetch(issuer)
        .await
}

/// What is behind these locks is as good after a panic as before.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
