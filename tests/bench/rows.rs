//! The rows of the table: one job, done by each program in turn.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Write};
use std::path::Path;
use std::time::Duration;

use crate::Bench;
use crate::pattern::{Blocks, Content, Kind, Pattern};
use crate::process::{self, Drain, Input, Used};
use crate::server::{Job, Seen};
use crate::tools::{Name, Task, Tool};

/// Which way the messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the server to stdout.
    Receive,
    /// From stdin to the server.
    Send,
}

/// What stdin or stdout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// `/dev/null`, for output only.
    Null,
    /// A file.
    File,
    /// A pipe.
    Pipe,
}

/// What carries the WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A TCP connection: `ws`.
    Tcp,
    /// TLS: `wss`.
    Tls,
}

/// One stream of messages.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// Which way.
    pub way: Way,
    /// Text or binary.
    pub kind: Kind,
    /// Payload bytes of a message.
    pub size: usize,
    /// What is in them, and with it whether they are compressed.
    pub content: Content,
    /// What stdin or stdout is.
    pub through: Through,
    /// What carries it.
    pub over: Over,
}

/// How the far side of a stream behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As fast as it can.
    Fast,
    /// It looks at every byte.
    Checking,
    /// It does nothing for a while.
    Stalling,
}

/// How long a far side stalls.
const STALL: Duration = Duration::from_secs(2);

/// What one run of one program gave.
#[derive(Clone, Debug)]
pub struct Run {
    /// Messages.
    pub count: u64,
    /// Payload bytes of each.
    pub size: usize,
    /// Bytes of all their frames.
    pub wire: u64,
    /// Nanoseconds from the opening to the last message.
    pub time: u64,
    /// What the process used.
    pub used: Used,
    /// What was wrong with what arrived.
    pub problem: Option<String>,
}

impl Run {
    /// Messages a second.
    pub fn rate(&self) -> f64 {
        self.count as f64 * 1e9 / self.time.max(1) as f64
    }

    /// Payload bytes a second.
    pub fn volume(&self) -> f64 {
        self.rate() * self.size as f64
    }

    /// Bytes on the wire, of a message with its frames.
    pub fn on_wire(&self) -> f64 {
        self.wire as f64 / self.count.max(1) as f64
    }

    /// Processor nanoseconds a message.
    pub fn cpu(&self) -> f64 {
        self.used.cpu as f64 / self.count.max(1) as f64
    }
}

impl Stream {
    /// What it is called in tables.
    pub fn name(&self) -> String {
        let way = match self.way {
            Way::Receive => "in",
            Way::Send => "out",
        };
        let through = match self.through {
            Through::Null => "/dev/null",
            Through::File => "file",
            Through::Pipe => "pipe",
        };
        let over = match self.over {
            Over::Tcp => "",
            Over::Tls => ", wss",
        };
        let compressed = if self.content.is_compressed() { ", compressed" } else { "" };
        let (size, kind) = (size_name(self.size as u64), self.kind.name());
        format!("{size} {kind} {way}, {through}{over}{compressed}")
    }

    /// Runs `tool` on `count` messages.
    pub fn run(
        &self,
        bench: &Bench,
        tool: &Tool,
        count: u64,
        manner: Manner,
    ) -> anyhow::Result<Option<Run>> {
        let Stream { kind, size, content, .. } = *self;
        let pattern = Pattern { kind, size, content, numbered: manner == Manner::Checking };
        match self.way {
            Way::Receive => self.receive(bench, tool, count, pattern, manner),
            Way::Send => self.send(bench, tool, count, pattern, manner),
        }
    }

    fn receive(
        &self,
        bench: &Bench,
        tool: &Tool,
        count: u64,
        pattern: Pattern,
        manner: Manner,
    ) -> anyhow::Result<Option<Run>> {
        let (server, folder) = (bench.server(self.over), bench.folder.path());
        let compressed = self.content.is_compressed();
        let Some(argv) = tool.argv(Task::Receive(self.kind), server, compressed) else {
            return Ok(None);
        };
        let path = folder.join("output");
        let drain = match self.through {
            Through::Null => Drain::Null,
            Through::File => Drain::File(&path),
            Through::Pipe if manner == Manner::Checking => Drain::Kept(&path),
            Through::Pipe if manner == Manner::Stalling => Drain::Pipe(STALL),
            Through::Pipe => Drain::Pipe(Duration::ZERO),
        };
        server.expect(Job::Send { pattern, count });
        let used = process::run(&argv, Input::Silence, drain, folder)?;
        let Seen { opened, wire, mut problem, .. } = server.seen();
        let expected = if tool.name == Name::Copy { wire } else { count * self.size as u64 };
        if self.through != Through::Null && used.output < expected {
            problem.get_or_insert("only a part of the output came".into());
        }
        if manner == Manner::Checking
            && tool.name != Name::Copy
            && let Err(what) = check(&path, count, pattern, tool)
        {
            problem.get_or_insert(what);
        }
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        let time = used.ended.saturating_sub(opened);
        Ok(Some(Run { count, size: self.size, wire, time, used, problem }))
    }

    fn send(
        &self,
        bench: &Bench,
        tool: &Tool,
        count: u64,
        pattern: Pattern,
        manner: Manner,
    ) -> anyhow::Result<Option<Run>> {
        let (server, folder) = (bench.server(self.over), bench.folder.path());
        let compressed = self.content.is_compressed();
        let Some(argv) = tool.argv(Task::Send(self.kind, self.size), server, compressed) else {
            return Ok(None);
        };
        let framed = tool.name == Name::Copy;
        let path = folder.join(format!("input-{framed}-{}-{count}", self.name().replace('/', "")));
        if self.through == Through::File && !path.exists() {
            feed(&input_of(pattern, count, framed), framed, &mut File::create(&path)?)?;
        }
        let input = match self.through {
            Through::File => Input::File(&path),
            _ => {
                let blocks = input_of(pattern, count, framed);
                Input::Pipe(Box::new(move |pipe| feed(&blocks, framed, pipe)))
            }
        };
        let pause = if manner == Manner::Stalling { STALL } else { Duration::ZERO };
        server.expect(Job::Take { pattern, pause });
        let used = process::run(&argv, input, Drain::Null, folder)?;
        let Seen { opened, last, messages, bytes, wire, mut problem } = server.seen();
        // What is compressed and not checked is only counted.
        let is_measured = !compressed || manner == Manner::Checking;
        if is_measured && bytes < count * self.size as u64 {
            problem.get_or_insert("only a part arrived".into());
        } else if messages != count && (self.kind == Kind::Text || manner == Manner::Checking) {
            problem.get_or_insert("the messages were cut otherwise".into());
        }
        let time = last.saturating_sub(opened);
        Ok(Some(Run { count, size: self.size, wire, time, used, problem }))
    }
}

/// The input of a client: messages as they are typed, or frames for a plain copy.
fn input_of(pattern: Pattern, count: u64, framed: bool) -> Blocks {
    if framed {
        pattern.blocks(count, pattern.framer(true))
    } else {
        pattern.blocks(count, |payload, block| pattern.plain(payload, block))
    }
}

/// Writes it; after frames, a Close.
fn feed(blocks: &Blocks, framed: bool, out: &mut dyn Write) -> io::Result<()> {
    blocks.write(|block| out.write_all(block))?;
    if framed {
        out.write_all(&[0x88, 0x80, 0, 0, 0, 0])?;
    }
    out.flush()
}

/// Compares the output of a client with what was sent.
fn check(path: &Path, count: u64, pattern: Pattern, tool: &Tool) -> Result<(), String> {
    let mut output = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let mut number = 0;
    let newlines = tool.ends_lines(pattern.kind);
    let encode = |payload: &[u8], block: &mut Vec<u8>| {
        block.extend_from_slice(payload);
        if newlines {
            block.push(b'\n');
        }
    };
    pattern.blocks(count, encode).write(|expected| {
        let mut got = vec![0; expected.len()];
        number += 1;
        let same = output.read_exact(&mut got).is_ok() && got == expected;
        if same {
            Ok(())
        } else {
            Err(format!("block {number} of the output is not what was sent"))
        }
    })?;
    match output.read(&mut [0]) {
        Ok(0) => Ok(()),
        _ => Err("the output has more than was sent".into()),
    }
}

/// `64 B`, `1 KiB`, `1 GiB`.
pub fn size_name(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}
