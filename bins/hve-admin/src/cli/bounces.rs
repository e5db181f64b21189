//! The list of recipients that were given up.

use std::num::NonZeroU32;

use clap::Args;
use hve_types::Address;

use crate::{
    size,
    when::{self, DayOrMoment},
};

#[derive(Args, Debug)]
pub(crate) struct BouncesArgs {
    /// Only mail of this account
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) account: Option<Address>,
    /// Only what was given up from then on, such as 2026-11-24 or 2026-11-24T08:00:00Z
    #[arg(long, value_name = "DATE", value_parser = when::day_or_moment)]
    pub(crate) since: Option<DayOrMoment>,
    /// At most so many [default: 50, with --json: all]
    #[arg(long, value_name = "COUNT", value_parser = size::positive)]
    pub(crate) limit: Option<NonZeroU32>,
}
