//! The limit on a run while its plan is made. What the flags name as files may be FIFOs, as slow as
//! whoever writes them, and so may be whoever is to type a password; there is nothing yet that could wait
//! for both. Once there is a plan, the run looks after its limit itself.

use std::convert::Infallible;
use std::process;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::report::Words;
use crate::exit::{self, Exit};
use crate::failure::{Failure, TimeLimit};
use crate::ui::{Voice, leave_question, restore_terminal};

/// Ends the process when the limit is reached, unless it is ended before.
#[derive(Debug)]
pub struct Watch(Sender<Infallible>);

impl Watch {
    /// Watches from now on; without a thread nobody does.
    pub fn begin(limit: Duration, start: Instant, voice: Voice) -> Option<Watch> {
        let (watch, is_over) = channel();
        let wait = move || {
            let left = limit.saturating_sub(start.elapsed());
            if is_over.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                let failure = Failure::TimeLimit(TimeLimit::MaxTime(limit));
                leave_question();
                Words::of(voice.failure(&failure)).say();
                // A question may just have begun.
                restore_terminal();
                if let Exit::Code(code) = exit::of_failure(&failure) {
                    process::exit(code);
                }
            }
        };
        thread::Builder::new().name("limit".into()).spawn(wait).ok().map(|_| Watch(watch))
    }

    /// Watches no more.
    pub fn end(self) {
        drop(self.0);
    }
}
