//! Accepting, refusing and settling.

use hve_store::Accepted;

use crate::site::{NOON, Site, id, submit};

#[test]
fn what_is_durable_is_in_the_queue_and_counted() {
    let site = Site::new();
    let mut writer = site.writer();
    let verdicts = submit(
        &mut writer,
        vec![site.message(1, 2), site.message(2, 1)],
        NOON,
    )
    .unwrap();
    assert_eq!(verdicts, [Accepted::Durable, Accepted::Durable]);
    assert_eq!(site.used(NOON), 3);
    let due = site.store.due(NOON, 10).unwrap();
    assert_eq!(due.messages.len(), 2);
    assert_eq!(due.messages[0].pending, [0, 1]);
    let content = site.store.content(id(2)).unwrap().unwrap();
    assert_eq!(content, "Subject: 2\r\n\r\nbody of 2\r\n");
}
