//! The reader thread: blocks of bytes from stdin, files and arguments, in order, with buffers that
//! go back and forth. What a message is, is not its business.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;

/// Bytes in a block; `--stream` makes each one a message.
pub const BLOCK: usize = 64 * 1024;
/// Blocks that may wait between the thread and the session.
const WAITING: usize = 2;

/// Where the bytes of one source come from.
#[derive(Debug)]
pub enum Origin {
    /// Bytes that are already here.
    Bytes(Vec<u8>),
    /// An open file.
    File(File),
    /// A FIFO, whose opening waits for a writer.
    Fifo(PathBuf),
    /// The standard input.
    Stdin,
}

/// A source that could not be read.
#[derive(Debug)]
pub struct ReadError {
    /// The name of the source.
    pub source_name: String,
    /// What the operating system said.
    pub error: io::Error,
}

/// A run of bytes of the current source.
#[derive(Debug)]
pub struct Block {
    /// The bytes.
    pub data: Vec<u8>,
    /// Whether the source ends with them.
    pub end: bool,
}

/// The session's side of the thread.
#[derive(Debug)]
pub struct Reader {
    blocks: mpsc::Receiver<Result<Block, ReadError>>,
    spent: std_mpsc::Sender<Vec<u8>>,
}

impl Reader {
    /// Starts the thread, which reads each named source to its end.
    ///
    /// # Errors
    /// The thread could not be started.
    pub fn start(sources: Vec<(String, Origin)>) -> io::Result<Reader> {
        let (send_block, blocks) = mpsc::channel(WAITING);
        let (spent, take_spent) = std_mpsc::channel();
        thread::Builder::new()
            .name("reader".into())
            .spawn(move || read_all(sources, &send_block, &take_spent))?;
        Ok(Reader { blocks, spent })
    }

    /// The next block; nothing when all sources have ended.
    pub async fn next(&mut self) -> Option<Result<Block, ReadError>> {
        self.blocks.recv().await
    }

    /// A block that is there already.
    pub fn try_next(&mut self) -> Option<Result<Block, ReadError>> {
        self.blocks.try_recv().ok()
    }

    /// Gives a block's memory back.
    pub fn recycle(&self, data: Vec<u8>) {
        // A thread that has ended needs no buffers.
        let _ = self.spent.send(data);
    }
}

fn read_all(
    sources: Vec<(String, Origin)>,
    blocks: &mpsc::Sender<Result<Block, ReadError>>,
    spent: &std_mpsc::Receiver<Vec<u8>>,
) {
    for (source_name, origin) in sources {
        let result = match origin {
            Origin::Bytes(data) => {
                if blocks.blocking_send(Ok(Block { data, end: true })).is_err() {
                    return;
                }
                continue;
            }
            Origin::File(file) => read_one(&file, &file, blocks, spent),
            Origin::Fifo(path) => {
                File::open(path).and_then(|file| read_one(&file, &file, blocks, spent))
            }
            Origin::Stdin => read_one(io::stdin().lock(), io::stdin(), blocks, spent),
        };
        match result {
            Ok(Session::Listens) => {}
            Ok(Session::IsGone) => return,
            Err(error) => {
                let _ = blocks.blocking_send(Err(ReadError { source_name, error }));
                return;
            }
        }
    }
}

enum Session {
    Listens,
    IsGone,
}

fn read_one(
    mut source: impl Read,
    descriptor: impl AsFd,
    blocks: &mpsc::Sender<Result<Block, ReadError>>,
    spent: &std_mpsc::Receiver<Vec<u8>>,
) -> io::Result<Session> {
    loop {
        let mut data = spent.try_recv().unwrap_or_default();
        data.resize(BLOCK, 0);
        let length = loop {
            match source.read(&mut data) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another program that shares the descriptor has made it non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], None)?;
                }
                result => break result?,
            }
        };
        data.truncate(length);
        let end = length == 0;
        if blocks.blocking_send(Ok(Block { data, end })).is_err() {
            return Ok(Session::IsGone);
        }
        if end {
            return Ok(Session::Listens);
        }
    }
}
