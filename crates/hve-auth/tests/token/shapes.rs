//! Genuine tokens in the shapes that issuers document, and genuine ones with one defect.

use hve_auth::{TokenKind, TokenRefusal, check_token, read_unverified};
use hve_types::Issuer;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{
    CLIENT, EC, NOW, OBJECT, RSA, Signer, TID, changed, check, key_set, seconds, set, v2, v2_issuer,
};

#[test]
fn an_application_of_the_second_version_comes_in() {
    let facts = check(&RSA.sign(&v2())).unwrap();
    assert_eq!(facts.object_id, OBJECT);
    assert_eq!(facts.client_id.as_deref(), Some(CLIENT));
    assert_eq!(facts.expires_at, NOW + Duration::minutes(60));
    assert_eq!(facts.kind, TokenKind::Application);
}

#[test]
fn an_application_of_the_first_version_comes_in() {
    let issuer = Issuer {
        url: format!("https://sts.windows.net/{TID}/"),
        audiences: vec!["https://outlook.office365.com".into()],
        directory: Some(TID.into()),
    };
    let claims = json!({
        "aud": "https://outlook.office365.com", "iss": format!("https://sts.windows.net/{TID}/"),
        "iat": seconds(NOW), "nbf": seconds(NOW), "exp": seconds(NOW) + 3_900,
        "app_displayname": "Scanner", "appid": CLIENT, "appidacr": "1",
        "idp": format!("https://sts.windows.net/{TID}/"), "idtyp": "app",
        "oid": OBJECT, "sub": OBJECT, "tid": TID, "roles": ["Mail.Send"], "ver": "1.0",
    });
    let facts = check_token(
        &RSA.sign(&claims),
        &issuer,
        &key_set(&[RSA.published()]),
        NOW,
    )
    .unwrap();
    assert_eq!(facts.object_id, OBJECT);
    assert_eq!(facts.client_id.as_deref(), Some(CLIENT));
    assert_eq!(facts.kind, TokenKind::Application);
}

#[test]
fn a_person_comes_in_by_the_scope() {
    let facts = changed(|claims| {
        set(claims, "roles", Value::Null);
        set(claims, "scp", json!("Mail.Read Mail.Send User.Read"));
        set(claims, "sub", json!("a pseudonym"));
    });
    let facts = facts.unwrap();
    assert_eq!(facts.kind, TokenKind::Person);
    assert_eq!(facts.object_id, OBJECT);
}

#[test]
fn an_application_of_rfc_9068_comes_in_under_its_subject() {
    let facts = changed(|claims| {
        for name in ["roles", "oid", "azp"] {
            set(claims, name, Value::Null);
        }
        set(claims, "scope", json!("Mail.Send"));
        set(claims, "sub", json!("scanner"));
        set(claims, "client_id", json!("scanner"));
    });
    let facts = facts.unwrap();
    assert_eq!(facts.kind, TokenKind::Application);
    assert_eq!(facts.object_id, "scanner");
}

#[test]
fn every_allowed_algorithm_verifies() {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    for algorithm in [RS256, RS384, RS512, PS256, PS384, PS512] {
        let mut header = RSA.header();
        header.alg = algorithm;
        let checked = check(&RSA.sign_as(&header, &v2()));
        assert!(checked.is_ok(), "{algorithm:?}: {checked:?}");
    }
    for algorithm in [ES256, ES384, EdDSA] {
        let signer = Signer::new("own", algorithm);
        let keys = key_set(&[signer.published()]);
        let checked = check_token(&signer.sign(&v2()), &v2_issuer(), &keys, NOW);
        assert!(checked.is_ok(), "{algorithm:?}: {checked:?}");
    }
}

#[test]
fn issuer_and_key_are_read_before_they_are_known() {
    let unverified = read_unverified(&EC.sign(&v2())).unwrap();
    assert_eq!(unverified.issuer, v2_issuer().url);
    assert_eq!(unverified.key_id.as_deref(), Some("ec"));
    for token in ["", "a", "a.b", "a.b.c", "a.b.c.d", "\u{e4}.\0.."] {
        assert_eq!(
            read_unverified(token),
            Err(TokenRefusal::Malformed),
            "{token}"
        );
    }
}

#[test]
fn the_audience_may_be_one_of_a_list() {
    let ours = "https://outlook.office365.com";
    assert!(changed(|claims| set(claims, "aud", json!(["other", ours]))).is_ok());
    for aud in [
        json!(["other"]),
        json!([]),
        json!(""),
        json!(format!("{ours}/")),
    ] {
        let refusal = changed(|claims| set(claims, "aud", aud.clone())).unwrap_err();
        assert_eq!(refusal, TokenRefusal::WrongAudience, "{aud}");
    }
}

#[test]
fn issuer_and_directory_must_be_ours() {
    for iss in ["https://evil.test", "", &v2_issuer().url.to_uppercase()] {
        let refusal = changed(|claims| set(claims, "iss", json!(iss))).unwrap_err();
        assert_eq!(refusal, TokenRefusal::WrongIssuer, "{iss}");
    }
    for tid in [json!("another"), json!(""), Value::Null] {
        let refusal = changed(|claims| set(claims, "tid", tid.clone())).unwrap_err();
        assert_eq!(refusal, TokenRefusal::WrongTenant, "{tid}");
    }
}

#[test]
fn a_token_has_to_live_for_half_a_minute() {
    let expiring = |left: i64| changed(|claims| set(claims, "exp", json!(seconds(NOW) + left)));
    assert!(expiring(30).is_ok());
    for left in [1, 29] {
        let at = NOW + Duration::seconds(left);
        assert_eq!(expiring(left), Err(TokenRefusal::AboutToExpire(at)));
    }
    for ago in [0, 1, 59, 86_400] {
        let at = NOW - Duration::seconds(ago);
        assert_eq!(expiring(-ago), Err(TokenRefusal::Expired(at)), "no leeway");
    }
}

#[test]
fn the_issuers_clock_may_be_a_minute_ahead() {
    let beginning = |nbf: Value| changed(|claims| set(claims, "nbf", nbf));
    assert!(beginning(json!(seconds(NOW) + 60)).is_ok());
    assert!(beginning(Value::Null).is_ok());
    assert_eq!(
        beginning(json!(seconds(NOW) + 61)),
        Err(TokenRefusal::YetToBegin)
    );
}

#[test]
fn the_permission_is_looked_for_where_it_counts() {
    for (roles, scp) in [
        (Value::Null, Value::Null),
        (json!([]), Value::Null),
        (json!(["Mail.Send.Shared", "mail.send"]), Value::Null),
        (Value::Null, json!("Mail.Read Mail.SendAs")),
        (Value::Null, json!("")),
        // The person has the role; the application was not given the scope.
        (json!(["Mail.Send"]), json!("User.Read")),
    ] {
        let refusal = changed(|claims| {
            set(claims, "roles", roles.clone());
            set(claims, "scp", scp.clone());
        });
        assert_eq!(
            refusal,
            Err(TokenRefusal::PermissionLacking),
            "{roles} {scp}"
        );
    }
}

#[test]
fn claims_that_are_missing_or_of_the_wrong_type_spoil_it() {
    for name in ["iss", "aud", "exp"] {
        let refusal = changed(|claims| set(claims, name, Value::Null));
        assert_eq!(refusal, Err(TokenRefusal::Malformed), "without {name}");
    }
    let nobody = changed(|claims| {
        set(claims, "oid", json!(""));
        set(claims, "sub", Value::Null);
    });
    assert_eq!(nobody, Err(TokenRefusal::Malformed));
    for (name, value) in [
        ("exp", json!("1")),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("nbf", json!(true)),
        ("iss", json!(["a"])),
        ("roles", json!({ "Mail.Send": 1 })),
    ] {
        let refusal = changed(|claims| set(claims, name, value.clone()));
        assert_eq!(refusal, Err(TokenRefusal::Malformed), "{name}: {value}");
    }
    let fraction = changed(|claims| set(claims, "exp", json!(2_000_000_000.5)));
    assert!(fraction.is_ok(), "RFC 7519 \u{a7}2 allows a fraction");
}

/// Whoever cannot show a genuine token hears nothing of its times and permissions.
#[test]
fn a_stranger_learns_nothing_of_the_rest() {
    let refusal = changed(|claims| {
        set(claims, "exp", json!(seconds(NOW) - 1));
        set(claims, "roles", Value::Null);
        set(claims, "aud", json!("another"));
    });
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal, TokenRefusal::WrongAudience);
    assert!(!refusal.may_be_told());
    let expired = changed(|claims| set(claims, "exp", json!(seconds(NOW) - 1)));
    assert!(expired.unwrap_err().may_be_told());
}
