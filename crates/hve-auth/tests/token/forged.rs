//! Forged tokens, and keys that are not to be used.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hve_auth::{KeySet, KeySetError, TOKEN_OCTETS_MAX, TokenRefusal, check_token, read_unverified};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{EC, NOW, RSA, Signer, check, key_set, raw, set, v2, v2_issuer};

#[test]
fn a_changed_claim_breaks_the_signature() {
    let token = EC.sign(&v2());
    let mut claims = v2();
    set(&mut claims, "oid", json!("somebody else"));
    let payload = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let parts: Vec<&str> = token.split('.').collect();
    let forged = format!("{}.{payload}.{}", parts[0], parts[2]);
    assert_eq!(check(&forged), Err(TokenRefusal::BadSignature));
}

#[test]
fn no_signature_is_no_signature() {
    for alg in ["none", "None", "NONE", ""] {
        let forged = raw(&json!({ "alg": alg, "kid": "ec" }), &v2(), b"");
        assert_eq!(check(&forged), Err(TokenRefusal::Malformed), "{alg}");
    }
    let emptied = raw(&json!({ "alg": "ES256", "kid": "ec" }), &v2(), b"");
    assert_eq!(check(&emptied), Err(TokenRefusal::BadSignature));
}

/// The public key, which everybody has, used as if it were a shared secret.
#[test]
fn a_public_key_is_no_shared_secret() {
    let published = RSA.published();
    let modulus = published["n"].as_str().unwrap();
    let secrets = [
        modulus.as_bytes().to_vec(),
        BASE64_URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        published.to_string().into_bytes(),
    ];
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for secret in &secrets {
            let mut header = Header::new(algorithm);
            header.kid = Some("rsa".into());
            let forged = encode(&header, &v2(), &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(check(&forged), Err(TokenRefusal::AlgorithmNotAllowed));
        }
    }
}

#[test]
fn a_key_verifies_its_own_kind_only() {
    let mut header = EC.header();
    header.kid = Some("rsa".into());
    assert_eq!(
        check(&EC.sign_as(&header, &v2())),
        Err(TokenRefusal::UnknownKey)
    );
    // Published for one algorithm of the family, used with another.
    let mut published = RSA.published();
    set(&mut published, "alg", json!("RS512"));
    let keys = key_set(&[published]);
    let refusal = check_token(&RSA.sign(&v2()), &v2_issuer(), &keys, NOW);
    assert_eq!(refusal, Err(TokenRefusal::UnknownKey));
}

#[test]
fn a_key_in_the_token_itself_is_not_used() {
    let own = Signer::new("own", Algorithm::ES256);
    let mut header = own.header();
    header.jwk = Some(serde_json::from_value(own.published()).unwrap());
    assert_eq!(
        check(&own.sign_as(&header, &v2())),
        Err(TokenRefusal::UnknownKey)
    );
    header.kid = Some("ec".into());
    assert_eq!(
        check(&own.sign_as(&header, &v2())),
        Err(TokenRefusal::BadSignature)
    );
}

#[test]
fn what_must_be_understood_and_is_not_spoils_the_token() {
    let mut header = EC.header();
    header.crit = Some(vec!["exp".into()]);
    assert_eq!(
        check(&EC.sign_as(&header, &v2())),
        Err(TokenRefusal::Malformed)
    );
}

#[test]
fn a_token_that_names_no_key_is_tried_with_each_of_its_kind() {
    let other = Signer::new("other", Algorithm::ES256);
    let keys = key_set(&[RSA.published(), other.published(), EC.published()]);
    let checked = |signer: &Signer| {
        let token = signer.sign_as(&Header::new(signer.algorithm), &v2());
        check_token(&token, &v2_issuer(), &keys, NOW)
    };
    assert!(checked(&EC).is_ok());
    assert!(checked(&other).is_ok());
    let stranger = Signer::new("stranger", Algorithm::ES256);
    assert_eq!(checked(&stranger), Err(TokenRefusal::BadSignature));
}

#[test]
fn a_new_key_works_once_it_is_published_and_an_old_one_until_it_is_withdrawn() {
    let new = Signer::new("new", Algorithm::ES256);
    let (before, during, after) = (
        key_set(&[EC.published()]),
        key_set(&[EC.published(), new.published()]),
        key_set(&[new.published()]),
    );
    let checked = |signer: &Signer, keys| check_token(&signer.sign(&v2()), &v2_issuer(), keys, NOW);
    assert_eq!(checked(&new, &before), Err(TokenRefusal::UnknownKey));
    assert!(!before.knows(Some("new")) && during.knows(Some("new")));
    assert!(checked(&new, &during).is_ok() && checked(&EC, &during).is_ok());
    assert_eq!(checked(&EC, &after), Err(TokenRefusal::UnknownKey));
}

#[test]
fn a_token_of_any_length_is_not_looked_at() {
    let mut claims = v2();
    set(&mut claims, "padding", json!("x".repeat(8_000)));
    assert!(check(&EC.sign(&claims)).is_ok());
    set(&mut claims, "padding", json!("x".repeat(TOKEN_OCTETS_MAX)));
    let token = EC.sign(&claims);
    assert_eq!(check(&token), Err(TokenRefusal::TooLong));
    assert_eq!(read_unverified(&token), Err(TokenRefusal::TooLong));
}

#[test]
fn every_octet_counts() {
    let token = EC.sign(&v2());
    for at in 0..token.len() {
        let mut octets = token.clone().into_bytes();
        octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(octets).unwrap();
        assert!(check(&forged).is_err(), "octet {at}");
        assert!(check(&token[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn keys_that_do_not_serve_are_passed_over() {
    let mut for_encryption = EC.published();
    set(&mut for_encryption, "use", json!("enc"));
    let shared = json!({ "kty": "oct", "kid": "oct", "k": "AAAA", "alg": "HS256" });
    let new_kind = json!({ "kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AAAA" });
    let useless = [for_encryption, shared, new_kind, json!(7), json!({})];
    let parsed = |keys: &[Value]| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes());
    assert_eq!(parsed(&useless).unwrap_err(), KeySetError::NoneUsable);
    let mut all = useless.to_vec();
    all.push(RSA.published());
    let keys = parsed(&all).unwrap();
    assert!(keys.knows(Some("rsa")) && keys.knows(None));
    assert!(!keys.knows(Some("ec")) && !keys.knows(Some("oct")));
    assert_eq!(format!("{keys:?}"), r#"[Some("rsa")]"#);
}

#[test]
fn a_document_that_is_no_key_set_is_named_so() {
    for text in ["", "null", "{}", r#"{"keys": 1}"#, "<html>"] {
        let refused = KeySet::parse(text.as_bytes()).unwrap_err();
        assert_eq!(refused, KeySetError::Malformed, "{text}");
    }
    let many = json!({ "keys": vec![EC.published(); 33] }).to_string();
    assert_eq!(
        KeySet::parse(many.as_bytes()).unwrap_err(),
        KeySetError::TooMany
    );
}
