//! What the guard said since the last commit that took it.

use std::{collections::HashMap, net::IpAddr};

use hve_store::{GuardNotes, KnownClient, Suspect, Suspicion};
use hve_types::AccountId;
use time::UtcDateTime;

/// One note for each pair of account and client, and for each suspect.
#[derive(Default)]
pub(super) struct Notes {
    known: HashMap<(AccountId, IpAddr), UtcDateTime>,
    suspicions: HashMap<Suspect, Suspicion>,
}

/// Of each kind. Only a store in trouble lets so many gather; what comes then is not kept.
const MOST: usize = 10_000;

impl Notes {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.suspicions.is_empty()
    }

    pub(super) fn know(&mut self, client: KnownClient) {
        let key = (client.account, client.network);
        if self.known.len() < MOST || self.known.contains_key(&key) {
            self.known.insert(key, client.seen_at);
        }
    }

    /// The newest counts, but the block that an earlier one told of stays.
    pub(super) fn suspect(&mut self, mut suspicion: Suspicion) {
        let before = self.suspicions.get(&suspicion.suspect);
        if before.is_none() && self.suspicions.len() >= MOST {
            return;
        }
        let block = before.and_then(|before| before.block);
        suspicion.block = suspicion.block.or(block);
        let suspect = suspicion.suspect.clone();
        self.suspicions.insert(suspect, suspicion);
    }

    pub(super) fn so_far(&self) -> GuardNotes {
        let known =
            |(&(account, network), &seen_at): (&(AccountId, IpAddr), &UtcDateTime)| KnownClient {
                account,
                network,
                seen_at,
            };
        GuardNotes {
            known: self.known.iter().map(known).collect(),
            suspicions: self.suspicions.values().cloned().collect(),
        }
    }
}
