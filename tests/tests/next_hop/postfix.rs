//! Postfix as smart host: what it takes arrives in its mailboxes, and what it refuses is final.

use hve_tests::{ACCOUNT, Pair, Postfix, Server, Site, mails, until};

use crate::{submit, until_queue_is_empty};

/// Delivers for `contoso.test` itself, into Maildirs, and knows two users.
fn smart_host() -> Option<Postfix> {
    smart_host_with("")
}

fn smart_host_with(settings: &str) -> Option<Postfix> {
    let usual = "virtual_mailbox_domains = contoso.test\n\
         virtual_mailbox_base = ${queue_directory}/../mail\n\
         virtual_mailbox_maps = inline:{ { a@contoso.test = contoso.test/a/ }, \
         { b@contoso.test = contoso.test/b/ } }\n\
         virtual_minimum_uid = 1\nvirtual_uid_maps = static:8\nvirtual_gid_maps = static:8\n\
         virtual_transport = virtual\n";
    Postfix::start(&format!("{usual}{settings}\n"))
}

fn arrived(postfix: &Postfix, address: &str, count: usize) {
    until(
        &format!("{count} messages for {address} in {}", postfix.log()),
        || (mails(&postfix.mail(), address).len() >= count).then_some(()),
    );
}

#[test]
fn mail_arrives_through_a_smart_host() {
    let Some(postfix) = smart_host() else {
        return;
    };
    let site = Site::new().routed(&format!("smtp://{}", postfix.address()));
    let server = site.start();
    for number in 0..5 {
        let to = ["a@contoso.test", "b@contoso.test"];
        submit(&site, &server, &to, &format!("number {number}"));
    }
    arrived(&postfix, "a@contoso.test", 5);
    arrived(&postfix, "b@contoso.test", 5);
    until_queue_is_empty(&site);
    let mails = mails(&postfix.mail(), "a@contoso.test");
    let from = "Return-Path: <hve01@contoso.test>\n";
    assert!(mails.iter().all(|mail| mail.text().starts_with(from)));
}

#[test]
fn what_the_smart_host_refuses_is_given_up_with_its_words() {
    let Some(postfix) = smart_host() else {
        return;
    };
    let site = Site::new().routed(&format!("smtp://{}", postfix.address()));
    let server = site.start();
    submit(&site, &server, &["nobody@contoso.test"], "to nobody");
    until("Postfix's refusal in the log", || {
        server.log().contains("550 5.1.1").then_some(())
    });
    until_queue_is_empty(&site);
}

#[test]
fn row_55_tls_that_is_required_and_not_there_keeps_the_mail_back() {
    let Some(postfix) = smart_host() else {
        return;
    };
    let route = format!("smtp://{}?tls=required", postfix.address());
    let site = Site::new().routed(&route);
    let server = site.start();
    submit(&site, &server, &["a@contoso.test"], "in the clear");
    let words = "TLS is required and the next hop does not offer it";
    until("the reason in the queue", || {
        let text = format!("{:?}", site.admin().queue());
        text.contains(words).then_some(())
    });
    assert!(
        !postfix.log().contains("client=") && mails(&postfix.mail(), "a@contoso.test").is_empty()
    );
}

#[test]
fn the_mark_of_a_route_is_the_servers_word_alone() {
    let Some(postfix) = smart_host() else {
        return;
    };
    let site = Site::new().routed(&format!("smtp://{}?mark=house", postfix.address()));
    let marks = "[[delivery.marks]]\nname = \"house\"\nfield = \"X-House: a word\"\n";
    std::fs::write(site.config(), site.config_text() + marks).unwrap();
    let server = Server::run(&site.config());
    let content = "From: hve01@contoso.test\r\nx-house: a word\r\nSubject: marked\r\n\r\nbody";
    let mut client = site.signed_in(&server);
    let reply = client
        .submit(ACCOUNT, &["a@contoso.test"], content)
        .unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
    arrived(&postfix, "a@contoso.test", 1);
    let mail = mails(&postfix.mail(), "a@contoso.test").remove(0).text();
    assert_eq!(mail.to_lowercase().matches("x-house:").count(), 1, "{mail}");
    assert!(mail.contains("X-House: a word"), "{mail}");
    assert!(
        !server.log().contains("a word"),
        "it is as good as a password"
    );
}

#[test]
fn row_55_tls_with_a_smart_host_is_as_good_as_its_certificate() {
    let (pair, folder) = (Pair::generate(), tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name);
    pair.write(&path("cert.pem"), &path("key.pem"));
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let settings = format!(
        "smtpd_tls_security_level = may\nsmtpd_tls_loglevel = 1\n\
         smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n",
        cert.display(),
        key.display()
    );
    let Some(postfix) = smart_host_with(&settings) else {
        return;
    };
    let (port, ca) = (postfix.address().port(), cert.display());
    let good = format!("smtp://127.0.0.1:{port}?ca={ca}&name=localhost");
    let site = Site::new().routed(&good);
    let server = site.start();
    submit(&site, &server, &["a@contoso.test"], "protected");
    arrived(&postfix, "a@contoso.test", 1);
    drop(server);
    let bad = format!("smtp://127.0.0.1:{port}?ca={ca}&name=other.test");
    let site = Site::new().routed(&bad);
    let server = site.start();
    submit(&site, &server, &["a@contoso.test"], "kept back");
    until("the reason in the queue", || {
        let text = format!("{:?}", site.admin().queue());
        text.contains("not valid for name").then_some(())
    });
    assert_eq!(mails(&postfix.mail(), "a@contoso.test").len(), 1);
    let log = postfix.log();
    assert!(log.contains("TLS connection established"), "{log}");
}

#[test]
fn mail_that_is_put_off_by_the_smart_host_waits_with_its_words() {
    let greylist = "smtpd_recipient_restrictions = \
                    check_recipient_access inline:{ { b@contoso.test = 450 4.2.0 Greylisted } }, \
                    permit_mynetworks, reject\n";
    let Some(postfix) = smart_host_with(greylist) else {
        return;
    };
    let site = Site::new().routed(&format!("smtp://{}", postfix.address()));
    let server = site.start();
    let to = ["a@contoso.test", "b@contoso.test"];
    submit(&site, &server, &to, "greylisted");
    arrived(&postfix, "a@contoso.test", 1);
    until("the reason in the queue", || {
        let text = format!("{:?}", site.admin().queue());
        text.contains("450 4.2.0").then_some(())
    });
    assert!(mails(&postfix.mail(), "b@contoso.test").is_empty());
}
