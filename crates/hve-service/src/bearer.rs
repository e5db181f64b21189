//! Sign-in with an access token.
//!
//! Which issuers are trusted is decided by the domain of the user name, not by the account: so the
//! same work is done, and the same is said, whether the account exists or not. That a domain
//! belongs to a tenant, and whom that tenant trusts, can be learnt; both are public. Only whoever
//! holds a genuine token with the right permission hears that it is not let in, and again alike
//! for an account that lacks it and one that does not exist.

use hve_auth::{
    AppRefusal, Method, SignInRefusal, TokenFacts, TokenRefusal, check_token, may_use,
    read_unverified,
};
use hve_smtp::{BearerCredentials, Now, Refusal};
use hve_types::{Account, Address, Issuer, Principal, Proof, TenantId};
use secrecy::ExposeSecret;
use tracing::info;

use crate::{
    config::Limits,
    directory::{CachedDirectory, DirectoryView},
    issuers::Issuers,
    refusals::{self as all_refusals, token as refusals},
    sign_in::{Client, SignIn, SignedIn, unreadable},
};

/// What sign-ins with tokens share.
pub(crate) struct Bearers {
    issuers: Issuers,
}

impl Bearers {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            issuers: Issuers::new(limits.issuer_pause),
        }
    }

    /// Signs in, or says why not.
    pub(crate) async fn authenticate(
        &self,
        directory: &CachedDirectory,
        sign_in: &SignIn,
        credentials: &BearerCredentials,
        client: Client,
        now: Now,
    ) -> Result<SignedIn, Refusal> {
        let view = directory.current().map_err(unreadable)?;
        let Ok(user) = Address::parse(&credentials.user) else {
            let wrong = all_refusals::sign_in(&SignInRefusal::WrongCredentials, now.monotonic);
            return Err(all_refusals::user_name(wrong, &credentials.user));
        };
        let admitted_token = sign_in.guarded().admit_token(&user, client.address, now)?;
        let tenant = view.domain(&user.domain()).map(|(tenant, _)| tenant);
        let checked = self.check(&*view, tenant, credentials, now).await?;
        let facts = match checked {
            Ok(facts) => facts,
            Err(refused) => {
                // In words: the client hears them only where the token is genuine.
                info!(client = %client.address, why = %refused, "token refused");
                let forged = is_forged(&refused)
                    .then(|| admitted_token.forged(&credentials.token, now))
                    .flatten();
                return Err(forged.unwrap_or_else(|| refusals::token(&refused)));
            }
        };
        admitted_token.genuine(now);
        // Fetching keys took a while: what counts is the directory of this moment.
        let view = directory.current().map_err(unreadable)?;
        let account = view.account_named(&user);
        let account = account.filter(|account| Some(account.tenant) == tenant);
        let principal = admitted(account, facts)?;
        sign_in.admit(&*view, principal, client.attempt(Method::Token), now)
    }

    /// The token by itself: who signed it, for whom, until when, and what for. The outer error is
    /// that nobody can say now.
    async fn check(
        &self,
        view: &dyn DirectoryView,
        tenant: Option<TenantId>,
        credentials: &BearerCredentials,
        now: Now,
    ) -> Result<Result<TokenFacts, TokenRefusal>, Refusal> {
        let token = credentials.token.expose_secret();
        let claimed = match read_unverified(token) {
            Ok(claimed) => claimed,
            Err(refused) => return Ok(Err(refused)),
        };
        let trusted = tenant.and_then(|tenant| view.tenant(tenant));
        let mut trusted = trusted.iter().flat_map(|tenant| &tenant.sign_in.issuers);
        let Some(issuer) = trusted.find(|of| of.url == claimed.issuer) else {
            return Ok(Err(TokenRefusal::WrongIssuer));
        };
        let key_id = claimed.key_id.as_deref();
        let is_trusted = |url: &str| all_issuers(view).any(|of| of.url == url);
        let keys = self
            .issuers
            .keys(&issuer.url, is_trusted, key_id, now.monotonic)
            .await;
        let keys = keys.ok_or_else(|| refusals::issuer_away(&issuer.url))?;
        Ok(check_token(token, issuer, &keys, now.utc))
    }
}

/// Nobody trusted is known to have signed it.
const fn is_forged(refused: &TokenRefusal) -> bool {
    match refused {
        TokenRefusal::AlgorithmNotAllowed
        | TokenRefusal::BadSignature
        | TokenRefusal::Malformed
        | TokenRefusal::TooLong
        | TokenRefusal::UnknownKey
        | TokenRefusal::WrongIssuer => true,
        TokenRefusal::AboutToExpire(_)
        | TokenRefusal::Expired(_)
        | TokenRefusal::PermissionLacking
        | TokenRefusal::WrongAudience
        | TokenRefusal::WrongTenant
        | TokenRefusal::YetToBegin => false,
    }
}

fn all_issuers(view: &dyn DirectoryView) -> impl Iterator<Item = &Issuer> {
    view.tenants().flat_map(|tenant| &tenant.sign_in.issuers)
}

/// Who acts, where the account is there and lets them in.
fn admitted(account: Option<&Account>, facts: TokenFacts) -> Result<Principal, Refusal> {
    let Some(account) = account else {
        return Err(refusals::app_of_nobody(&AppRefusal::not_listed(&facts)));
    };
    may_use(&facts, &account.sign_in.apps).map_err(|refused| refusals::app(&refused))?;
    Ok(Principal {
        tenant: account.tenant,
        account: account.id,
        address: account.address.clone(),
        proof: Proof::Token {
            issuer: facts.issuer.into(),
            object_id: facts.object_id.into(),
            expires_at: facts.expires_at,
        },
    })
}
