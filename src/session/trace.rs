//! What looks at the frames of a session as they pass, both ways, and shows them to a person or writes
//! them to a file. A session without it does nothing for it.

use std::io;
use std::time::SystemTime;

use crate::failure::Failure;
use crate::output::Destination;
use crate::output::encode::time;
use crate::output::frames::{SHOWN, record, show};
use crate::output::writer::Writer;
use crate::record::Side;
use crate::wire::{Deflate, Role, Seen, Tracer, opcode};

/// Bytes of a payload that are kept for a file: a frame may be larger than memory.
const KEPT: usize = 64 << 20;

/// Which frames a person is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// `-vv`: control frames.
    Control,
    /// `-vvv`: all.
    All,
}

/// Looks at both directions.
#[derive(Debug)]
pub struct Trace {
    /// Bytes of a payload that are kept.
    keep: usize,
    ours: Tracer,
    peers: Tracer,
    way: Way,
}

/// Where frames are told of.
#[derive(Debug)]
struct Way {
    person: Option<(Shown, Writer)>,
    file: Option<(String, Writer)>,
}

impl Trace {
    /// Shows frames on a `person`'s stderr, and writes them to a `file` that has a name for messages.
    pub fn new(
        person: Option<(Shown, Destination)>,
        file: Option<(String, Destination)>,
    ) -> Option<Trace> {
        let keep = match (&person, &file) {
            (None, None) => return None,
            (Some(_), None) => SHOWN,
            (_, Some(_)) => KEPT,
        };
        let way = Way {
            person: person.map(|(shown, stderr)| (shown, Writer::new(stderr))),
            file: file.map(|(name, file)| (name, Writer::new(file))),
        };
        Some(Trace { keep, ours: Tracer::new(keep), peers: Tracer::new(keep), way })
    }

    /// A connection begins, on which messages are compressed like this.
    pub fn begin(&mut self, deflate: Option<&Deflate>) {
        (self.ours, self.peers) = (Tracer::new(self.keep), Tracer::new(self.keep));
        let inflater = |of| deflate.map(|deflate| deflate.inflater(of, None));
        self.ours.inflate_with(inflater(Role::Server));
        self.peers.inflate_with(inflater(Role::Client));
    }

    /// Bytes were sent, or received.
    pub fn passed(&mut self, from: Side, bytes: &[u8]) {
        let (tracer, way) = self.tracer(from);
        let now = time(SystemTime::now());
        tracer.push(bytes, &mut |seen| way.tell(from, &now, &seen));
        way.hand_over();
    }

    /// Nothing more will pass: of frames that have begun, this is told.
    pub fn finish(&mut self) {
        for from in [Side::Us, Side::Peer] {
            let (tracer, way) = self.tracer(from);
            let now = time(SystemTime::now());
            tracer.finish(&mut |seen| way.tell(from, &now, &seen));
            way.hand_over();
        }
    }

    fn tracer(&mut self, from: Side) -> (&mut Tracer, &mut Way) {
        match from {
            Side::Us => (&mut self.ours, &mut self.way),
            Side::Peer => (&mut self.peers, &mut self.way),
        }
    }

    /// Whether there is room for more.
    pub fn has_room(&self) -> bool {
        let Way { person, file } = &self.way;
        let person = person.as_ref().is_none_or(|(_, writer)| writer.buffer.is_empty());
        person && file.as_ref().is_none_or(|(_, writer)| writer.buffer.is_empty())
    }

    /// Waits until there is room for more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn room(&mut self) -> Result<(), Failure> {
        self.way.wait(|writer| !writer.buffer.is_empty()).await
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn drain(&mut self) -> Result<(), Failure> {
        if let Some((_, writer)) = &mut self.way.person {
            // Where nobody can be told there is nobody to tell.
            let _ = writer.drain().await;
        }
        match &mut self.way.file {
            Some((name, writer)) => writer.drain().await.map_err(|error| failure(name, error)),
            None => Ok(()),
        }
    }
}

fn failure(name: &str, error: io::Error) -> Failure {
    Failure::Output { name: name.to_owned(), error }
}

impl Way {
    fn tell(&mut self, from: Side, now: &str, seen: &Seen) {
        if let Some((shown, writer)) = &mut self.person {
            let is_control = seen.first & 0x0f >= opcode::CLOSE;
            if is_control || *shown == Shown::All {
                let seconds = &now[11..];
                show(&mut writer.buffer, from, seconds.trim_end_matches('Z'), seen);
            }
        }
        if let Some((_, writer)) = &mut self.file {
            record(from, seen).write(&mut writer.buffer, now);
            writer.buffer.push(b'\n');
        }
    }

    fn writers(&mut self) -> impl Iterator<Item = &mut Writer> {
        let person = self.person.iter_mut().map(|(_, writer)| writer);
        person.chain(self.file.iter_mut().map(|(_, writer)| writer))
    }

    fn hand_over(&mut self) {
        self.writers().for_each(Writer::flush);
    }

    async fn wait(&mut self, is_behind: impl Fn(&Writer) -> bool) -> Result<(), Failure> {
        if let Some((_, writer)) = &mut self.person {
            // Where nobody can be told there is nobody to tell.
            while is_behind(writer) && writer.written().await.is_ok() {}
        }
        if let Some((name, writer)) = &mut self.file {
            while is_behind(writer) {
                writer.written().await.map_err(|error| failure(name, error))?;
            }
        }
        Ok(())
    }
}
