//! The writer thread: full buffers to the output, empty ones back. Nothing here decides what is
//! written; a blocked output blocks this thread and no other.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;

/// Bytes in a buffer at which it is full.
pub const FULL: usize = 256 * 1024;
/// Buffers that go back and forth, besides the one being filled.
const SPARE: usize = 2;

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

/// The session's side of the thread.
#[derive(Debug)]
pub struct Writer {
    /// What is written next.
    pub buffer: Vec<u8>,
    spare: Vec<Vec<u8>>,
    full: std_mpsc::Sender<Vec<u8>>,
    returned: mpsc::UnboundedReceiver<io::Result<Vec<u8>>>,
    in_flight: usize,
}

impl Writer {
    /// Starts the thread on `output`.
    ///
    /// # Errors
    /// The thread could not be started.
    pub fn start(output: Destination) -> io::Result<Writer> {
        let (full, take_full) = std_mpsc::channel();
        let (give_back, returned) = mpsc::unbounded_channel();
        thread::Builder::new()
            .name("writer".into())
            .spawn(move || write_all(output, &take_full, &give_back))?;
        let spare = vec![Vec::new(); SPARE];
        Ok(Writer { buffer: Vec::new(), spare, full, returned, in_flight: 0 })
    }

    /// Says that the output begins, though there may be nothing to write yet.
    pub fn begin(&mut self) {
        if let Some(empty) = self.spare.pop() {
            let _ = self.full.send(empty);
            self.in_flight += 1;
        }
    }

    /// Hands the buffer to the thread if it has anything in it and the thread is not behind.
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let Some(empty) = self.spare.pop() else { return };
        let full = std::mem::replace(&mut self.buffer, empty);
        // When the thread has ended, its error is on its way to `returned`.
        let _ = self.full.send(full);
        self.in_flight += 1;
    }

    /// Hands the buffer over if it is full, so that it does not grow while it could be written.
    pub fn flush_if_full(&mut self) {
        if self.buffer.len() >= FULL {
            self.flush();
        }
    }

    /// Whether the output holds us up.
    pub fn is_full(&self) -> bool {
        self.buffer.len() >= FULL && self.spare.is_empty()
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

    /// Waits until everything is written.
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

    /// Whether everything is written.
    fn is_dry(&self) -> bool {
        self.buffer.is_empty() && self.in_flight == 0
    }

    /// Waits until the thread has written a buffer; for ever when it has none.
    ///
    /// # Errors
    /// The output could not be written. The thread has ended then.
    pub async fn written(&mut self) -> io::Result<()> {
        if self.in_flight == 0 {
            return std::future::pending().await;
        }
        let Some(result) = self.returned.recv().await else {
            return std::future::pending().await;
        };
        self.in_flight -= 1;
        self.spare.push(result?);
        self.flush();
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
