//! An issuer on this host, and what it may do wrong.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const KEYS: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "AAAA"}]}"#;
const FOUND: &str = "HTTP/1.1 200 OK";

/// Fetches from an issuer that answers every request for its keys with `status` and `keys`, and
/// whose discovery document is `discovery`, with `ISSUER` replaced.
async fn fetched(discovery: &str, status: &str, keys: &str) -> Result<KeySet, FetchError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let discovery = discovery.replace("ISSUER", &issuer);
    let (status, keys) = (status.to_owned(), keys.to_owned());
    let serving = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(socket.read_u8().await.unwrap());
            }
            let (status, body) = match request.starts_with(b"GET /.well-known/") {
                true => (FOUND, &discovery),
                false => (status.as_str(), &keys),
            };
            let head = format!("{status}\r\nConnection: close\r\n\r\n");
            socket.write_all(head.as_bytes()).await.unwrap();
            // A client that has enough hangs up.
            drop(socket.write_all(body.as_bytes()).await);
        }
    });
    let keys = IssuerKeys::new().unwrap().fetch(&issuer).await;
    serving.abort();
    keys
}

const DISCOVERY: &str = r#"{"issuer": "ISSUER", "jwks_uri": "ISSUER/keys"}"#;

#[tokio::test]
async fn keys_are_found_by_discovery() {
    let keys = fetched(DISCOVERY, FOUND, KEYS).await.unwrap();
    assert!(keys.knows(Some("k1")));
}

#[tokio::test]
async fn another_issuers_document_is_refused() {
    let other = r#"{"issuer": "https://evil.test", "jwks_uri": "ISSUER/keys"}"#;
    let refused = fetched(other, FOUND, KEYS).await.unwrap_err();
    assert!(matches!(refused, FetchError::OtherIssuer(_)), "{refused}");
    let refused = fetched("{}", FOUND, KEYS).await.unwrap_err();
    assert!(matches!(refused, FetchError::Malformed), "{refused}");
}

#[tokio::test]
async fn keys_come_from_no_other_kind_of_address() {
    for jwks_uri in [
        "http://192.0.2.1/keys",
        "file:///keys",
        "https://evil.test/",
    ] {
        let discovery = format!(r#"{{"issuer": "ISSUER", "jwks_uri": "{jwks_uri}"}}"#);
        let refused = fetched(&discovery, FOUND, KEYS).await.unwrap_err();
        assert!(matches!(refused, FetchError::Unsafe(_)), "{refused}");
    }
}

#[tokio::test]
async fn errors_redirects_and_floods_are_named() {
    for (status, number) in [
        ("HTTP/1.1 503 Away", 503),
        ("HTTP/1.1 302 Found\r\nLocation: /", 302),
    ] {
        let refused = fetched(DISCOVERY, status, KEYS).await.unwrap_err();
        assert!(
            matches!(refused, FetchError::Status(n) if n == number),
            "{refused}"
        );
    }
    let flood = " ".repeat(BODY_OCTETS_MAX + 1);
    let refused = fetched(DISCOVERY, FOUND, &flood).await.unwrap_err();
    assert!(matches!(refused, FetchError::BodyTooLong), "{refused}");
    let refused = fetched(DISCOVERY, FOUND, "<html>").await.unwrap_err();
    assert!(
        matches!(refused, FetchError::Keys(KeySetError::Malformed)),
        "{refused}"
    );
}

#[test]
fn only_https_and_this_host_are_asked() {
    for fine in [
        "https://id.test/x",
        "http://127.0.0.1:80/",
        "http://[::1]/",
        "http://localhost/",
    ] {
        assert!(allowed(fine).is_ok(), "{fine}");
    }
    for bad in [
        "http://id.test/",
        "http://127.0.0.1.evil.test/",
        "ftp://127.0.0.1/",
        "x",
        "",
    ] {
        assert!(allowed(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_issuers_address_has_nothing_behind_its_path() {
    for fine in [
        "https://id.test",
        "https://id.test/a/v2.0",
        "http://[::1]:80/",
    ] {
        assert_eq!(check_issuer(fine), Ok(()), "{fine}");
    }
    for bad in [
        "http://id.test",
        "https://u@id.test/",
        "https://id.test/?a",
        "https://id.test/#a",
        "id.test",
    ] {
        assert_eq!(check_issuer(bad), Err(BadIssuer), "{bad}");
    }
}
