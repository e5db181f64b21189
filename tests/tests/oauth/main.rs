//! Sign-in with tokens of a real OpenID provider that nobody here wrote.
//!
//! Where Node or the package `oidc-provider` is missing, each test says so and proves nothing.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

mod clients;
mod provider;

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hve_tests::{ACCOUNT, Client, Reply, Server, Site, until, within};
use provider::{AUDIENCE, DIRECTORY, Kit, OBJECT, Provider};

const TO: &str = "anna@contoso.test";

/// A site that takes the provider's tokens and lets its good clients in.
fn site(provider: &Provider) -> Site {
    let site = Site::new().limit("issuer-pause = \"1s\"");
    site.write_config();
    trust(&site, provider);
    site.admin()
        .run(&["sign-in", "app", "add", ACCOUNT, OBJECT, "--label", "mail"]);
    site
}

fn trust(site: &Site, provider: &Provider) {
    let issuer = provider.issuer.as_str();
    let words = ["sign-in", "issuer", "add", issuer, "--audience", AUDIENCE];
    let words = [&words[..], &["--directory", DIRECTORY]].concat();
    site.admin().run(&words);
}

/// A client under TLS that has said EHLO.
fn connect(site: &Site, server: &Server) -> Client {
    let mut client = Client::connect(server.address()).unwrap();
    client.expect_reply(220);
    client.start_tls(&site.trust()).unwrap();
    client.expect(250, "EHLO client.test");
    client
}

fn xoauth2(client: &mut Client, user: &str, token: &str) -> Reply {
    let response = format!("user={user}\x01auth=Bearer {token}\x01\x01");
    let response = BASE64_STANDARD.encode(response);
    client.command(&format!("AUTH XOAUTH2 {response}")).unwrap()
}

/// A refusal comes after a challenge that names it (RFC 7628 §3.2.3).
fn oauthbearer(client: &mut Client, user: &str, token: &str) -> Reply {
    let response = format!("n,a={user},\x01host=localhost\x01auth=Bearer {token}\x01\x01");
    let response = BASE64_STANDARD.encode(response);
    let reply = client.command(&format!("AUTH OAUTHBEARER {response}"));
    let reply = reply.unwrap();
    if reply.code != 334 {
        return reply;
    }
    let told = BASE64_STANDARD.decode(&reply.lines[0]).unwrap();
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("invalid_token"), "{told}");
    client.command("AQ==").unwrap()
}

/// The reply to a token on a connection of its own.
fn said(site: &Site, server: &Server, token: &str) -> Reply {
    xoauth2(&mut connect(site, server), ACCOUNT, token)
}

#[test]
fn both_algorithms_and_both_mechanisms_come_in() {
    let Some(kit) = Kit::find() else { return };
    let provider = kit.start(&["a-RS256", "b-ES256"]);
    let site = site(&provider);
    let server = site.start();
    for algorithm in ["RS256", "ES256"] {
        let token = provider.token("mail", algorithm);
        for sign_in in [xoauth2, oauthbearer] {
            let mut client = connect(&site, &server);
            assert_eq!(sign_in(&mut client, ACCOUNT, &token).status(), "235 2.7.0");
            let content = format!("From: {ACCOUNT}\r\nSubject: x\r\n\r\nx");
            let reply = client.submit(ACCOUNT, &[TO], &content).unwrap();
            assert_eq!(reply.status(), "250 2.0.0");
        }
    }
    assert_eq!(site.waiting_mails(TO, 4).len(), 4);
    let log = server.log();
    assert!(log.contains("\"mechanism\":\"XOAUTH2\""), "{log}");
    assert!(!log.contains("eyJ"), "a token is in the log: {log}");
}

#[test]
fn each_defect_has_its_reply_and_its_reason_in_the_log() {
    let Some(kit) = Kit::find() else { return };
    let provider = kit.start(&["a-RS256"]);
    let site = site(&provider);
    let server = site.start();
    let good = provider.token("mail", "RS256");
    let (body, _) = good.rsplit_once('.').unwrap();
    let of = |client: &str| provider.token(client, "RS256");
    let other_audience = provider.token_for("https://other.test", "mail", "RS256");
    for (token, status, words, reason) in [
        (of("reader"), "535 5.7.144", "Mail.Send", "token-permission"),
        (of("stranger"), "550 5.7.240", "99999999-", "app-not-listed"),
        (of("elsewhere"), "535 5.7.3", "rong user", "token-tenant"),
        (other_audience, "535 5.7.3", "rong user", "token-audience"),
        (
            format!("{body}.AAAA"),
            "535 5.7.3",
            "rong user",
            "token-signature",
        ),
        (
            "no.jwt.atall".into(),
            "535 5.7.3",
            "rong user",
            "token-malformed",
        ),
    ] {
        let reply = said(&site, &server, &token);
        assert_eq!(reply.status(), status, "{reply:?}");
        assert!(reply.text().contains(words), "{reply:?}");
        server.wait_for(reason, |line| line.contains(reason));
        let reply = oauthbearer(&mut connect(&site, &server), ACCOUNT, &token);
        assert_eq!(reply.status(), status, "{reply:?}");
    }
    // Whoever has a good token does not learn which accounts there are.
    let mut client = connect(&site, &server);
    let unknown = xoauth2(&mut client, "nobody@contoso.test", &good);
    assert_eq!(unknown.status(), "550 5.7.240");
    server.wait_for("the reason", |line| line.contains("app-no-account"));
    let mut client = connect(&site, &server);
    let unknown = xoauth2(&mut client, "hve01@elsewhere.test", &good);
    assert_eq!(unknown.status(), "535 5.7.3");
    assert_eq!(said(&site, &server, &good).code, 235);
}

#[test]
fn a_client_id_by_mistake_is_recognised_and_a_change_counts_at_once() {
    let Some(kit) = Kit::find() else { return };
    let provider = kit.start(&["a-RS256"]);
    let site = site(&provider);
    let server = site.start();
    let token = provider.token("mail", "RS256");
    let mut client = connect(&site, &server);
    assert_eq!(xoauth2(&mut client, ACCOUNT, &token).code, 235);
    let app = |verb: &str, id: &str, more: &[&str]| {
        let words = ["sign-in", "app", verb, ACCOUNT, id];
        site.admin().run(&[&words[..], more].concat());
    };
    app("remove", OBJECT, &["--yes"]);
    let reply = client.command(&format!("MAIL FROM:<{ACCOUNT}>")).unwrap();
    assert_eq!(
        reply.status(),
        "535 5.7.3",
        "the session ends with its application"
    );
    app("add", "mail", &[]);
    let reply = said(&site, &server, &token);
    assert_eq!(reply.status(), "550 5.7.240");
    let words = format!("has the client id mail; replace it by the object id {OBJECT}");
    assert!(reply.text().contains(&words), "{reply:?}");
    app("add", OBJECT, &[]);
    assert_eq!(said(&site, &server, &token).code, 235);
    let mut client = connect(&site, &server);
    assert_eq!(xoauth2(&mut client, ACCOUNT, &token).code, 235);
    let none = ["sign-in", "issuer", "remove", &provider.issuer, "--yes"];
    site.admin().run(&none);
    let reply = client.command(&format!("MAIL FROM:<{ACCOUNT}>")).unwrap();
    assert_eq!(
        reply.status(),
        "535 5.7.3",
        "the session ends with its issuer"
    );
    let reply = connect(&site, &server).expect(250, "EHLO client.test");
    assert!(!reply.text().contains("XOAUTH2"), "{reply:?}");
}

#[test]
fn a_person_comes_in_by_the_own_object_id_and_not_by_the_applications() {
    const PERSON: &str = "bbbbbbbb-0000-4000-8000-000000000000";
    let Some(kit) = Kit::find() else { return };
    let provider = kit.start(&["a-RS256"]);
    let site = site(&provider);
    let server = site.start();
    site.admin()
        .run(&["sign-in", "app", "add", ACCOUNT, "person"]);
    let token = provider.token("person", "RS256");
    let reply = said(&site, &server, &token);
    assert_eq!(reply.status(), "550 5.7.240");
    let words = reply.text();
    assert!(
        words.contains("a person's") && words.contains(PERSON),
        "{words}"
    );
    site.admin()
        .run(&["sign-in", "app", "add", ACCOUNT, PERSON]);
    assert_eq!(said(&site, &server, &token).code, 235);
}

#[test]
fn new_keys_are_found_and_old_ones_serve_while_the_provider_is_away() {
    let Some(kit) = Kit::find() else { return };
    let provider = kit.start(&["a-RS256"]);
    let site = site(&provider);
    let server = site.start();
    let old = provider.token("mail", "RS256");
    assert_eq!(said(&site, &server, &old).code, 235);

    let away = provider.end();
    assert_eq!(said(&site, &server, &old).code, 235, "the keys are known");
    // A server that never had the keys says "later".
    let other = self::site(&kit.start(&["x-RS256"]));
    let words = ["sign-in", "issuer", "add", &away.0, "--audience", AUDIENCE];
    other.admin().run(&words);
    let second = other.start();
    let reply = said(&other, &second, &old);
    assert_eq!(reply.status(), "454 4.7.0", "{reply:?}");
    assert!(reply.text().contains(&away.0), "{reply:?}");

    let provider = kit.start_again(&away, &["b-ES256"]);
    let new = provider.token("mail", "ES256");
    for (site, server) in [(&site, &server), (&other, &second)] {
        until("the new key", || {
            let reply = said(site, server, &new);
            let is_later = reply.status() == "454 4.7.0";
            assert!(is_later || reply.code == 235, "never \"never\": {reply:?}");
            (!is_later).then_some(())
        });
        // It may be new, as far as is known, until the keys have been fetched once more.
        let reply = until("the end of the old key", || {
            let reply = said(site, server, &old);
            (reply.status() != "454 4.7.0").then_some(reply)
        });
        assert_eq!(reply.status(), "535 5.7.3", "the old key was withdrawn");
    }
}

#[test]
fn an_expired_token_is_named_as_such() {
    let Some(kit) = Kit::find() else { return };
    let provider = kit.start(&["a-RS256"]);
    let site = site(&provider);
    let server = site.start();
    let token = provider.token("hasty", "RS256");
    let reply = until("the end of the token", || {
        let reply = said(&site, &server, &token);
        (reply.status() != "535 5.7.142").then_some(reply)
    });
    assert_eq!(reply.status(), "535 5.7.143");
    assert!(reply.text().contains("expired at 20"), "{reply:?}");
    let reply = said(&site, &server, &provider.token("hasty", "RS256"));
    let about_to = ["535 5.7.142", "535 5.7.143"].contains(&reply.status().as_str());
    assert!(about_to, "{reply:?}");
}

#[test]
fn a_session_ends_with_its_token_and_what_is_on_its_way_arrives() {
    let Some(kit) = Kit::find() else { return };
    let provider = kit.start(&["a-RS256"]);
    let site = site(&provider);
    let server = site.start();
    let begun = hve_tests::now();
    let token = provider.token("brief", "RS256");
    let mut idle = connect(&site, &server);
    assert_eq!(xoauth2(&mut idle, ACCOUNT, &token).code, 235);
    let mut busy = connect(&site, &server);
    assert_eq!(xoauth2(&mut busy, ACCOUNT, &token).code, 235);
    busy.expect(250, &format!("MAIL FROM:<{ACCOUNT}>"));
    // It lives 40 seconds, by the provider's clock, which is ours and counts whole seconds.
    let limit = Duration::from_secs(42);
    within(limit * 2, "the end of the token", || {
        (begun.elapsed() > limit).then_some(())
    });
    busy.expect(250, &format!("RCPT TO:<{TO}>"));
    busy.expect(354, "DATA");
    busy.send(format!("From: {ACCOUNT}\r\nSubject: x\r\n\r\nx\r\n.\r\n"))
        .unwrap();
    busy.expect_reply(250);
    for client in [&mut busy, &mut idle] {
        let reply = client.command(&format!("MAIL FROM:<{ACCOUNT}>")).unwrap();
        assert_eq!(reply.status(), "535 5.7.143");
        assert!(client.rest().is_empty(), "the session is over");
    }
    assert_eq!(site.waiting_mails(TO, 1).len(), 1);
}
