//! The blocking part of a batch for Maildirs: read, check, deliver, and say what came of it.

use std::sync::Arc;

use crate::{
    Content, Due, Maildir, Outcome, OutgoingCopy,
    parcel::Outcomes,
    stock::{Prepared, Supply},
};

/// Delivers into one tree of Maildirs.
pub(crate) struct Worker {
    pub(crate) supply: Arc<dyn Supply>,
    pub(crate) maildir: Arc<Maildir>,
    /// In memory at once.
    pub(crate) octets_max: usize,
}

impl Worker {
    /// Attempts every message once, at those of its recipients that are pending; `again` where
    /// an attempt from memory may have succeeded. The answers are in the order of the messages;
    /// `None` for those an operator holds or took out.
    pub(crate) fn attempt(&self, dues: &[Due], again: bool) -> Vec<Option<Outcomes>> {
        let ids: Vec<_> = dues.iter().map(|due| due.id).collect();
        let withheld = match self.supply.withheld(&ids) {
            Ok(withheld) => withheld,
            Err(why) => return dues.iter().map(|due| Some(deferred(due, &why))).collect(),
        };
        let mut answers = Vec::with_capacity(dues.len());
        let mut load = Vec::new();
        let mut octets = 0;
        for due in dues {
            if withheld.contains(&due.id) {
                load.push((due, None));
                continue;
            }
            let prepared = self.supply.prepare(due, &due.pending);
            octets += prepared.content.len();
            load.push((due, Some(prepared)));
            if octets >= self.octets_max {
                self.deliver(std::mem::take(&mut load), again, &mut answers);
                octets = 0;
            }
        }
        self.deliver(load, again, &mut answers);
        answers
    }

    fn deliver(
        &self,
        load: Vec<(&Due, Option<Prepared>)>,
        again: bool,
        answers: &mut Vec<Option<Outcomes>>,
    ) {
        let mut copies = Vec::new();
        for (due, prepared) in &load {
            let Some(prepared) = prepared else { continue };
            for &place in &prepared.recipients {
                let Some(recipient) = due.envelope.recipients.get(place) else {
                    continue;
                };
                copies.push(OutgoingCopy {
                    id: due.id,
                    sender: due.envelope.sender.as_ref(),
                    recipient: &recipient.address,
                    content: &prepared.content,
                    again: again || matches!(due.content, Content::InQueue),
                });
            }
        }
        let mut results = self.maildir.deliver(&copies).into_iter();
        for (_, prepared) in load {
            let Some(prepared) = prepared else {
                answers.push(None);
                continue;
            };
            let mut outcomes = prepared.decided;
            for place in prepared.recipients {
                let outcome = match results.next() {
                    Some(Ok(())) => Outcome::Delivered,
                    Some(Err(error)) => Outcome::Deferred {
                        reason: error.to_string().into(),
                    },
                    None => Outcome::Deferred {
                        reason: "bug: a copy without an answer".into(),
                    },
                };
                outcomes.push((place, outcome));
            }
            answers.push(Some(outcomes));
        }
    }
}

fn deferred(due: &Due, why: &str) -> Outcomes {
    let outcome = |&place: &usize| (place, Outcome::Deferred { reason: why.into() });
    due.pending.iter().map(outcome).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs};

    use bytes::Bytes;
    use hve_types::{AccountId, BodyKind, Envelope, QueueId, Recipient, TenantId};
    use time::UtcDateTime;

    use super::*;

    struct Always;

    impl Supply for Always {
        fn withheld(&self, _: &[QueueId]) -> Result<HashSet<QueueId>, String> {
            Ok(HashSet::new())
        }

        fn prepare(&self, due: &Due, recipients: &[usize]) -> Prepared {
            let Content::InMemory(content) = &due.content else {
                unreachable!("it is fresh");
            };
            Prepared {
                content: content.clone(),
                recipients: recipients.to_vec(),
                decided: Vec::new(),
                withheld: false,
            }
        }

        fn conclude(
            &self,
            _: &[Due],
            settlements: Vec<crate::Settlement>,
        ) -> Vec<crate::Settlement> {
            settlements
        }

        fn random(&self) -> u64 {
            0
        }

        fn utc(&self) -> UtcDateTime {
            UtcDateTime::UNIX_EPOCH
        }
    }

    #[test]
    fn an_attempt_after_a_crash_doubles_no_copy_that_a_reader_has_seen() {
        let root = tempfile::tempdir().unwrap();
        let worker = Worker {
            supply: Arc::new(Always),
            maildir: Arc::new(Maildir::new(root.path().into())),
            octets_max: 1,
        };
        let due = Due {
            id: QueueId::new(1, 0),
            tenant: TenantId(1),
            account: AccountId(1),
            envelope: Arc::new(Envelope {
                sender: None,
                recipients: vec![Recipient::new("a@contoso.test".parse().unwrap())],
                body: BodyKind::SevenBit,
                smtputf8: false,
                ret: None,
                envid: None,
            }),
            pending: vec![0],
            attempts: 0,
            accepted_at: UtcDateTime::UNIX_EPOCH,
            delay_told: false,
            content: Content::InMemory(Bytes::from_static(b"A: b\r\n\r\n")),
        };
        let delivered = vec![Some(vec![(0, Outcome::Delivered)])];
        let dues = [due];
        assert_eq!(worker.attempt(&dues, false), delivered);
        let mailbox = root.path().join("contoso.test/a");
        for entry in fs::read_dir(mailbox.join("new")).unwrap() {
            let name = entry.unwrap().file_name();
            let seen = format!("{}:2,S", name.to_str().unwrap());
            fs::rename(
                mailbox.join("new").join(&name),
                mailbox.join("cur").join(seen),
            )
            .unwrap();
        }
        assert_eq!(worker.attempt(&dues, true), delivered);
        assert_eq!(fs::read_dir(mailbox.join("new")).unwrap().count(), 0);
        assert_eq!(worker.attempt(&dues, false), delivered);
        assert_eq!(fs::read_dir(mailbox.join("new")).unwrap().count(), 1);
    }
}
