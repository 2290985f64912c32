//! `--replay`: the peer's part of a recording is played for the clients that come, and it is said where one
//! departs from its own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::lines::Lines;
use crate::command::connection::{Connection, came, converse};
use crate::command::scenarios::{Reading, Surroundings, read};
use crate::failure::Failure;
use crate::net::ServerSide;
use crate::scenario::{Cue, Expectation, Judged, Part, Speed, Values, ended, parts};
use crate::session::{Conversation, Heard, MAX_HELD, until};
use crate::wire::{Close, Role};

/// How long a client that is about to end may take to say its last when the server ends.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long a client may take to answer our Close.
const PATIENCE: Duration = Duration::from_secs(5);

/// A recording that is played.
pub struct Replay {
    file: String,
    parts: Vec<Part>,
    /// Clients that one performance takes.
    clients: usize,
    conns: usize,
    values: Values,
    speed: Speed,
    /// Whether there is a command, whose end is the end of its clients.
    has_command: bool,
    verbose: bool,
    lines: Lines,
    /// The performance that waits for further clients, and for how many.
    waiting: Mutex<Option<(mpsc::UnboundedSender<Client>, usize)>>,
    performances: AtomicUsize,
    departures: AtomicUsize,
}

/// A client that has come.
pub struct Client {
    /// Where from.
    pub address: SocketAddr,
    /// Its connection, with nothing that is for it.
    pub side: ServerSide<()>,
    /// Changes when the server ends.
    pub ended: watch::Receiver<()>,
}

impl Replay {
    /// Reads a recording.
    ///
    /// # Errors
    /// It cannot be read or played.
    pub fn of(file: &Path, vars: &[(String, String)], speed: Speed) -> Result<Replay, Failure> {
        let reading = Reading { vars, has_url: true, surroundings: Surroundings::Ours };
        let (file, (scenario, parts)) = read(file, &reading, |scenario| {
            let parts = parts(&scenario)?;
            Ok((scenario, parts))
        })?;
        let enters = parts.iter().filter(|part| matches!(part.cue, Cue::Enter(_)));
        Ok(Replay {
            file,
            clients: enters.count(),
            conns: scenario.conns.len(),
            values: scenario.values,
            parts,
            speed,
            has_command: false,
            verbose: false,
            lines: Lines::default(),
            waiting: Mutex::new(None),
            performances: AtomicUsize::new(0),
            departures: AtomicUsize::new(0),
        })
    }

    /// Has it say there where clients depart, and with `verbose` when they come and go. The clients of a
    /// command end with it.
    pub fn told(self, lines: Lines, verbose: bool, has_command: bool) -> Replay {
        Replay { lines, verbose, has_command, ..self }
    }

    /// The subprotocols that were spoken.
    pub fn subprotocols(&self) -> impl Iterator<Item = String> {
        self.parts.iter().filter_map(|part| match &part.cue {
            Cue::Enter(subprotocol) => subprotocol.clone(),
            _ => None,
        })
    }

    /// Whether a client has departed from it, or none has come for a command, which is said.
    pub fn was_departed_from(&self) -> bool {
        let is_unplayed = self.has_command && self.performances.load(Ordering::Relaxed) == 0;
        if is_unplayed {
            self.lines.say(&format!("wspipe: no client came for {}", self.file));
        }
        is_unplayed || self.departures.load(Ordering::Relaxed) > 0
    }

    /// Has a client take part: in the performance that waits for one, or in a new one.
    pub fn enter(self: &Arc<Self>, client: Client) {
        let Ok(mut waiting) = self.waiting.lock() else { return };
        // A performance that is over takes nobody in.
        let goes_on = waiting.take().filter(|(sender, _)| !sender.is_closed());
        let (sender, missing) = goes_on.unwrap_or_else(|| self.begin(&client));
        let _ = sender.send(client);
        if missing > 1 {
            *waiting = Some((sender, missing - 1));
        }
    }

    fn begin(self: &Arc<Self>, first: &Client) -> (mpsc::UnboundedSender<Client>, usize) {
        let (sender, clients) = mpsc::unbounded_channel();
        self.performances.fetch_add(1, Ordering::Relaxed);
        let mut connections = Vec::new();
        connections.resize_with(self.conns, || None);
        let performance = Performance {
            replay: Arc::clone(self),
            clients,
            early: VecDeque::new(),
            connections,
            addresses: vec![None; self.conns],
            places: Vec::new(),
            values: self.values.clone(),
            ended: first.ended.clone(),
            last_words: None,
        };
        tokio::spawn(performance.play());
        (sender, self.clients)
    }
}

/// Why a performance does not go on.
enum Trouble {
    /// A client did something else than the recording says.
    Departed(Vec<String>),
    /// The server ends.
    Ended,
}

/// A recording being played, for as many clients as it has.
struct Performance {
    replay: Arc<Replay>,
    clients: mpsc::UnboundedReceiver<Client>,
    /// Those that have come before their turn.
    early: VecDeque<Client>,
    connections: Vec<Option<Connection>>,
    addresses: Vec<Option<SocketAddr>>,
    /// Their places, while they are there.
    places: Vec<Option<OwnedSemaphorePermit>>,
    values: Values,
    ended: watch::Receiver<()>,
    /// When the server has ended, and until when clients may say their last.
    last_words: Option<Instant>,
}

impl Performance {
    async fn play(mut self) {
        let replay = Arc::clone(&self.replay);
        let mut before = Instant::now();
        for part in &replay.parts {
            if let Err(trouble) = self.part(part, before).await {
                let what = describe(&part.cue);
                return self.fail(trouble, part.line, part.conn, &what).await;
            }
            before = Instant::now();
        }
        if let Err((conn, trouble)) = self.hear_no_more().await {
            let line = replay.parts.last().map_or(0, |part| part.line);
            return self.fail(trouble, line, conn, "nothing more after it").await;
        }
        for address in self.addresses.iter().flatten() {
            self.remark(*address, &format!("played {} to its end", replay.file));
        }
        self.part_with(Close::new(1000, "")).await;
    }

    fn remark(&self, address: SocketAddr, what: &str) {
        if self.replay.verbose {
            self.replay.lines.say(&format!("* {address} {what}"));
        }
    }

    async fn part(&mut self, part: &Part, before: Instant) -> Result<(), Trouble> {
        let conn = part.conn;
        match &part.cue {
            Cue::Enter(subprotocol) => return self.enter(conn, subprotocol.as_deref()).await,
            Cue::Hear(expected) => return self.hear(conn, expected).await,
            Cue::Pause(length) => {
                return self.wait_until(before + self.replay.speed.of(*length)).await;
            }
            _ => self.wait_until(before + self.replay.speed.of(part.gap)).await?,
        }
        let Some(connection) = &mut self.connections[conn] else { return Ok(()) };
        if let Some(closure) = &connection.ended {
            return Err(Trouble::Departed(vec![format!("it had gone: {}", ended(closure))]));
        }
        match &part.cue {
            Cue::Say(kind, content, kept) => {
                let payload = content.payload(&self.values);
                let said = Heard::Message(*kind, payload.clone().into());
                if let Judged::Met(captured) = kept.judge(came(&said), &self.values) {
                    self.values.keep(captured);
                }
                connection.say(*kind, payload);
                self.while_not(conn, Connection::is_on_its_way, None).await
            }
            Cue::Ping(payload) => {
                connection.ping(payload.clone());
                Ok(())
            }
            Cue::Close(close) => {
                connection.close(close.clone());
                let patience = Instant::now() + PATIENCE;
                self.while_not(conn, |connection| connection.ended.is_some(), Some(patience)).await
            }
            _ => {
                self.while_not(conn, Connection::is_said, None).await?;
                self.connections[conn] = None;
                Ok(())
            }
        }
    }

    /// Waits until something moves, a time has come, or a client comes.
    ///
    /// # Errors
    /// The server has ended, and there was time for last words.
    async fn wait(&mut self, time: Option<Instant>) -> Result<(), Trouble> {
        let last = self.last_words.map(|begun| begun + LAST_WORDS);
        if last.is_some_and(|last| Instant::now() >= last) {
            return Err(Trouble::Ended);
        }
        let late = time.into_iter().chain(last).min();
        tokio::select! {
            biased;
            () = converse(&mut self.connections) => Ok(()),
            Some(client) = self.clients.recv() => {
                self.early.push_back(client);
                Ok(())
            }
            () = until(late) => Ok(()),
            _ = self.ended.changed(), if self.last_words.is_none() => {
                self.last_words = Some(Instant::now());
                Ok(())
            }
        }
    }

    async fn wait_until(&mut self, time: Instant) -> Result<(), Trouble> {
        while Instant::now() < time {
            self.wait(Some(time)).await?;
        }
        Ok(())
    }

    async fn while_not(
        &mut self,
        conn: usize,
        is_done: impl Fn(&Connection) -> bool,
        time: Option<Instant>,
    ) -> Result<(), Trouble> {
        let goes_on = |one: &Connection| one.ended.is_none() && !is_done(one);
        let is_early = || time.is_none_or(|time| Instant::now() < time);
        while self.connections[conn].as_ref().is_some_and(goes_on) && is_early() {
            self.wait(time).await?;
        }
        Ok(())
    }

    async fn enter(&mut self, conn: usize, subprotocol: Option<&str>) -> Result<(), Trouble> {
        let client = loop {
            match self.early.pop_front() {
                Some(client) => break client,
                None => self.wait(None).await?,
            }
        };
        let Client { address, mut side, .. } = client;
        self.remark(address, &format!("{} plays {}", side.path, self.replay.file));
        let place = side.place.take();
        let spoken = side.subprotocol.take();
        self.connections[conn] = Some(connection(side));
        self.addresses[conn] = Some(address);
        self.places.push(place);
        match subprotocol {
            Some(wanted) if spoken.as_deref() != Some(wanted) => {
                Err(Trouble::Departed(vec![format!("it did not offer the subprotocol {wanted}")]))
            }
            _ => Ok(()),
        }
    }

    async fn hear(&mut self, conn: usize, expected: &Expectation) -> Result<(), Trouble> {
        loop {
            if let Some(heard) = self.connections[conn].as_mut().and_then(Connection::take) {
                let came = came(&heard);
                if let Judged::Met(_) = expected.judge(came, &self.values) {
                    return Ok(());
                }
                return Err(Trouble::Departed(expected.unlike("came", came, &self.values)));
            }
            self.wait(None).await?;
        }
    }

    /// Waits for the end of all clients, who have nothing more to say.
    async fn hear_no_more(&mut self) -> Result<(), (usize, Trouble)> {
        for conn in 0..self.connections.len() {
            while let Some(connection) = &mut self.connections[conn] {
                match connection.take() {
                    Some(Heard::End(_)) => break,
                    Some(heard) => {
                        let got = format!("came: {}", came(&heard).describe(&self.values));
                        return Err((conn, Trouble::Departed(vec![got])));
                    }
                    None => match self.wait(None).await {
                        Ok(_) => {}
                        // It has played its part; that it stays is no departure.
                        Err(Trouble::Ended) => break,
                        Err(trouble) => return Err((conn, trouble)),
                    },
                }
            }
        }
        Ok(())
    }

    /// Says where a client has departed, and parts.
    async fn fail(self, trouble: Trouble, line: u64, conn: usize, what: &str) {
        let address = self.addresses.get(conn).copied().flatten();
        let why = match trouble {
            Trouble::Departed(why) => why,
            Trouble::Ended if self.replay.has_command => vec!["the command ended before".into()],
            Trouble::Ended => return self.part_with(Close::new(1001, "")).await,
        };
        self.replay.departures.fetch_add(1, Ordering::Relaxed);
        let who = match address {
            Some(address) => format!("{address} departed from"),
            None => "no client came for".into(),
        };
        let mut text = format!("wspipe: {who} {}:{line}: {what}", self.replay.file);
        for line in why.iter().flat_map(|text| text.lines()) {
            text.push_str("\n  ");
            text.push_str(line);
        }
        self.replay.lines.say(&text);
        let reason = format!("departed from the recording in line {line}");
        self.part_with(Close::new(1008, reason)).await;
    }

    async fn part_with(self, close: Close) {
        let early = self.early.into_iter().map(|client| Some(connection(client.side)));
        for mut connection in self.connections.into_iter().chain(early).flatten() {
            connection.close(close.clone());
            connection.part().await;
        }
    }
}

/// The connection of a client.
fn connection(side: ServerSide<()>) -> Connection {
    let (deflate, limit) = (side.deflate.as_ref(), Some(MAX_HELD));
    Connection::new(Conversation::new(side.stream, &side.early, Role::Server, limit, deflate))
}

/// What a part does, in one line.
fn describe(cue: &Cue) -> String {
    match cue {
        Cue::Enter(_) => "a client was to come".into(),
        Cue::Say(..) => "a message was to be sent".into(),
        Cue::Ping(_) => "a ping was to be sent".into(),
        Cue::Close(_) | Cue::Drop => "the connection was to be closed".into(),
        Cue::Hear(expected) => format!("expected {}", expected.describe()),
        Cue::Pause(_) => "silence was to be kept".into(),
    }
}
