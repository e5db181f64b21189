//! Is this credential good, and may it be used.
//!
//! Passwords are kept as Argon2id hashes ([`PasswordHash`]); [`judge`] decides a sign-in and
//! [`still_good`] every later command of a session; [`CredentialCache`] spares a device that
//! connects for each message the price of Argon2, [`WrongPasswords`] spares the server the same
//! for one that repeats an old password, and [`Guard`] slows down guessing without harming those
//! who merely have an old one.
//! OAuth access tokens are judged by [`check_token`] and, for one account, by [`may_use`];
//! [`KeyCache`] says when their issuer's keys have to be fetched.
//!
//! The crate does no I/O and reads neither clock nor randomness: times, keys and salts are
//! arguments. It runs on the caller's thread: give [`PasswordHash::verify`] a thread that may be
//! busy for some 20 ms, and few of them.
//!
//! A sign-in, in the order that tells a stranger nothing:
//!
//! ```
//! use std::{net::IpAddr, time::Duration};
//! use hve_auth::{Attempt, CredentialCache, Guard, GuardLimits, Guess, HashCost, Method, PasswordHash, SignInRefusal};
//! # use hve_auth::{Credential, Secret, judge};
//! # use hve_types::{Account, AccountId, AccountLimits, Proof, SecretFacts, State, Tenant, TenantId, TenantLimits};
//! # use secrecy::SecretString;
//! # use time::macros::utc_datetime;
//! # let utc = utc_datetime!(2026-11-24 6:00);
//! # let cost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };
//! # let found = Credential {
//! #     account: Account {
//! #         id: AccountId(1), tenant: TenantId(1), address: "hve01@contoso.test".parse()?,
//! #         display_name: "Scanner".into(), alias: None, limits: AccountLimits::default(), sign_in: Default::default(),
//! #         state: State::Active, bounce_to: None, reply_to: None, created_at: utc, credential_version: 1,
//! #         secrets: vec![SecretFacts { version: 1, label: "password".into(), created_at: utc, expires_at: None }],
//! #     },
//! #     tenant: Tenant {
//! #         id: TenantId(1), name: "contoso.test".parse()?, limits: TenantLimits::default(), sign_in: Default::default(),
//! #         state: State::Active, postmaster: None, created_at: utc,
//! #     },
//! #     secrets: vec![Secret {
//! #         version: 1,
//! #         hash: PasswordHash::derive(&SecretString::from("a long password"), [7; 16], cost)?,
//! #         scram: None,
//! #     }],
//! # };
//! # let (random, other_random) = ([1; 32], [2; 32]);
//! let mut guard = Guard::new(random, GuardLimits::default());
//! let mut cache = CredentialCache::new(other_random, 10_000, Duration::from_secs(300));
//! let decoy = PasswordHash::decoy(cost)?;
//!
//! let mut sign_in = |user: &str, found: Option<&Credential>, password: &SecretString, now| {
//!     let from = IpAddr::from([192, 0, 2, 1]);
//!     let reservation = guard.admit(user, from, Guess::Secret(password), now)?;
//!     let secrets: Vec<&Secret> = found.iter().flat_map(|found| found.usable(utc)).collect();
//!     let account = found.map_or(AccountId(0), |found| found.account.id);
//!     let mut knows = |secret: &&&Secret| cache.knows(account, secret.version, password, now);
//!     let matched = match secrets.iter().find(&mut knows) {
//!         Some(cached) => Some(cached.version),
//!         None => {
//!             let mut hashes: Vec<PasswordHash> = secrets.iter().map(|of| of.hash.clone()).collect();
//!             if hashes.is_empty() {
//!                 hashes.push(decoy.clone());
//!             }
//!             let index = PasswordHash::matching(&hashes, password);
//!             index.and_then(|index| secrets.get(index)).map(|secret| secret.version)
//!         }
//!     };
//!     match matched {
//!         Some(version) => {
//!             guard.right(reservation, now);
//!             cache.remember(account, version, password, now);
//!         }
//!         None => {
//!             let _wait_so_long_before_the_answer = guard.wrong(reservation, now).delay;
//!         }
//!     }
//!     judge(found, matched.map(|version| Proof::Secret { version }), Attempt { from, method: Method::Password, certificate: None }, utc)
//! };
//!
//! let (user, now) = ("hve01@contoso.test", Duration::ZERO);
//! let principal = sign_in(user, Some(&found), &SecretString::from("a long password"), now)?;
//! assert_eq!(principal.address.as_str(), user);
//! assert_eq!(
//!     sign_in("nobody@contoso.test", None, &SecretString::from("a long password"), now),
//!     Err(SignInRefusal::WrongCredentials)
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod guard;
mod keyed;
mod new_password;
mod password;
mod rules;
mod scram;
mod sign_in;
mod stored_password;
mod token;
mod wrong;

pub use cache::CredentialCache;
pub use guard::{
    Blocked, BlockedBy, Guard, GuardLimits, Guess, Held, Reservation, Subject, Wrong, network_of,
};
pub use new_password::{
    PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, WeakPassword, check_new_password, generate_password,
};
pub use password::{HashCost, HashError, PasswordHash};
pub use rules::{Attempt, Method, RuleBlock, SignInRule, SignInVerdict, check_rules};
pub use scram::{
    ScramBinding, ScramChallenge, ScramHello, ScramKeyError, ScramKeys, ScramProof, ScramRefusal,
    ScramSalts, SeenKeys,
};
pub use sign_in::{Credential, Secret, SignInRefusal, judge, still_good};
pub use stored_password::StoredPassword;
pub use token::{
    AppRefusal, KeyAdvice, KeyCache, KeySet, KeySetError, TOKEN_LIFE_SECONDS_MIN, TOKEN_OCTETS_MAX,
    TokenFacts, TokenKind, TokenRefusal, UnverifiedToken, check_token, may_use, read_unverified,
};
pub use wrong::WrongPasswords;
