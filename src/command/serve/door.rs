//! The door: every client that comes is received and served in a task of its own, until the server ends.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::lines::Lines;
use super::replay::{Client, Replay};
use crate::failure::root_cause;
use crate::net::{Reception, ServerSide};
use crate::session::{Account, Beginning, Burden, Chronicle, Conduct, Scribe, Serving, Spare};
use crate::ui;
use crate::wire::Role;

/// How long accepting pauses when the system has no descriptor left.
const BREATH: Duration = Duration::from_millis(50);

/// What every client finds.
#[derive(Default)]
pub struct Door {
    /// How it is received.
    pub reception: Reception,
    /// What is done with its messages.
    pub conduct: Conduct,
    /// The recording that is played for them instead.
    pub replay: Option<Arc<Replay>>,
    /// What there is for clients that write before they read.
    pub spare: Spare,
    /// Where what passes is written down.
    pub chronicle: Option<Arc<Chronicle>>,
    /// Where clients find us.
    pub url: String,
    /// Whether there is a line for each of them.
    pub verbose: bool,
    /// Where that is said.
    pub lines: Lines,
}

impl Door {
    /// Receives every client until `ended` changes.
    pub async fn receive_all(self: Arc<Self>, listener: TcpListener, ended: watch::Receiver<()>) {
        let mut is_short = false;
        loop {
            match listener.accept().await {
                Ok((stream, address)) => {
                    let (door, ended) = (Arc::clone(&self), ended.clone());
                    tokio::spawn(async move { door.serve(stream, address, ended).await });
                }
                Err(error) => {
                    if !is_short && is_shortage(&error) {
                        is_short = true;
                        self.lines.say(&shortage(&error));
                    }
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }

    async fn serve(&self, stream: TcpStream, address: SocketAddr, mut ended: watch::Receiver<()>) {
        // Without this only latency is lost.
        let _ = stream.set_nodelay(true);
        let end = ended.clone();
        let ended = async {
            if ended.changed().await.is_err() {
                pending().await
            }
        };
        tokio::pin!(ended);
        let tell = |what: &str| self.tell(address, what);
        // What is said to all when a client hears that it is in reaches it.
        let enter = || self.conduct.enter();
        let received = tokio::select! {
            received = self.reception.receive(stream, &tell, &enter) => received,
            () = &mut ended => None,
        };
        let Some(client) = received else { return };
        if let Some(replay) = &self.replay {
            return replay.enter(Client { address, side: client.empty_handed(), ended: end });
        }
        let ServerSide { stream, early, deflate, subprotocol, path, place, given: mut answers } =
            client;
        answers.account.scribe = self.scribe(&path, subprotocol.as_deref());
        let serving = Serving { role: Role::Server, deflate, spare: &self.spare, answers };
        let mut account = serving.run(stream, &early, ended).await;
        drop(place);
        if let Some(scribe) = account.scribe.take() {
            scribe.end(account.closure.as_ref());
        }
        self.tell_end(address, &path, subprotocol.as_deref(), &account);
    }

    /// Who writes down what passes on a connection, if anybody does.
    fn scribe(&self, path: &str, subprotocol: Option<&str>) -> Option<Scribe> {
        let url = format!("{}{path}", self.url);
        let address = self.url.rsplit('/').next().unwrap_or_default();
        let beginning = Beginning { url: &url, subprotocol, address };
        Some(self.chronicle.as_ref()?.begin(beginning))
    }

    fn tell_end(
        &self,
        address: SocketAddr,
        path: &str,
        subprotocol: Option<&str>,
        account: &Account,
    ) {
        let Account { received, sent, closure, burden, .. } = account;
        if let Some(burden) = burden {
            let said = match burden {
                Burden::Behind => ui::behind(path),
                Burden::TooMuch => ui::too_much(path),
            };
            self.lines.say(&format!("wspipe: {address} {said}"));
        }
        if self.verbose {
            let flows = [received, sent];
            self.tell(address, &ui::closed(path, subprotocol, closure.as_ref(), flows));
        }
    }

    fn tell(&self, address: SocketAddr, what: &str) {
        if self.verbose {
            self.lines.say(&format!("* {address} {what}"));
        }
    }
}

/// Whether it is this machine or this process that has no more to give, and not a client that has gone.
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    let number = error.raw_os_error();
    shortages.iter().any(|shortage| number == Some(shortage.raw_os_error()))
}

fn shortage(error: &io::Error) -> String {
    format!(
        "wspipe: no further client can be accepted for now: {}\n  hint: ulimit -n raises the number of \
         open files, --max-connections refuses clients in time",
        root_cause(error).to_lowercase()
    )
}
