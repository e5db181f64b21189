//! Where accepted messages go: `[delivery]`, its exceptions and its credentials.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use hve_delivery::{Mark, RelaySettings, Route, Routes};
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
    pub const fn new(route: Route) -> Self {
        Self {
            routes: Routes::new(route),
            credentials: Vec::new(),
            marks: Vec::new(),
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
    /// Nothing of it was wrong or missing.
    complete: bool,
}

impl Draft {
    pub(super) fn complete(self) -> Option<Delivery> {
        let routes = Routes::new(self.route.filter(|_| self.complete)?);
        let with = |routes: Routes, (_, domain, route)| routes.with(domain, route);
        Some(Delivery {
            routes: self.exceptions.into_iter().fold(routes, with),
            credentials: self.credentials,
            marks: self.marks,
        })
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
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn credentials(password_file: PathBuf) -> RelayCredentials {
        RelayCredentials {
            name: "relay".into(),
            user: "hve".into(),
            password_file,
        }
    }

    #[test]
    fn a_password_is_what_stands_before_the_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let mut delivery = Delivery::new(Route::Hold);
        delivery.credentials.push(credentials(file.clone()));
        for text in [" se cret ", " se cret \n", " se cret \r\n"] {
            fs::write(&file, text).unwrap();
            let settings = delivery.settings("mail.contoso.test").unwrap();
            let known = &settings.credentials["relay"];
            assert_eq!(known.password.expose_secret(), " se cret ");
            assert_eq!(
                (&*known.user, &*settings.name),
                ("hve", "mail.contoso.test")
            );
        }
        fs::write(&file, "\n").unwrap();
        let empty = delivery.settings("mail.contoso.test").unwrap_err();
        assert!(empty.to_string().ends_with("password holds no password"));
        fs::remove_file(&file).unwrap();
        let missing = delivery.settings("mail.contoso.test").unwrap_err();
        assert!(missing.to_string().contains("cannot be read: No such file"));
    }

    #[test]
    fn a_check_looks_at_what_routes_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "").unwrap();
        let relay = format!("smtps://a.test?ca={}", path("file").display());
        let draft = Draft {
            route: Some(relay.parse().unwrap()),
            exceptions: vec![
                (0, "a.test".parse().unwrap(), Route::Maildir(path("file"))),
                (1, "b.test".parse().unwrap(), Route::Maildir(path("new"))),
                (2, "c.test".parse().unwrap(), Route::Maildir(path("no/new"))),
            ],
            credentials: vec![credentials(path("none"))],
            marks: Vec::new(),
            complete: true,
        };
        let found = outside(&draft);
        let found: Vec<_> = found.iter().map(|(key, text)| (&**key, text)).collect();
        let [
            ("delivery.credentials[0].password-file", unreadable),
            ("delivery.route", no_authority),
            ("delivery.routes[0].route", no_folder),
            ("delivery.routes[2].route", missing),
        ] = found[..]
        else {
            panic!("{found:?}");
        };
        assert!(unreadable.contains("cannot be read"));
        assert!(no_authority.contains("holds no PEM certificate"));
        assert!(no_folder.contains("is no folder"));
        assert!(missing.contains("does not exist"));
    }
}
