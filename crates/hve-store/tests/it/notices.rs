//! Notices of delivery status, and the recipients that were given up.

use std::{fs, path::Path};

use hve_store::{
    AccountChange, Batch, ChangeError, FailedRecipient, FailedRecipientFilter, Notice, Outcome,
    Progress, QueueFilter, QueueState, Reason, Settlement, Store, UsageFilter, Writer,
};
use hve_types::{Address, BodyKind, QueueId, UsageKind};
use time::UtcDateTime;

use crate::site::{NOON, Site, id, later, submit};

fn notice(number: u64, about: &[usize], delay: bool) -> Option<Box<Notice>> {
    Some(Box::new(Notice {
        id: id(number),
        recipient: Address::parse("postmaster@contoso.test").unwrap(),
        body: BodyKind::EightBitMime,
        content: "Subject: it was not delivered\r\n\r\n\u{e9}\r\n".into(),
        message_id: format!("<{number}@mail.contoso.test>"),
        about: about.into(),
        delay,
    }))
}

fn refused() -> Outcome {
    Outcome::Failed {
        reason: Reason {
            words: "mx1 said no".into(),
            stage: Some("rcpt".into()),
            hop: Some("mx1.contoso.test".into()),
            status: Some([5, 1, 1]),
            reply: Some("550 5.1.1 No such user".into()),
        },
    }
}

fn settle(writer: &mut Writer, settlement: &Settlement, now: UtcDateTime) {
    let batch = Batch {
        settlements: vec![settlement.clone()],
        ..Batch::default()
    };
    writer.commit(&batch, now).unwrap();
}

fn queued(store: &Store) -> Vec<QueueId> {
    let all = QueueFilter {
        limit: 100,
        ..QueueFilter::default()
    };
    let page = store.queue(&all).unwrap();
    page.iter().map(|message| message.id).collect()
}

fn failures(store: &Store) -> Vec<FailedRecipient> {
    let all = FailedRecipientFilter {
        tenant: None,
        account: None,
        since: later(-1),
        limit: 100_000,
    };
    store.failed_recipients(&all).unwrap()
}

#[test]
fn a_failure_is_listed_and_its_notice_is_due_at_once() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 3)], NOON).unwrap();
    let mut settlement = Settlement {
        id: id(1),
        outcomes: vec![
            (
                0,
                Outcome::Relayed {
                    dsn_passed_on: true,
                },
            ),
            (1, refused()),
            (
                2,
                Outcome::Failed {
                    reason: "too old".into(),
                },
            ),
        ],
        next_attempt: None,
        notice: notice(9, &[1], false),
    };
    settle(&mut writer, &settlement, later(5));
    assert_eq!(queued(&site.store), [id(9)]);
    let [due] = &site.store.due(later(5), 10).unwrap().messages[..] else {
        panic!("the notice is due");
    };
    assert_eq!(
        (due.account, due.envelope.sender.as_ref()),
        (site.account.id, None)
    );
    assert_eq!(due.envelope.body, BodyKind::EightBitMime);
    assert_eq!(
        due.envelope.recipients[0].address.as_str(),
        "postmaster@contoso.test"
    );
    assert!(
        site.store
            .content(id(9))
            .unwrap()
            .unwrap()
            .ends_with("\u{e9}\r\n".as_bytes())
    );

    let listed = failures(&site.store);
    let who: Vec<_> = listed
        .iter()
        .map(|one| {
            (
                one.reason.words.as_str(),
                one.told.as_ref().map(Address::as_str),
            )
        })
        .collect();
    assert_eq!(
        who,
        [
            ("too old", None),
            ("mx1 said no", Some("postmaster@contoso.test"))
        ],
        "newest first"
    );
    let Outcome::Failed { reason } = refused() else {
        unreachable!()
    };
    assert_eq!((&listed[1].reason, listed[1].message), (&reason, id(1)));
    assert_eq!(
        (listed[1].at, listed[1].account),
        (later(5), site.account.id)
    );

    // The same settlement again, as after a commit whose fate was in doubt.
    settlement.notice = notice(10, &[1], false);
    settle(&mut writer, &settlement, later(6));
    assert_eq!(queued(&site.store), [id(9)]);
    assert_eq!(failures(&site.store).len(), 2);
}

#[test]
fn a_settlement_that_comes_twice_makes_one_notice_while_others_wait() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 2)], NOON).unwrap();
    let settlement = Settlement {
        id: id(1),
        outcomes: vec![(0, refused())],
        next_attempt: Some(later(60)),
        notice: notice(9, &[0], false),
    };
    settle(&mut writer, &settlement, later(1));
    let gone = Settlement {
        id: id(9),
        outcomes: vec![(0, Outcome::Delivered)],
        next_attempt: None,
        notice: None,
    };
    settle(&mut writer, &gone, later(2));
    settle(&mut writer, &settlement, later(3));
    assert_eq!(queued(&site.store), [id(1)]);
}

#[test]
fn a_delay_is_told_once() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 1)], NOON).unwrap();
    for (number, told) in [(8, false), (9, true)] {
        let due = &site.store.due(later(100), 10).unwrap().messages;
        let message = due.iter().find(|message| message.id == id(1)).unwrap();
        assert_eq!(message.delay_told, told);
        let waits = Settlement {
            id: id(1),
            outcomes: vec![(
                0,
                Outcome::Deferred {
                    reason: "no room".into(),
                },
            )],
            next_attempt: Some(later(60)),
            notice: notice(number, &[0], true),
        };
        settle(&mut writer, &waits, later(1));
    }
    assert_eq!(queued(&site.store), [id(1), id(8)]);
    let message = site.store.queued(id(1)).unwrap().unwrap();
    assert_eq!(message.state, QueueState::Waiting { until: later(60) });
    assert_eq!(
        message.progress,
        [Progress::Waiting {
            reason: Some("no room".into())
        }]
    );
    assert_eq!(failures(&site.store), []);
}

#[test]
fn a_notice_counts_in_no_quota_and_no_report() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 1)], NOON).unwrap();
    let failed = Settlement {
        id: id(1),
        outcomes: vec![(0, refused())],
        next_attempt: None,
        notice: notice(9, &[0], false),
    };
    settle(&mut writer, &failed, later(1));
    let lost = Settlement {
        id: id(9),
        outcomes: vec![(0, refused())],
        next_attempt: None,
        notice: None,
    };
    settle(&mut writer, &lost, later(2));
    assert_eq!(site.used(later(3)), 1);
    let mut kinds = Vec::new();
    let all = UsageFilter {
        tenant: None,
        account: None,
        from: NOON,
        to: later(100),
    };
    let each = |event: hve_types::UsageEvent| kinds.push((event.kind, event.message));
    site.store.usage(&all, each).unwrap();
    assert_eq!(
        kinds,
        [(UsageKind::Accepted, id(1)), (UsageKind::Failed, id(1))]
    );
    assert_eq!(failures(&site.store)[0].message, id(9), "but it is listed");
}

/// Opens the store as it lies on the disk when only so much of the log was written.
fn after_a_crash(database: &[u8], log: &[u8], folder: &Path) -> Store {
    let path = folder.join("hve.db");
    fs::write(&path, database).unwrap();
    fs::write(folder.join("hve.db-wal"), log).unwrap();
    Writer::open(&path).unwrap().store()
}

#[test]
fn row_53_a_crash_keeps_the_message_or_its_notice_never_both_or_neither() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 1)], NOON).unwrap();
    let failed = Settlement {
        id: id(1),
        outcomes: vec![(0, refused())],
        next_attempt: None,
        notice: notice(9, &[0], false),
    };
    settle(&mut writer, &failed, later(1));
    let wal = site.path().with_extension("db-wal");
    let (database, log) = (fs::read(site.path()).unwrap(), fs::read(&wal).unwrap());
    let (mut kept, mut told) = (0, 0);
    for end in (0..log.len()).step_by(7001).chain([log.len()]) {
        let folder = tempfile::tempdir().unwrap();
        let store = after_a_crash(&database, &log[..end], folder.path());
        let listed = failures(&store).len();
        match queued(&store)[..] {
            [one] if one == id(1) && listed == 0 => kept += 1,
            [one] if one == id(9) && listed == 1 => told += 1,
            [] if listed == 0 && kept == 0 => {}
            ref other => panic!("{other:?} with {listed} listed"),
        }
    }
    assert!(kept > 0 && told > 0, "{kept} before, {told} after");
}

#[test]
fn failures_are_kept_for_a_while_and_of_each_account_so_many() {
    let site = Site::new();
    let mut writer = site.writer();
    let most = FailedRecipient::MOST_OF_ACCOUNT;
    let step = 50;
    for number in 0..=u64::from(most) / step {
        let at = later(i64::try_from(number).unwrap());
        let message = site.message(number, usize::try_from(step).unwrap());
        submit(&mut writer, vec![message], at).unwrap();
        let failed = Settlement {
            id: id(number),
            outcomes: (0..50).map(|index| (index, refused())).collect(),
            next_attempt: None,
            notice: None,
        };
        settle(&mut writer, &failed, at);
    }
    let listed = failures(&site.store);
    assert_eq!(u32::try_from(listed.len()).unwrap(), most);
    assert_eq!(listed.last().unwrap().message, id(1), "the oldest went");

    let after = NOON + FailedRecipient::KEPT + time::Duration::hours(1);
    submit(&mut writer, vec![site.message(9_999, 1)], after).unwrap();
    let failed = Settlement {
        id: id(9_999),
        outcomes: vec![(0, refused())],
        next_attempt: None,
        notice: None,
    };
    settle(&mut writer, &failed, after);
    assert_eq!(failures(&site.store).len(), 1);
}

#[test]
fn notices_go_to_addresses_of_the_tenant_only() {
    let site = Site::new();
    let (store, act) = (&site.store, crate::site::act());
    let inside = Address::parse("Boss@contoso.test").unwrap();
    let outside = Address::parse("boss@example.org").unwrap();
    let change = |bounce_to: Option<Address>, reply_to: Option<Address>| {
        let change = AccountChange {
            bounce_to: Some(bounce_to),
            reply_to: Some(reply_to),
            ..AccountChange::default()
        };
        store.change_account(site.account.id, &change, &act)
    };
    let changed = change(Some(inside.clone()), Some(outside.clone())).unwrap();
    assert_eq!(changed.bounce_to.as_ref(), Some(&inside));
    assert_eq!(
        changed.reply_to.as_ref(),
        Some(&outside),
        "answers may go anywhere"
    );
    assert_eq!(
        store.snapshot().unwrap().account(site.account.id),
        Some(&changed)
    );
    let refused = change(Some(outside.clone()), None);
    assert!(
        matches!(refused, Err(ChangeError::DomainNotAccepted(domain)) if domain == outside.domain())
    );
    let changed = change(None, None).unwrap();
    assert_eq!((changed.bounce_to, changed.reply_to), (None, None));

    let tenant = store
        .set_postmaster(site.tenant.id, Some(&inside), &act)
        .unwrap();
    assert_eq!(tenant.postmaster.as_ref(), Some(&inside));
    let refused = store.set_postmaster(site.tenant.id, Some(&outside), &act);
    assert!(matches!(refused, Err(ChangeError::DomainNotAccepted(_))));
    let told = store.audit_newest(None, 1).unwrap();
    assert!(
        told[0]
            .after
            .as_deref()
            .unwrap()
            .contains(r#""postmaster":"Boss@contoso.test""#)
    );
    let tenant = store.set_postmaster(site.tenant.id, None, &act).unwrap();
    assert_eq!(tenant.postmaster, None);
}
