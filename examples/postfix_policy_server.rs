//! The quota and the internal-only rule behind Postfix's `check_policy_service`.
//!
//! `cargo run -p hve-examples --example postfix_policy_server -- 127.0.0.1:10040 usage.log closed`
//!
//! and in Postfix's `main.cf`, where the sender is a signed-in one:
//!
//! ```text
//! smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10040, permit_sasl_authenticated, reject
//! smtpd_end_of_data_restrictions = check_policy_service inet:127.0.0.1:10040
//! ```
//!
//! Postfix asks once for each RCPT, where a recipient that can never be is refused, and once at the
//! end of the message, where its recipients are counted; `instance` tells which questions belong
//! to one message. What was counted is in a file before Postfix hears of it. When that cannot be
//! (a full disk, say), `open` lets the message pass uncounted, and `closed` puts it off.

use std::{
    collections::HashMap,
    error::Error,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use hve_examples::question::Question;
use hve_policy::{
    Clocks, Message, Policy, RecipientFacts, Refusal, Retry, RollingQuota, recipient,
};
use hve_types::{
    AccountId, AccountLimits, Address, Ceiling, Domain, Principal, Proof, TenantId, TenantLimits,
};

const TENANT: TenantId = TenantId(1);
/// Messages between their first RCPT and their end. More are not told apart any more, which only
/// makes a refusal come at the end of the message.
const OPEN_MESSAGES: usize = 10_000;

/// What happens to a message that cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenUnsure {
    Closed,
    Open,
}

/// The memory of the service.
struct Desk {
    domain: Domain,
    limits: TenantLimits,
    when_unsure: WhenUnsure,
    policy: Policy,
    accounts: HashMap<Address, AccountId>,
    /// Recipients of each message so far, by its instance.
    open: HashMap<String, u64>,
    ledger: File,
}

impl Desk {
    /// Takes up where the ledger ends.
    fn new(
        domain: Domain,
        limits: TenantLimits,
        when_unsure: WhenUnsure,
        ledger: &Path,
    ) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(ledger)?;
        let mut desk = Self {
            domain,
            limits,
            when_unsure,
            policy: Policy::new(),
            accounts: HashMap::new(),
            open: HashMap::new(),
            ledger: file.try_clone()?,
        };
        for line in BufReader::new(file).lines() {
            let line = line?;
            let mut words = line.split(' ');
            // The last line may have been cut off by a power cut: it was never answered.
            if let (Some(Ok(at)), Some(Ok(count)), Some(Ok(account))) = (
                words.next().map(str::parse),
                words.next().map(str::parse),
                words.next().map(Address::parse),
            ) {
                let account = desk.number(&account);
                desk.policy.record(TENANT, account, at, count);
            }
        }
        Ok(desk)
    }

    fn number(&mut self, account: &Address) -> AccountId {
        let next = i64::try_from(self.accounts.len()).unwrap_or(i64::MAX);
        *self
            .accounts
            .entry(account.clone())
            .or_insert(AccountId(next))
    }

    /// The action for Postfix (its `access(5)`).
    fn answer(&mut self, question: &Question, now: Clocks) -> String {
        let Some(account) = question.account() else {
            return "550 5.7.62 The sender must be an account; set it in the program that sends"
                .into();
        };
        match question.get("protocol_state") {
            "RCPT" => self.rcpt(question, now),
            "END-OF-MESSAGE" => self.end_of_message(question, &account, now),
            _ => "DUNNO".into(),
        }
    }

    fn rcpt(&mut self, question: &Question, now: Clocks) -> String {
        let facts = match Address::parse(question.get("recipient")) {
            Ok(address) if address.domain() == self.domain => RecipientFacts::RELAY,
            _ => RecipientFacts::EXTERNAL,
        };
        let instance = question.get("instance").to_owned();
        let accepted = self.open.get(&instance).copied().unwrap_or(0);
        let position = usize::try_from(accepted).unwrap_or(usize::MAX);
        if let Err(refusal) = recipient(&self.limits, facts, position) {
            return action(&Refusal::Recipient { position, refusal }, now);
        }
        let wanted = accepted + 1;
        let unused = RollingQuota::new();
        let quota = self.policy.tenant(TENANT).unwrap_or(&unused);
        let room = quota.peek_decide(self.limits.recipients_per_day, wanted, now.unix);
        if let Err(exceeded) = room {
            return action(&Refusal::TenantQuota(exceeded), now);
        }
        if self.open.len() < OPEN_MESSAGES {
            self.open.insert(instance, wanted);
        }
        "DUNNO".into()
    }

    fn end_of_message(&mut self, question: &Question, account: &Address, now: Clocks) -> String {
        self.open.remove(question.get("instance"));
        let Ok(count) = question.get("recipient_count").parse::<usize>() else {
            return self.unsure("Postfix did not say how many recipients there are");
        };
        let principal = Principal {
            tenant: TENANT,
            account: self.number(account),
            address: account.clone(),
            // Postfix has looked at it.
            proof: Proof::Secret { version: 1 },
        };
        let recipients = vec![RecipientFacts::RELAY; count];
        let account_limits = AccountLimits::default();
        let message = Message::new(&principal, &self.limits, &account_limits, &recipients);
        if let Err(refusal) = self.policy.accept(&message, now) {
            return action(&refusal, now);
        }
        let line = format!("{} {count} {account}\n", now.unix);
        let written = self.ledger.write_all(line.as_bytes());
        match written.and_then(|()| self.ledger.sync_data()) {
            Ok(()) => "DUNNO".into(),
            Err(error) => {
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                self.policy.undo(TENANT, principal.account, now.unix, count);
                self.unsure(&error.to_string())
            }
        }
    }

    fn unsure(&self, why: &str) -> String {
        eprintln!("not counted: {why}");
        match self.when_unsure {
            WhenUnsure::Open => "DUNNO".into(),
            WhenUnsure::Closed => {
                "451 4.3.5 The quota cannot be counted now; try again later".into()
            }
        }
    }
}

/// Later is 4xx and says when, never is 5xx.
fn action(refusal: &Refusal, now: Clocks) -> String {
    match refusal.retry() {
        Retry::Never => format!("550 5.7.1 {refusal}"),
        Retry::At(at) => format!("452 4.7.1 {refusal}; room in {} seconds", at - now.unix),
        _ => format!("452 4.7.1 {refusal}"),
    }
}

/// Answers one connection of Postfix until it hangs up.
fn serve(desk: &Mutex<Desk>, socket: &TcpStream, clocks: impl Fn() -> Clocks) -> io::Result<()> {
    let mut reader = BufReader::new(socket);
    let mut writer = socket;
    while let Some(question) = Question::read(&mut reader)? {
        let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        let action = desk.answer(&question, clocks());
        drop(desk);
        writer.write_all(format!("action={action}\n\n").as_bytes())?;
    }
    Ok(())
}

/// Serves on a port of this host, one thread for each of Postfix's few connections.
fn listen(desk: Desk, listener: &TcpListener) -> io::Result<()> {
    let desk = Mutex::new(desk);
    thread::scope(|scope| {
        for socket in listener.incoming() {
            let (desk, socket) = (&desk, socket?);
            scope.spawn(move || {
                if let Err(error) = serve(desk, &socket, clocks) {
                    eprintln!("Postfix's connection broke: {error}");
                }
            });
        }
        Ok(())
    })
}

#[expect(clippy::disallowed_methods, reason = "the edge, where time is read")]
fn clocks() -> Clocks {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let since_1970 = since_1970.unwrap_or(Duration::ZERO);
    Clocks {
        unix: i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX),
        // No rates are set here, which would need a clock that never goes back.
        monotonic: since_1970,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let limits = |most| TenantLimits {
        recipients_per_day: Ceiling::AtMost(most),
        ..TenantLimits::default()
    };
    let [address, ledger, unsure] = arguments.as_slice() else {
        return show(limits(3));
    };
    let when_unsure = match unsure.as_str() {
        "open" => WhenUnsure::Open,
        "closed" => WhenUnsure::Closed,
        other => return Err(format!("{other:?} is neither open nor closed").into()),
    };
    let (domain, ledger) = ("contoso.test".parse()?, Path::new(ledger));
    let desk = Desk::new(domain, limits(100_000), when_unsure, ledger)?;
    Ok(listen(desk, &TcpListener::bind(address)?)?)
}

/// Without arguments: two messages of two recipients each, with a quota of three.
fn show(limits: TenantLimits) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let ledger = folder.path().join("usage.log");
    let mut desk = Desk::new("contoso.test".parse()?, limits, WhenUnsure::Closed, &ledger)?;
    for (state, more) in [
        ("RCPT", "recipient=anna@contoso.test"),
        ("END-OF-MESSAGE", "recipient_count=2"),
        ("END-OF-MESSAGE", "recipient_count=2"),
        ("RCPT", "recipient=bob@external.example"),
    ] {
        let text = format!("protocol_state={state}\nsender=hve01@contoso.test\n{more}\n\n");
        let question = Question::read(&mut text.as_bytes())?.unwrap_or_default();
        println!("{state:14} {more:32} {}", desk.answer(&question, clocks()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hve_tests::Postfix;

    use super::*;

    const NOON: Clocks = Clocks {
        unix: 1_800_000_000,
        monotonic: Duration::ZERO,
    };

    fn desk(most: u64, when_unsure: WhenUnsure, ledger: &Path) -> Desk {
        let limits = TenantLimits {
            recipients_per_day: Ceiling::AtMost(most),
            ..TenantLimits::default()
        };
        Desk::new("contoso.test".parse().unwrap(), limits, when_unsure, ledger).unwrap()
    }

    fn question(state: &str, instance: &str, more: &str) -> Question {
        let text = format!(
            "request=smtpd_access_policy\nprotocol_state={state}\ninstance={instance}\n\
             sender=hve01@contoso.test\n{more}\n\n"
        );
        Question::read(&mut text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn recipients_are_counted_at_the_end_of_the_message_and_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("usage.log");
        let mut first = desk(3, WhenUnsure::Closed, &ledger);
        let rcpt = |instance: &str| question("RCPT", instance, "recipient=anna@contoso.test");
        // What is given up before its end counts nothing.
        for _ in 0..3 {
            assert_eq!(first.answer(&rcpt("a"), NOON), "DUNNO");
        }
        // More than there ever is in a day: later is no better.
        assert!(first.answer(&rcpt("a"), NOON).starts_with("550 5.7.1 "));
        let end = question("END-OF-MESSAGE", "b", "recipient_count=2");
        assert_eq!(first.answer(&end, NOON), "DUNNO");
        drop(first);
        let mut second = desk(3, WhenUnsure::Closed, &ledger);
        assert!(second.answer(&end, NOON).starts_with("452 4.7.1 "));
        assert_eq!(second.answer(&rcpt("c"), NOON), "DUNNO");
        assert!(second.answer(&rcpt("c"), NOON).starts_with("452 4.7.1 "));
        let outside = question("RCPT", "d", "recipient=bob@external.example");
        assert!(second.answer(&outside, NOON).starts_with("550 "));
    }

    #[test]
    fn what_cannot_be_counted_passes_or_waits_as_it_was_set() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("usage.log");
        let end = question("END-OF-MESSAGE", "a", "recipient_count=2");
        for (when, action) in [
            (WhenUnsure::Open, "DUNNO"),
            (WhenUnsure::Closed, "451 4.3.5 "),
        ] {
            let mut desk = desk(3, when, &ledger);
            // Every write to it fails, as on a full disk.
            desk.ledger = OpenOptions::new().write(true).open("/dev/full").unwrap();
            for _ in 0..3 {
                assert!(desk.answer(&end, NOON).starts_with(action), "{when:?}");
            }
            let used = desk
                .policy
                .tenant(TENANT)
                .map(|quota| quota.peek(NOON.unix));
            assert_eq!(used, Some(0), "what was not kept is not counted");
        }
    }

    #[test]
    fn a_real_postfix_refuses_the_recipient_that_is_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(3, WhenUnsure::Closed, &folder.path().join("usage.log"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = format!(
            "check_policy_service inet:{}",
            listener.local_addr().unwrap()
        );
        // It serves as long as the process.
        thread::spawn(move || listen(desk, &listener));
        let Some(postfix) = Postfix::start(&format!(
            "relay_domains = contoso.test\n\
             smtpd_recipient_restrictions = {service}, permit_mynetworks, reject\n\
             smtpd_end_of_data_restrictions = {service}\n"
        )) else {
            return;
        };
        let send = |to: &[&str]| {
            let mut client = hve_tests::Client::connect(postfix.address()).unwrap();
            client.expect_reply(220);
            client.expect(250, "EHLO client.test");
            client.expect(250, "MAIL FROM:<hve01@contoso.test>");
            let replies = to
                .iter()
                .map(|to| client.command(&format!("RCPT TO:<{to}>")).unwrap());
            let replies: Vec<String> = replies.map(|reply| reply.status()).collect();
            client.expect(354, "DATA");
            client.send("Subject: x\r\n\r\nbody\r\n.\r\n").unwrap();
            (replies, client.reply().unwrap().code)
        };
        let (anna, bob) = ("anna@contoso.test", "bob@contoso.test");
        let (replies, queued) = send(&[anna, "carl@external.example", bob]);
        assert_eq!(replies, ["250 2.1.5", "550 5.7.1", "250 2.1.5"]);
        assert_eq!(queued, 250);
        let (replies, queued) = send(&[anna, bob]);
        assert_eq!(replies, ["250 2.1.5", "452 4.7.1"]);
        assert_eq!(queued, 250, "{}", postfix.log());
    }
}
