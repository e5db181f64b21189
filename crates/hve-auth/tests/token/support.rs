//! An issuer with keys made for the test, and the shapes of its tokens.

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hve_auth::{KeySet, TokenFacts, TokenRefusal, check_token};
use hve_types::Issuer;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
};
use serde_json::{Value, json};
use time::{Duration, UtcDateTime, macros::utc_datetime};

pub(crate) const NOW: UtcDateTime = utc_datetime!(2026-11-24 6:00);
pub(crate) const TID: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
pub(crate) const CLIENT: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const OBJECT: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

/// A key pair and the id under which it is published.
pub(crate) struct Signer {
    pub(crate) id: &'static str,
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
    public: Vec<u8>,
}

/// Making an RSA key takes time, so that all tests share one.
pub(crate) static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::new("rsa", Algorithm::RS256));
pub(crate) static EC: LazyLock<Signer> = LazyLock::new(|| Signer::new("ec", Algorithm::ES256));

impl Signer {
    pub(crate) fn new(id: &'static str, algorithm: Algorithm) -> Self {
        let (kind, of_der): (_, fn(&[u8]) -> EncodingKey) = match algorithm {
            Algorithm::ES256 => (&PKCS_ECDSA_P256_SHA256, EncodingKey::from_ec_der),
            Algorithm::ES384 => (&PKCS_ECDSA_P384_SHA384, EncodingKey::from_ec_der),
            Algorithm::EdDSA => (&PKCS_ED25519, EncodingKey::from_ed_der),
            // PKCS #8 puts 26 octets before the key itself, which is what is wanted here.
            _ => (&PKCS_RSA_SHA256, |der| {
                EncodingKey::from_rsa_der(der.get(26..).unwrap())
            }),
        };
        let pair = KeyPair::generate_for(kind).unwrap();
        let key = of_der(pair.serialized_der());
        let public = pair.public_key_raw().to_vec();
        Self {
            id,
            algorithm,
            key,
            public,
        }
    }

    pub(crate) fn header(&self) -> Header {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.into());
        header
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    pub(crate) fn sign_as(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.key).unwrap()
    }

    /// As published, with `use` as Entra and others give it, and without `alg` as Entra does.
    pub(crate) fn published(&self) -> Value {
        let mut value = if self.algorithm == Algorithm::EdDSA {
            let x = BASE64_URL_SAFE_NO_PAD.encode(&self.public);
            json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
        } else {
            let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
            serde_json::to_value(jwk).unwrap()
        };
        set(&mut value, "kid", json!(self.id));
        set(&mut value, "use", json!("sig"));
        set(&mut value, "alg", Value::Null);
        value
    }
}

pub(crate) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// Sets a member of an object; null takes it out.
pub(crate) fn set(object: &mut Value, name: &str, value: Value) {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.into(), value);
    }
}

/// A token of any header and claims with any signature, as a forger writes it.
pub(crate) fn raw(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
    format!("{}.{}.{signature}", part(header), part(claims))
}

pub(crate) fn seconds(at: UtcDateTime) -> i64 {
    at.unix_timestamp()
}

/// Entra's second token version, for an application.
pub(crate) fn v2() -> Value {
    json!({
        "aud": "00000002-0000-0ff1-ce00-000000000000",
        "iss": format!("https://login.microsoftonline.com/{TID}/v2.0"),
        "iat": seconds(NOW) - 300, "nbf": seconds(NOW) - 300,
        "exp": seconds(NOW + Duration::minutes(60)),
        "azp": CLIENT, "azpacr": "1",
        "oid": OBJECT, "sub": OBJECT, "tid": TID,
        "roles": ["User.Read.All", "Mail.Send"],
        "uti": "x", "ver": "2.0",
    })
}

pub(crate) fn v2_issuer() -> Issuer {
    Issuer {
        url: format!("https://login.microsoftonline.com/{TID}/v2.0"),
        audiences: vec![
            "https://outlook.office365.com".into(),
            "00000002-0000-0ff1-ce00-000000000000".into(),
        ],
        directory: Some(TID.to_uppercase()),
    }
}

/// Checks claims of the second version, changed by `change` and signed rightly.
pub(crate) fn changed(change: impl FnOnce(&mut Value)) -> Result<TokenFacts, TokenRefusal> {
    let mut claims = v2();
    change(&mut claims);
    check(&EC.sign(&claims))
}

/// Checks a token against the second version's issuer, with both keys published.
pub(crate) fn check(token: &str) -> Result<TokenFacts, TokenRefusal> {
    let keys = key_set(&[RSA.published(), EC.published()]);
    check_token(token, &v2_issuer(), &keys, NOW)
}
