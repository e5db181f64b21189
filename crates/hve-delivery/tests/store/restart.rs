//! After a restart, and with a mailbox in trouble.

use std::{fs, time::Duration};

use hve_store::{QueueFilter, QueueState, Writer};
use hve_types::UsageKind;

use crate::site::{LATER, Site, accept, copies, usage};

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_survives_a_restart_and_is_delivered() {
    let site = Site::new();
    let mut writer = Writer::open(&site.database()).unwrap();
    accept(
        &mut writer,
        (0..25).map(|number| site.message(number)).collect(),
    );
    drop(writer);

    let writer = Writer::open(&site.database()).unwrap();
    let store = writer.store();
    site.run_until_settled(writer, 25).await;
    assert_eq!(
        (copies(&site.mail(), "a"), copies(&site.mail(), "b")),
        (25, 25)
    );
    let all = QueueFilter {
        limit: 100,
        ..QueueFilter::default()
    };
    assert_eq!(store.queue(&all).unwrap(), []);
    assert_eq!(usage(&store, UsageKind::Accepted), 50);
    assert_eq!(usage(&store, UsageKind::Delivered), 50);
    assert_eq!(usage(&store, UsageKind::Failed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_broken_mailbox_waits_in_the_queue_and_is_counted_once() {
    let site = Site::new();
    let mut writer = Writer::open(&site.database()).unwrap();
    accept(&mut writer, vec![site.message(0)]);
    let store = writer.store();
    fs::create_dir_all(site.mail().join("contoso.test")).unwrap();
    fs::write(site.mail().join("contoso.test/b"), "no folder").unwrap();
    site.run_until_settled(writer, 1).await;
    let queued = store.queued(site.message(0).id).unwrap().unwrap();
    assert_eq!(queued.attempts, 1);
    let until = LATER + Duration::from_secs(54);
    assert_eq!(queued.state, QueueState::Waiting { until });
    assert_eq!(usage(&store, UsageKind::Delivered), 1);
    assert_eq!(
        (copies(&site.mail(), "a"), copies(&site.mail(), "b")),
        (1, 0)
    );
}
