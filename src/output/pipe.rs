//! A pipe that is written when it has room, and the buffer that it is taking. Nothing here waits but
//! for readiness.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem;

use tokio::io::Ready;
use tokio::io::unix::AsyncFd;

use super::writer::FULL;
use crate::descriptor;

/// A pipe, and the buffer that it is taking.
#[derive(Debug)]
pub struct Pipe {
    pipe: AsyncFd<File>,
    full: Vec<u8>,
    written: usize,
    /// Whether it was given more room.
    is_wide: bool,
}

impl Pipe {
    /// A pipe to which nothing is written yet.
    pub fn new(pipe: AsyncFd<File>) -> Pipe {
        Pipe { pipe, full: Vec::new(), written: 0, is_wide: false }
    }

    /// Whether it has taken everything.
    pub fn is_dry(&self) -> bool {
        self.full.is_empty()
    }

    /// Bytes that it has not taken.
    pub fn left(&self) -> usize {
        self.full.len() - self.written
    }

    /// Takes the buffer up to `end` and leaves in it what is behind, when it is dry. Writes as much
    /// as there is room for.
    ///
    /// # Errors
    /// `Unsupported` if it cannot be written without waiting; what the operating system says.
    pub fn take(&mut self, buffer: &mut Vec<u8>, end: usize) -> io::Result<()> {
        mem::swap(buffer, &mut self.full);
        buffer.extend_from_slice(&self.full[end..]);
        self.full.truncate(end);
        self.write()
    }

    /// Writes runs of bytes as far as there is room, and takes the rest, when it is dry.
    ///
    /// # Errors
    /// As [`Pipe::take`].
    pub fn put(&mut self, mut runs: &mut [IoSlice]) -> io::Result<()> {
        match descriptor::write_vectored(self.pipe.get_ref(), runs) {
            Ok(written) => IoSlice::advance_slices(&mut runs, written),
            Err(error) if descriptor::may_pass(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(error) => return Err(error),
        }
        runs.iter().for_each(|run| self.full.extend_from_slice(run));
        self.write()
    }

    /// The file again, and the buffer. Nothing of that is written: what is not supported is not
    /// supported from the first write on.
    pub fn leave(self) -> (File, Vec<u8>) {
        (self.pipe.into_inner(), self.full)
    }

    fn write(&mut self) -> io::Result<()> {
        while self.written < self.full.len() {
            match descriptor::write(self.pipe.get_ref(), &self.full[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if !descriptor::may_pass(&error) => return Err(error),
                // Whoever reads it is behind: the more it gets at a time, the less often both of us
                // have to be woken.
                Err(_) if !self.is_wide => {
                    self.is_wide = true;
                    descriptor::widen(self.pipe.get_ref(), self.full.len());
                }
                Err(_) => return Ok(()),
            }
        }
        self.full.clear();
        self.full.shrink_to(4 * FULL);
        self.written = 0;
        Ok(())
    }

    /// Waits until nobody can read it any more. What was said of room is forgotten meanwhile, and said
    /// again by the system once the pipe was full.
    ///
    /// # Errors
    /// That is one.
    pub async fn deserted(&self) -> io::Result<()> {
        loop {
            let mut ready = self.pipe.writable().await?;
            if ready.ready().is_write_closed() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            ready.clear_ready_matching(Ready::WRITABLE);
        }
    }

    /// Waits until it has taken something; for ever when it is dry.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn taken(&mut self) -> io::Result<()> {
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
