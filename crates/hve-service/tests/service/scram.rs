//! SCRAM through the whole service (bad-inputs row 19).

#![expect(
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use hve_auth::{HashCost, PasswordHash, StoredPassword};
use hve_store::{AccountChange, NewSecret, Store};
use hve_types::AuthenticationPolicy;
use sha2::{Digest, Sha256};

use crate::support::{ACCOUNT, Client, PASSWORD, Site, act, hash, until};

/// A client of the test's own, which can do wrong.
struct Scram<'a> {
    user: &'a str,
    password: &'a str,
    header: &'a str,
    /// What it believes the connection is.
    exported: Vec<u8>,
    mechanism: &'a str,
}

impl<'a> Scram<'a> {
    fn new(user: &'a str, password: &'a str) -> Self {
        Self {
            user,
            password,
            header: "n,,",
            exported: Vec::new(),
            mechanism: "SCRAM-SHA-256",
        }
    }

    fn plus(client: &Client) -> Self {
        Self {
            header: "p=tls-exporter,,",
            exported: client.exported.unwrap().to_vec(),
            mechanism: "SCRAM-SHA-256-PLUS",
            ..Self::new(ACCOUNT, PASSWORD)
        }
    }

    fn bare(&self) -> String {
        format!("n={},r=the-nonce-of-the-client", self.user)
    }

    /// Says the first message; gives the server's, out of base64.
    async fn begin(&self, client: &mut Client) -> String {
        let first = STANDARD.encode(format!("{}{}", self.header, self.bare()));
        let reply = client
            .ask(&format!("AUTH {} {first}", self.mechanism), "334 ")
            .await;
        said(&reply)
    }

    /// The final message, and what the server has to say to it.
    fn end(&self, challenge: &str) -> (String, String) {
        let mut attributes = challenge.split(',');
        let nonce = attributes.next().unwrap();
        let salt = attributes.next().unwrap().strip_prefix("s=").unwrap();
        let count = attributes.next().unwrap().strip_prefix("i=").unwrap();
        let salt = STANDARD.decode(salt).unwrap();
        let mut salted = [0; 32];
        let count = count.parse().unwrap();
        pbkdf2::pbkdf2_hmac::<Sha256>(self.password.as_bytes(), &salt, count, &mut salted);
        let binding = STANDARD.encode([self.header.as_bytes(), &self.exported].concat());
        let without_proof = format!("c={binding},{nonce}");
        let auth_message = format!("{},{challenge},{without_proof}", self.bare());
        let client_key = hmac(&salted, b"Client Key");
        let mut proof = hmac(&Sha256::digest(client_key), auth_message.as_bytes());
        proof.iter_mut().zip(client_key).for_each(|(a, b)| *a ^= b);
        let signature = hmac(&hmac(&salted, b"Server Key"), auth_message.as_bytes());
        (
            format!("{without_proof},p={}", STANDARD.encode(proof)),
            format!("v={}", STANDARD.encode(signature)),
        )
    }

    /// A proof made of nothing, which spares the work, in base64.
    fn guess(&self, challenge: &str) -> String {
        let (nonce, _) = challenge.split_once(',').unwrap();
        let (binding, proof) = (STANDARD.encode(self.header), STANDARD.encode([0; 32]));
        STANDARD.encode(format!("c={binding},{nonce},p={proof}"))
    }

    /// The whole exchange, which has to come to this reply.
    async fn sign_in(&self, client: &mut Client, reply: &str) {
        let challenge = self.begin(client).await;
        let (last, signature) = self.end(&challenge);
        client.say(&STANDARD.encode(last)).await;
        if reply.starts_with('2') {
            assert_eq!(said(&client.expect("334 ").await), signature);
            client.say("").await;
        }
        client.expect(reply).await;
    }
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn said(reply: &str) -> String {
    let octets = STANDARD.decode(reply.strip_prefix("334 ").unwrap().trim_end());
    String::from_utf8(octets.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_password_serves_every_mechanism() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = site.client(&service).await;
    let offered = client.ask("EHLO client.test", "250-").await;
    let list = "AUTH LOGIN PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n";
    assert!(offered.ends_with(list), "{offered}");
    Scram::new(ACCOUNT, PASSWORD)
        .sign_in(&mut client, "235 ")
        .await;
    let sent = client.submit(&["you@contoso.test"], "Subject: x\r\n\r\nx");
    assert!(sent.await.starts_with("250 "));
    let mut client = site.client(&service).await;
    Scram::plus(&client).sign_in(&mut client, "235 ").await;
    let trust = site.trust();
    let mut client = Client::connect_implicit(service.addresses()[1], trust).await;
    client.expect("220 ").await;
    client.ask("EHLO client.test", "250-").await;
    Scram::plus(&client).sign_in(&mut client, "235 ").await;
    site.signed_in(&service).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_19_unknown_users_hear_what_known_ones_do() {
    let site = Site::new();
    // As `hve-admin` sets a password.
    let salt = site.store.scram_salts().unwrap().of(ACCOUNT);
    let stored = StoredPassword::new(hash(PASSWORD).hash, &PASSWORD.into(), salt);
    set_password(&site.store, &site, stored);
    let service = site.start().await;
    let mut heard = Vec::new();
    for user in [ACCOUNT, "nobody@contoso.test", "no-address"] {
        let mut client = site.client(&service).await;
        let scram = Scram::new(user, "a-wrong-password");
        let first = scram.begin(&mut client).await;
        client.say(&scram.guess(&first)).await;
        let refused = client.expect("535 5.7.3 ").await;
        let mut attributes = first.split(',').map(str::to_owned);
        let (nonce, salt) = (attributes.next().unwrap(), attributes.next().unwrap());
        let words = refused.split_once(" [").unwrap().0.to_owned();
        heard.push((nonce.len(), salt.len(), attributes.next(), words));
        // And the same salt another time.
        assert_eq!(
            scram.begin(&mut client).await.split(',').nth(1),
            Some(&*salt)
        );
    }
    // A name that is no address is told so, as by PLAIN.
    assert!(heard[2].3.contains("whole address"), "{heard:?}");
    heard[2].3 = heard[0].3.clone();
    assert!(heard.iter().all(|of| *of == heard[0]), "{heard:?}");
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_19_what_was_tampered_with_is_refused_with_its_cause() {
    let site = Site::new();
    let service = site.start().await;
    let tampered = |change: fn(String) -> String, reply: &'static str| {
        let (site, service) = (&site, &service);
        async move {
            let mut client = site.client(service).await;
            let scram = Scram::plus(&client);
            let challenge = scram.begin(&mut client).await;
            let last = change(scram.end(&challenge).0);
            client.ask(&STANDARD.encode(last), reply).await
        }
    };
    let nonce = tampered(|last| last.replace("r=the", "r=tha"), "535 5.7.3 ").await;
    assert!(nonce.contains("nonce"), "{nonce}");
    tampered(|last| format!("{last},x=y"), "501 5.5.2 ").await;
    tampered(|last| last.replace(",p=", ",m=1,p="), "501 5.5.4 ").await;

    let mut client = site.client(&service).await;
    let elsewhere = Scram {
        exported: vec![0; 32],
        ..Scram::plus(&client)
    };
    elsewhere.sign_in(&mut client, "535 5.7.3 ").await;
    // The same session takes the right one.
    Scram::plus(&client).sign_in(&mut client, "235 ").await;

    for (mechanism, header, reply) in [
        ("SCRAM-SHA-256", "y,,", "535 5.7.3 "),
        ("SCRAM-SHA-256", "p=tls-exporter,,", "501 5.5.4 "),
        ("SCRAM-SHA-256-PLUS", "n,,", "501 5.5.4 "),
        ("SCRAM-SHA-256-PLUS", "p=tls-unique,,", "501 5.5.4 "),
        ("SCRAM-SHA-256", "n,a=boss@contoso.test,", "535 5.7.3 "),
        ("SCRAM-SHA-256", "n,,m=x,", "501 5.5.4 "),
    ] {
        let mut client = site.client(&service).await;
        let first = STANDARD.encode(format!("{header}n={ACCOUNT},r=nonce"));
        client
            .ask(&format!("AUTH {mechanism} {first}"), reply)
            .await;
    }
    until("the count", || site.refusals("scram-downgrade") == 1).await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_19_an_exchange_that_was_broken_off_leaves_nothing() {
    let site = Site::new();
    let service = site.start().await;
    let mut client = site.client(&service).await;
    let scram = Scram::new(ACCOUNT, PASSWORD);
    let challenge = scram.begin(&mut client).await;
    client.ask("*", "501 ").await;
    let (last, _) = scram.end(&challenge);
    // The proof of the old exchange, in a new one.
    let again = scram.begin(&mut client).await;
    assert_ne!(again, challenge, "another nonce");
    client.ask(&STANDARD.encode(&last), "535 5.7.3 ").await;
    // Broken off after the server's last words: nobody is signed in.
    let challenge = scram.begin(&mut client).await;
    client
        .ask(&STANDARD.encode(scram.end(&challenge).0), "334 ")
        .await;
    client.ask("*", "501 ").await;
    client
        .ask(&format!("MAIL FROM:<{ACCOUNT}>"), "530 5.7.")
        .await;
    // What the client says to those words has to be nothing.
    let challenge = scram.begin(&mut client).await;
    client
        .ask(&STANDARD.encode(scram.end(&challenge).0), "334 ")
        .await;
    client.ask("eA==", "501 5.5.2 ").await;
    scram.sign_in(&mut client, "235 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_secrets_one_revoked_and_one_without_keys() {
    const NEW: &str = "the password of next year";
    let site = Site::new();
    let service = site.start().await;
    let add = |label: &str, password: StoredPassword| {
        let new = NewSecret {
            label: label.into(),
            password,
            expires_at: None,
        };
        site.store
            .add_secret(site.account.id, &new, &act())
            .unwrap();
    };
    add("new", hash(NEW));
    for password in [PASSWORD, NEW] {
        let mut client = site.client(&service).await;
        Scram::new(ACCOUNT, password)
            .sign_in(&mut client, "235 ")
            .await;
    }
    let mut with_old = site.client(&service).await;
    Scram::new(ACCOUNT, PASSWORD)
        .sign_in(&mut with_old, "235 ")
        .await;
    let revoked = site
        .store
        .revoke_secret(site.account.id, "password", &act());
    revoked.unwrap();
    with_old
        .ask(&format!("MAIL FROM:<{ACCOUNT}>"), "535 5.7.3 ")
        .await;
    let mut client = site.client(&service).await;
    let old = Scram::new(ACCOUNT, PASSWORD);
    old.sign_in(&mut client, "535 5.7.3 ").await;
    // Set before there was SCRAM: PLAIN takes it, SCRAM does not.
    let cost = HashCost::default();
    add(
        "older",
        PasswordHash::derive(&"the-oldest-one".into(), [7; 16], cost)
            .unwrap()
            .into(),
    );
    let oldest = Scram::new(ACCOUNT, "the-oldest-one");
    oldest.sign_in(&mut client, "535 5.7.3 ").await;
    client.sign_in(ACCOUNT, "the-oldest-one").await;
    client.expect("235 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_told_after_a_right_proof_and_before_the_server_proves_itself() {
    let site = Site::new();
    let service = site.start().await;
    let change = site.store.change_tenant_sign_in(
        site.tenant.id,
        |sign_in| {
            let name: hve_types::PolicyName = "none".parse().unwrap();
            sign_in
                .policies
                .insert(name.clone(), AuthenticationPolicy::default());
            sign_in.default_policy = Some(name);
        },
        &act(),
    );
    change.unwrap();
    let mut client = site.client(&service).await;
    let right = Scram::new(ACCOUNT, PASSWORD);
    right.sign_in(&mut client, "535 5.7.139 ").await;
    let wrong = Scram::new(ACCOUNT, "a-wrong-password");
    wrong.sign_in(&mut client, "535 5.7.3 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_20_each_wrong_proof_is_a_guess() {
    let mut site = Site::new();
    site.config.limits.guess_delay = std::time::Duration::ZERO;
    let service = site.start().await;
    let wrong = Scram::new("victim@contoso.test", "the same each time");
    let mut blocked = false;
    for _ in 0..6 {
        let mut client = site.client(&service).await;
        for _ in 0..2 {
            let challenge = wrong.begin(&mut client).await;
            client.say(&wrong.guess(&challenge)).await;
            blocked |= client.reply().await.starts_with("454 4.7.0 ");
        }
    }
    assert!(blocked);
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_21_an_old_password_repeated_is_one_guess() {
    let mut site = Site::new();
    site.config.limits.guess_delay = std::time::Duration::ZERO;
    let service = site.start().await;
    let mut client = site.client(&service).await;
    let printer = Scram::new(ACCOUNT, PASSWORD);
    printer.sign_in(&mut client, "235 ").await;
    set_password(&site.store, &site, hash("another-long-password"));
    for _ in 0..8 {
        let mut client = site.client(&service).await;
        for _ in 0..4 {
            printer.sign_in(&mut client, "535 5.7.3 ").await;
        }
    }
    // Nobody is blocked.
    let mut client = site.client(&service).await;
    let right = Scram::new(ACCOUNT, "another-long-password");
    right.sign_in(&mut client, "235 ").await;
    service.stop().await.unwrap();
}

fn set_password(store: &Store, site: &Site, password: StoredPassword) {
    let change = AccountChange {
        password: Some(password),
        ..AccountChange::default()
    };
    store
        .change_account(site.account.id, &change, &act())
        .unwrap();
}
