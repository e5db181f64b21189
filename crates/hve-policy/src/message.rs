//! All rules for one message at once, with the memory that quotas and rates need: for programs
//! that have no store of their own.

use std::{collections::HashMap, time::Duration};

use hve_types::{
    AccountId, AccountLimits, Address, HeaderMailbox, Principal, TenantId, TenantLimits,
};
use thiserror::Error;

use crate::{
    HeaderRefusal, MessageRates, QuotaExceeded, RecipientFacts, RecipientRefusal, Retry,
    RollingQuota, SenderRefusal, TooLarge, Wait, header, recipient, sender, size,
};

/// One message, as far as policy cares. What is not known is left as [`Message::new`] has it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Message<'a> {
    /// Who sends.
    pub principal: &'a Principal,
    /// What the tenant may do.
    pub tenant_limits: &'a TenantLimits,
    /// What the account may do.
    pub account_limits: &'a AccountLimits,
    /// The envelope sender; `None` is the null path.
    pub mail_from: Option<&'a Address>,
    /// The header's From, as if absent if not known.
    pub from: &'a HeaderMailbox,
    /// The header's Sender, as if absent if not known.
    pub sender: &'a HeaderMailbox,
    /// What is known of each distinct recipient, in their order.
    pub recipients: &'a [RecipientFacts],
    /// The size; zero if not known.
    pub octets: u64,
}

impl<'a> Message<'a> {
    /// A message with the account's own address as envelope sender, and no header.
    #[must_use]
    pub const fn new(
        principal: &'a Principal,
        tenant_limits: &'a TenantLimits,
        account_limits: &'a AccountLimits,
        recipients: &'a [RecipientFacts],
    ) -> Self {
        Self {
            principal,
            tenant_limits,
            account_limits,
            mail_from: Some(&principal.address),
            from: &HeaderMailbox::Absent,
            sender: &HeaderMailbox::Absent,
            recipients,
            octets: 0,
        }
    }

    fn wanted(&self) -> u64 {
        u64::try_from(self.recipients.len()).unwrap_or(u64::MAX)
    }
}

/// The rules that need no memory: sender, header, size, each recipient and their number.
///
/// # Errors
/// The first rule that refuses.
pub fn judge_message(message: &Message<'_>) -> Result<(), Refusal> {
    sender(message.principal, message.mail_from)?;
    header(message.principal, message.from, message.sender)?;
    size(message.tenant_limits, message.octets)?;
    for (position, facts) in message.recipients.iter().enumerate() {
        recipient(message.tenant_limits, *facts, position)
            .map_err(|refusal| Refusal::Recipient { position, refusal })?;
    }
    Ok(())
}

/// All rules and their memory. It is lost with the process: fill it again with
/// [`Policy::record`] from your own list of events, or use `hve-store`, which is durable.
#[derive(Debug, Default)]
pub struct Policy {
    tenants: HashMap<TenantId, RollingQuota>,
    accounts: HashMap<AccountId, RollingQuota>,
    rates: MessageRates,
}

impl Policy {
    /// Nothing was sent yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// May this message be accepted? If so, it is counted; if not, nothing is.
    ///
    /// # Errors
    /// The first rule that refuses; [`Refusal::retry`] tells later from never.
    pub fn accept(&mut self, message: &Message<'_>, now: Clocks) -> Result<(), Refusal> {
        judge_message(message)?;
        let (principal, wanted) = (message.principal, message.wanted());
        let tenant = self.tenants.entry(principal.tenant).or_default();
        tenant
            .decide(message.tenant_limits.recipients_per_day, wanted, now.unix)
            .map_err(Refusal::TenantQuota)?;
        let account = self.accounts.entry(principal.account).or_default();
        account
            .decide(message.account_limits.recipients_per_day, wanted, now.unix)
            .map_err(Refusal::AccountQuota)?;
        if let Some(per_minute) = message.account_limits.messages_per_minute {
            self.rates
                .check(principal.account, per_minute, now.monotonic)?;
        }
        // Unlimited ones too: a limit that is set later knows what was sent before.
        tenant.record(now.unix, wanted);
        account.record(now.unix, wanted);
        Ok(())
    }

    /// Counts recipients that were accepted in second `at` by other means, such as before a
    /// restart.
    pub fn record(&mut self, tenant: TenantId, account: AccountId, at: i64, recipients: u64) {
        self.tenants
            .entry(tenant)
            .or_default()
            .record(at, recipients);
        self.accounts
            .entry(account)
            .or_default()
            .record(at, recipients);
    }

    /// Takes back what was counted in second `at`, since the message was not kept after all.
    pub fn undo(&mut self, tenant: TenantId, account: AccountId, at: i64, recipients: u64) {
        if let Some(quota) = self.tenants.get_mut(&tenant) {
            quota.undo(at, recipients);
        }
        if let Some(quota) = self.accounts.get_mut(&account) {
            quota.undo(at, recipients);
        }
    }

    /// What a tenant has used; `None` if it never sent anything.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> Option<&RollingQuota> {
        self.tenants.get(&tenant)
    }

    /// What an account has used; `None` if it never sent anything.
    #[must_use]
    pub fn account(&self, account: AccountId) -> Option<&RollingQuota> {
        self.accounts.get(&account)
    }

    /// The rates: to forget the idle.
    #[must_use]
    pub const fn rates(&self) -> &MessageRates {
        &self.rates
    }
}

/// Both clocks, read by the caller.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "there are two clocks")]
pub struct Clocks {
    /// Seconds since 1970, rounded down.
    pub unix: i64,
    /// A clock that never goes back, since any fixed origin.
    pub monotonic: Duration,
}

/// A message is not accepted, by this rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each refusal must be given a reply before anything compiles"
)]
pub enum Refusal {
    /// The account's quota.
    #[error("the account's quota: {0}")]
    AccountQuota(QuotaExceeded),
    /// From or Sender.
    #[error(transparent)]
    Header(#[from] HeaderRefusal),
    /// The account's message rate.
    #[error(transparent)]
    Rate(#[from] Wait),
    /// A recipient.
    #[error("recipient {}: {refusal}", position + 1)]
    Recipient {
        /// Which, counted from zero.
        position: usize,
        /// Why.
        refusal: RecipientRefusal,
    },
    /// The envelope sender.
    #[error(transparent)]
    Sender(#[from] SenderRefusal),
    /// The size.
    #[error(transparent)]
    Size(#[from] TooLarge),
    /// The tenant's quota.
    #[error("the organisation's quota: {0}")]
    TenantQuota(QuotaExceeded),
}

impl Refusal {
    /// Whether, and when, trying again makes sense.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::AccountQuota(quota) | Self::TenantQuota(quota) => quota.retry(),
            Self::Header(refusal) => refusal.retry(),
            Self::Rate(wait) => wait.retry(),
            Self::Recipient { refusal, .. } => refusal.retry(),
            Self::Sender(refusal) => refusal.retry(),
            Self::Size(too_large) => too_large.retry(),
        }
    }
}
