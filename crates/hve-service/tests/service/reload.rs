//! What changes while sessions go on (bad-inputs rows 15, 65).

use std::{fs, num::NonZeroU32};

use hve_service::tls::write_self_signed;

use crate::support::{Client, Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_15_a_new_certificate_is_used_by_new_sessions() {
    let site = Site::new();
    let service = site.start().await;
    let old_trust = site.trust();
    let mut before = site.signed_in(&service).await;
    fs::remove_file(&site.config.tls.certificate).unwrap();
    fs::remove_file(&site.config.tls.key).unwrap();
    service.reload(site.config.clone());
    // The pair is gone: the old one stays in use.
    Client::connect_implicit(service.addresses()[1], old_trust).await;
    write_self_signed(&site.config.tls, &["localhost"]).unwrap();
    service.reload(site.config.clone());
    Client::connect_implicit(service.addresses()[1], site.trust()).await;
    before.ask("NOOP", "250 ").await;
    service.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_65_limits_change_at_once_and_listeners_do_not() {
    let site = Site::new();
    let service = site.start().await;
    let mut first = Client::connect(service.addresses()[0]).await;
    first.expect("220 localhost").await;
    let mut config = site.config.clone();
    config.hostname = "mail.contoso.test".into();
    config.limits.sessions_per_address = NonZeroU32::MIN;
    config.listeners.clear();
    service.reload(config);
    let mut second = Client::connect(service.addresses()[0]).await;
    second.expect("421 ").await;
    first.ask("NOOP", "250 ").await;
    service.stop().await.unwrap();
}
