//! User names and passwords that are wrong, or said wrongly.

use super::Case;
use crate::support::{ACCOUNT, Client, PASSWORD, Site, act, base64, until};

/// Signs in with PLAIN, in vain.
async fn plain(client: &mut Client, octets: &[u8], reply: &str) {
    client
        .ask(&format!("AUTH PLAIN {}", base64(octets)), reply)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_names_that_are_no_address() {
    for (user, key, words) in [
        ("hve01", "user-without-domain", "no domain"),
        ("CONTOSO\\hve01", "user-name", "Windows form"),
        (" hve01@contoso.test", "user-name", "white space"),
        (
            "Scanner <hve01@contoso.test>",
            "user-name",
            "not an address",
        ),
        (
            "hve01@contoso.test:canary",
            "user-and-password-in-one",
            "behind the address",
        ),
    ] {
        let case = Case::new().await;
        let mut client = case.client().await;
        client.sign_in(user, PASSWORD).await;
        let reply = client.expect("535 5.7.3 ").await;
        assert!(reply.contains("whole address"), "{reply}");
        drop(client);
        let failed = case.diagnosed(key, words).await;
        assert_eq!(failed.account, None);
        assert!(!format!("{failed:?}").contains("canary"), "{failed:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_passwords_that_are_wrong() {
    let wrong = "The password of hve01@contoso.test is wrong";
    for (user, key, words, account) in [
        (ACCOUNT, "wrong-password", wrong, true),
        ("hve02@contoso.test", "no-such-account", "hve02", true),
        // An address elsewhere may be a password.
        ("hve01@contso.test", "foreign-user-name", "domain", false),
    ] {
        let case = Case::new().await;
        let mut client = case.client().await;
        client.sign_in(user, "canary-canary").await;
        client.expect("535 5.7.3 ").await;
        drop(client);
        let failed = case.diagnosed(key, words).await;
        assert_eq!(failed.account.is_some(), account);
        let shown = format!("{failed:?}");
        assert!(account || !shown.contains("contso"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_16_base64_of_the_wrong_thing() {
    let twice = base64(b"\0hve01@contoso.test\0canary");
    let cases: [(&[u8], &str, &str); 4] = [
        (twice.as_bytes(), "base64-twice", "base64 of base64"),
        (b"hve01@contoso.test canary", "plain-form", "two NULs"),
        (b"hve01@contoso.test\0canary", "plain-form", "two NULs"),
        (b"\0hve01@contoso.test\0", "credentials-empty", "empty"),
    ];
    for (octets, key, words) in cases {
        let case = Case::new().await;
        let mut client = case.client().await;
        plain(&mut client, octets, "501 5.5.2 ").await;
        drop(client);
        case.diagnosed(key, words).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_16_login_answered_with_the_wrong_thing() {
    let both = base64(b"\0hve01@contoso.test\0canary");
    let twice = base64(base64(ACCOUNT.as_bytes()).as_bytes());
    for (response, key, words) in [
        (ACCOUNT, "not-base64", "is not base64"),
        (both.as_str(), "login-with-plain", "in one"),
        (twice.as_str(), "base64-twice", "base64 of base64"),
    ] {
        let case = Case::new().await;
        let mut client = case.client().await;
        client.ask("AUTH LOGIN", "334 ").await;
        client.ask(response, "501 5.5.2 ").await;
        // Many go on as if they had been asked for the password.
        client.ask("Y2FuYXJ5", "500 ").await;
        drop(client);
        let failed = case.diagnosed(key, words).await;
        assert_eq!(failed.diagnoses.len(), 1, "{failed:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ways_of_signing_in_that_are_not_offered() {
    let case = Case::new().await;
    let mut client = case.client().await;
    client.ask("AUTH NTLM", "504 ").await;
    client.ask("QUIT", "221 ").await;
    drop(client);
    case.diagnosed("mechanism-not-offered", "NTLM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_is_broken_off() {
    let case = Case::new().await;
    let mut client = case.client().await;
    client.ask("AUTH LOGIN", "334 ").await;
    client.ask("*", "501 ").await;
    drop(client);
    case.diagnosed("sign-in-cancelled", "broke off").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_does_not_sign_in() {
    let case = Case::new().await;
    let mut client = case.client().await;
    client
        .ask(&format!("MAIL FROM:<{ACCOUNT}>"), "530 5.7.57 ")
        .await;
    drop(client);
    case.diagnosed("no-sign-in", "without signing in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_says_helo() {
    let case = Case::new().await;
    let mut client = case.client().await;
    client.ask("HELO printer", "250 ").await;
    client.ask("AUTH LOGIN", "503 ").await;
    drop(client);
    case.diagnosed("no-ehlo", "HELO").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_password_that_a_rule_blocks() {
    let site = Site::new();
    site.store
        .change_tenant_sign_in(site.tenant.id, |of| of.security_defaults = true, &act())
        .unwrap();
    let case = Case::on(site).await;
    let mut client = case.client().await;
    client.sign_in(ACCOUNT, PASSWORD).await;
    client.expect("535 5.7.139 ").await;
    drop(client);
    case.diagnosed("rule-blocks", "Security defaults").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_20_a_name_that_was_guessed_at() {
    let mut site = Site::new();
    site.config.limits.guess_delay = std::time::Duration::ZERO;
    let case = Case::on(site).await;
    let mut guess = 0;
    'blocked: loop {
        let mut client = case.client().await;
        for _ in 0..4 {
            guess += 1;
            client.sign_in(ACCOUNT, &format!("guess-{guess}")).await;
            if client.reply().await.starts_with("454 4.7.0 ") {
                break 'blocked;
            }
        }
    }
    let blocked = || {
        let all = case.site.failed_sessions();
        all.into_iter()
            .flat_map(|one| one.diagnoses)
            .any(|of| of.key == "sign-in-blocked" && of.finding.contains("blocked"))
    };
    until("the block", blocked).await;
    case.service.stop().await.unwrap();
}
