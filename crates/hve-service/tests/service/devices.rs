//! What single devices need: client certificates, and a short list of mechanisms.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

use hve_service::Service;
use hve_types::{AccountSignIn, CertificateFingerprint};

use crate::support::{ACCOUNT, Client, OwnCertificate, PASSWORD, Site, act, until};

impl Site {
    fn change_sign_in(&self, change: impl FnOnce(&mut AccountSignIn)) {
        let changed = self
            .store
            .change_account_sign_in(self.account.id, change, &act());
        changed.unwrap();
    }

    fn fingerprint(&self, of: &OwnCertificate) -> CertificateFingerprint {
        let file = self.path("scanner.pem");
        std::fs::write(&file, &of.pem).unwrap();
        hve_service::tls::read_fingerprint(&file).unwrap()
    }

    /// A client that shows a certificate, and what AUTH offers it.
    async fn showing(&self, own: &OwnCertificate, service: &Service) -> (Client, String) {
        let mut client = Client::connect(service.addresses()[0]).await;
        client.expect("220 ").await;
        let mut client = client.start_tls(self.trust_and_show(own)).await;
        let offered = offered(&mut client).await;
        (client, offered)
    }
}

async fn offered(client: &mut Client) -> String {
    let reply = client.ask("EHLO client.test", "250").await;
    let line = reply.lines().find(|line| line.contains("AUTH "));
    line.unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_its_list_signs_an_account_in() {
    let site = Site::new();
    let (own, other) = (OwnCertificate::generate(), OwnCertificate::generate());
    let service = site.start().await;
    // While no account lists a certificate, nobody is asked for one.
    let (_, offer) = site.showing(&own, &service).await;
    assert!(!offer.contains("EXTERNAL"), "{offer}");

    let fingerprint = site.fingerprint(&own);
    site.change_sign_in(|rules| rules.certificates.fingerprints = vec![fingerprint]);
    let (mut client, offer) = site.showing(&own, &service).await;
    assert!(offer.contains("EXTERNAL"), "{offer}");
    client.ask("AUTH EXTERNAL =", "235 ").await;
    let mail = format!("MAIL FROM:<{ACCOUNT}>");
    client.ask(&mail, "250 ").await;
    client.ask("RSET", "250 ").await;

    let (mut stranger, _) = site.showing(&other, &service).await;
    let refused = stranger.ask("AUTH EXTERNAL =", "535 5.7.3 ").await;
    assert!(
        refused.contains(&site.fingerprint(&other).to_string()),
        "{refused}"
    );
    // Somebody else's name: base64 of hve02@contoso.test.
    let (mut client_2, _) = site.showing(&own, &service).await;
    let named = "AUTH EXTERNAL aHZlMDJAY29udG9zby50ZXN0";
    client_2.ask(named, "535 5.7.3 ").await;
    let without = offered(&mut site.client(&service).await).await;
    assert!(!without.contains("EXTERNAL"), "nothing to show: {without}");

    // When and how it was used last is kept, for each proof.
    drop(site.signed_in(&service).await);
    until("the last uses", || {
        let uses = site.store.last_uses(site.account.id).unwrap();
        let by = |used: &hve_store::LastUse| (used.proof.clone(), used.mechanism.clone());
        let uses: Vec<_> = uses.iter().map(by).collect();
        let certificate = (format!("certificate {fingerprint}"), "EXTERNAL".to_owned());
        let secret = |(proof, mechanism): &(String, String)| {
            proof.starts_with("secret ") && mechanism == "PLAIN"
        };
        uses.contains(&certificate) && uses.iter().any(secret)
    })
    .await;

    // Taken off the list, it ends the session that it began.
    site.change_sign_in(|rules| rules.certificates.fingerprints.clear());
    client.ask(&mail, "535 5.7.3 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_required_certificate_is_a_further_factor() {
    let site = Site::new();
    let own = OwnCertificate::generate();
    let fingerprint = site.fingerprint(&own);
    site.change_sign_in(|rules| {
        rules.certificates.fingerprints = vec![fingerprint];
        rules.certificates.required = true;
    });
    let service = site.start().await;
    let mut client = site.client(&service).await;
    client.sign_in(ACCOUNT, "a wrong password").await;
    client.expect("535 5.7.3 ").await;
    client.sign_in(ACCOUNT, PASSWORD).await;
    let refused = client.expect("535 5.7.139 ").await;
    assert!(refused.contains("the client showed none"), "{refused}");
    let (mut client, _) = site.showing(&own, &service).await;
    let alone = client.ask("AUTH EXTERNAL =", "535 5.7.139 ").await;
    assert!(alone.contains("beside the certificate"), "{alone}");
    client.sign_in(ACCOUNT, PASSWORD).await;
    client.expect("235 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_does_nothing_but_login_is_offered_nothing_else() {
    let site = Site::new();
    let service = site.start().await;
    let offer = offered(&mut site.client(&service).await).await;
    assert!(offer.starts_with("250 AUTH LOGIN PLAIN"), "{offer}");
    site.change_sign_in(|rules| {
        rules.leniency.login_only = true;
        rules.networks = vec!["127.0.0.0/8".parse().unwrap()];
    });
    // A network is more than one device.
    let elsewhere = offered(&mut site.client(&service).await).await;
    assert_eq!(elsewhere, offer);
    site.change_sign_in(|rules| rules.networks = vec!["127.0.0.1/32".parse().unwrap()]);
    let offer = offered(&mut site.client(&service).await).await;
    assert_eq!(offer, "250 AUTH LOGIN");
    service.stop().await.unwrap();
}
