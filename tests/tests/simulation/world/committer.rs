//! The committer of the simulation, and the crashes around each of its steps.

use hve_smtp::{Answer, Enhanced};
use hve_store::{Accepted, Act, Batch, NewMessage, Outcome, Settlement, Writer};
use hve_types::{Ceiling, QueueId};

use super::{World, refuse};
use crate::{books::Entry, disk::Files, session::Waiting};

/// Where in the steps of accept a crash happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum CrashPoint {
    /// Before the commit: nothing of the batch may be there.
    Before,
    /// While the disk writes: all of the batch or nothing.
    During,
    /// After the commit, before any answer.
    After,
    /// After some answers.
    BetweenAnswers,
}

impl World {
    /// The committer: everything that waits becomes durable together, then everybody is told.
    pub(super) fn commit(&mut self, crash: Option<CrashPoint>) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let batch = Batch {
            submissions: waiting.iter().map(new_message).collect(),
            ..Batch::default()
        };
        let path = self.path();
        let before = Files::copy(&path);
        if let Some(CrashPoint::Before) = crash {
            self.books
                .not_accepted
                .extend(waiting.iter().map(|one| one.id));
            self.restart_from(&before);
            return;
        }
        let now = self.clock.utc;
        let verdicts = self.writer.commit(&batch, now).unwrap();
        assert_eq!(verdicts.len(), waiting.len());
        if let Some(CrashPoint::During) = crash {
            let torn = before.torn(&Files::copy(&path), &mut self.random);
            self.restart_from(&torn);
            self.all_or_nothing(&waiting, &verdicts);
            return;
        }
        let told = match crash {
            None => waiting.len(),
            Some(CrashPoint::BetweenAnswers) => self.random.below(waiting.len()),
            Some(_) => 0,
        };
        for (number, (one, verdict)) in waiting.iter().zip(&verdicts).enumerate() {
            self.judge(one, verdict);
            if number < told {
                self.tell(one, verdict);
            }
        }
        if crash.is_some() {
            self.restart_from(&Files::copy(&path));
            self.compare();
        }
    }

    /// The verdict must be that of the plain books.
    fn judge(&mut self, one: &Waiting, verdict: &Accepted) {
        let now = self.clock.utc.unix_timestamp();
        let recipients = u64::try_from(one.envelope.recipients.len()).unwrap();
        let ceiling = self.tenant.limits.recipients_per_day;
        let account = one.principal.account;
        let fits = self.books.fits(ceiling, account, recipients, now);
        match verdict {
            Accepted::Durable => {
                assert!(fits, "{} was let in above the limit", one.id);
                self.enter(one, recipients, now);
            }
            Accepted::TenantQuota(_) | Accepted::AccountQuota(_) => {
                assert!(!fits, "{} was refused with room left", one.id);
                self.books.not_accepted.insert(one.id);
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn enter(&mut self, one: &Waiting, recipients: u64, at: i64) {
        let entry = Entry {
            account: one.principal.account,
            recipients,
            at,
            content: one.content.clone(),
            settled: false,
        };
        self.books.durable.insert(one.id, entry);
    }

    fn tell(&mut self, one: &Waiting, verdict: &Accepted) {
        let Some(index) = self.talks.iter().position(|talk| talk.number == one.talk) else {
            return;
        };
        let durable = *verdict == Accepted::Durable;
        let answer = if durable {
            Answer::Queued
        } else {
            refuse(452, Enhanced(4, 7, 1))
        };
        let talk = &mut self.talks[index];
        talk.waits = false;
        talk.session.answer(answer, self.clock);
        self.drive(index);
        // The talk may be over by now; what it heard is in the books then.
        let talk = self.talks.iter().find(|talk| talk.number == one.talk);
        let told = talk.is_some_and(|talk| talk.acknowledged().any(|id| id == one.id))
            || self.books.acknowledged.contains(&one.id);
        assert_eq!(told, durable, "{}: {verdict:?}", one.id);
    }

    /// After a crash in the middle of a commit: the store tells which of the two it was.
    fn all_or_nothing(&mut self, waiting: &[Waiting], verdicts: &[Accepted]) {
        let durable: Vec<&Waiting> = waiting
            .iter()
            .zip(verdicts)
            .filter(|(_, verdict)| **verdict == Accepted::Durable)
            .map(|(one, _)| one)
            .collect();
        let found = |one: &&Waiting| self.store.queued(one.id).unwrap().is_some();
        let there = durable.iter().filter(|one| found(one)).count();
        assert!(
            there == 0 || there == durable.len(),
            "a torn batch: {there}"
        );
        let now = self.clock.utc.unix_timestamp();
        for (one, verdict) in waiting.iter().zip(verdicts) {
            if there > 0 && *verdict == Accepted::Durable {
                let recipients = u64::try_from(one.envelope.recipients.len()).unwrap();
                self.enter(one, recipients, now);
            } else {
                self.books.not_accepted.insert(one.id);
            }
        }
        self.compare();
    }

    /// A message is delivered and leaves the queue; its usage stays.
    pub(super) fn settle(&mut self) {
        let unsettled = self
            .books
            .durable
            .iter()
            .filter(|(_, entry)| !entry.settled);
        let ids: Vec<QueueId> = unsettled.map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return;
        }
        let id = *self.random.pick(&ids);
        let recipients = self.store.queued(id).unwrap().unwrap().progress.len();
        let batch = Batch {
            settlements: vec![Settlement {
                id,
                outcomes: (0..recipients)
                    .map(|index| (index, Outcome::Delivered))
                    .collect(),
                next_attempt: None,
                notice: None,
            }],
            ..Batch::default()
        };
        self.writer.commit(&batch, self.clock.utc).unwrap();
        self.books.durable.get_mut(&id).unwrap().settled = true;
    }

    pub(super) fn change_limit(&mut self) {
        let limit = 8 + self.random.next() % 80;
        self.tenant.limits.recipients_per_day = Ceiling::AtMost(limit);
        self.books.tenant_limit_max = self.books.tenant_limit_max.max(limit);
        let act = Act {
            actor: "simulation".into(),
            at: self.clock.utc,
        };
        let limits = self.tenant.limits.clone();
        self.store
            .change_tenant_limits(self.tenant.id, |of| *of = limits.clone(), &act)
            .unwrap();
    }

    /// Power off, wherever everybody is.
    pub(super) fn crash(&mut self) {
        let files = Files::copy(&self.path());
        self.books
            .not_accepted
            .extend(self.waiting.drain(..).map(|one| one.id));
        self.restart_from(&files);
        self.compare();
    }

    fn restart_from(&mut self, files: &Files) {
        while !self.talks.is_empty() {
            self.end(0);
        }
        self.generation += 1;
        let path = self.path();
        files.restore(&path);
        self.writer = Writer::open(&path).unwrap();
        self.store = self.writer.store();
    }
}

fn new_message(one: &Waiting) -> NewMessage {
    NewMessage {
        id: one.id,
        tenant: one.principal.tenant,
        account: one.principal.account,
        envelope: one.envelope.clone(),
        content: one.content.clone().into(),
        client: [192, 0, 2, 1].into(),
        message_id: one.message_id.clone(),
    }
}
