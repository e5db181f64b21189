//! One issuer on this host, asked by many at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};

use super::*;

const PAUSE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const NOW: Duration = Duration::from_secs(100);

struct Issuer {
    url: String,
    /// The id of its key.
    key: Arc<Mutex<&'static str>>,
    fetches: Arc<AtomicUsize>,
    serving: AbortHandle,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = Arc::new(Mutex::new("k1"));
        let fetches = Arc::new(AtomicUsize::new(0));
        let (issuer, published, counted) = (url.clone(), Arc::clone(&key), Arc::clone(&fetches));
        let serving = tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(socket.read_u8().await.unwrap());
                }
                let body = if request.starts_with(b"GET /.well-known/") {
                    format!(r#"{{"issuer": "{issuer}", "jwks_uri": "{issuer}/keys"}}"#)
                } else {
                    counted.fetch_add(1, Ordering::Relaxed);
                    let id = *lock(&published);
                    format!(
                        r#"{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "kid": "{id}", "x": "AAAA"}}]}}"#
                    )
                };
                let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}");
                drop(socket.write_all(answer.as_bytes()).await);
            }
        });
        Self {
            url,
            key,
            fetches,
            serving: serving.abort_handle(),
        }
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }
}

async fn ask(issuers: &Issuers, issuer: &Issuer, key: &str, now: Duration) -> Option<KeySet> {
    issuers.keys(&issuer.url, |_| true, Some(key), now).await
}

#[tokio::test]
async fn many_who_come_at_once_wait_for_one_fetch() {
    let (issuers, issuer) = (Arc::new(Issuers::new(PAUSE)), Issuer::start().await);
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let (issuers, url) = (Arc::clone(&issuers), issuer.url.clone());
        all.spawn(async move { issuers.keys(&url, |_| true, Some("k1"), NOW).await });
    }
    for keys in all.join_all().await {
        assert!(keys.unwrap().knows(Some("k1")));
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_invented_ones_are_looked_for_once_a_pause() {
    let (issuers, issuer) = (Issuers::new(PAUSE), Issuer::start().await);
    assert!(ask(&issuers, &issuer, "k1", NOW).await.is_some());
    *lock(&issuer.key) = "k2";
    for number in 0..100 {
        let keys = ask(&issuers, &issuer, &number.to_string(), NOW).await;
        assert!(!keys.unwrap().knows(Some("k2")), "too early");
    }
    assert_eq!(issuer.fetches(), 1);
    let keys = ask(&issuers, &issuer, "k2", NOW + PAUSE).await;
    assert!(keys.unwrap().knows(Some("k2")));
    for number in 0..100 {
        ask(&issuers, &issuer, &number.to_string(), NOW + PAUSE).await;
    }
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn overdue_keys_serve_while_the_issuer_is_away_and_none_is_none() {
    let (issuers, issuer) = (Issuers::new(PAUSE), Issuer::start().await);
    assert!(ask(&issuers, &issuer, "k1", NOW).await.is_some());
    issuer.serving.abort();
    let keys = ask(&issuers, &issuer, "k1", NOW + 2 * HOUR).await;
    assert!(keys.unwrap().knows(Some("k1")));
    assert!(
        ask(&issuers, &issuer, "k1", NOW + 25 * HOUR)
            .await
            .is_none()
    );
    let others = Issuers::new(PAUSE);
    assert!(ask(&others, &issuer, "k1", NOW).await.is_none());
}

#[tokio::test]
async fn who_is_trusted_no_more_is_forgotten() {
    let issuers = Issuers::new(PAUSE);
    let (first, second) = (Issuer::start().await, Issuer::start().await);
    assert!(ask(&issuers, &first, "k1", NOW).await.is_some());
    let trusted = |url: &str| url != first.url;
    let keys = issuers.keys(&second.url, trusted, Some("k1"), NOW).await;
    assert!(keys.is_some());
    assert_eq!(lock(&issuers.known).len(), 1);
}
