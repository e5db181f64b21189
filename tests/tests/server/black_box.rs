//! Why can this device not send? What the operator is told while the server runs.

use hve_tests::{ACCOUNT, Site, tool, until};
use serde_json::Value;

/// Waits for the one session that failed, as `hve-admin` tells it.
fn failed(site: &Site) -> Value {
    until("a failed session", || {
        let sessions = site.admin().json(&["sessions", "failed"]);
        let first = sessions.as_array()?.first()?;
        Some(first.clone())
    })
}

#[test]
fn a_wrong_password_is_told_beside_the_running_server() {
    let site = Site::new();
    let server = site.start();
    let mut client = site.connect_tls(&server);
    let reply = client.sign_in(ACCOUNT, "canary-canary").unwrap();
    assert_eq!(reply.status(), "535 5.7.3");
    client.expect(221, "QUIT");
    let session = failed(&site);
    assert_eq!(session["diagnoses"][0]["key"], "wrong-password");
    assert_eq!(session["account"], ACCOUNT);
    // The id that the client was told leads there.
    let text = reply.text();
    let id = text.rsplit_once('[').unwrap().1.trim_end();
    let shown = site.admin().run(&["sessions", "show", id]);
    assert!(shown.contains("is wrong, or expired"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn row_13_a_true_client_of_tls_1_0() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let site = Site::new();
    let server = site.start();
    let output = openssl
        .command()
        .args(["s_client", "-starttls", "smtp", "-tls1"])
        .args(["-cipher", "DEFAULT@SECLEVEL=0", "-connect"])
        .arg(server.address().to_string())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if words.contains("no protocols available") {
        return; // An openssl that cannot do it any more.
    }
    let session = failed(&site);
    assert_eq!(session["diagnoses"][0]["key"], "tls-old", "{words}");
    let finding = session["diagnoses"][0]["finding"].as_str().unwrap();
    assert!(finding.contains("TLS 1.0 at most"), "{finding}");
}
