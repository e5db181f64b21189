//! The host of the simulation: what `hve-service` does with tasks, sockets and clocks, done here
//! in one thread, with chance deciding what happens next.

mod committer;

use std::{path::PathBuf, time::Duration};

use hve_auth::{HashCost, PasswordHash, StoredPassword};
use hve_policy::RecipientFacts;
use hve_smtp::{Answer, Enhanced, Leniency, Now, Question, Refusal, Reply, Step};
use hve_store::{Act, NewAccount, NewTenant, Store, Writer};
use hve_types::{
    Account, AccountLimits, Address, Ceiling, DomainKind, Principal, Proof, QueueId, Tenant,
    TenantLimits,
};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use time::UtcDateTime;

use self::committer::CrashPoint;
use crate::{
    books::Books,
    random::Random,
    script::{self, ACCOUNTS, PASSWORD},
    session::{Talk, Waiting},
};

/// Recipients a day of the last account. Limits are low, so that they are met all the time.
const ACCOUNT_LIMIT: u64 = 9;

/// Everything there is.
pub(crate) struct World {
    random: Random,
    folder: TempDir,
    generation: u32,
    writer: Writer,
    store: Store,
    tenant: Tenant,
    accounts: Vec<Account>,
    talks: Vec<Talk>,
    waiting: Vec<Waiting>,
    books: Books,
    clock: Now,
    next: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let folder = hve_tests::memory_folder();
        let clock = Now {
            monotonic: Duration::ZERO,
            utc: UtcDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
        };
        let writer = Writer::open(&folder.path().join("0.db")).unwrap();
        let store = writer.store();
        let act = Act {
            actor: "simulation".into(),
            at: clock.utc,
        };
        let limit = 8 + random.next() % 60;
        let tenant = NewTenant {
            name: "contoso.test".parse().unwrap(),
            kind: DomainKind::Relay,
            limits: TenantLimits {
                recipients_per_day: Ceiling::AtMost(limit),
                ..TenantLimits::default()
            },
        };
        let tenant = store.add_tenant(&tenant, &act).unwrap();
        let mut books = Books {
            tenant_limit_max: limit,
            ..Books::default()
        };
        let mut accounts = Vec::new();
        for address in ACCOUNTS {
            let mut limits = AccountLimits::default();
            let limited = address == ACCOUNTS[2];
            if limited {
                limits.recipients_per_day = Ceiling::AtMost(ACCOUNT_LIMIT);
            }
            let new = NewAccount {
                tenant: tenant.id,
                address: address.parse().unwrap(),
                display_name: String::new(),
                alias: None,
                limits,
                password: cheap_hash(),
            };
            let account = store.add_account(&new, &act).unwrap();
            if limited {
                books.account_limit.insert(account.id, ACCOUNT_LIMIT);
            }
            accounts.push(account);
        }
        Self {
            random,
            folder,
            generation: 0,
            writer,
            store,
            tenant,
            accounts,
            talks: Vec::new(),
            waiting: Vec::new(),
            books,
            clock,
            next: 1,
        }
    }

    /// Runs so many random steps, then sees everything through and looks at the books.
    pub(crate) fn run(&mut self, steps: usize) -> Totals {
        for _ in 0..steps {
            self.step();
        }
        self.commit(None);
        self.compare();
        self.crash();
        Totals {
            accepted: self.books.durable.len(),
            refused: self.books.not_accepted.len(),
            crashes: usize::try_from(self.generation).unwrap(),
        }
    }

    fn step(&mut self) {
        self.pass_time();
        match self.random.below(40) {
            0..=5 if self.talks.len() < 8 => self.connect(),
            6..=9 => self.commit(None),
            10 => self.settle(),
            11 if self.random.one_in(3) => self.change_limit(),
            12 if self.random.one_in(3) => self.crash(),
            13 if self.random.one_in(3) => {
                let points = [
                    CrashPoint::Before,
                    CrashPoint::During,
                    CrashPoint::After,
                    CrashPoint::BetweenAnswers,
                ];
                let point = *self.random.pick(&points);
                self.commit(Some(point));
            }
            14 => self.compare(),
            _ => self.talk(),
        }
    }

    fn pass_time(&mut self) {
        let seconds: i64 = match self.random.below(400) {
            0 => -3_600,
            1 => 3_600,
            2 => -2 * 86_400,
            3 => 3 * 86_400,
            4..=12 => self.leap_to_an_edge(),
            other => i64::from(other % 4 == 0),
        };
        self.clock.utc += time::Duration::seconds(seconds);
        self.clock.utc += time::Duration::milliseconds(137);
        self.clock.monotonic += Duration::from_millis(self.random.next() % 500);
    }

    /// How far it is to the last second in which some event counts, or to the first in which it
    /// no longer does.
    fn leap_to_an_edge(&mut self) -> i64 {
        let events: Vec<i64> = self.books.durable.values().map(|entry| entry.at).collect();
        if events.is_empty() {
            return 0;
        }
        let edge = *self.random.pick(&events) + 86_400;
        let beyond = i64::from(self.random.one_in(2));
        edge + beyond - self.clock.utc.unix_timestamp()
    }

    fn connect(&mut self) {
        let script = script::script(&mut self.random);
        let talk = Talk::new(self.number(), script, 1 << 20, self.clock);
        self.talks.push(talk);
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// One client says something, or loses its patience, or its connection.
    fn talk(&mut self) {
        if self.talks.is_empty() {
            return;
        }
        let index = self.random.below(self.talks.len());
        let count = *self.random.pick(&[1, 7, 60, 500, 5_000]);
        let lost = self.random.one_in(150);
        let now = self.clock;
        let talk = &mut self.talks[index];
        if lost {
            // The connection is gone; a submission that waits is decided all the same.
            self.end(index);
            return;
        }
        if talk.session.deadline() < now.monotonic {
            talk.session.timed_out(now);
        } else if !talk.waits && !talk.say(count, now) {
            self.end(index);
            return;
        }
        if !self.talks[index].waits {
            self.drive(index);
        }
    }

    /// Polls a session until it needs something that is not there.
    fn drive(&mut self, index: usize) {
        loop {
            let now = self.clock;
            let talk = &mut self.talks[index];
            match talk.session.poll(now) {
                Step::Send(octets) => talk.heard.extend_from_slice(&octets),
                Step::NeedInput => return,
                Step::Report(_) => {}
                Step::Ask(question) => match self.answer(index, question) {
                    Some(answer) => self.talks[index].session.answer(answer, now),
                    None => return,
                },
                Step::Close => {
                    self.end(index);
                    return;
                }
                step => unreachable!("{step:?} inside TLS"),
            }
        }
    }

    fn end(&mut self, index: usize) {
        let talk = self.talks.swap_remove(index);
        self.books.acknowledged.extend(talk.acknowledged());
    }

    /// What the host says at once; `None` where the committer has to say it.
    fn answer(&mut self, index: usize, question: Question) -> Option<Answer> {
        let principal = self.talks[index].principal.clone();
        let verdict = match question {
            Question::Authenticate(credentials) => {
                let right = credentials.password.expose_secret() == PASSWORD;
                let account = Address::parse(&credentials.user)
                    .ok()
                    .and_then(|user| self.accounts.iter().find(|account| account.address == user));
                let Some(account) = account.filter(|_| right) else {
                    return Some(refuse(535, Enhanced(5, 7, 3)));
                };
                self.talks[index].principal = Some(Principal {
                    tenant: account.tenant,
                    account: account.id,
                    address: account.address.clone(),
                    proof: Proof::Secret {
                        version: account.credential_version,
                    },
                });
                let user = account.address.clone();
                let leniency = Leniency::default();
                return Some(Answer::Authenticated { user, leniency });
            }
            Question::Mail(request) => {
                hve_policy::sender(&principal?, request.sender.as_ref()).is_ok()
            }
            Question::Rcpt(request) => {
                let internal = request.recipient.address.domain() == self.tenant.name;
                let facts = if internal {
                    RecipientFacts::RELAY
                } else {
                    RecipientFacts::EXTERNAL
                };
                hve_policy::recipient(&self.tenant.limits, facts, request.accepted).is_ok()
            }
            Question::Data(_) => {
                let random = u128::from(self.random.next());
                let number = self.number();
                return Some(Answer::Proceed {
                    queue_id: QueueId::new(number, random),
                    message_octets: 1 << 20,
                    reply_to: None,
                });
            }
            Question::Submit(submission) => {
                let principal = principal?;
                if hve_policy::header(&principal, &submission.from, &submission.sender).is_err() {
                    self.books.not_accepted.insert(submission.queue_id);
                    return Some(refuse(550, Enhanced(5, 6, 241)));
                }
                self.talks[index].waits = true;
                self.waiting.push(Waiting {
                    talk: self.talks[index].number,
                    id: submission.queue_id,
                    principal,
                    envelope: submission.envelope.into(),
                    content: submission.content,
                    message_id: submission.message_id,
                });
                return None;
            }
            question => unreachable!("{question:?}"),
        };
        Some(if verdict {
            Answer::Accepted
        } else {
            refuse(550, Enhanced(5, 7, 1))
        })
    }

    fn compare(&mut self) {
        let heard = self.talks.iter().flat_map(Talk::acknowledged);
        self.books.acknowledged.extend(heard);
        self.books
            .compare(&self.store, self.tenant.id, self.clock.utc);
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(format!("{}.db", self.generation))
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    pub(crate) crashes: usize,
}

fn refuse(code: u16, enhanced: Enhanced) -> Answer {
    let reply = Reply::new(code, Some(enhanced), "No");
    Answer::Refused(Refusal::new(reply, "simulated"))
}

/// Hashing is not what is simulated.
pub(crate) fn cheap_hash() -> StoredPassword {
    let cost = HashCost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
    PasswordHash::derive(&SecretString::from(PASSWORD), [7; 16], cost)
        .unwrap()
        .into()
}
