//! SCRAM as others speak it: GNU SASL in msmtp, and scramp over pyOpenSSL, which can bind to TLS.
//! Both read and check what the server proves of itself.

use hve_tests::{ACCOUNT, PASSWORD, Site, python_packages, tool};

use super::{TO, arrived, message, port, run};

#[test]
fn msmtp_by_gnu_sasl() {
    let Some(msmtp) = tool("msmtp") else { return };
    let site = Site::new();
    let server = site.start();
    let send = |mechanism: &str, password: &str| {
        let mut command = msmtp.command();
        command
            .args(["--file=/dev/null", "--host=localhost", "--debug"])
            .arg(format!("--port={}", port(&server)))
            .args(["--tls=on", "--tls-starttls=on"])
            .arg(format!("--auth={mechanism}"))
            .arg(format!(
                "--tls-trust-file={}",
                site.path("cert.pem").display()
            ))
            .args([&format!("--user={ACCOUNT}"), &format!("--from={ACCOUNT}")])
            .arg(format!("--passwordeval=printf %s {password}"))
            .args(["--", TO]);
        run(
            &mut command,
            &message(&format!("from msmtp by {mechanism}")),
        )
    };
    // The password that was set once serves each of them.
    for mechanism in ["scram-sha-256", "plain", "login"] {
        let (good, said) = send(mechanism, PASSWORD);
        let asked = format!("AUTH {}", mechanism.to_uppercase());
        assert!(good && said.contains(&asked), "{said}");
        arrived(&site, &format!("from msmtp by {mechanism}"));
    }
    let (good, said) = send("scram-sha-256", "the-wrong-password");
    assert!(!good && said.contains("535 5.7.3"), "{said}");
}

const PYTHON: &str = r#"
import base64, socket, sys
from OpenSSL import SSL
from scramp import ScramClient, core
# It leaves this type out because Python's own TLS cannot export; pyOpenSSL can.
core.CbName.SUPPORTED_TYPES |= core.CbName.UNSUPPORTED_TYPES
core.CbName.UNSUPPORTED_TYPES = frozenset()
port, cert, user, password, to, message = sys.argv[1:7]
PLUS, BARE = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"

class Session:
    def __init__(self, version):
        self.stream = socket.create_connection(("localhost", int(port)), 60)
        self.rest = b""
        self.reply()
        self.ask("EHLO client.test")
        assert self.ask("STARTTLS").startswith("220")
        context = SSL.Context(SSL.TLS_METHOD)
        context.load_verify_locations(cert)
        context.set_verify(SSL.VERIFY_PEER)
        context.set_max_proto_version(version)
        self.stream.setblocking(True)
        self.stream = SSL.Connection(context, self.stream)
        self.stream.set_connect_state()
        self.stream.do_handshake()
        offered = self.ask("EHLO client.test").split()
        self.offered = [of for of in offered if of.startswith("SCRAM-")]

    def reply(self):
        lines = []
        while not lines or lines[-1][3:4] == "-":
            while b"\r\n" not in self.rest:
                self.rest += self.stream.recv(4096)
            line, self.rest = self.rest.split(b"\r\n", 1)
            lines.append(line.decode())
        return " ".join(lines)

    def ask(self, line):
        self.stream.sendall(line.encode() + b"\r\n")
        return self.reply()

    def exported(self):
        return self.stream.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")

    def sign_in(self, mechanisms, binding, password=password):
        client = ScramClient(mechanisms, user, password, channel_binding=binding)
        encode = lambda text: base64.b64encode(text.encode()).decode()
        decode = lambda reply: base64.b64decode(reply[4:]).decode()
        reply = self.ask(f"AUTH {client.mechanism_name} {encode(client.get_client_first())}")
        assert reply.startswith("334 "), reply
        client.set_server_first(decode(reply))
        reply = self.ask(encode(client.get_client_final()))
        if not reply.startswith("334 "):
            return reply
        client.set_server_final(decode(reply))
        return f"{client.mechanism_name} {self.ask('')}"

s = Session(SSL.TLS1_3_VERSION)
assert s.offered == [BARE, PLUS], s.offered
wrong = s.sign_in(s.offered, ("tls-exporter", s.exported()), "the-wrong-password")
assert wrong.startswith("535 5.7.3 Wrong"), wrong
elsewhere = s.sign_in(s.offered, ("tls-exporter", bytes(32)))
assert elsewhere.startswith("535 5.7.3 The client is bound to another"), elsewhere
done = s.sign_in(s.offered, ("tls-exporter", s.exported()))
assert done.startswith(f"{PLUS} 235"), done
assert s.ask(f"MAIL FROM:<{user}>").startswith("250"), "MAIL"
assert s.ask(f"RCPT TO:<{to}>").startswith("250"), "RCPT"
assert s.ask("DATA").startswith("354"), "DATA"
text = message.encode().decode("unicode_escape").replace("\r\n.", "\r\n..")
assert s.ask(f"{text}\r\n.").startswith("250"), "end of data"

s = Session(SSL.TLS1_3_VERSION)
done = s.sign_in([BARE], None)
assert done.startswith(f"{BARE} 235"), done
# Who believes that -PLUS was struck out says so, and is warned.
s = Session(SSL.TLS1_3_VERSION)
first = base64.b64encode(f"y,,n={user},r=nonce".encode()).decode()
warned = s.ask(f"AUTH {BARE} {first}")
assert warned.startswith("535 5.7.3") and PLUS in warned, warned

s = Session(SSL.TLS1_2_VERSION)
assert s.offered == [BARE], s.offered
done = s.sign_in(s.offered, None)
assert done.startswith(f"{BARE} 235"), done
"#;

#[test]
fn row_19_scramp_bound_to_tls() {
    let (Some(python), Some(packages)) = (tool("python3"), python_packages("scram-python")) else {
        return;
    };
    let site = Site::new();
    let server = site.start();
    let text: String = message("from scramp").escape_default().collect();
    let (good, said) = run(
        python
            .command()
            .env("PYTHONPATH", packages)
            .args(["-c", PYTHON, &port(&server)])
            .arg(site.path("cert.pem"))
            .args([ACCOUNT, PASSWORD, TO, &text]),
        "",
    );
    assert!(good, "{said}");
    arrived(&site, "from scramp");
}
