//! What passes, kept as records in a file that has no name, until somebody wants to have it; or the
//! beginning of it, if it is much.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::SystemTime;

use crate::output::encode::{Piece, time};
use crate::record::{Record, Side};
use crate::wire::Kind;

/// Only for us: what passes may be secret.
const MODE: u32 = 0o600;
/// Bytes that are copied at a time.
const COPIED: usize = 64 * 1024;
/// Bytes that are kept at most.
const MOST: u64 = 64 << 20;

/// Keeps records.
#[derive(Debug)]
pub struct Recording {
    /// Nothing is kept before there is anything.
    file: Option<BufWriter<File>>,
    kept: Kept,
    /// Messages that were too large to be held, each way: their bytes so far.
    large: [Option<(Kind, usize)>; 2],
    /// Why nothing more is kept.
    ended: Option<String>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kept {
    records: u64,
    bytes: u64,
}

/// What is to be saved.
#[derive(Debug)]
pub struct Snapshot {
    file: Option<File>,
    kept: Kept,
    /// Why it is not everything.
    ended: Option<String>,
}

impl Recording {
    /// Begins one.
    pub fn begin() -> Recording {
        Recording { file: None, kept: Kept::default(), large: [None, None], ended: None }
    }

    /// Whether anything more is kept.
    pub fn goes_on(&self) -> bool {
        self.ended.is_none()
    }

    /// Keeps a record.
    pub fn record(&mut self, record: &Record) {
        if !self.goes_on() {
            return;
        }
        let mut line = Vec::new();
        record.write(&mut line, &time(SystemTime::now()));
        line.push(b'\n');
        self.kept.bytes += line.len() as u64;
        if self.kept.bytes > MOST {
            self.kept.bytes -= line.len() as u64;
            self.ended = Some(format!("what came after the first {} MiB was not kept", MOST >> 20));
        } else if let Err(error) = self.write(&line) {
            self.ended = Some(format!("not everything was kept: {error}"));
        } else {
            self.kept.records += 1;
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(BufWriter::new(tempfile::tempfile()?));
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(line))
    }

    /// Keeps a message; of one that comes in pieces, only how long it was.
    pub fn message(&mut self, from: Side, Piece { kind, payload, first, last }: Piece) {
        if first && last {
            return self.record(&Record::message(from, kind, payload));
        }
        let large = &mut self.large[usize::from(from == Side::Peer)];
        let (_, length) = large.get_or_insert((kind, 0));
        *length += payload.len();
        if last && let Some((kind, length)) = large.take() {
            let opcode = kind.name();
            self.record(&Record::Message { from, opcode, length, text: None, base64: None });
        }
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
        Ok(Snapshot { file, kept: self.kept, ended: self.ended.clone() })
    }
}

impl Snapshot {
    /// Writes it to a file, which may take its time; how many records that were, and why not all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(self, path: &Path) -> io::Result<(u64, Option<String>)> {
        let mut options = OpenOptions::new();
        let mut to = options.write(true).create(true).truncate(true).mode(MODE).open(path)?;
        let mut buffer = vec![0; COPIED];
        let mut at = 0;
        while let Some(file) = &self.file
            && at < self.kept.bytes
        {
            let size = buffer.len().min((self.kept.bytes - at) as usize);
            file.read_exact_at(&mut buffer[..size], at)?;
            to.write_all(&buffer[..size])?;
            at += size as u64;
        }
        Ok((self.kept.records, self.ended))
    }
}
