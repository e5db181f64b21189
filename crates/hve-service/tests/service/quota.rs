//! What the commit decides, and what is known of it before (bad-inputs row 42).

use std::num::NonZeroU32;

use hve_store::AccountChange;
use hve_types::Ceiling;

use crate::support::{ACCOUNT, Site, act};

const TEXT: &str = "Subject: x\r\n\r\nx";

#[expect(
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]
fn set_limit(site: &Site, recipients: u64) {
    let mut limits = site.tenant.limits.clone();
    limits.recipients_per_day = Ceiling::AtMost(recipients);
    site.store
        .change_tenant_limits(site.tenant.id, |of| *of = limits.clone(), &act())
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_42_a_full_quota_says_when_and_a_raised_one_lets_through() {
    let site = Site::new();
    set_limit(&site, 2);
    let service = site.start().await;
    let mut client = site.signed_in(&service).await;
    let accepted = client
        .submit(&["a@contoso.test", "b@contoso.test"], TEXT)
        .await;
    assert!(accepted.starts_with("250 "), "{accepted}");
    let refused = client.submit(&["c@contoso.test"], TEXT).await;
    assert!(refused.starts_with("452 4.7.1 "), "{refused}");
    assert!(refused.contains("2 of 2 recipients"), "{refused}");
    assert!(refused.contains("room from 20"), "{refused}");
    // From now on it is told before the body comes.
    client.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
    client.ask("RCPT TO:<c@contoso.test>", "452 4.7.1 ").await;
    set_limit(&site, 3);
    client.ask("RCPT TO:<c@contoso.test>", "250 ").await;
    client.ask("RSET", "250 ").await;
    let accepted = client.submit(&["c@contoso.test"], TEXT).await;
    assert!(accepted.starts_with("250 "), "{accepted}");
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_beyond_the_whole_quota_is_refused_for_good() {
    let site = Site::new();
    set_limit(&site, 1);
    let service = site.start().await;
    let mut client = site.signed_in(&service).await;
    client.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
    client.ask("RCPT TO:<a@contoso.test>", "250 ").await;
    // Told before the body comes, and the recipients until then stand.
    let refused = client.ask("RCPT TO:<b@contoso.test>", "550 5.7.1 ").await;
    assert!(refused.contains("The organisation's quota"), "{refused}");
    client.ask("DATA", "354 ").await;
    client.ask("Subject: x\r\n\r\nx\r\n.", "250 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_of_nothing_refuses_the_first_recipient() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = site.signed_in(&service).await;
    let nothing = AccountChange {
        recipients_per_day: Some(Ceiling::AtMost(0)),
        ..AccountChange::default()
    };
    site.store
        .change_account(site.account.id, &nothing, &act())
        .unwrap();
    client.ask(&format!("MAIL FROM:<{ACCOUNT}>"), "250 ").await;
    let refused = client.ask("RCPT TO:<a@contoso.test>", "550 5.7.1 ").await;
    assert!(refused.contains("This account's quota"), "{refused}");
    let unlimited = AccountChange {
        recipients_per_day: Some(Ceiling::Unlimited),
        ..AccountChange::default()
    };
    site.store
        .change_account(site.account.id, &unlimited, &act())
        .unwrap();
    client.ask("RCPT TO:<a@contoso.test>", "250 ").await;
    set_limit(&site, 0);
    let refused = client.ask("RCPT TO:<b@contoso.test>", "550 5.7.1 ").await;
    assert!(refused.contains("The organisation's quota"), "{refused}");
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_too_fast_hears_how_long_to_wait() {
    let site = Site::new();
    let change = AccountChange {
        messages_per_minute: Some(Some(NonZeroU32::MIN)),
        ..AccountChange::default()
    };
    site.store
        .change_account(site.account.id, &change, &act())
        .unwrap();
    let service = site.start().await;
    let mut client = site.signed_in(&service).await;
    let first = client.submit(&["a@contoso.test"], TEXT).await;
    assert!(first.starts_with("250 "), "{first}");
    let second = client.submit(&["a@contoso.test"], TEXT).await;
    assert!(second.starts_with("450 4.7.1 "), "{second}");
    assert!(second.contains(" seconds"), "{second}");
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sender_author_and_size_are_judged() {
    let site = Site::new();
    let mut limits = site.tenant.limits.clone();
    limits.message_octets = 1000;
    site.store
        .change_tenant_limits(site.tenant.id, |of| *of = limits.clone(), &act())
        .unwrap();
    let service = site.start().await;
    let mut client = site.signed_in(&service).await;
    client
        .ask("MAIL FROM:<other@contoso.test>", "550 5.7.62 ")
        .await;
    client.ask("MAIL FROM:<>", "550 5.7.62 ").await;
    client
        .ask(&format!("MAIL FROM:<{ACCOUNT}> SIZE=1001"), "552 5.3.4 ")
        .await;
    let other = "From: other@contoso.test\r\n\r\nx";
    let refused = client.submit(&["a@contoso.test"], other).await;
    assert!(refused.starts_with("550 5.6.241 "), "{refused}");
    let large = format!("Subject: large\r\n\r\n{}", "x".repeat(990));
    let refused = client.submit(&["a@contoso.test"], &large).await;
    assert!(refused.starts_with("552 5.3.4 "), "{refused}");
    service.stop().await.unwrap();
}
