//! What can end a run from outside at any moment: signals and the limit on the whole run.

use std::io;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    int: Signal,
    term: Signal,
    max_time: Option<(Instant, Duration)>,
}

impl Interrupts {
    /// Takes the signals over; `max_time` counts from `start`.
    ///
    /// # Errors
    /// The signals cannot be had.
    pub fn new(start: Instant, max_time: Option<Duration>) -> io::Result<Self> {
        let max_time = max_time.and_then(|limit| Some((start.checked_add(limit)?, limit)));
        let int = signal(SignalKind::interrupt())?;
        let term = signal(SignalKind::terminate())?;
        Ok(Interrupts { int, term, max_time })
    }

    /// The next one. The time limit comes only once.
    pub async fn next(&mut self) -> Interrupt {
        let max_time = self.max_time;
        let limit = async {
            match max_time {
                Some((at, limit)) => {
                    tokio::time::sleep_until(at.into()).await;
                    limit
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.int.recv() => Interrupt::Signal(SIGINT),
            _ = self.term.recv() => Interrupt::Signal(SIGTERM),
            limit = limit => {
                self.max_time = None;
                Interrupt::MaxTime(limit)
            }
        }
    }
}
