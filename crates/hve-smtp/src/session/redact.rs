//! What of a line may be shown later: names, addresses and figures, whatever they stand for.
//!
//! People type a password where a name belongs. What is no name, no address and no parameter that
//! is known here is not shown, and neither is a reply that repeats it.

use std::borrow::Cow;

use hve_types::Address;

use crate::{
    command::{Verb, is_name},
    params,
};

/// A line of the client, which holds no secret where a command of its kind holds one.
pub(super) fn command(line: &str) -> Cow<'_, str> {
    let (verb, rest) = Verb::of(line);
    let is_fit = match verb {
        Verb::Ehlo | Verb::Helo => is_name,
        Verb::Mail | Verb::Rcpt => is_path_or_parameter,
        Verb::Bdat => is_size,
        Verb::Vrfy => is_path,
        // Of the others nothing was kept that may not be shown.
        _ => return line.into(),
    };
    if rest.split(' ').all(is_fit) {
        return line.into();
    }
    let word = line.split(' ').next().unwrap_or_default();
    let mut shown = word.to_owned();
    for word in rest.split(' ') {
        shown.push(' ');
        if is_fit(word) {
            shown.push_str(word);
        } else {
            shown.push_str(&format!("<redacted, {} octets>", word.len()));
        }
    }
    shown.into()
}

/// A line of the server.
pub(super) fn reply(line: &str) -> Cow<'_, str> {
    if let Some(challenge) = line.strip_prefix("334 ") {
        // A longer challenge is half of an exchange.
        let is_prompt = matches!(challenge, "" | "VXNlcm5hbWU6" | "UGFzc3dvcmQ6");
        return if is_prompt { line } else { "334 <redacted>" }.into();
    }
    match line.split_once(params::NOT_SUPPORTED) {
        Some((before, behind)) => {
            let rest = behind.split_once(' ').map_or("", |(_, rest)| rest);
            let quoted = params::NOT_SUPPORTED;
            format!("{before}{quoted}<redacted> {rest}").into()
        }
        None => line.into(),
    }
}

/// An address with or without its brackets, or nothing; `FROM:` or `TO:` may stand before it.
fn is_path(word: &str) -> bool {
    let after = |keyword: &str| {
        let (head, tail) = word.split_at_checked(keyword.len())?;
        head.eq_ignore_ascii_case(keyword).then_some(tail)
    };
    let path = after("FROM:").or_else(|| after("TO:")).unwrap_or(word);
    let path = path.strip_prefix('<').unwrap_or(path);
    let path = path.strip_suffix('>').unwrap_or(path);
    path.is_empty() || Address::parse(path).is_ok()
}

fn is_path_or_parameter(word: &str) -> bool {
    is_path(word) || is_parameter(word)
}

/// Parameters whose values are words of their RFCs, or a number.
fn is_parameter(word: &str) -> bool {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    let is = |name: &str| key.eq_ignore_ascii_case(name);
    let among = |words: &[&str]| {
        let known = |value: &str| words.iter().any(|word| value.eq_ignore_ascii_case(word));
        value.split(',').all(known)
    };
    is("SIZE") && params::number(value).is_some()
        || is("BODY") && among(&["7BIT", "8BITMIME", "BINARYMIME"])
        || is("RET") && among(&["FULL", "HDRS"])
        || is("NOTIFY") && among(&["NEVER", "SUCCESS", "FAILURE", "DELAY"])
        || is("SMTPUTF8") && value.is_empty()
}

fn is_size(word: &str) -> bool {
    params::number(word).is_some() || word.eq_ignore_ascii_case("LAST")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_known_parameters_are_shown() {
        for line in [
            "EHLO printer",
            "HELO [192.0.2.1]",
            "MAIL FROM:<a@b.test> SIZE=123 BODY=8BITMIME RET=HDRS SMTPUTF8",
            "mail from: a@b.test",
            "MAIL FROM:<>",
            "RCPT TO:<a@b.test> NOTIFY=SUCCESS,DELAY",
            "VRFY a@b.test",
            "BDAT 100 LAST",
            "RSET",
            "AUTH PLAIN <redacted, 8 octets>",
        ] {
            assert_eq!(command(line), line);
        }
    }

    #[test]
    fn whatever_else_stands_there_is_not() {
        for (line, shown) in [
            ("EHLO can@ry!", "EHLO <redacted, 7 octets>"),
            ("MAIL FROM:<can@ry!>", "MAIL <redacted, 14 octets>"),
            (
                "MAIL FROM:<a@b.test> AUTH=canary SIZE=canary",
                "MAIL FROM:<a@b.test> <redacted, 11 octets> <redacted, 11 octets>",
            ),
            (
                "RCPT TO:<a@b.test> NOTIFY=canary ORCPT=canary",
                "RCPT TO:<a@b.test> <redacted, 13 octets> <redacted, 12 octets>",
            ),
            ("VRFY canary", "VRFY <redacted, 6 octets>"),
            ("BDAT canary", "BDAT <redacted, 6 octets>"),
            ("mail canary", "mail <redacted, 6 octets>"),
        ] {
            assert_eq!(command(line), shown);
        }
    }

    #[test]
    fn a_reply_does_not_repeat_what_the_client_said() {
        for (line, shown) in [
            ("334 ", "334 "),
            ("334 VXNlcm5hbWU6", "334 VXNlcm5hbWU6"),
            ("334 cj1hYmM=", "334 <redacted>"),
            (
                "555 5.5.4 Parameter not supported: CANARY [mx.test 1 2]",
                "555 5.5.4 Parameter not supported: <redacted> [mx.test 1 2]",
            ),
            ("250 2.0.0 Ok", "250 2.0.0 Ok"),
        ] {
            assert_eq!(reply(line), shown);
        }
    }
}
