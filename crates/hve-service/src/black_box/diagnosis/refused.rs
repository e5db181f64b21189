//! What is wrong where the server refused something.

use hve_store::Diagnosis;

use super::{Facts, of, token};
use crate::black_box::user_name::UserName;

/// The diagnosis of one refusal; where there is no better one, the reply's own words.
pub(super) fn diagnose(reason: &'static str, text: &str, facts: &Facts<'_>) -> Diagnosis {
    connection(reason, facts)
        .or_else(|| credentials_form(reason))
        .or_else(|| sign_in(reason, text, facts))
        .or_else(|| token::diagnose(reason))
        .or_else(|| message(reason, text))
        .unwrap_or_else(|| {
            // A key of ours and words of ours; see the log for the rest.
            of(
                reason,
                format!("{}.", text.trim_end_matches('.')),
                "Do what the reply says; the lines below show to which command it was given.",
            )
        })
}

fn connection(reason: &str, facts: &Facts<'_>) -> Option<Diagnosis> {
    let port = facts.port;
    Some(match reason {
        "tls-too-soon" => of(
            "tls-on-starttls-port",
            format!("The device began TLS at once, and on port {port} it begins with STARTTLS."),
            "Set the encryption on the device to \"STARTTLS\" instead of \"SSL/TLS\"; or stay at \
             \"SSL/TLS\" and set the port to the one for it, mostly 465.",
        ),
        "not-smtp" => of(
            "not-smtp",
            format!("What was sent is not SMTP; port {port} is for mail submission."),
            "It is a browser, a scanner or a wrong port or protocol on the device.",
        ),
        // Where TLS came about later, this was only a try.
        "tls-first" if !facts.encrypted => of(
            "no-starttls",
            "The device wanted to sign in or send in clear text; it never sent STARTTLS.",
            format!(
                "Turn encryption on at the device: \"STARTTLS\" on port {port}. Where it has only \
                 \"if available\" or \"none\", update its firmware."
            ),
        ),
        "tls-first" => of(
            "no-starttls-at-first",
            "The device tried in clear text before it sent STARTTLS.",
            "Set the device to always use STARTTLS.",
        ),
        "clear-text-dropped" => of(
            "clear-text-dropped",
            "Clear text came right behind STARTTLS and was dropped.",
            "Update the firmware of the device; if others do so too, look who is between.",
        ),
        "hello-first" => of(
            "no-ehlo",
            "The device skipped EHLO, or said HELO, which offers neither TLS nor sign-in.",
            "Turn on ESMTP, or SMTP authentication, at the device.",
        ),
        "sign-in-first" => of(
            "no-sign-in",
            "The device wanted to send without signing in.",
            "Turn on SMTP authentication at the device, with the account's address and password.",
        ),
        "bare-lf" => of(
            "bare-lf",
            "The device ends its commands with a line feed alone; SMTP wants CR LF.",
            "Update its firmware, or let the program write CR LF.",
        ),
        "timeout-sign-in" | "timeout-command" => of(
            "timed-out",
            "The client connected and did nothing more until its time was up.",
            "Look whether a firewall holds something back, and whether the device waits for \
             something it was not told.",
        ),
        "timeout-data" => of(
            "message-too-slow",
            "The message came too slowly, or stopped in the middle.",
            "Look at the network between, first at the MTU of VPN links; send smaller messages.",
        ),
        "sessions" | "sessions-account" => of(
            "too-many-connections",
            "There were too many connections at a time.",
            "Let the application send several messages over one connection, and close it.",
        ),
        _ => return None,
    })
}

/// Responses to AUTH that cannot be read.
fn credentials_form(reason: &str) -> Option<Diagnosis> {
    Some(match reason {
        "bad-base64" | "bearer-base64" => of(
            "not-base64",
            "What the device sent as user name or password is not base64: the text itself, or \
             cut, wrapped, or in another alphabet.",
            "Encode each response with standard base64, with padding, in one line.",
        ),
        "base64-twice" => of(
            "base64-twice",
            "What the device sent is base64 of base64.",
            "Give the program the plain user name and password: its library encodes them.",
        ),
        "plain-form" => of(
            "plain-form",
            "The response to AUTH PLAIN has not the two NULs between which the user name stands.",
            "Encode NUL, user name, NUL, password together, such as with \
             printf '\\0USER\\0PASSWORD' | base64; or use AUTH LOGIN.",
        ),
        "login-form" => of(
            "login-with-plain",
            "The device sent user name and password in one where AUTH LOGIN asks for the user \
             name alone.",
            "Use AUTH PLAIN with that response, or answer each question of LOGIN by itself.",
        ),
        "bad-credentials-syntax" => of(
            "credentials-empty",
            "User name or password is empty, or is no text in UTF-8; or it is plain text that \
             happens to be base64.",
            "Fill in both on the device, and let it encode each with base64.",
        ),
        "unknown-mechanism" => of(
            "mechanism-not-offered",
            "The device asks for a way of signing in that is not offered, such as NTLM or CRAM-MD5.",
            "Set the device to LOGIN, PLAIN or \"automatic\".",
        ),
        "sign-in-cancelled" => of(
            "sign-in-cancelled",
            "The device broke off its sign-in.",
            "Look whether a password is stored on the device.",
        ),
        _ => return None,
    })
}

fn sign_in(reason: &str, text: &str, facts: &Facts<'_>) -> Option<Diagnosis> {
    Some(match reason {
        "wrong-credentials" | "user-name-no-address" => wrong_credentials(facts),
        "sign-in-blocked" => of(
            "sign-in-blocked",
            "Too many different wrong passwords came before, so that sign-in is blocked for a \
             while.",
            "Find the device or person that guesses (`hve-admin sessions failed` shows them) and \
             set the right password there; then wait, or forgive it with `hve-admin guard reset`.",
        ),
        "security-defaults"
        | "sign-in-policy"
        | "sign-in-network"
        | "sign-in-hours"
        | "sign-in-certificate"
        | "sign-in-rule" => of(
            "rule-blocks",
            format!("The password is right, and a rule blocks the account. {text}."),
            "`hve-admin account test ADDRESS --from-address CLIENT` shows every rule and how to \
             lift it.",
        ),
        "account-suspended" | "tenant-suspended" => of(
            "suspended",
            format!("{text}."),
            "`hve-admin account resume` or `hve-admin tenant resume` lifts it.",
        ),
        "sign-in-busy" => of(
            "sign-in-busy",
            "Too many were signing in at that moment.",
            "It passes by itself. Let devices that send at the full hour be spread.",
        ),
        _ => return None,
    })
}

fn wrong_credentials(facts: &Facts<'_>) -> Diagnosis {
    let whole = "Set the user name on the device to the whole address of the account, such as \
                 hve01@contoso.test, and nothing else.";
    let user_name = |finding: &str| of("user-name", finding, whole);
    match facts.user_name {
        Some(UserName::WithoutDomain) => of(
            "user-without-domain",
            "The user name has no domain: it is not an address.",
            whole,
        ),
        Some(UserName::Windows) => user_name("The user name has the Windows form DOMAIN\\name."),
        Some(UserName::Padded) => user_name("There is white space around the user name."),
        Some(UserName::WithMore) => of(
            "user-and-password-in-one",
            "Something stands behind the address in the user name, perhaps the password.",
            "Set user name and password each in its own field of the device.",
        ),
        Some(UserName::Unlike) => user_name("The user name is not an address."),
        Some(UserName::Address) | None => wrong_password(facts),
    }
}

fn wrong_password(facts: &Facts<'_>) -> Diagnosis {
    match facts.tried {
        Some(address) if facts.account_exists => of(
            "wrong-password",
            format!("The password of {address} is wrong, or expired."),
            format!(
                "Type it anew on the device; `hve-admin account set {address} --new-password` makes another."
            ),
        ),
        Some(address) => of(
            "no-such-account",
            format!("There is no account {address}."),
            "`hve-admin account list` shows those there are; set the user name on the device to \
             one of them.",
        ),
        None => of(
            "foreign-user-name",
            "The domain of the user name is none of ours.",
            "Look at the user name on the device for a typing error; `hve-admin domain list` \
             shows the domains.",
        ),
    }
}

fn message(reason: &str, text: &str) -> Option<Diagnosis> {
    Some(match reason {
        "sender-not-account" | "sender-null" | "from-not-account" | "sender-field-not-account" => {
            of(
                "other-sender",
                format!("The sender is another address than the account. {text}."),
                "Set the sender's address (\"From\", \"device e-mail\") on the device to the \
                 address of the account.",
            )
        }
        "recipient-external" => of(
            "external-recipient",
            "The recipient is outside of the organisation's domains.",
            "Send to internal addresses only; `hve-admin domain list` shows their domains.",
        ),
        "recipient-unknown" => of(
            "unknown-recipient",
            "The recipient does not exist.",
            "Look at the address book of the device for a typing error, or add the recipient with \
             `hve-admin recipient add`.",
        ),
        "bare-line-end" => of(
            "bare-line-end",
            "The message holds line ends that are not CR LF.",
            "Update the firmware of the device. If that does not help, `hve-admin sign-in account \
             ADDRESS --lenient-bare-lf on` forgives it.",
        ),
        "message-too-large" | "too-large" => of(
            "message-too-large",
            "The message is larger than allowed.",
            "Scan with a lower resolution or in black and white, or send fewer pages at a time.",
        ),
        "bad-address" => of(
            "bad-address",
            format!("An address is not well-formed. {text}."),
            "Look at the sender and at the address book of the device.",
        ),
        "bad-argument" => of(
            "bad-argument",
            format!("A command is not well-formed. {text}."),
            "Update the firmware of the device, or correct the program: the lines below show the \
             command.",
        ),
        // Its reply repeats what the client said.
        "unsupported-parameter" => of(
            "unsupported-parameter",
            "MAIL or RCPT had a parameter that was not offered.",
            "Correct the program: it must use what the reply to EHLO offers.",
        ),
        _ => return None,
    })
}
