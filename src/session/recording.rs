//! Everything that happens, made into records: for the prompt's `/save`, for the file of `--record`, or
//! for both. A session without it does nothing for it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::SystemTime;

use super::MAX_HELD;
use super::gathering::Gathering;
use super::kept::Kept;
use super::log::Log;
use crate::output::encode::{Piece, time};
use crate::record::{Record, Side};

/// Bytes that a line may have for its memory to be used again.
const REUSED: usize = 1 << 20;

/// Records what happens.
#[derive(Debug)]
pub struct Recording {
    kept: Option<Rc<RefCell<Kept>>>,
    /// The file.
    pub log: Option<Log>,
    /// Messages that come in pieces.
    gathering: Gathering,
    /// Messages of the file with their length only.
    by_length: u64,
    line: Vec<u8>,
}

impl Recording {
    /// A recording for those who want one; in the `log`, messages are whole up to `max_message` bytes.
    pub fn new(
        kept: Option<Rc<RefCell<Kept>>>,
        log: Option<Log>,
        max_message: Option<u64>,
    ) -> Option<Recording> {
        let most = match (&kept, &log, max_message) {
            (None, None, _) => return None,
            (_, None, _) => 0,
            (_, Some(_), Some(0)) => usize::MAX,
            (_, Some(_), limit) => usize::try_from(limit.unwrap_or(MAX_HELD)).unwrap_or(usize::MAX),
        };
        let gathering = Gathering::new(most);
        Some(Recording { kept, log, gathering, by_length: 0, line: Vec::new() })
    }

    /// Whether it has to hear of everything.
    pub fn goes_on(&self) -> bool {
        self.log.is_some() || self.kept.as_ref().is_some_and(|kept| kept.borrow().goes_on())
    }

    /// Whether what it has heard stands where it belongs.
    pub fn is_written(&self) -> bool {
        self.log.as_ref().is_none_or(Log::is_written)
    }

    /// Records something.
    pub fn record(&mut self, record: &Record, now: SystemTime) {
        if !self.goes_on() {
            return;
        }
        record.write(&mut self.line, &time(now));
        self.line.push(b'\n');
        if let Some(log) = &mut self.log {
            log.put(&self.line);
        }
        if let Some(kept) = &self.kept {
            kept.borrow_mut().keep(&self.line);
        }
        self.line.clear();
        self.line.shrink_to(REUSED);
    }

    /// Records a message, or takes a piece of one; of one that is too large, only its length is recorded.
    pub fn message(&mut self, from: Side, piece: Piece, now: SystemTime) {
        if piece.first && piece.last && self.log.is_none() {
            return self.record(&Record::message(from, piece.kind, piece.payload), now);
        }
        if let Some(gathered) = self.gathering.take(from, piece) {
            self.by_length += u64::from(gathered.is_by_length() && self.log.is_some());
            self.record(&gathered.record(), now);
        }
    }

    /// What is missing in the file.
    pub fn remark(&self) -> Option<String> {
        let what = match self.by_length {
            0 => return None,
            1 => "a message was".to_owned(),
            count => format!("{count} messages were"),
        };
        let most = self.gathering.most();
        Some(format!(
            "--record: {what} over {most} bytes (--max-message-size), so that only the length was recorded"
        ))
    }
}
