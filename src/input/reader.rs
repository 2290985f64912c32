//! The way in: blocks of bytes from stdin, files and arguments, in order. A pipe is read when it is
//! ready, a file at once, a terminal by a thread, with buffers that go back and forth. What a message
//! is, is not its business.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom};
use std::mem;
use std::num::NonZeroU64;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::mpsc as std_mpsc;
use std::thread;

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use crate::descriptor::{self, Watched};
use crate::job::{heed_signals, leave_to_others, may_read_again};

/// Bytes in a block.
const BLOCK: usize = 64 * 1024;
/// Bytes in a block of a file, which does not have to be waited for.
const OF_FILE: usize = 256 * 1024;
/// What the address of a block is a multiple of. The system copies from the beginning of a page, and where a
/// copy begins up to 63 bytes further within its page, as behind malloc's own 16, AMD's processors take up to
/// four times as long: they mistake what is written for what is read next.
const ALIGNMENT: usize = 64;
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
    /// Blocks that somebody else makes, who gets their memory back when they have been taken.
    Made {
        /// They.
        blocks: mpsc::Receiver<io::Result<Block>>,
        /// Where the memory goes.
        spent: std_mpsc::Sender<Vec<u8>>,
    },
}

/// A source that can be read more than once.
#[derive(Debug)]
enum Again {
    Bytes(Vec<u8>),
    /// From this position on.
    File(File, u64),
}

impl Again {
    fn of(origin: &Origin) -> io::Result<Again> {
        match origin {
            Origin::Bytes(bytes) => Ok(Again::Bytes(bytes.clone())),
            Origin::File(file) => {
                let mut file = file.try_clone()?;
                let position = file.stream_position()?;
                Ok(Again::File(file, position))
            }
            Origin::Fifo(_) | Origin::Stdin | Origin::Made { .. } => {
                Err(io::ErrorKind::NotSeekable.into())
            }
        }
    }

    fn origin(&mut self) -> io::Result<Origin> {
        match self {
            Again::Bytes(bytes) => Ok(Origin::Bytes(bytes.clone())),
            Again::File(file, position) => {
                file.seek(SeekFrom::Start(*position))?;
                file.try_clone().map(Origin::File)
            }
        }
    }
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
    /// A whole buffer, so that it need not be cleared for the next read.
    buffer: Vec<u8>,
    /// Where the bytes are in it.
    start: usize,
    length: usize,
    /// Whether the source ends with them.
    pub end: bool,
}

impl Block {
    /// A block of these bytes.
    pub fn of(bytes: Vec<u8>, end: bool) -> Block {
        // One that is full is thought to have more behind it.
        Block { start: 0, length: bytes.len(), buffer: bytes, end }
    }

    /// Has `read` fill a buffer of this size.
    fn read(
        mut buffer: Vec<u8>,
        size: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Result<Block, (io::Error, Vec<u8>)> {
        buffer.resize(size + ALIGNMENT, 0);
        let start = (buffer.as_ptr() as usize).wrapping_neg() % ALIGNMENT;
        buffer.truncate(start + size);
        match read(&mut buffer[start..]) {
            Ok(length) => Ok(Block { buffer, start, length, end: length == 0 }),
            Err(error) => Err((error, buffer)),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.start + self.length]
    }

    /// Whether there was no room for more, so that more may be there.
    pub fn is_full(&self) -> bool {
        self.start + self.length == self.buffer.len()
    }
}

/// Reads each source to its end, in order.
#[derive(Debug)]
pub struct Reader {
    waiting: VecDeque<(String, Origin)>,
    /// What is read again in further rounds, and how many there will be.
    again: (Vec<(String, Again)>, u64),
    /// What is read for each connection anew, and how many of these sources have not been read to their
    /// ends for this one.
    greeting: (Vec<(String, Again)>, usize),
    current: Option<(String, Source)>,
    /// What is read further after them.
    suspended: Option<(String, Source)>,
    spent: Vec<Vec<u8>>,
}

/// A source that is being read.
#[derive(Debug)]
enum Source {
    /// Bytes that are already here.
    Bytes(Vec<u8>),
    /// One that says when it is ready. It is read here: a lone line must not wait for one thread to
    /// wake another.
    Pipe {
        pipe: AsyncFd<File>,
        /// Whether it was given more room.
        is_wide: bool,
    },
    /// One that answers at once.
    File(File),
    /// One that is read by a thread.
    Thread { blocks: mpsc::Receiver<io::Result<Block>>, spent: std_mpsc::Sender<Vec<u8>> },
}

impl Reader {
    /// A reader of these sources, each with its name. Nothing is read yet.
    pub fn new(sources: Vec<(String, Origin)>) -> Reader {
        Reader {
            waiting: sources.into(),
            again: (Vec::new(), 0),
            greeting: (Vec::new(), 0),
            current: None,
            suspended: None,
            spent: Vec::new(),
        }
    }

    /// The same, where the first `count` sources are read for each connection anew.
    ///
    /// # Errors
    /// One of them can be read only once.
    pub fn greeting(mut self, count: usize) -> Result<Reader, ReadError> {
        self.greeting = (again(self.waiting.iter().take(count))?, count);
        Ok(self)
    }

    /// Whether there is nothing more to read.
    pub fn is_done(&self) -> bool {
        let is_open = self.current.is_some() || self.suspended.is_some();
        self.waiting.is_empty() && !is_open && self.again.1 == 0
    }

    /// Reads nothing more but what is read for each connection.
    pub fn stop(&mut self) {
        self.forget_greeting();
        self.waiting.clear();
        (self.current, self.again.1) = (None, 0);
    }

    /// The connection is gone: what is read for each is not read to its end.
    pub fn forget_greeting(&mut self) {
        let owed = std::mem::take(&mut self.greeting.1);
        if owed > 0 {
            let begun = usize::from(self.current.take().is_some());
            self.waiting.drain(..owed - begun);
        }
        if let Some(suspended) = self.suspended.take() {
            self.current = Some(suspended);
        }
    }

    /// There is another connection: before everything else, what is read for each.
    ///
    /// # Errors
    /// One of the sources cannot be read any more.
    pub fn greet_again(&mut self) -> Result<(), ReadError> {
        let (greeting, owed) = &mut self.greeting;
        if greeting.is_empty() {
            return Ok(());
        }
        self.suspended = self.suspended.take().or(self.current.take());
        for (name, source) in greeting.iter_mut().rev() {
            let origin = source.origin();
            let origin = origin.map_err(|error| ReadError { source_name: name.clone(), error })?;
            self.waiting.push_front((name.clone(), origin));
        }
        *owed = greeting.len();
        Ok(())
    }

    /// The same so many times; as a whole, one round after the other.
    ///
    /// # Errors
    /// A source that can be read only once.
    pub fn repeated(mut self, times: NonZeroU64) -> Result<Reader, ReadError> {
        if times.get() > 1 {
            self.again = (again(self.waiting.iter())?, times.get() - 1);
        }
        Ok(self)
    }

    /// The next block; nothing when all sources have ended.
    pub async fn next(&mut self) -> Option<Result<Block, ReadError>> {
        if self.current.is_none() && self.greeting.1 == 0 {
            self.current = self.suspended.take();
        }
        if self.current.is_none() {
            if let Err(error) = self.begin_round() {
                return Some(Err(error));
            }
            let (source_name, origin) = self.waiting.pop_front()?;
            match Source::open(origin) {
                Ok(source) => self.current = Some((source_name, source)),
                Err(error) => return Some(Err(ReadError { source_name, error })),
            }
        }
        let (_, source) = self.current.as_mut().expect("a source is open");
        let result = source.next(&mut self.spent).await;
        Some(self.took(result))
    }

    /// Goes on with the next round when this one is over, if there is one.
    fn begin_round(&mut self) -> Result<(), ReadError> {
        let (again, rounds) = &mut self.again;
        if self.waiting.is_empty() && *rounds > 0 {
            *rounds -= 1;
            for (name, source) in again {
                match source.origin() {
                    Ok(origin) => self.waiting.push_back((name.clone(), origin)),
                    Err(error) => return Err(ReadError { source_name: name.clone(), error }),
                }
            }
        }
        Ok(())
    }

    /// A block that is there already, behind one that was full.
    pub fn try_next(&mut self) -> Option<Result<Block, ReadError>> {
        let (_, source) = self.current.as_mut()?;
        let result = match source {
            Source::Bytes(_) => return None,
            Source::Pipe { pipe, is_wide } => {
                read_pipe(pipe.get_ref(), is_wide, &mut self.spent).transpose()?
            }
            Source::File(file) => read_block(file, OF_FILE, self.spent.pop().unwrap_or_default()),
            Source::Thread { blocks, .. } => blocks.try_recv().ok()?,
        };
        Some(self.took(result))
    }

    /// Gives a block's memory back.
    pub fn recycle(&mut self, block: Block) {
        match &self.current {
            Some((_, Source::Thread { spent, .. })) => {
                // A thread that has ended needs no buffers.
                let _ = spent.send(block.buffer);
            }
            _ => self.spent.push(block.buffer),
        }
    }

    /// Goes on to the next source when this one has ended.
    fn took(&mut self, result: io::Result<Block>) -> Result<Block, ReadError> {
        let ended = !matches!(result, Ok(Block { end: false, .. }));
        let (name, _) = self.current.as_ref().expect("a source is open");
        let result = result.map_err(|error| ReadError { source_name: name.clone(), error });
        if ended {
            self.current = None;
            self.greeting.1 = self.greeting.1.saturating_sub(1);
        }
        result
    }
}

/// What is needed to read sources again.
fn again<'a>(
    sources: impl Iterator<Item = &'a (String, Origin)>,
) -> Result<Vec<(String, Again)>, ReadError> {
    let each = sources.map(|(source_name, origin)| match Again::of(origin) {
        Ok(again) => Ok((source_name.clone(), again)),
        Err(error) => Err(ReadError { source_name: source_name.clone(), error }),
    });
    each.collect()
}

impl Source {
    fn open(origin: Origin) -> io::Result<Source> {
        let origin = match origin {
            Origin::Bytes(bytes) => return Ok(Source::Bytes(bytes)),
            Origin::Made { blocks, spent } => return Ok(Source::Thread { blocks, spent }),
            Origin::Stdin => Origin::File(io::stdin().as_fd().try_clone_to_owned()?.into()),
            origin => origin,
        };
        let origin = match origin {
            Origin::File(file) => match Watched::new(file, Interest::READABLE) {
                Watched::Pipe(pipe) => return Ok(Source::Pipe { pipe, is_wide: false }),
                Watched::File(file) => return Ok(Source::File(file)),
                Watched::Other(file) => Origin::File(file),
            },
            origin => origin,
        };
        let (send_block, blocks) = mpsc::channel(WAITING);
        let (spent, take_spent) = std_mpsc::channel();
        thread::Builder::new()
            .name("reader".into())
            .spawn(move || read_all(origin, &send_block, &take_spent))?;
        Ok(Source::Thread { blocks, spent })
    }

    /// The next block. Nothing is lost when it is not waited for to the end.
    async fn next(&mut self, spent: &mut Vec<Vec<u8>>) -> io::Result<Block> {
        match self {
            Source::Bytes(bytes) => Ok(Block::of(mem::take(bytes), true)),
            Source::Pipe { pipe, is_wide } => loop {
                let mut ready = pipe.readable().await?;
                if let Some(block) = read_pipe(ready.get_inner(), is_wide, spent)? {
                    return Ok(block);
                }
                ready.clear_ready();
            },
            Source::File(file) => read_block(file, OF_FILE, spent.pop().unwrap_or_default()),
            Source::Thread { blocks, .. } => {
                let gone = || Err(io::Error::other("its thread has ended"));
                blocks.recv().await.unwrap_or_else(gone)
            }
        }
    }
}

/// What a pipe has; nothing when it has nothing yet.
fn read_pipe(
    pipe: &File,
    is_wide: &mut bool,
    spent: &mut Vec<Vec<u8>>,
) -> io::Result<Option<Block>> {
    let buffer = spent.pop().unwrap_or_default();
    match Block::read(buffer, BLOCK, |space| descriptor::read(pipe, space)) {
        Ok(block) => {
            // Whoever fills it is ahead: the more it can leave at a time, the less often both of us
            // have to be woken.
            if block.is_full() && !mem::replace(is_wide, true) {
                descriptor::widen(pipe, BLOCK);
            }
            Ok(Some(block))
        }
        Err((error, buffer)) => {
            spent.push(buffer);
            if descriptor::may_pass(&error) { Ok(None) } else { Err(error) }
        }
    }
}

fn read_all(
    origin: Origin,
    blocks: &mpsc::Sender<io::Result<Block>>,
    spent: &std_mpsc::Receiver<Vec<u8>>,
) {
    let file = match origin {
        Origin::File(file) => Ok(file),
        Origin::Fifo(path) => File::open(path),
        Origin::Bytes(_) | Origin::Stdin | Origin::Made { .. } => {
            unreachable!("they need no thread")
        }
    };
    let mut file = match file {
        Ok(file) => file,
        // A session that is gone wants to know nothing.
        Err(error) => return drop(blocks.blocking_send(Err(error))),
    };
    let is_terminal = file.is_terminal();
    if is_terminal {
        // In the background it is an error then, and not a stop that no signal would end. Those two are the
        // session's.
        leave_to_others([Signal::SIGTTIN]);
        heed_signals(&[SIGINT, SIGTERM]);
    }
    loop {
        let mut block = read_block(&mut file, BLOCK, spent.try_recv().unwrap_or_default());
        while is_terminal && block.is_err() && may_read_again(&file, || blocks.is_closed()) {
            block = read_block(&mut file, BLOCK, Vec::new());
        }
        let more = matches!(block, Ok(Block { end: false, .. }));
        if blocks.blocking_send(block).is_err() || !more {
            return;
        }
    }
}

fn read_block(file: &mut File, size: usize, mut buffer: Vec<u8>) -> io::Result<Block> {
    loop {
        let error = match Block::read(buffer, size, |space| file.read(space)) {
            Ok(block) => return Ok(block),
            Err((error, spent)) => {
                buffer = spent;
                error
            }
        };
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            // Another program that shares the descriptor has made it non-blocking.
            io::ErrorKind::WouldBlock => drop(poll(&mut [PollFd::new(file, PollFlags::IN)], None)?),
            _ => return Err(error),
        }
    }
}
