//! The rows of the table for access tokens.

use std::time::Duration;

use hve_auth::{AppRefusal, SignInRefusal, TokenRefusal};
use hve_smtp::{Enhanced, Refusal, Reply};

use super::{refusal, sentence};

/// An access token was refused. The log hears why; a stranger hears what a wrong password hears.
pub(crate) fn token(refused: &TokenRefusal) -> Refusal {
    let (enhanced, reason) = match refused {
        TokenRefusal::AboutToExpire(_) => (Enhanced(5, 7, 142), "token-about-to-expire"),
        TokenRefusal::Expired(_) => (Enhanced(5, 7, 143), "token-expired"),
        TokenRefusal::PermissionLacking => (Enhanced(5, 7, 144), "token-permission"),
        TokenRefusal::AlgorithmNotAllowed => return stranger("token-algorithm"),
        TokenRefusal::BadSignature => return stranger("token-signature"),
        TokenRefusal::Malformed => return stranger("token-malformed"),
        TokenRefusal::TooLong => return stranger("token-too-long"),
        TokenRefusal::UnknownKey => return stranger("token-key"),
        TokenRefusal::WrongAudience => return stranger("token-audience"),
        TokenRefusal::WrongIssuer => return stranger("token-issuer"),
        TokenRefusal::WrongTenant => return stranger("token-tenant"),
        TokenRefusal::YetToBegin => return stranger("token-yet-to-begin"),
    };
    refusal(535, enhanced, reason, sentence(refused))
}

/// A genuine token is not for this account.
pub(crate) fn app(refused: &AppRefusal) -> Refusal {
    let reason = match refused {
        AppRefusal::BeyondLimit { .. } => "app-beyond-limit",
        AppRefusal::ClientIdListed { .. } => "app-client-id",
        AppRefusal::NotListed { .. } => "app-not-listed",
        AppRefusal::PersonNotListed { .. } => "person-not-listed",
    };
    refusal(550, Enhanced(5, 7, 240), reason, sentence(refused))
}

/// A genuine token for an account that does not exist: the same reply as where it is not let in,
/// so that nobody learns which accounts there are. The log hears it.
pub(crate) fn app_of_nobody(refused: &AppRefusal) -> Refusal {
    Refusal {
        reason: "app-no-account",
        ..app(refused)
    }
}

/// There are no keys to check the token with, or not the one it names, which may be new.
pub(crate) fn issuer_away(issuer: &str) -> Refusal {
    let text = format!(
        "The issuer {issuer} cannot be asked for the key of this token now; try again in a minute, with the same token"
    );
    refusal(454, Enhanced(4, 7, 0), "token-issuer-away", text)
}

/// Too many forged tokens came from the client's network for this user name. Times are monotonic.
pub(crate) fn forged_tokens(until: Duration, now: Duration) -> Refusal {
    let seconds = until.saturating_sub(now).as_secs() + 1;
    let text = format!(
        "Too many different invalid tokens for this user name from your address; wait {seconds} seconds, then sign in with a good one"
    );
    refusal(454, Enhanced(4, 7, 0), "token-flood", text)
}

fn stranger(reason: &'static str) -> Refusal {
    let text = sentence(&SignInRefusal::WrongCredentials);
    Refusal::new(Reply::new(535, Some(Enhanced(5, 7, 3)), text), reason)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use time::macros::utc_datetime;

    use super::*;

    #[test]
    fn the_holder_of_a_genuine_token_hears_the_cause() {
        let at = utc_datetime!(2026-11-24 6:00);
        for (refused, third, words) in [
            (TokenRefusal::AboutToExpire(at), 142, "about to expire"),
            (
                TokenRefusal::Expired(at),
                143,
                "expired at 2026-11-24T06:00:00Z",
            ),
            (TokenRefusal::PermissionLacking, 144, "Mail.Send"),
        ] {
            let reply = token(&refused).reply;
            assert_eq!(reply.code(), 535);
            assert_eq!(reply.enhanced(), Some(Enhanced(5, 7, third)));
            assert!(reply.text().contains(words), "{}", reply.text());
            assert!(refused.may_be_told());
        }
    }

    #[test]
    fn an_application_hears_which_id_is_wanted() {
        let (object_id, client_id) = ("the-object".to_owned(), "the-client".to_owned());
        for refused in [
            AppRefusal::BeyondLimit {
                object_id: object_id.clone(),
            },
            AppRefusal::ClientIdListed {
                client_id,
                object_id: object_id.clone(),
            },
            AppRefusal::NotListed {
                object_id: object_id.clone(),
            },
            AppRefusal::PersonNotListed { object_id },
        ] {
            let reply = app(&refused).reply;
            assert_eq!(reply.code(), 550);
            assert_eq!(reply.enhanced(), Some(Enhanced(5, 7, 240)));
            assert!(reply.text().contains("the-object"), "{}", reply.text());
            assert_eq!(app_of_nobody(&refused).reply, reply);
        }
    }

    #[test]
    fn what_passes_by_itself_is_told_as_such() {
        let away = issuer_away("https://id.test").reply;
        assert_eq!(
            (away.code(), away.enhanced()),
            (454, Some(Enhanced(4, 7, 0)))
        );
        assert!(away.text().contains("https://id.test"), "{}", away.text());
        let flood = forged_tokens(Duration::from_secs(9), Duration::from_secs(2)).reply;
        assert_eq!(
            (flood.code(), flood.enhanced()),
            (454, Some(Enhanced(4, 7, 0)))
        );
        assert!(flood.text().contains("wait 8 seconds"), "{}", flood.text());
    }

    #[test]
    fn strangers_all_hear_the_same_and_the_log_hears_which() {
        let wrong = super::super::sign_in(&SignInRefusal::WrongCredentials, Default::default());
        let all = [
            TokenRefusal::AlgorithmNotAllowed,
            TokenRefusal::BadSignature,
            TokenRefusal::Malformed,
            TokenRefusal::TooLong,
            TokenRefusal::UnknownKey,
            TokenRefusal::WrongAudience,
            TokenRefusal::WrongIssuer,
            TokenRefusal::WrongTenant,
            TokenRefusal::YetToBegin,
        ];
        let mut reasons = HashSet::new();
        for refused in &all {
            let Refusal { reply, reason, .. } = token(refused);
            assert_eq!(reply, wrong.reply, "{refused:?}");
            assert!(!refused.may_be_told());
            reasons.insert(reason);
        }
        assert_eq!(reasons.len(), all.len());
    }
}
