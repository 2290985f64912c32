//! What passes, kept as records in a file that has no name, until somebody wants to have it (`/save` at
//! the prompt); or the beginning of it, if it is much.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::private::private;

/// Bytes that are copied at a time.
const COPIED: usize = 64 * 1024;
/// Bytes that are kept at most.
const MOST: u64 = 64 << 20;

/// Keeps records.
#[derive(Debug, Default)]
pub struct Kept {
    /// Nothing is kept before there is anything.
    file: Option<BufWriter<File>>,
    amount: Amount,
    /// Why nothing more is kept.
    ended: Option<String>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    records: u64,
    bytes: u64,
}

/// What is to be saved.
#[derive(Debug)]
pub struct Snapshot {
    file: Option<File>,
    amount: Amount,
    /// Why it is not everything.
    ended: Option<String>,
}

impl Kept {
    /// Whether anything more is kept.
    pub fn goes_on(&self) -> bool {
        self.ended.is_none()
    }

    /// Keeps a record, which is a line.
    pub fn keep(&mut self, line: &[u8]) {
        if !self.goes_on() {
            return;
        }
        self.amount.bytes += line.len() as u64;
        if self.amount.bytes > MOST {
            self.amount.bytes -= line.len() as u64;
            self.ended = Some(format!("what came after the first {} MiB was not kept", MOST >> 20));
        } else if let Err(error) = self.write(line) {
            self.ended = Some(format!("not everything was kept: {error}"));
        } else {
            self.amount.records += 1;
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(BufWriter::new(tempfile::tempfile()?));
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(line))
    }

    /// Everything so far.
    ///
    /// # Errors
    /// It could not be kept.
    pub fn snapshot(&mut self) -> io::Result<Snapshot> {
        let file = match &mut self.file {
            Some(file) => {
                file.flush()?;
                Some(file.get_ref().try_clone()?)
            }
            None => None,
        };
        Ok(Snapshot { file, amount: self.amount, ended: self.ended.clone() })
    }
}

impl Snapshot {
    /// Writes it to a file, which may take its time; how many records that were, and why not all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(self, path: &Path) -> io::Result<(u64, Option<String>)> {
        let mut to = private(path)?;
        if to.metadata()?.is_file() {
            to.set_len(0)?;
        }
        let mut buffer = vec![0; COPIED];
        let mut at = 0;
        while let Some(file) = &self.file
            && at < self.amount.bytes
        {
            let size = buffer.len().min((self.amount.bytes - at) as usize);
            file.read_exact_at(&mut buffer[..size], at)?;
            to.write_all(&buffer[..size])?;
            at += size as u64;
        }
        Ok((self.amount.records, self.ended))
    }
}
