//! Fetches an issuer's keys: OpenID discovery, then the key set it names.

use std::{net::IpAddr, time::Duration};

use hve_auth::{KeySet, KeySetError};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use thiserror::Error;

use crate::tls;

/// For each of the two requests, from the name look-up to the last octet.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Those in use have some 20,000 octets.
const BODY_OCTETS_MAX: usize = 256 * 1024;

/// A client for issuers. It follows no redirects: an issuer says in its discovery document where
/// its keys are.
#[derive(Clone, Debug)]
pub(crate) struct IssuerKeys(Client);

/// Why there are no keys. The words name what to look at.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error("the issuer's answer has more than {BODY_OCTETS_MAX} octets")]
    BodyTooLong,
    #[error(transparent)]
    Keys(#[from] KeySetError),
    #[error("the issuer's discovery document lacks issuer or jwks_uri")]
    Malformed,
    #[error(
        "the discovery document is of another issuer, {0}; write that one or correct the address"
    )]
    OtherIssuer(String),
    #[error("the issuer cannot be asked: {0}")]
    Request(#[from] reqwest::Error),
    #[error("the server is stopping")]
    Stopped,
    #[error("the issuer answers with status {0}")]
    Status(u16),
    #[error("{0} is no https address (http is for 127.0.0.1, [::1] and localhost only)")]
    Unsafe(String),
}

impl IssuerKeys {
    /// # Errors
    /// The system's certificates cannot be used.
    pub(crate) fn new() -> Result<Self, FetchError> {
        // The client takes the process's provider. An embedder who installed one keeps it.
        let provider = tls::provider().as_ref().clone();
        drop(provider.install_default());
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self(client))
    }

    /// The keys of the issuer whose tokens say `iss: issuer` (OpenID Connect Discovery §4).
    ///
    /// # Errors
    /// Either request fails, or the documents are not what they should be.
    pub(crate) async fn fetch(&self, issuer: &str) -> Result<KeySet, FetchError> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        let base = issuer.trim_end_matches('/');
        let address = allowed(&format!("{base}/.well-known/openid-configuration"))?;
        let scheme = address.scheme().to_owned();
        let document = self.get(address).await?;
        let found: Discovery =
            serde_json::from_slice(&document).map_err(|_| FetchError::Malformed)?;
        if found.issuer != issuer {
            return Err(FetchError::OtherIssuer(found.issuer));
        }
        let address = allowed(&found.jwks_uri)?;
        // A remote issuer has no business with what listens on this host.
        if address.scheme() != scheme {
            return Err(FetchError::Unsafe(found.jwks_uri));
        }
        Ok(KeySet::parse(&self.get(address).await?)?)
    }

    async fn get(&self, address: Url) -> Result<Vec<u8>, FetchError> {
        let mut response = self.0.get(address).send().await?;
        if response.status() != 200 {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > BODY_OCTETS_MAX {
                return Err(FetchError::BodyTooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Can an issuer have this address? An operator hears it when the issuer is named, not when the
/// first device cannot sign in.
///
/// # Errors
/// Neither `https` nor `http` to this very host; or with a user, a query or a fragment
/// (RFC 8414 §2).
pub fn check_issuer(url: &str) -> Result<(), BadIssuer> {
    let address = allowed(url).map_err(|_| BadIssuer)?;
    let bare = address.username().is_empty()
        && address.password().is_none()
        && address.query().is_none()
        && address.fragment().is_none();
    if bare { Ok(()) } else { Err(BadIssuer) }
}

/// The text is no address of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "an issuer is https://… as its tokens have it in the claim iss, without user, query and \
     fragment (http is for 127.0.0.1, [::1] and localhost only)"
)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct BadIssuer;

/// `https`, or `http` to this very host: whoever can change the keys on their way can sign.
fn allowed(text: &str) -> Result<Url, FetchError> {
    let refused = || FetchError::Unsafe(text.to_owned());
    let address = Url::parse(text).map_err(|_| refused())?;
    let host = address.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match address.scheme() {
        "https" => Ok(address),
        "http" if here => Ok(address),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests;
