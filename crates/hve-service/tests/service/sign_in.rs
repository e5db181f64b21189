//! Sign-in through the whole service (bad-inputs rows 17, 20, 21).

use hve_store::AccountChange;

use crate::support::{ACCOUNT, PASSWORD, Site, act, hash, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_users_and_wrong_passwords_hear_the_same() {
    let site = Site::new();
    let service = site.start().await;
    // A name that is no address gets a hint, whether it is part of an account's name or not.
    for users in [
        [ACCOUNT, "nobody@contoso.test", "nobody@elsewhere.test"],
        ["hve01", "nobody", "hve01@contoso.test "],
    ] {
        let mut replies = Vec::new();
        for user in users {
            let mut client = site.client(&service).await;
            let password = if user == ACCOUNT { "wrong" } else { PASSWORD };
            client.sign_in(user, password).await;
            let reply = client.expect("535 5.7.3 ").await;
            replies.push(reply.split_once(" [").unwrap().0.to_owned());
        }
        assert!(
            replies.iter().all(|reply| *reply == replies[0]),
            "{replies:?}"
        );
        let hint = replies[0].contains("whole address of the account");
        assert_eq!(hint, users[0] == "hve01", "{replies:?}");
    }
    let mut client = site.client(&service).await;
    client.sign_in("HVE01@Contoso.TEST", PASSWORD).await;
    client.expect("235 ").await;
    until("the counts", || site.refusals("wrong-credentials") == 3).await;
    let hinted = || site.refusals("user-name-no-address") == 3;
    until("the counts", hinted).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_17_other_spellings_of_a_user_name_are_other_names() {
    let site = Site::new();
    let name = "j\u{e9}r\u{f4}me@contoso.test"; // composed (NFC)
    let new = hve_store::NewAccount {
        tenant: site.tenant.id,
        address: name.parse().unwrap(),
        display_name: "Scanner".into(),
        alias: None,
        limits: hve_types::AccountLimits::default(),
        password: hash(PASSWORD),
    };
    site.store.add_account(&new, &act()).unwrap();
    let service = site.start().await;
    for (user, reply) in [
        ("HVE01@CONTOSO.TEST", "235 "),
        (name, "235 "),
        ("je\u{301}ro\u{302}me@contoso.test", "535 5.7.3 "), // decomposed (NFD)
        ("hve01@contoso.test.", "535 5.7.3 "),
        ("hve01@contoso.test ", "535 5.7.3 "),
        (" hve01@contoso.test", "535 5.7.3 "),
        ("hve01", "535 5.7.3 "),
        ("hve01@sub.contoso.test", "535 5.7.3 "),
    ] {
        let mut client = site.client(&service).await;
        client.sign_in(user, PASSWORD).await;
        client.expect(reply).await;
    }
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_acts_for_somebody_else() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = site.client(&service).await;
    client
        .sign_in_as("other@contoso.test", ACCOUNT, PASSWORD)
        .await;
    client.expect("535 5.7.3 ").await;
    client
        .sign_in_as("Hve01@contoso.test", ACCOUNT, PASSWORD)
        .await;
    client.expect("235 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_20_and_21_guesses_are_blocked_and_old_passwords_are_not() {
    let mut site = Site::new();
    // How long answers wait is tested where time can be wound.
    site.config.limits.guess_delay = std::time::Duration::ZERO;
    let service = site.start().await;
    // A known client: it has signed in from here before.
    site.signed_in(&service).await;
    for _ in 0..12 {
        let mut printer = site.client(&service).await;
        printer
            .sign_in("hve02@contoso.test", "the-old-password")
            .await;
        printer.expect("535 5.7.3 ").await;
    }
    for guess in 0..10 {
        let mut client = site.client(&service).await;
        client
            .sign_in("victim@contoso.test", &format!("guess-{guess}"))
            .await;
        client.expect("535 5.7.3 ").await;
    }
    let mut client = site.client(&service).await;
    client.sign_in("victim@contoso.test", "guess-10").await;
    let blocked = client.expect("454 4.7.0 ").await;
    assert!(blocked.contains("wait "), "{blocked}");
    let mut printer = site.client(&service).await;
    printer
        .sign_in("hve02@contoso.test", "the-old-password")
        .await;
    printer.expect("535 5.7.3 ").await;
    site.signed_in(&service).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_voids_what_was_verified() {
    let site = Site::new();
    let service = site.start().await;
    let mut before = site.signed_in(&service).await;
    let change = AccountChange {
        password: Some(hash("another-long-password")),
        ..AccountChange::default()
    };
    site.store
        .change_account(site.account.id, &change, &act())
        .unwrap();
    let mut client = site.client(&service).await;
    client.sign_in(ACCOUNT, PASSWORD).await;
    client.expect("535 5.7.3 ").await;
    client.sign_in(ACCOUNT, "another-long-password").await;
    client.expect("235 ").await;
    let refused = before
        .ask(&format!("MAIL FROM:<{ACCOUNT}>"), "535 5.7.3 ")
        .await;
    assert!(refused.contains("sign in again"), "{refused}");
    before.expect_end().await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_is_told_after_the_right_password_only() {
    let site = Site::new();
    let service = site.start().await;
    site.store
        .suspend_account(site.account.id, "abuse reported", None, &act())
        .unwrap();
    let mut client = site.client(&service).await;
    client.sign_in(ACCOUNT, "wrong-password").await;
    let wrong = client.expect("535 5.7.3 ").await;
    assert!(!wrong.contains("abuse"), "{wrong}");
    client.sign_in(ACCOUNT, PASSWORD).await;
    let right = client.expect("535 5.7.3 ").await;
    assert!(right.contains("abuse reported"), "{right}");
    site.store.resume_account(site.account.id, &act()).unwrap();
    client.sign_in(ACCOUNT, PASSWORD).await;
    client.expect("235 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_one_account_are_limited_at_sign_in() {
    let site = Site::new();
    let mut limits = site.tenant.limits.clone();
    limits.sessions_per_account = std::num::NonZeroU32::MIN;
    site.store
        .change_tenant_limits(site.tenant.id, |of| *of = limits.clone(), &act())
        .unwrap();
    let service = site.start().await;
    let mut first = site.signed_in(&service).await;
    let mut second = site.client(&service).await;
    second.sign_in(ACCOUNT, PASSWORD).await;
    second.expect("432 4.3.2 ").await;
    second.expect_end().await;
    first.ask("QUIT", "221 ").await;
    first.expect_end().await;
    until("its place", || service.sessions() == 0).await;
    site.signed_in(&service).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_named_only_to_who_knows_the_password() {
    let site = Site::new();
    let service = site.start().await;
    let mut open = site.signed_in(&service).await;
    let set = |on: bool| {
        site.store
            .change_tenant_sign_in(site.tenant.id, |rules| rules.security_defaults = on, &act())
            .unwrap();
    };
    set(true);
    let mut stranger = site.client(&service).await;
    stranger.sign_in(ACCOUNT, "wrong-password").await;
    stranger.expect("535 5.7.3 ").await;
    let mut device = site.client(&service).await;
    device.sign_in(ACCOUNT, PASSWORD).await;
    let reply = device.expect("535 5.7.139 ").await;
    assert!(reply.contains("Security defaults"), "{reply}");
    // A session that is open hears of it at its next MAIL.
    open.say(&format!("MAIL FROM:<{ACCOUNT}>")).await;
    open.expect("535 5.7.139 ").await;
    set(false);
    let mut device = site.client(&service).await;
    device.sign_in(ACCOUNT, PASSWORD).await;
    device.expect("235 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_transport_switch_for_mailboxes_stops_no_account() {
    let site = Site::new();
    let service = site.start().await;
    let change = |rules: &mut hve_types::TenantSignIn| {
        rules.smtp_client_authentication_disabled = true;
    };
    site.store
        .change_tenant_sign_in(site.tenant.id, change, &act())
        .unwrap();
    let mut device = site.client(&service).await;
    device.sign_in(ACCOUNT, PASSWORD).await;
    device.expect("235 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_bound_to_its_address_list() {
    let site = Site::new();
    let service = site.start().await;
    let bind = |network: &str| {
        let network = network.parse().unwrap();
        site.store
            .change_account_sign_in(site.account.id, |of| of.networks = vec![network], &act())
            .unwrap();
    };
    bind("192.0.2.0/24");
    let mut device = site.client(&service).await;
    device.sign_in(ACCOUNT, PASSWORD).await;
    let reply = device.expect("535 5.7.139 ").await;
    assert!(reply.contains("does not hold 127.0.0.1"), "{reply}");
    bind("127.0.0.0/8");
    let mut device = site.client(&service).await;
    device.sign_in(ACCOUNT, PASSWORD).await;
    device.expect("235 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_22_two_secrets_rotate_without_a_gap() {
    const NEW: &str = "the password of next year";
    let site = Site::new();
    let service = site.start().await;
    let mut early = site.client(&service).await;
    early.sign_in(ACCOUNT, NEW).await;
    early.expect("535 5.7.3 ").await;
    let mut with_old = site.signed_in(&service).await;
    let user = ACCOUNT.parse().unwrap();
    let known = site.store.credential(&user).unwrap().unwrap();
    let new = hve_store::NewSecret {
        label: "next year".into(),
        password: known.secrets[0]
            .hash
            .derive_beside(&NEW.into())
            .unwrap()
            .into(),
        expires_at: None,
    };
    site.store
        .add_secret(site.account.id, &new, &act())
        .unwrap();
    // It works at once, though it was wrong a moment ago, and so does the old one.
    let mut with_new = site.client(&service).await;
    with_new.sign_in(ACCOUNT, NEW).await;
    with_new.expect("235 ").await;
    let mail = format!("MAIL FROM:<{ACCOUNT}>");
    with_old.say(&mail).await;
    with_old.expect("250 ").await;
    with_old.say("RSET").await;
    with_old.expect("250 ").await;

    let label = &known.account.secrets[0].label;
    site.store
        .revoke_secret(site.account.id, label, &act())
        .unwrap();
    with_old.say(&mail).await;
    with_old.expect("535 5.7.3 ").await;
    with_new.say(&mail).await;
    with_new.expect("250 ").await;
    let mut revoked = site.client(&service).await;
    revoked.sign_in(ACCOUNT, PASSWORD).await;
    revoked.expect("535 5.7.3 ").await;
    // Its transaction is open: the end of the service would wait for it.
    drop(with_new);
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bare_line_feeds_are_forgiven_where_the_account_says_so() {
    const MESSAGE: &[u8] = b"Subject: Toner\n\nIt is low.\n\r\n.\r\n";
    let site = Site::new();
    let service = site.start().await;
    for (forgiven, reply) in [(false, "550 5.6.11 "), (true, "250 2.0.0 ")] {
        site.store
            .change_account_sign_in(site.account.id, |of| of.leniency.bare_lf = forgiven, &act())
            .unwrap();
        let mut device = site.signed_in(&service).await;
        device.say(&format!("MAIL FROM:<{ACCOUNT}>")).await;
        device.expect("250 ").await;
        device.say("RCPT TO:<ann@contoso.test>").await;
        device.expect("250 ").await;
        device.say("DATA").await;
        device.expect("354 ").await;
        device.send(MESSAGE).await;
        device.expect(reply).await;
    }
    service.stop().await.unwrap();
}
