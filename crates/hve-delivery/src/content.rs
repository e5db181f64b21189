//! What a final delivery adds to a message, and what it takes out.

use std::ops::Range;

use hve_types::Address;

/// The lines that go before the message: the return path (RFC 5321 §4.4) and whose copy this is.
pub(crate) fn trace(sender: Option<&Address>, recipient: &Address) -> String {
    let sender = sender.map(Address::as_str).unwrap_or_default();
    format!("Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n")
}

/// The parts of `content` to keep: all but Return-Path fields that the client put there, which
/// would gainsay ours (RFC 5321 §4.4 lets a final delivery take them out).
pub(crate) fn without_return_path(content: &[u8]) -> Vec<&[u8]> {
    let mut kept = Vec::with_capacity(1);
    let mut from = 0;
    for field in return_paths(content) {
        kept.extend(content.get(from..field.start));
        from = field.end;
    }
    kept.extend(content.get(from..));
    kept
}

fn return_paths(content: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    let mut in_field = false;
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        in_field = if folded { in_field } else { names_it(line) };
        if in_field {
            found.push(at..at + line.len());
        }
        at += line.len();
    }
    found
}

fn names_it(line: &[u8]) -> bool {
    line.split(|&octet| octet == b':')
        .next()
        .is_some_and(|name| name.trim_ascii_end().eq_ignore_ascii_case(b"return-path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &str, expected: &str) {
        let kept = without_return_path(content.as_bytes()).concat();
        assert_eq!(String::from_utf8(kept).unwrap(), expected);
    }

    #[test]
    fn only_return_paths_of_the_header_are_taken_out() {
        check("", "");
        check("A: b\r\n\r\nx", "A: b\r\n\r\nx");
        check(
            "A: b\r\nreturn-PATH : <x@y>\r\n\t(folded)\r\nC: d\r\n e\r\n\r\nReturn-Path: <z>\r\n",
            "A: b\r\nC: d\r\n e\r\n\r\nReturn-Path: <z>\r\n",
        );
        check("Return-Path: <x>\r\nReturn-Path: <y>\r\n", "");
        check("Return-Path-Not: 1\r\n", "Return-Path-Not: 1\r\n");
    }

    #[test]
    fn the_null_path_is_shown_as_such() {
        let to = Address::parse("A.b@contoso.test").unwrap();
        assert_eq!(
            trace(None, &to),
            "Return-Path: <>\r\nDelivered-To: A.b@contoso.test\r\n"
        );
        assert!(trace(Some(&to), &to).starts_with("Return-Path: <A.b@contoso.test>\r\n"));
    }
}
