//! An operator's changes while attempts are under way: every order of both, against a model.

use std::collections::{BTreeMap, HashSet};

use hve_store::{
    Act, Batch, Changed, Outcome, QueueChange, QueueFilter, QueueState, Settlement, Store,
    UsageFilter, Writer,
};
use hve_types::{QueueId, UsageKind};
use time::UtcDateTime;

use crate::site::{NOON, Site, id, later, raw, submit};

const CHANGES: [QueueChange; 4] = [
    QueueChange::Cancel,
    QueueChange::Hold,
    QueueChange::Release,
    QueueChange::Retry,
];

/// How many of its two recipients an attempt delivers.
const RESULTS: [usize; 3] = [0, 1, 2];

/// One message, and what happens to it: an attempt begins before change number `begins` and is
/// settled after change number `ends`.
struct Case {
    id: QueueId,
    changes: Vec<QueueChange>,
    begins: usize,
    ends: usize,
    delivers: usize,
    model: Model,
}

#[derive(Default)]
struct Model {
    held: bool,
    cancelled: bool,
    /// The attempt left nothing to do.
    settled: bool,
    trying: bool,
    delivered: usize,
    /// After a settlement the next attempt is an hour away.
    later: bool,
    /// Rows of the audit log.
    audited: usize,
}

impl Model {
    fn gone(&self) -> bool {
        self.cancelled || self.settled
    }

    fn change(&mut self, change: QueueChange) -> Changed {
        if self.gone() {
            return Changed::Gone;
        }
        match change {
            QueueChange::Cancel => self.cancelled = true,
            QueueChange::Hold if !self.held => self.held = true,
            QueueChange::Release if self.held => (self.held, self.later) = (false, false),
            QueueChange::Retry if !self.held && self.later => self.later = false,
            _ => return Changed::AsItWas,
        }
        self.audited += 1;
        Changed::Done
    }

    fn settle(&mut self, delivers: usize) {
        if !std::mem::take(&mut self.trying) {
            return;
        }
        self.delivered = delivers;
        if self.cancelled {
            self.audited += usize::from(delivers > 0);
        } else {
            self.settled = delivers == 2;
            self.later = !self.held;
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for a in CHANGES {
        for b in CHANGES {
            for c in CHANGES {
                for begins in 0..=3 {
                    for ends in begins..=3 {
                        for delivers in RESULTS {
                            cases.push(Case {
                                id: id(u64::try_from(cases.len()).unwrap()),
                                changes: vec![a, b, c],
                                begins,
                                ends,
                                delivers,
                                model: Model::default(),
                            });
                        }
                    }
                }
            }
        }
    }
    cases
}

fn operator(at: UtcDateTime) -> Act {
    Act {
        actor: "olga".into(),
        at,
    }
}

fn settlement(case: &Case) -> Settlement {
    let outcome = |index| {
        if index < case.delivers {
            return Outcome::Delivered;
        }
        Outcome::Deferred {
            reason: "no room".into(),
        }
    };
    Settlement {
        id: case.id,
        outcomes: (0..2).map(|index| (index, outcome(index))).collect(),
        next_attempt: Some(later(3600)),
        notice: None,
    }
}

/// Begins the attempts of this step: of those that nobody withholds, and of no others.
fn begin(store: &Store, cases: &mut [Case], step: usize) {
    let wanted: Vec<&mut Case> = cases.iter_mut().filter(|it| it.begins == step).collect();
    let ids: Vec<QueueId> = wanted.iter().map(|case| case.id).collect();
    let withheld = store.withheld(&ids).unwrap();
    for case in wanted {
        let expected = case.model.held || case.model.gone();
        assert_eq!(withheld.contains(&case.id), expected, "{:?}", case.changes);
        case.model.trying = !expected;
    }
}

fn settle(writer: &mut Writer, cases: &mut [Case], step: usize) {
    let mut settlements = Vec::new();
    for case in cases.iter_mut().filter(|it| it.ends == step) {
        if case.model.trying {
            settlements.push(settlement(case));
        }
        case.model.settle(case.delivers);
    }
    let batch = Batch {
        settlements,
        ..Batch::default()
    };
    // A settlement of which the engine did not hear is sent again, and changes nothing.
    for _ in 0..2 {
        let retried = later(1);
        writer.commit(&batch, retried).unwrap();
    }
}

fn change(store: &Store, cases: &mut [Case], step: usize) {
    for change in CHANGES {
        let mut wanted: Vec<&mut Case> = cases
            .iter_mut()
            .filter(|it| it.changes[step] == change)
            .collect();
        let ids: Vec<QueueId> = wanted.iter().map(|case| case.id).collect();
        let told = store.change_queue(change, &ids, &operator(later(2)));
        let expected: Vec<Changed> = wanted
            .iter_mut()
            .map(|case| case.model.change(change))
            .collect();
        assert_eq!(told.unwrap(), expected);
    }
}

fn delivered(store: &Store) -> BTreeMap<QueueId, u64> {
    let mut delivered = BTreeMap::new();
    let all = UsageFilter {
        tenant: None,
        account: None,
        from: later(-1000),
        to: later(1000),
    };
    let count = |event: hve_types::UsageEvent| {
        assert_ne!(event.kind, UsageKind::Failed);
        if event.kind == UsageKind::Delivered {
            *delivered.entry(event.message).or_default() += u64::from(event.recipients);
        }
    };
    store.usage(&all, count).unwrap();
    delivered
}

fn audited(store: &Store) -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    for entry in store.audit(None, usize::MAX).unwrap() {
        *rows.entry(entry.subject).or_default() += 1;
    }
    rows
}

#[test]
fn whatever_an_operator_does_to_a_delivery_under_way_nothing_is_lost_or_comes_back() {
    let site = Site::new();
    let mut writer = site.writer();
    let mut cases = cases();
    let messages = cases.iter().zip(0..).map(|(_, n)| site.message(n, 2));
    submit(&mut writer, messages.collect(), NOON).unwrap();
    for step in 0..=3 {
        begin(&site.store, &mut cases, step);
        if step < 3 {
            change(&site.store, &mut cases, step);
        }
        settle(&mut writer, &mut cases, step);
    }

    let (delivered, audited) = (delivered(&site.store), audited(&site.store));
    for case in &cases {
        let told = format!("{:?} {}..{}", case.changes, case.begins, case.ends);
        let queued = site.store.queued(case.id).unwrap();
        let model = &case.model;
        assert_eq!(queued.is_none(), model.gone(), "{told}");
        let had = site.store.content(case.id).unwrap();
        assert_eq!(had.is_none(), model.gone(), "{told}");
        if let Some(message) = queued {
            let held = matches!(message.state, QueueState::Held { by: Some(_) });
            assert_eq!(held, model.held, "{told}");
            if let QueueState::Waiting { until } = message.state {
                assert_eq!(until >= later(3600), model.later, "{told}: {until}");
            }
        }
        let arrived = delivered.get(&case.id).copied().unwrap_or_default();
        assert_eq!(arrived, u64::try_from(model.delivered).unwrap(), "{told}");
        let rows = audited.get(&case.id.to_string()).copied();
        assert_eq!(rows.unwrap_or_default(), model.audited, "{told}");
    }
    // The test is about something: each ending is there.
    let count = |is: fn(&Model) -> bool| cases.iter().filter(|case| is(&case.model)).count();
    assert!(count(|it| it.cancelled && it.delivered == 2) > 0);
    assert!(count(|it| it.held && it.delivered == 1) > 0);
    assert!(count(|it| it.settled && !it.cancelled) > 0);
}

#[test]
fn the_audit_log_says_what_a_cancellation_lost_and_what_came_too_late() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(&mut writer, vec![site.message(1, 3)], NOON).unwrap();
    let one = |outcomes: Vec<(usize, Outcome)>| Batch {
        settlements: vec![Settlement {
            id: id(1),
            outcomes,
            next_attempt: Some(later(60)),
            notice: None,
        }],
        ..Batch::default()
    };
    writer
        .commit(&one(vec![(0, Outcome::Delivered)]), NOON)
        .unwrap();
    let change = |what| {
        let act = operator(later(1));
        site.store.change_queue(what, &[id(1)], &act).unwrap()
    };
    let counter = site.store.change_counter().unwrap();
    assert_eq!(change(QueueChange::Cancel), [Changed::Done]);
    assert_eq!(change(QueueChange::Cancel), [Changed::Gone]);
    assert_eq!(site.store.change_counter().unwrap(), counter);
    writer
        .commit(&one(vec![(1, Outcome::Delivered)]), later(2))
        .unwrap();

    let entries = site.store.audit_newest(None, 2).unwrap();
    let told = |text: &Option<String>| -> serde_json::Value {
        serde_json::from_str(text.as_deref().unwrap()).unwrap()
    };
    assert_eq!(
        (entries[1].actor.as_str(), entries[1].action.as_str()),
        ("olga", "queue-cancel")
    );
    assert_eq!(entries[1].subject, id(1).to_string());
    assert_eq!(entries[1].tenant, Some(site.tenant.id));
    let lost = told(&entries[1].after);
    assert_eq!(
        lost["not_delivered"],
        serde_json::json!(["r1@contoso.test", "r2@contoso.test"])
    );
    assert_eq!(lost["sender"], "hve01@contoso.test");
    assert_eq!(lost["delivered"], 1);
    assert_eq!(entries[0].action, "queue-cancel-late");
    assert_eq!(
        told(&entries[0].after)["delivered"],
        serde_json::json!(["r1@contoso.test"])
    );
    // Once the server starts anew no attempt is under way.
    drop(writer);
    drop(site.writer());
    let kept: i64 = raw(&site.path())
        .query_row("SELECT count(*) FROM cancelled", (), |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 0);
}

#[test]
fn what_is_parked_is_released_and_what_is_damaged_is_cancelled() {
    let site = Site::new();
    let mut writer = site.writer();
    submit(
        &mut writer,
        vec![site.message(1, 1), site.message(2, 1)],
        NOON,
    )
    .unwrap();
    site.store.park(id(1), "poison").unwrap();
    raw(&site.path())
        .execute(
            "UPDATE message SET recipients = 'x' WHERE id = ?1",
            [id(2).to_bytes()],
        )
        .unwrap();
    let change = |what, n| {
        let act = operator(later(1));
        site.store.change_queue(what, &[id(n)], &act).unwrap()
    };
    assert_eq!(change(QueueChange::Retry, 1), [Changed::AsItWas]);
    assert_eq!(change(QueueChange::Hold, 1), [Changed::AsItWas]);
    assert_eq!(change(QueueChange::Release, 1), [Changed::Done]);
    assert_eq!(change(QueueChange::Cancel, 2), [Changed::Done]);
    let due = site.store.due(later(1), 10).unwrap();
    let ids: Vec<QueueId> = due.messages.iter().map(|message| message.id).collect();
    assert_eq!((ids, due.parked), (vec![id(1)], vec![]));
}

#[test]
fn nobody_looks_for_messages_above_the_last_that_was_withheld() {
    let site = Site::new();
    let mut writer = site.writer();
    let messages = (1..=3).map(|n| site.message(n, 1)).collect();
    submit(&mut writer, messages, NOON).unwrap();
    let act = operator(later(1));
    site.store
        .change_queue(QueueChange::Hold, &[id(2)], &act)
        .unwrap();
    let withheld = |ids: &[QueueId]| site.store.withheld(ids).unwrap();
    assert_eq!(withheld(&[id(1), id(2), id(3)]), HashSet::from([id(2)]));
    // Nothing is below it, and the queue does not have what is above it: it was not looked for.
    assert_eq!(withheld(&[id(0), id(9)]), HashSet::from([id(0)]));
    site.store
        .change_queue(QueueChange::Hold, &[id(1)], &act)
        .unwrap();
    assert_eq!(withheld(&[id(2)]), HashSet::from([id(2)]));
    let held = QueueFilter {
        only: Some(hve_store::QueueStanding::Held),
        limit: 10,
        ..QueueFilter::default()
    };
    assert_eq!(site.store.queue_ids(&held).unwrap(), [id(1), id(2)]);
}
