//! Mail to a group, on the real store.

use std::{fs, sync::Arc};

use hve_store::{Act, Writer};
use hve_types::{Recipient, UsageKind};

use crate::site::{NOON, Site, accept, address, copies, usage};

#[tokio::test(flavor = "multi_thread")]
async fn each_member_gets_one_copy_and_a_retry_expands_nothing_anew() {
    let site = Site::new();
    let mut writer = Writer::open(&site.database()).unwrap();
    let store = writer.store();
    let act = Act {
        actor: "olga".into(),
        at: NOON,
    };
    let group = address("all@contoso.test");
    let add = |member: &str| {
        let tenant = site.account.tenant;
        let added = store.add_group_members(tenant, &group, &[address(member)], &act);
        added.unwrap();
    };
    add("b@contoso.test");
    add("c@contoso.test");
    // Addressed to the group and to one of its members.
    let mut message = site.message(0);
    let envelope = Arc::make_mut(&mut message.envelope);
    envelope.recipients = vec![
        Recipient::new(group.clone()),
        Recipient::new(address("c@contoso.test")),
    ];
    accept(&mut writer, vec![message, site.message(1)]);
    let broken = site.mail().join("contoso.test/b");
    fs::create_dir_all(site.mail().join("contoso.test")).unwrap();
    fs::write(&broken, "no folder").unwrap();
    site.run_until_settled(writer, 2).await;
    let count = |name| copies(&site.mail(), name);
    assert_eq!(["all", "a", "b", "c"].map(count), [0, 1, 0, 1]);

    add("late@contoso.test");
    fs::remove_file(&broken).unwrap();
    let queued = store.queued(site.message(0).id).unwrap().unwrap();
    let retry = Act {
        at: crate::site::LATER,
        ..act.clone()
    };
    let ids = [queued.id, site.message(1).id];
    store
        .change_queue(hve_store::QueueChange::Retry, &ids, &retry)
        .unwrap();
    let writer = Writer::open(&site.database()).unwrap();
    site.run_until_settled(writer, 2).await;
    assert_eq!(["all", "a", "b", "c", "late"].map(count), [0, 1, 2, 1, 0]);
    assert_eq!(usage(&store, UsageKind::Accepted), 4);
    assert_eq!(
        usage(&store, UsageKind::Expanded),
        1,
        "the other was there already"
    );
    assert_eq!(usage(&store, UsageKind::Delivered), 4);
}
