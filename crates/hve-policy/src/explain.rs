//! Why a message would be accepted or not: every rule with its verdict, its figures, and what
//! would lift it if it blocks. Nothing is counted.

use std::fmt;

use hve_types::{Account, Address, HeaderMailbox, Tenant};
use time::UtcDateTime;

use crate::{RecipientFacts, Retry, RollingQuota, findings};

/// A message that somebody might send, as far as it is described. Rules about parts that are not
/// described are reported as not asked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Case<'a> {
    /// Whose message.
    pub tenant: &'a Tenant,
    /// The account that would send it.
    pub account: &'a Account,
    /// When.
    pub now: UtcDateTime,
    /// The envelope sender; `Some(None)` is the null path.
    pub mail_from: Option<Option<&'a Address>>,
    /// The header's From.
    pub from: Option<&'a HeaderMailbox>,
    /// The header's Sender.
    pub sender: Option<&'a HeaderMailbox>,
    /// The recipients in their order, with what the directory knows of them.
    pub recipients: &'a [(Address, RecipientFacts)],
    /// The size.
    pub octets: Option<u64>,
    /// What the tenant has used.
    pub tenant_quota: Option<&'a RollingQuota>,
    /// What the account has used.
    pub account_quota: Option<&'a RollingQuota>,
}

impl<'a> Case<'a> {
    /// An account that wants to send, and nothing more said.
    #[must_use]
    pub const fn new(tenant: &'a Tenant, account: &'a Account, now: UtcDateTime) -> Self {
        Self {
            tenant,
            account,
            now,
            mail_from: None,
            from: None,
            sender: None,
            recipients: &[],
            octets: None,
            tenant_quota: None,
            account_quota: None,
        }
    }
}

/// Looks at every rule, also after one that blocks.
#[must_use]
pub fn explain(question: &Case<'_>) -> Explanation {
    Explanation {
        findings: findings::all(question),
    }
}

/// What every rule says of a [`Case`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// One for each rule, in the order in which a session meets them; of the rule on recipients
    /// one for each recipient.
    pub findings: Vec<Finding>,
}

impl Explanation {
    /// Whether nothing that was asked blocks.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.blocking().next().is_none()
    }

    /// The findings that block.
    pub fn blocking(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| matches!(finding.verdict, Verdict::Blocks(_)))
    }
}

/// A line for each finding, below a blocking one what would lift it, at the end the sum of it.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(
                f,
                "{:<10}{:<17}{}",
                finding.verdict.as_str(),
                finding.rule.as_str(),
                finding.text
            )?;
            if let Some(lift) = &finding.lift {
                writeln!(f, "{:<10}{:<17}-> {lift}", "", "")?;
            }
        }
        let blocking = self.blocking().count();
        match blocking {
            0 => f.write_str("Nothing blocks this message."),
            1 => f.write_str("1 rule blocks this message."),
            more => write!(f, "{more} findings block this message."),
        }
    }
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The recipient it is about, for the rule on recipients.
    pub recipient: Option<Address>,
    /// What it says.
    pub verdict: Verdict,
    /// The figures it was decided by, such as `limit` and `used`; a limit that is absent is left
    /// out.
    pub figures: Vec<Figure>,
    /// The same in words.
    pub text: String,
    /// If it blocks: what an operator or the sender can do about it.
    pub lift: Option<String>,
}

/// A number with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a name and a number")]
pub struct Figure {
    /// `limit`, `used`, `wanted`, `room`, `octets`, `count`.
    pub name: &'static str,
    /// How many.
    pub value: u64,
}

/// A rule's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "yes, no, or not asked")]
pub enum Verdict {
    /// It refuses the message, or this recipient.
    Blocks(Retry),
    /// It can not be judged by what is known here.
    NotAsked,
    /// It lets it through.
    Passes,
}

impl Verdict {
    /// `blocks`, `not asked` or `passes`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocks(_) => "blocks",
            Self::NotAsked => "not asked",
            Self::Passes => "passes",
        }
    }
}

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Recipients of the account in 24 hours.
    AccountQuota,
    /// The account is not suspended.
    AccountState,
    /// From and Sender are the account.
    Header,
    /// Messages of the account in a minute.
    MessageRate,
    /// Internal, and known where the directory is complete.
    Recipient,
    /// Recipients of one message.
    RecipientCount,
    /// The envelope sender is the account.
    Sender,
    /// Octets of one message.
    Size,
    /// Recipients of the tenant in 24 hours.
    TenantQuota,
    /// The tenant is not suspended.
    TenantState,
}

impl Rule {
    /// Its stable name, such as `tenant-quota`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountQuota => "account-quota",
            Self::AccountState => "account-state",
            Self::Header => "header",
            Self::MessageRate => "message-rate",
            Self::Recipient => "recipient",
            Self::RecipientCount => "recipient-count",
            Self::Sender => "sender",
            Self::Size => "size",
            Self::TenantQuota => "tenant-quota",
            Self::TenantState => "tenant-state",
        }
    }
}
