//! An account directory of your own behind the service: passwords and staff from elsewhere, such
//! as the personnel database, while tenants and accounts stay those of the store.
//!
//! `cargo run -p hve-examples --example own_directory`

use std::{collections::HashMap, error::Error, net::SocketAddr, sync::Arc};

use hve_auth::{Credential, HashCost, PasswordHash};
use hve_delivery::Route;
use hve_examples::client::Client;
use hve_service::{
    Directory, DirectoryError, DirectoryView, Service,
    config::{Config, Listener, TlsFiles, TlsStart},
};
use hve_store::{Act, NewAccount, NewTenant, Store};
use hve_types::{AccountLimits, Address, DomainKind, TenantId, TenantLimits};
use time::macros::utc_datetime;

/// Your own source of passwords and people, over the accounts of the store.
struct Personnel {
    accounts: Store,
    passwords: HashMap<Address, PasswordHash>,
    staff: Vec<Address>,
}

impl Directory for Personnel {
    fn version(&self) -> Result<u64, DirectoryError> {
        // Yours never changes here; where it does, count its changes in.
        Directory::version(&self.accounts)
    }

    fn view(&self) -> Result<Arc<dyn DirectoryView>, DirectoryError> {
        self.accounts.view()
    }

    fn credential(&self, user: &Address) -> Result<Option<Credential>, DirectoryError> {
        let known = Directory::credential(&self.accounts, user)?;
        Ok(known.and_then(|mut credential| {
            let hash = self.passwords.get(user)?;
            for secret in &mut credential.secrets {
                secret.hash = hash.clone();
            }
            Some(credential)
        }))
    }

    fn lists_recipient(&self, _: TenantId, address: &Address) -> Result<bool, DirectoryError> {
        Ok(self.staff.contains(address))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let hash =
        |password: &str| PasswordHash::derive(&password.into(), [7; 16], HashCost::default());
    let account: Address = "alarm@contoso.test".parse()?;

    // The store knows the account; its password there is one that nobody has.
    let store = Store::open(&folder.path().join("store.db"))?;
    let act = Act {
        actor: "example".into(),
        at: utc_datetime!(2026-01-01 0:00),
    };
    let tenant = store.add_tenant(
        &NewTenant {
            name: account.domain(),
            kind: DomainKind::Authoritative,
            limits: TenantLimits::default(),
        },
        &act,
    )?;
    store.add_account(
        &NewAccount {
            tenant: tenant.id,
            address: account.clone(),
            display_name: "Alarm".into(),
            alias: None,
            limits: AccountLimits::default(),
            password: hash("nobody has this one")?.into(),
        },
        &act,
    )?;
    let personnel = Personnel {
        accounts: store,
        passwords: HashMap::from([(account, hash("from personnel")?)]),
        staff: vec!["ann@contoso.test".parse()?],
    };

    let tls = TlsFiles::new(
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    hve_service::tls::write_self_signed(&tls, &["localhost"])?;
    let certificate = tls.certificate.clone();
    let store_path = folder.path().join("store.db");
    let mut config = Config::new("localhost", tls, store_path, Route::Hold);
    let any = "127.0.0.1:0".parse()?;
    config
        .listeners
        .push(Listener::new(any, TlsStart::Implicit));

    let runtime = tokio::runtime::Runtime::new()?;
    let service = runtime.block_on(Service::start(config, Some(Arc::new(personnel))))?;
    let address: SocketAddr = *service.addresses().first().ok_or("no listener")?;
    let mut client = Client::connect(address, &certificate)?;
    client.expect("EHLO example", "250")?;
    let as_the_store =
        client.ask("AUTH PLAIN AGFsYXJtQGNvbnRvc28udGVzdABub2JvZHkgaGFzIHRoaXMgb25l")?;
    assert!(as_the_store.starts_with("535 5.7.3"), "{as_the_store}");
    client.expect(
        "AUTH PLAIN AGFsYXJtQGNvbnRvc28udGVzdABmcm9tIHBlcnNvbm5lbA==",
        "235",
    )?;
    client.expect("MAIL FROM:<alarm@contoso.test>", "250")?;
    client.expect("RCPT TO:<ann@contoso.test>", "250")?;
    let stranger = client.ask("RCPT TO:<bob@contoso.test>")?;
    println!("{stranger}");
    assert!(stranger.starts_with("550 5.1.10"), "{stranger}");
    client.expect("DATA", "354")?;
    client.expect("Subject: Alarm\r\n\r\nThe lab is warm.\r\n.", "250 2.0.0")?;
    drop(client);
    runtime.block_on(service.stop())?;
    Ok(())
}

#[test]
fn the_example_holds() {
    main().unwrap();
}
