//! Sign-in by SCRAM: the exchange of one session, the directory, the guard, judgement.
//!
//! Of a wrong proof nothing stays the same from one attempt to the next, so each is a guess of its
//! own, unless it fits keys that the account had before: then a device repeats an old password.
//! Comparing takes microseconds, so nothing is remembered of a right one.

use hve_auth::{
    Credential, Guess, Method, ScramBinding, ScramChallenge, ScramHello, ScramKeys, ScramRefusal,
    SignInRefusal, judge,
};
use hve_smtp::{Mechanism, Now, Refusal, SaslResponse};
use hve_types::{Address, Proof};
use tracing::{error, info};

use super::{Client, SignIn, SignedIn, acts_as_itself, lock, unreadable};
use crate::refusals;

/// What is kept of an exchange between two responses of the client.
pub(crate) enum Exchange {
    /// The client knows its salt, and has to prove that it knows the password.
    Challenged(Box<ScramChallenge>),
    /// It has, and has to take note that the server knows it, too.
    Proven(Box<SignedIn>),
}

/// What is said to a response.
pub(crate) enum Said {
    Challenge(Exchange, Vec<u8>),
    SignedIn(Box<SignedIn>),
}

impl Exchange {
    /// Who the client says it is.
    pub(crate) fn user(&self) -> &str {
        match self {
            Self::Challenged(challenge) => challenge.user(),
            Self::Proven(signed_in) => signed_in.principal.address.as_str(),
        }
    }
}

impl SignIn {
    /// Answers one response of the client, `held` being what the last one led to. `exported` is
    /// what the TLS connection gives to bind to.
    pub(crate) async fn scram(
        &self,
        held: Option<Exchange>,
        response: &SaslResponse,
        exported: Option<[u8; 32]>,
        client: Client,
        now: Now,
    ) -> Result<Said, Refusal> {
        match held {
            // A client that broke off begins anew.
            _ if response.first => self.hello(response, exported, now),
            Some(Exchange::Challenged(challenge)) => {
                self.prove(*challenge, &response.octets, client, now).await
            }
            // RFC 4954 §4: the response to what the server said last is empty.
            Some(Exchange::Proven(signed_in)) if response.octets.is_empty() => {
                Ok(Said::SignedIn(signed_in))
            }
            Some(Exchange::Proven(_)) => Err(refusals::scram(ScramRefusal::Malformed)),
            // The session asks so within an exchange only.
            None => Err(refusals::unavailable()),
        }
    }

    fn hello(
        &self,
        response: &SaslResponse,
        exported: Option<[u8; 32]>,
        now: Now,
    ) -> Result<Said, Refusal> {
        let binding = match (response.mechanism, exported) {
            (Mechanism::ScramSha256, None) => ScramBinding::None,
            (Mechanism::ScramSha256, Some(_)) => ScramBinding::NotChosen,
            (Mechanism::ScramSha256Plus, Some(octets)) => ScramBinding::TlsExporter(octets),
            // It is not offered then.
            _ => return Err(refusals::unavailable()),
        };
        let hello = ScramHello::read(&response.octets, &binding).map_err(refusals::scram)?;
        let user = Address::parse(hello.user()).ok();
        if !acts_as_itself(user.as_ref(), hello.authzid()) {
            return Err(wrong(now));
        }
        let found = self.found(user.as_ref())?;
        // The newest one decides what the client is told; an older one of the same salt is tried,
        // too.
        let mut usable = usable(found.as_ref(), now);
        let told = usable.pop().map(|(_, keys)| keys);
        let told = told.unwrap_or_else(|| ScramKeys::decoy(self.salts.of(hello.user())));
        let mut nonce = [0; 18];
        getrandom::fill(&mut nonce).map_err(|error| {
            error!(%error, "no randomness");
            refusals::unavailable()
        })?;
        let (challenge, message) = hello.challenge(nonce, &told);
        let exchange = Exchange::Challenged(Box::new(challenge));
        Ok(Said::Challenge(exchange, message))
    }

    async fn prove(
        &self,
        challenge: ScramChallenge,
        message: &[u8],
        client: Client,
        now: Now,
    ) -> Result<Said, Refusal> {
        let name = challenge.user().to_owned();
        let found = self.found(Address::parse(&name).ok().as_ref())?;
        let mut all = usable(found.as_ref(), now);
        let current = all.len();
        if let Some(known) = &found {
            let former = lock(&self.seen).former(known.account.id, &all);
            all.extend(former);
        }
        let (versions, keys): (Vec<u64>, Vec<ScramKeys>) = all.into_iter().unzip();
        let proof = challenge.prove(message, &keys).map_err(refusals::scram)?;
        // Comparing costs next to nothing, and whoever is blocked hears nothing of what came of it.
        let old = proof.as_ref().filter(|proof| proof.index >= current);
        let mark = old.map(|old| format!("former {:?}", versions.get(old.index)).into());
        let guess = mark.as_ref().map_or(Guess::Proof, Guess::Secret);
        let admitted = self
            .guarded
            .admit(&name, client.address, guess, now)
            .await?;
        let Some(proof) = proof.filter(|proof| proof.index < current) else {
            if let Some(known) = found.as_ref().filter(|_| current == 0) {
                let account = &known.account.address;
                info!(%account, "its password serves PLAIN and LOGIN only: set it anew for SCRAM");
            }
            return Err(admitted.wrong(now).await);
        };
        if let Some(known) = &found {
            admitted.right(known.account.id, now);
        }
        let version = versions.get(proof.index).copied();
        let secret = version.map(|version| Proof::Secret { version });
        let attempt = client.attempt(Method::Password);
        let principal = judge(found.as_ref(), secret, attempt, now.utc)
            .map_err(|refused| refusals::sign_in(&refused, now.monotonic))?;
        let view = self.directory.current().map_err(unreadable)?;
        let signed_in = self.admit(&*view, principal, attempt, now)?;
        // Only now: who may not come in hears no word of success.
        let exchange = Exchange::Proven(Box::new(signed_in));
        Ok(Said::Challenge(exchange, proof.message))
    }

    fn found(&self, user: Option<&Address>) -> Result<Option<Credential>, Refusal> {
        match user {
            Some(user) => self.directory.credential(user).map_err(unreadable),
            None => Ok(None),
        }
    }
}

/// The secrets that SCRAM takes, oldest first.
fn usable(found: Option<&Credential>, now: Now) -> Vec<(u64, ScramKeys)> {
    let secrets = found.into_iter().flat_map(|of| of.usable(now.utc));
    secrets
        .filter_map(|secret| Some((secret.version, secret.scram.clone()?)))
        .collect()
}

fn wrong(now: Now) -> Refusal {
    refusals::sign_in(&SignInRefusal::WrongCredentials, now.monotonic)
}
