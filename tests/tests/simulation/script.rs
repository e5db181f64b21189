//! What simulated clients say: mostly sense, often enough nonsense.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::random::Random;

/// Accounts of the simulated tenant; the last has a limit of its own.
pub(crate) const ACCOUNTS: [&str; 3] = [
    "hve01@contoso.test",
    "hve02@contoso.test",
    "hve03@contoso.test",
];
/// The password of all of them.
pub(crate) const PASSWORD: &str = "simulated-password";

/// Octets that a client sends, in order, and whether it hangs up after them.
pub(crate) struct Script {
    pub(crate) octets: Vec<u8>,
    pub(crate) hangs_up: bool,
}

/// A whole session's worth.
pub(crate) fn script(random: &mut Random) -> Script {
    let mut octets = Vec::new();
    let account = *random.pick(&ACCOUNTS);
    line(&mut octets, "EHLO client.test");
    let wrong = random.one_in(8);
    let password = if wrong { "wrong-password" } else { PASSWORD };
    let response = BASE64_STANDARD.encode(format!("\0{account}\0{password}"));
    line(&mut octets, &format!("AUTH PLAIN {response}"));
    for _ in 0..random.below(4) {
        if random.one_in(3) {
            noise(&mut octets, random);
        }
        transaction(&mut octets, account, random);
    }
    if !random.one_in(4) {
        line(&mut octets, "QUIT");
    }
    let hangs_up = random.one_in(3);
    if hangs_up {
        let kept = random.below(octets.len());
        octets.truncate(kept);
    }
    Script { octets, hangs_up }
}

fn transaction(octets: &mut Vec<u8>, account: &str, random: &mut Random) {
    let sender = match random.below(12) {
        0 => "boss@contoso.test",
        1 => "",
        _ => account,
    };
    line(octets, &format!("MAIL FROM:<{sender}>"));
    for _ in 0..=random.below(6) {
        let to = match random.below(10) {
            0 => "someone@external.example".to_owned(),
            1 => "twice@contoso.test".to_owned(),
            2 => "broken@@contoso.test".to_owned(),
            _ => format!("user{}@contoso.test", random.below(40)),
        };
        line(octets, &format!("RCPT TO:<{to}>"));
    }
    let content = content(account, random);
    match random.below(8) {
        0 => line(octets, "RSET"),
        1 | 2 => chunks(octets, &content, random),
        _ => {
            line(octets, "DATA");
            // Dot-stuffed as a client has to (RFC 5321 §4.5.2).
            octets.extend_from_slice(content.replace("\r\n.", "\r\n..").as_bytes());
            octets.extend_from_slice(b".\r\n");
        }
    }
}

fn content(account: &str, random: &mut Random) -> String {
    let from = if random.one_in(10) {
        "boss@contoso.test"
    } else {
        account
    };
    let mut content = format!("From: {from}\r\nSubject: {}\r\n\r\n", random.next());
    for _ in 0..random.below(12) {
        let line: &str = random.pick::<&str>(&["text\r\n", ".\r\n", "..\r\n", "\r\n", ".MAIL\r\n"]);
        content.push_str(line);
    }
    if random.one_in(12) {
        content.push_str("a bare\nline feed\r\n.\nRCPT TO:<x@contoso.test>\r\n");
    }
    content
}

fn chunks(octets: &mut Vec<u8>, content: &str, random: &mut Random) {
    let (first, rest) = content.as_bytes().split_at(random.below(content.len()));
    octets.extend_from_slice(format!("BDAT {}\r\n", first.len()).as_bytes());
    octets.extend_from_slice(first);
    octets.extend_from_slice(format!("BDAT {} LAST\r\n", rest.len()).as_bytes());
    octets.extend_from_slice(rest);
}

fn noise(octets: &mut Vec<u8>, random: &mut Random) {
    let noise: &[&str] = &[
        "NOOP",
        "RSET",
        "EHLO again.test",
        "VRFY somebody",
        "XYZZY",
        "RCPT TO:<early@contoso.test>",
        "DATA",
        "BDAT 0 LAST",
        "MAIL FROM:<",
        "AUTH LOGIN",
        "*",
        "",
        "STARTTLS",
    ];
    for _ in 0..=random.below(4) {
        line(octets, random.pick::<&str>(noise));
    }
}

fn line(octets: &mut Vec<u8>, text: &str) {
    octets.extend_from_slice(text.as_bytes());
    octets.extend_from_slice(b"\r\n");
}
