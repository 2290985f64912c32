//! One scenario, step by step, over its connections.

use std::convert::Infallible;
use std::future::ready;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::all::not_run;
use super::open::Way;
use super::tell::Told;
use crate::command::connection::{Connection, came, converse};
use crate::exit::{self, Answer, Closure, Exit};
use crate::failure::Failure;
use crate::net;
use crate::output::escape::one_line;
use crate::scenario::{
    Act, Awaited, Expectation, Explanation, Judged, Opening, Scenario, Step, StepDone, StepEnd,
    Values, ended, rounded,
};
use crate::session::{Conversation, Heard, until};
use crate::wire::{Close, Role};

/// How long the connections may take to part; how they do is not judged.
pub const PARTING: Duration = Duration::from_secs(1);
/// How long the last bytes may take when all is ended from outside: enough for peers that read.
const LAST_BYTES: Duration = Duration::from_millis(100);
/// Things that also came, and are told.
const TOLD: usize = 10;

/// How a scenario ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it says.
    Passed,
    /// Otherwise.
    Failed,
    /// By a failure that has an exit code of its own.
    Error(Exit),
    /// It was not played to its end.
    NotRun,
}

/// Why all scenarios are ended before they are over.
#[derive(Clone, Debug)]
pub struct Stop {
    /// What is told.
    pub why: String,
    /// What peers are told.
    pub close: Close,
    /// How long they may take to answer that.
    pub patience: Duration,
}

/// Why a step did not pass.
enum Trouble {
    /// Something else came than was expected, or nothing.
    Unmet(Explanation),
    /// It could not be tried.
    Failed(Failure),
    /// It was ended from outside.
    Stopped,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Failed(failure)
    }
}

/// A scenario that is being played.
struct Play<'a> {
    scenario: &'a Scenario,
    way: Rc<Way>,
    connections: Vec<Option<Connection>>,
    values: Values,
    stopped: watch::Receiver<Option<Stop>>,
    /// What came and was passed over in the step that is under way, and how much more than is told.
    passed_over: Vec<String>,
    more_passed_over: u64,
    tell: &'a dyn Fn(Told),
}

/// Plays a scenario, and tells of each step.
pub async fn play(
    scenario: Scenario,
    way: Rc<Way>,
    stopped: watch::Receiver<Option<Stop>>,
    tell: &dyn Fn(Told),
) -> Verdict {
    tell(Told::Scenario);
    let begun = Instant::now();
    let mut connections = Vec::new();
    connections.resize_with(scenario.conns.len(), || None);
    let values = scenario.values.clone();
    let mut play = Play {
        scenario: &scenario,
        way: Rc::clone(&way),
        connections,
        values,
        stopped,
        passed_over: Vec::new(),
        more_passed_over: 0,
        tell,
    };
    let mut verdict = Verdict::Passed;
    for step in &scenario.steps {
        let done = if verdict == Verdict::Passed {
            let (done, then) = play.step(step).await;
            verdict = then;
            done
        } else {
            not_run(&way, &scenario, step)
        };
        tell(Told::Step(done));
    }
    tell(Told::Played(begun.elapsed()));
    play.part().await;
    verdict
}

impl Play<'_> {
    async fn step(&mut self, step: &Step) -> (StepDone, Verdict) {
        let what = self.way.describe(self.scenario, step);
        (self.tell)(Told::Begun(what.clone()));
        self.passed_over.clear();
        self.more_passed_over = 0;
        let begun = Instant::now();
        let done = self.act(step).await;
        let took = begun.elapsed();
        let (end, verdict) = match done {
            Ok(()) => (StepEnd::Passed, Verdict::Passed),
            Err(Trouble::Stopped) => {
                let why = self.stopped.borrow().as_ref().map(|stop| stop.why.clone());
                (StepEnd::Error(Explanation::new(why)), Verdict::NotRun)
            }
            Err(Trouble::Unmet(mut explanation)) => {
                self.take_what_is_there().await;
                explanation.arrived = self.what_else_arrived();
                explanation.hide(self.values.secrets());
                (StepEnd::Failed(explanation), Verdict::Failed)
            }
            Err(Trouble::Failed(failure)) => {
                let exit = exit::of_failure(&failure);
                let mut explanation = Explanation::new(self.way.explain(&failure));
                explanation.hide(self.values.secrets());
                (StepEnd::Error(explanation), Verdict::Error(exit))
            }
        };
        (StepDone { line: step.line, what, took, end }, verdict)
    }

    async fn act(&mut self, step: &Step) -> Result<(), Trouble> {
        match &step.act {
            Act::Open(opening) => self.open(step.conn, opening).await,
            Act::Send(kind, content) => {
                let payload = content.payload(&self.values);
                self.connection(step.conn)?.say(*kind, payload);
                self.send(step.conn, step.within).await
            }
            Act::Ping(payload) => {
                self.connection(step.conn)?.ping(payload.clone());
                self.send(step.conn, step.within).await
            }
            Act::Close(close, awaited) => {
                self.connection(step.conn)?.close(close.clone());
                if *awaited { self.await_close(step.conn, step.within).await } else { Ok(()) }
            }
            Act::Expect(expectation) => self.expect(step.conn, expectation, step.within).await,
            Act::Silence(length) => self.expect_silence(step.conn, *length).await,
        }
    }

    /// A connection that can be written to.
    fn connection(&mut self, conn: usize) -> Result<&mut Connection, Trouble> {
        match &mut self.connections[conn] {
            Some(Connection { ended: Some(closure), .. }) => {
                Err(unmet([format!("nothing can be sent: {}", ended(closure))]))
            }
            Some(connection) => Ok(connection),
            // What is not open is found when the file is read.
            None => Err(unmet(["the connection is not open".to_owned()])),
        }
    }

    /// # Errors
    /// All is ended from outside.
    fn is_stopped(&self) -> Result<(), Trouble> {
        if self.stopped.borrow().is_some() { Err(Trouble::Stopped) } else { Ok(()) }
    }

    /// Waits until something moves, a time has come, or all is ended from outside.
    async fn wait(&mut self, time: Instant) -> Result<(), Trouble> {
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(Option::is_some) => Err(Trouble::Stopped),
            () = converse(&mut self.connections) => Ok(()),
            () = until(Some(time)) => Ok(()),
        }
    }

    async fn open(&mut self, conn: usize, opening: &Opening) -> Result<(), Trouble> {
        if let Some(connection) = self.connections[conn].take() {
            connection.part().await;
        }
        let way = Rc::clone(&self.way);
        let mut stopped = self.stopped.clone();
        let late = opening.within.map(|within| Instant::now() + within);
        let opened = tokio::select! {
            () = until(late) => {
                let within = rounded(opening.within.unwrap_or_default());
                return Err(unmet([format!("it was not open within {within}")]));
            }
            opened = way.open(opening, self.scenario.url.as_ref(), &self.values) => opened,
            never = converse_on(&mut self.connections) => match never {},
            _ = stopped.wait_for(Option::is_some) => return Err(Trouble::Stopped),
        };
        match (opened, opening.status) {
            (Ok(opened), refused) => {
                let net::Opened { stream, early, accepted } = opened;
                let deflate = accepted.deflate.as_ref();
                let conversation =
                    Conversation::new(stream, &early, Role::Client, way.max_message, deflate);
                self.connections[conn] = Some(Connection::new(conversation));
                let wrong = match (refused, accepted.subprotocol) {
                    (Some(status), _) => {
                        format!("the upgrade was accepted, not refused with {status}")
                    }
                    (None, None) if opening.needs_subprotocol => {
                        format!("the server chose no subprotocol, not {}", one_of(opening))
                    }
                    (None, Some(chosen)) if !opening.may_choose(&chosen) => {
                        format!("the server chose {}, not {}", one_line(&chosen), one_of(opening))
                    }
                    _ => return Ok(()),
                };
                Err(unmet([wrong]))
            }
            (Err(Failure::Refused(refusal)), Some(status)) => {
                let got = refusal.status.as_u16();
                let why = format!("the upgrade was refused with {got}, not {status}");
                let said = way.voice.refusal(&refusal);
                if got == status { Ok(()) } else { Err(unmet([why + &said])) }
            }
            (Err(failure), _) => Err(failure.into()),
        }
    }

    /// Waits until what was said is on its way.
    async fn send(&mut self, conn: usize, within: Duration) -> Result<(), Trouble> {
        let deadline = Instant::now() + within;
        loop {
            match &self.connections[conn] {
                Some(connection) if connection.is_on_its_way() => return Ok(()),
                _ => self.connection(conn)?,
            };
            if Instant::now() >= deadline {
                let within = rounded(within);
                return Err(unmet([format!("the peer did not take it within {within}")]));
            }
            self.wait(deadline).await?;
        }
    }

    async fn expect(
        &mut self,
        conn: usize,
        expected: &Expectation,
        within: Duration,
    ) -> Result<(), Trouble> {
        let take = match expected.awaited {
            Awaited::Ping => Connection::take_ping,
            Awaited::Pong => Connection::take_pong,
            Awaited::Message | Awaited::Close => Connection::take,
        };
        // Others may come and go before it.
        let is_control = matches!(expected.awaited, Awaited::Ping | Awaited::Pong);
        let deadline = Instant::now() + within;
        let mut nearest = None;
        loop {
            let heard = self.connections[conn].as_mut().and_then(take);
            let has_more = heard.is_some();
            if let Some(heard) = heard {
                let is_end = matches!(heard, Heard::End(_));
                match expected.judge(came(&heard), &self.values) {
                    Judged::Met(captured) => {
                        self.values.keep(captured);
                        return Ok(());
                    }
                    Judged::Unmet if !is_end && (expected.skip || is_control) => {
                        self.pass_over(conn, &heard);
                        let nearness = expected.nearness(came(&heard), &self.values);
                        if nearest.as_ref().is_none_or(|(best, _)| nearness >= *best) {
                            nearest = Some((nearness, heard));
                        }
                    }
                    Judged::Unmet => return Err(self.unlike(expected, "came", &heard)),
                }
            }
            if Instant::now() >= deadline {
                let within = rounded(within);
                return Err(match nearest {
                    None => unmet([format!("nothing came within {within}")]),
                    Some((_, heard)) => {
                        let before = format!("it did not come within {within}; the nearest");
                        self.unlike(expected, &before, &heard)
                    }
                });
            }
            if has_more {
                // There are others, and limits and signals too.
                tokio::task::yield_now().await;
                self.is_stopped()?;
            } else {
                self.wait(deadline).await?;
            }
        }
    }

    /// Why something that came is not what was expected.
    fn unlike(&self, expected: &Expectation, before: &str, heard: &Heard) -> Trouble {
        unmet(expected.unlike(before, came(heard), &self.values))
    }

    async fn expect_silence(&mut self, conn: usize, length: Duration) -> Result<(), Trouble> {
        let deadline = Instant::now() + length;
        loop {
            if let Some(heard) = self.connections[conn].as_mut().and_then(Connection::take) {
                let came = came(&heard).describe(&self.values);
                return Err(unmet([format!("came: {came}")]));
            }
            if Instant::now() >= deadline {
                return Ok(());
            }
            self.wait(deadline).await?;
        }
    }

    async fn await_close(&mut self, conn: usize, within: Duration) -> Result<(), Trouble> {
        let deadline = Instant::now() + within;
        loop {
            while let Some(heard) = self.connections[conn].as_mut().and_then(Connection::take) {
                let Heard::End(closure) = &heard else {
                    self.pass_over(conn, &heard);
                    continue;
                };
                return match closure {
                    Closure::ByUs { answer: Answer::Close(_), .. }
                        if closure.peers_close().is_none() =>
                    {
                        Ok(())
                    }
                    closure => Err(unmet([ended(closure)])),
                };
            }
            if Instant::now() >= deadline {
                let within = rounded(within);
                return Err(unmet([format!("our Close was not answered within {within}")]));
            }
            self.wait(deadline).await?;
        }
    }

    fn pass_over(&mut self, conn: usize, heard: &Heard) {
        if self.passed_over.len() < TOLD {
            let shown = came(heard).describe(&self.values);
            self.passed_over.push(self.named(conn) + &shown);
        } else {
            self.more_passed_over += 1;
        }
    }

    fn named(&self, conn: usize) -> String {
        let name = &self.scenario.conns[conn];
        if name.is_empty() { String::new() } else { format!("{}: ", one_line(name)) }
    }

    /// Reads what has arrived by now, or enough of it.
    async fn take_what_is_there(&mut self) {
        for _ in 0..TOLD {
            tokio::select! {
                biased;
                () = converse(&mut self.connections) => {}
                () = ready(()) => return,
            }
        }
    }

    /// What came and no step has taken, in lines.
    fn what_else_arrived(&mut self) -> Vec<String> {
        let mut arrived = std::mem::take(&mut self.passed_over);
        let mut more = self.more_passed_over;
        for (conn, connection) in self.connections.iter().enumerate() {
            for heard in connection.iter().flat_map(Connection::untaken) {
                if arrived.len() < TOLD {
                    arrived.push(self.named(conn) + &came(heard).describe(&self.values));
                } else {
                    more += 1;
                }
            }
        }
        if more > 0 {
            arrived.push(format!("and {more} more"));
        }
        arrived
    }

    /// Closes what is open, and waits for the answers.
    async fn part(mut self) {
        let stop = self.stopped.borrow().as_ref().map(|stop| (stop.close.clone(), stop.patience));
        let is_stopped = stop.is_some();
        let (close, patience) = stop.unwrap_or((Close::new(1000, ""), PARTING));
        for connection in self.connections.iter_mut().flatten() {
            connection.close(close.clone());
        }
        // It goes out, though nobody may wait for what comes back.
        let _ = timeout(Duration::ZERO, converse(&mut self.connections)).await;
        let deadline = Instant::now() + patience;
        let is_open = |connection: &Connection| connection.ended.is_none();
        while self.connections.iter().flatten().any(is_open) && Instant::now() < deadline {
            // Nobody looks at what comes now.
            for connection in self.connections.iter_mut().flatten() {
                while connection.ended.is_none() && connection.take().is_some() {}
            }
            tokio::select! {
                () = converse(&mut self.connections) => {}
                () = until(Some(deadline)) => {}
            }
        }
        let parting = async {
            for connection in self.connections.into_iter().flatten() {
                connection.part().await;
            }
        };
        if is_stopped {
            // Peers that do not read are not waited for, however many they are.
            let _ = timeout(LAST_BYTES, parting).await;
        } else {
            parting.await;
        }
    }
}

/// Lets the connections speak and listen for ever.
async fn converse_on(connections: &mut [Option<Connection>]) -> Infallible {
    loop {
        converse(connections).await;
    }
}

/// The subprotocols of which one was to be chosen, in words.
fn one_of(opening: &Opening) -> String {
    opening.subprotocols.join(" or ")
}

fn unmet(why: impl IntoIterator<Item = String>) -> Trouble {
    Trouble::Unmet(Explanation::new(why))
}
