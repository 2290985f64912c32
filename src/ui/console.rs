//! The terminal while a line is typed there: whatever else is shown goes above that line, in order, by
//! way of a queue and a thread, since an editor may take its time. Before and after, everything goes
//! straight to where it belongs.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustyline::ExternalPrinter;

use super::raw;
use crate::output::Screen;
use crate::wire::utf8::cut_at_end;

/// Bytes of a line that are held back while its end has not come.
const HELD: usize = 4096;
/// Bytes that may wait to be shown.
const WAITING: usize = 256 * 1024;
/// How long an editor may take, at the end, before it shows something.
const PATIENCE: Duration = Duration::from_millis(400);
/// What leaves a terminal as it is when it is printed above the line: up, and down again.
const NOTHING: &str = "\x1b[A\n";

/// Where things are shown while a line may be typed.
#[derive(Clone, Debug, Default)]
pub struct Console {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Whether the editor shows what it is given: a line is being typed.
    is_typing: bool,
    /// What waits to be given to the editor.
    waiting: String,
    /// What it has been given, and may not have shown.
    given: String,
    /// What was in the line when the editor stopped.
    line: Option<String>,
    /// Whether the editor has no terminal, and so shows nothing.
    is_away: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nobody types.
    #[default]
    Direct,
    /// Somebody does.
    Typing,
    /// The session is over, and what is left of it is shown.
    Ending,
    /// The editor is to stop.
    Over,
}

impl Console {
    /// A line is typed from now on; `printer` prints above it, and `terminal` is where.
    ///
    /// # Errors
    /// It is no terminal, or there is no thread.
    pub fn begin(
        &self,
        terminal: File,
        printer: impl ExternalPrinter + Send + 'static,
    ) -> io::Result<()> {
        raw::begin(terminal)?;
        self.state().phase = Phase::Typing;
        let console = self.clone();
        thread::Builder::new().name("console".into()).spawn(move || console.show(printer))?;
        Ok(())
    }

    /// A way to the terminal for one who writes to `file` when no line is typed.
    pub fn screen(&self, file: File) -> Box<dyn Screen> {
        Box::new(Above { console: self.clone(), file, rest: Vec::new() })
    }

    /// The editor is about to draw the line. When all is over, it stops here for good: it has cleared
    /// the line, and nothing of it may come later than the last words.
    pub fn line_is_drawn(&self, line: &str) {
        let mut state = self.state();
        state.is_typing = true;
        state.given.clear();
        if state.phase == Phase::Over {
            state.line = Some(line.to_owned());
        }
        let is_over = state.phase == Phase::Over;
        drop(state);
        self.shared.changed.notify_all();
        if is_over {
            loop {
                thread::park();
            }
        }
    }

    /// The line has been typed.
    pub fn line_is_done(&self) {
        self.state().is_typing = false;
    }

    /// The editor has no terminal any more, or has one again: nobody waits for it meanwhile.
    pub fn editor_is_away(&self, is_away: bool) {
        self.state().is_away = is_away;
        self.shared.changed.notify_all();
    }

    /// Whether the session is over, and the process soon.
    pub fn is_over(&self) -> bool {
        matches!(self.state().phase, Phase::Ending | Phase::Over)
    }

    /// The session is over: nobody waits for the editor any more.
    pub fn end(&self) {
        let mut state = self.state();
        if state.phase == Phase::Typing {
            state.phase = Phase::Ending;
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Gives the editor the time to show what is left, and stops it. What belongs on the terminal after
    /// that: `prompt` and what was typed and not sent, or what the editor has not shown; nothing if
    /// nobody typed.
    pub fn settle(&self, prompt: &str) -> Option<String> {
        self.end();
        let mut state = self.state();
        if state.phase == Phase::Direct {
            return None;
        }
        let unseen = |state: &State| (state.waiting.len(), state.given.len());
        let mut is_stuck = false;
        while !is_stuck && !state.is_away && unseen(&state) != (0, 0) {
            let before = unseen(&state);
            let waits = |state: &State| unseen(state) == before && !state.is_away;
            (state, is_stuck) = self.wait_while(state, waits);
        }
        state.phase = Phase::Over;
        self.shared.changed.notify_all();
        let waits = |state: &State| state.line.is_none() && !state.is_away;
        let (mut state, _) = self.wait_while(state, waits);
        let unseen = mem::take(&mut state.given) + &mem::take(&mut state.waiting);
        Some(match state.line.as_deref() {
            Some("") => unseen,
            Some(line) => format!("{unseen}{prompt}{line}\r\n"),
            None => format!("\r\n{unseen}"),
        })
    }

    /// Gives the editor what waits.
    fn show(&self, mut printer: impl ExternalPrinter) {
        loop {
            let mut state = self.state();
            while state.phase != Phase::Over && (state.waiting.is_empty() || !state.is_typing) {
                state = unpoisoned(self.shared.changed.wait(state));
            }
            if state.phase == Phase::Over {
                break;
            }
            let text = mem::take(&mut state.waiting);
            state.given.push_str(&text);
            drop(state);
            self.shared.changed.notify_all();
            // An editor that is gone shows nothing.
            let _ = printer.print(text);
        }
        // With this it draws the line once more.
        let _ = printer.print(NOTHING.to_owned());
    }

    /// Whether it goes above a line; if so, it is left here, once there is room.
    fn take(&self, text: &str) -> bool {
        let mut state = self.state();
        while state.phase == Phase::Typing && state.waiting.len() >= WAITING {
            state = unpoisoned(self.shared.changed.wait(state));
        }
        let takes = matches!(state.phase, Phase::Typing | Phase::Ending);
        if takes {
            state.waiting.push_str(text);
            drop(state);
            self.shared.changed.notify_all();
        }
        takes
    }

    fn is_direct(&self) -> bool {
        matches!(self.state().phase, Phase::Direct | Phase::Over)
    }

    /// Waits as long as it holds, but not for ever; whether it still holds.
    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        holds: impl Fn(&State) -> bool,
    ) -> (MutexGuard<'a, State>, bool) {
        let changed = &self.shared.changed;
        let waited = changed.wait_timeout_while(state, PATIENCE, |state| holds(state));
        let (state, waited) = unpoisoned(waited);
        (state, waited.timed_out())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        unpoisoned(self.shared.state.lock())
    }
}

fn unpoisoned<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// One who writes above the line.
struct Above {
    console: Console,
    file: File,
    /// The beginning of a line.
    rest: Vec<u8>,
}

impl Screen for Above {}

impl Above {
    /// Prints the first bytes of the rest.
    fn print(&mut self, end: usize) -> io::Result<()> {
        if end == 0 {
            return Ok(());
        }
        let after = self.rest.split_off(end);
        let mut text = String::from_utf8_lossy(&mem::replace(&mut self.rest, after)).into_owned();
        if !text.ends_with('\n') {
            // There is no other way above the line that is typed.
            text.push('\n');
        }
        if self.console.take(&text) { Ok(()) } else { self.file.write_all(text.as_bytes()) }
    }
}

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.console.is_direct() {
            let rest = mem::take(&mut self.rest);
            self.file.write_all(&rest)?;
            return self.file.write(bytes);
        }
        self.rest.extend_from_slice(bytes);
        let lines = memchr::memrchr(b'\n', &self.rest).map_or(0, |last| last + 1);
        self.print(lines)?;
        if self.rest.len() > HELD {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    /// What is there of a line becomes one.
    fn flush(&mut self) -> io::Result<()> {
        let cut = cut_at_end(&self.rest);
        self.print(self.rest.len() - cut)
    }
}

impl fmt::Debug for Above {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Above").field("file", &self.file).finish_non_exhaustive()
    }
}
