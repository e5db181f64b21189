//! A real OpenID provider that nobody here wrote, started and ended by a test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Stdio},
};

use hve_tests::{Tool, node_module, tool};
use serde_json::Value;

/// The object id that the good clients of `provider.mjs` have.
pub(crate) const OBJECT: &str = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
/// The directory that all clients but one are of.
pub(crate) const DIRECTORY: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
/// What the service calls itself.
pub(crate) const AUDIENCE: &str = "https://smtp.contoso.test";

/// What it takes to start a provider.
pub(crate) struct Kit {
    node: Tool,
    module: PathBuf,
}

/// A running provider. Dropping it ends the process, by its id.
pub(crate) struct Provider {
    child: Child,
    pub(crate) issuer: String,
}

impl Kit {
    /// `None` where Node or the package is missing, which is said then.
    pub(crate) fn find() -> Option<Self> {
        Some(Self {
            node: tool("node")?,
            module: node_module("oidc-provider")?,
        })
    }

    /// A provider with new keys of these ids, which end in their algorithm.
    pub(crate) fn start(&self, keys: &[&str]) -> Provider {
        self.start_at("0", keys)
    }

    fn start_at(&self, port: &str, keys: &[&str]) -> Provider {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oauth/provider.mjs");
        let mut command = self.node.command();
        command.arg(script).arg(&self.module).arg(port).args(keys);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut ready = lines.map_while(Result::ok);
        let issuer = ready.find_map(|line| Some(line.strip_prefix("ready ")?.to_owned()));
        let Some(issuer) = issuer else {
            panic!("the provider ended at once");
        };
        Provider { child, issuer }
    }

    /// The same issuer with other keys.
    pub(crate) fn start_again(&self, ended: &Ended, keys: &[&str]) -> Provider {
        let (_, port) = ended.0.rsplit_once(':').unwrap();
        self.start_at(port, keys)
    }

    pub(crate) const fn node(&self) -> &Tool {
        &self.node
    }
}

/// The address of a provider that is away.
pub(crate) struct Ended(pub(crate) String);

impl Provider {
    /// A token for the service.
    pub(crate) fn token(&self, client: &str, algorithm: &str) -> String {
        self.token_for(AUDIENCE, client, algorithm)
    }

    /// A token by the grant for client credentials (RFC 6749 §4.4).
    pub(crate) fn token_for(&self, audience: &str, client: &str, algorithm: &str) -> String {
        let address = self.issuer.strip_prefix("http://").unwrap();
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret=secret\
             &resource={audience}/{algorithm}"
        );
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let token = body["access_token"].as_str();
        token.unwrap_or_else(|| panic!("{body}")).to_owned()
    }

    /// Ends it.
    pub(crate) fn end(self) -> Ended {
        Ended(self.issuer.clone())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
