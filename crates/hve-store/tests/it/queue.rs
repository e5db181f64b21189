//! Reading the queue, and rows that cannot be read.

use hve_store::{QueueFilter, QueueStanding, QueueState};
use hve_types::QueueId;

use crate::site::{NOON, Site, act, id, later, new_account, raw, submit};

fn all(limit: usize) -> QueueFilter {
    QueueFilter {
        limit,
        ..QueueFilter::default()
    }
}

#[test]
fn the_queue_is_listed_in_pages_by_tenant_and_account() {
    let site = Site::new();
    let other = new_account(&site.tenant, "hve02@contoso.test");
    let other = site.store.add_account(&other, &act()).unwrap();
    let mut batch: Vec<_> = (0..25).map(|n| site.message(n, 1)).collect();
    batch.push(site.message_of(&other, 100, 1));
    submit(&mut site.writer(), batch, NOON).unwrap();

    let mut ids: Vec<QueueId> = Vec::new();
    loop {
        let page = site
            .store
            .queue(&QueueFilter {
                after: ids.last().copied(),
                ..all(10)
            })
            .unwrap();
        if page.is_empty() {
            break;
        }
        ids.extend(page.iter().map(|message| message.id));
    }
    let expected: Vec<_> = (0..25).chain([100]).map(id).collect();
    assert_eq!(ids, expected);
    let of_account = QueueFilter {
        account: Some(other.id),
        ..all(10)
    };
    assert_eq!(site.store.queue(&of_account).unwrap().len(), 1);
    let of_nobody = QueueFilter {
        tenant: Some(hve_types::TenantId(99)),
        ..all(10)
    };
    assert!(site.store.queue(&of_nobody).unwrap().is_empty());
}

#[test]
fn row_50_damaged_entries_are_set_aside_and_the_others_flow() {
    let site = Site::new();
    let batch = (0..8).map(|n| site.message(n, 2)).collect();
    submit(&mut site.writer(), batch, NOON).unwrap();
    let raw = raw(&site.path());
    let damage = |n: u64, sql: &str| {
        assert_eq!(
            raw.execute(sql, [&id(n).to_bytes()[..]]).unwrap(),
            1,
            "{sql}"
        );
    };
    damage(0, "UPDATE message SET wishes = '{\"of\":' WHERE id = ?1");
    damage(1, "UPDATE message SET recipients = '' WHERE id = ?1");
    damage(2, "DELETE FROM body WHERE message = ?1");
    damage(
        3,
        "UPDATE body SET content = substr(content, 1, 5) WHERE message = ?1",
    );
    damage(4, "UPDATE message SET body = body + 1 WHERE id = ?1");
    damage(
        5,
        "UPDATE message SET progress = '[{\"state\":\"lost\"}]' WHERE id = ?1",
    );
    damage(6, "UPDATE message SET recipient_count = 7 WHERE id = ?1");

    // Even when the first page holds nothing else, and somebody never gives the turn back.
    let folder = site.path();
    let stopped = std::fs::File::open(folder.parent().unwrap()).unwrap();
    stopped.lock().unwrap();
    let due = site.store.due(NOON, 3).unwrap();
    drop(stopped);
    assert_eq!(
        due.messages.iter().map(|m| m.id).collect::<Vec<_>>(),
        [id(7)]
    );
    assert_eq!(
        due.parked.iter().map(|p| p.id).collect::<Vec<_>>(),
        (0..7).map(id).collect::<Vec<_>>()
    );
    assert!(due.parked.iter().all(|parked| !parked.reason.is_empty()));

    let again = site.store.due(later(100), 10).unwrap();
    assert!(again.parked.is_empty(), "told once");
    assert_eq!(again.messages.len(), 1);
    assert_eq!(site.store.content(id(2)).unwrap(), None);
    assert_eq!(
        site.store.content(id(4)).unwrap(),
        None,
        "never another message's content"
    );
    let parked = site
        .store
        .queue(&QueueFilter {
            only: Some(QueueStanding::Parked),
            ..all(10)
        })
        .unwrap();
    assert_eq!(parked.len(), 7);
    assert!(
        parked
            .iter()
            .all(|m| matches!(m.state, QueueState::Parked { .. }))
    );
    assert_eq!(parked[0].envelope, None);
}

#[test]
fn row_50_a_bit_that_flips_sends_nothing_to_a_stranger() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(
        &mut writer,
        (0..3).map(|n| site.message(n, 1)).collect(),
        NOON,
    )
    .unwrap();
    let raw = raw(&site.path());
    let damage = |n: u64, sql: &str| {
        assert_eq!(
            raw.execute(sql, [&id(n).to_bytes()[..]]).unwrap(),
            1,
            "{sql}"
        );
    };
    damage(
        0,
        "UPDATE message SET recipients = 's0@contoso.test' WHERE id = ?1",
    );
    damage(
        1,
        "UPDATE body SET content = CAST(replace(content, 'body', 'bode') AS BLOB) WHERE message = ?1",
    );
    let due = site.store.due(NOON, 10).unwrap();
    assert_eq!(due.parked.iter().map(|p| p.id).collect::<Vec<_>>(), [id(0)]);
    assert_eq!(
        due.messages.len(),
        2,
        "the content is looked at when it is read"
    );
    assert!(matches!(
        site.store.content(id(1)),
        Err(hve_store::StoreError::Corrupt(_))
    ));
    assert!(site.store.content(id(2)).unwrap().is_some());
    // Whoever had it in hand may put it off: it stays parked.
    let put_off = hve_store::Batch {
        settlements: vec![hve_store::Settlement {
            id: id(1),
            outcomes: vec![(
                0,
                hve_store::Outcome::Deferred {
                    reason: "damaged".into(),
                },
            )],
            next_attempt: Some(later(1)),
            notice: None,
        }],
        ..hve_store::Batch::default()
    };
    writer.commit(&put_off, NOON).unwrap();
    let due = site.store.due(later(9), 10).unwrap();
    assert_eq!(
        due.messages.iter().map(|m| m.id).collect::<Vec<_>>(),
        [id(2)]
    );
}

#[test]
fn a_settlement_of_a_damaged_entry_does_not_fail_the_batch() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(
        &mut writer,
        vec![site.message(1, 2), site.message(2, 1)],
        NOON,
    )
    .unwrap();
    raw(&site.path())
        .execute(
            "UPDATE message SET progress = 'x' WHERE id = ?1",
            [&id(1).to_bytes()[..]],
        )
        .unwrap();
    let delivered = |n| hve_store::Settlement {
        id: id(n),
        outcomes: vec![(0, hve_store::Outcome::Delivered)],
        next_attempt: Some(later(9)),
        notice: None,
    };
    let batch = hve_store::Batch {
        settlements: vec![delivered(1), delivered(2)],
        ..hve_store::Batch::default()
    };
    writer.commit(&batch, NOON).unwrap();
    assert_eq!(site.store.queued(id(2)).unwrap(), None);
    let damaged = site.store.queued(id(1)).unwrap().unwrap();
    assert!(matches!(damaged.state, QueueState::Parked { .. }));
}
