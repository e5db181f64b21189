//! The rules put into words for [`explain`](crate::explain): each calls the very function that
//! decides, so that the explanation can not differ from the decision.

use hve_types::{Address, Ceiling, HeaderMailbox, Principal, Proof, State};

use crate::{
    Case, Figure, Finding, Moment, QuotaExceeded, RecipientFacts, RecipientRefusal, Retry,
    RollingQuota, Rule, Verdict, header, recipient, sender, size,
};

pub(crate) fn all(case: &Case<'_>) -> Vec<Finding> {
    let principal = Principal {
        tenant: case.tenant.id,
        account: case.account.id,
        address: case.account.address.clone(),
        proof: Proof::Secret {
            version: case.account.credential_version,
        },
    };
    let distinct = distinct(case.recipients);
    let mut findings = vec![
        state(case, Rule::TenantState, &case.tenant.state),
        state(case, Rule::AccountState, &case.account.state),
        envelope_sender(case, &principal),
    ];
    findings.extend(
        distinct
            .iter()
            .map(|(address, facts)| one_recipient(case, address, *facts)),
    );
    if distinct.is_empty() {
        findings.push(not_asked(Rule::Recipient, "no recipient was given"));
    }
    // Only those that would be accepted count.
    let accepted = distinct
        .iter()
        .filter(|(_, facts)| recipient(&case.tenant.limits, *facts, 0).is_ok())
        .count();
    findings.push(count(case, accepted));
    findings.push(message_size(case));
    findings.push(header_fields(case, &principal));
    findings.push(rate(case));
    let wanted = u64::try_from(accepted).unwrap_or(u64::MAX);
    findings.push(quota(case, Rule::TenantQuota, wanted));
    findings.push(quota(case, Rule::AccountQuota, wanted));
    findings
}

fn state(case: &Case<'_>, rule: Rule, state: &State) -> Finding {
    let (what, name) = match rule {
        Rule::TenantState => ("tenant", case.tenant.name.as_str()),
        _ => ("account", case.account.address.as_str()),
    };
    let Some(suspension) = state.suspension(case.now) else {
        return passes(rule, format!("the {what} {name} is active"));
    };
    let (retry, wait) = match suspension.until {
        Some(until) => {
            let until = until.unix_timestamp();
            (
                Retry::At(until),
                format!(", or wait until {}", Moment(until)),
            )
        }
        None => (Retry::Never, String::new()),
    };
    blocks(
        rule,
        retry,
        format!(
            "the {what} {name} was suspended by {} on {}: {}",
            suspension.actor,
            Moment(suspension.since.unix_timestamp()),
            suspension.reason
        ),
        format!("resume the {what}{wait}"),
    )
}

fn envelope_sender(case: &Case<'_>, principal: &Principal) -> Finding {
    let Some(mail_from) = case.mail_from else {
        return not_asked(Rule::Sender, "no envelope sender was given");
    };
    match sender(principal, mail_from) {
        Ok(()) => passes(
            Rule::Sender,
            format!("the envelope sender is the account, {}", principal.address),
        ),
        Err(refusal) => blocks(
            Rule::Sender,
            refusal.retry(),
            refusal.to_string(),
            own_address(&principal.address),
        ),
    }
}

fn header_fields(case: &Case<'_>, principal: &Principal) -> Finding {
    if case.from.is_none() && case.sender.is_none() {
        return not_asked(Rule::Header, "no From or Sender field was given");
    }
    let absent = HeaderMailbox::Absent;
    let from = case.from.unwrap_or(&absent);
    match header(principal, from, case.sender.unwrap_or(&absent)) {
        Ok(()) => passes(
            Rule::Header,
            format!(
                "From and Sender claim no other name than {}",
                principal.address
            ),
        ),
        Err(refusal) => blocks(
            Rule::Header,
            refusal.retry(),
            refusal.to_string(),
            own_address(&principal.address),
        ),
    }
}

fn own_address(account: &Address) -> String {
    format!("send as {account}, or sign in with the account of the address that is to be seen")
}

fn one_recipient(case: &Case<'_>, address: &Address, facts: RecipientFacts) -> Finding {
    let verdict = recipient(&case.tenant.limits, facts, 0);
    let mut finding = match verdict {
        Err(RecipientRefusal::External) => blocks(
            Rule::Recipient,
            Retry::Never,
            format!(
                "{address} is outside of the accepted domains of {}",
                case.tenant.name
            ),
            format!(
                "add the domain {} to the tenant, if it is the organisation's own",
                address.domain_str()
            ),
        ),
        Err(RecipientRefusal::Unknown) => blocks(
            Rule::Recipient,
            Retry::Never,
            format!(
                "{address} is not in the recipient directory, which is complete for its domain"
            ),
            format!(
                "add it to the recipient directory, or make {} a relay domain",
                address.domain_str()
            ),
        ),
        // A limit of at least one recipient has room for one; their number is another finding.
        Ok(()) | Err(RecipientRefusal::TooMany { .. }) => {
            let known = if facts.listed {
                "known"
            } else {
                "of a relay domain"
            };
            passes(
                Rule::Recipient,
                format!("{address} is internal and {known}"),
            )
        }
    };
    finding.recipient = Some(address.clone());
    finding
}

fn count(case: &Case<'_>, accepted: usize) -> Finding {
    let limit = case.tenant.limits.recipients_per_message.get();
    let count = u64::try_from(accepted).unwrap_or(u64::MAX);
    let text = format!("{count} of {limit} recipients of one message");
    let mut finding = if accepted == 0 {
        not_asked(Rule::RecipientCount, &text)
    } else if recipient(&case.tenant.limits, RecipientFacts::RELAY, accepted - 1).is_ok() {
        passes(Rule::RecipientCount, text)
    } else {
        blocks(
            Rule::RecipientCount,
            Retry::NextMessage,
            text,
            "send to the others in further messages, or raise the tenant's recipients per message"
                .into(),
        )
    };
    finding.figures = figures(&[("limit", u64::from(limit)), ("count", count)]);
    finding
}

fn message_size(case: &Case<'_>) -> Finding {
    let limit = case.tenant.limits.message_octets;
    let Some(octets) = case.octets else {
        let mut finding = not_asked(
            Rule::Size,
            &format!("up to {limit} octets; no size was given"),
        );
        finding.figures = figures(&[("limit", limit)]);
        return finding;
    };
    let text = format!("{octets} of {limit} octets of one message");
    let mut finding = match size(&case.tenant.limits, octets) {
        Ok(()) => passes(Rule::Size, text),
        Err(refusal) => blocks(
            Rule::Size,
            refusal.retry(),
            text,
            "send less, or raise the tenant's message size".into(),
        ),
    };
    finding.figures = figures(&[("limit", limit), ("octets", octets)]);
    finding
}

fn rate(case: &Case<'_>) -> Finding {
    match case.account.limits.messages_per_minute {
        None => passes(Rule::MessageRate, "no limit on messages a minute".into()),
        Some(limit) => {
            let text = format!(
                "{limit} messages a minute, and as many at once after a pause; \
                 only the running server knows how many there were"
            );
            let mut finding = not_asked(Rule::MessageRate, &text);
            finding.figures = figures(&[("limit", u64::from(limit.get()))]);
            finding
        }
    }
}

fn quota(case: &Case<'_>, rule: Rule, wanted: u64) -> Finding {
    let (whose, ceiling, quota) = match rule {
        Rule::TenantQuota => (
            "tenant",
            case.tenant.limits.recipients_per_day,
            case.tenant_quota,
        ),
        _ => (
            "account",
            case.account.limits.recipients_per_day,
            case.account_quota,
        ),
    };
    let limit = match ceiling {
        Ceiling::AtMost(limit) => Some(limit),
        _ => None,
    };
    let Some(quota) = quota else {
        let mut finding = match limit {
            Some(limit) => not_asked(
                rule,
                &format!("{limit} recipients in 24 hours; the use is not known here"),
            ),
            None => passes(
                rule,
                format!("no limit on the {whose}'s recipients in 24 hours"),
            ),
        };
        finding.figures = limit
            .map(|limit| Figure {
                name: "limit",
                value: limit,
            })
            .into_iter()
            .collect();
        return finding;
    };
    let now = case.now.unix_timestamp();
    let used = quota.peek(now);
    let Some(limit) = limit else {
        let mut finding = passes(
            rule,
            format!("{used} recipients in 24 hours, without limit, {wanted} asked for"),
        );
        finding.figures = figures(&[("used", used), ("wanted", wanted)]);
        return finding;
    };
    let text = format!("{used} of {limit} recipients used in 24 hours, {wanted} asked for");
    let mut finding = match quota.peek_decide(ceiling, wanted, now) {
        Ok(()) => passes(rule, text + &next_room(quota, now)),
        Err(refusal) => {
            let lift = lift_quota(&refusal, whose);
            blocks(rule, refusal.retry(), text + &next_room(quota, now), lift)
        }
    };
    let room = limit.saturating_sub(used);
    finding.figures = figures(&[
        ("limit", limit),
        ("used", used),
        ("wanted", wanted),
        ("room", room),
    ]);
    finding
}

fn next_room(quota: &RollingQuota, now: i64) -> String {
    quota.frees(now).next().map_or_else(String::new, |freed| {
        format!(
            "; the next {} are free at {}",
            freed.recipients,
            Moment(freed.at)
        )
    })
}

fn lift_quota(refusal: &QuotaExceeded, whose: &str) -> String {
    match refusal.room_at {
        Some(at) => format!(
            "wait until {}, or raise the {whose}'s recipients per day",
            Moment(at)
        ),
        None => format!("send to fewer at a time, or raise the {whose}'s recipients per day"),
    }
}

fn distinct(recipients: &[(Address, RecipientFacts)]) -> Vec<(Address, RecipientFacts)> {
    let mut seen = std::collections::HashSet::new();
    let mut distinct = recipients.to_vec();
    distinct.retain(|(address, _)| seen.insert(address.key()));
    distinct
}

fn passes(rule: Rule, text: String) -> Finding {
    finding(rule, Verdict::Passes, text, None)
}

fn not_asked(rule: Rule, text: &str) -> Finding {
    finding(rule, Verdict::NotAsked, text.to_owned(), None)
}

fn blocks(rule: Rule, retry: Retry, text: String, lift: String) -> Finding {
    finding(rule, Verdict::Blocks(retry), text, Some(lift))
}

fn finding(rule: Rule, verdict: Verdict, text: String, lift: Option<String>) -> Finding {
    Finding {
        rule,
        recipient: None,
        verdict,
        figures: Vec::new(),
        text,
        lift,
    }
}

fn figures(figures: &[(&'static str, u64)]) -> Vec<Figure> {
    figures
        .iter()
        .map(|(name, value)| Figure {
            name,
            value: *value,
        })
        .collect()
}
