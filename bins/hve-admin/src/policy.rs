//! `policy explain`: every rule a message would meet, with its verdict.

use hve_policy::{Case, Explanation, Finding, RecipientFacts, Retry, RollingQuota, Verdict};
use hve_types::{Address, DomainKind, HeaderMailbox};
use serde_json::{Map, Value, json};

use crate::{
    cli::ExplainArgs,
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
    when::{from_unix, rfc3339},
};

/// The exit code where a rule blocks the message.
const BLOCKED: u8 = 5;

pub(crate) fn explain(args: &ExplainArgs, desk: &Desk) -> Result<Answer> {
    let account = desk.account(&args.account)?;
    let directory = desk.store.snapshot()?;
    let tenant = directory
        .tenant(account.tenant)
        .ok_or_else(|| Failure::failed("bug: the account has no tenant"))?;
    let mut recipients = Vec::with_capacity(args.to.len());
    for address in &args.to {
        let kind = directory
            .domain(&address.domain())
            .filter(|(owner, _)| *owner == tenant.id)
            .map(|(_, kind)| kind);
        // The recipient directory matters where it is complete only.
        let listed = match kind {
            None | Some(DomainKind::Relay) => false,
            Some(_) => desk.store.lists_recipient(tenant.id, address)?,
        };
        let facts = RecipientFacts {
            domain: kind,
            listed,
        };
        recipients.push((address.clone(), facts));
    }
    let quota = desk.store.quota(tenant.id, desk.clock.now)?;
    let unused = RollingQuota::new();
    let header = |address: &Option<Address>| address.clone().map(HeaderMailbox::One);
    let (from, sender) = (header(&args.header_from), header(&args.header_sender));

    let mut case = Case::new(tenant, &account, desk.clock.now);
    case.mail_from = args.from.as_ref().map(|path| path.0.as_ref());
    case.from = from.as_ref();
    case.sender = sender.as_ref();
    case.recipients = &recipients;
    case.octets = args.size;
    case.tenant_quota = Some(&quota.tenant);
    case.account_quota = Some(quota.accounts.get(&account.id).unwrap_or(&unused));
    Ok(answer(&hve_policy::explain(&case)))
}

fn answer(explanation: &Explanation) -> Answer {
    let mut rows = Vec::new();
    for finding in &explanation.findings {
        rows.push([
            finding.verdict.as_str().to_owned(),
            finding.rule.as_str().to_owned(),
            finding.text.clone(),
        ]);
        if let Some(lift) = &finding.lift {
            rows.push([String::new(), String::new(), format!("→ {lift}")]);
        }
    }
    let mut text = output::table(&["verdict", "rule", "why"], 3, rows);
    text.push('\n');
    text.push_str(match explanation.blocking().count() {
        0 => "Nothing blocks this message.\n",
        1 => "One rule blocks this message.\n",
        _ => "Several rules block this message.\n",
    });
    let rules: Vec<Value> = explanation.findings.iter().map(finding_json).collect();
    let allowed = explanation.allowed();
    let mut answer = Answer::new(text, json!({"allowed": allowed, "rules": rules}));
    answer.code = if allowed { 0 } else { BLOCKED };
    answer
}

fn finding_json(finding: &Finding) -> Value {
    let figures: Map<String, Value> = finding
        .figures
        .iter()
        .map(|figure| (figure.name.to_owned(), figure.value.into()))
        .collect();
    let (verdict, retry) = match finding.verdict {
        Verdict::Blocks(retry) => ("blocks", Some(retry)),
        Verdict::NotAsked => ("not-asked", None),
        Verdict::Passes => ("passes", None),
    };
    let retry = retry.map(|retry| match retry {
        Retry::After { seconds } => json!({"after_seconds": seconds}),
        Retry::At(second) => json!({"at": rfc3339(from_unix(second))}),
        Retry::Never => json!("never"),
        Retry::NextMessage => json!("next-message"),
    });
    json!({
        "rule": finding.rule.as_str(),
        "verdict": verdict,
        "recipient": finding.recipient.as_ref().map(Address::as_str),
        "figures": figures,
        "text": finding.text,
        "lift": finding.lift,
        "retry": retry,
    })
}
