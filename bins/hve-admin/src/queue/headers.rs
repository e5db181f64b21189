//! The header fields of a message, and nothing of its body.

/// The lines of the header. What is no field ends it, as the empty line does: a message without
/// one shows nothing of its body.
pub(super) fn lines(content: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        let line = line.trim_ascii_end();
        let folded = matches!(line.first(), Some(b' ' | b'\t')) && !lines.is_empty();
        if !(folded || is_field(line)) {
            break;
        }
        lines.push(String::from_utf8_lossy(line).replace('\t', " "));
    }
    lines
}

/// A name of printable characters, and a colon (RFC 5322 §2.2).
fn is_field(line: &[u8]) -> bool {
    let mut parts = line.splitn(2, |&octet| octet == b':');
    let name = parts.next().unwrap_or_default().trim_ascii_end();
    parts.next().is_some() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_never_shown() {
        let check = |content: &str, expected: &[&str]| {
            assert_eq!(lines(content.as_bytes()), expected, "{content:?}");
        };
        check("", &[]);
        check(
            "A: b\r\nSubject: x\r\n\ty\r\n\r\nSecret: z\r\n",
            &["A: b", "Subject: x", " y"],
        );
        check("\r\nA: body\r\n", &[]);
        check(" A: no field to go on from\r\n", &[]);
        check("A: b\r\nthis is the body\r\nC: d\r\n", &["A: b"]);
        check("see this: y\r\nA: b\r\n", &[]);
        check("A: b\n\nC: d", &["A: b"]);
    }
}
