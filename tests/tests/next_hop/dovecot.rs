//! Dovecot takes mail by LMTP and says of each recipient what became of it.

use hve_tests::{Dovecot, Site};

use crate::{submit, until_queue_is_empty};

const USERS: [&str; 2] = ["a@contoso.test", "b@contoso.test"];

#[test]
fn mail_arrives_by_lmtp() {
    let Some(dovecot) = Dovecot::start(&USERS, "") else {
        return;
    };
    let site = Site::new().routed(&format!("lmtp://{}", dovecot.address()));
    let server = site.start();
    for number in 0..5 {
        submit(&site, &server, &USERS, &format!("Über {number}"));
    }
    for user in USERS {
        let mails = dovecot.waiting_mails(user, 5);
        assert_eq!(mails.len(), 5);
        for number in 0..5 {
            let body = format!("Über {number}\r\n");
            let body_lf = format!("Über {number}\n");
            let found = mails.iter().any(|mail| {
                let text = mail.text();
                text.ends_with(&body) || text.ends_with(&body_lf)
            });
            assert!(found, "{}", dovecot.log());
        }
    }
    until_queue_is_empty(&site);
}

#[test]
fn row_54_of_two_recipients_one_is_unknown_to_dovecot() {
    let Some(dovecot) = Dovecot::start(&USERS, "") else {
        return;
    };
    let route = format!("lmtp+unix:{}", dovecot.socket().display());
    let site = Site::new().routed(&route);
    let server = site.start();
    submit(&site, &server, &["nobody@contoso.test", USERS[0]], "half");
    assert_eq!(dovecot.waiting_mails(USERS[0], 1).len(), 1);
    hve_tests::until("the words of Dovecot in the log", || {
        let log = server.log();
        log.contains("550 5.1.1").then_some(())
    });
}

#[test]
fn one_domain_goes_to_dovecot_and_another_into_maildirs() {
    let Some(dovecot) = Dovecot::start(&["a@lab.contoso.test"], "") else {
        return;
    };
    let exception = format!(
        "[[delivery.routes]]\ndomain = \"lab.contoso.test\"\nroute = \"lmtp://{}\"\n",
        dovecot.address()
    );
    let site = Site::new().delivery(&exception);
    site.admin().run(&["domain", "add", "lab.contoso.test"]);
    let server = site.start();
    submit(&site, &server, &["a@lab.contoso.test", USERS[0]], "both");
    assert_eq!(dovecot.waiting_mails("a@lab.contoso.test", 1).len(), 1);
    assert_eq!(site.waiting_mails(USERS[0], 1).len(), 1);
    until_queue_is_empty(&site);
}
