//! The applications that an account lets in.

use hve_types::{ALLOWED_APPS_MAX, AllowedApp};
use thiserror::Error;

use super::{TokenFacts, TokenKind};

/// May the holder of this token use an account with this list? An empty list lets nobody in.
///
/// An application is looked for under its object id. So is a person, under the person's own: a
/// token that somebody delegated to an application does not name the application's object id, and
/// an application that is let in is not let in for everybody who ever signs in to it.
///
/// # Errors
/// It is not on the list, or stands there under its client id, or too late.
pub fn may_use(facts: &TokenFacts, allowed: &[AllowedApp]) -> Result<(), AppRefusal> {
    let object_id = facts.object_id.clone();
    match position(allowed, &object_id) {
        Some(place) if place < ALLOWED_APPS_MAX => return Ok(()),
        Some(_) => return Err(AppRefusal::BeyondLimit { object_id }),
        None => {}
    }
    let mut client_id = facts.client_id.iter();
    let listed = client_id.find(|id| position(allowed, id).is_some());
    Err(match (facts.kind, listed) {
        (TokenKind::Application, Some(client_id)) => AppRefusal::ClientIdListed {
            client_id: client_id.clone(),
            object_id,
        },
        _ => AppRefusal::not_listed(facts),
    })
}

/// Is this object id among those of the list that count?
pub(crate) fn lets_in(allowed: &[AllowedApp], object_id: &str) -> bool {
    position(allowed, object_id).is_some_and(|place| place < ALLOWED_APPS_MAX)
}

fn position(allowed: &[AllowedApp], id: &str) -> Option<usize> {
    allowed
        .iter()
        .position(|of| of.object_id.eq_ignore_ascii_case(id))
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
    /// It is not on the list, or there is no such account: nobody hears which.
    #[error(
        "no account of this name lets in the application with the object id {object_id}; \
         check the user name, or ask your administrator to add the id"
    )]
    NotListed {
        /// What should stand there.
        object_id: String,
    },
    /// The same for a person.
    #[error(
        "the token is a person's, and no account of this name lets in their object id \
         {object_id}; sign in with the application's own token, or ask your administrator to add \
         the id"
    )]
    PersonNotListed {
        /// What should stand there.
        object_id: String,
    },
}

impl AppRefusal {
    /// For an account that does not exist, the same as for one that lets nobody in.
    #[must_use]
    pub fn not_listed(facts: &TokenFacts) -> Self {
        let object_id = facts.object_id.clone();
        match facts.kind {
            TokenKind::Application => Self::NotListed { object_id },
            TokenKind::Person => Self::PersonNotListed { object_id },
        }
    }
}
