//! The file of `--record`: records are written as they come, each at once and as a whole, so that what
//! kills us loses none that it has. What is no ordinary file (a FIFO, a device) may take its time, and
//! says when it has everything.

use std::fs::File;
use std::future::pending;
use std::io::{self, Write as _};

use crate::failure::Failure;
use crate::output::Destination;
use crate::output::writer::{Left, Writer};

/// Writes records to a file.
#[derive(Debug)]
pub struct Log {
    name: String,
    way: Way,
    /// An error that was not told yet.
    failed: Option<io::Error>,
}

#[derive(Debug)]
enum Way {
    /// It takes everything at once.
    File {
        file: File,
        /// Bytes of records that are whole.
        whole: u64,
    },
    /// It may have to be waited for.
    Slow(Box<Writer>),
    /// It has failed.
    Nowhere,
}

impl Log {
    /// A log in a file with this name. What is in it goes with the first record.
    pub fn new(name: String, destination: Destination) -> Log {
        let way = match destination {
            Destination::Opened(file) if file.metadata().is_ok_and(|data| data.is_file()) => {
                Way::File { file, whole: 0 }
            }
            destination => Way::Slow(Box::new(Writer::new(destination))),
        };
        Log { name, way, failed: None }
    }

    /// Writes a record, which is a line.
    pub fn put(&mut self, line: &[u8]) {
        match &mut self.way {
            Way::File { file, whole } => {
                let begun = if *whole == 0 { file.set_len(0) } else { Ok(()) };
                match begun.and_then(|()| file.write_all(line)) {
                    Ok(()) => *whole += line.len() as u64,
                    Err(error) => {
                        // A part of a record is none. Where it cannot be taken back, so be it.
                        let _ = file.set_len(*whole);
                        self.failed = Some(error);
                        self.way = Way::Nowhere;
                    }
                }
            }
            Way::Slow(writer) => {
                writer.buffer.extend_from_slice(line);
                writer.flush();
            }
            Way::Nowhere => {}
        }
    }

    /// Why it cannot be written, once; for an ordinary file.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.failed.take().map(|error| self.failure(error))
    }

    /// Whether every record is written.
    pub fn is_written(&self) -> bool {
        match &self.way {
            Way::File { .. } => true,
            Way::Slow(writer) => writer.is_dry(),
            Way::Nowhere => false,
        }
    }

    /// Whether it may have to be waited for.
    pub fn is_slow(&self) -> bool {
        matches!(self.way, Way::Slow(_))
    }

    /// Waits until something more is written; for ever when there is nothing to wait for.
    ///
    /// # Errors
    /// It cannot be written, and will not be.
    pub async fn written(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.take_failure() {
            return Err(failure);
        }
        match &mut self.way {
            Way::Slow(writer) => {
                let written = writer.written().await;
                written.map_err(|error| self.fail(error))
            }
            Way::File { .. } | Way::Nowhere => pending().await,
        }
    }

    /// Waits until every record is written.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn drain(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.take_failure() {
            return Err(failure);
        }
        match &mut self.way {
            Way::Slow(writer) => {
                let drained = writer.drain().await;
                drained.map_err(|error| self.fail(error))
            }
            Way::File { .. } | Way::Nowhere => Ok(()),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is not written.
    pub fn left(&self) -> Left {
        match &self.way {
            Way::Slow(writer) => writer.left(),
            Way::File { .. } | Way::Nowhere => Left::default(),
        }
    }

    fn fail(&mut self, error: io::Error) -> Failure {
        self.way = Way::Nowhere;
        self.failure(error)
    }

    fn failure(&self, error: io::Error) -> Failure {
        Failure::Output { name: self.name.clone(), error }
    }
}
