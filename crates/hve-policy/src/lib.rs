//! The policy of high-volume internal mail: who may send as whom, to whom, how much and how fast.
//!
//! The crate knows no protocol, no store, no clock and no async: facts and times are arguments.
//! Sign-in is not its business either; it starts from a [`Principal`](hve_types::Principal).
//!
//! - Rules that need no memory are functions: [`sender`], [`header`], [`recipient`], [`size`].
//! - [`RollingQuota`] is the exact quota of any 24 hours, [`MessageRates`] the messages a minute.
//! - [`Policy`] puts all of that together for programs that have no store of their own.
//! - [`explain`] asks every rule and says in words and figures what each one thinks.
//!
//! A refusal is data: a closed type that carries its figures, tells later from never by
//! [`Retry`], and whose text says what to do next. Closed on purpose: a program that turns
//! refusals into replies does not compile until it has a reply for each.
//!
//! ```
//! use std::time::Duration;
//! use hve_policy::{Clocks, Message, Policy, RecipientFacts, Retry};
//! use hve_types::{AccountId, AccountLimits, Ceiling, Principal, Proof, TenantId, TenantLimits};
//!
//! let payroll = Principal {
//!     tenant: TenantId(1),
//!     account: AccountId(1),
//!     address: "payroll@contoso.test".parse()?,
//!     proof: Proof::Secret { version: 1 },
//! };
//! let account = AccountLimits::default();
//! let mut tenant = TenantLimits::default(); // 50 recipients a message, 100,000 in 24 hours
//! tenant.recipients_per_day = Ceiling::AtMost(70);
//!
//! let mut policy = Policy::new();
//! let message = Message::new(&payroll, &tenant, &account, &[RecipientFacts::RELAY; 40]);
//! let now = Clocks { unix: 1_800_000_000, monotonic: Duration::ZERO };
//! assert!(policy.accept(&message, now).is_ok());
//! let refused = policy.accept(&message, now).unwrap_err();
//! assert_eq!(refused.retry(), Retry::At(1_800_086_401));
//! # Ok::<(), hve_types::AddressError>(())
//! ```
//!
//! The same decisions, explained:
//!
//! ```
//! # use hve_types::{Account, AccountId, AccountLimits, State, Tenant, TenantId, TenantLimits};
//! # use time::macros::utc_datetime;
//! use hve_policy::{Case, RecipientFacts, Rule, explain};
//! # let now = utc_datetime!(2026-11-24 6:00);
//! # let tenant = Tenant {
//! #     id: TenantId(1), name: "contoso.test".parse()?, limits: TenantLimits::default(), sign_in: Default::default(),
//! #     state: State::Active, postmaster: None, created_at: now,
//! # };
//! # let account = Account {
//! #     id: AccountId(1), tenant: TenantId(1), address: "payroll@contoso.test".parse()?,
//! #     display_name: "Payroll".into(), alias: None, limits: AccountLimits::default(), sign_in: Default::default(),
//! #     state: State::Active, bounce_to: None, reply_to: None, created_at: now, credential_version: 1, secrets: Vec::new(),
//! # };
//!
//! let mut case = Case::new(&tenant, &account, now);
//! let recipients = [("eve@example.net".parse()?, RecipientFacts::EXTERNAL)];
//! case.recipients = &recipients;
//! let explanation = explain(&case);
//! let blocking: Vec<_> = explanation.blocking().map(|finding| finding.rule).collect();
//! assert_eq!(blocking, [Rule::Recipient]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod explain;
mod findings;
mod message;
mod quota;
mod rates;
mod retry;
mod rules;

pub use explain::{Case, Explanation, Figure, Finding, Rule, Verdict, explain};
pub use message::{Clocks, Message, Policy, Refusal, judge_message};
pub use quota::{Freed, QuotaExceeded, RollingQuota, WINDOW_SECONDS};
pub use rates::{MessageRates, RateExceeded, Wait};
pub use retry::{Moment, Retry};
pub use rules::{
    HeaderRefusal, RecipientFacts, RecipientRefusal, SenderRefusal, TooLarge, header, recipient,
    sender, size,
};
