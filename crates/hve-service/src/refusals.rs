//! THE table: every refusal of sign-in, policy and store, and the reply the client gets.
//!
//! Codes are those of the original service where it has one. "Later" is 4xx and says when,
//! "never" is 5xx; the words come with the refusal and say what to do next.

mod certificate;
mod scram;
pub(crate) mod token;
mod user_name;

use std::time::Duration;

use hve_auth::{RuleBlock, SignInRefusal};
use hve_policy::{
    HeaderRefusal, QuotaExceeded, RecipientRefusal, RollingQuota, SenderRefusal, TooLarge, Wait,
};
use hve_smtp::{Enhanced, Refusal, Reply};
use hve_store::Accepted;
use hve_types::{Account, Tenant};

pub(crate) use user_name::user_name;

use crate::committer::Trouble;

pub(crate) use scram::scram;

pub(crate) use certificate::{ambiguous_certificate, no_certificate, unknown_certificate};

/// Whose quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuotaOf {
    Account,
    Tenant,
}

fn refusal(
    code: u16,
    enhanced: Enhanced,
    reason: &'static str,
    text: impl Into<std::borrow::Cow<'static, str>>,
) -> Refusal {
    Refusal::new(Reply::new(code, Some(enhanced), text), reason)
}

/// A sign-in was refused. `now` is the monotonic time.
pub(crate) fn sign_in(refused: &SignInRefusal, now: Duration) -> Refusal {
    let reason = match refused {
        SignInRefusal::Blocked { until } => {
            let seconds = until.saturating_sub(now).as_secs() + 1;
            let text = format!(
                "Too many different wrong passwords; wait {seconds} seconds, then sign in with the right one"
            );
            return refusal(454, Enhanced(4, 7, 0), "sign-in-blocked", text);
        }
        SignInRefusal::AccountRemoved => "account-removed",
        SignInRefusal::AccountSuspended(_) => "account-suspended",
        SignInRefusal::CredentialsChanged => "credentials-changed",
        SignInRefusal::TenantSuspended(_) => "tenant-suspended",
        SignInRefusal::Rule(block) => {
            let reason = match block {
                RuleBlock::Certificate(_) | RuleBlock::CertificateAlone => "sign-in-certificate",
                RuleBlock::Hours(_) => "sign-in-hours",
                RuleBlock::Network(_) => "sign-in-network",
                RuleBlock::Policy { .. } => "sign-in-policy",
                RuleBlock::SecurityDefaults { .. } => "security-defaults",
                _ => "sign-in-rule",
            };
            return refusal(535, Enhanced(5, 7, 139), reason, sentence(block));
        }
        SignInRefusal::TokenExpired(_) => {
            return refusal(535, Enhanced(5, 7, 143), "token-expired", sentence(refused));
        }
        SignInRefusal::WrongCredentials => "wrong-credentials",
        // The enum may grow: what is not known here is refused like a wrong password.
        _ => "sign-in-refused",
    };
    refusal(535, Enhanced(5, 7, 3), reason, sentence(refused))
}

/// A session that had signed in may not go on: it has to connect and sign in again, as a client
/// may not do so twice in one session (RFC 4954 §4).
pub(crate) fn no_longer_good(refused: &SignInRefusal, now: Duration) -> Refusal {
    sign_in(refused, now).closing()
}

/// The line before the hashing threads is full.
pub(crate) fn sign_in_busy() -> Refusal {
    refusal(
        454,
        Enhanced(4, 7, 0),
        "sign-in-busy",
        "Too many sign-ins at this moment; try again in a few seconds",
    )
}

/// The server, or the client's address, has as many sessions as it may.
pub(crate) fn sessions() -> Refusal {
    refusal(
        421,
        Enhanced(4, 3, 2),
        "sessions",
        "Too many connections at this moment; try again in a minute",
    )
}

/// The account has as many sessions as it may.
pub(crate) fn sessions_of_account(limit: u32) -> Refusal {
    let text = format!(
        "This account may have {limit} connections at a time; close one or send more messages over each"
    );
    refusal(432, Enhanced(4, 3, 2), "sessions-account", text).closing()
}

/// The envelope sender is not the account.
pub(crate) fn sender(refused: &SenderRefusal) -> Refusal {
    let reason = match refused {
        SenderRefusal::NotTheAccount { .. } => "sender-not-account",
        SenderRefusal::NullSender => "sender-null",
    };
    refusal(550, Enhanced(5, 7, 62), reason, sentence(refused))
}

/// From or Sender of the message names somebody else.
pub(crate) fn header(refused: &HeaderRefusal) -> Refusal {
    let reason = match refused {
        HeaderRefusal::FromMalformed { .. } => "from-malformed",
        HeaderRefusal::FromNotTheAccount { .. } => "from-not-account",
        HeaderRefusal::FromSeveral { .. } => "from-several",
        HeaderRefusal::SenderMalformed { .. } => "sender-field-malformed",
        HeaderRefusal::SenderNotTheAccount { .. } => "sender-field-not-account",
        HeaderRefusal::SenderSeveral { .. } => "sender-field-several",
    };
    refusal(550, Enhanced(5, 6, 241), reason, sentence(refused))
}

/// A recipient is not taken.
pub(crate) fn recipient(refused: &RecipientRefusal) -> Refusal {
    let (code, enhanced, reason) = match refused {
        RecipientRefusal::External => (550, Enhanced(5, 5, 105), "recipient-external"),
        RecipientRefusal::TooMany { .. } => (452, Enhanced(4, 5, 3), "recipients-too-many"),
        RecipientRefusal::Unknown => (550, Enhanced(5, 1, 10), "recipient-unknown"),
    };
    refusal(code, enhanced, reason, sentence(refused))
}

/// The message is too large.
pub(crate) fn too_large(refused: &TooLarge) -> Refusal {
    refusal(552, Enhanced(5, 3, 4), "too-large", sentence(refused))
}

/// The quota has no room: later, or never where the message alone exceeds it.
pub(crate) fn quota(of: QuotaOf, refused: &QuotaExceeded) -> Refusal {
    let (whose, reason) = match of {
        QuotaOf::Account => ("This account's", "quota-account"),
        QuotaOf::Tenant => ("The organisation's", "quota-tenant"),
    };
    let text = format!("{whose} quota has no room: {refused}");
    match refused.room_at {
        Some(_) => refusal(452, Enhanced(4, 7, 1), reason, text),
        None => refusal(550, Enhanced(5, 7, 1), reason, text),
    }
}

/// The message alone exceeds a quota, whatever was sent before: the commit would say so too, but
/// only after the body. The account's comes first, as there.
pub(crate) fn beyond_quota(
    account: &Account,
    tenant: &Tenant,
    recipients: usize,
) -> Result<(), Refusal> {
    let wanted = u64::try_from(recipients).unwrap_or(u64::MAX);
    for (of, ceiling) in [
        (QuotaOf::Account, account.limits.recipients_per_day),
        (QuotaOf::Tenant, tenant.limits.recipients_per_day),
    ] {
        // What an empty window has no room for never fits.
        RollingQuota::new()
            .decide(ceiling, wanted, 0)
            .map_err(|exceeded| quota(of, &exceeded))?;
    }
    Ok(())
}

/// What the commit said of a message, where that deserves no `250`.
pub(crate) fn accepted(verdict: &Accepted, now: Duration) -> Result<(), Refusal> {
    let gone = |refused| Err(no_longer_good(&refused, now));
    match verdict {
        Accepted::Durable => Ok(()),
        Accepted::AccountQuota(exceeded) => Err(quota(QuotaOf::Account, exceeded)),
        Accepted::TenantQuota(exceeded) => Err(quota(QuotaOf::Tenant, exceeded)),
        Accepted::AccountRemoved | Accepted::TenantRemoved => gone(SignInRefusal::AccountRemoved),
        Accepted::AccountSuspended(why) => gone(SignInRefusal::AccountSuspended(why.clone())),
        Accepted::TenantSuspended(why) => gone(SignInRefusal::TenantSuspended(why.clone())),
        // A bug of ours, not of the client.
        Accepted::Duplicate | Accepted::NoRecipients => Err(unavailable()),
        _ => Err(unavailable()),
    }
}

/// The account sends too fast.
pub(crate) fn rate(wait: &Wait) -> Refusal {
    refusal(450, Enhanced(4, 7, 1), "rate-account", sentence(wait))
}

/// The store cannot take the message now; nothing was stored or counted.
pub(crate) fn store(trouble: Trouble) -> Refusal {
    match trouble {
        Trouble::DiskFull => refusal(
            452,
            Enhanced(4, 3, 1),
            "disk-full",
            "The server's disk is full; try again later",
        ),
        Trouble::Ended | Trouble::Store => unavailable(),
    }
}

/// The store, or the directory in it, cannot be asked now.
pub(crate) fn unavailable() -> Refusal {
    refusal(
        451,
        Enhanced(4, 3, 0),
        "store-trouble",
        "The server's store is in trouble; try again later",
    )
}

/// All octets that may be in flight are.
pub(crate) fn no_memory() -> Refusal {
    refusal(
        452,
        Enhanced(4, 3, 1),
        "bytes-in-flight",
        "Too many messages are being received at this moment; try again in a minute",
    )
}

/// The words of a refusal as a sentence.
fn sentence(refused: &impl ToString) -> String {
    let mut text = refused.to_string();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests;
