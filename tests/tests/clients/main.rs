//! Mail clients of other people against the real server.
//!
//! Each is used where it is installed; where it is not, its test says so and proves nothing.

#![expect(
    clippy::unwrap_used,
    reason = "a broken precondition fails the test that has it"
)]

mod demo;
mod notices;
mod scram;

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use hve_tests::{ACCOUNT, PASSWORD, Server, Site, node_module, tool};

const TO: &str = "anna@contoso.test";
/// Dots at the begin of lines, a long line, and letters beyond ASCII, as they must arrive.
const BODY: &str = "Dear Anna,\r\n.\r\n..two dots\r\n.hidden\r\nlast line\r\n";

/// Runs a client to its end, with `input` on its standard input.
fn run(command: &mut Command, input: &str) -> (bool, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let said = [stdout, stderr].concat();
    (
        status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// The message with this subject lies in the Maildir, and its text is what was sent.
fn arrived(site: &Site, subject: &str) {
    let mail = hve_tests::until(subject, || {
        let mails = site.mails(TO);
        mails
            .into_iter()
            .find(|mail| mail.header("Subject").as_deref() == Some(subject))
    });
    let text = mail.text();
    assert!(text.contains(BODY), "{subject}: {text}");
    assert!(mail.header("Received").is_some(), "{subject}: {text}");
    assert!(mail.header("Message-ID").is_some(), "{subject}: {text}");
    assert!(mail.header("Date").is_some(), "{subject}: {text}");
}

fn port(server: &Server) -> String {
    server.address().port().to_string()
}

fn message(subject: &str) -> String {
    format!("From: {ACCOUNT}\r\nTo: {TO}\r\nSubject: {subject}\r\n\r\n{BODY}")
}

const PYTHON: &str = r#"
import smtplib, ssl, sys
port, cert, user, password, to, subject, body = sys.argv[1:8]
body = body.encode().decode("unicode_escape")
context = ssl.create_default_context(cafile=cert)
def session():
    s = smtplib.SMTP("localhost", int(port), timeout=60)
    s.starttls(context=context)
    return s
s = session()
s.login(user, password)
print("offers", sorted(s.esmtp_features))
message = f"From: {user}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{body}"
assert s.sendmail(user, [to, "second@contoso.test"], message) == {}
def refused(kind, call):
    try:
        call()
    except kind as error:
        print("refused", error)
        return
    raise SystemExit("not refused")
refused(smtplib.SMTPRecipientsRefused, lambda: s.sendmail(user, ["x@external.example"], message))
refused(smtplib.SMTPSenderRefused, lambda: s.sendmail("boss@contoso.test", [to], message))
refused(smtplib.SMTPDataError, lambda: s.sendmail(user, [to], message.replace("From: hve01", "From: boss")))
assert s.sendmail(user, [to], message) == {}
s.quit()
s = session()
refused(smtplib.SMTPAuthenticationError, lambda: s.login(user, "the-wrong-password"))
s.close()
s = session()
s.user, s.password = user, password
s.auth("LOGIN", s.auth_login)
s.auth_done = True
s.quit()
"#;

#[test]
fn python_smtplib() {
    let Some(python) = tool("python3") else {
        return;
    };
    let site = Site::new();
    let server = site.start();
    let body: String = BODY.escape_default().collect();
    let (good, said) = run(
        python
            .command()
            .args(["-c", PYTHON, &port(&server)])
            .arg(site.path("cert.pem"))
            .args([ACCOUNT, PASSWORD, TO, "from Python", &body]),
        "",
    );
    assert!(good, "{said}");
    for code in ["550", "5.5.105", "5.7.62", "5.6.241", "535", "5.7.3"] {
        assert!(said.contains(code), "{code} is not in: {said}");
    }
    for offer in [
        "'size'",
        "'pipelining'",
        "'chunking'",
        "'smtputf8'",
        "'dsn'",
        "'limits'",
    ] {
        assert!(said.contains(offer), "{offer} is not in: {said}");
    }
    arrived(&site, "from Python");
    assert_eq!(site.admin().quota_used(), 3);
}

#[test]
fn curl() {
    let Some(curl) = tool("curl") else { return };
    let site = Site::new();
    let server = site.start();
    let send = |to: &str, password: &str| {
        let file = site.path("message.eml");
        fs::write(&file, message("from curl")).unwrap();
        let mut command = curl.command();
        command
            .args([
                "--silent",
                "--show-error",
                "--verbose",
                "--ssl-reqd",
                "--cacert",
            ])
            .arg(site.path("cert.pem"))
            .arg("--url")
            .arg(format!("smtp://localhost:{}", port(&server)))
            .args(["--ipv4", "--user", &format!("{ACCOUNT}:{password}")])
            .args(["--mail-from", ACCOUNT, "--mail-rcpt", to, "--upload-file"])
            .arg(file);
        run(&mut command, "")
    };
    let (good, said) = send(TO, PASSWORD);
    assert!(good, "{said}");
    arrived(&site, "from curl");
    let (good, said) = send("x@external.example", PASSWORD);
    assert!(!good && said.contains("550 5.5.105"), "{said}");
    let (good, said) = send(TO, "the-wrong-password");
    assert!(!good && said.contains("535 5.7.3"), "{said}");
}

#[test]
fn swaks() {
    let Some(swaks) = tool("swaks") else { return };
    let site = Site::new();
    let server = site.start();
    let send = |mechanism: &str, to: &str, password: &str| {
        let mut command = swaks.command();
        command
            .args(["--server", "127.0.0.1", "--port", &port(&server), "--tls"])
            .args([
                "--auth",
                mechanism,
                "--auth-user",
                ACCOUNT,
                "--auth-password",
                password,
            ])
            .args(["--from", ACCOUNT, "--to", to, "--data", "-"]);
        let data = message(&format!("from swaks {mechanism}"));
        run(&mut command, &data)
    };
    for mechanism in ["PLAIN", "LOGIN"] {
        let (good, said) = send(mechanism, TO, PASSWORD);
        assert!(good, "{said}");
        arrived(&site, &format!("from swaks {mechanism}"));
    }
    let (good, said) = send("PLAIN", "x@external.example", PASSWORD);
    assert!(!good && said.contains("550 5.5.105"), "{said}");
    let (good, said) = send("CRAM-MD5", TO, PASSWORD);
    assert!(!good, "{said}");
    let (good, said) = send("LOGIN", TO, "the-wrong-password");
    assert!(!good && said.contains("535 5.7.3"), "{said}");
}

#[test]
fn msmtp() {
    let Some(msmtp) = tool("msmtp") else { return };
    let site = Site::new();
    let server = site.start();
    let send = |to: &str| {
        let mut command = msmtp.command();
        command
            .args([
                "--file=/dev/null",
                "--host=localhost",
                &format!("--port={}", port(&server)),
            ])
            .args(["--tls=on", "--tls-starttls=on", "--auth=on"])
            .arg(format!(
                "--tls-trust-file={}",
                site.path("cert.pem").display()
            ))
            .args([&format!("--user={ACCOUNT}"), &format!("--from={ACCOUNT}")])
            .arg(format!("--passwordeval=printf %s {PASSWORD}"))
            .args(["--", to]);
        run(&mut command, &message("from msmtp"))
    };
    let (good, said) = send(TO);
    assert!(good, "{said}");
    arrived(&site, "from msmtp");
    let (good, said) = send("x@external.example");
    assert!(!good && said.contains("5.5.105"), "{said}");
}

const NODE: &str = r#"
const [port, cert, user, pass, to, subject, text, path] = process.argv.slice(2);
const nodemailer = require(path);
const ca = require("fs").readFileSync(cert);
const options = { host: "localhost", port: Number(port), requireTLS: true, tls: { ca },
  auth: { user, pass } };
const raw = `From: ${user}\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\n${text}`;
(async () => {
  const good = nodemailer.createTransport({ ...options, pool: true, maxConnections: 2 });
  const sent = await Promise.all([1, 2, 3].map(() =>
    good.sendMail({ envelope: { from: user, to: [to] }, raw })));
  console.log("accepted", sent.map((one) => one.response).join(" | "));
  await good.sendMail({ envelope: { from: user, to: ["x@external.example"] }, raw })
    .then(() => process.exit(3), (error) => console.log("refused", error.response));
  good.close();
  const wrong = { ...options, auth: { user, pass: "the-wrong-password" } };
  await nodemailer.createTransport(wrong).sendMail({ envelope: { from: user, to: [to] }, raw })
    .then(() => process.exit(4), (error) => console.log("refused", error.response));
})().catch((error) => { console.log(error); process.exit(5); });
"#;

#[test]
fn nodemailer() {
    let (Some(node), Some(module)) = (tool("node"), node_module("nodemailer")) else {
        return;
    };
    let site = Site::new();
    let server = site.start();
    let script = site.path("send.cjs");
    fs::write(&script, NODE).unwrap();
    let (good, said) = run(
        node.command()
            .arg(script)
            .arg(port(&server))
            .arg(site.path("cert.pem"))
            .args([ACCOUNT, PASSWORD, TO, "from nodemailer", BODY])
            .arg(module),
        "",
    );
    assert!(good, "{said}");
    assert!(
        said.contains("550 5.5.105") && said.contains("535 5.7.3"),
        "{said}"
    );
    arrived(&site, "from nodemailer");
    assert_eq!(site.waiting_mails(TO, 3).len(), 3);
}
