//! `recipient group`: addresses that stand for others.

use hve_types::Address;
use serde_json::{Value, json};

use super::owner;
use crate::{
    cli::{GroupMembers, GroupVerb, TenantChoice},
    desk::Desk,
    failure::{Failure, Result},
    output::Answer,
};

pub(super) fn run(verb: GroupVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        GroupVerb::Add(which) => add(&which, desk),
        GroupVerb::Members {
            group,
            expanded,
            tenant,
        } => members(&group, expanded, &tenant, desk),
        GroupVerb::Remove(which) => remove(&which, desk),
    }
}

fn add(which: &GroupMembers, desk: &Desk) -> Result<Answer> {
    let GroupMembers {
        group,
        members,
        tenant,
    } = which;
    let tenant = owner(group, tenant, desk)?;
    let added = desk
        .store
        .add_group_members(tenant.id, group, members, &desk.act)?;
    let total = desk.store.group_members(tenant.id, group)?.len();
    let text = format!(
        "{} members added to {group}, {} were in it already; it has {total}\n",
        added.added, added.already_listed
    );
    let json = json!({
        "group": group.as_str(),
        "added": added.added,
        "already_listed": added.already_listed,
        "members": total,
    });
    Ok(Answer::new(text, json))
}

fn members(group: &Address, expanded: bool, choice: &TenantChoice, desk: &Desk) -> Result<Answer> {
    let tenant = owner(group, choice, desk)?;
    let members = if expanded {
        desk.store.expand_group(tenant.id, group)?
    } else {
        Some(desk.store.group_members(tenant.id, group)?).filter(|members| !members.is_empty())
    };
    let Some(members) = members else {
        return Err(Failure::not_found(format!("{group} is no group"))
            .hint("`hve-admin recipient group add GROUP MEMBER…` makes one"));
    };
    let text: String = members.iter().map(|member| format!("{member}\n")).collect();
    let values: Vec<Value> = members
        .iter()
        .map(|member| json!({"address": member.as_str()}))
        .collect();
    Ok(Answer::new(text, values.into()))
}

fn remove(which: &GroupMembers, desk: &Desk) -> Result<Answer> {
    let GroupMembers {
        group,
        members,
        tenant,
    } = which;
    let tenant = owner(group, tenant, desk)?;
    desk.store
        .remove_group_members(tenant.id, group, members, &desk.act)?;
    let left = desk.store.group_members(tenant.id, group)?.len();
    let text = match left {
        0 => format!("{group} has no members left: it is a recipient like others now\n"),
        left => format!("{} members removed; {group} has {left}\n", members.len()),
    };
    let json = json!({"group": group.as_str(), "removed": members.len(), "members": left});
    Ok(Answer::new(text, json))
}
