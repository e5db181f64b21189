//! `guard`: who guesses passwords, who is blocked for it, and how that is forgiven.

use std::net::IpAddr;

use hve_auth::{GuardLimits, network_of};
use hve_store::{Block, GuardReset, KnownClient, Suspect, Suspicion};
use hve_types::{Account, Address};
use serde_json::{Value, json};
use time::UtcDateTime;

use crate::{
    cli::GuardVerb,
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
    preflight::Finding,
    when::rfc3339,
};

pub(crate) fn run(verb: GuardVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        GuardVerb::List => list(desk),
        GuardVerb::Reset { who, from, .. } => reset(narrowed(who, from)?, desk),
    }
}

/// One line of the list.
struct Line {
    suspicion: Suspicion,
    /// The block, where it is in force.
    block: Option<Block>,
    /// Of a user name: is there such an account?
    exists: Option<bool>,
}

fn list(desk: &Desk) -> Result<Answer> {
    let names = desk.store.snapshot()?;
    let exists = |suspect: &Suspect| match suspect {
        Suspect::Account(user) | Suspect::Pair(user, _) | Suspect::Tokens(user, _) => {
            Some(names.account_named(user).is_some())
        }
        Suspect::Network(_) => None,
    };
    let lines: Vec<Line> = desk
        .store
        .suspicions()?
        .into_iter()
        .map(|suspicion| Line {
            block: suspicion.block.filter(|block| desk.clock.now < block.until),
            exists: exists(&suspicion.suspect),
            suspicion,
        })
        .filter(|line| line.block.is_some() || is_fresh(&line.suspicion, desk.clock.now))
        .collect();
    let text = match lines.is_empty() {
        true => "Nobody is blocked, and no account is under attack.\n".to_owned(),
        false => table(&lines, desk),
    };
    let values: Vec<Value> = lines.iter().map(line_json).collect();
    Ok(Answer::new(text, values.into()))
}

/// Tried so lately that it still counts.
fn is_fresh(suspicion: &Suspicion, now: UtcDateTime) -> bool {
    let window = GuardLimits::default().window.try_into().unwrap_or_default();
    suspicion.tried_at.saturating_add(window) > now
}

fn table(lines: &[Line], desk: &Desk) -> String {
    let rows = lines.iter().map(|line| {
        let show = |at: Option<UtcDateTime>| at.map_or("-".to_owned(), |at| desk.clock.show(at));
        [
            name(&line.suspicion.suspect),
            kind(line).to_owned(),
            state(line).to_owned(),
            show(line.block.map(|block| block.since)),
            show(line.block.map(|block| block.until)),
            desk.clock.show(line.suspicion.tried_at),
            other(&line.suspicion),
            line.suspicion.guesses.to_string(),
        ]
    });
    let header = [
        "who",
        "what",
        "state",
        "since",
        "until",
        "last tried",
        "last by",
        "guesses",
    ];
    let mut text = output::table(&header, 7, rows);
    if lines.iter().any(|line| line.block.is_some()) {
        text.push_str(
            "\nBlocks end by themselves; `guard reset` ends one now. Addresses from which an \
             account was signed in to lately are not blocked for it.\n",
        );
    }
    text
}

fn kind(line: &Line) -> &'static str {
    match line.exists {
        Some(_) if matches!(line.suspicion.suspect, Suspect::Tokens(..)) => "forged tokens",
        None => "address",
        Some(true) => "account",
        Some(false) => "no account",
    }
}

fn state(line: &Line) -> &'static str {
    match line.block {
        Some(_) => "blocked",
        None => "attacked",
    }
}

fn name(suspect: &Suspect) -> String {
    match suspect {
        Suspect::Account(user) => user.to_string(),
        Suspect::Network(network) => network_text(*network),
        Suspect::Pair(user, network) | Suspect::Tokens(user, network) => {
            format!("{user} from {}", network_text(*network))
        }
    }
}

/// An IPv6 suspect is a whole /64.
fn network_text(network: IpAddr) -> String {
    match network {
        IpAddr::V4(one) => one.to_string(),
        IpAddr::V6(first) => format!("{first}/64"),
    }
}

fn other(suspicion: &Suspicion) -> String {
    let text = suspicion.other.as_deref().unwrap_or("-");
    match text.parse() {
        Ok(network) => network_text(network),
        Err(_) => text.to_owned(),
    }
}

fn line_json(line: &Line) -> Value {
    let Suspicion {
        suspect,
        guesses,
        tried_at,
        ..
    } = &line.suspicion;
    json!({
        "who": name(suspect),
        "what": match suspect {
            Suspect::Account(_) => "user-name",
            Suspect::Network(_) => "address",
            Suspect::Pair(..) => "user-name-from-address",
            Suspect::Tokens(..) => "forged-tokens",
        },
        "account_exists": line.exists,
        "state": state(line),
        "guesses": guesses,
        "last_tried_at": rfc3339(*tried_at),
        "last_by": line.suspicion.other.is_some().then(|| other(&line.suspicion)),
        "since": line.block.map(|block| rfc3339(block.since)),
        "until": line.block.map(|block| rfc3339(block.until)),
        "blocks_in_a_row": line.block.map(|block| block.in_a_row),
    })
}

/// The user name at one address only.
fn narrowed(who: Option<Suspect>, from: Option<IpAddr>) -> Result<Option<Suspect>> {
    match (who, from) {
        (who, None) => Ok(who),
        (Some(Suspect::Account(user)), Some(from)) => Ok(Some(Suspect::Pair(user, from))),
        (_, Some(_)) => Err(Failure::usage(
            "--from goes with a user name; name the address alone to forgive all of it",
        )),
    }
}

fn reset(who: Option<Suspect>, desk: &Desk) -> Result<Answer> {
    let shown = who.as_ref().map(name);
    let account = match &who {
        Some(Suspect::Account(user) | Suspect::Pair(user, _)) => Some(user.clone()),
        _ => None,
    };
    let reset = who.map_or(GuardReset::All, GuardReset::One);
    let forgiven = desk.store.reset_guard(&reset, &desk.act)?;
    let mut text = match (&shown, forgiven) {
        (None, 0) => "Nobody was suspected.\n".to_owned(),
        (None, some) => format!("Forgiven: {some}, blocks and wrong passwords.\n"),
        (Some(who), 0) => format!("Nothing was held against {who}.\n"),
        (Some(who), _) => format!("Forgiven: {who}, its block and its wrong passwords.\n"),
    };
    if let Some(user) = account.filter(|_| forgiven == 0) {
        text.push_str(&unknown(&user, desk)?);
    }
    let json = json!({"reset": shown, "forgiven": forgiven});
    Ok(Answer::new(text, json))
}

/// A slip of the pen is the likeliest reason why nothing was found.
fn unknown(user: &Address, desk: &Desk) -> Result<String> {
    Ok(match desk.store.snapshot()?.account_named(user) {
        Some(_) => String::new(),
        None => format!("There is no account {user}; `account list` shows those there are.\n"),
    })
}

/// Would the guard look at the account's password now? For `account test`.
pub(crate) fn finding(account: &Account, from: Option<IpAddr>, desk: &Desk) -> Result<Finding> {
    let now = desk.clock.now;
    let network = from.map(network_of);
    let since = now.saturating_sub(KnownClient::KEPT);
    let known = desk.store.known_clients(since, usize::MAX)?.into_iter();
    let known = known.filter(|client| client.account == account.id);
    if known
        .map(|client| client.network)
        .any(|known| Some(known) == network)
    {
        let text = "the client signed in before, and is never blocked";
        return Ok(Finding::passes("guard", text.into()));
    }
    let concerns = |suspect: &Suspect| match suspect {
        Suspect::Account(user) => *user == account.address,
        Suspect::Network(of) => Some(*of) == network,
        Suspect::Pair(user, of) => *user == account.address && Some(*of) == network,
        // No password is held up by them.
        Suspect::Tokens(..) => false,
    };
    let blocked = desk.store.suspicions()?.into_iter().find_map(|suspicion| {
        let block = suspicion.block.filter(|block| now < block.until)?;
        concerns(&suspicion.suspect).then_some((suspicion.suspect, block))
    });
    Ok(match blocked {
        Some((suspect, block)) => {
            let (name, until) = (name(&suspect), desk.clock.show(block.until));
            Finding::blocks(
                "guard",
                format!("too many different wrong passwords for {name}; blocked until {until}"),
                format!(
                    "hve-admin guard reset {}",
                    name.replace(" from ", " --from ")
                ),
            )
        }
        None => Finding::passes("guard", String::new()),
    })
}
