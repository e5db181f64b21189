//! Who answers the questions of one session, and with what: directory, sign-in, policy, store.

mod scram;

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use hve_auth::{SignInRefusal, still_good};
use hve_delivery::{Content, Due};
use hve_policy::{RecipientFacts, header, recipient, sender, size};
use hve_smtp::{
    Answer, BearerCredentials, Credentials, DataRequest, Leniency, MailRequest, Mechanism, Now,
    Question, RcptRequest, Refusal, Submission,
};
use hve_store::{LastUse, NewMessage};
use hve_types::{Account, Address, CertificateFingerprint, DomainKind, Principal, Tenant};
use tracing::{error, info};

use crate::{
    black_box::UserName,
    budget::Share,
    committer::{Note, Refused},
    directory::{DirectoryError, DirectoryView},
    refusals,
    server::{Server, queue_id},
    sign_in::{Client, Exchange, SignedIn},
};

/// The host of one session.
pub(crate) struct Host {
    server: Arc<Server>,
    client: Client,
    /// What the TLS connection gives to bind to.
    exported: Option<[u8; 32]>,
    /// A SCRAM exchange that is under way, or was broken off.
    scram: Option<Exchange>,
    signed_in: Option<SignedIn>,
    /// The user name of a sign-in that failed, so that the log tells which device it is. Only an
    /// address is kept: some put their password there.
    tried: Option<Address>,
    /// The form of that name, whatever it is.
    user_name: Option<UserName>,
    /// The directory as of the last read from the client: what it sent in one piece is judged by
    /// one state.
    view: Option<Arc<dyn DirectoryView>>,
    /// The memory of the message that is being received.
    pub(crate) share: Option<Share>,
}

type Judged = Result<Answer, Refusal>;

/// When in a transaction a question is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Mail,
    Later,
}

impl Host {
    pub(crate) const fn new(server: Arc<Server>, client: IpAddr) -> Self {
        Self {
            server,
            client: Client {
                address: client,
                certificate: None,
            },
            exported: None,
            scram: None,
            signed_in: None,
            tried: None,
            user_name: None,
            view: None,
            share: None,
        }
    }

    /// Input has come: the next question looks at the directory anew.
    pub(crate) fn input(&mut self) {
        self.view = None;
    }

    /// The client has shown this certificate in its TLS handshake, or none.
    pub(crate) fn shown(&mut self, certificate: Option<CertificateFingerprint>) {
        self.client.certificate = certificate;
    }

    pub(crate) const fn client(&self) -> IpAddr {
        self.client.address
    }

    /// The TLS connection gives these octets to bind to, or none.
    pub(crate) fn bound_to(&mut self, exported: Option<[u8; 32]>) {
        self.exported = exported;
    }

    pub(crate) fn account(&self) -> Option<&Address> {
        self.signed_in.as_ref().map(|who| &who.principal.address)
    }

    /// Who failed to sign in, until somebody does.
    pub(crate) fn tried(&self) -> Option<&Address> {
        self.tried.as_ref()
    }

    /// The form of the user name of the last sign-in.
    pub(crate) const fn user_name(&self) -> Option<UserName> {
        self.user_name
    }

    /// Somebody of that name is about to sign in.
    fn tries(&mut self, user: &str) {
        // Any other address may be a password.
        let view = self.view().ok();
        let ours = |user: &Address| {
            let view = view.as_ref();
            view.is_some_and(|view| view.domain(&user.domain()).is_some())
        };
        self.tried = Address::parse(user).ok().filter(ours);
        self.user_name = Some(UserName::of(user));
    }

    /// Counts a refusal, under the account where that is known.
    pub(crate) fn refused(&self, reason: &'static str) {
        let who = self.signed_in.as_ref().map(|who| &who.principal);
        self.server.committer.note(Note::Refused(Refused {
            tenant: who.map(|who| who.tenant),
            account: who.map(|who| who.account),
            reason,
        }));
    }

    pub(crate) async fn answer(&mut self, question: Question, now: Now) -> Answer {
        let judged = match question {
            Question::Authenticate(credentials) => self.authenticate(&credentials, now).await,
            Question::Bearer(credentials) => self.bearer(&credentials, now).await,
            Question::Sasl(response) => self.scram(&response, now).await,
            Question::External { authzid } => self.external(authzid.as_deref(), now),
            Question::Mail(request) => self.mail(&request, now),
            Question::Rcpt(request) => self.rcpt(&request, now),
            Question::Data(request) => self.data(&request, now).await,
            Question::Submit(submission) => self.submit(*submission, now).await,
            // A question that is not known here is not granted.
            _ => Err(refusals::unavailable()),
        };
        judged.unwrap_or_else(Answer::Refused)
    }

    async fn authenticate(&mut self, credentials: &Credentials, now: Now) -> Judged {
        self.tries(&credentials.user);
        let view = self.view()?;
        let sign_in = &self.server.sign_in;
        let signed_in = sign_in
            .authenticate(&*view, credentials, self.client, now)
            .await
            .map_err(|no| refusals::user_name(no, &credentials.user))?;
        self.welcome(&*view, signed_in, credentials.mechanism, now)
    }

    async fn bearer(&mut self, credentials: &BearerCredentials, now: Now) -> Judged {
        self.tries(&credentials.user);
        let server = Arc::clone(&self.server);
        let signed_in = server
            .bearers
            .authenticate(
                &server.directory,
                &server.sign_in,
                credentials,
                self.client,
                now,
            )
            .await?;
        let view = self.view()?;
        self.welcome(&*view, signed_in, credentials.mechanism, now)
    }

    fn external(&mut self, authzid: Option<&str>, now: Now) -> Judged {
        self.tries(authzid.unwrap_or_default());
        let view = self.view()?;
        let sign_in = &self.server.sign_in;
        let signed_in = sign_in.external(&*view, authzid, self.client, now)?;
        self.welcome(&*view, signed_in, Mechanism::External, now)
    }

    fn welcome(
        &mut self,
        view: &dyn DirectoryView,
        signed_in: SignedIn,
        mechanism: Mechanism,
        now: Now,
    ) -> Judged {
        let principal = &signed_in.principal;
        let user = principal.address.clone();
        let mechanism = mechanism.as_str();
        self.server.committer.note(Note::SignedIn(Box::new(LastUse {
            account: principal.account,
            proof: principal.proof.name(),
            at: now.utc,
            client: self.client.address,
            mechanism: mechanism.to_owned(),
        })));
        info!(account = %user, client = %self.client.address, mechanism, "signed in");
        let account = view.account(signed_in.principal.account);
        let leniency = account.map(leniency).unwrap_or_default();
        self.signed_in = Some(signed_in);
        self.tried = None;
        Ok(Answer::Authenticated { user, leniency })
    }

    fn mail(&mut self, request: &MailRequest, now: Now) -> Judged {
        // A transaction that was given up has given its memory back.
        self.share = None;
        let view = self.view()?;
        let (principal, _, tenant) = self.standing(&*view, now, Moment::Mail)?;
        sender(principal, request.sender.as_ref()).map_err(|no| refusals::sender(&no))?;
        size(&tenant.limits, request.declared_octets.unwrap_or(0))
            .map_err(|no| refusals::too_large(&no))?;
        Ok(Answer::Accepted)
    }

    fn rcpt(&mut self, request: &RcptRequest, now: Now) -> Judged {
        let view = self.view()?;
        let (principal, account, tenant) = self.standing(&*view, now, Moment::Later)?;
        let address = &request.recipient.address;
        let facts = match view.domain(&address.domain()) {
            Some((of, kind)) if of == principal.tenant => RecipientFacts {
                domain: Some(kind),
                listed: kind == DomainKind::Authoritative
                    && self
                        .server
                        .directory
                        .lists_recipient(&*view, of, address)
                        .map_err(|error| unreadable(&error))?,
            },
            _ => RecipientFacts::EXTERNAL,
        };
        recipient(&tenant.limits, facts, request.accepted)
            .map_err(|no| refusals::recipient(&no))?;
        let (version, now) = (view.version(), now.utc.unix_timestamp());
        let recipients = request.accepted.saturating_add(1);
        refusals::beyond_quota(account, tenant, recipients)?;
        self.server
            .hints
            .check(principal, recipients, version, now)?;
        Ok(Answer::Accepted)
    }

    async fn data(&mut self, request: &DataRequest, now: Now) -> Judged {
        let view = self.view()?;
        let (_, account, tenant) = self.standing(&*view, now, Moment::Later)?;
        let reply_to = account.reply_to.clone();
        let ceiling = self.server.settings.load().limits.message_octets;
        let message_octets = tenant.limits.message_octets.min(ceiling);
        let share = self.server.budget.share(request.declared_octets).await;
        self.share = Some(share.map_err(|_| refusals::no_memory())?);
        Ok(Answer::Proceed {
            queue_id: queue_id().map_err(|error| {
                error!(%error, "no randomness");
                refusals::unavailable()
            })?,
            message_octets,
            reply_to,
        })
    }

    async fn submit(&mut self, submission: Submission, now: Now) -> Judged {
        // Until the commit: then the message is delivery's, which has bounds of its own.
        let _share = self.share.take();
        let view = self.view()?;
        let (principal, account, tenant) = self.standing(&*view, now, Moment::Later)?;
        header(principal, &submission.from, &submission.sender)
            .map_err(|no| refusals::header(&no))?;
        size(&tenant.limits, submission.received_octets).map_err(|no| refusals::too_large(&no))?;
        if let Some(per_minute) = account.limits.messages_per_minute {
            let (rates, id) = (&self.server.rates, principal.account);
            rates
                .check(id, per_minute, now.monotonic)
                .map_err(|wait| refusals::rate(&wait))?;
        }
        let octets = submission.received_octets;
        let message = NewMessage {
            id: submission.queue_id,
            tenant: principal.tenant,
            account: principal.account,
            envelope: Arc::new(submission.envelope),
            content: Bytes::from(submission.content),
            client: self.client.address,
            message_id: submission.message_id,
        };
        let due = due(&message, now);
        let committed = self.server.committer.submit(message).await;
        let verdict = committed.map_err(refusals::store)?;
        self.server.hints.learn(principal, &verdict, view.version());
        refusals::accepted(&verdict, now.monotonic)?;
        info!(
            queue_id = %due.id, account = %principal.address, client = %self.client.address,
            recipients = due.envelope.recipients.len(), octets, "accepted"
        );
        self.server.handover.offer(due);
        Ok(Answer::Queued)
    }

    /// The directory of this moment, read at most once for each input.
    fn view(&mut self) -> Result<Arc<dyn DirectoryView>, Refusal> {
        if let Some(view) = &self.view {
            return Ok(Arc::clone(view));
        }
        let view = self
            .server
            .directory
            .current()
            .map_err(|error| unreadable(&error))?;
        self.view = Some(Arc::clone(&view));
        Ok(view)
    }

    /// Who the session acts for, if they still may. A token has to hold when a transaction begins:
    /// what is on its way then is not cut off, as it would come a second time.
    fn standing<'a>(
        &'a self,
        view: &'a dyn DirectoryView,
        now: Now,
        moment: Moment,
    ) -> Result<(&'a Principal, &'a Account, &'a Tenant), Refusal> {
        let Some(SignedIn {
            principal, attempt, ..
        }) = &self.signed_in
        else {
            // The session asks such questions after sign-in only.
            return Err(refusals::unavailable());
        };
        let (account, tenant) = (
            view.account(principal.account),
            view.tenant(principal.tenant),
        );
        match still_good(principal, account, tenant, *attempt, now.utc) {
            Ok(()) => {}
            // It is looked at last, so that all else is good.
            Err(SignInRefusal::TokenExpired(_)) if moment == Moment::Later => {}
            Err(no) => return Err(refusals::no_longer_good(&no, now.monotonic)),
        }
        match (account, tenant) {
            (Some(account), Some(tenant)) => Ok((principal, account, tenant)),
            _ => Err(refusals::unavailable()),
        }
    }
}

/// What is forgiven the account's device, from the next session on where it is changed.
const fn leniency(account: &Account) -> Leniency {
    let of = account.sign_in.leniency;
    Leniency {
        bare_lf: of.bare_lf,
        long_lines: of.long_lines,
    }
}

/// The message as delivery takes it over once it is durable.
fn due(message: &NewMessage, now: Now) -> Due {
    Due {
        id: message.id,
        tenant: message.tenant,
        account: message.account,
        envelope: Arc::clone(&message.envelope),
        pending: (0..message.envelope.recipients.len()).collect(),
        attempts: 0,
        accepted_at: now.utc,
        delay_told: false,
        content: Content::InMemory(message.content.clone()),
    }
}

fn unreadable(error: &DirectoryError) -> Refusal {
    error!(%error, "directory unreadable");
    refusals::unavailable()
}
