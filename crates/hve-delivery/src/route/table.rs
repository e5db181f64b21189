//! Which route a recipient's domain takes.

use std::collections::BTreeMap;

use hve_types::Domain;

use super::Route;

/// A route for every domain, with exceptions.
///
/// ```
/// use hve_delivery::{Route, Routes};
///
/// let usual: Route = "lmtp://store.contoso.test".parse()?;
/// let lab: Route = "maildir:/srv/lab".parse()?;
/// let routes = Routes::new(usual.clone()).with("lab.contoso.test".parse()?, lab.clone());
/// assert_eq!(routes.of(&"lab.contoso.test".parse()?), &lab);
/// assert_eq!(routes.of(&"contoso.test".parse()?), &usual);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    usual: Route,
    exceptions: BTreeMap<Domain, Route>,
}

impl Routes {
    /// One route for all.
    #[must_use]
    pub const fn new(usual: Route) -> Self {
        Self {
            usual,
            exceptions: BTreeMap::new(),
        }
    }

    /// The same with another route for one domain; its subdomains are domains of their own.
    #[must_use]
    pub fn with(mut self, domain: Domain, route: Route) -> Self {
        self.exceptions.insert(domain, route);
        self
    }

    /// The route of a domain.
    #[must_use]
    pub fn of(&self, domain: &Domain) -> &Route {
        self.exceptions.get(domain).unwrap_or(&self.usual)
    }

    /// The route of all domains that are no exception.
    #[must_use]
    pub const fn usual(&self) -> &Route {
        &self.usual
    }

    /// The exceptions, by domain.
    pub fn exceptions(&self) -> impl Iterator<Item = (&Domain, &Route)> {
        self.exceptions.iter()
    }
}

impl From<&Route> for Routes {
    fn from(route: &Route) -> Self {
        Self::new(route.clone())
    }
}
