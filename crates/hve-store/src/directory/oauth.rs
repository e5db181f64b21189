//! What the store demands of issuers and applications, whoever writes them.

use hve_types::{ALLOWED_APPS_MAX, AUDIENCES_MAX, AllowedApp, ISSUERS_MAX, Issuer};

use super::check_text;
use crate::ChangeError;

/// Octets of an issuer's address, an audience, a directory or an object id. Those in use have
/// some 80.
const WORD_MAX: usize = 256;
/// Octets of what operators call an application.
const LABEL_MAX: usize = 64;

pub(super) fn check_issuers(issuers: &[Issuer]) -> Result<(), ChangeError> {
    if issuers.len() > ISSUERS_MAX {
        return Err(ChangeError::IssuerCap);
    }
    for (place, issuer) in issuers.iter().enumerate() {
        let mut before = issuers.iter().take(place);
        if before.any(|of| of.url == issuer.url) {
            return Err(ChangeError::IssuerTaken(issuer.url.clone()));
        }
        check_word("the issuer's address", &issuer.url)?;
        if !(1..=AUDIENCES_MAX).contains(&issuer.audiences.len()) {
            return Err(ChangeError::AudienceCount);
        }
        for audience in &issuer.audiences {
            check_word("an audience", audience)?;
        }
        if let Some(directory) = &issuer.directory {
            check_word("the directory", directory)?;
        }
    }
    Ok(())
}

pub(super) fn check_apps(apps: &[AllowedApp]) -> Result<(), ChangeError> {
    if apps.len() > ALLOWED_APPS_MAX {
        return Err(ChangeError::AppCap);
    }
    for (place, app) in apps.iter().enumerate() {
        let mut before = apps.iter().take(place);
        if before.any(|of| of.object_id.eq_ignore_ascii_case(&app.object_id)) {
            return Err(ChangeError::AppTaken(app.object_id.clone()));
        }
        check_word("the object id", &app.object_id)?;
        check_text("the label", &app.label, LABEL_MAX)?;
    }
    Ok(())
}

/// A word is compared letter by letter: a space that nobody sees would never match.
fn check_word(what: &'static str, word: &str) -> Result<(), ChangeError> {
    check_text(what, word, WORD_MAX)?;
    if word.is_empty() || word.contains(char::is_whitespace) {
        return Err(ChangeError::BadWord { what });
    }
    Ok(())
}
