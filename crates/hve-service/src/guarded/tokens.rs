//! The guard against floods of forged access tokens, in the service.

use std::net::IpAddr;

use hve_auth::{Blocked, network_of};
use hve_smtp::{Now, Refusal};
use hve_store::Suspect;
use hve_types::Address;
use secrecy::SecretString;
use tracing::warn;

use super::Guarded;
use crate::refusals::token as refusals;

/// Leave to look at one token.
#[derive(Clone, Copy)]
pub(crate) struct AdmittedToken<'a> {
    of: &'a Guarded,
    user: &'a Address,
    from: IpAddr,
    behind: Option<Blocked>,
}

impl Guarded {
    /// Asks for leave to look at a token, before anything is spent on it.
    pub(crate) fn admit_token<'a>(
        &'a self,
        user: &'a Address,
        from: IpAddr,
        now: Now,
    ) -> Result<AdmittedToken<'a>, Refusal> {
        let attempt = || {
            let state = self.lock();
            state.guard.admit_token(user.as_str(), from, now.monotonic)
        };
        let admitted = attempt().or_else(|blocked| match self.follow_resets() {
            true => attempt(),
            false => Err(blocked),
        });
        let behind =
            admitted.map_err(|blocked| refusals::forged_tokens(blocked.until, now.monotonic))?;
        Ok(AdmittedToken {
            of: self,
            user,
            from,
            behind,
        })
    }
}

impl AdmittedToken<'_> {
    /// Somebody trusted has signed it.
    pub(crate) fn genuine(self, now: Now) {
        let mut state = self.of.lock();
        let user = self.user.as_str();
        state.guard.genuine(user, self.from, now.monotonic);
    }

    /// Nobody trusted has: what is to be answered in place of the cause, if anything. Behind a block
    /// it says what all others hear.
    pub(crate) fn forged(self, token: &SecretString, now: Now) -> Option<Refusal> {
        if let Some(blocked) = self.behind {
            return Some(refusals::forged_tokens(blocked.until, now.monotonic));
        }
        // What was forgiven does not count any more.
        self.of.follow_resets();
        let user = self.user.as_str();
        let held = {
            let mut state = self.of.lock();
            state.guard.forged(user, self.from, token, now.monotonic)
        };
        if held.block.is_some() {
            let edge = &self.of.edge;
            let ours = Some(self.user).filter(|user| edge.is_ours(user));
            let shown = ours.map(tracing::field::display);
            warn!(user = shown, from = %self.from, "too many forged tokens: not looked at for a while");
            if let Some(user) = ours {
                let network = network_of(self.from);
                let suspect = Suspect::Tokens(user.clone(), network);
                edge.suspect(suspect, held, Some(network.to_string()), now);
            }
        }
        None
    }
}
