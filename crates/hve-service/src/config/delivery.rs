//! Where accepted messages go: `[delivery]`, its exceptions and its credentials.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use hve_delivery::{Mark, RelaySettings, RetrySchedule, Route, Routes, ScheduleError};
use hve_smtp::ClientCredentials;
use hve_types::Domain;
use secrecy::{SecretString, zeroize::Zeroizing};
use thiserror::Error;
use toml::de::DeValue;

use super::read::{Section, Setting, expected};

/// Where accepted messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The route of every domain, and the exceptions.
    pub routes: Routes,
    /// With what to sign in to next hops.
    pub credentials: Vec<RelayCredentials>,
    /// Fields for messages on their way to next hops, by the name that routes know them under:
    /// `mark=NAME`. Clients cannot write them.
    pub marks: Vec<(String, Mark)>,
    /// When a message is tried again, and when it is given up.
    pub retries: RetrySchedule,
    /// How long a message may wait before somebody is told of it, once.
    pub delay_notice: Duration,
}

/// With what to sign in to a next hop that requires it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayCredentials {
    /// As routes name it: `auth=NAME`.
    pub name: String,
    /// The user name.
    pub user: String,
    /// A file with the password; a line end behind it is not part of it.
    pub password_file: PathBuf,
}

/// Why there is no password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PasswordFileError {
    /// The file is empty.
    #[error("{path} holds no password")]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the password in {path} cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Delivery {
    /// One route for all, without credentials.
    #[must_use]
    pub fn new(route: Route) -> Self {
        let hve_delivery::Limits {
            retries,
            delay_notice,
            ..
        } = hve_delivery::Limits::default();
        Self {
            routes: Routes::new(route),
            credentials: Vec::new(),
            marks: Vec::new(),
            retries,
            delay_notice,
        }
    }

    /// What the engine may use.
    pub(crate) fn limits(&self) -> hve_delivery::Limits {
        hve_delivery::Limits {
            retries: self.retries.clone(),
            delay_notice: self.delay_notice,
            ..hve_delivery::Limits::default()
        }
    }

    /// What the engine needs beside the routes; reads the passwords.
    ///
    /// # Errors
    /// A password cannot be read.
    pub(crate) fn settings(&self, hostname: &str) -> Result<RelaySettings, PasswordFileError> {
        let mut settings = RelaySettings::new(hostname);
        for credentials in &self.credentials {
            let known = ClientCredentials {
                user: credentials.user.as_str().into(),
                password: credentials.password()?,
            };
            let name = credentials.name.as_str();
            settings.credentials.insert(name.into(), known);
        }
        for (name, mark) in &self.marks {
            settings.marks.insert(name.as_str().into(), mark.clone());
        }
        Ok(settings)
    }
}

impl RelayCredentials {
    fn password(&self) -> Result<SecretString, PasswordFileError> {
        let path = || self.password_file.clone();
        let unreadable = |source| PasswordFileError::Unreadable {
            path: path(),
            source,
        };
        let text = fs::read_to_string(&self.password_file).map_err(unreadable)?;
        let text = Zeroizing::new(text);
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(PasswordFileError::Empty { path: path() }),
            password => Ok(password.into()),
        }
    }
}

/// What could be read of `[delivery]`.
pub(super) struct Draft {
    pub(super) route: Option<Route>,
    /// With the place of each in the file's list.
    pub(super) exceptions: Vec<(usize, Domain, Route)>,
    pub(super) credentials: Vec<RelayCredentials>,
    pub(super) marks: Vec<(String, Mark)>,
    retry_after: Vec<Duration>,
    give_up_after: Option<Duration>,
    delay_notice: Option<Duration>,
    /// Nothing of it was wrong or missing.
    complete: bool,
}

impl Draft {
    pub(super) fn complete(self) -> Option<Delivery> {
        let retries = self.retries().ok()?;
        let usual = Delivery::new(self.route.filter(|_| self.complete)?);
        let with = |routes: Routes, (_, domain, route)| routes.with(domain, route);
        Some(Delivery {
            routes: self.exceptions.into_iter().fold(usual.routes, with),
            credentials: self.credentials,
            marks: self.marks,
            retries,
            delay_notice: self.delay_notice.unwrap_or(usual.delay_notice),
        })
    }

    /// What is not said is as usual.
    fn retries(&self) -> Result<RetrySchedule, ScheduleError> {
        let usual = RetrySchedule::default();
        let waits = match &self.retry_after[..] {
            [] => usual.waits(),
            waits => waits,
        };
        RetrySchedule::new(waits.to_vec(), self.give_up_after.or(usual.lifetime()))
    }

    /// Every route that could be read, with its key.
    pub(super) fn routes(&self) -> impl Iterator<Item = (String, &Route)> {
        let usual = self
            .route
            .iter()
            .map(|route| ("delivery.route".to_owned(), route));
        let exceptions = self.exceptions.iter();
        let exceptions =
            exceptions.map(|(place, _, route)| (format!("delivery.routes[{place}].route"), route));
        usual.chain(exceptions)
    }
}

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path) -> Draft {
    let route = section.required::<Route>("route");
    let mut draft = Draft {
        route: route.map(|route| route.relative_to(folder)),
        exceptions: Vec::new(),
        credentials: Vec::new(),
        marks: Vec::new(),
        retry_after: section.list("retry-after"),
        give_up_after: section.optional("give-up-after"),
        delay_notice: section.optional("delay-notice-after"),
        complete: true,
    };
    for (place, mut exception) in section.sections("routes").into_iter().enumerate() {
        let domain = exception.required::<Domain>("domain");
        let route = exception.required::<Route>("route");
        exception.finish();
        match (domain, route) {
            (Some(domain), Some(route)) => {
                let route = route.relative_to(folder);
                draft.exceptions.push((place, domain, route));
            }
            _ => draft.complete = false,
        }
    }
    for mut credentials in section.sections("credentials") {
        let name = credentials.required::<String>("name");
        let user = credentials.required::<String>("user");
        let file = credentials.required::<PathBuf>("password-file");
        credentials.finish();
        match (name, user, file) {
            (Some(name), Some(user), Some(file)) => draft.credentials.push(RelayCredentials {
                name,
                user,
                password_file: folder.join(file),
            }),
            _ => draft.complete = false,
        }
    }
    for mut mark in section.sections("marks") {
        let name = mark.required::<String>("name");
        let field = mark.required::<Mark>("field");
        mark.finish();
        match (name, field) {
            (Some(name), Some(field)) => draft.marks.push((name, field)),
            _ => draft.complete = false,
        }
    }
    section.finish();
    draft
}

/// Contradictions that the text alone shows: key and mistake.
pub(super) fn inside(draft: &Draft) -> Vec<(String, String)> {
    let mut mistakes = Vec::new();
    if let Err(error) = draft.retries() {
        let key = match error {
            ScheduleError::LifetimeTooShort => "delivery.give-up-after",
            _ => "delivery.retry-after",
        };
        mistakes.push((key.to_owned(), error.to_string()));
    }
    let mut domains = BTreeSet::new();
    for (place, domain, _) in &draft.exceptions {
        if !domains.insert(domain) {
            let key = format!("delivery.routes[{place}].domain");
            mistakes.push((key, format!("{domain} has a route already")));
        }
    }
    let mut names = BTreeSet::new();
    for (place, credentials) in draft.credentials.iter().enumerate() {
        if !names.insert(credentials.name.as_str()) {
            let key = format!("delivery.credentials[{place}].name");
            mistakes.push((key, format!("{:?} stands twice", credentials.name)));
        }
    }
    let mut marks = BTreeSet::new();
    for (place, (name, _)) in draft.marks.iter().enumerate() {
        if !marks.insert(name.as_str()) {
            let key = format!("delivery.marks[{place}].name");
            mistakes.push((key, format!("{name:?} stands twice")));
        }
    }
    for (key, route) in draft.routes() {
        let Route::Relay(relay) = route else {
            continue;
        };
        for (of, name, known) in [
            ("credentials", &relay.credentials, &names),
            ("marks", &relay.mark, &marks),
        ] {
            if let Some(name) = name.as_deref().filter(|name| !known.contains(name)) {
                let text = format!("no [[delivery.{of}]] has the name {name:?}");
                mistakes.push((key.clone(), text));
            }
        }
    }
    mistakes
}

/// Mistakes that show when the named files are looked at: key and mistake.
pub(super) fn outside(draft: &Draft) -> Vec<(String, String)> {
    let mut mistakes = Vec::new();
    for (place, credentials) in draft.credentials.iter().enumerate() {
        if let Err(error) = credentials.password() {
            let key = format!("delivery.credentials[{place}].password-file");
            mistakes.push((key, error.to_string()));
        }
    }
    for (key, route) in draft.routes() {
        match route {
            Route::Maildir(path) if path.exists() && !path.is_dir() => {
                mistakes.push((key, format!("{} is no folder", path.display())));
            }
            Route::Maildir(path) if !path.exists() => {
                mistakes.extend(super::check::missing_folder(path).map(|missing| (key, missing)));
            }
            Route::Relay(relay) => {
                mistakes.extend(relay.check_trust().err().map(|why| (key, why.to_string())));
            }
            _ => {}
        }
    }
    mistakes
}

impl Setting for Route {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = value
            .as_str()
            .ok_or_else(|| expected("a route in quotes", value))?;
        text.parse()
            .map_err(|error: hve_delivery::RouteError| error.to_string())
    }
}

/// `Name: value`. A mistake does not show the value.
impl Setting for Mark {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = value.as_str().and_then(|text| text.split_once(": "));
        let (name, value) = text
            .ok_or("write a header field as it stands in a message: \"X-Contoso-Internal: …\"")?;
        Self::new(name, value).map_err(|error| error.to_string())
    }
}

impl Setting for Domain {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = value
            .as_str()
            .ok_or_else(|| expected("a domain in quotes", value))?;
        Self::parse(text).map_err(|error| format!("{text:?} is no domain: {error}"))
    }
}

#[cfg(test)]
mod tests;
