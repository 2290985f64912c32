//! The way out. A pipe is written when it has room, a file at once, a terminal by a thread, which gets
//! full buffers and gives empty ones back. Nothing here decides what is written, and an output that
//! blocks, blocks nothing but the thread.

use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::mem;

use tokio::io::Interest;

use super::pipe::Pipe;
use super::thread::{Destination, Thread, write_whole};
use crate::descriptor::{self, Watched};
use crate::wire::LARGE;

/// Bytes in a buffer at which it is full.
pub const FULL: usize = 256 * 1024;

/// Where the session's messages go.
#[derive(Debug)]
pub struct Writer {
    /// What is written next.
    pub buffer: Vec<u8>,
    /// Where in the buffer a message begins that may yet be taken back.
    unsettled: Option<usize>,
    destination: Option<Destination>,
    route: Route,
    /// Whether it matters that nobody reads a pipe any more, before anything is written there.
    heeds_reader: bool,
    /// An error that was not told yet.
    failed: Option<io::Error>,
}

/// What an output has not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Its bytes.
    pub bytes: usize,
    /// Whether it is known to be so much, and not less.
    pub exact: bool,
}

/// How the bytes get there.
#[derive(Debug)]
enum Route {
    /// Nothing was written yet.
    Unknown,
    /// It takes everything at once.
    File(File),
    /// It says when it has room.
    Pipe(Pipe),
    /// It may block.
    Thread(Thread),
    /// It has failed.
    Nowhere,
}

impl Writer {
    /// A writer to `output`. Nothing is opened or written yet.
    pub fn new(output: Destination) -> Writer {
        Writer {
            buffer: Vec::new(),
            unsettled: None,
            destination: Some(output),
            route: Route::Unknown,
            heeds_reader: false,
            failed: None,
        }
    }

    /// Has [`Writer::written`] tell, or not, that the reader of a pipe has gone, though there is nothing
    /// to write.
    pub fn heed_reader(&mut self, heed: bool) {
        self.heeds_reader = heed;
    }

    /// Says that the output begins, though there may be nothing to write yet.
    pub fn begin(&mut self) {
        self.open();
        if let Route::Thread(thread) = &mut self.route {
            thread.take(Vec::new());
        }
    }

    /// Writes payloads behind what is in the buffer, each followed by `end`: from where they lie if
    /// they are many bytes and nothing is before them, else by way of the buffer.
    pub fn put(&mut self, payloads: &[&[u8]], end: Option<u8>) {
        let is_large = payloads.iter().map(|payload| payload.len()).sum::<usize>() >= LARGE;
        if is_large && self.unsettled.is_none() {
            self.open();
            let result = match &mut self.route {
                Route::File(file) => write_runs(file, &mut runs(&self.buffer, payloads, &end)),
                Route::Pipe(pipe) if pipe.is_dry() => {
                    pipe.put(&mut runs(&self.buffer, payloads, &end))
                }
                _ => return self.copy(payloads, end),
            };
            self.buffer.clear();
            match result {
                Err(error) if self.has_to_leave(&error) => self.leave_pipe(),
                Err(error) => self.fail(error),
                Ok(()) => {}
            }
        } else {
            self.copy(payloads, end);
        }
    }

    fn copy(&mut self, payloads: &[&[u8]], end: Option<u8>) {
        for payload in payloads {
            self.buffer.extend_from_slice(payload);
            self.buffer.extend(end);
        }
    }

    /// Whether the error means that a pipe cannot be written without waiting.
    fn has_to_leave(&self, error: &io::Error) -> bool {
        matches!(self.route, Route::Pipe(_)) && error.kind() == io::ErrorKind::Unsupported
    }

    /// What is added to the buffer from now on is of one message, which is not written before
    /// [`Writer::settle`].
    pub fn begin_message(&mut self) {
        self.unsettled = Some(self.buffer.len());
    }

    /// Bytes of the message that is not settled.
    pub fn unsettled(&self) -> usize {
        self.buffer.len() - self.settled()
    }

    /// The message may be written, and what follows with it.
    pub fn settle(&mut self) {
        self.unsettled = None;
    }

    /// Forgets a message that is not settled.
    pub fn take_back(&mut self) {
        if let Some(from) = self.unsettled.take() {
            self.buffer.truncate(from);
        }
    }

    /// Bytes that may be written.
    fn settled(&self) -> usize {
        self.unsettled.unwrap_or(self.buffer.len())
    }

    /// Writes what may be written without waiting, if nothing is before it.
    pub fn flush(&mut self) {
        if self.settled() > 0 {
            self.open();
            if let Err(error) = self.pass_on() {
                self.fail(error);
            }
        }
    }

    /// Writes the buffer if it is full, so that it does not grow while it could be written.
    pub fn flush_if_full(&mut self) {
        if self.settled() >= FULL {
            self.flush();
        }
    }

    /// Leaves a short text to the thread at once, however far it is behind. Where nobody has read for
    /// long, it is lost.
    pub fn hand_over(&mut self, text: &[u8]) {
        self.open();
        match &mut self.route {
            Route::Thread(thread) => {
                if let Err(error) = thread.tell(text) {
                    self.fail(error);
                }
            }
            Route::Nowhere => {}
            Route::Unknown | Route::File(_) | Route::Pipe(_) => {
                self.buffer.extend_from_slice(text);
            }
        }
    }

    /// Whether large payloads cannot be written from where they lie now, but soon.
    pub fn may_soon_take_large(&self) -> bool {
        matches!(&self.route, Route::Pipe(pipe) if !pipe.is_dry())
    }

    /// Whether the output holds us up.
    pub fn is_full(&self) -> bool {
        let is_behind = match &self.route {
            Route::Pipe(pipe) => !pipe.is_dry(),
            Route::Thread(thread) => thread.is_behind(),
            Route::Unknown | Route::File(_) | Route::Nowhere => false,
        };
        is_behind && self.settled() >= FULL
    }

    /// Waits until everything that is settled is written.
    ///
    /// # Errors
    /// The output could not be written.
    pub async fn drain(&mut self) -> io::Result<()> {
        loop {
            self.flush();
            if self.is_dry() {
                return Ok(());
            }
            self.written().await?;
        }
    }

    /// Whether everything that is settled is written.
    pub fn is_dry(&self) -> bool {
        let has_left = match &self.route {
            Route::Pipe(pipe) => pipe.is_dry(),
            Route::Thread(thread) => thread.is_dry(),
            Route::Unknown | Route::File(_) | Route::Nowhere => true,
        };
        self.failed.is_none() && has_left && self.settled() == 0
    }

    /// What is settled and not written.
    pub fn left(&self) -> Left {
        let (passed_on, exact) = match &self.route {
            Route::Pipe(pipe) => (pipe.left(), true),
            Route::Thread(thread) => (thread.left(), thread.is_dry()),
            Route::Unknown | Route::File(_) | Route::Nowhere => (0, true),
        };
        Left { bytes: passed_on + self.settled(), exact }
    }

    /// Waits until the output has taken something; for ever when there is nothing that it has to
    /// take.
    ///
    /// # Errors
    /// The output could not be written, and will not be.
    pub async fn written(&mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let taken = match &mut self.route {
            Route::Pipe(pipe) if self.heeds_reader && pipe.is_dry() => pipe.deserted().await,
            Route::Pipe(pipe) => pipe.taken().await,
            Route::Thread(thread) => thread.taken().await,
            Route::Unknown | Route::File(_) | Route::Nowhere => std::future::pending().await,
        };
        if let Err(error) = taken {
            self.fail(error);
        }
        self.flush();
        self.failed.take().map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: io::Error) {
        self.failed = Some(error);
        self.route = Route::Nowhere;
        self.buffer.clear();
        self.unsettled = self.unsettled.map(|_| 0);
    }

    /// Finds out how the output is to be written.
    fn open(&mut self) {
        let Some(destination) = self.destination.take() else { return };
        let (file, destination) = match destination {
            Destination::Given(file) => (file, Destination::Given as fn(File) -> Destination),
            Destination::Opened(file) => (file, Destination::Opened as fn(File) -> Destination),
            destination => return self.route = self.start_thread(destination),
        };
        self.route = match Watched::new(file, Interest::WRITABLE) {
            Watched::Pipe(pipe) => Route::Pipe(Pipe::new(pipe)),
            Watched::Other(file) => self.start_thread(destination(file)),
            Watched::File(file) => match destination(file).open() {
                Ok(file) => Route::File(file),
                Err(error) => {
                    self.failed = Some(error);
                    Route::Nowhere
                }
            },
        };
    }

    fn start_thread(&mut self, destination: Destination) -> Route {
        match Thread::start(destination) {
            Ok(thread) => Route::Thread(thread),
            Err(error) => {
                self.failed = Some(error);
                Route::Nowhere
            }
        }
    }

    /// Leaves a pipe that cannot be written without waiting to a thread.
    fn leave_pipe(&mut self) {
        if let Route::Pipe(pipe) = mem::replace(&mut self.route, Route::Nowhere) {
            let (file, full) = pipe.leave();
            self.route = self.start_thread(Destination::Given(file));
            if let Route::Thread(thread) = &mut self.route {
                thread.take(full);
            }
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let settled = self.settled();
        match &mut self.route {
            Route::File(file) => {
                write_whole(file, &self.buffer[..settled])?;
                self.buffer.drain(..settled);
            }
            Route::Pipe(pipe) if !pipe.is_dry() => return Ok(()),
            Route::Pipe(pipe) => match pipe.take(&mut self.buffer, settled) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => self.leave_pipe(),
                result => result?,
            },
            Route::Thread(thread) => {
                let Some(mut next) = thread.next_buffer() else { return Ok(()) };
                next.extend_from_slice(&self.buffer[settled..]);
                let mut full = mem::replace(&mut self.buffer, next);
                full.truncate(settled);
                thread.take(full);
            }
            Route::Unknown | Route::Nowhere => {
                self.buffer.drain(..settled);
            }
        }
        self.unsettled = self.unsettled.map(|_| 0);
        Ok(())
    }
}

/// What is in the buffer, and the payloads behind it, each with its end.
fn runs<'a>(buffer: &'a [u8], payloads: &[&'a [u8]], end: &'a Option<u8>) -> Vec<IoSlice<'a>> {
    let mut runs = vec![IoSlice::new(buffer)];
    for payload in payloads {
        runs.extend([IoSlice::new(payload), IoSlice::new(end.as_slice())]);
    }
    runs
}

/// Writes runs of bytes, however long that takes: short ones together.
fn write_runs(file: &mut File, mut runs: &mut [IoSlice]) -> io::Result<()> {
    if runs.iter().all(|run| run.len() < FULL) {
        match file.write_vectored(runs) {
            Ok(written) => IoSlice::advance_slices(&mut runs, written),
            Err(error) if descriptor::may_pass(&error) => {}
            Err(error) => return Err(error),
        }
    }
    runs.iter().try_for_each(|run| write_whole(file, run))
}
