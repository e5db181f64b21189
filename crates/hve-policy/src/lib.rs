//! The policy of high-volume internal mail: sender rules, recipient rules, the rolling 24 h quota
//! and message rates. Every decision is data.
//!
//! The crate knows no protocol, no store, no clock and no async: facts and times are arguments,
//! and a refusal is a closed type that carries its figures, says in words what to do next, and
//! tells later from never by [`Retry`].

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
