//! The way out. A pipe is written when it has room, `/dev/null` always, a file or a terminal by a
//! thread, which gets full buffers and gives empty ones back. Nothing here decides what is written,
//! and a blocked output blocks nothing but the thread.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use crate::descriptor::{self, Nature};

/// Bytes in a buffer at which it is full.
pub const FULL: usize = 256 * 1024;
/// Buffers that the thread may have at a time, besides the one being filled.
const IN_FLIGHT: usize = 2;

/// Where the bytes go.
#[derive(Debug)]
pub enum Destination {
    /// A descriptor that was given to us; what is in it stays.
    Given(File),
    /// The same, written by a thread in any case: it writes on when nobody looks after it.
    Apart(File),
    /// A file that we opened; what is in it goes once there is something to take its place.
    Opened(File),
    /// A FIFO, whose opening waits for a reader.
    Fifo(PathBuf),
}

/// Where the session's messages go.
#[derive(Debug)]
pub struct Writer {
    /// What is written next.
    pub buffer: Vec<u8>,
    /// Where in the buffer a message begins that may yet be taken back.
    unsettled: Option<usize>,
    destination: Option<Destination>,
    route: Route,
    /// An error that was not told yet.
    failed: Option<io::Error>,
}

/// How the bytes get there.
#[derive(Debug)]
enum Route {
    /// Nothing was written yet.
    Unknown,
    /// It takes everything at once.
    Null(File),
    /// It says when it has room.
    Pipe(Pipe),
    /// It may block.
    Thread(Thread),
    /// It has failed.
    Nowhere,
}

/// A pipe, and the buffer that it is taking.
#[derive(Debug)]
struct Pipe {
    pipe: AsyncFd<File>,
    full: Vec<u8>,
    written: usize,
}

/// Our side of the thread.
#[derive(Debug)]
struct Thread {
    full: std_mpsc::Sender<Vec<u8>>,
    returned: mpsc::UnboundedReceiver<io::Result<Vec<u8>>>,
    spare: Vec<Vec<u8>>,
    in_flight: usize,
}

impl Writer {
    /// A writer to `output`. Nothing is opened or written yet.
    pub fn new(output: Destination) -> Writer {
        Writer {
            buffer: Vec::new(),
            unsettled: None,
            destination: Some(output),
            route: Route::Unknown,
            failed: None,
        }
    }

    /// Says that the output begins, though there may be nothing to write yet.
    pub fn begin(&mut self) {
        self.open();
        if let Route::Thread(thread) = &mut self.route {
            thread.take(Vec::new());
        }
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

    /// Leaves bytes to the thread at once, however far it is behind; for a few short texts, whose
    /// memory needs no bound.
    pub fn hand_over(&mut self, bytes: &[u8]) {
        self.open();
        match &mut self.route {
            Route::Thread(thread) => thread.take(bytes.to_vec()),
            _ => self.buffer.extend_from_slice(bytes),
        }
    }

    /// Whether the output holds us up.
    pub fn is_full(&self) -> bool {
        let is_behind = match &self.route {
            Route::Pipe(pipe) => !pipe.full.is_empty(),
            Route::Thread(thread) => thread.spare.is_empty() && thread.in_flight >= IN_FLIGHT,
            Route::Unknown | Route::Null(_) | Route::Nowhere => false,
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
            let is_dry = match &self.route {
                Route::Pipe(pipe) => pipe.full.is_empty(),
                Route::Thread(thread) => thread.in_flight == 0,
                Route::Unknown | Route::Null(_) | Route::Nowhere => true,
            };
            if self.failed.is_none() && is_dry && self.settled() == 0 {
                return Ok(());
            }
            self.written().await?;
        }
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
            Route::Pipe(pipe) => pipe.taken().await,
            Route::Thread(thread) => thread.taken().await,
            Route::Unknown | Route::Null(_) | Route::Nowhere => std::future::pending().await,
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
        let nature = match &destination {
            Destination::Given(file) => descriptor::nature(file),
            _ => Nature::Other,
        };
        self.route = match (nature, destination) {
            (Nature::Null, Destination::Given(file)) => Route::Null(file),
            (Nature::Pipe, Destination::Given(file)) => {
                match descriptor::watch(file, Interest::WRITABLE) {
                    Ok(pipe) => Route::Pipe(Pipe { pipe, full: Vec::new(), written: 0 }),
                    Err(file) => self.start_thread(Destination::Given(file)),
                }
            }
            (_, destination) => self.start_thread(destination),
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
        if let Route::Pipe(Pipe { pipe, full, .. }) = mem::replace(&mut self.route, Route::Nowhere)
        {
            self.route = self.start_thread(Destination::Given(pipe.into_inner()));
            if let Route::Thread(thread) = &mut self.route {
                thread.take(full);
            }
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let settled = self.settled();
        match &mut self.route {
            Route::Null(file) => {
                write_whole(file, &self.buffer[..settled])?;
                self.buffer.drain(..settled);
            }
            Route::Pipe(Pipe { full, .. }) if !full.is_empty() => return Ok(()),
            Route::Pipe(pipe) => {
                mem::swap(&mut self.buffer, &mut pipe.full);
                self.buffer.extend_from_slice(&pipe.full[settled..]);
                pipe.full.truncate(settled);
                match pipe.write() {
                    Err(error) if error.kind() == io::ErrorKind::Unsupported => self.leave_pipe(),
                    result => result?,
                }
            }
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

impl Pipe {
    /// Writes as much as there is room for.
    fn write(&mut self) -> io::Result<()> {
        while self.written < self.full.len() {
            match descriptor::write(self.pipe.get_ref(), &self.full[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if descriptor::may_pass(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.full.clear();
        self.full.shrink_to(4 * FULL);
        self.written = 0;
        Ok(())
    }

    /// Waits until it has taken something.
    async fn taken(&mut self) -> io::Result<()> {
        if self.full.is_empty() {
            return std::future::pending().await;
        }
        loop {
            let mut ready = self.pipe.writable().await?;
            let before = self.written;
            match descriptor::write(ready.get_inner(), &self.full[before..]) {
                Ok(count) => {
                    self.written += count;
                    return self.write();
                }
                Err(error) if descriptor::may_pass(&error) => ready.clear_ready(),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Thread {
    fn start(destination: Destination) -> io::Result<Thread> {
        let (full, take_full) = std_mpsc::channel();
        let (give_back, returned) = mpsc::unbounded_channel();
        thread::Builder::new()
            .name("writer".into())
            .spawn(move || write_all(destination, &take_full, &give_back))?;
        Ok(Thread { full, returned, spare: Vec::new(), in_flight: 0 })
    }

    /// A buffer to go on with, if the thread is not behind.
    fn next_buffer(&mut self) -> Option<Vec<u8>> {
        match self.spare.pop() {
            None if self.in_flight < IN_FLIGHT => Some(Vec::new()),
            spare => spare,
        }
    }

    fn take(&mut self, full: Vec<u8>) {
        // When the thread has ended, its error is on its way to `returned`.
        let _ = self.full.send(full);
        self.in_flight += 1;
    }

    /// Waits until a buffer is written.
    async fn taken(&mut self) -> io::Result<()> {
        if self.in_flight == 0 {
            return std::future::pending().await;
        }
        let Some(result) = self.returned.recv().await else {
            return std::future::pending().await;
        };
        self.in_flight -= 1;
        self.spare.push(result?);
        Ok(())
    }
}

fn write_whole(output: &mut File, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another program that shares the descriptor has made it non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(output, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn open(destination: Destination) -> io::Result<File> {
    match destination {
        Destination::Given(file) | Destination::Apart(file) => Ok(file),
        Destination::Fifo(path) => File::options().write(true).open(path),
        Destination::Opened(file) => {
            if file.metadata()?.is_file() {
                file.set_len(0)?;
            }
            Ok(file)
        }
    }
}

fn write_all(
    destination: Destination,
    full: &std_mpsc::Receiver<Vec<u8>>,
    give_back: &mpsc::UnboundedSender<io::Result<Vec<u8>>>,
) {
    let mut destination = Some(destination);
    let mut output = None;
    while let Ok(mut buffer) = full.recv() {
        let written = match destination.take().map(open) {
            Some(Ok(opened)) => write_whole(output.insert(opened), &buffer),
            Some(Err(error)) => Err(error),
            None => output.as_mut().map_or(Ok(()), |output| write_whole(output, &buffer)),
        };
        if let Err(error) = written {
            let _ = give_back.send(Err(error));
            return;
        }
        buffer.clear();
        buffer.shrink_to(4 * FULL);
        if give_back.send(Ok(buffer)).is_err() {
            return;
        }
    }
}
