//! `secret`: up to two secrets an account, so that one is rotated while the other works.

use hve_auth::StoredPassword;
use hve_store::{LastUse, NewSecret};
use hve_types::{Account, Proof, SecretFacts};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    cli::{SecretAdd, SecretVerb},
    confirm::confirm,
    desk::Desk,
    failure::{Failure, Result},
    output::{self, Answer},
    password::{self, Source},
    when::{Clock, rfc3339},
};

pub(crate) fn run(verb: SecretVerb, desk: &Desk) -> Result<Answer> {
    match verb {
        SecretVerb::Add(add) => self::add(add, desk),
        SecretVerb::List { address } => shown(&desk.account(&address)?, None, desk),
        SecretVerb::Revoke {
            address,
            label,
            confirmation,
        } => {
            let account = desk.account(&address)?;
            let more = match account.secrets.len() {
                1 => " It is the only one: the account can no longer sign in.",
                _ => "",
            };
            let question = format!("Revoke the secret {label:?} of {address}?{more}");
            confirm(&question, &confirmation)?;
            let account = desk.store.revoke_secret(account.id, &label, &desk.act)?;
            shown(&account, None, desk)
        }
    }
}

fn add(add: SecretAdd, desk: &Desk) -> Result<Answer> {
    let account = desk.account(&add.address)?;
    if let Some(end) = add.expires
        && end <= desk.clock.now
    {
        let end = desk.clock.show(end);
        return Err(Failure::usage(format!(
            "--expires {end} has passed already"
        )));
    }
    if account.secrets.len() >= hve_types::SECRETS_MAX {
        // Told before a password is asked for; the store decides again when it adds.
        return Err(hve_store::ChangeError::SecretCap.into());
    }
    let source = match (add.password_stdin, add.generate_password) {
        (true, _) => Source::Stdin,
        (false, true) => Source::Random,
        (false, false) => Source::Prompt,
    };
    let password = password::obtain(source)?;
    let new = NewSecret {
        label: add.label,
        password: stored(&account, &password, desk)?,
        expires_at: add.expires,
    };
    let account = desk.store.add_secret(account.id, &new, &desk.act)?;
    let made = matches!(source, Source::Random).then_some(&password);
    shown(&account, made, desk)
}

/// With the salt of the secret that is there, so that the server tries both for the price of one.
fn stored(account: &Account, password: &SecretString, desk: &Desk) -> Result<StoredPassword> {
    let known = desk.store.credential(&account.address)?;
    let hash = match known.as_ref().and_then(|known| known.secrets.first()) {
        Some(first) => first
            .hash
            .derive_beside(password)
            .map_err(Failure::failed)?,
        None => password::hash(password)?,
    };
    password::with_scram(hash, password, &account.address, &desk.store)
}

fn shown(account: &Account, made: Option<&SecretString>, desk: &Desk) -> Result<Answer> {
    let uses = desk.store.last_uses(account.id)?;
    let mut text = match account.secrets.is_empty() {
        true => format!(
            "{} has no secret; add one with `secret add`\n",
            account.address
        ),
        false => table(account, &uses, &desk.clock),
    };
    let plain_only = plain_only(account, desk);
    let older = |of: &&SecretFacts| plain_only.contains(&of.version);
    for secret in account.secrets.iter().filter(older) {
        text.push_str(&format!("\n{:?}: {PLAIN_ONLY}\n", secret.label));
    }
    let others = others(&uses);
    for used in &others {
        let when = desk.clock.show(used.at);
        let LastUse { proof, client, .. } = used;
        text.push_str(&format!(
            "\nAlso signed in: {proof}, last {when} from {client}\n"
        ));
    }
    let secrets = account.secrets.iter();
    let mut json = json!({
        "account": account.address.as_str(),
        "secrets": secrets.map(|of| {
            let mut shown = secret_json(of, &uses, &desk.clock);
            if let Some(members) = shown.as_object_mut() {
                members.insert("scram".into(), (!older(&of)).into());
            }
            shown
        }).collect::<Vec<_>>(),
        "others": others.iter().map(|used| json!({
            "proof": used.proof,
            "last_used": use_json(used),
        })).collect::<Vec<_>>(),
    });
    if let (Some(password), Some(members)) = (made, json.as_object_mut()) {
        members.insert("password".into(), password::show(password).into());
        let password = password::show(password);
        text.push_str(&format!(
            "\nPassword  {password}\nIt is shown this once; the store keeps only its hash.\n"
        ));
    }
    Ok(Answer::new(text, json))
}

/// Why a secret may not serve SCRAM.
pub(crate) const PLAIN_ONLY: &str = "serves PLAIN and LOGIN only; it was set before SCRAM was there, or has a character that SCRAM \
     forbids";

/// The secrets that SCRAM does not take, by version.
pub(crate) fn plain_only(account: &Account, desk: &Desk) -> Vec<u64> {
    let known = desk.store.credential(&account.address).ok().flatten();
    let secrets = known.into_iter().flat_map(|known| known.secrets);
    secrets
        .filter(|secret| secret.scram.is_none())
        .map(|secret| secret.version)
        .collect()
}

fn table(account: &Account, uses: &[LastUse], clock: &Clock) -> String {
    let rows = account.secrets.iter().map(|of| {
        let end = of.expires_at.map(|end| clock.show(end));
        let used = last_use(of, uses).map(|used| {
            let at = clock.show(used.at);
            format!("{at} from {} by {}", used.client, used.mechanism)
        });
        [
            of.label.clone(),
            state(of, clock).to_owned(),
            clock.show(of.created_at),
            end.unwrap_or_else(|| "never".into()),
            used.unwrap_or_else(|| "never".into()),
        ]
    });
    output::table(
        &["secret", "state", "added", "expires", "last used"],
        5,
        rows,
    )
}

fn last_use<'a>(of: &SecretFacts, uses: &'a [LastUse]) -> Option<&'a LastUse> {
    let name = Proof::Secret {
        version: of.version,
    }
    .name();
    uses.iter().find(|used| used.proof == name)
}

/// Sign-ins by token and by certificate; secrets that are gone are nobody's business any more.
fn others(uses: &[LastUse]) -> Vec<&LastUse> {
    uses.iter()
        .filter(|used| !used.proof.starts_with("secret "))
        .collect()
}

fn state(of: &SecretFacts, clock: &Clock) -> &'static str {
    if of.holds(clock.now) {
        "works"
    } else {
        "expired"
    }
}

fn secret_json(of: &SecretFacts, uses: &[LastUse], clock: &Clock) -> Value {
    json!({
        "label": of.label,
        "state": state(of, clock),
        "created_at": rfc3339(of.created_at),
        "expires_at": of.expires_at.map(rfc3339),
        "last_used": last_use(of, uses).map(use_json),
    })
}

fn use_json(used: &LastUse) -> Value {
    json!({
        "at": rfc3339(used.at),
        "from": used.client.to_string(),
        "mechanism": used.mechanism,
    })
}
