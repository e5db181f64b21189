//! `recipient`: the directory of who exists in authoritative domains.

mod group;

use std::{
    fs::File,
    io::{self, Read},
    num::NonZeroU32,
    path::Path,
};

use hve_types::{Address, Tenant};
use serde_json::{Value, json};

use crate::{
    cli::{RecipientVerb, TenantChoice},
    confirm::confirm,
    desk::Desk,
    failure::{Failure, Result},
    output::Answer,
};

/// Recipients that are listed for eyes at one time.
const PAGE: usize = 1000;

/// Wrong lines that are named one by one.
const LINES_NAMED_MAX: usize = 20;

pub(crate) fn run(verb: RecipientVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        RecipientVerb::Import { file, tenant } => import(&file, &tenant, desk),
        RecipientVerb::List {
            tenant,
            after,
            limit,
        } => list(&tenant, after.as_ref(), limit, desk),
        RecipientVerb::Group(verb) => group::run(verb, desk),
        RecipientVerb::Remove {
            address,
            tenant,
            confirmation,
        } => {
            let tenant = owner(&address, &tenant, desk)?;
            if !desk.store.lists_recipient(tenant.id, &address)? {
                return Err(Failure::not_found(format!(
                    "{address} is not in the recipient directory of {}",
                    tenant.name
                ))
                .hint("`hve-admin recipient list` shows who is"));
            }
            let question = format!("Remove {address} from the recipient directory?");
            confirm(&question, &confirmation)?;
            desk.store
                .remove_recipient(tenant.id, &address, &desk.act)?;
            let json = json!({"removed": {
                "recipient": address.as_str(),
                "tenant": tenant.name.as_str(),
            }});
            Ok(Answer::new(format!("recipient {address} removed\n"), json))
        }
    }
}

/// The tenant that is named, or the one that has the address's domain.
fn owner(address: &Address, choice: &TenantChoice, desk: &Desk) -> Result<Tenant> {
    match choice.tenant {
        None => desk.tenant(Some(&address.domain())),
        Some(_) => desk.choose(choice),
    }
}

fn import(file: &Path, choice: &TenantChoice, desk: &Desk) -> Result<Answer> {
    let tenant = desk.choose(choice)?;
    let addresses = if file == Path::new("-") {
        read(io::stdin().lock())?
    } else {
        let opened = File::open(file).map_err(|error| {
            let message = format!("{} cannot be read: {error}", file.display());
            if error.kind() == io::ErrorKind::NotFound {
                Failure::not_found(message)
            } else {
                Failure::failed(message)
            }
        })?;
        read(opened)?
    };
    let imported = desk
        .store
        .import_recipients(tenant.id, &addresses, &desk.act)?;
    let text = format!(
        "{} recipients added to {}, {} were listed already\n",
        imported.added, tenant.name, imported.already_listed
    );
    let json = json!({
        "tenant": tenant.name.as_str(),
        "added": imported.added,
        "already_listed": imported.already_listed,
    });
    Ok(Answer::new(text, json))
}

/// The addresses of the first column; every wrong line is named, and then none is taken.
fn read(input: impl Read) -> Result<Vec<Address>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(input);
    let mut addresses = Vec::new();
    let mut wrong = Vec::new();
    let mut first = true;
    for record in reader.records() {
        let record = record
            .map_err(|error| Failure::failed(format!("the CSV file cannot be read: {error}")))?;
        let cell = record.get(0).unwrap_or_default();
        // Spreadsheets on Windows put a mark before the first cell.
        let cell = cell.strip_prefix('\u{feff}').unwrap_or(cell);
        let heading = std::mem::take(&mut first) && !cell.contains('@');
        if cell.is_empty() || heading {
            continue;
        }
        match Address::parse(cell) {
            Ok(address) => addresses.push(address),
            Err(error) => {
                let line = record.position().map_or(0, csv::Position::line);
                wrong.push(format!("line {line}: {cell}: {error}"));
            }
        }
    }
    if wrong.is_empty() {
        return Ok(addresses);
    }
    let more = wrong.len().saturating_sub(LINES_NAMED_MAX);
    wrong.truncate(LINES_NAMED_MAX);
    if more > 0 {
        wrong.push(format!("and {more} more lines"));
    }
    Err(
        Failure::refused("some lines hold no address, so nothing was imported")
            .hint(wrong.join("\n  ")),
    )
}

fn list(
    choice: &TenantChoice,
    after: Option<&Address>,
    limit: Option<NonZeroU32>,
    desk: &Desk,
) -> Result<Answer> {
    let tenant = desk.choose(choice)?;
    let limit = desk.limit(limit, PAGE);
    // One more than is shown tells whether there are more.
    let key = after.map(Address::key);
    let mut page = desk
        .store
        .recipients(tenant.id, key.as_deref(), limit.saturating_add(1))?;
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more);
    let mut text: String = page.iter().map(|address| format!("{address}\n")).collect();
    if page.is_empty() {
        text = format!("no recipients are listed for {}\n", tenant.name);
    }
    if let Some(next) = next {
        text.push_str(&format!("… there are more: --after {next}\n"));
    }
    let values: Vec<Value> = page
        .iter()
        .map(|address| json!({"address": address.as_str()}))
        .collect();
    Ok(Answer::new(text, values.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<String> {
        let read = read(text.as_bytes()).unwrap();
        read.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_first_column_is_read_with_or_without_a_heading() {
        let both = ["a@contoso.test", "b@contoso.test"];
        assert_eq!(addresses("a@contoso.test\nb@contoso.test\n"), both);
        assert_eq!(
            addresses("mail,name\r\na@contoso.test,A\r\n\r\n b@contoso.test ,B"),
            both
        );
        assert_eq!(
            addresses("\u{feff}a@contoso.test\n\"b@contoso.test\",x,y,z"),
            both
        );
        assert!(addresses("").is_empty());
    }

    #[test]
    fn every_wrong_line_is_named() {
        let failure = read("a@contoso.test\nnobody\nx@\u{1b}y".as_bytes()).unwrap_err();
        let text = failure.text();
        assert!(text.contains("line 2: nobody"), "{text}");
        assert!(
            text.contains("line 3: ") && !text.contains('\u{1b}'),
            "{text}"
        );
        let many = "x@\n".repeat(50);
        let text = read(many.as_bytes()).unwrap_err().text();
        assert!(text.contains("and 30 more"), "{text}");
    }
}
