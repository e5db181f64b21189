//! One connection from its first octet to its last: it moves octets and steps, and decides nothing.

mod ending;

use std::{net::SocketAddr, pin::Pin, sync::Arc};

use hve_smtp::{Now, Opening, Refusal, Report, Session, Step, TlsFacts};
use tokio::time::{Sleep, sleep_until, timeout};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tracing::{debug, error, info, warn};

use crate::{
    answers::Host,
    black_box::Evidence,
    config::TlsStart,
    devices::Connection,
    server::{Server, Stage},
    transport::{Received, Transport, TransportError},
};
use ending::{Ending, FailedHandshake};

/// One connection.
pub(crate) struct Driver {
    server: Arc<Server>,
    transport: Transport,
    session: Session,
    host: Host,
    peer: SocketAddr,
    /// How TLS begins here.
    tls: TlsStart,
    /// What will be told of the session if it fails.
    evidence: Evidence,
    /// Rings at the session's deadline, or before it: moving it for every command would cost more
    /// than a needless ring now and then.
    alarm: Pin<Box<Sleep>>,
    /// How far the session has followed the server in stopping.
    stage: Stage,
    /// Resolves at the next stage.
    next_stage: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What a wait ended in.
enum Woken {
    Alarm,
    Received(std::io::Result<Received>),
    Stop,
}

impl Driver {
    /// Takes over a connection; with implicit TLS, after its handshake.
    ///
    /// # Errors
    /// The handshake failed; that is logged, counted and kept here.
    pub(crate) async fn open(
        server: Arc<Server>,
        mut transport: Transport,
        peer: SocketAddr,
        tls: TlsStart,
    ) -> Result<Self, ()> {
        let host = Host::new(Arc::clone(&server), peer.ip());
        let id = server.names.session();
        // Anew: this client may be the first to come after a change. The last view has to do where
        // the directory cannot be read now; at sign-in that will be said.
        if let Err(error) = server.directory.current() {
            error!(%error, "directory unreadable");
        }
        if tls == TlsStart::Implicit
            && let Err(failed) = start_tls(&server, &mut transport).await
        {
            let mut evidence = Evidence::default();
            let ending = Ending {
                server: &server,
                host: &host,
                transport: &transport,
                tls,
                id: &id,
                session: None,
            };
            ending.tls_failed(&failed, &mut evidence);
            ending.keep(&evidence);
            return Err(());
        }
        let now = server.clock.now();
        let settings = server.settings.load();
        let widest = server.directory.widest();
        let ceiling = settings.limits.message_octets;
        let opening = Opening {
            id,
            peer,
            tls: facts(&transport),
            message_octets: widest.map_or(ceiling, |of| of.message_octets.min(ceiling)),
            recipients: widest.map_or(0, |of| of.recipients),
            messages: settings.limits.messages_per_session.get(),
        };
        let session = Session::new(Arc::clone(&settings.session), opening, now);
        let deadline = server.clock.instant(session.deadline());
        let mut driver = Self {
            alarm: Box::pin(sleep_until(deadline)),
            stage: Stage::Serving,
            next_stage: Box::pin(server.stop.after(Stage::Serving)),
            server: Arc::clone(&server),
            transport,
            session,
            host,
            peer,
            tls,
            evidence: Evidence::default(),
        };
        driver.offer();
        Ok(driver)
    }

    /// Says what AUTH offers, which depends on the TLS connection and on the client's address.
    fn offer(&mut self) {
        let certificate = self.transport.certificate();
        self.host.shown(certificate);
        let exported = self.transport.exported();
        self.host.bound_to(exported);
        let devices = self.server.directory.devices();
        self.session.offer(devices.mechanisms(Connection {
            from: self.peer.ip(),
            certificate: certificate.is_some(),
            binds: exported.is_some(),
        }));
    }

    /// Greets with a refusal instead of a session.
    pub(crate) fn overload(&mut self, refusal: Refusal) {
        self.session.overload(refusal);
    }

    /// Serves the client to the end.
    pub(crate) async fn run(mut self) {
        let orderly = self.serve().await;
        self.ending().keep(&self.evidence);
        if orderly {
            self.transport.close().await;
        }
    }

    /// Serves until there is nothing more to say, or, which is false, the connection is broken.
    async fn serve(&mut self) -> bool {
        debug!(session = self.session.opening().id, client = %self.peer, "connected");
        loop {
            let now = self.server.clock.now();
            let alive = match self.session.poll(now) {
                Step::NeedInput => self.wait(now).await,
                Step::Send(bytes) => self.send(&bytes).await,
                Step::Ask(question) => {
                    let answer = self.host.answer(question, now).await;
                    self.session.answer(answer, self.server.clock.now());
                    true
                }
                Step::StartTls => self.start_tls().await,
                Step::Report(report) => {
                    self.report(report);
                    true
                }
                Step::Close => return true,
                // A step that is not known here cannot be served.
                _ => false,
            };
            if !alive {
                return false;
            }
        }
    }

    fn ending(&self) -> Ending<'_> {
        Ending {
            server: &self.server,
            host: &self.host,
            transport: &self.transport,
            tls: self.tls,
            id: &self.session.opening().id,
            session: Some(&self.session),
        }
    }

    /// Waits for the client, its deadline or the end of the server. False where the connection
    /// is broken.
    async fn wait(&mut self, now: Now) -> bool {
        // A client that always has something to say must not outrun the clock or the end.
        if self.server.stop.stage() > self.stage {
            self.stop();
            return true;
        }
        let deadline = self.session.deadline();
        if now.monotonic >= deadline {
            self.session.timed_out(now);
            return true;
        }
        let deadline = self.server.clock.instant(deadline);
        if deadline < self.alarm.deadline() {
            self.alarm.as_mut().reset(deadline);
        }
        match self.woken().await {
            Woken::Received(Ok(Received::Octets)) => {
                self.host.input();
                self.grow_share().await;
            }
            Woken::Received(Ok(Received::End)) => self.session.peer_closed(now),
            Woken::Received(Err(error)) => {
                let session = &self.session.opening().id;
                debug!(session, client = %self.peer, %error, "connection broken");
                return false;
            }
            Woken::Alarm => {
                let now = self.server.clock.now();
                self.session.timed_out(now);
                let next = self.server.clock.instant(self.session.deadline());
                self.alarm.as_mut().reset(next);
            }
            Woken::Stop => self.stop(),
        }
        true
    }

    async fn woken(&mut self) -> Woken {
        let Self {
            transport,
            session,
            host,
            server,
            alarm,
            next_stage,
            ..
        } = self;
        let receive = transport.receive(|bytes| {
            if let Some(share) = &mut host.share {
                share.note(bytes.len());
            }
            session.receive(bytes, server.clock.now());
        });
        tokio::select! {
            biased;
            received = receive => Woken::Received(received),
            () = next_stage => Woken::Stop,
            () = alarm => Woken::Alarm,
        }
    }

    /// Makes room for what comes next of a message before it is read.
    async fn grow_share(&mut self) {
        if let Some(share) = &mut self.host.share
            && share.grow().await.is_err()
        {
            self.host.share = None;
            self.host.refused("bytes-in-flight");
            self.give_up();
        }
    }

    /// Follows the server by one stage.
    fn stop(&mut self) {
        if self.stage == Stage::Serving {
            self.stage = Stage::Draining;
            self.session.drain(self.server.clock.now());
        } else {
            self.stage = Stage::Cut;
            self.give_up();
        }
        self.next_stage.set(self.server.stop.after(self.stage));
    }

    /// Ends the session with 421, as if its deadline had passed.
    fn give_up(&mut self) {
        let now = self.server.clock.now();
        self.session.timed_out(Now {
            monotonic: self.session.deadline().max(now.monotonic),
            utc: now.utc,
        });
    }

    async fn send(&mut self, bytes: &[u8]) -> bool {
        let patience = self.server.settings.load().limits.write_timeout;
        match self.transport.send_within(bytes, patience).await {
            Ok(()) => true,
            Err(error) => {
                let session = &self.session.opening().id;
                debug!(session, client = %self.peer, %error, "reply not taken");
                false
            }
        }
    }

    async fn start_tls(&mut self) -> bool {
        match start_tls(&self.server, &mut self.transport).await {
            Ok(()) => {
                if let Some(facts) = facts(&self.transport) {
                    self.offer();
                    self.session.tls_started(facts, self.server.clock.now());
                }
                true
            }
            Err(failed) => {
                let mut evidence = std::mem::take(&mut self.evidence);
                self.ending().tls_failed(&failed, &mut evidence);
                self.evidence = evidence;
                false
            }
        }
    }

    fn report(&mut self, report: Report) {
        let session = &self.session.opening().id;
        let client = self.peer.ip();
        match report {
            Report::Refused {
                correlation,
                reason,
                command,
                code,
                enhanced,
                text,
            } => {
                self.host.refused(reason);
                self.evidence.refused(reason, &text);
                let enhanced = enhanced.map(|enhanced| enhanced.to_string());
                let account = self.host.account().map(tracing::field::display);
                let tried = self.host.tried().map(tracing::field::display);
                info!(id = correlation, reason, command, code, enhanced, account, tried, %client, "refused");
                // It may quote a recipient.
                debug!(id = correlation, text, "reply");
            }
            Report::ClearTextDropped { octets } => {
                self.host.refused("clear-text-dropped");
                self.evidence.refused("clear-text-dropped", "");
                warn!(session, %client, octets, "clear text behind STARTTLS dropped: a broken client or an attack");
            }
            Report::Ended {
                reason,
                commands,
                messages,
            } => debug!(session, %client, reason, commands, messages, "disconnected"),
            other => debug!(session, %client, ?other, "report"),
        }
    }
}

async fn start_tls(server: &Server, transport: &mut Transport) -> Result<(), FailedHandshake> {
    let patience = server.settings.load().limits.handshake_timeout;
    let ask = server.directory.devices().show_certificates();
    let began = server.clock.monotonic();
    let handshake = transport.start_tls(server.tls.config(ask));
    let done = tokio::select! {
        done = timeout(patience, handshake) => done.unwrap_or(Err(TransportError::TooSlow)),
        () = server.stop.draining() => Err(TransportError::Stopping),
    };
    done.map_err(|error| FailedHandshake {
        error,
        took: server.clock.monotonic().saturating_sub(began),
    })
}

fn facts(transport: &Transport) -> Option<TlsFacts> {
    let (version, cipher) = transport.tls_facts()?;
    Some(TlsFacts { version, cipher })
}
