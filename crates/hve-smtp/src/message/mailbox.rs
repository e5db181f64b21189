//! From and Sender, read strictly.
//!
//! Why a parser of our own: policy compares the author with the account, and people see what
//! their mail program makes of the same octets. A lenient parser would let one field be read as
//! two different people: `a@x <b@y>`, nested comments, groups, quoted local parts, source routes
//! and white space inside an address all have programs that disagree about them. Here they are
//! malformed, and whatever is accepted has one reading only.
//!
//! A comment of plain words is accepted beside a name or behind an address, since devices write
//! `scan@x (Scanner 2)` and people write `Payroll (HR) <pay@x>`: no program finds an address in it.

use hve_types::{Address, HeaderMailbox};

/// Reads the value of an address field, folded lines included.
///
/// Accepted are `local@domain` and `[name] <local@domain>`, the name being atoms, dots, encoded
/// words, quoted strings and plain comments (RFC 5322 §3.4, RFC 6532 §3.2). No groups, no empty
/// members of a list. The time is linear, nothing nests.
pub(crate) fn parse(value: &[u8]) -> HeaderMailbox {
    let Ok(text) = std::str::from_utf8(value) else {
        return HeaderMailbox::Malformed;
    };
    let mut rest = Scanner(text);
    let Some(first) = rest.mailbox() else {
        return HeaderMailbox::Malformed;
    };
    if rest.0.is_empty() {
        return HeaderMailbox::One(first);
    }
    while rest.take(',') {
        if rest.mailbox().is_none() {
            return HeaderMailbox::Malformed;
        }
    }
    if rest.0.is_empty() {
        HeaderMailbox::Several
    } else {
        HeaderMailbox::Malformed
    }
}

/// What two fields say together: the same mailbox twice is one, two different ones are several.
pub(crate) fn both(one: HeaderMailbox, other: HeaderMailbox) -> HeaderMailbox {
    match (one, other) {
        (HeaderMailbox::Absent, known) | (known, HeaderMailbox::Absent) => known,
        (HeaderMailbox::Malformed, _) | (_, HeaderMailbox::Malformed) => HeaderMailbox::Malformed,
        (HeaderMailbox::One(one), HeaderMailbox::One(other)) if one == other => {
            HeaderMailbox::One(one)
        }
        _ => HeaderMailbox::Several,
    }
}

/// What is left to read.
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    /// One mailbox and the white space around it.
    fn mailbox(&mut self) -> Option<Address> {
        self.white_space();
        let mut named = false;
        loop {
            match self.0.chars().next()? {
                '"' => self.quoted_string()?,
                '(' => self.comment()?,
                '<' => {
                    let (inner, rest) = self.0.get(1..)?.split_once('>')?;
                    self.0 = rest;
                    self.trailer()?;
                    return Address::parse(inner).ok();
                }
                c if is_name(c) => {
                    let start = self.0;
                    let word = self.word();
                    if !named && self.0.starts_with('@') {
                        self.take('@');
                        let domain = self.word();
                        let whole = start.get(..word.len() + 1 + domain.len())?;
                        self.trailer()?;
                        return Address::parse(whole).ok();
                    }
                }
                _ => return None,
            }
            named = true;
            self.white_space();
        }
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn word(&mut self) -> &'a str {
        let end = self.0.find(|c| !is_name(c)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    /// Spaces, tabs and the line ends of folding; a CRLF with anything else behind it has ended
    /// the field already.
    fn white_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// White space and plain comments behind an address.
    fn trailer(&mut self) -> Option<()> {
        self.white_space();
        while self.0.starts_with('(') {
            self.comment()?;
            self.white_space();
        }
        Some(())
    }

    /// `(words)`, RFC 5322 §3.2.2 less all that could hide an address or an end.
    fn comment(&mut self) -> Option<()> {
        let (inner, rest) = self.0.get(1..)?.split_once(')')?;
        let plain = |c| is_name(c) || matches!(c, ' ' | '\t' | '\r' | '\n');
        self.0 = rest;
        inner.chars().all(plain).then_some(())
    }

    /// RFC 5322 §3.2.4; a backslash takes the next character with it.
    fn quoted_string(&mut self) -> Option<()> {
        let mut chars = self.0.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.0 = self.0.get(at + 1..)?;
                    return Some(());
                }
                '\\' => {
                    let (_, escaped) = chars.next()?;
                    if escaped.is_control() {
                        return None;
                    }
                }
                '\t' | '\r' | '\n' => {}
                c if c.is_control() => return None,
                _ => {}
            }
        }
        None
    }
}

/// `atext` and dots (RFC 5322 §3.2.3; the dots are its `obs-phrase`, as in "J. Doe").
fn is_name(c: char) -> bool {
    match c {
        '(' | ')' | '<' | '>' | '[' | ']' | ':' | ';' | '@' | '\\' | ',' | '"' | ' ' => false,
        c => !c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str, expected: &str) {
        let expected = HeaderMailbox::One(Address::parse(expected).unwrap());
        assert_eq!(parse(value.as_bytes()), expected, "{value:?}");
    }

    fn malformed(value: &str) {
        assert_eq!(
            parse(value.as_bytes()),
            HeaderMailbox::Malformed,
            "{value:?}"
        );
    }

    #[test]
    fn one_mailbox_in_all_its_forms() {
        one(" hve01@contoso.test\r\n", "hve01@contoso.test");
        one("<hve01@contoso.test>", "hve01@contoso.test");
        one(" HVE One <hve01@contoso.test> ", "hve01@contoso.test");
        one(" J. Q. Doe <a@contoso.test>", "a@contoso.test");
        one(
            "\"One, Two <x@evil.test>\" <a@contoso.test>",
            "a@contoso.test",
        );
        one("\"a \\\" b\"\r\n <a@contoso.test>", "a@contoso.test");
        one("=?utf-8?q?J=C3=BCrgen?= <a@contoso.test>", "a@contoso.test");
        one("Jürgen <a@contoso.test>", "a@contoso.test");
        one("\"\"<a@contoso.test>", "a@contoso.test");
    }

    #[test]
    fn leniency_plain_comments_of_devices_and_people() {
        one(" scan2@contoso.test (Scanner 2)", "scan2@contoso.test");
        one("Payroll (HR) <pay@contoso.test>", "pay@contoso.test");
        one(
            "<pay@contoso.test> (HR)\r\n (second)\r\n",
            "pay@contoso.test",
        );
    }

    #[test]
    fn row_31_several_is_not_one() {
        for value in [
            "a@x.test, b@y.test",
            "A <a@x.test>, a@x.test",
            "a@x.test,b@y.test,\r\n c@z.test",
        ] {
            assert_eq!(parse(value.as_bytes()), HeaderMailbox::Several, "{value}");
        }
    }

    #[test]
    fn row_31_what_can_be_read_twice_is_malformed() {
        for value in [
            "",
            " ",
            "name",
            "<>",
            "a@x.test <b@y.test>",
            "<a@x.test> <b@y.test>",
            "<a@x.test> b",
            "a@x.test b@y.test",
            "a@x.test (b@y.test)",
            "(a) a@x.test",
            "a@x.test (b",
            "a@x.test (b (c))",
            "a (b <c@y.test>) <a@x.test>",
            "a@x.test (b) c",
            "undisclosed:;",
            "Group: a@x.test;",
            "\"a@x.test\"@y.test",
            "\"a b\"@y.test",
            "@x.test:a@y.test",
            "<@x.test:a@y.test>",
            "a @x.test",
            "a@ x.test",
            "<a@x.test",
            "a@x.test>",
            "\"open <a@x.test>",
            "a@x.test,",
            ",a@x.test",
            "a@x.test,,b@y.test",
            "a@x.test; b@y.test",
            "a@[192.0.2.1]",
            "a@x.test\0",
            "a\u{1b}[2J <a@x.test>",
            "a@b@x.test",
            "<a@b@x.test>",
            "<a@x.test\r\n >",
            "\"a\\\r\n\" <a@x.test>",
            "a@x.test, Group: b@y.test;",
            "\\a <a@x.test>",
        ] {
            malformed(value);
        }
        assert_eq!(parse(b"J\xfcrgen <a@x.test>"), HeaderMailbox::Malformed);
    }

    #[test]
    fn two_fields_agree_or_are_several() {
        let one = || parse(b"a@x.test");
        assert_eq!(both(one(), HeaderMailbox::Absent), one());
        assert_eq!(both(one(), parse(b"A@X.test")), one());
        assert_eq!(both(one(), parse(b"b@x.test")), HeaderMailbox::Several);
        assert_eq!(
            both(HeaderMailbox::Several, parse(b"x")),
            HeaderMailbox::Malformed
        );
    }
}
