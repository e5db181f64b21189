//! The exchange of SCRAM in one session.

use std::sync::Arc;

use hve_smtp::{Answer, Now, SaslResponse};

use super::{Host, Judged};
use crate::{refusals, sign_in::Said};

impl Host {
    pub(super) async fn scram(&mut self, response: &SaslResponse, now: Now) -> Judged {
        let held = self.scram.take();
        let name = held.as_ref().map(|held| held.user().to_owned());
        let server = Arc::clone(&self.server);
        let said = server
            .sign_in
            .scram(held, response, self.exported, self.client, now)
            .await
            .map_err(|no| match &name {
                Some(name) => refusals::user_name(no, name),
                None => no,
            })?;
        match said {
            Said::Challenge(exchange, message) => {
                self.tries(exchange.user());
                self.scram = Some(exchange);
                Ok(Answer::Challenge(message))
            }
            Said::SignedIn(signed_in) => {
                let view = self.view()?;
                self.welcome(&*view, *signed_in, response.mechanism, now)
            }
        }
    }
}
