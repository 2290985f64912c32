//! `serve --record`: what passes on the connections of a server, as records of one file. They are written
//! from the client's side, as the client itself would have recorded them: `us` is the client, so that
//! `check` and `serve --replay` take the file. Each connection has a number for its name.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio::sync::Notify;

use super::MAX_HELD;
use super::gathering::Gathering;
use super::log::Log;
use super::spare::{Held, Spare};
use crate::exit::Closure;
use crate::failure::Failure;
use crate::output::encode::{Piece, time};
use crate::record::{Open, OpenTiming, Record, Side, base64};

/// Bytes of messages that come in pieces, of all connections together: four of the largest.
const COMING: usize = 256 << 20;

/// The file of all connections.
#[derive(Debug)]
pub struct Chronicle {
    file: Mutex<Log>,
    failed: Notify,
    /// Connections so far.
    count: Mutex<u64>,
    /// What there is for messages that come in pieces.
    spare: Spare,
}

/// Writes what passes on one connection.
#[derive(Debug)]
pub struct Scribe {
    chronicle: Arc<Chronicle>,
    conn: String,
    gathering: Gathering,
}

/// A connection that begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// Where the client found us.
    pub url: &'a str,
    /// The subprotocol that was chosen.
    pub subprotocol: Option<&'a str>,
    /// Where we listen.
    pub address: &'a str,
}

impl Chronicle {
    /// One that is written to a log, which is an ordinary file.
    pub fn new(log: Log) -> Chronicle {
        Chronicle {
            file: Mutex::new(log),
            failed: Notify::new(),
            count: Mutex::new(0),
            spare: Spare::new(COMING),
        }
    }

    /// Waits until it cannot be written, and says why.
    pub async fn failed(&self) -> Failure {
        loop {
            self.failed.notified().await;
            if let Some(failure) = self.file.lock().ok().and_then(|mut log| log.take_failure()) {
                return failure;
            }
        }
    }

    /// A connection begins.
    pub fn begin(self: &Arc<Self>, Beginning { url, subprotocol, address }: Beginning) -> Scribe {
        let number = self.count.lock().map_or(0, |mut count| {
            *count += 1;
            *count
        });
        let gathering = Gathering::sharing(MAX_HELD as usize, Held::none(&self.spare));
        let scribe = Scribe { chronicle: Arc::clone(self), conn: number.to_string(), gathering };
        scribe.write(&Record::Open(Open {
            url,
            http_version: "1.1",
            status: 101,
            subprotocol,
            extensions: &[],
            peer_address: address,
            timing: OpenTiming::default(),
            request_headers: None,
            response_headers: None,
        }));
        scribe
    }
}

impl Scribe {
    fn write(&self, record: &Record) {
        let mut line = Vec::new();
        record.write_of(&mut line, &time(SystemTime::now()), Some(&self.conn));
        line.push(b'\n');
        if let Ok(mut log) = self.chronicle.file.lock() {
            log.put(&line);
            if !log.is_written() {
                self.chronicle.failed.notify_one();
            }
        }
    }

    /// A message has passed, or a piece of one; `from` is who sent it as the server sees it, as in the
    /// others.
    pub fn message(&mut self, from: Side, piece: Piece) {
        if let Some(gathered) = self.gathering.take(from.other(), piece) {
            self.write(&gathered.record());
        }
    }

    /// A Ping has come, and is answered.
    pub fn ping(&self, payload: &[u8]) {
        self.write(&Record::Ping { from: Side::Us, base64: base64(payload) });
        self.write(&Record::Pong { from: Side::Peer, base64: base64(payload), rtt_us: None });
    }

    /// The connection has ended, unless it was dropped by us.
    pub fn end(self, closure: Option<&Closure>) {
        let close = closure.map(|closure| closure.record(0));
        self.write(&match close {
            Some(Record::Close { from, code, reason, clean, unsent }) => {
                Record::Close { from: from.other(), code, reason, clean, unsent }
            }
            _ => {
                let (from, code) = (Side::Peer, crate::wire::close::ABNORMAL);
                Record::Close { from, code, reason: "", clean: false, unsent: 0 }
            }
        });
    }
}
