//! The next hops of one engine, each once, and which one a domain takes.

use std::{collections::HashMap, sync::Arc};

use hve_store::Reason;
use hve_types::Domain;
use tokio_util::sync::CancellationToken;

use crate::{
    Limits, Maildir, Route, Routes, bounce,
    parcel::Parcel,
    relay::{Hop as RelayHop, RelaySettings, SetupError},
    stock::Supply,
};

/// All hops, by number.
pub(crate) struct Hops {
    hops: Vec<Hop>,
    by_domain: HashMap<Domain, usize>,
    usual: usize,
}

/// One way to get rid of mail.
pub(crate) enum Hop {
    /// Not now.
    Hold,
    /// In a blocking batch.
    Maildir(Arc<Maildir>),
    /// Over connections of its own.
    Relay(Arc<RelayHop>),
}

impl Hops {
    pub(crate) fn new(
        routes: &Routes,
        settings: &RelaySettings,
        limits: &Limits,
        supply: &Arc<dyn Supply>,
        stop: &CancellationToken,
    ) -> Result<Self, SetupError> {
        let (mut hops, mut known) = (Vec::new(), Vec::<Route>::new());
        let mut number = |route: &Route| -> Result<usize, SetupError> {
            if let Some(number) = known.iter().position(|known| known == route) {
                return Ok(number);
            }
            hops.push(match route {
                Route::Hold => Hop::Hold,
                Route::Maildir(root) => Hop::Maildir(Arc::new(Maildir::new(root.clone()))),
                Route::Relay(relay) => Hop::Relay(Arc::new(RelayHop::new(
                    relay,
                    settings,
                    limits,
                    Arc::clone(supply),
                    stop.clone(),
                )?)),
            });
            known.push(route.clone());
            Ok(known.len() - 1)
        };
        let usual = number(routes.usual())?;
        let by_domain = routes
            .exceptions()
            .map(|(domain, route)| Ok((domain.clone(), number(route)?)))
            .collect::<Result<_, SetupError>>()?;
        Ok(Self {
            hops,
            by_domain,
            usual,
        })
    }

    /// The hop of a domain.
    pub(crate) fn number(&self, domain: Option<&Domain>) -> usize {
        let exception = domain.and_then(|domain| self.by_domain.get(domain));
        exception.copied().unwrap_or(self.usual)
    }

    pub(crate) fn get(&self, number: usize) -> &Hop {
        self.hops.get(number).unwrap_or(&Hop::Hold)
    }

    /// True where nothing is delivered at all.
    pub(crate) fn only_hold(&self) -> bool {
        self.hops.iter().all(|hop| matches!(hop, Hop::Hold))
    }

    pub(crate) fn leads_away(&self, number: usize) -> bool {
        matches!(self.get(number), Hop::Relay(_))
    }

    /// True where there is a hop that works on many messages at once.
    pub(crate) fn any_leads_away(&self) -> bool {
        self.hops.iter().any(|hop| matches!(hop, Hop::Relay(_)))
    }

    /// Gives each relay its parcels; what is for Maildirs comes back by Maildir.
    pub(crate) fn send(
        &self,
        parcels: impl IntoIterator<Item = (usize, Parcel)>,
    ) -> Vec<(Arc<Maildir>, Vec<Parcel>)> {
        let mut local: HashMap<usize, (Arc<Maildir>, Vec<Parcel>)> = HashMap::new();
        for (number, parcel) in parcels {
            match self.get(number) {
                Hop::Hold => parcel.defer(held(), false),
                Hop::Maildir(maildir) => {
                    let entry = local.entry(number);
                    let (_, parcels) = entry.or_insert_with(|| (Arc::clone(maildir), Vec::new()));
                    parcels.push(parcel);
                }
                Hop::Relay(relay) => relay.push(parcel),
            }
        }
        local.into_values().collect()
    }

    /// Waits until no connection is left, once the engine stops.
    pub(crate) async fn closed(&self) {
        for hop in &self.hops {
            if let Hop::Relay(relay) = hop {
                relay.closed().await;
            }
        }
    }
}

/// Why mail waits that nobody may try: it has no end, since an operator wants it so.
fn held() -> Reason {
    Reason {
        stage: Some(bounce::HELD.into()),
        ..Reason::from("held: the route of its domain is hold:")
    }
}
