//! Every refusal of the session itself: one stable wording and one stable key each.
//! What a host refuses is worded by the host.

use crate::{Enhanced, Refusal, Reply};

const fn refusal(
    code: u16,
    (subject, detail): (u16, u16),
    reason: &'static str,
    text: &'static str,
) -> Refusal {
    let class = code / 100;
    Refusal::new(
        Reply::fixed(code, Enhanced(class, subject, detail), text),
        reason,
    )
}

const fn last(code: u16, status: (u16, u16), reason: &'static str, text: &'static str) -> Refusal {
    let mut refusal = refusal(code, status, reason, text);
    refusal.close = true;
    refusal
}

/// Wrong syntax of an argument, with a text that depends on it.
pub(crate) fn bad_argument(text: impl Into<String>) -> Refusal {
    Refusal::new(
        Reply::new(501, Some(Enhanced(5, 5, 4)), text.into()),
        "bad-argument",
    )
}

// Lines.
pub(crate) const BARE_LF: Refusal = refusal(
    500,
    (5, 2),
    "bare-lf",
    "Lines end in CRLF; a line feed alone ends nothing",
);
pub(crate) const BARE_CR: Refusal = refusal(
    500,
    (5, 2),
    "bare-cr",
    "A carriage return without a line feed in a command",
);
pub(crate) const CONTROL: Refusal = refusal(
    500,
    (5, 2),
    "control-octet",
    "A control character in a command",
);
pub(crate) const NOT_UTF8: Refusal =
    refusal(500, (5, 2), "not-utf8", "The command is not valid UTF-8");
pub(crate) const LINE_TOO_LONG: Refusal = refusal(500, (5, 6), "line-too-long", "Line too long");
pub(crate) const LINE_ENDLESS: Refusal =
    last(421, (5, 6), "line-endless", "Line far too long, goodbye");
pub(crate) const EMPTY_LINE: Refusal = refusal(500, (5, 2), "empty-line", "Empty command");
pub(crate) const NOT_SMTP: Refusal = last(
    421,
    (7, 0),
    "not-smtp",
    "This is a mail submission server; start with EHLO, then STARTTLS",
);

pub(crate) const TLS_TOO_SOON: Refusal = last(
    421,
    (7, 0),
    "tls-too-soon",
    "TLS begins with STARTTLS here; set the client to STARTTLS",
);

// Order and budget.
pub(crate) const UNKNOWN_COMMAND: Refusal =
    refusal(500, (5, 1), "unknown-command", "Command not recognised");
pub(crate) const NOT_IMPLEMENTED: Refusal =
    refusal(502, (5, 1), "not-implemented", "Command not implemented");
pub(crate) const TLS_FIRST: Refusal = refusal(530, (7, 0), "tls-first", "Issue STARTTLS first");
pub(crate) const SIGN_IN_FIRST: Refusal =
    refusal(530, (7, 57), "sign-in-first", "Sign in with AUTH first");
pub(crate) const HELLO_FIRST: Refusal = refusal(503, (5, 1), "hello-first", "Send EHLO first");
pub(crate) const TLS_ALREADY: Refusal = refusal(503, (5, 1), "tls-already", "TLS is already up");
pub(crate) const SIGNED_IN_ALREADY: Refusal =
    refusal(503, (5, 1), "signed-in-already", "Already signed in");
pub(crate) const AUTH_IN_TRANSACTION: Refusal = refusal(
    503,
    (5, 1),
    "auth-in-transaction",
    "No AUTH within a mail transaction",
);
pub(crate) const MAIL_ALREADY: Refusal =
    refusal(503, (5, 1), "mail-already", "MAIL was already given");
pub(crate) const MAIL_FIRST: Refusal = refusal(503, (5, 1), "mail-first", "Send MAIL first");
pub(crate) const RCPT_FIRST: Refusal = refusal(503, (5, 1), "rcpt-first", "Send RCPT first");
pub(crate) const NO_RECIPIENTS: Refusal =
    refusal(554, (5, 1), "no-recipients", "No recipient was accepted");
pub(crate) const CHUNKS_BEGUN: Refusal = refusal(
    503,
    (5, 1),
    "chunks-begun",
    "The message has begun with BDAT; go on with BDAT, or RSET",
);
pub(crate) const BINARY_BY_DATA: Refusal = refusal(
    503,
    (5, 1),
    "binary-by-data",
    "BODY=BINARYMIME is sent with BDAT, not with DATA",
);
pub(crate) const TOO_MANY_ERRORS: Refusal =
    last(421, (7, 0), "too-many-errors", "Too many errors, goodbye");
pub(crate) const TOO_MANY_IDLE_COMMANDS: Refusal = last(
    421,
    (7, 0),
    "too-many-idle-commands",
    "Too many commands without a message, goodbye",
);
pub(crate) const TOO_MANY_MESSAGES: Refusal = last(
    421,
    (7, 0),
    "too-many-messages",
    "That was the last message of this session; connect again",
);
pub(crate) const TOO_MANY_REFUSED_RECIPIENTS: Refusal = last(
    421,
    (7, 0),
    "too-many-refused-recipients",
    "Too many refused recipients, goodbye",
);
pub(crate) const TOO_MANY_RECIPIENTS: Refusal =
    refusal(452, (5, 3), "too-many-recipients", "Too many recipients");
pub(crate) const TOO_MANY_SIGN_INS: Refusal = last(
    421,
    (7, 0),
    "too-many-sign-ins",
    "Too many failed sign-ins, goodbye",
);

// Time and the end.
pub(crate) const TIMEOUT_COMMAND: Refusal =
    last(421, (4, 2), "timeout-command", "No command came in time");
pub(crate) const TIMEOUT_SIGN_IN: Refusal = last(
    421,
    (4, 2),
    "timeout-sign-in",
    "No successful sign-in in time",
);
pub(crate) const TIMEOUT_DATA: Refusal =
    last(421, (4, 2), "timeout-data", "The message came too slowly");
pub(crate) const TIMEOUT_ANSWER: Refusal = last(
    421,
    (3, 0),
    "timeout-answer",
    "The service does not answer in time; try again later",
);
pub(crate) const SHUTTING_DOWN: Refusal = last(
    421,
    (3, 2),
    "shutting-down",
    "The service is going down; try again soon",
);
pub(crate) const HOST_BUG: Refusal = refusal(
    451,
    (3, 0),
    "bug-host-answer",
    "Internal error; try again later",
);

// AUTH.
pub(crate) const UNKNOWN_MECHANISM: Refusal = refusal(
    504,
    (7, 4),
    "unknown-mechanism",
    "Authentication mechanism not offered",
);
pub(crate) const SIGN_IN_CANCELLED: Refusal =
    refusal(501, (7, 0), "sign-in-cancelled", "Sign-in cancelled");
pub(crate) const BAD_BASE64: Refusal = refusal(
    501,
    (5, 2),
    "bad-base64",
    "The response is not valid base64",
);
pub(crate) const BAD_CREDENTIALS_SYNTAX: Refusal = refusal(
    501,
    (5, 2),
    "bad-credentials-syntax",
    "The response holds no user name and password in the form of this mechanism",
);

pub(crate) const BASE64_TWICE: Refusal = refusal(
    501,
    (5, 2),
    "base64-twice",
    "The response is base64 of base64; encode it once",
);
pub(crate) const PLAIN_FORM: Refusal = refusal(
    501,
    (5, 2),
    "plain-form",
    "The response of PLAIN is NUL, user name, NUL, password, all together in base64",
);
pub(crate) const LOGIN_FORM: Refusal = refusal(
    501,
    (5, 2),
    "login-form",
    "LOGIN asks for the user name alone, then for the password; this looks like both at once",
);

pub(crate) const BAD_AUTHZID: Refusal = refusal(
    501,
    (5, 2),
    "bad-authzid",
    "The response is neither empty nor the name of an account",
);

// XOAUTH2 and OAUTHBEARER. The service we follow has 501 5.5.121 to 5.5.126, one for each
// defect; which is which is our reading.
const fn bearer(detail: u16, reason: &'static str, text: &'static str) -> Refusal {
    refusal(501, (5, detail), reason, text)
}
pub(crate) const BEARER_BASE64: Refusal = bearer(
    121,
    "bearer-base64",
    "The response is not valid base64; encode it with the standard alphabet, with padding, in one line",
);
pub(crate) const XOAUTH2_FORM: Refusal = bearer(
    122,
    "bearer-form",
    "The response has not the form of XOAUTH2; encode \"user=ADDRESS\", octet 1, \"auth=Bearer TOKEN\", octet 1, octet 1",
);
pub(crate) const OAUTHBEARER_FORM: Refusal = bearer(
    122,
    "bearer-form",
    "The response has not the form of OAUTHBEARER; encode \"n,a=ADDRESS,\", octet 1, \"auth=Bearer TOKEN\", octet 1, octet 1",
);
pub(crate) const BEARER_NO_USER: Refusal = bearer(
    123,
    "bearer-no-user",
    "The response names no user; give the address of the account (XOAUTH2: user=ADDRESS, OAUTHBEARER: a=ADDRESS)",
);
pub(crate) const BEARER_NO_AUTH: Refusal = bearer(
    124,
    "bearer-no-auth",
    "The response has no auth field; add auth=Bearer and the access token",
);
pub(crate) const BEARER_SCHEME: Refusal = bearer(
    125,
    "bearer-scheme",
    "The auth field is not of type Bearer; write auth=Bearer, a space, and the access token",
);
pub(crate) const BEARER_EMPTY: Refusal = bearer(
    126,
    "bearer-empty",
    "The access token is empty; get one from the identity provider and write it behind auth=Bearer",
);

// Addresses and sizes.
pub(crate) const UTF8_WITHOUT_FLAG: Refusal = refusal(
    553,
    (6, 7),
    "utf8-without-flag",
    "An internationalised address needs SMTPUTF8 at MAIL",
);
pub(crate) const NULL_RECIPIENT: Refusal =
    refusal(501, (1, 3), "null-recipient", "<> is no recipient");
pub(crate) const BARE_POSTMASTER: Refusal = refusal(
    550,
    (1, 1),
    "bare-postmaster",
    "postmaster without a domain is nobody here; write the whole address",
);
pub(crate) const BARE_POSTMASTER_SENDER: Refusal =
    refusal(553, (1, 7), "bare-postmaster", "The sender needs a domain");
pub(crate) const TOO_LARGE: Refusal = refusal(
    552,
    (3, 4),
    "message-too-large",
    "The message is larger than allowed",
);
pub(crate) const TOO_LARGE_LAST: Refusal = last(
    552,
    (3, 4),
    "message-too-large",
    "The message is far larger than allowed, goodbye",
);
pub(crate) const BAD_CHUNK: Refusal = last(
    501,
    (5, 4),
    "bad-chunk",
    "BDAT needs a size in octets and perhaps LAST; what follows cannot be told apart, goodbye",
);

// Messages.
pub(crate) const BARE_LINE_END: Refusal = refusal(
    550,
    (6, 11),
    "bare-line-end",
    "The message holds a carriage return or a line feed alone; lines end in CRLF",
);
pub(crate) const NUL_IN_TEXT: Refusal = refusal(
    550,
    (6, 0),
    "nul-in-text",
    "The message holds a NUL octet; send it with BODY=BINARYMIME and BDAT",
);
pub(crate) const MAIL_LOOP: Refusal = refusal(
    554,
    (4, 6),
    "mail-loop",
    "Too many Received fields: the message goes in circles",
);
pub(crate) const HEADER_TOO_LARGE: Refusal = refusal(
    552,
    (3, 4),
    "header-too-large",
    "The header of the message is larger than allowed",
);
pub(crate) const TOO_MANY_HEADER_FIELDS: Refusal = refusal(
    552,
    (3, 4),
    "too-many-header-fields",
    "The header of the message has more fields than allowed",
);
pub(crate) const SPACE_BEFORE_COLON: Refusal = refusal(
    550,
    (6, 0),
    "space-before-colon",
    "A header field has a space before its colon",
);
