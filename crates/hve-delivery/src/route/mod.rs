//! Where mail goes: the next hop, as an operator writes it.

mod parse;
mod relay;
mod table;

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use thiserror::Error;

pub use parse::RelayError;
pub use relay::{Endpoint, Relay, RelayHost, Trust};
pub use table::Routes;

/// A next hop.
///
/// ```
/// use hve_delivery::Route;
/// let route: Route = "maildir:/srv/mail".parse()?;
/// assert_eq!(route, Route::Maildir("/srv/mail".into()));
///
/// // Two equal hosts, and one for bad days.
/// let route: Route = "smtp://mx1.test|mx2.test,backup.test:2525?tls=required".parse()?;
/// assert_eq!(route.to_string(), "smtp://mx1.test:25|mx2.test:25,backup.test:2525?tls=required");
/// # Ok::<(), hve_delivery::RouteError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// Nowhere yet: mail stays in the queue until the route is another.
    Hold,
    /// A Maildir for each recipient under this folder.
    Maildir(PathBuf),
    /// By LMTP or SMTP to other machines.
    Relay(Box<Relay>),
}

impl Route {
    /// The same route with its path, where it has one, taken from `base`.
    #[must_use]
    pub fn relative_to(self, base: &Path) -> Self {
        match self {
            Self::Hold => Self::Hold,
            Self::Maildir(path) => Self::Maildir(base.join(path)),
            Self::Relay(relay) => Self::Relay(Box::new(relay.relative_to(base))),
        }
    }
}

/// Why a text is no route.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RouteError {
    /// `hold:` is followed by something.
    #[error("nothing may follow \"hold:\"")]
    HoldTakesNothing,
    /// `maildir:` without a folder.
    #[error("\"maildir:\" needs a folder, as in \"maildir:/srv/mail\"")]
    NoFolder,
    /// The scheme is a relay's, and what follows is wrong.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// Another scheme, or none.
    #[error(
        "a route is \"maildir:/path\", \"lmtp+unix:/path\", \"lmtp://host\", \"smtp://host\", \
         \"smtps://host\" or \"hold:\", not {0:?}"
    )]
    UnknownScheme(String),
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        if let Some(relay) = parse::relay(text) {
            return Ok(Self::Relay(Box::new(relay?)));
        }
        match text.split_once(':') {
            Some(("hold", "")) => Ok(Self::Hold),
            Some(("hold", _)) => Err(RouteError::HoldTakesNothing),
            Some(("maildir", "")) => Err(RouteError::NoFolder),
            Some(("maildir", path)) => Ok(Self::Maildir(path.into())),
            _ => Err(RouteError::UnknownScheme(text.to_owned())),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold => f.write_str("hold:"),
            Self::Maildir(path) => write!(f, "maildir:{}", path.display()),
            Self::Relay(relay) => relay.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Route, RouteError>) {
        assert_eq!(text.parse(), expected, "{text}");
    }

    #[test]
    fn routes_are_parsed_and_shown() {
        check("hold:", Ok(Route::Hold));
        check("maildir:/srv/a b", Ok(Route::Maildir("/srv/a b".into())));
        check("hold:x", Err(RouteError::HoldTakesNothing));
        check("maildir:", Err(RouteError::NoFolder));
        for text in [
            "",
            "hold",
            "/srv/mail",
            "http://next.test",
            "smtp:next.test",
        ] {
            check(text, Err(RouteError::UnknownScheme(text.into())));
        }
        for text in ["hold:", "maildir:/srv/mail"] {
            assert_eq!(text.parse::<Route>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_relative_folder_is_found_from_the_base() {
        let route = Route::Maildir("mail".into());
        let found = route.relative_to(Path::new("/var/lib/hve"));
        assert_eq!(found, Route::Maildir("/var/lib/hve/mail".into()));
        let check = |text: &str, expected: &str| {
            let route: Route = text.parse().unwrap();
            let found = route.relative_to(Path::new("/etc/hve"));
            assert_eq!(found.to_string(), expected);
        };
        check(
            "smtps://a.test?ca=ca.pem",
            "smtps://a.test:465?ca=/etc/hve/ca.pem",
        );
        check("lmtp+unix:/run/lmtp", "lmtp+unix:/run/lmtp");
        let absolute = Route::Maildir("/srv/mail".into());
        assert_eq!(absolute.clone().relative_to(Path::new("/var")), absolute);
    }
}
