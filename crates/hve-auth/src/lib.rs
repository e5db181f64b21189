//! Is this credential good, and may it be used.

mod cache;
mod guard;
mod guard_table;
mod keyed;
mod new_password;
mod password;
mod sign_in;

pub use cache::CredentialCache;
pub use guard::{Blocked, BlockedBy, Guard, GuardLimits};
pub use new_password::{
    PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, WeakPassword, check_new_password, generate_password,
};
pub use password::{HashCost, HashError, PasswordHash};
pub use sign_in::{Credential, SignInRefusal, judge, still_good};
