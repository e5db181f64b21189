//! What is wrong with an access token. The client of a forged one hears what everybody hears; the
//! operator may know more.

use hve_store::Diagnosis;

use super::of;

pub(super) fn diagnose(reason: &str) -> Option<Diagnosis> {
    let again = "Let the application ask the identity provider for a new token.";
    let (finding, remedy) = match reason {
        "token-algorithm" => (
            "The access token is signed in a way that is not allowed.",
            "Let the identity provider sign with RSA, ECDSA or EdDSA.",
        ),
        "token-signature" => ("The signature of the access token is wrong.", again),
        "token-malformed" => (
            "What came as an access token is none that can be read, or it lacks a claim.",
            "Look whether the application sends its ID token, or another string, by mistake.",
        ),
        "token-too-long" => (
            "The access token is too long.",
            "Let the identity provider put fewer claims, such as groups, into it.",
        ),
        "token-key" => (
            "The access token is signed with a key that the issuer does not publish.",
            again,
        ),
        "token-audience" => (
            "The access token is meant for another service.",
            "Let the application ask for the scope or resource of this service.",
        ),
        "token-issuer" => (
            "The access token is from an issuer that the organisation does not trust.",
            "Name that issuer in the organisation's settings, or use the one that stands there.",
        ),
        "token-tenant" => (
            "The access token is from another organisation's directory.",
            "Let the application sign in to the directory of the account's organisation.",
        ),
        "token-issuer-away" => (
            "The issuer of the access token could not be asked for the key that signed it.",
            "Look in the log why, and whether this server reaches the issuer over HTTPS.",
        ),
        "token-flood" => (
            "Too many different forged access tokens came for this user name from this network.",
            "Find the application that sends them; `hve-admin guard reset` ends the block.",
        ),
        "token-yet-to-begin" => (
            "The access token is not yet valid.",
            "Set the clocks of the server and of the identity provider right.",
        ),
        "app-no-account" => (
            "The access token is genuine, and there is no account of the name given with it.",
            "Look at the user name in the application; `hve-admin account list` shows the accounts.",
        ),
        _ => return None,
    };
    Some(of(reason, finding, remedy))
}
