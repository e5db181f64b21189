//! The applications that an account lets in.

use thiserror::Error;

use super::TokenFacts;

/// So many entries of an account's list count; the original has the same limit.
pub const ALLOWED_APPS_MAX: usize = 10;

/// May this application use the account? `allowed_apps` are the object ids on the account's list,
/// compared without case; an empty list lets nobody in.
///
/// The object id of an application is that of the *enterprise application* in the directory, not
/// the one of its registration, and not the client id. For a person, it is the person's own.
///
/// # Errors
/// It is not on the list, or stands there under its client id, or too late.
pub fn may_use(facts: &TokenFacts, allowed_apps: &[String]) -> Result<(), AppRefusal> {
    let wanted = &facts.object_id;
    let mut places = allowed_apps.iter();
    match places.position(|listed| listed.eq_ignore_ascii_case(wanted)) {
        Some(place) if place < ALLOWED_APPS_MAX => return Ok(()),
        Some(_) => {
            return Err(AppRefusal::BeyondLimit {
                object_id: wanted.clone(),
            });
        }
        None => {}
    }
    let by_mistake = facts.client_id.as_ref().filter(|client_id| {
        let mut listed = allowed_apps.iter();
        listed.any(|listed| listed.eq_ignore_ascii_case(client_id))
    });
    Err(match by_mistake {
        Some(client_id) => AppRefusal::ClientIdListed {
            client_id: client_id.clone(),
            object_id: wanted.clone(),
        },
        None => AppRefusal::NotListed {
            object_id: wanted.clone(),
        },
    })
}

/// Why a genuine token may not use this account.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a host maps each of them to a reply, and must hear of a new one"
)]
pub enum AppRefusal {
    /// It stands on the list, but after the last entry that counts.
    #[error(
        "only the first {ALLOWED_APPS_MAX} entries of the account's list of applications count; \
         move {object_id} up or take others out"
    )]
    BeyondLimit {
        /// The entry that came too late.
        object_id: String,
    },
    /// The list has the client id, which is shown more often, instead of the object id.
    #[error(
        "the account's list of applications has the client id {client_id}; \
         replace it by the object id {object_id}"
    )]
    ClientIdListed {
        /// What stands there.
        client_id: String,
        /// What should stand there.
        object_id: String,
    },
    /// It is not on the list.
    #[error("the account's list of applications lacks the object id {object_id}; add it")]
    NotListed {
        /// What should stand there.
        object_id: String,
    },
}
