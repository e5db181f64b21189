//! `sessions`: those that came to nothing, and why.

use hve_store::{FailedSession, FailedSessionFilter};
use serde_json::{Value, json};

use crate::{
    cli::{SessionName, SessionsFailed, SessionsVerb},
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
    when::rfc3339,
};

/// Sessions that are listed for eyes at one time.
const PAGE: usize = 50;

pub(crate) fn run(verb: SessionsVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        SessionsVerb::Failed(args) => failed(&args, desk),
        SessionsVerb::Show { id } => show(&id, desk),
    }
}

fn failed(args: &SessionsFailed, desk: &Desk) -> Result<Answer> {
    let limit = desk.limit(args.limit, PAGE);
    let filter = FailedSessionFilter {
        account: args.account.clone(),
        client: args.from.map(|address| address.to_canonical()),
        since: desk.clock.now.saturating_sub(FailedSession::KEPT),
        // One more than is shown tells whether there are more.
        limit: limit.saturating_add(1),
    };
    let mut sessions = desk.store.failed_sessions(&filter)?;
    let more = sessions.len() > limit;
    sessions.truncate(limit);
    let values: Vec<Value> = sessions.iter().map(session_json).collect();
    if sessions.is_empty() {
        let text = "no such session failed in the last 7 days\n";
        return Ok(Answer::new(text, values.into()));
    }
    let rows = sessions.iter().map(|session| {
        [
            session.session.clone(),
            desk.clock.show(session.at),
            session.client.to_string(),
            session.listener.port().to_string(),
            who(session).to_owned(),
            cause(session).to_owned(),
        ]
    });
    let header = [
        "session",
        "ended",
        "client",
        "port",
        "who",
        "what was wrong",
    ];
    let mut text = output::table(&header, header.len(), rows);
    if more {
        text.push_str("… there are more: --limit COUNT\n");
    }
    text.push_str("`hve-admin sessions show SESSION` says what to set\n");
    Ok(Answer::new(text, values.into()))
}

fn show(SessionName(name): &SessionName, desk: &Desk) -> Result<Answer> {
    let Some(session) = desk.store.failed_session(name)? else {
        let message = format!("no failed session {name} is kept");
        return Err(Failure::not_found(message).hint(
            "it went well, is still open, or is too long ago: `hve-admin sessions failed` shows \
             those there are, the server's log has every refusal",
        ));
    };
    let mut text = output::pairs(&[
        ("session", session.session.clone()),
        ("ended", desk.clock.show(session.at)),
        ("client", session.client.to_string()),
        (
            "connected to",
            format!("{} ({})", session.listener, session.tls),
        ),
        ("who", who(&session).to_owned()),
    ]);
    for diagnosis in &session.diagnoses {
        text.push('\n');
        text.push_str(&output::pairs(&[
            ("what was wrong", &diagnosis.finding),
            ("what to do", &diagnosis.remedy),
        ]));
    }
    if !session.lines.is_empty() {
        text.push_str("\nthe last lines, C: the client, S: the server\n");
    }
    for line in &session.lines {
        text.push_str(&format!("  {}\n", output::clean(line)));
    }
    Ok(Answer::new(text, session_json(&session)))
}

/// The account that signed in, or tried to.
fn who(session: &FailedSession) -> &str {
    session.account.as_ref().map_or("-", |of| of.as_str())
}

/// The first diagnosis; one client may have made several mistakes.
fn cause(session: &FailedSession) -> &str {
    session.diagnoses.first().map_or("-", |of| &of.finding)
}

fn session_json(session: &FailedSession) -> Value {
    let diagnoses: Vec<Value> = session
        .diagnoses
        .iter()
        .map(|of| json!({"key": of.key, "finding": of.finding, "remedy": of.remedy}))
        .collect();
    json!({
        "session": session.session,
        "at": rfc3339(session.at),
        "client": session.client.to_string(),
        "listener": session.listener.to_string(),
        "tls": session.tls,
        "account": session.account.as_ref().map(hve_types::Address::as_str),
        "diagnoses": diagnoses,
        "lines": session.lines,
    })
}
