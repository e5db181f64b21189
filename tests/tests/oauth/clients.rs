//! Mail clients of other people with tokens of somebody else's provider.

use std::{fs, process::Command};

use hve_tests::{ACCOUNT, node_module, tool};

use crate::{TO, provider::Kit, site};

fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.success(), said)
}

#[test]
fn curl() {
    let (Some(kit), Some(curl)) = (Kit::find(), tool("curl")) else {
        return;
    };
    let provider = kit.start(&["a-RS256"]);
    let site = site(&provider);
    let server = site.start();
    let file = site.path("message.eml");
    fs::write(
        &file,
        format!("From: {ACCOUNT}\r\nSubject: curl\r\n\r\nx\r\n"),
    )
    .unwrap();
    let good = provider.token("mail", "RS256");
    let stranger = provider.token("stranger", "RS256");
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        let send = |token: &str| {
            let mut command = curl.command();
            command
                .args(["--silent", "--show-error", "--verbose", "--ssl-reqd"])
                .arg("--cacert")
                .arg(site.path("cert.pem"))
                .args(["--ipv4", "--user", ACCOUNT, "--oauth2-bearer", token])
                .args(["--login-options", &format!("AUTH={mechanism}")])
                .args(["--mail-from", ACCOUNT, "--mail-rcpt", TO, "--upload-file"])
                .arg(&file)
                .arg(format!("smtp://localhost:{}", server.address().port()));
            run(&mut command)
        };
        let (sent, said) = send(&good);
        assert!(sent, "{mechanism}: {said}");
        let (sent, said) = send(&stranger);
        assert!(!sent && said.contains("5.7.240"), "{mechanism}: {said}");
    }
    assert_eq!(site.waiting_mails(TO, 2).len(), 2);
}

const NODE: &str = r#"
const [port, cert, user, to, accessToken, path] = process.argv.slice(2);
const nodemailer = require(path);
const ca = require("fs").readFileSync(cert);
const raw = `From: ${user}\r\nTo: ${to}\r\nSubject: nodemailer\r\n\r\nx`;
const send = (accessToken) => nodemailer
  .createTransport({ host: "localhost", port: Number(port), requireTLS: true, tls: { ca },
    auth: { type: "OAuth2", user, accessToken } })
  .sendMail({ envelope: { from: user, to: [to] }, raw });
(async () => {
  console.log("accepted", (await send(accessToken)).response);
  await send("a.b.c").then(() => process.exit(3), (error) => console.log("refused", error.message));
})().catch((error) => { console.log(error); process.exit(5); });
"#;

#[test]
fn nodemailer() {
    let (Some(kit), Some(module)) = (Kit::find(), node_module("nodemailer")) else {
        return;
    };
    let provider = kit.start(&["a-ES256"]);
    let site = site(&provider);
    let server = site.start();
    let script = site.path("send.cjs");
    fs::write(&script, NODE).unwrap();
    let (good, said) = run(kit
        .node()
        .command()
        .arg(script)
        .arg(server.address().port().to_string())
        .arg(site.path("cert.pem"))
        .args([ACCOUNT, TO, &provider.token("mail", "ES256")])
        .arg(module));
    assert!(good && said.contains("refused"), "{said}");
    assert_eq!(site.waiting_mails(TO, 1).len(), 1);
}
