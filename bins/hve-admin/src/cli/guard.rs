//! The verbs of the guard against guessing.

use std::net::IpAddr;

use clap::Subcommand;
use hve_auth::network_of;
use hve_store::Suspect;
use hve_types::Address;
use ipnet::IpNet;

#[derive(Debug, Subcommand)]
pub(crate) enum GuardVerb {
    /// List who is blocked, and which accounts are under attack
    ///
    /// Different wrong passwords are counted, not how often one is repeated: within 15 minutes, 10
    /// for one user name from one address block it there, 50 from one address block that, and
    /// 10 for one user name block it everywhere, of which one address contributes 5 at most. Where
    /// an account was signed in to within 30 days, the right password goes on working. 50 forged
    /// tokens for one user name from one address block its tokens there.
    List,
    /// Forgive a user name, an address, or one from the other: block, wrong passwords, forged tokens
    ///
    /// A running server follows at the next attempt to sign in.
    #[command(
        after_help = "Examples:\n  hve-admin guard reset scan2@contoso.test\n  \
                            hve-admin guard reset scan2@contoso.test --from 192.0.2.7\n  \
                            hve-admin guard reset 192.0.2.7\n  hve-admin guard reset --all"
    )]
    Reset {
        /// The user name, or the address (of IPv6 its whole /64)
        #[arg(
            value_name = "ADDRESS|IP",
            value_parser = suspect,
            required_unless_present = "all",
            conflicts_with = "all"
        )]
        who: Option<Suspect>,
        /// The user name from this address only (of IPv6 its whole /64)
        #[arg(long, value_name = "IP", value_parser = network, requires = "who")]
        from: Option<IpAddr>,
        /// Everybody
        #[arg(long)]
        all: bool,
    },
}

fn network(text: &str) -> Result<IpAddr, String> {
    match suspect(text) {
        Ok(Suspect::Network(network)) => Ok(network),
        _ => Err("write an address such as 192.0.2.7".to_owned()),
    }
}

fn suspect(text: &str) -> Result<Suspect, String> {
    let network = |from: IpAddr| Ok(Suspect::Network(network_of(from)));
    if let Ok(from) = text.parse::<IpAddr>() {
        return network(from);
    }
    if let Ok(net) = text.parse::<IpNet>() {
        // What `guard list` shows can be copied here.
        let whole = matches!(net, IpNet::V4(net) if net.prefix_len() == 32)
            || matches!(net, IpNet::V6(net) if net.prefix_len() == 64);
        return match whole {
            true => network(net.addr()),
            false => Err("write one IPv4 address, or an IPv6 address or its /64".to_owned()),
        };
    }
    Address::parse(text).map(Suspect::Account).map_err(|_| {
        "write a user name such as scan2@contoso.test, or an address such as 192.0.2.7".to_owned()
    })
}
