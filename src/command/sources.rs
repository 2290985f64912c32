//! What a run sends, from the flags: messages of the command line, files, stdin, in order.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use crate::cli::{Data, FramingArgs, MessageArgs, PipeArgs};
use crate::failure::Failure;
use crate::input::reader::Origin;
use crate::input::{Framing, Messages, Shape};
use crate::record::Taken;
use crate::wire::Kind;

/// The longest record of `--jsonl` input, in bytes, unless `--max-message-size` asks for more:
/// twice the message, since base64 and escapes take room.
const MAX_RECORD: u64 = 128 << 20;

/// A file to read; not a directory. Opening a FIFO would wait here, where nothing can end it.
pub fn open_input(path: &Path) -> Result<Origin, Failure> {
    let origin = || -> io::Result<Origin> {
        let kind = path.metadata()?.file_type();
        if kind.is_fifo() {
            return Ok(Origin::Fifo(path.to_owned()));
        }
        // Opening a directory works; only reading it fails, which would be after the handshake.
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        File::open(path).map(Origin::File)
    };
    let name = path.display().to_string();
    origin().map_err(|error| Failure::ReadInput { name, error })
}

/// What is sent, source after source.
pub struct Sources {
    kind: Kind,
    /// How the bytes of each become messages.
    pub messages: Vec<Messages>,
    /// Where the bytes of each come from, with a name.
    pub origins: Vec<(String, Origin)>,
    /// Whether one of them is stdin.
    pub reads_stdin: bool,
    /// Bytes of all sources, while they are all known.
    pub total: Option<u64>,
}

impl Sources {
    /// No source yet; the flags say what a message is.
    pub fn new(message: &MessageArgs, framing: &FramingArgs) -> Self {
        let binary = message.binary || framing.implies_binary() || message.decode.is_some();
        let kind = if binary && !message.text { Kind::Binary } else { Kind::Text };
        let total = Some(0);
        Sources { kind, messages: Vec::new(), origins: Vec::new(), reads_stdin: false, total }
    }

    /// The arguments of `send`.
    pub fn arguments(&mut self, message: &MessageArgs, arguments: Vec<OsString>) {
        for (number, text) in (1..).zip(arguments) {
            let shape = self.one_message(message);
            self.add("arguments", Some(number), Origin::Bytes(text.into_vec()), shape);
        }
    }

    /// `-d` and `--data-raw`.
    pub fn data(&mut self, message: &MessageArgs) -> Result<(), Failure> {
        for (number, data) in (1..).zip(&message.data.0) {
            let shape = self.one_message(message);
            match data {
                Data::Text(text) => {
                    self.add("-d", Some(number), Origin::Bytes(text.clone()), shape);
                }
                Data::File(path) => {
                    let origin = open_input(path)?;
                    self.add(&path.display().to_string(), Some(1), origin, shape);
                }
                Data::Stdin if self.reads_stdin => {
                    return Err(Failure::usage(
                        "-d @- is given twice, but stdin can be read only once",
                        "leave one away",
                    ));
                }
                Data::Stdin => self.add("stdin", Some(1), Origin::Stdin, shape),
            }
        }
        Ok(())
    }

    /// Stdin, cut into messages.
    pub fn stdin(&mut self, pipe: &PipeArgs) -> Result<(), Failure> {
        let PipeArgs { message, framing, records, end, .. } = pipe;
        let chosen = framing.chosen();
        if message.binary && chosen.is_none() && message.decode.is_none() && !framing.jsonl {
            return Err(Failure::usage(
                "--binary does not say what one message of stdin is",
                "add --lines, --null, --delimiter, --whole, --chunk, --stream, --length-prefixed or --decode",
            ));
        }
        let shape = if framing.jsonl {
            let limit = match end.more.max_message_size {
                Some(0) => u64::MAX,
                limit => limit.map_or(0, |limit| limit.saturating_mul(2)).max(MAX_RECORD),
            };
            let only_from = records.only_from.map(Into::into);
            let taken = Taken { only_from, raw_frames: records.raw_frames, pongs: false };
            Shape::Records { taken, limit: usize::try_from(limit).unwrap_or(usize::MAX) }
        } else {
            let framing = chosen.unwrap_or(Framing::Lines);
            Shape::Payloads { framing, kind: self.kind, decode: message.decode }
        };
        self.add("stdin", None, Origin::Stdin, shape);
        Ok(())
    }

    /// What is typed at a prompt, which becomes records.
    pub fn typed(&mut self) {
        let limit = usize::try_from(MAX_RECORD).unwrap_or(usize::MAX);
        let shape = Shape::Records { taken: Taken::TYPED, limit };
        self.messages.push(Messages::new("the prompt", shape));
        self.total = None;
    }

    /// All of them so many times. Stdin is read again if it is a file.
    ///
    /// # Errors
    /// A source that can be read only once.
    pub fn repeat(&mut self, times: NonZeroU64) -> Result<(), Failure> {
        if times.get() == 1 {
            return Ok(());
        }
        let hint = "put what it brings into a file: wspipe send --repeat N URL < FILE, or -d @FILE";
        self.must_be_rereadable("--repeat", hint)?;
        self.total = self.total.and_then(|total| total.checked_mul(times.get()));
        Ok(())
    }

    /// Makes sure that all of them can be read again, as `flag` asks for.
    ///
    /// # Errors
    /// A source that can be read only once.
    pub fn must_be_rereadable(&mut self, flag: &str, hint: &'static str) -> Result<(), Failure> {
        for (name, origin) in &mut self.origins {
            if matches!(origin, Origin::Stdin)
                && let Ok(stdin) = io::stdin().as_fd().try_clone_to_owned()
            {
                *origin = Origin::File(File::from(stdin));
            }
            let can_be = match origin {
                Origin::Bytes(_) => true,
                Origin::File(file) => file_length(file).is_some(),
                Origin::Fifo(_) | Origin::Stdin | Origin::Made { .. } => false,
            };
            if !can_be {
                return Err(Failure::usage(format!("{flag}: {name} can be read only once"), hint));
            }
        }
        Ok(())
    }

    fn one_message(&self, message: &MessageArgs) -> Shape {
        Shape::Payloads { framing: Framing::Whole, kind: self.kind, decode: message.decode }
    }

    /// Adds a source: the message with this number on the command line, or any number of them.
    fn add(&mut self, name: &str, number: Option<u64>, origin: Origin, shape: Shape) {
        let length = match &origin {
            Origin::Bytes(bytes) => Some(bytes.len() as u64),
            Origin::File(file) => file_length(file),
            Origin::Fifo(_) | Origin::Made { .. } => None,
            Origin::Stdin => {
                self.reads_stdin = true;
                let stdin = io::stdin().as_fd().try_clone_to_owned().map(File::from);
                stdin.ok().as_ref().and_then(file_length)
            }
        };
        self.total = self.total.zip(length).map(|(total, length)| total + length);
        let messages = Messages::new(name, shape);
        self.messages.push(match number {
            Some(number) => messages.given(number),
            None => messages,
        });
        self.origins.push((name.to_owned(), origin));
    }
}

fn file_length(file: &File) -> Option<u64> {
    let metadata = file.metadata().ok()?;
    if metadata.is_file() { Some(metadata.len()) } else { None }
}
