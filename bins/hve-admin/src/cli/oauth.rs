//! The verbs of OAuth: whose tokens are taken, and who comes in with them.

use clap::{Args, Subcommand};
use hve_types::Address;

use super::{Confirmation, TenantChoice};
use crate::size;

#[derive(Debug, Subcommand)]
pub(crate) enum IssuerVerb {
    /// Take access tokens of a further issuer
    #[command(
        after_help = "Example, for Microsoft Entra:\n  hve-admin sign-in issuer add \
                      https://login.microsoftonline.com/TENANT-ID/v2.0 \\\n    \
                      --audience https://outlook.office365.com --directory TENANT-ID"
    )]
    Add(IssuerAdd),
    /// List the issuers of a tenant
    List {
        #[command(flatten)]
        tenant: TenantChoice,
    },
    /// Take its tokens no longer; sessions that signed in with one end at their next command
    Remove {
        /// Its address
        url: String,
        #[command(flatten)]
        tenant: TenantChoice,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Args, Debug)]
pub(crate) struct IssuerAdd {
    /// Its address, letter by letter as its tokens have it in the claim iss; its keys are found
    /// under /.well-known/openid-configuration there
    #[arg(value_parser = issuer)]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) tenant: TenantChoice,
    /// What the claim aud of its tokens has to be; may be given several times, one match is enough
    #[arg(long, required = true)]
    pub(crate) audience: Vec<String>,
    /// What the claim tid of its tokens has to be: your tenant, at an issuer that has many
    #[arg(long, value_name = "TENANT-ID")]
    pub(crate) directory: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AppVerb {
    /// Let an application in, at most ten an account
    #[command(
        after_help = "The id is the object id of the enterprise application, in Entra under \
                      \"Enterprise applications\".\nNeither the client id nor the object id of the \
                      registration will do. For a person it is the person's object id."
    )]
    Add {
        /// The account
        address: Address,
        /// The object id of the enterprise application
        object_id: String,
        /// What to call it, for other operators
        #[arg(long, value_parser = size::words)]
        label: Option<String>,
    },
    /// List the applications an account lets in
    List {
        /// The account
        address: Address,
    },
    /// Let an application in no longer; its sessions end at their next command
    Remove {
        /// The account
        address: Address,
        /// The object id
        object_id: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

fn issuer(text: &str) -> Result<String, String> {
    match hve_service::check_issuer(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
