//! Usage events into reports.
//!
//! The events that quota is computed from go in one by one, in any order; what comes out is a
//! [`UsageReport`] by tenant, account or day, as table cells, CSV or JSON. Memory grows with the
//! groups, never with the events. No I/O, no clock: the period and the calendar are arguments.
//!
//! ```
//! use hve_report::{Calendar, Grouping, NameTable, Period, UsageTally};
//! use hve_types::{AccountId, QueueId, TenantId, UsageEvent, UsageKind};
//! use time::macros::utc_datetime;
//!
//! let november = Period {
//!     from: utc_datetime!(2026-11-01 0:00),
//!     to: utc_datetime!(2026-12-01 0:00),
//! };
//! let mut tally = UsageTally::new(november, Grouping::Account, Calendar::utc());
//! tally.add(&UsageEvent {
//!     at: utc_datetime!(2026-11-24 8:00),
//!     tenant: TenantId(1),
//!     account: AccountId(7),
//!     message: QueueId::new(0, 0),
//!     kind: UsageKind::Accepted,
//!     recipients: 50,
//!     octets: 4096,
//! });
//! let mut names = NameTable::default();
//! names.tenants.insert(TenantId(1), "contoso.test".into());
//! names.accounts.insert(AccountId(7), "hve01@contoso.test".into());
//!
//! let report = tally.finish(&names);
//! assert_eq!(report.rows[0].account.as_deref(), Some("hve01@contoso.test"));
//! assert_eq!(report.total.recipients, 50);
//! ```

mod calendar;
mod render;
mod report;
mod tally;

pub use calendar::{Calendar, Period};
pub use render::{Cells, RenderError};
pub use report::{Figures, Grouping, Row, UsageReport};
pub use tally::{NameTable, Names, RefusedAttempts, UsageTally};
