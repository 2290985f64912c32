//! What is said on stderr during a run goes through a thread of its own: whoever reads it may be
//! stuck, while signals and time limits are not.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use crate::output::Destination;
use crate::output::writer::Writer;

/// The standard error, opened when there is something to say.
#[derive(Debug, Default)]
pub struct Stderr {
    writer: Option<Writer>,
}

impl Stderr {
    /// Says something soon.
    pub fn say(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.writer.is_none() {
            let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from);
            // Without a descriptor or a thread there is nobody to tell.
            self.writer = stderr.map(|file| Writer::new(Destination::Apart(file))).ok();
        }
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
