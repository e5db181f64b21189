//! Replies: clean text, any number of lines, an enhanced status code or none.

use std::{borrow::Cow, fmt};

/// An enhanced status code (RFC 3463 §2), such as `5.7.57`: class, subject, detail.
///
/// Parts have 16 bits, since details above 255 are in use (`5.7.750`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Enhanced(pub u16, pub u16, pub u16);

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A reply to one command.
///
/// Whatever the text holds, what is written is well formed (RFC 5321 §4.2.1): a line end in it
/// starts another line of the reply, other control octets and non-ASCII characters (RFC 5321
/// §4.1.2 `textstring`) become `?`, long lines are folded, and there are at most 32 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    text: Cow<'static, str>,
}

impl Reply {
    /// A reply. A code that no server may send becomes 451, and the class of the enhanced code
    /// is made the first digit of the code (RFC 2034 §4), so that no caller can break a session.
    #[must_use]
    pub fn new(code: u16, enhanced: Option<Enhanced>, text: impl Into<Cow<'static, str>>) -> Self {
        Self::checked(code, enhanced, text.into())
    }

    /// The same for texts that are known when the program is built.
    pub(crate) const fn fixed(code: u16, enhanced: Enhanced, text: &'static str) -> Self {
        Self::checked(code, Some(enhanced), Cow::Borrowed(text))
    }

    const fn checked(code: u16, enhanced: Option<Enhanced>, text: Cow<'static, str>) -> Self {
        let code = if 200 <= code && code <= 599 {
            code
        } else {
            451
        };
        let enhanced = match enhanced {
            Some(Enhanced(_, subject, detail)) => Some(Enhanced(code / 100, subject, detail)),
            None => None,
        };
        Self {
            code,
            enhanced,
            text,
        }
    }

    /// The three digits.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code.
    #[must_use]
    pub const fn enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }

    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes the reply with its line ends; `ending` goes to the end of the last line.
    pub(crate) fn write(&self, out: &mut Vec<u8>, ending: Option<&str>) {
        let mut lines = Lines::of(&self.text);
        let mut line = lines.next().unwrap_or_default();
        loop {
            let next = lines.next();
            let last_of_text = next.is_none();
            // The ending moves to a line of its own where it does not fit.
            let folded =
                last_of_text && ending.is_some_and(|e| line.len() + 1 + e.len() > TEXT_OCTETS);
            self.prefix(out, last_of_text && !folded);
            push_clean(out, line);
            match (next, ending) {
                (Some(following), _) => line = following,
                (None, Some(ending)) => {
                    if folded {
                        out.extend_from_slice(b"\r\n");
                        self.prefix(out, true);
                    } else {
                        out.push(b' ');
                    }
                    push_clean(out, ending);
                    break;
                }
                (None, None) => break,
            }
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn prefix(&self, out: &mut Vec<u8>, last: bool) {
        push_number(out, self.code.into());
        out.push(if last { b' ' } else { b'-' });
        if let Some(Enhanced(class, subject, detail)) = self.enhanced {
            push_number(out, class.into());
            out.push(b'.');
            push_number(out, subject.into());
            out.push(b'.');
            push_number(out, detail.into());
            out.push(b' ');
        }
    }
}

/// The octets of text in one line of a reply: 512 (RFC 5321 §4.5.3.1.5) less code, enhanced code
/// and line end.
const TEXT_OCTETS: usize = 480;

/// The lines of one reply, so that no text floods a client.
const LINES_MAX: usize = 32;

/// Splits a text at its line ends and where a line gets too long.
struct Lines<'a> {
    rest: Option<&'a str>,
    left: usize,
}

impl<'a> Lines<'a> {
    const fn of(text: &'a str) -> Self {
        Self {
            rest: Some(text),
            left: LINES_MAX,
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        let rest = self.rest?;
        let window = rest.get(..floor(rest, TEXT_OCTETS)).unwrap_or(rest);
        let (line, rest) = match memchr::memchr2(b'\r', b'\n', window.as_bytes()) {
            Some(at) => {
                let (line, rest) = rest.split_at(at);
                let rest = rest.strip_prefix("\r\n").or_else(|| rest.get(1..));
                (line, rest)
            }
            None if window.len() == rest.len() => (rest, None),
            None => {
                let at = window.rfind(' ').filter(|at| *at > 0);
                let (line, rest) = rest.split_at(at.unwrap_or(window.len()));
                (line, Some(rest.strip_prefix(' ').unwrap_or(rest)))
            }
        };
        self.rest = rest;
        Some(line)
    }
}

/// The last character boundary at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    if text.len() <= at {
        return text.len();
    }
    (0..=at)
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0)
}

fn push_clean(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend(text.chars().map(|c| match c {
            ' '..='~' => u8::try_from(c).unwrap_or(b'?'),
            _ => b'?',
        }));
    }
}

/// Decimal digits, without the formatting machinery: replies are written for every command.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    let mut rest = number;
    for (i, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        at = i;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// A refusal: what the client is told, under which key it is counted, and whether the session
/// goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 4xx (later) or 5xx (never); another code becomes 451.
    pub reply: Reply,
    /// A stable key for counters and logs, such as `quota-tenant`.
    pub reason: &'static str,
    /// The session ends after this reply; after 421 it does in any case.
    pub close: bool,
}

impl Refusal {
    /// A refusal after which the session goes on.
    #[must_use]
    pub const fn new(reply: Reply, reason: &'static str) -> Self {
        Self {
            reply,
            reason,
            close: false,
        }
    }

    /// The same, and the session ends.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reply: &Reply, ending: Option<&str>, expected: &str) {
        let mut out = Vec::new();
        reply.write(&mut out, ending);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn one_line_with_and_without_an_enhanced_code() {
        check(&Reply::new(354, None, "Go on"), None, "354 Go on\r\n");
        let reply = Reply::new(550, Some(Enhanced(5, 7, 750)), "No");
        check(&reply, Some("[h t s-1]"), "550 5.7.750 No [h t s-1]\r\n");
        check(&Reply::new(250, None, ""), None, "250 \r\n");
    }

    #[test]
    fn row_33_no_text_breaks_out_of_its_line() {
        let reply = Reply::new(
            550,
            Some(Enhanced(5, 1, 1)),
            "a\r\n250 b\nc\rd\u{1b}[2J é\0\u{7f}",
        );
        check(
            &reply,
            Some("[x]"),
            "550-5.1.1 a\r\n550-5.1.1 250 b\r\n550-5.1.1 c\r\n550 5.1.1 d?[2J ??? [x]\r\n",
        );
    }

    #[test]
    fn long_text_is_folded_at_spaces_and_bounded() {
        let reply = Reply::new(450, None, "word ".repeat(300));
        let mut out = Vec::new();
        reply.write(&mut out, Some("[id]"));
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.len() <= 510), "{text}");
        assert!(text.ends_with("[id]\r\n"));
        assert_eq!(text.matches("word").count(), 300);

        let reply = Reply::new(450, None, "\n".repeat(5_000) + &"é".repeat(5_000));
        let mut out = Vec::new();
        reply.write(&mut out, None);
        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), LINES_MAX);
    }

    #[test]
    fn an_ending_that_does_not_fit_gets_its_own_line() {
        let reply = Reply::new(450, Some(Enhanced(4, 0, 0)), "a".repeat(479));
        let expected = format!("450-4.0.0 {}\r\n450 4.0.0 [id]\r\n", "a".repeat(479));
        check(&reply, Some("[id]"), &expected);
    }

    #[test]
    fn nonsense_codes_are_put_right() {
        let reply = Reply::new(999, Some(Enhanced(5, 3, 0)), "x");
        assert_eq!(
            (reply.code(), reply.enhanced()),
            (451, Some(Enhanced(4, 3, 0)))
        );
    }

    #[test]
    fn numbers_have_no_leading_zeros() {
        for n in [0, 9, 10, 451, u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, n);
            assert_eq!(String::from_utf8(out).unwrap(), n.to_string());
        }
    }
}
