//! Where mail goes: the next hop, as an operator writes it.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use thiserror::Error;

/// A next hop.
///
/// ```
/// use hve_delivery::Route;
/// let route: Route = "maildir:/srv/mail".parse()?;
/// assert_eq!(route, Route::Maildir("/srv/mail".into()));
/// # Ok::<(), hve_delivery::RouteError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// Nowhere yet: mail stays in the queue until the route is another.
    Hold,
    /// A Maildir for each recipient under this folder.
    Maildir(PathBuf),
}

impl Route {
    /// The same route with its path, where it has one, taken from `base`.
    #[must_use]
    pub fn relative_to(self, base: &Path) -> Self {
        match self {
            Self::Hold => Self::Hold,
            Self::Maildir(path) => Self::Maildir(base.join(path)),
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
    /// Another scheme, or none.
    #[error("a route is \"maildir:/path\" or \"hold:\", not {0:?}")]
    UnknownScheme(String),
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
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
        for text in ["", "hold", "/srv/mail", "smtp://next.test"] {
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
        let absolute = Route::Maildir("/srv/mail".into());
        assert_eq!(absolute.clone().relative_to(Path::new("/var")), absolute);
    }
}
