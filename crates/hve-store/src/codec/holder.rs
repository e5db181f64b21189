//! Who holds a message, as it is stored.

use serde::{Deserialize, Serialize};

use super::{from_millis, json, parse, to_millis};
use crate::{Act, StoreError, queue::Holder};

#[derive(Serialize, Deserialize)]
struct HolderForm {
    actor: String,
    since: i64,
}

pub(crate) fn held(act: &Act) -> String {
    json(&HolderForm {
        actor: act.actor.clone(),
        since: to_millis(act.at),
    })
}

pub(crate) fn to_holder(text: &str) -> Result<Holder, StoreError> {
    let form: HolderForm = parse("holder", text)?;
    Ok(Holder {
        actor: form.actor,
        since: from_millis(form.since)?,
    })
}
