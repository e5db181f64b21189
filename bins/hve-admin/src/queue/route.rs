//! Which recipients take a route, as the server's configuration says now.

use hve_store::RecipientFilter;
use hve_types::Domain;

use crate::{
    desk::Desk,
    failure::{Failure, Result},
};

/// The recipients whose route has these words in it, in whatever case.
pub(super) fn recipients(words: &str, desk: &Desk) -> Result<RecipientFilter> {
    let Some(routes) = desk.delivery.as_ref().map(|delivery| &delivery.routes) else {
        return Err(Failure::usage("the routes are not known here")
            .hint("give --config FILE, the server's configuration, or use --domain DOMAIN"));
    };
    let words = words.to_lowercase();
    let fits = |route: &str| route.to_lowercase().contains(&words);
    let usual = routes.usual().to_string();
    let exceptions = routes.exceptions();
    let (with, without): (Vec<_>, Vec<_>) = exceptions
        .map(|(domain, route)| (domain.clone(), route.to_string()))
        .partition(|(_, route)| fits(route));
    let domains = |some: Vec<(Domain, String)>| some.into_iter().map(|(domain, _)| domain);
    if fits(&usual) {
        return Ok(RecipientFilter::NoneOf(domains(without).collect()));
    }
    if with.is_empty() {
        let mut known: Vec<String> = without.into_iter().map(|(_, route)| route).collect();
        known.push(usual);
        known.dedup();
        return Err(Failure::not_found("no route has these words in it")
            .hint(format!("routes: {}", known.join(", "))));
    }
    Ok(RecipientFilter::OneOf(domains(with).collect()))
}

/// The route of a domain, for eyes; `None` where the configuration is not known.
pub(super) fn of(domain: &str, desk: &Desk) -> Option<String> {
    let domain = Domain::parse(domain).ok()?;
    let delivery = desk.delivery.as_ref()?;
    Some(delivery.routes.of(&domain).to_string())
}
