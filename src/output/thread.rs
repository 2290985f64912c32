//! The thread that writes what may block: full buffers to the output, empty ones back. A blocked
//! output blocks it and nothing else.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;

use super::writer::FULL;

/// Buffers that the thread may have at a time.
const IN_FLIGHT: usize = 2;
/// Bytes of short texts behind which no more are taken: whoever reads them has stopped.
const BACKLOG: usize = 256 * 1024;

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
    /// A terminal on which something else has its place too.
    Screen(Box<dyn Screen>),
}

/// A terminal on which something else has its place too. What is not a whole line may be held back
/// until it is flushed.
pub trait Screen: Write + Send + fmt::Debug {}

impl Destination {
    /// Opens it, which may wait for a reader.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(self) -> io::Result<File> {
        match self {
            Destination::Given(file) | Destination::Apart(file) => Ok(file),
            Destination::Fifo(path) => File::options().write(true).open(path),
            Destination::Opened(file) => {
                if file.metadata()?.is_file() {
                    file.set_len(0)?;
                }
                Ok(file)
            }
            Destination::Screen(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// An open destination.
enum Opened {
    File(File),
    Screen(Box<dyn Screen>),
}

impl Opened {
    fn open(destination: Destination) -> io::Result<Opened> {
        match destination {
            Destination::Screen(screen) => Ok(Opened::Screen(screen)),
            destination => destination.open().map(Opened::File),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Opened::File(file) => write_whole(file, bytes),
            Opened::Screen(screen) => screen.write_all(bytes),
        }
    }

    /// There is nothing more for now.
    fn rest(&mut self) -> io::Result<()> {
        match self {
            Opened::File(_) => Ok(()),
            Opened::Screen(screen) => screen.flush(),
        }
    }
}

/// Our side of the thread.
#[derive(Debug)]
pub struct Thread {
    full: std_mpsc::Sender<Vec<u8>>,
    returned: mpsc::UnboundedReceiver<io::Result<Vec<u8>>>,
    spare: Vec<Vec<u8>>,
    /// The sizes of the buffers that it has.
    in_flight: VecDeque<usize>,
}

impl Thread {
    /// Starts the thread. The destination is opened when there is something to write.
    ///
    /// # Errors
    /// The thread could not be started.
    pub fn start(destination: Destination) -> io::Result<Thread> {
        let (full, take_full) = std_mpsc::channel();
        let (give_back, returned) = mpsc::unbounded_channel();
        thread::Builder::new()
            .name("writer".into())
            .spawn(move || write_all(destination, &take_full, &give_back))?;
        Ok(Thread { full, returned, spare: Vec::new(), in_flight: VecDeque::new() })
    }

    /// Whether it has as much as it may have at a time.
    pub fn is_behind(&self) -> bool {
        self.spare.is_empty() && self.in_flight.len() >= IN_FLIGHT
    }

    /// Whether it has written everything.
    pub fn is_dry(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Bytes of the buffers that it has. It may have written some of them.
    pub fn left(&self) -> usize {
        self.in_flight.iter().sum()
    }

    /// A buffer to go on with, if the thread is not behind.
    pub fn next_buffer(&mut self) -> Option<Vec<u8>> {
        match self.spare.pop() {
            None if self.in_flight.len() < IN_FLIGHT => Some(Vec::new()),
            spare => spare,
        }
    }

    /// Has a buffer written.
    pub fn take(&mut self, full: Vec<u8>) {
        self.in_flight.push_back(full.len());
        // When the thread has ended, its error is on its way to `returned`.
        let _ = self.full.send(full);
    }

    /// Has a text written, however far the thread is behind, unless far more waits than anybody reads.
    ///
    /// # Errors
    /// The output could not be opened or written. The thread has ended then.
    pub fn tell(&mut self, text: &[u8]) -> io::Result<()> {
        while let Ok(result) = self.returned.try_recv() {
            self.has_back(result)?;
        }
        if self.left() < BACKLOG {
            let mut full = self.spare.pop().unwrap_or_default();
            full.extend_from_slice(text);
            self.take(full);
        }
        Ok(())
    }

    /// Waits until a buffer is written; for ever when it has none.
    ///
    /// # Errors
    /// The output could not be opened or written. The thread has ended then.
    pub async fn taken(&mut self) -> io::Result<()> {
        if self.in_flight.is_empty() {
            return std::future::pending().await;
        }
        let Some(result) = self.returned.recv().await else {
            return std::future::pending().await;
        };
        self.has_back(result)
    }

    fn has_back(&mut self, result: io::Result<Vec<u8>>) -> io::Result<()> {
        self.in_flight.pop_front();
        self.spare.push(result?);
        Ok(())
    }
}

/// Writes everything, however long that takes, a buffer's worth at a time: the cache of a file gets
/// pages of that size, and very large ones are not always to be had at once.
///
/// # Errors
/// What the operating system says.
pub fn write_whole(output: &mut File, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        match output.write(&rest[..rest.len().min(FULL)]) {
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

fn write_all(
    destination: Destination,
    full: &std_mpsc::Receiver<Vec<u8>>,
    give_back: &mpsc::UnboundedSender<io::Result<Vec<u8>>>,
) {
    let mut destination = Some(destination);
    let mut output = None;
    let mut next = full.recv().ok();
    while let Some(mut buffer) = next {
        let opened = match destination.take().map(Opened::open) {
            Some(Ok(opened)) => Ok(output.insert(opened)),
            Some(Err(error)) => Err(error),
            None => Ok(output.as_mut().expect("it was opened")),
        };
        let (written, waiting) = match opened {
            Ok(output) => {
                let written = output.write(&buffer);
                let waiting = full.try_recv().ok();
                let rested = if waiting.is_none() { output.rest() } else { Ok(()) };
                (written.and(rested), waiting)
            }
            Err(error) => (Err(error), None),
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
        next = waiting.or_else(|| full.recv().ok());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn what_was_told_and_written_takes_no_memory() {
        let nothing = File::options().write(true).open("/dev/null").unwrap();
        let mut thread = Thread::start(Destination::Apart(nothing)).unwrap();
        for _ in 0..20_000 {
            thread.tell(&[b'x'; 1024]).unwrap();
        }
        // Each that is not written is counted once here, and at most once more on its way back.
        let most = 2 * BACKLOG / 1024 + 2;
        let kept = thread.returned.len() + thread.spare.len() + thread.in_flight.len();
        assert!(kept <= most, "{kept} buffers");
    }

    #[test]
    fn what_is_told_while_nobody_reads_is_bounded_and_what_is_told_then_is_written() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut thread = Thread::start(Destination::Apart(File::from(writer))).unwrap();
        for number in 0..2 * BACKLOG / 8 {
            thread.tell(format!("{number:07}\n").as_bytes()).unwrap();
        }
        assert!(thread.left() <= BACKLOG, "{} bytes", thread.left());
        let mut reader = File::from(reader);
        let mut first = vec![0; BACKLOG];
        reader.read_exact(&mut first).unwrap();
        for (number, line) in first.chunks(8).enumerate() {
            assert_eq!(line, format!("{number:07}\n").as_bytes());
        }
        drop(thread);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert!(rest.lines().all(|line| line.len() == 7), "{rest}");
    }
}
