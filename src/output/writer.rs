//! The way out: what is short goes straight to an output that has room for it, everything else
//! through a thread, which gets full buffers and gives empty ones back. Nothing here decides what is
//! written; a blocked output blocks the thread and nothing else.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;

use crate::descriptor::{self, Nature};

/// Bytes in a buffer at which it is full.
pub const FULL: usize = 256 * 1024;
/// Buffers that go back and forth, besides the one being filled.
const SPARE: usize = 2;
/// Up to so many bytes are written without the thread, if the output has room: a lone message must
/// not wait for one thread to wake another, a full buffer is worth it.
const SHORT: usize = 16 * 1024;

/// Where the bytes go.
#[derive(Debug)]
pub enum Destination {
    /// A descriptor that was given to us; what is in it stays.
    Given(File),
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
    straight: Straight,
    destination: Option<Destination>,
    thread: Option<Thread>,
    spare: Vec<Vec<u8>>,
    in_flight: usize,
    /// An error of our own writing that was not told yet.
    failed: Option<io::Error>,
}

/// What may be written without the thread.
#[derive(Debug)]
enum Straight {
    /// Everything: it never waits.
    All(File),
    /// What is short, as far as there is room.
    Short(File),
    /// Nothing.
    No,
}

/// Our side of the thread.
#[derive(Debug)]
struct Thread {
    full: std_mpsc::Sender<Vec<u8>>,
    returned: mpsc::UnboundedReceiver<io::Result<Vec<u8>>>,
}

impl Writer {
    /// A writer to `output`. Nothing is opened or written yet.
    pub fn new(output: Destination) -> Writer {
        let straight = match &output {
            Destination::Given(file) => match (descriptor::nature(file), file.try_clone()) {
                (Nature::Null, Ok(file)) => Straight::All(file),
                (Nature::Pipe, Ok(file)) => Straight::Short(file),
                _ => Straight::No,
            },
            Destination::Opened(_) | Destination::Fifo(_) => Straight::No,
        };
        Writer {
            buffer: Vec::new(),
            unsettled: None,
            straight,
            destination: Some(output),
            thread: None,
            spare: vec![Vec::new(); SPARE],
            in_flight: 0,
            failed: None,
        }
    }

    /// Says that the output begins, though there may be nothing to write yet.
    pub fn begin(&mut self) {
        if matches!(self.straight, Straight::No)
            && let Some(empty) = self.spare.pop()
        {
            self.send(empty);
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

    /// Writes what is in the buffer, or hands it to the thread if that is not behind.
    pub fn flush(&mut self) {
        if self.settled() == 0 || self.in_flight == 0 && self.write_straight() {
            return;
        }
        let Some(mut next) = self.spare.pop() else { return };
        let settled = self.settled();
        next.extend_from_slice(&self.buffer[settled..]);
        let mut full = std::mem::replace(&mut self.buffer, next);
        full.truncate(settled);
        self.unsettled = self.unsettled.map(|_| 0);
        self.send(full);
    }

    /// Writes without the thread, if that cannot hold us up; whether it was everything.
    fn write_straight(&mut self) -> bool {
        let settled = self.settled();
        let bytes = &self.buffer[..settled];
        let written = match &mut self.straight {
            Straight::All(file) => write_whole(file, bytes).map(|()| settled),
            Straight::Short(file) if settled <= SHORT => descriptor::write(file, bytes),
            Straight::Short(_) | Straight::No => return false,
        };
        let written = match written {
            Ok(written) => written,
            Err(error) if descriptor::may_pass(&error) => 0,
            Err(error) => {
                self.failed = Some(error);
                self.straight = Straight::No;
                settled
            }
        };
        self.buffer.drain(..written);
        self.unsettled = self.unsettled.map(|from| from - written);
        written == settled
    }

    fn send(&mut self, full: Vec<u8>) {
        if let Some(destination) = self.destination.take() {
            match Thread::start(destination) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => self.failed = Some(error),
            }
        }
        if let Some(thread) = &self.thread {
            // When the thread has ended, its error is on its way to `returned`.
            let _ = thread.full.send(full);
            self.in_flight += 1;
        }
    }

    /// Writes the buffer if it is full, so that it does not grow while it could be written.
    pub fn flush_if_full(&mut self) {
        if self.settled() >= FULL {
            self.flush();
        }
    }

    /// Whether the output holds us up.
    pub fn is_full(&self) -> bool {
        self.settled() >= FULL && self.spare.is_empty()
    }

    /// Hands bytes over at once, however far the thread is behind; for a few short texts, whose
    /// memory needs no bound.
    pub fn hand_over(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if self.spare.is_empty() {
            self.spare.push(Vec::new());
        }
        self.flush();
    }

    /// Waits until everything that is settled is written.
    ///
    /// # Errors
    /// The output could not be written.
    pub async fn drain(&mut self) -> io::Result<()> {
        loop {
            self.flush();
            if self.failed.is_none() && self.settled() == 0 && self.in_flight == 0 {
                return Ok(());
            }
            self.written().await?;
        }
    }

    /// Waits until the thread has written a buffer; for ever when it has none.
    ///
    /// # Errors
    /// The output could not be written, and will not be.
    pub async fn written(&mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(thread) = self.thread.as_mut().filter(|_| self.in_flight > 0) else {
            return std::future::pending().await;
        };
        let Some(result) = thread.returned.recv().await else {
            return std::future::pending().await;
        };
        self.in_flight -= 1;
        self.spare.push(result?);
        self.flush();
        Ok(())
    }
}

impl Thread {
    fn start(destination: Destination) -> io::Result<Thread> {
        let (full, take_full) = std_mpsc::channel();
        let (give_back, returned) = mpsc::unbounded_channel();
        thread::Builder::new()
            .name("writer".into())
            .spawn(move || write_all(destination, &take_full, &give_back))?;
        Ok(Thread { full, returned })
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
        Destination::Given(file) => Ok(file),
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
