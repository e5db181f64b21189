//! When to use an issuer's keys, and when to fetch them again.

use std::time::Duration;

use super::KeySet;

/// Keys younger than this are fresh.
const FRESH: Duration = Duration::from_secs(3_600);
/// Keys of this age are worth nothing, even while the issuer is away: by then, one that was
/// withdrawn could have been in the wrong hands for a day.
const WORTHLESS: Duration = Duration::from_secs(24 * 3_600);
/// The keys of one issuer, as fetched last, and the decision when to fetch again.
///
/// All times are monotonic. The host asks [`KeyCache::ask`] for each token, fetches where that says
/// so, hands in what came with [`KeyCache::put`], and asks again with the same time, also where
/// nothing came. While one fetch is on its way, others are told to use what there is.
///
/// ```
/// use std::time::Duration;
/// use hve_auth::{KeyAdvice, KeyCache, KeySet};
///
/// let mut cache = KeyCache::new(Duration::from_secs(60));
/// let now = Duration::from_secs(5);
/// assert_eq!(cache.ask(Some("k1"), now), KeyAdvice::Fetch);
/// let key = r#"{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "AAAA"}"#;
/// cache.put(KeySet::parse(format!(r#"{{"keys": [{key}]}}"#).as_bytes())?, now);
/// assert_eq!(cache.ask(Some("k1"), now), KeyAdvice::Use);
/// assert!(cache.keys().is_some());
/// # Ok::<(), hve_auth::KeySetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyCache {
    pause: Duration,
    keys: Option<(KeySet, Duration)>,
    tried_at: Option<Duration>,
}

/// What to do for a token that names a certain key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "closed: the host acts on each")]
pub enum KeyAdvice {
    /// Fetch the keys now, then ask again. The attempt is counted already.
    Fetch,
    /// The key is not among those there are, if any, and it is too early to try again, so that it
    /// may be new: "later", not "never".
    Unavailable,
    /// Check the token with the keys there are. Where they do not have the one it names, they were
    /// fetched since it came: the issuer has no such key.
    Use,
    /// The same, with keys that are overdue because the issuer does not answer: worth a warning.
    UseStale,
}

impl KeyCache {
    /// A cache without keys. No two fetches begin within `pause`, whatever tokens ask for: key ids
    /// are free to invent.
    #[must_use]
    pub const fn new(pause: Duration) -> Self {
        Self {
            pause,
            keys: None,
            tried_at: None,
        }
    }

    /// Says what to do for a token that came at `now` and names `key_id`.
    #[must_use]
    pub fn ask(&mut self, key_id: Option<&str>, now: Duration) -> KeyAdvice {
        let since = |then: Duration| now.saturating_sub(then);
        let advice = advise(
            self.keys.as_ref().map(|(keys, fetched_at)| Held {
                age: since(*fetched_at),
                since_it_came: *fetched_at >= now,
                knows_it: keys.knows(key_id),
            }),
            self.tried_at.is_none_or(|then| since(then) >= self.pause),
        );
        if advice == KeyAdvice::Fetch {
            self.tried_at = Some(now);
        }
        advice
    }

    /// Takes the keys of a fetch that began at `now`. They replace the earlier ones: a key that the
    /// issuer withdrew is not to be used any more.
    pub fn put(&mut self, keys: KeySet, now: Duration) {
        self.keys = Some((keys, now));
    }

    /// The keys to use after [`KeyAdvice::Use`] and [`KeyAdvice::UseStale`].
    #[must_use]
    pub fn keys(&self) -> Option<&KeySet> {
        self.keys.as_ref().map(|(keys, _)| keys)
    }
}

struct Held {
    age: Duration,
    since_it_came: bool,
    knows_it: bool,
}

fn advise(held: Option<Held>, may_fetch: bool) -> KeyAdvice {
    match held {
        Some(held) if held.age < FRESH && (held.knows_it || held.since_it_came) => KeyAdvice::Use,
        _ if may_fetch => KeyAdvice::Fetch,
        Some(held) if held.age < WORTHLESS && held.knows_it => KeyAdvice::UseStale,
        _ => KeyAdvice::Unavailable,
    }
}
