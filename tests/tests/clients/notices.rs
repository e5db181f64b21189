//! Notices of delivery status as a parser of other people reads them.

use hve_delivery::{
    Outcome, Reason,
    bounce::{NoticeForm, compose, wanted},
};
use hve_tests::{ACCOUNT, PASSWORD, Site, tool, until};
use hve_types::{Address, BodyKind, Envelope, QueueId, Recipient, Return};
use serde_json::{Value, json};
use time::macros::utc_datetime;

use crate::{TO, port, run};

/// Prints of a notice what a program reads in it.
const READ: &str = r#"
import email, email.policy, json, sys
message = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
assert not message.defects, message.defects
assert message.get_content_type() == "multipart/report", message.get_content_type()
assert message.get_param("report-type") == "delivery-status"
assert message["Auto-Submitted"] == "auto-replied" and message["Date"].datetime
words, status, returned = message.get_payload()
for part in (words, status, returned):
    assert not part.defects, part.defects
blocks = [{name.lower(): str(value) for name, value in block.items()} for block in status.get_payload()]
inner = returned.get_payload()
print(json.dumps({
    "to": str(message["To"]),
    "words": words.get_content(),
    "message": blocks[0],
    "recipients": blocks[1:],
    "returned": returned.get_content_type(),
    "subject": str(inner[0]["Subject"]) if isinstance(inner, list) else inner,
}))
"#;

fn read(notice: &str) -> Option<Value> {
    let python = tool("python3")?;
    let (good, said) = run(python.command().args(["-X", "utf8", "-c", READ]), notice);
    assert!(good, "{said}\n{notice}");
    Some(serde_json::from_str(&said).unwrap())
}

#[test]
fn row_54_python_reads_a_failure_whatever_the_next_hop_said() {
    let address = |text: &str| Address::parse(text).unwrap();
    let envelope = Envelope {
        sender: Some(address(ACCOUNT)),
        recipients: vec![
            Recipient::new(address(TO)),
            Recipient::new(address("b@contoso.test")),
        ],
        body: BodyKind::EightBitMime,
        smtputf8: false,
        ret: Some(Return::Full),
        envid: Some("run+2B7".into()),
    };
    let hostile = format!(
        "550 5.1.1 \r\n\r\n--x\r\nAction: delivered {}",
        "y".repeat(3000)
    );
    let failed = Outcome::Failed {
        reason: Reason {
            words: "no".into(),
            stage: Some("rcpt".into()),
            hop: Some("mx1.contoso.test".into()),
            status: Some([5, 1, 1]),
            reply: Some(hostile.into()),
        },
    };
    let outcomes = [
        (0, failed),
        (
            1,
            Outcome::Deferred {
                reason: "no room".into(),
            },
        ),
    ];
    let composed = compose(&NoticeForm {
        name: "mail.contoso.test",
        to: &address("postmaster@contoso.test"),
        id: QueueId::new(2, 2),
        now: utc_datetime!(2026-11-24 12:00),
        of: QueueId::new(1, 1),
        envelope: &envelope,
        content: "Subject: Payslips\r\n\r\n\u{e9}\r\n".as_bytes(),
        accepted_at: utc_datetime!(2026-11-24 8:00),
        retry_until: Some(utc_datetime!(2026-11-25 8:00)),
        told: &wanted(&envelope, &outcomes, true),
        boundary: 7,
    });
    let text = String::from_utf8(composed.content.to_vec()).unwrap();
    let Some(notice) = read(&text) else { return };
    assert_eq!(notice["message"]["reporting-mta"], "dns; mail.contoso.test");
    assert_eq!(notice["message"]["original-envelope-id"], "run+7");
    let recipients = notice["recipients"].as_array().unwrap();
    let told = |member: &str| -> Vec<&Value> { recipients.iter().map(|of| &of[member]).collect() };
    assert_eq!(told("action"), [&json!("failed"), &json!("delayed")]);
    assert_eq!(told("status"), [&json!("5.1.1"), &json!("4.0.0")]);
    assert_eq!(
        told("remote-mta"),
        [&json!("dns; mx1.contoso.test"), &Value::Null]
    );
    assert_eq!(
        (&notice["returned"], &notice["subject"]),
        (&json!("message/rfc822"), &json!("Payslips"))
    );
    assert!(
        notice["words"]
            .as_str()
            .unwrap()
            .contains("What to do: check the address")
    );
}

const SEND: &str = r#"
import smtplib, ssl, sys
port, cert, user, password, to = sys.argv[1:6]
s = smtplib.SMTP("localhost", int(port), timeout=60)
s.starttls(context=ssl.create_default_context(cafile=cert))
s.login(user, password)
message = f"From: {user}\r\nTo: {to}\r\nSubject: asked\r\n\r\nbody\r\n"
s.sendmail(user, [to], message, mail_options=["RET=HDRS", "ENVID=run+2B7"],
           rcpt_options=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;List+2B1@contoso.test"])
s.quit()
"#;

#[test]
fn who_asks_for_success_is_told_and_answers_go_where_the_account_says() {
    let Some(python) = tool("python3") else {
        return;
    };
    let site = Site::new();
    let set = ["account", "set", ACCOUNT];
    let flags = [
        "--bounce-to",
        "it@contoso.test",
        "--reply-to",
        "desk@contoso.test",
    ];
    site.admin().run(&[&set[..], &flags].concat());
    let server = site.start();
    let mut command = python.command();
    command.args(["-c", SEND, &port(&server)]);
    command
        .arg(site.path("cert.pem"))
        .args([ACCOUNT, PASSWORD, TO]);
    let (good, said) = run(&mut command, "");
    assert!(good, "{said}");
    let mails = site.waiting_mails(TO, 1);
    assert_eq!(
        mails[0].header("Reply-To").as_deref(),
        Some("desk@contoso.test")
    );

    let mail = until("the notice", || {
        site.mails("it@contoso.test").into_iter().next()
    });
    assert_eq!(mail.header("Return-Path").as_deref(), Some("<>"));
    let Some(notice) = read(&mail.text()) else {
        return;
    };
    assert_eq!(notice["to"], "it@contoso.test");
    assert_eq!(notice["message"]["original-envelope-id"], "run+7");
    let recipient = &notice["recipients"][0];
    assert_eq!(recipient["action"], "delivered");
    assert_eq!(recipient["status"], "2.0.0");
    assert_eq!(
        recipient["original-recipient"],
        "rfc822; List+1@contoso.test"
    );
    assert_eq!(recipient["final-recipient"], format!("rfc822; {TO}"));
    assert_eq!(notice["returned"], "text/rfc822-headers");
    assert!(
        notice["subject"]
            .as_str()
            .unwrap()
            .contains("Subject: asked")
    );
    assert_eq!(site.admin().quota_used(), 1, "a notice counts for nobody");
}
