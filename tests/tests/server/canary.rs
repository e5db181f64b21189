//! Whatever is stolen or read over a shoulder, it tells no secret: store, log, replies, and all
//! that the administration tool says.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hve_tests::{ACCOUNT, Server, Site, until};

const PASSWORD: &str = "Canary!of!the!right!password";
const WRONG: &str = "Canary!of!a!wrong!password";
/// A password that looks like an address.
const ADDRESS: &str = "p@ssw0rd.canary";
const TOKEN: &str = "Canary.of.a-token";

/// The canaries as they were said, and as they went over the wire.
fn forms() -> Vec<String> {
    let mut forms = Vec::new();
    for secret in [PASSWORD, WRONG, ADDRESS, TOKEN] {
        forms.push(secret.to_owned());
        // What comes before moves the groups of three octets.
        for before in ["", "a", "ab"] {
            let encoded = BASE64_STANDARD.encode(format!("{before}{secret}"));
            let (from, until) = (encoded.len().min(4), encoded.len() - 4);
            forms.push(encoded[from..until].to_owned());
        }
    }
    forms
}

fn assert_none(what: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for form in forms() {
        assert!(!text.contains(&form), "{form:?} is in {what}: {text}");
    }
}

/// Says secrets in all the places where a client may put one, right or wrong.
fn say_them_all(site: &Site, server: &Server) -> String {
    let plain =
        |user: &str, password: &str| BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
    let bearer = format!("user={ACCOUNT}\u{1}auth=Bearer {TOKEN}\u{1}\u{1}");
    let (wrong, right) = (plain(ACCOUNT, WRONG), plain(ACCOUNT, PASSWORD));
    let turned = plain(WRONG, ACCOUNT);
    // Often enough for the guard to take notice of it.
    let address: Vec<String> = (0..4)
        .map(|n| format!("AUTH PLAIN {}", plain(ADDRESS, &format!("{ACCOUNT} {n}"))))
        .collect();
    let address: Vec<&str> = address.iter().map(String::as_str).collect();
    let [name, wrong_text] = [ACCOUNT, WRONG].map(|text| BASE64_STANDARD.encode(text));
    let scripts: [&[&str]; 8] = [
        &address[..2],
        &address[2..],
        &[&format!("AUTH PLAIN {wrong}"), "AUTH PLAIN", &wrong],
        &[
            "AUTH LOGIN",
            &name,
            &wrong_text,
            "AUTH LOGIN",
            &wrong_text,
            &name,
        ],
        &[&format!("AUTH PLAIN {turned}"), WRONG, &wrong_text],
        &[&format!("AUTH XOAUTH2 {}", BASE64_STANDARD.encode(bearer))],
        &[
            &format!("EHLO {WRONG}"),
            &format!("MAIL FROM:<{WRONG}>"),
            &format!("HELP {WRONG}"),
            &format!("AUTH {WRONG}"),
        ],
        &[
            &format!("AUTH PLAIN {right}"),
            &format!("MAIL FROM:<{ACCOUNT}> AUTH={WRONG}"),
            "RCPT TO:<someone@external.example>",
        ],
    ];
    let mut replies = String::new();
    for script in scripts {
        let mut client = site.connect_tls(server);
        for line in script {
            replies.push_str(&client.command(line).unwrap().text());
        }
        client.expect(221, "QUIT");
    }
    replies
}

#[test]
fn no_output_tells_a_secret() {
    let site = Site::new();
    let config = site
        .config_text()
        .replace("[log]\n", "[log]\nlevel = \"debug\"\n");
    fs::write(site.config(), config).unwrap();
    let admin = site.admin();
    let mut said = admin.run_with(&["account", "set", ACCOUNT, "--password-stdin"], PASSWORD);
    let issuer = [
        "sign-in",
        "issuer",
        "add",
        "https://id.contoso.test/",
        "--audience",
        "mail",
    ];
    said.push_str(&admin.run(&issuer));
    let server = Server::run(&site.config());
    let replies = say_them_all(&site, &server);
    until("the failed sessions", || {
        let failed = admin.json(&["sessions", "failed"]);
        (failed.as_array()?.len() == 8).then_some(())
    });
    for verb in [
        &["account", "list"][..],
        &["account", "show", ACCOUNT],
        &["account", "test", ACCOUNT],
        &["secret", "list", ACCOUNT],
        &["sign-in", "show"],
        &["guard", "list"],
        &["sessions", "failed"],
        &["audit", "list"],
        &["usage", "report"],
        &["quota", "show"],
        &["tenant", "show", "contoso.test"],
    ] {
        said.push_str(&admin.run(verb));
        said.push_str(&admin.json(verb).to_string());
    }
    for session in admin.json(&["sessions", "failed"]).as_array().unwrap() {
        let id = session["session"].as_str().unwrap();
        said.push_str(&admin.run(&["sessions", "show", id]));
    }
    assert!(said.contains("127.0.0.1"), "nothing was said");
    assert_none("what hve-admin says", said.as_bytes());
    assert_none("the replies", replies.as_bytes());
    assert_none("the log", server.log().as_bytes());
    let files = fs::read_dir(site.path("")).unwrap();
    let stores: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("store.db"))
        .collect();
    assert!(stores.len() > 1, "the store and its log: {stores:?}");
    for path in stores {
        assert_none(&path.display().to_string(), &fs::read(&path).unwrap());
    }
}
