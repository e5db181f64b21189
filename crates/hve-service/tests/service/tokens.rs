//! Sign-in with tokens, as far as it needs no issuer that answers.

use hve_store::{GuardReset, Suspect};
use hve_types::Issuer;

use crate::support::{ACCOUNT, Site, act, base64, until};

/// An issuer on a port where nobody listens.
fn away() -> Issuer {
    Issuer {
        url: "http://127.0.0.1:1".into(),
        audiences: vec!["smtp".into()],
        directory: None,
    }
}

fn trust(site: &Site, issuer: Issuer) {
    let changed =
        site.store
            .change_tenant_sign_in(site.tenant.id, |of| of.issuers.push(issuer), &act());
    assert!(changed.is_ok(), "{changed:?}");
}

/// What a client says who has a token that claims this issuer.
fn xoauth2(user: &str, issuer: &str) -> String {
    let part = |json: String| base64(json.as_bytes()).trim_end_matches('=').to_owned();
    let header = part(r#"{"alg":"RS256","kid":"k1"}"#.into());
    let claims = part(format!(
        r#"{{"iss":"{issuer}","aud":"smtp","exp":4000000000}}"#
    ));
    let response = format!("user={user}\x01auth=Bearer {header}.{claims}.AAAA\x01\x01");
    format!("AUTH XOAUTH2 {}", base64(response.as_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_offered_where_a_tenant_takes_them() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = site.client(&service).await;
    let before = client.ask("EHLO client.test", "250").await;
    assert!(!before.contains("XOAUTH2"), "{before}");
    client.ask(&xoauth2(ACCOUNT, "x"), "504 5.7.4 ").await;
    trust(&site, away());
    let mut client = site.client(&service).await;
    let after = client.ask("EHLO client.test", "250").await;
    assert!(
        after.contains("AUTH LOGIN PLAIN XOAUTH2 OAUTHBEARER"),
        "{after}"
    );
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_is_away_is_later_and_one_that_nobody_trusts_is_never() {
    let site = Site::new();
    trust(&site, away());
    let service = site.start().await;
    let mut replies = Vec::new();
    // The account and one that does not exist hear the same.
    for user in [ACCOUNT, "nobody@contoso.test"] {
        let mut client = site.client(&service).await;
        let away = client
            .ask(&xoauth2(user, "http://127.0.0.1:1"), "454 4.7.0 ")
            .await;
        let other = client
            .ask(&xoauth2(user, "https://evil.test"), "535 5.7.3 ")
            .await;
        for reply in [away, other] {
            replies.push(reply.split_once(" [").unwrap().0.to_owned());
        }
    }
    assert_eq!(replies[..2], replies[2..]);
    let mut client = site.client(&service).await;
    client
        .ask(
            &xoauth2("hve01@elsewhere.test", "http://127.0.0.1:1"),
            "535 5.7.3 ",
        )
        .await;
    let mut client = site.client(&service).await;
    let told = client
        .ask(&xoauth2("hve01", "http://127.0.0.1:1"), "535 5.7.3 ")
        .await;
    assert!(told.contains("whole address"), "{told}");
    until("the counts", || {
        site.refusals("token-issuer-away") == 2 && site.refusals("token-issuer") == 3
    })
    .await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forged_tokens_is_not_looked_at_and_others_go_on() {
    let site = Site::new();
    trust(&site, away());
    let service = site.start().await;
    for number in 0..10 {
        let mut client = site.client(&service).await;
        for part in 0..5 {
            let forged = xoauth2(ACCOUNT, &format!("https://evil{number}-{part}.test"));
            client.ask(&forged, "535 5.7.3 ").await;
        }
    }
    let mut client = site.client(&service).await;
    let told = client
        .ask(&xoauth2(ACCOUNT, "https://x.test"), "454 4.7.0 ")
        .await;
    assert!(told.contains("Too many different invalid tokens"), "{told}");
    site.signed_in(&service).await;
    // The token of another application, for another account, is looked at.
    let mut client = site.client(&service).await;
    let other = xoauth2("hve02@contoso.test", "http://127.0.0.1:1");
    let told = client.ask(&other, "454 4.7.0 ").await;
    assert!(told.contains("The issuer"), "{told}");
    let listed = || {
        let found = site.store.suspicions().unwrap();
        found.into_iter().find(|of| of.block.is_some())
    };
    until("the block in the store", || listed().is_some()).await;
    let network = "127.0.0.1".parse().unwrap();
    let tokens = Suspect::Tokens(site.account.address.clone(), network);
    assert_eq!(listed().unwrap().suspect, tokens);
    let pair = Suspect::Pair(site.account.address.clone(), network);
    let forgiven = site.store.reset_guard(&GuardReset::One(pair), &act());
    assert_eq!(forgiven.unwrap(), 1);
    let mut client = site.client(&service).await;
    client
        .ask(&xoauth2(ACCOUNT, "https://x.test"), "535 5.7.3 ")
        .await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_password_hears_that_oauth_is_the_way() {
    let site = Site::new();
    trust(&site, away());
    site.store
        .change_tenant_sign_in(site.tenant.id, |of| of.security_defaults = true, &act())
        .unwrap();
    let service = site.start().await;
    let mut client = site.client(&service).await;
    client.sign_in(ACCOUNT, crate::support::PASSWORD).await;
    let told = client.expect("535 5.7.139 ").await;
    assert!(told.contains("sign in with OAuth"), "{told}");
    service.stop().await.unwrap();
}
