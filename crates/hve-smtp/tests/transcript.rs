//! The last lines of a session: what is kept, and that no secret is.

#[cfg(test)]
mod host;

use hve_smtp::{Mechanism, Opening, SessionConfig};

use host::{Host, opening, tls};

fn lines(input: &[u8]) -> Vec<String> {
    lines_of(SessionConfig::new("mx.test"), input)
}

fn lines_of(config: SessionConfig, input: &[u8]) -> Vec<String> {
    let opening = Opening {
        tls: Some(tls()),
        ..opening()
    };
    let mut host = Host::new(config, opening);
    host.run();
    host.feed(input, 4096);
    host.session.transcript().collect()
}

#[test]
fn both_directions_are_kept_in_order() {
    let lines = lines(b"EHLO printer\r\nRSET\r\nRCPT TO:<a@b.test>\r\n");
    assert!(lines[0].starts_with("S: 220 "), "{lines:?}");
    assert_eq!(lines[1], "C: EHLO printer");
    assert!(lines[2].starts_with("S: 250-mx.test"), "{lines:?}");
    let tail = &lines[lines.len() - 4..];
    assert_eq!(tail[0], "C: RSET");
    assert_eq!(tail[1], "S: 250 2.0.0 Ok");
    assert_eq!(tail[2], "C: RCPT TO:<a@b.test>");
    assert!(tail[3].starts_with("S: 530 "), "{tail:?}");
}

#[test]
fn no_secret_is_kept_wherever_it_is_said() {
    for input in [
        "AUTH PLAIN Y2FuYXJ5\r\n",
        "AUTH Y2FuYXJ5\r\n",
        "AUTH Y2FuYXJ5 Y2FuYXJ5\r\n",
        "AUTH LOGIN Y2FuYXJ5\r\nY2FuYXJ5\r\n",
        "AUTH LOGIN\r\nY2FuYXJ5\r\nY2FuYXJ5\r\n",
        "AUTH LOGIN\r\nY2FuYXJ5\tY2FuYXJ5\x01\r\n",
        "Y2FuYXJ5\r\n",
        " AUTH PLAIN Y2FuYXJ5\r\n",
        "NOOP Y2FuYXJ5\r\nQUIT Y2FuYXJ5\r\n",
        "ETRN Y2FuYXJ5\r\n",
        "GET /Y2FuYXJ5\r\n",
        "EHLO Y2FuYXJ5!\r\n",
        "VRFY Y2FuYXJ5\r\n",
        "MAIL FROM:<Y2FuYXJ5>\r\n",
        "MAIL FROM:<a@b.test> Y2FuYXJ5\r\n",
        "BDAT Y2FuYXJ5\r\n",
    ] {
        let lines = lines(format!("EHLO x\r\n{input}").as_bytes());
        assert!(!format!("{lines:?}").contains("Y2FuYXJ5"), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains('<')), "{lines:?}");
    }
}

#[test]
fn no_response_or_challenge_of_any_mechanism_is_kept() {
    // "client-first" and "server-first" are what the host's SCRAM says.
    let (first, challenge) = ("Y2xpZW50LWZpcnN0", "c2VydmVyLWZpcnN0");
    for mechanism in [
        Mechanism::External,
        Mechanism::Login,
        Mechanism::OAuthBearer,
        Mechanism::Plain,
        Mechanism::ScramSha256,
        Mechanism::ScramSha256Plus,
        Mechanism::XOAuth2,
    ] {
        let name = mechanism.as_str();
        for input in [
            format!("AUTH {name} {first}\r\n{first}\r\n{first}\r\n"),
            format!("AUTH {name}\r\n{first}\r\n{first}\r\n{first}\r\n"),
        ] {
            let mut config = SessionConfig::new("mx.test");
            config.mechanisms = vec![mechanism];
            let lines = lines_of(config, format!("EHLO x\r\n{input}").as_bytes());
            let text = format!("{lines:?}");
            assert!(!text.contains(first) && !text.contains(challenge), "{text}");
            assert!(text.contains(&format!("C: AUTH {name}")), "{text}");
            let challenged = text.contains("S: 334 <redacted>");
            assert_eq!(challenged, name.starts_with("SCRAM"), "{text}");
        }
    }
}

#[test]
fn a_redacted_response_tells_its_length() {
    let lines = lines(b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n");
    assert!(
        lines.contains(&"C: AUTH PLAIN <redacted, 8 octets>".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn only_the_last_lines_are_kept_and_only_their_beginnings() {
    let long = format!("EHLO x\r\nHELO {}\r\n", "y".repeat(400));
    let lines = lines(
        [long.as_bytes(), &b"RSET\r\n".repeat(18)]
            .concat()
            .as_slice(),
    );
    assert_eq!(lines.len(), 40);
    assert!(lines.iter().all(|line| line.len() <= 200), "{lines:?}");
    assert!(lines.iter().any(|line| line.len() == 200), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.starts_with("C: EHLO")),
        "{lines:?}"
    );
}

#[test]
fn a_message_is_not_kept() {
    let mut host = Host::new(SessionConfig::new("mx.test"), opening());
    host.start("signed-in");
    host.feed(
        b"MAIL FROM:<hve01@contoso.test>\r\nRCPT TO:<a@contoso.test>\r\nDATA\r\n",
        4096,
    );
    host.feed(b"Subject: canary\r\n\r\ncanary\r\n.\r\n", 4096);
    assert_eq!(host.submissions.len(), 1);
    let lines: Vec<String> = host.session.transcript().collect();
    assert!(lines.contains(&"C: DATA".to_owned()), "{lines:?}");
    assert!(!format!("{lines:?}").contains("canary"), "{lines:?}");
}
