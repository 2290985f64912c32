//! What can end a run from outside at any moment: signals and the limit on the whole run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::until;
use crate::signals::{Awaited, is_ignored};

/// How long a run may take to end after a signal.
pub const AFTER_SIGNAL: Duration = Duration::from_secs(1);
/// How long the output may take after the limit on the whole run: enough for one that is not stuck.
const AFTER_MAX_TIME: Duration = Duration::from_millis(200);

/// An end from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Ctrl-C or SIGTERM.
    Signal(i32),
    /// `-m`: the run has taken this long.
    MaxTime(Duration),
}

/// Listens for them.
#[derive(Debug)]
pub struct Interrupts {
    int: Awaited,
    term: Awaited,
    /// Set in the moment of a signal, before anybody is woken.
    signalled: Arc<AtomicBool>,
    limit: Option<Duration>,
    /// When that is reached.
    max_time: Option<(Instant, Duration)>,
    /// Until when the run may still tidy up, once one has come.
    deadline: Option<Instant>,
}

impl Interrupts {
    /// Takes the signals over that are not ignored; `max_time` counts from `start`.
    ///
    /// # Errors
    /// The signals cannot be had.
    pub fn new(start: Instant, max_time: Option<Duration>) -> io::Result<Self> {
        Interrupts::by([SIGINT, SIGTERM], start, max_time)
    }

    /// The same with signals that stand for these two.
    pub(super) fn by(
        signals: [i32; 2],
        start: Instant,
        max_time: Option<Duration>,
    ) -> io::Result<Self> {
        let signalled = Arc::new(AtomicBool::new(false));
        // Before the others are told: it is taken back when they have been.
        for number in signals.into_iter().filter(|number| !is_ignored(*number)) {
            signal_hook::flag::register(number, Arc::clone(&signalled))?;
        }
        let [int, term] = signals.map(Awaited::new);
        let (int, term) = (int?, term?);
        let mut interrupts =
            Interrupts { int, term, signalled, limit: max_time, max_time: None, deadline: None };
        interrupts.limit_from(Some(start));
        Ok(interrupts)
    }

    /// Hears Ctrl-C in any case: it is typed where the terminal makes no signal of it.
    ///
    /// # Errors
    /// The signal cannot be had.
    pub fn hear_typed(&mut self) -> io::Result<()> {
        if is_ignored(SIGINT) {
            signal_hook::flag::register(SIGINT, Arc::clone(&self.signalled))?;
            self.int = Awaited::in_any_case(SIGINT)?;
        }
        Ok(())
    }

    /// Lets the time limit count from `start`, or not at all.
    pub fn limit_from(&mut self, start: Option<Instant>) {
        let end = |limit| Some((start?.checked_add(limit)?, limit));
        self.max_time = self.limit.and_then(end);
        self.deadline = None;
    }

    /// Until when the run may still tidy up: without limit while none has come, a second after the
    /// first signal, not at all after the second.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether a signal is there that [`Interrupts::next`] has not told yet. What Ctrl-C ends together
    /// with us may end our input before we are told.
    pub fn is_signalled(&self) -> bool {
        self.signalled.load(Ordering::Relaxed)
    }

    /// The next one. The time limit comes only once.
    pub async fn next(&mut self) -> Interrupt {
        let interrupt = self.wait().await;
        if matches!(interrupt, Interrupt::Signal(_)) {
            self.signalled.store(false, Ordering::Relaxed);
        }
        let patience = match interrupt {
            Interrupt::Signal(_) if self.deadline.is_some() => Duration::ZERO,
            Interrupt::Signal(_) => AFTER_SIGNAL,
            Interrupt::MaxTime(_) => AFTER_MAX_TIME,
        };
        self.deadline = Instant::now().checked_add(patience);
        interrupt
    }

    async fn wait(&mut self) -> Interrupt {
        let max_time = self.max_time;
        let limit = async {
            until(max_time.map(|(at, _)| at)).await;
            max_time.map_or(Duration::ZERO, |(_, limit)| limit)
        };
        tokio::select! {
            () = self.int.next() => Interrupt::Signal(SIGINT),
            () = self.term.next() => Interrupt::Signal(SIGTERM),
            limit = limit => {
                self.max_time = None;
                Interrupt::MaxTime(limit)
            }
        }
    }
}
