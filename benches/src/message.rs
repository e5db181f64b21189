//! The messages that are sent, made before the clock runs.

use std::fmt::Write as _;

/// The tenant's domain.
pub const DOMAIN: &str = "contoso.test";
/// The account that sends.
pub const ACCOUNT: &str = "hve01@contoso.test";
/// Distinct recipients in all, so that Maildir delivery meets as many folders.
pub const MAILBOXES: usize = 100;

/// One message, ready to be written.
pub struct Message {
    /// MAIL, RCPT for each recipient, and DATA, pipelined.
    pub envelope: Vec<u8>,
    /// How many recipients.
    pub recipients: usize,
    /// Header, body and the final dot.
    pub content: Vec<u8>,
}

/// Messages of `octets` each with `recipients` each, that rotate through [`MAILBOXES`].
#[must_use]
pub fn variants(recipients: usize, octets: usize) -> Vec<Message> {
    (0..MAILBOXES)
        .map(|first| Message {
            envelope: envelope(first, recipients),
            recipients,
            content: content(octets),
        })
        // Large ones differ in nothing that matters, and would fill memory.
        .take(if octets > 64 * 1024 { 1 } else { MAILBOXES })
        .collect()
}

fn envelope(first: usize, recipients: usize) -> Vec<u8> {
    let mut text = format!("MAIL FROM:<{ACCOUNT}>\r\n");
    for number in first..first + recipients {
        // Writing to a String does not fail.
        let _ = write!(text, "RCPT TO:<r{}@{DOMAIN}>\r\n", number % MAILBOXES);
    }
    text.push_str("DATA\r\n");
    text.into_bytes()
}

fn content(octets: usize) -> Vec<u8> {
    let mut text = format!(
        "From: Load <{ACCOUNT}>\r\nTo: All <all@{DOMAIN}>\r\nSubject: Payroll notice\r\n\
         Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nContent-Type: text/plain\r\n\r\n"
    );
    const LINE: &str =
        "It is what devices and applications write: lines of a usual length, no dots.\r\n";
    while text.len() + LINE.len() <= octets {
        text.push_str(LINE);
    }
    while text.len() + 2 < octets {
        text.push('x');
    }
    text.push_str("\r\n.\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_size_and_the_recipients_they_claim() {
        for (recipients, octets) in [(1, 4096), (50, 4096), (1, 1024 * 1024)] {
            let all = variants(recipients, octets);
            let message = &all[0];
            assert!(
                message.content.len() - 3 - octets <= 1,
                "{}",
                message.content.len()
            );
            let envelope = String::from_utf8(message.envelope.clone()).unwrap();
            assert_eq!(envelope.matches("RCPT TO").count(), recipients);
            assert!(envelope.ends_with("\r\nDATA\r\n"));
        }
    }
}
