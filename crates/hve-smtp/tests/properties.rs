//! Properties that hold for any octets: no panic, the same replies however they are cut, and no
//! second message out of one.

#[cfg(test)]
mod host;

use hve_smtp::{Leniency, Mechanism, SessionConfig};
use proptest::{prelude::*, sample::select};

use host::{Host, opening};

/// What a session said, what it was asked, the messages it made, and whether it ended.
type Outcome = (String, Vec<String>, Vec<Vec<u8>>, bool);

/// Plays octets in pieces of the given sizes, in turn.
fn play(start: &str, leniency: Leniency, octets: &[u8], sizes: &[usize]) -> Outcome {
    let mut config = SessionConfig::new("mx.test");
    // Limits that short inputs reach.
    config.limits.command_line_octets = 80;
    config.limits.sasl_line_octets = 200;
    config.limits.bearer_line_octets = 200;
    config.mechanisms = [
        "LOGIN",
        "PLAIN",
        "XOAUTH2",
        "OAUTHBEARER",
        "SCRAM-SHA-256",
        "EXTERNAL",
    ]
    .into_iter()
    .filter_map(Mechanism::from_name)
    .collect();
    config.limits.discard_octets = 400;
    config.limits.output_octets = 150;
    config.limits.errors = 20;
    config.limits.overrun_octets = 64;
    config.limits.header_octets = 400;
    let mut host = Host::new(config, opening());
    host.leniency = leniency;
    host.start(start);
    host.message_octets = 256;
    let mut rest = octets;
    for size in sizes.iter().cycle() {
        if rest.is_empty() || host.handshakes > 0 {
            break;
        }
        let (piece, tail) = rest.split_at((*size).clamp(1, rest.len()));
        host.feed(piece, usize::MAX);
        rest = tail;
    }
    let sent = String::from_utf8(host.sent).unwrap_or_else(|_| "replies are not UTF-8".into());
    let messages = host.submissions.into_iter().map(|s| s.content).collect();
    (sent, host.questions, messages, host.closed)
}

/// Pieces of the language and of what breaks it.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let word = select(vec![
        &b"\r\n"[..],
        b"\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b".",
        b"\r\n.\r\n",
        b"\n.\n",
        b"\r.\r",
        b" ",
        b"EHLO x\r\n",
        b"HELO x\r\n",
        b"STARTTLS\r\n",
        b"NOOP\r\n",
        b"RSET\r\n",
        b"VRFY x\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH LOGIN ",
        b"AUTH XOAUTH2 ",
        // A token that is refused.
        b"AUTH OAUTHBEARER bixhPWh2ZTAxQGNvbnRvc28udGVzdCwBYXV0aD1CZWFyZXIgYmFkLnRva2VuAQE=\r\n",
        b"AUTH SCRAM-SHA-256 Y2xpZW50LWZpcnN0\r\n",
        b"Y2xpZW50LWZpbmFs\r\n",
        b"AUTH EXTERNAL =\r\n",
        b"AQ==\r\n",
        b"AGh2ZTAxQGNvbnRvc28udGVzdABzZWNyZXQ=\r\n",
        b"*\r\n",
        b"MAIL FROM:<hve01@contoso.test>\r\n",
        b"MAIL FROM:<a@contoso.test> BODY=BINARYMIME\r\n",
        b"RCPT TO:<a@contoso.test>\r\n",
        b"RCPT TO:<a@contoso.test>\r\n",
        b"RCPT TO:<b@c.test>\r\n",
        b"DATA\r\n",
        b"DATA\r\n",
        b"BDAT 5\r\n",
        b"BDAT 10 LAST\r\n",
        b"BDAT 0 LAST\r\n",
        b"BDAT 400\r\n",
        b"BDAT x\r\n",
        b"From: a@b.test\r\n",
        b"Bcc: x\r\n",
        b"hello",
        b"\0",
        b"\xff",
        b"GET / HTTP/1.1\r\n",
    ]);
    let noise = proptest::collection::vec(any::<u8>(), 0..6);
    let long = (0_usize..500).prop_map(|n| vec![b'x'; n]);
    let fragment = prop_oneof![
        30 => word.prop_map(<[u8]>::to_vec),
        2 => noise,
        1 => long,
    ];
    proptest::collection::vec(fragment, 0..40).prop_map(|fragments| fragments.concat())
}

fn leniency() -> impl Strategy<Value = Leniency> {
    (any::<bool>(), any::<bool>()).prop_map(|(bare_lf, long_lines)| Leniency {
        bare_lf,
        long_lines,
    })
}

/// Whole transactions, with a few octets changed.
fn dialogue() -> impl Strategy<Value = Vec<u8>> {
    let body = "(Subject: x\r\n)?(From: (a@b[.]test|x|a@b[.]test, c@d[.]test)\r\n)?(Bcc: y\r\n)?(\r\n)?([a.]{0,8}\r\n){0,4}";
    let transaction = (
        select(vec![
            "",
            " BODY=BINARYMIME",
            " SMTPUTF8 SIZE=20",
            " RET=FULL",
        ]),
        1_usize..4,
        body,
        0_usize..4,
    )
        .prop_map(|(parameters, recipients, body, how)| {
            let mut text = format!("MAIL FROM:<hve01@contoso.test>{parameters}\r\n");
            for n in 0..recipients {
                text += &format!("RCPT TO:<u{}@contoso.test>\r\n", n / 2);
            }
            let (one, other) = body.split_at(body.len() / 2);
            match how {
                0 | 1 => text += &format!("DATA\r\n{body}.\r\n"),
                2 => text += &format!("BDAT {} LAST\r\n{body}", body.len()),
                _ => {
                    text += &format!("BDAT {}\r\n{one}", one.len());
                    text += &format!("BDAT {} LAST\r\n{other}", other.len());
                }
            }
            text
        });
    let change = (
        any::<proptest::sample::Index>(),
        0_u8..3,
        select(b"\r\n. \0a\xff<>".to_vec()),
    );
    (
        proptest::collection::vec(transaction, 1..4),
        proptest::collection::vec(change, 0..3),
    )
        .prop_map(|(transactions, changes)| {
            let mut octets = transactions.concat().into_bytes();
            for (place, kind, octet) in changes {
                let at = place.index(octets.len());
                match kind {
                    0 => octets.insert(at, octet),
                    1 if octets.len() > 1 => drop(octets.remove(at)),
                    _ => octets.iter_mut().skip(at).take(1).for_each(|o| *o = octet),
                }
            }
            octets
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        // More with PROPTEST_CASES.
        cases: ProptestConfig::default().cases.max(1_500),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn replies_do_not_depend_on_how_octets_are_cut(
        start in select(vec!["greeted", "tls", "signed-in", "signed-in"]),
        leniency in leniency(),
        octets in prop_oneof![octets(), dialogue(), dialogue()],
        sizes in proptest::collection::vec(1_usize..50, 1..8),
    ) {
        let whole = play(start, leniency, &octets, &[usize::MAX]);
        prop_assert_eq!(&whole, &play(start, leniency, &octets, &sizes));
        prop_assert_eq!(&whole, &play(start, leniency, &octets, &[1]));
        for line in whole.0.split_inclusive('\n') {
            prop_assert!(line.ends_with("\r\n") && line.len() <= 512, "{:?}", line);
            prop_assert!(line.bytes().take(3).all(|b| b.is_ascii_digit()), "{:?}", line);
            prop_assert!(matches!(line.as_bytes().get(3), Some(b' ' | b'-')), "{:?}", line);
        }
    }

    /// RFC 5321 §4.1.1.4: a message is what stands before the first CRLF.CRLF, if it holds no
    /// bare CR or LF; what stands behind it is commands. With leniency it may hold a bare LF.
    #[test]
    fn smuggling_makes_no_message(
        leniency in leniency(),
        body in "[.\r\na]{0,20}",
        sizes in proptest::collection::vec(1_usize..9, 1..4),
    ) {
        let smuggled = "MAIL FROM:<evil@contoso.test>\r\nRCPT TO:<a@contoso.test>\r\nDATA\r\nevil\r\n.\r\n";
        let text = format!("{body}{smuggled}");
        let octets = format!("MAIL FROM:<hve01@contoso.test>\r\nRCPT TO:<a@contoso.test>\r\nDATA\r\n{text}");
        let (_, questions, ..) = play("signed-in", leniency, octets.as_bytes(), &sizes);
        let senders: Vec<_> = questions.iter().filter(|q| q.starts_with("MAIL ")).collect();
        let submitted = questions.iter().filter(|q| q.starts_with("SUBMIT ")).count();

        let framed = format!("\r\n{text}");
        let end = framed.find("\r\n.\r\n").unwrap_or(framed.len());
        let inside = framed.get(..end).unwrap_or("").replace("\r\n", "");
        let clean = !inside.contains('\r') && (leniency.bare_lf || !inside.contains('\n'));
        let behind = framed.get(end + 5..).unwrap_or("");
        // Behind the true end the smuggled text is commands in good faith, if it stands at the
        // start of a line.
        let honest = behind
            .split_once(smuggled)
            .is_some_and(|(before, _)| before.is_empty() || before.ends_with("\r\n"));
        prop_assert_eq!(senders.len(), 1 + usize::from(honest));
        prop_assert_eq!(submitted, usize::from(clean) + usize::from(honest));
    }
}
