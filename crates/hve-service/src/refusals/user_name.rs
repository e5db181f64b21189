//! A hint for whoever signs in with a name that cannot be an account's.

use hve_smtp::{Enhanced, Refusal};
use hve_types::Address;

use super::refusal;

/// The refusal as the client hears it. That a name is no address tells a stranger nothing he does
/// not know, and most devices fail for that; of addresses nothing is told.
pub(crate) fn user_name(refused: Refusal, user: &str) -> Refusal {
    if refused.reason != "wrong-credentials" || Address::parse(user).is_ok() {
        return refused;
    }
    refusal(
        535,
        Enhanced(5, 7, 3),
        "user-name-no-address",
        "Wrong user name or password; the user name must be the whole address of the account, \
         such as scanner@example.org",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hve_auth::SignInRefusal;

    use super::*;

    #[test]
    fn only_a_name_that_is_no_address_gets_the_hint() {
        let wrong = || super::super::sign_in(&SignInRefusal::WrongCredentials, Duration::ZERO);
        let address = user_name(wrong(), "hve01@contoso.test");
        assert_eq!(address, wrong());
        let bare = user_name(wrong(), "hve01");
        assert_eq!(bare, user_name(wrong(), "nobody"));
        assert_eq!(bare.reply.code(), address.reply.code());
        assert_eq!(bare.reply.enhanced(), address.reply.enhanced());
        assert!(bare.reply.text().contains("whole address"));
        let busy = super::super::sign_in_busy();
        assert_eq!(user_name(busy.clone(), "hve01"), busy);
    }
}
