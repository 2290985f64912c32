//! What is said on stderr during a run goes through a thread of its own: whoever reads it may be
//! stuck, while signals and time limits are not.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use crate::output::Destination;
use crate::output::writer::Writer;
use crate::ui::Console;

/// How long the last words may take in any case: enough for a stderr that is not stuck.
pub const LAST_WORDS: Duration = Duration::from_millis(500);

/// The standard error, opened when there is something to say.
#[derive(Debug, Default)]
pub struct Stderr {
    writer: Option<Writer>,
    /// Where a line may be typed.
    console: Option<Console>,
}

impl Stderr {
    /// The standard error beside a prompt, if there is one.
    pub fn beside(console: Option<Console>) -> Self {
        Stderr { writer: None, console }
    }

    /// Takes what it needs already now: later there may be no descriptor left.
    pub fn begin(&mut self) {
        self.open();
        if let Some(writer) = &mut self.writer {
            writer.begin();
        }
    }

    fn open(&mut self) {
        if self.writer.is_none() {
            // Without a descriptor or a thread there is nobody to tell.
            self.writer = stderr(self.console.as_ref()).map(Writer::new).ok();
        }
    }

    /// Says something soon.
    pub fn say(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.open();
        if let Some(writer) = &mut self.writer {
            writer.hand_over(text.as_bytes());
        }
    }

    /// Waits until all is said, or cannot be.
    pub async fn said(&mut self) {
        if let Some(writer) = &mut self.writer {
            // What cannot be said is not waited for.
            let _ = writer.drain().await;
        }
    }
}

/// The standard error, which may be the terminal where a line is typed.
///
/// # Errors
/// There is none.
pub fn stderr(console: Option<&Console>) -> io::Result<Destination> {
    let file = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    Ok(match console {
        Some(console) if file.is_terminal() => Destination::Screen(console.screen(file)),
        _ => Destination::Apart(file),
    })
}
