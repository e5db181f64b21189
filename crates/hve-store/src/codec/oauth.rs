//! Issuers and applications as JSON, within the rules of sign-in.

use hve_types::{AllowedApp, Issuer};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct IssuerForm {
    url: String,
    audiences: Vec<String>,
    directory: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AppForm {
    object_id: String,
    label: String,
}

pub(super) fn issuer_forms(issuers: &[Issuer]) -> Vec<IssuerForm> {
    let form = |of: &Issuer| IssuerForm {
        url: of.url.clone(),
        audiences: of.audiences.clone(),
        directory: of.directory.clone(),
    };
    issuers.iter().map(form).collect()
}

pub(super) fn app_forms(apps: &[AllowedApp]) -> Vec<AppForm> {
    let form = |of: &AllowedApp| AppForm {
        object_id: of.object_id.clone(),
        label: of.label.clone(),
    };
    apps.iter().map(form).collect()
}

impl From<IssuerForm> for Issuer {
    fn from(form: IssuerForm) -> Self {
        Self {
            url: form.url,
            audiences: form.audiences,
            directory: form.directory,
        }
    }
}

impl From<AppForm> for AllowedApp {
    fn from(form: AppForm) -> Self {
        Self {
            object_id: form.object_id,
            label: form.label,
        }
    }
}
