//! From arguments to a plan: what to open, what to send, how to print, when to end. Files are
//! opened here, so that one that is missing is said before anything is sent.

use std::env;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::cookies::Cookies;
use super::dump::Dump;
use super::file::{open_file, open_private};
use super::prompt::{Prompt, prompt};
use super::request::{asks_for_password, how};
use super::sources::Sources;
use super::trace::trace;
use crate::cli::{
    AfterInputArgs, ConnectArgs, EndArgs, ExpectArgs, FramingArgs, ListenArgs, MoreEndArgs,
    OutputArgs, PipeArgs, ReconnectArgs, RequestArgs, SendArgs,
};
use crate::failure::Failure;
use crate::handshake::{Target, TargetError};
use crate::input::reader::Origin;
use crate::input::{Feed, Framing};
use crate::net::How;
use crate::output::Destination;
use crate::output::{Color, Encoding, Format, Palette};
use crate::policy::ending::{Conditions, Input, Patience, Rules};
use crate::policy::expect::{AtOpening, Expected};
use crate::policy::pace::Pacing;
use crate::policy::reconnect;
use crate::policy::retry::Retry;
use crate::session::{Log, MAX_HELD, STDOUT, Settings, Trace};
use crate::ui::{Console, WriteOut};
use crate::wire::Close;

/// How long piped `connect` waits for more.
const LINGER: Duration = Duration::from_secs(2);

/// Everything that a run needs to know.
#[derive(Debug)]
pub struct Plan {
    /// What happens on the network.
    pub talk: Talk,
    /// How messages are printed.
    pub encoding: Encoding,
    /// The name of the output.
    pub output_name: String,
    /// The output.
    pub output: Destination,
    /// `-m`.
    pub max_time: Option<Duration>,
    /// `-w`.
    pub write_out: Option<WriteOut>,
    /// `-D`.
    pub dump: Option<Dump>,
    /// `--record`.
    pub log: Option<Log>,
    /// `-b` and `-c`.
    pub cookies: Cookies,
    /// Whether a password was asked for, which takes as long as it takes.
    pub has_asked: bool,
}

/// What is opened, what is sent, and when it ends.
#[derive(Debug)]
pub struct Talk {
    /// What to open, or why that cannot be: a wrong URL is reported like every other failure.
    pub target: Result<Target, TargetError>,
    /// How it is opened, and what is asked for.
    pub how: How,
    /// When it is tried again.
    pub retry: Retry,
    /// How bytes of input become messages.
    pub feed: Feed,
    /// Where those bytes come from.
    pub origins: Vec<(String, Origin)>,
    /// How many times all of that is sent.
    pub repeat: NonZeroU64,
    /// How the session goes.
    pub settings: Settings,
    /// When it ends.
    pub rules: Rules,
    /// How fast messages are sent, if that was asked for.
    pub pacing: Option<Pacing>,
    /// Whether it is opened again once it has ended.
    pub reconnect: Option<reconnect::Rules>,
    /// Of the sources, those that are sent on each connection.
    pub greeting: usize,
    /// `--ok-close`.
    pub ok_close: Vec<RangeInclusive<u16>>,
    /// `--expect-close`.
    pub expect_close: Option<Vec<RangeInclusive<u16>>>,
    /// How the opening is to turn out.
    pub at_opening: AtOpening,
    /// Whether our Close must be answered.
    pub answer_matters: bool,
    /// Whether a progress bar makes sense, and the bytes of all input where they are known.
    pub progress: Option<Option<u64>>,
    /// What a person who types the input is told.
    pub banner: Option<&'static str>,
    /// The prompt.
    pub prompt: Option<Prompt>,
    /// `-vv`, `-vvv` and `--trace-frames`.
    pub trace: Option<Box<Trace>>,
}

/// The plan of `connect`.
pub fn connect(arguments: ConnectArgs) -> Result<Plan, Failure> {
    let ConnectArgs { request, prompt: flags, reconnect, pipe } = arguments;
    let mut sources = Sources::new(&pipe.message, &pipe.framing);
    sources.data(&pipe.message)?;
    let again = Again::of(&reconnect, &mut sources)?;
    if again.reconnect.is_some() && pipe.records.raw_frames {
        return Err(Failure::usage(
            "--raw-frames does not go with --reconnect",
            "a frame made by hand is for one connection, and is not sent on another one: leave one flag out",
        ));
    }
    let prompt = if sources.reads_stdin { None } else { prompt(&pipe, &flags) };
    if prompt.is_some() {
        sources.typed();
    } else if !sources.reads_stdin {
        sources.stdin(&pipe)?;
    } else if pipe.framing.cuts_stdin() {
        return Err(framing_without_stdin());
    }
    let typed = io::stdin().is_terminal();
    let mut printing = Printing::of(&pipe, pipe.framing.jsonl);
    printing.console = prompt.as_ref().map(|prompt| prompt.console.clone());
    let (input, linger) =
        if typed { (Input::Typed, Duration::ZERO) } else { (Input::MayRemain, LINGER) };
    let ending = AfterInput { input, linger, given: Some(pipe.after_input.0) };
    let banner = match prompt {
        Some(_) => Some("/help shows the commands, Ctrl-D closes"),
        None => banner(typed, &pipe.framing),
    };
    let mut plan = assemble(request, sources, printing, pipe.output.0, pipe.end, ending)?;
    again.put(&mut plan.talk);
    plan.talk.answer_matters = !typed;
    plan.talk.banner = banner;
    plan.talk.prompt = prompt;
    Ok(plan)
}

/// The plan of `send`.
pub fn send(arguments: SendArgs) -> Result<Plan, Failure> {
    let SendArgs { request, messages, pace, pipe } = arguments;
    let mut sources = Sources::new(&pipe.message, &pipe.framing);
    if !messages.is_empty() && !pipe.message.data.0.is_empty() {
        return Err(Failure::usage(
            "messages are given both as arguments and with -d",
            "give them one way; -d keeps the order of texts and files",
        ));
    }
    let from_stdin = messages.is_empty() && pipe.message.data.0.is_empty();
    if from_stdin {
        sources.stdin(&pipe)?;
    } else if pipe.framing.cuts_stdin() {
        return Err(framing_without_stdin());
    }
    sources.arguments(&pipe.message, messages);
    sources.data(&pipe.message)?;
    let repeat = pace.repeat.unwrap_or(NonZeroU64::MIN);
    sources.repeat(repeat)?;
    let printing = Printing::of(&pipe, false);
    let given = Some(pipe.after_input.0);
    let ending = AfterInput { input: Input::MustBeSent, linger: Duration::ZERO, given };
    let typed = sources.reads_stdin && io::stdin().is_terminal();
    let pacing = pace.pacing();
    // What is read at once and waits for its turn is no progress.
    let total = sources.total.filter(|_| pacing.is_none());
    let progress = if typed { None } else { Some(total) };
    let banner = banner(typed, &pipe.framing);
    let mut plan = assemble(request, sources, printing, pipe.output.0, pipe.end, ending)?;
    plan.talk.feed = plan.talk.feed.repeated(repeat);
    plan.talk.repeat = repeat;
    plan.talk.pacing = pacing;
    plan.talk.answer_matters = true;
    plan.talk.progress = progress;
    plan.talk.banner = banner;
    Ok(plan)
}

fn banner(typed: bool, framing: &FramingArgs) -> Option<&'static str> {
    typed.then_some(match framing.chosen() {
        None | Some(Framing::Lines) if !framing.jsonl => "a line is a message, Ctrl-D closes",
        _ => "Ctrl-D at the beginning of a line ends the input",
    })
}

fn framing_without_stdin() -> Failure {
    Failure::usage(
        "a framing flag says how stdin is cut, but stdin is not read for messages",
        "each MESSAGE, -d and -d @- is one message: leave the flag or those out",
    )
}

/// The plan of `listen`.
pub fn listen(arguments: ListenArgs) -> Result<Plan, Failure> {
    let ListenArgs { request, message, short, reconnect, output, end } = arguments;
    let framing = FramingArgs::default();
    let mut sources = Sources::new(&message, &framing);
    sources.data(&message)?;
    let again = Again::of(&reconnect, &mut sources)?;
    let format = output.format.or(short.jsonl.then_some(Format::Jsonl));
    let printing = Printing { format, raw: message.binary, null: short.null, console: None };
    let ending = AfterInput { input: Input::Ignored, linger: Duration::ZERO, given: None };
    let mut plan = assemble(request, sources, printing, output.0, end, ending)?;
    again.put(&mut plan.talk);
    Ok(plan)
}

/// What is done when a session has ended.
struct Again {
    reconnect: Option<reconnect::Rules>,
    /// Of the sources, those that are sent again.
    greeting: usize,
}

impl Again {
    /// What the flags say, and what it means for the sources that there are so far.
    fn of(flags: &ReconnectArgs, sources: &mut Sources) -> Result<Again, Failure> {
        let reconnect = flags.rules();
        if reconnect.is_some() {
            sources.must_be_rereadable(
                "--reconnect",
                "on each connection -d is sent again: put what it brings into a file, -d @FILE",
            )?;
        }
        let greeting = if reconnect.is_some() { sources.messages.len() } else { 0 };
        Ok(Again { reconnect, greeting })
    }

    fn put(self, talk: &mut Talk) {
        (talk.reconnect, talk.greeting) = (self.reconnect, self.greeting);
    }
}

struct Printing {
    format: Option<Format>,
    /// Whether raw is the default where stdout is no terminal.
    raw: bool,
    null: bool,
    /// The terminal, where lines are typed.
    console: Option<Console>,
}

impl Printing {
    /// For the commands that read stdin; `records` asks for records unless another format is named.
    fn of(pipe: &PipeArgs, records: bool) -> Self {
        let format = pipe.output.format.or(records.then_some(Format::Jsonl));
        let bytes = pipe.framing.chunk.is_some() && !pipe.message.text;
        let raw = pipe.message.binary || pipe.framing.stream || bytes;
        Printing { format, raw, null: pipe.framing.null, console: None }
    }
}

struct AfterInput {
    input: Input,
    linger: Duration,
    given: Option<AfterInputArgs>,
}

fn assemble(
    request: RequestArgs,
    sources: Sources,
    printing: Printing,
    output: OutputArgs,
    end: EndArgs,
    after_input: AfterInput,
) -> Result<Plan, Failure> {
    let write_out = output.write_out.as_deref().map(write_out).transpose()?;
    let (output_name, destination, is_terminal) = open_output(output.output.as_deref())?;
    let to_stdout = output_name == STDOUT;
    let dump = output.dump_header.as_deref().map(|path| Dump::open(path, to_stdout)).transpose()?;
    let trace = trace(&output, printing.console.as_ref())?;
    let log = output.record.as_deref().map(log).transpose()?;
    let encoding = encoding(&printing, &output, is_terminal)?;
    let destination = match (&printing.console, destination) {
        (Some(console), Destination::Given(stdout)) if is_terminal => {
            Destination::Screen(console.screen(stdout))
        }
        (_, destination) => destination,
    };
    let rules = rules(&end, &after_input);
    let max_time = end.max_time.and_then(limit);
    let end = end.more.0;
    let mut settings = settings(&end);
    if encoding.format == Format::Length {
        settings.max_message = Some(length_limit(settings.max_message));
    }
    let target = Target::parse(&request.url.0);
    let cookies = Cookies::of(&request.opening, request.cookie_jar, target.as_ref().ok())?;
    let request = request.opening.0;
    let retry = request.retry.rules();
    let has_asked = asks_for_password(&request);
    let how = how(request)?;
    let talk = Talk {
        target,
        how,
        retry,
        feed: Feed::new(sources.messages),
        origins: sources.origins,
        repeat: NonZeroU64::MIN,
        settings,
        rules,
        pacing: None,
        reconnect: None,
        greeting: 0,
        ok_close: end.ok_close,
        expect_close: end.expect_close,
        at_opening: AtOpening {
            status: end.expect.expect_status,
            subprotocol: end.expect.expect_subprotocol,
        },
        answer_matters: false,
        progress: None,
        banner: None,
        prompt: None,
        trace,
    };
    Ok(Plan {
        talk,
        encoding,
        output_name,
        output: destination,
        max_time,
        write_out,
        dump,
        log,
        cookies,
        has_asked,
    })
}

/// 0 on a limit means none.
pub fn limit(typed: Duration) -> Option<Duration> {
    if typed.is_zero() { None } else { Some(typed) }
}

fn rules(end: &EndArgs, after_input: &AfterInput) -> Rules {
    let given = after_input.given.as_ref();
    let more = &end.more;
    Rules {
        conditions: Conditions {
            count: end.count,
            until: more.until.clone().map(String::into_bytes),
            until_regex: more.until_regex.clone(),
            until_jq: more.until_jq.clone(),
            idle: more.idle,
            duration: more.duration,
        },
        input: after_input.input,
        linger: given.and_then(|g| g.linger).unwrap_or(Patience::For(after_input.linger)),
        wait: given.and_then(|g| g.wait),
        expects_close: more.expect_close.is_some(),
        expected: expected(&more.expect),
    }
}

fn settings(end: &MoreEndArgs) -> Settings {
    Settings {
        close: Close::new(end.close_code(), end.close_reason.clone()),
        close_timeout: limit(end.close_timeout()),
        keepalive: end.ping_interval.map(|every| (every, end.ping_timeout.unwrap_or(every))),
        max_message: end.max_message_size,
        // Known once the server has answered.
        deflate: None,
    }
}

/// The messages that are expected.
fn expected(given: &ExpectArgs) -> Vec<Expected> {
    let texts = given.expect.iter().cloned().map(Expected::Text);
    let regexes = given.expect_regex.iter().cloned().map(Expected::Regex);
    let filters = given.expect_jq.iter().cloned().map(Expected::Jq);
    texts.chain(regexes).chain(filters).collect()
}

/// The largest message that 4 bytes of length can announce.
fn length_limit(given: Option<u64>) -> u64 {
    match given {
        None => MAX_HELD,
        Some(0) => u64::from(u32::MAX),
        Some(limit) => limit.min(u64::from(u32::MAX)),
    }
}

fn encoding(
    printing: &Printing,
    output: &OutputArgs,
    is_terminal: bool,
) -> Result<Encoding, Failure> {
    let natural = match &printing.console {
        Some(_) if is_terminal => Format::Conversation,
        _ if printing.raw && !is_terminal => Format::Raw,
        _ => Format::Text,
    };
    let format = printing.format.unwrap_or(natural);
    if output.timestamps && format == Format::Length {
        return Err(Failure::usage(
            "--timestamps would break the framing of --format length",
            "records have both: --format jsonl",
        ));
    }
    if output.pretty && !matches!(format, Format::Text | Format::Conversation) {
        return Err(Failure::usage(
            "--pretty lays out the messages of --format text only",
            "name that format too, or leave --pretty out; jq lays out the records of --format jsonl",
        ));
    }
    Ok(Encoding {
        format,
        print0: output.print0 || printing.null,
        timestamps: output.timestamps,
        escape: is_terminal,
        pretty: output.pretty,
        palette: palette(output.color, is_terminal),
    })
}

fn palette(choice: Color, is_terminal: bool) -> Palette {
    let [no_color, term] = ["NO_COLOR", "TERM"].map(env::var_os);
    match choice.is_wanted(is_terminal, no_color.as_deref(), term.as_deref()) {
        true => Palette::colored(),
        false => Palette::plain(),
    }
}

/// Where messages go: a name, the destination, and whether it is a terminal.
fn open_output(path: Option<&Path>) -> Result<(String, Destination, bool), Failure> {
    // Opened anew, it would be emptied if it is a file, and a pipe of which nobody knows who reads it.
    let is_stdout = |path: &Path| path == "-" || path == "/dev/stdout";
    let Some(path) = path.filter(|path| !is_stdout(path)) else {
        let stdout = super::dump::stdout()?;
        let is_terminal = stdout.is_terminal();
        return Ok((STDOUT.to_owned(), Destination::Given(stdout), is_terminal));
    };
    let (name, destination) = open_file(path)?;
    let is_terminal = matches!(&destination, Destination::Opened(file) if file.is_terminal());
    Ok((name, destination, is_terminal))
}

/// The file of `--record`.
fn log(path: &Path) -> Result<Log, Failure> {
    let instead = "--format jsonl prints what comes as records";
    open_private("--record", path, instead).map(|(name, file)| Log::new(name, file))
}

/// The format of `-w`, given or in a file.
pub fn write_out(format: &str) -> Result<WriteOut, Failure> {
    let Some(name) = format.strip_prefix('@') else { return WriteOut::parse(format) };
    let text = if name == "-" { io::read_to_string(io::stdin()) } else { fs::read_to_string(name) };
    let text = text.map_err(|error| Failure::ReadInput { name: name.to_owned(), error })?;
    // curl takes the file's line ends for layout.
    WriteOut::parse(&text.replace(['\r', '\n'], ""))
}
