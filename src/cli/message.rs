//! Flags about what is sent: messages on the command line, their opcode, and how stdin is cut into
//! messages.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::parser::ArgMatches;
use clap::{Arg, ArgAction, Args, Command, FromArgMatches, ValueEnum, value_parser};

use super::values;
use crate::codec::Codec;
use crate::input::Framing;
use crate::record::Side;

/// Opcode and form of everything that is sent.
#[derive(Args, Debug)]
pub struct MessageArgs {
    /// Messages given by -d and --data-raw.
    #[command(flatten)]
    pub data: DataArgs,

    /// Send text messages (the default)
    #[arg(long, help_heading = "Messages to send", conflicts_with = "binary")]
    pub text: bool,

    /// Send binary messages, and print raw ones where stdout is no terminal. For stdin, say also
    /// what one message is: --lines, --null, --delimiter, --whole, --chunk, --stream,
    /// --length-prefixed or --decode
    #[arg(long, help_heading = "Messages to send")]
    pub binary: bool,

    /// Decode each message before it is sent, as binary (with --text, as text)
    #[arg(long, value_name = "CODEC", help_heading = "Messages to send")]
    pub decode: Option<Codec>,
}

/// What one message of stdin is.
#[derive(Args, Debug, Default)]
#[group(id = "framing", multiple = false)]
pub struct FramingArgs {
    /// A message is a line; one LF or CRLF at its end is not part of it (the default for text)
    #[arg(long, help_heading = "Messages from stdin")]
    pub lines: bool,

    /// A message is what stands between NUL bytes; on output, NUL ends each message too
    #[arg(short = '0', long, help_heading = "Messages from stdin")]
    pub null: bool,

    /// A message is what stands between two such strings; escapes: \n \r \t \0 \\ \xHH
    #[arg(long, value_name = "STRING", help_heading = "Messages from stdin",
          allow_hyphen_values = true, value_parser = parse_delimiter)]
    pub delimiter: Option<Delimiter>,

    /// Everything up to the end of input is one message
    #[arg(long, help_heading = "Messages from stdin")]
    pub whole: bool,

    /// A message is so many bytes; implies --binary, and with --text ends after a whole character
    #[arg(long, value_name = "SIZE", help_heading = "Messages from stdin",
          value_parser = values::chunk_size)]
    pub chunk: Option<usize>,

    /// A message is what each read gives, up to 64 KiB, at once: a stream of bytes; implies
    /// --binary
    #[arg(long, help_heading = "Messages from stdin")]
    pub stream: bool,

    /// A message is a 4-byte big-endian length and that many bytes
    #[arg(long, help_heading = "Messages from stdin")]
    pub length_prefixed: bool,

    /// A line is a record such as {"text":"hi"}; connect prints records too
    ///
    /// A message has one of text, json (sent as compact text), base64 and hex (sent as binary), and
    /// with "opcode":"text" or "binary" the opcode that is said; {"event":"ping"} sends a Ping;
    /// {"event":"close","code":4000,"reason":"bye"} closes, and nothing after it is sent. Records
    /// that only tell what happened (open, pong, failure) and unknown fields are skipped, so that
    /// what --format jsonl has printed can be sent again.
    #[arg(long, help_heading = "Messages from stdin")]
    pub jsonl: bool,
}

/// Which records of a recording are sent.
#[derive(Args, Debug, Default)]
pub struct RecordArgs {
    /// Of the records in --jsonl input, take only one side's
    #[arg(long, value_name = "SIDE", requires = "jsonl", help_heading = "Messages from stdin")]
    pub only_from: Option<SideArg>,

    /// Send frames made by hand too: records such as {"frame":{"rsv":4,"opcode":3},"text":"hi"}
    ///
    /// Such a record is sent as exactly that frame, right or wrong, to see what a server makes of it.
    /// Every field of "frame" may be left out: fin (true), rsv (0; the three reserved bits as one
    /// number, RSV1 is 4), opcode (0 to 15; 1, or 2 with base64 or hex), mask (true), length (what is
    /// stated; that of the payload), length_bytes (0, 2 or 8, how it is written; the shortest).
    /// "mask_key" stands beside "frame" and has 8 hex digits (random). The payload is text, json,
    /// base64 or hex, or nothing, and is not checked. Records of --trace-frames are such records: with
    /// --only-from us, a session is played again. A frame counts as no message, and a Close made by hand
    /// does not end the input. The closing line says how long after the last one the server ended the
    /// session.
    ///
    /// Example: echo '{"frame":{"opcode":3},"text":"hi"}' | wspipe send --jsonl --raw-frames echo:
    #[arg(long, requires = "jsonl", help_heading = "Messages from stdin")]
    pub raw_frames: bool,
}

/// A delimiter, with its escapes resolved.
#[derive(Clone, Debug)]
pub struct Delimiter(pub Vec<u8>);

fn parse_delimiter(typed: &str) -> Result<Delimiter, String> {
    values::delimiter(typed).map(Delimiter)
}

/// A side of a recording.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SideArg {
    /// What this program sent.
    Us,
    /// What the other end sent.
    Peer,
}

impl From<SideArg> for Side {
    fn from(side: SideArg) -> Side {
        match side {
            SideArg::Us => Side::Us,
            SideArg::Peer => Side::Peer,
        }
    }
}

impl FramingArgs {
    /// The framing that was chosen by hand; records are a form of their own.
    pub fn chosen(&self) -> Option<Framing> {
        if let Some(delimiter) = &self.delimiter {
            return Some(Framing::Delimiter(delimiter.0.clone()));
        }
        if let Some(size) = self.chunk {
            return Some(Framing::Chunk(size));
        }
        let flags = [
            (self.lines, Framing::Lines),
            (self.null, Framing::Delimiter(vec![0])),
            (self.whole, Framing::Whole),
            (self.stream, Framing::Stream),
            (self.length_prefixed, Framing::LengthPrefixed),
        ];
        flags.into_iter().find(|(given, _)| *given).map(|(_, framing)| framing)
    }

    /// Whether a flag was given that only makes sense when stdin is cut into messages; NUL is a
    /// choice for the output too.
    pub fn cuts_stdin(&self) -> bool {
        self.jsonl || self.chosen().is_some() && !self.null
    }

    /// Whether the framing means bytes unless text is asked for.
    pub fn implies_binary(&self) -> bool {
        self.chunk.is_some() || self.stream
    }
}

/// One message of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// The text itself.
    Text(Vec<u8>),
    /// The bytes of a file.
    File(PathBuf),
    /// The bytes of stdin.
    Stdin,
}

/// `-d` and `--data-raw`, in the order in which they were given, which clap's derived types would
/// lose.
#[derive(Clone, Debug, Default)]
pub struct DataArgs(pub Vec<Data>);

const DATA: &str = "data";
const DATA_RAW: &str = "data_raw";

impl Args for DataArgs {
    fn augment_args(command: Command) -> Command {
        let argument = |id: &'static str, long: &'static str, help: &'static str| {
            Arg::new(id)
                .long(long)
                .help(help)
                .help_heading("Messages to send")
                .action(ArgAction::Append)
                .value_parser(value_parser!(OsString))
                .allow_hyphen_values(true)
        };
        command
            .arg(
                argument(
                    DATA,
                    "data",
                    "Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message",
                )
                .short('d')
                .value_name("TEXT|@FILE"),
            )
            .arg(
                argument(DATA_RAW, "data-raw", "Send a message; @ has no meaning. May be repeated")
                    .value_name("TEXT"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        DataArgs::augment_args(command)
    }
}

impl FromArgMatches for DataArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |id, read: fn(&OsStr) -> Data| {
            let indices = matches.indices_of(id).into_iter().flatten();
            let values = matches.get_many::<OsString>(id).into_iter().flatten();
            indices.zip(values.map(move |text| read(text)))
        };
        let raw = |text: &OsStr| Data::Text(text.as_bytes().to_owned());
        let mut all: Vec<_> = given(DATA, at_file).chain(given(DATA_RAW, raw)).collect();
        all.sort_by_key(|(index, _)| *index);
        Ok(DataArgs(all.into_iter().map(|(_, data)| data).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = DataArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

fn at_file(text: &OsStr) -> Data {
    match text.as_bytes().strip_prefix(b"@") {
        Some(b"-") => Data::Stdin,
        Some(path) => Data::File(OsStr::from_bytes(path).into()),
        None => Data::Text(text.as_bytes().to_owned()),
    }
}
