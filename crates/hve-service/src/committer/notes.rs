//! What rides along with a commit now and then, and waits for the next one that takes it.

use std::{collections::HashMap, net::IpAddr};

use hve_store::{Batch, GuardNotes, KnownClient, LastUse, RefusalCount, Suspect, Suspicion};
use hve_types::{AccountId, TenantId};
use time::UtcDateTime;

use crate::black_box::Failed;

/// Something to be written down within a second or so.
#[derive(Debug)]
pub(crate) enum Note {
    /// A session came to nothing.
    Failed(Box<Failed>),
    /// A client is known to an account.
    Known(KnownClient),
    /// Something was refused.
    Refused(Refused),
    /// Somebody signed in.
    SignedIn(Box<LastUse>),
    /// Somebody may be guessing.
    Suspect(Box<Suspicion>),
}

/// A refusal to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Refused {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) account: Option<AccountId>,
    pub(crate) reason: &'static str,
}

/// All notes since the last commit that took them; of what is said over and over, the last word.
#[derive(Default)]
pub(super) struct Notes {
    /// Bounded by the places that they hold.
    failed: Vec<Failed>,
    known: HashMap<(AccountId, IpAddr), UtcDateTime>,
    /// By the hour. Bounded by accounts and reasons.
    refused: HashMap<(i64, Refused), u64>,
    signed_in: HashMap<(AccountId, String), LastUse>,
    suspicions: HashMap<Suspect, Suspicion>,
}

const HOUR: i64 = 3600;
/// Of each kind. Only a store in trouble lets so many gather; what comes then is not kept.
const MOST: usize = 10_000;

impl Notes {
    pub(super) fn is_empty(&self) -> bool {
        self.failed.is_empty()
            && self.known.is_empty()
            && self.refused.is_empty()
            && self.signed_in.is_empty()
            && self.suspicions.is_empty()
    }

    pub(super) fn take(&mut self, note: Note, now: UtcDateTime) {
        match note {
            Note::Failed(failed) => self.failed.push(*failed),
            Note::Known(client) => {
                let key = (client.account, client.network);
                put(&mut self.known, key, client.seen_at);
            }
            Note::Refused(refused) => {
                let hour = now.unix_timestamp().div_euclid(HOUR) * HOUR;
                *self.refused.entry((hour, refused)).or_default() += 1;
            }
            Note::SignedIn(used) => {
                let key = (used.account, used.proof.clone());
                put(&mut self.signed_in, key, *used);
            }
            Note::Suspect(suspicion) => self.suspect(*suspicion),
        }
    }

    /// The newest counts, but the block that an earlier one told of stays.
    fn suspect(&mut self, mut suspicion: Suspicion) {
        let before = self.suspicions.get(&suspicion.suspect);
        let block = before.and_then(|before| before.block);
        suspicion.block = suspicion.block.or(block);
        put(&mut self.suspicions, suspicion.suspect.clone(), suspicion);
    }

    /// Adds all of them as rows. They stay here until it is known that the commit took them.
    pub(super) fn add_to(&self, batch: &mut Batch) {
        batch.refusals = self.refused.iter().map(count).collect();
        batch.failed_sessions = self.failed.iter().map(|of| of.session.clone()).collect();
        batch.last_uses = self.signed_in.values().cloned().collect();
        batch.guard = GuardNotes {
            known: self.known.iter().map(known).collect(),
            suspicions: self.suspicions.values().cloned().collect(),
        };
    }
}

fn put<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) {
    if map.len() < MOST || map.contains_key(&key) {
        map.insert(key, value);
    }
}

fn count((&(hour, refused), &count): (&(i64, Refused), &u64)) -> RefusalCount {
    RefusalCount {
        hour: UtcDateTime::from_unix_timestamp(hour).unwrap_or(UtcDateTime::UNIX_EPOCH),
        tenant: refused.tenant,
        account: refused.account,
        reason: refused.reason.to_owned(),
        count,
    }
}

fn known((&(account, network), &seen_at): (&(AccountId, IpAddr), &UtcDateTime)) -> KnownClient {
    KnownClient {
        account,
        network,
        seen_at,
    }
}
