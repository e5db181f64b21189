//! Who is it, and may they have another session: cache, guard, hashing threads, judgement.

mod scram;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hve_auth::{
    Attempt, Credential, CredentialCache, Guess, HashCost, Method, PasswordHash, ScramSalts,
    Secret, SeenKeys, SignInRefusal, WrongPasswords, judge, still_good,
};
use hve_smtp::{Credentials, Now, Refusal};
use hve_types::{AccountId, Address, CertificateFingerprint, Principal, Proof};
use tracing::error;

pub(crate) use scram::{Exchange, Said};

use crate::{
    config::Limits,
    directory::{CachedDirectory, DirectoryError, DirectoryView},
    guarded::{Admitted, Guarded},
    hashing::HashingPool,
    permits::{Permit, Permits},
    refusals,
};

/// The sign-in of one server.
pub(crate) struct SignIn {
    directory: Arc<CachedDirectory>,
    cache: Mutex<CredentialCache>,
    wrong: Mutex<WrongPasswords>,
    guarded: Guarded,
    pool: HashingPool,
    /// What unknown users are compared with, so that they cost what known ones do.
    decoy: PasswordHash,
    salts: ScramSalts,
    seen: Mutex<SeenKeys>,
    sessions: Arc<Permits<AccountId>>,
}

/// The client of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// The TLS certificate that it has shown.
    pub(crate) certificate: Option<CertificateFingerprint>,
}

impl Client {
    pub(crate) const fn attempt(self, method: Method) -> Attempt {
        Attempt {
            from: self.address,
            method,
            certificate: self.certificate,
        }
    }
}

/// Somebody who has signed in. Its place among the account's sessions is given back with it.
pub(crate) struct SignedIn {
    pub(crate) principal: Principal,
    /// How: the rules about that may change while the session goes on.
    pub(crate) attempt: Attempt,
    _place: Permit<AccountId>,
}

/// Independent random keys.
pub(crate) struct Keys {
    pub(crate) cache: [u8; 32],
    pub(crate) wrong: [u8; 32],
    /// Of the store rather than of this process.
    pub(crate) salts: ScramSalts,
}

impl SignIn {
    /// # Errors
    /// Threads could not be started.
    pub(crate) fn new(
        directory: Arc<CachedDirectory>,
        limits: &Limits,
        keys: Keys,
        guarded: Guarded,
    ) -> std::io::Result<Self> {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let accounts = count(limits.verified_accounts.get());
        let waiting = count(limits.hashing_queue.get());
        Ok(Self {
            directory,
            cache: Mutex::new(CredentialCache::new(
                keys.cache,
                accounts,
                limits.verified_for,
            )),
            wrong: Mutex::new(WrongPasswords::new(
                keys.wrong,
                WRONG_REMEMBERED,
                limits.verified_for,
            )),
            guarded,
            pool: HashingPool::start(count(limits.hashing_threads), waiting)?,
            decoy: PasswordHash::decoy(HashCost::default()).map_err(std::io::Error::other)?,
            salts: keys.salts,
            seen: Mutex::new(SeenKeys::new(accounts)),
            sessions: Arc::default(),
        })
    }

    pub(crate) const fn guarded(&self) -> &Guarded {
        &self.guarded
    }

    /// Signs in, or says why not.
    pub(crate) async fn authenticate(
        &self,
        view: &dyn DirectoryView,
        credentials: &Credentials,
        client: Client,
        now: Now,
    ) -> Result<SignedIn, Refusal> {
        let attempt = client.attempt(Method::Password);
        let user = Address::parse(&credentials.user).ok();
        if !acts_as_itself(user.as_ref(), credentials.authzid.as_deref()) {
            return Err(refusals::sign_in(
                &SignInRefusal::WrongCredentials,
                now.monotonic,
            ));
        }
        // Before the cache as well: else whoever is blocked could guess on, at no cost, until one
        // is right.
        let guess = Guess::Secret(&credentials.password);
        let admitted = self
            .guarded
            .admit(&credentials.user, client.address, guess, now)
            .await?;
        if let Some(principal) = self.remembered(view, user.as_ref(), credentials, now) {
            admitted.right(principal.account, now);
            return self.admit(view, principal, attempt, now);
        }
        // A device with an old password: it hears the same as before, and costs nothing. What is
        // asked is in memory, where nobody's name takes longer than another's.
        let known = user.as_ref().and_then(|user| view.account_named(user));
        let version = known.map(|of| of.credential_version);
        let Credentials {
            user: name,
            password,
            ..
        } = credentials;
        if lock(&self.wrong).knows(name, version, password, now.monotonic) {
            return Err(admitted.repeated(now).await);
        }
        let principal = self
            .verify(user.as_ref(), credentials, (admitted, attempt), now)
            .await?;
        // Hashing took a while: what counts is the directory of this moment.
        let view = self.directory.current().map_err(unreadable)?;
        self.admit(&*view, principal, attempt, now)
    }

    /// Signs in whom the client's TLS certificate names: the one account that lists it, or the
    /// one that the client names and that lists it (RFC 4422 App. A).
    pub(crate) fn external(
        &self,
        view: &dyn DirectoryView,
        authzid: Option<&str>,
        client: Client,
        now: Now,
    ) -> Result<SignedIn, Refusal> {
        let shown = client.certificate.ok_or_else(refusals::no_certificate)?;
        let devices = self.directory.devices();
        let mut listing = devices
            .with_certificate(&shown)
            .iter()
            .filter_map(|id| view.account(*id))
            .filter(|account| match authzid {
                Some(name) => Address::parse(name).is_ok_and(|name| name == account.address),
                None => true,
            });
        let account = match (listing.next(), listing.next()) {
            (Some(account), None) => account,
            (Some(_), Some(_)) => return Err(refusals::ambiguous_certificate()),
            (None, _) => return Err(refusals::unknown_certificate(&shown)),
        };
        let principal = Principal {
            tenant: account.tenant,
            account: account.id,
            address: account.address.clone(),
            proof: Proof::Certificate(shown),
        };
        self.admit(view, principal, client.attempt(Method::Certificate), now)
    }

    /// The account whose password was verified not long ago and is the one given here.
    fn remembered(
        &self,
        view: &dyn DirectoryView,
        user: Option<&Address>,
        credentials: &Credentials,
        now: Now,
    ) -> Option<Principal> {
        let mut cache = lock(&self.cache);
        let Some(account) = user.and_then(|user| view.account_named(user)) else {
            // As much work as for somebody who is there.
            let _ = cache.knows(AccountId(0), 0, &credentials.password, now.monotonic);
            return None;
        };
        let secret = account.secrets.iter().find(|secret| {
            secret.holds(now.utc)
                && cache.knows(
                    account.id,
                    secret.version,
                    &credentials.password,
                    now.monotonic,
                )
        })?;
        Some(Principal {
            tenant: account.tenant,
            account: account.id,
            address: account.address.clone(),
            proof: Proof::Secret {
                version: secret.version,
            },
        })
    }

    /// Compares the password, with the same work for users that do not exist.
    async fn verify(
        &self,
        user: Option<&Address>,
        credentials: &Credentials,
        (admitted, attempt): (Admitted<'_>, Attempt),
        now: Now,
    ) -> Result<Principal, Refusal> {
        let found = match user {
            Some(user) => self.directory.credential(user).map_err(unreadable)?,
            None => None,
        };
        let usable: Vec<&Secret> = found.iter().flat_map(|of| of.usable(now.utc)).collect();
        let mut hashes: Vec<PasswordHash> = usable.iter().map(|of| of.hash.clone()).collect();
        if hashes.is_empty() {
            hashes.push(self.decoy.clone());
        }
        let matching = self
            .pool
            .matching(hashes, credentials.password.clone())
            .await
            .map_err(|_| refusals::sign_in_busy())?;
        let matched = matching
            .and_then(|index| usable.get(index))
            .map(|secret| secret.version);
        let proof = matched.map(|version| Proof::Secret { version });
        let judged = judge(found.as_ref(), proof, attempt, now.utc);
        let wrong = self
            .learn(found.as_ref(), matched, credentials, admitted, now)
            .await;
        judged
            .map_err(|refused| wrong.unwrap_or_else(|| refusals::sign_in(&refused, now.monotonic)))
    }

    /// Keeps the outcome. That of a wrong password may take a while, and is what to answer.
    async fn learn(
        &self,
        found: Option<&Credential>,
        matched: Option<u64>,
        credentials: &Credentials,
        admitted: Admitted<'_>,
        now: Now,
    ) -> Option<Refusal> {
        let Credentials { user, password, .. } = credentials;
        match (found, matched) {
            (Some(Credential { account, .. }), Some(secret)) => {
                admitted.right(account.id, now);
                lock(&self.cache).remember(account.id, secret, password, now.monotonic);
                None
            }
            _ => {
                let version = found.map(|of| of.account.credential_version);
                lock(&self.wrong).remember(user, version, password, now.monotonic);
                Some(admitted.wrong(now).await)
            }
        }
    }

    /// Judges again with the view, which may be newer, and takes a place among the sessions.
    pub(crate) fn admit(
        &self,
        view: &dyn DirectoryView,
        principal: Principal,
        attempt: Attempt,
        now: Now,
    ) -> Result<SignedIn, Refusal> {
        let tenant = view.tenant(principal.tenant);
        let account = view.account(principal.account);
        still_good(&principal, account, tenant, attempt, now.utc)
            .map_err(|refused| refusals::sign_in(&refused, now.monotonic))?;
        let limit = tenant.map_or(0, |tenant| tenant.limits.sessions_per_account.get());
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let place = self
            .sessions
            .take(principal.account, most)
            .ok_or_else(|| refusals::sessions_of_account(limit))?;
        Ok(SignedIn {
            principal,
            attempt,
            _place: place,
        })
    }
}

/// Nobody acts for somebody else.
fn acts_as_itself(user: Option<&Address>, authzid: Option<&str>) -> bool {
    match authzid {
        None => true,
        Some(other) => user.is_some() && Address::parse(other).ok().as_ref() == user,
    }
}

/// Wrong passwords remembered: 800 kB.
const WRONG_REMEMBERED: usize = 10_000;

/// What is behind these locks is as good after a panic as before.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn unreadable(error: DirectoryError) -> Refusal {
    error!(%error, "directory unreadable");
    refusals::unavailable()
}
