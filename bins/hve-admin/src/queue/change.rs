//! `queue retry`, `hold`, `release`, `cancel`: of single messages, or of all that are meant.

use hve_store::{Changed, QueueChange};
use hve_types::QueueId;
use serde_json::json;

use super::filter;
use crate::{
    cli::QueueTargets,
    confirm::confirm,
    desk::Desk,
    failure::{Failure, Result},
    output::Answer,
};

/// Messages that are changed in one transaction: the server's commits wait meanwhile.
const AT_ONCE: usize = 200;

/// What came of each, in the order of their ids.
#[derive(Default)]
struct Report {
    done: Vec<QueueId>,
    gone: Vec<QueueId>,
    as_they_were: Vec<QueueId>,
}

pub(super) fn run(change: QueueChange, targets: QueueTargets, desk: &Desk) -> Result<Answer> {
    if !targets.all && !targets.which.is_everything() {
        return Err(Failure::usage("filters go with --all, and ids without it")
            .hint("`queue list` takes the same filters and shows what they mean"));
    }
    let ids = if targets.all {
        desk.store.queue_ids(&filter(&targets.which, desk)?)?
    } else {
        targets.ids
    };
    if ids.is_empty() {
        return Ok(answer(change, &Report::default(), targets.all));
    }
    if targets.all || change == QueueChange::Cancel {
        confirm(&question(change, ids.len()), &targets.confirmation)?;
    }
    let report = change_all(change, &ids, desk)?;
    if !targets.all && report.done.is_empty() && report.as_they_were.is_empty() {
        let names: Vec<String> = report.gone.iter().map(ToString::to_string).collect();
        return Err(
            Failure::not_found(format!("not in the queue: {}", names.join(", ")))
                .hint("they were delivered or cancelled; `hve-admin audit list` shows who cancels"),
        );
    }
    Ok(answer(change, &report, targets.all))
}

fn change_all(change: QueueChange, ids: &[QueueId], desk: &Desk) -> Result<Report> {
    let mut report = Report::default();
    for some in ids.chunks(AT_ONCE) {
        let changed = desk
            .store
            .change_queue(change, some, &desk.act)
            .map_err(|error| {
                let failure = Failure::from(error);
                match report.done.len() {
                    0 => failure,
                    done => failure.hint(format!(
                        "{} are {} already; say it again for the rest",
                        done,
                        participle(change)
                    )),
                }
            })?;
        for (id, changed) in some.iter().zip(changed) {
            match changed {
                Changed::Done => report.done.push(*id),
                Changed::Gone => report.gone.push(*id),
                Changed::AsItWas => report.as_they_were.push(*id),
            }
        }
    }
    Ok(report)
}

fn answer(change: QueueChange, report: &Report, all: bool) -> Answer {
    let mut text = format!("{} {}\n", participle(change), messages(report.done.len()));
    if !report.as_they_were.is_empty() {
        text.push_str(&format!(
            "left {} as they were: {}\n",
            messages(report.as_they_were.len()),
            why_not(change)
        ));
    }
    if !report.gone.is_empty() {
        text.push_str(&format!(
            "{} left the queue before: delivered, or cancelled\n",
            messages(report.gone.len())
        ));
    }
    if change == QueueChange::Cancel && !report.done.is_empty() {
        text.push_str("what was lost is in `hve-admin audit list`; nobody else is told\n");
    }
    if all && report.done.is_empty() && report.as_they_were.is_empty() && report.gone.is_empty() {
        text = "no message in the queue is meant\n".to_owned();
    }
    let names = |ids: &[QueueId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let json = json!({
        "change": word(change),
        "done": names(&report.done),
        "as_they_were": names(&report.as_they_were),
        "gone": names(&report.gone),
    });
    Answer::new(text, json)
}

fn question(change: QueueChange, count: usize) -> String {
    let all = messages(count);
    match change {
        QueueChange::Cancel => {
            format!("Cancel {all}? They are lost for good, and nobody is told")
        }
        QueueChange::Hold => format!("Hold {all} until they are released?"),
        QueueChange::Release => format!("Release {all}, to be tried now?"),
        QueueChange::Retry => format!("Try {all} now?"),
    }
}

fn messages(count: usize) -> String {
    match count {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    }
}

const fn word(change: QueueChange) -> &'static str {
    match change {
        QueueChange::Cancel => "cancel",
        QueueChange::Hold => "hold",
        QueueChange::Release => "release",
        QueueChange::Retry => "retry",
    }
}

const fn participle(change: QueueChange) -> &'static str {
    match change {
        QueueChange::Cancel => "cancelled",
        QueueChange::Hold => "held",
        QueueChange::Release => "released",
        QueueChange::Retry => "made due",
    }
}

const fn why_not(change: QueueChange) -> &'static str {
    match change {
        QueueChange::Hold => "held or parked already",
        QueueChange::Release => "neither held nor parked",
        QueueChange::Retry => "due already, or held or parked, which `queue release` ends",
        QueueChange::Cancel => "-",
    }
}
