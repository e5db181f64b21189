//! Where a password comes from: a terminal without echo, standard input, or chance. Never from
//! an argument, and never into a log.

use std::io::{self, IsTerminal, Read};

use hve_auth::{HashCost, PasswordHash, StoredPassword, check_new_password, generate_password};
use hve_store::Store;
use hve_types::Address;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    failure::{Failure, Result},
    host,
};

/// More than any password may have; what is longer is a file by mistake.
const STDIN_OCTETS_MAX: u64 = 4096;

/// Where the password of a verb comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// Asked for twice on the terminal.
    Prompt,
    /// Read from standard input.
    Stdin,
    /// Made here.
    Random,
}

/// Gets a password that is good enough.
pub(crate) fn obtain(source: Source) -> Result<SecretString> {
    match source {
        Source::Prompt => prompt(),
        Source::Random => Ok(generate_password(host::random()?)),
        Source::Stdin => {
            if io::stdin().is_terminal() {
                return Err(Failure::usage(
                    "standard input is a terminal, which would show the password",
                )
                .hint("pipe it in; without --password-stdin `account add` asks without echo"));
            }
            let password = read(io::stdin().lock())?;
            check(&password)?;
            Ok(password)
        }
    }
}

/// What is stored of the password of an account: it serves PLAIN, LOGIN and SCRAM.
pub(crate) fn stored(
    password: &SecretString,
    account: &Address,
    store: &Store,
) -> Result<StoredPassword> {
    with_scram(hash(password)?, password, account, store)
}

/// The same where the hash is there already.
pub(crate) fn with_scram(
    hash: PasswordHash,
    password: &SecretString,
    account: &Address,
    store: &Store,
) -> Result<StoredPassword> {
    let salt = store.scram_salts()?.of(account.as_str());
    Ok(StoredPassword::new(hash, password, salt))
}

/// The hash for PLAIN and LOGIN.
pub(crate) fn hash(password: &SecretString) -> Result<PasswordHash> {
    PasswordHash::derive(password, host::random()?, HashCost::default())
        .map_err(|error| Failure::failed(format!("the password cannot be hashed: {error}")))
}

fn prompt() -> Result<SecretString> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(
            Failure::usage("there is no terminal to ask for the password on")
                .hint("give it with --password-stdin, or let one be made with --generate-password"),
        );
    }
    let strong = |text: &String| {
        check_new_password(&SecretString::from(text.as_str())).map_err(|weak| weak.to_string())
    };
    dialoguer::Password::new()
        .with_prompt("Password")
        .with_confirmation("The same again", "The two differ; try again")
        .validate_with(strong)
        .report(false)
        .interact()
        .map(SecretString::from)
        .map_err(|error| Failure::failed(format!("no password was given: {error}")))
}

/// Everything up to the end, less one line end.
fn read(input: impl Read) -> Result<SecretString> {
    let mut octets = Zeroizing::new(Vec::with_capacity(4097));
    input
        .take(STDIN_OCTETS_MAX + 1)
        .read_to_end(&mut octets)
        .map_err(|error| Failure::failed(format!("standard input cannot be read: {error}")))?;
    if octets.len() > 4096 {
        return Err(Failure::refused(
            "standard input holds far more than a password",
        ));
    }
    let text = std::str::from_utf8(&octets)
        .map_err(|_| Failure::refused("the password on standard input is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::usage("standard input holds no password")
            .hint("printf '%s' \"$PASSWORD\" | hve-admin … --password-stdin"));
    }
    Ok(SecretString::from(text))
}

fn check(password: &SecretString) -> Result<()> {
    check_new_password(password).map_err(|weak| {
        Failure::refused(weak)
            .hint("`--generate-password` (or `account set --new-password`) makes one")
    })
}

/// The words of a password that is shown once, to the person who asked for it.
pub(crate) fn show(password: &SecretString) -> &str {
    password.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &[u8]) -> Option<String> {
        read(text).ok().map(|secret| show(&secret).to_owned())
    }

    #[test]
    fn one_line_end_is_dropped_and_nothing_else() {
        assert_eq!(read_text(b"secret\n").as_deref(), Some("secret"));
        assert_eq!(read_text(b"secret\r\n").as_deref(), Some("secret"));
        assert_eq!(read_text(b" se cret \n\n").as_deref(), Some(" se cret \n"));
        assert_eq!(read_text(b"secret").as_deref(), Some("secret"));
        assert_eq!(read_text(b""), None);
        assert_eq!(read_text(b"\n"), None);
        assert_eq!(read_text(b"\xff\xfe"), None);
        assert_eq!(read_text(&[b'x'; 4097]), None);
    }
}
