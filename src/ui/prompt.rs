//! The prompt: a thread that edits lines at the terminal, keeps them, and passes on what they mean.
//! What they mean is told by `input::prompt`.

use std::borrow::Cow;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{self, getpid, kill_process};
use rustix::termios::{QueueSelector, tcflush};
use rustyline::completion::{Completer, FilenameCompleter, Pair, unescape};
use rustyline::config::{Behavior, Config};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::history::{FileHistory, History as _, SearchDirection};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, ColorMode, ConditionalEventHandler, Context, Editor, Event, EventContext, EventHandler,
    Helper, KeyEvent, Movement, RepeatCount,
};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::console::Console;
use super::raw;
use crate::input::prompt::{COMMANDS, Typed, contents, understand};
use crate::input::reader::Block;
use crate::job::{DEADLY, heed_signals, leave_to_others, may_read_again};
use crate::output::escape::one_line;
use crate::wire::Kind;

/// What stands before the line.
pub const PROMPT: &str = "> ";
/// Lines that are kept.
const KEPT_LINES: usize = 1000;
/// The longest line that is kept, in bytes.
const KEPT_LENGTH: usize = 64 * 1024;
/// The largest file that is sent from here, in bytes: it is held whole.
const MAX_FILE: u64 = 16 << 20;
/// Lines that may wait for the session.
const WAITING: usize = 1024;
/// How long a session that is not held up takes for them.
const SOON: Duration = Duration::from_millis(200);

/// How the prompt is to be.
#[derive(Clone, Debug)]
pub struct PromptOptions {
    /// Where lines are kept, if they are.
    pub history: Option<PathBuf>,
    /// Whether lines can be edited: the terminal can do more than print.
    pub edits: bool,
    /// Whether stdout is the terminal; if not, everything is at the terminal device.
    pub on_stdout: bool,
}

/// What the prompt brings.
#[derive(Debug)]
pub struct Typist {
    /// Records to send, one a line.
    pub lines: mpsc::Receiver<io::Result<Block>>,
    /// Where they are given back once they have been taken.
    pub taken: std_mpsc::Sender<Vec<u8>>,
    /// What is asked of us.
    pub asks: mpsc::UnboundedReceiver<Ask>,
    /// Where it is said that there is no connection at the moment.
    pub apart: Arc<AtomicBool>,
}

/// What is asked of us at the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What has passed so far.
    Stats,
    /// The session as records, in a file.
    Save(PathBuf),
}

/// Begins a prompt; what is shown from now on goes through the `console`. Signals that end the process must
/// have somebody who acts upon them.
///
/// # Errors
/// The terminal cannot be had, or no thread.
pub fn start_prompt(options: PromptOptions, console: &Console) -> io::Result<Typist> {
    heed_signals(&DEADLY);
    let (send_line, lines) = mpsc::channel(WAITING);
    let (taken, given_back) = std_mpsc::channel();
    let (ask, asks) = mpsc::unbounded_channel();
    let terminal = terminal(options.on_stdout)?;
    let apart = Arc::new(AtomicBool::new(false));
    let is_apart = Arc::clone(&apart);
    let hearer = Hearer { terminal, lines: send_line, is_apart, under_way: 0, given_back, ask };
    let run: Box<dyn FnOnce() + Send> = if options.edits {
        let prompt = Prompt::new(options, hearer, console)?;
        Box::new(move || prompt.run())
    } else {
        Box::new(move || hearer.run())
    };
    thread::Builder::new().name("prompt".into()).spawn(run)?;
    Ok(Typist { lines, taken, asks, apart })
}

/// Takes the terminal, once it is ours.
fn take_terminal(console: &Console) -> io::Result<()> {
    if !raw::is_ours() {
        console.editor_is_away(true);
    }
    raw::take(|| console.is_over())?;
    console.editor_is_away(false);
    Ok(())
}

/// Where words of the prompt go.
fn terminal(on_stdout: bool) -> io::Result<File> {
    let copy = |of: &dyn AsFd| of.as_fd().try_clone_to_owned().map(File::from);
    if on_stdout {
        return copy(&io::stdout());
    }
    let device = File::options().read(true).write(true).open("/dev/tty");
    device.or_else(|_| copy(&io::stderr()))
}

/// Passes on what was typed.
struct Hearer {
    terminal: File,
    lines: mpsc::Sender<io::Result<Block>>,
    /// Whether there is no connection at the moment.
    is_apart: Arc<AtomicBool>,
    /// Lines that have not been given back.
    under_way: usize,
    given_back: std_mpsc::Receiver<Vec<u8>>,
    ask: mpsc::UnboundedSender<Ask>,
}

/// Whether there is more to be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

impl Hearer {
    /// Lines as the terminal gives them.
    fn run(mut self) {
        // In the background it is an error then, and not a stop that no signal would end.
        leave_to_others([Signal::SIGTTIN]);
        for line in io::stdin().lock().lines() {
            match line {
                Ok(line) if self.hear(&line, &[]) == Then::GoOn => {}
                Ok(_) => break,
                Err(_) if may_read_again(&io::stdin(), || false) => {}
                Err(error) => {
                    let _ = self.lines.blocking_send(Err(error));
                    return;
                }
            }
        }
        self.end();
    }

    fn hear(&mut self, line: &str, history: &[String]) -> Then {
        match understand(line) {
            Ok(Typed::Send(record)) => return self.send(record),
            Ok(Typed::File { path, kind }) => match read(&path, kind) {
                Ok(record) => return self.send(record),
                Err(why) => self.say(&format!("{path}: {why}")),
            },
            Ok(Typed::Stats) => self.ask(Ask::Stats),
            Ok(Typed::Save(path)) => self.ask(Ask::Save(at_home(&path))),
            Ok(Typed::History) => self.show_history(history),
            Ok(Typed::Help) => self.help(),
            Ok(Typed::Quit) => return Then::End,
            Err(why) => self.say(&why),
        }
        Then::GoOn
    }

    fn send(&mut self, mut record: String) -> Then {
        record.push('\n');
        match self.lines.try_send(Ok(Block::of(record.into_bytes(), false))) {
            Ok(()) => {
                self.under_way += 1;
                self.under_way -= self.given_back.try_iter().count();
                Then::GoOn
            }
            // Whoever waits here hears no Ctrl-C.
            Err(TrySendError::Full(_)) => {
                self.say(match self.is_apart.load(Ordering::Relaxed) {
                    true => "not sent: too many messages wait for the connection",
                    false => "not sent: the peer does not take what was sent before",
                });
                Then::GoOn
            }
            Err(TrySendError::Closed(_)) => Then::End,
        }
    }

    fn end(&mut self) {
        // A session that is over does not wait for the end.
        let _ = self.lines.blocking_send(Ok(Block::of(Vec::new(), true)));
    }

    /// What was typed before comes before it, if the session takes it soon.
    fn ask(&mut self, ask: Ask) {
        let until = Instant::now() + SOON;
        while self.under_way > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if self.given_back.recv_timeout(left).is_err() {
                break;
            }
            self.under_way -= 1;
        }
        let _ = self.ask.send(ask);
    }

    /// Forgets what was typed and not read, until nothing more comes.
    fn forget_typed(&self) {
        let pause = Timespec::try_from(SOON).ok();
        let mut terminal = [PollFd::new(&self.terminal, PollFlags::IN)];
        while poll(&mut terminal, pause.as_ref()).is_ok_and(|ready| ready > 0)
            && tcflush(&self.terminal, QueueSelector::IFlush).is_ok()
            && !terminal[0].revents().contains(PollFlags::HUP)
        {}
    }

    /// Says something about what was typed.
    fn say(&mut self, text: &str) {
        self.show(&format!("* {}\n", one_line(text)));
    }

    fn show(&mut self, text: &str) {
        // Where nobody sees it, nobody types.
        let _ = self.terminal.write_all(text.as_bytes());
    }

    fn help(&mut self) {
        let mut text = String::from("a line is a message; one that begins with / is a command:\n");
        for command in COMMANDS {
            let usage = format!("{} {}", command.name, command.arguments);
            text.push_str(&format!("  {usage:<28}  {}\n", command.does));
        }
        text.push_str(
            "// sends a slash. A line that begins with a space is not kept. Ctrl-C clears\n\
             the line; on an empty line, the second one closes. Ctrl-D closes.\n",
        );
        self.show(&text);
    }

    fn show_history(&mut self, history: &[String]) {
        let lines = history.iter().enumerate();
        let text: String =
            lines.map(|(number, line)| format!("{:5}  {}\n", number + 1, one_line(line))).collect();
        self.show(&text);
    }
}

/// The record of a file.
fn read(path: &str, kind: Option<Kind>) -> Result<String, String> {
    let bytes = || -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let path = at_home(path);
        // Whoever waits here hears no Ctrl-C.
        if !path.metadata()?.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= MAX_FILE))
    };
    match bytes() {
        Ok(Some(bytes)) => contents(&bytes, kind),
        Ok(None) => Err(format!(
            "more than {} MiB cannot be sent from the prompt: send -d @FILE can",
            MAX_FILE >> 20
        )),
        Err(error) => Err(crate::failure::root_cause(&error)),
    }
}

/// `~/` and backslashes as in a shell, and as they come from completion.
fn at_home(path: &str) -> PathBuf {
    let path = &unescape(path, Some('\\'));
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(path.as_ref()),
    }
}

/// The prompt with an editor.
struct Prompt {
    editor: Editor<Words, FileHistory>,
    history: Option<PathBuf>,
    hearer: Hearer,
    console: Console,
    /// Whether Ctrl-C on an empty line closes: it came once, and no line has been sent since.
    closes: Arc<AtomicBool>,
}

impl Prompt {
    fn new(options: PromptOptions, mut hearer: Hearer, console: &Console) -> io::Result<Prompt> {
        let behavior = if options.on_stdout { Behavior::Stdio } else { Behavior::PreferTerm };
        let config = Config::builder()
            .behavior(behavior)
            .history_ignore_space(true)
            .history_ignore_dups(true)
            .and_then(|config| config.max_history_size(KEPT_LINES))
            .map_err(io::Error::other)?
            .completion_type(rustyline::CompletionType::List)
            // We have none; but with NO_COLOR the editor would not tell of the lines that it draws.
            .color_mode(ColorMode::Forced)
            // Then a lone Escape is one.
            .keyseq_timeout(Some(SOON.as_millis() as u16))
            // The console sees to that.
            .bracketed_paste(false)
            .build();
        let mut editor =
            Editor::<Words, FileHistory>::with_config(config).map_err(io::Error::other)?;
        let closes = Arc::new(AtomicBool::new(false));
        editor.set_helper(Some(Words {
            files: FilenameCompleter::new(),
            console: console.clone(),
            closes: Arc::clone(&closes),
        }));
        let suspending = Suspending(console.clone());
        let clearing = Clearing(Arc::clone(&closes));
        editor.bind_sequence(KeyEvent::ctrl('C'), EventHandler::Conditional(Box::new(clearing)));
        editor.bind_sequence(KeyEvent::ctrl('Z'), EventHandler::Conditional(Box::new(suspending)));
        let mut history = options.history;
        if let Some(path) = &history
            && let Err(error) = load(&mut editor, path)
        {
            hearer.say(&format!("the history is not kept: {}: {error}", path.display()));
            history = None;
        }
        let printer = editor.create_external_printer().map_err(io::Error::other)?;
        console.begin(hearer.terminal.try_clone()?, printer)?;
        Ok(Prompt { editor, history, hearer, console: console.clone(), closes })
    }

    fn run(mut self) {
        // One that ends the process would end the editor's wait for a key, and it would put the terminal back
        // as it found it: raw, after it was given back. And we are not stopped for what the editor sets
        // before it knows that it is in the background.
        let deadly = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];
        leave_to_others(deadly.into_iter().chain([Signal::SIGTTOU]));
        if let Err(error) = take_terminal(&self.console) {
            return self.fail(error.into());
        }
        loop {
            match self.read_line(PROMPT) {
                Ok(line) => {
                    self.closes.store(false, Ordering::Relaxed);
                    self.keep(&line);
                    let history = self.lines();
                    if self.hearer.hear(&line, &history) == Then::End {
                        break;
                    }
                }
                Err(ReadlineError::Interrupted) => {
                    interrupt();
                    break;
                }
                Err(ReadlineError::Eof) => break,
                Err(error) => {
                    if !self.goes_on_after(&error) {
                        return self.fail(error);
                    }
                }
            }
        }
        self.hearer.end();
        self.wait();
    }

    /// A line, once the terminal is ours.
    fn read_line(&mut self, prompt: &str) -> rustyline::Result<String> {
        if !raw::is_ours() {
            take_terminal(&self.console)?;
        }
        self.editor.readline(prompt)
    }

    /// The lines that were typed, oldest first.
    fn lines(&self) -> Vec<String> {
        let history = self.editor.history();
        let line = |at| history.get(at, SearchDirection::Forward).ok().flatten();
        (0..history.len()).filter_map(line).map(|found| found.entry.into_owned()).collect()
    }

    /// Shows what still comes, until all is over; only Ctrl-C is heard.
    fn wait(mut self) {
        self.closes.store(false, Ordering::Relaxed);
        self.editor.bind_sequence(KeyEvent::ctrl('C'), Cmd::Interrupt);
        loop {
            match self.read_line("") {
                Err(ReadlineError::Interrupted) => interrupt(),
                Ok(_) | Err(ReadlineError::Eof) => {}
                Err(_) => return,
            }
        }
    }

    fn keep(&mut self, line: &str) {
        if line.len() > KEPT_LENGTH || line.trim().is_empty() {
            return;
        }
        let is_kept = self.editor.add_history_entry(line).unwrap_or(false);
        if is_kept
            && let Some(path) = &self.history
            && let Err(error) = self.editor.append_history(path)
        {
            self.hearer.say(&format!("the history is not kept: {}: {error}", path.display()));
            self.history = None;
        }
    }

    /// Whether another line may be typed all the same.
    fn goes_on_after(&mut self, error: &ReadlineError) -> bool {
        let ReadlineError::Io(error) = error else { return false };
        match error.kind() {
            io::ErrorKind::InvalidData => {
                // The rest of what was pasted would be taken for lines that were typed.
                self.hearer.forget_typed();
                self.hearer.say("what was typed is not UTF-8; nothing of it is sent");
                true
            }
            // Another program that shares the terminal has made it non-blocking.
            io::ErrorKind::WouldBlock => {
                let mut terminal = [PollFd::new(&self.hearer.terminal, PollFlags::IN)];
                poll(&mut terminal, None).is_ok()
            }
            _ => false,
        }
    }

    fn fail(self, error: ReadlineError) {
        let error = match error {
            ReadlineError::Io(error) => error,
            error => io::Error::other(error),
        };
        let _ = self.hearer.lines.blocking_send(Err(error));
    }
}

/// Ctrl-C, as if the terminal had said so.
fn interrupt() {
    // To the process: this thread hears none. It can only fail for a signal that there is not.
    let _ = kill_process(getpid(), process::Signal::INT);
}

/// Reads what was kept. The folder and the file are for nobody else.
fn load(editor: &mut Editor<Words, FileHistory>, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent()
        && !folder.is_dir()
    {
        if let Some(above) = folder.parent() {
            fs::create_dir_all(above)?;
        }
        DirBuilder::new().mode(0o700).create(folder)?;
    }
    match editor.load_history(path) {
        Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(ReadlineError::Io(error)) => Err(error),
        result => result.map_err(io::Error::other),
    }
}

/// Ctrl-C clears the line; on an empty line, the second one closes. What is typed behind it stays
/// typed, which it would not if each of them ended the editing.
struct Clearing(Arc<AtomicBool>);

impl ConditionalEventHandler for Clearing {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let closes = self.0.swap(true, Ordering::Relaxed);
        Some(match (context.line().is_empty(), closes) {
            (true, true) => Cmd::Interrupt,
            (true, false) => Cmd::Repaint,
            (false, _) => Cmd::Kill(Movement::WholeBuffer),
        })
    }
}

/// Ctrl-Z.
struct Suspending(Console);

impl ConditionalEventHandler for Suspending {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext) -> Option<Cmd> {
        raw::suspend();
        // Where there is no shell nothing has stopped.
        let _ = take_terminal(&self.0);
        Some(Cmd::Repaint)
    }
}

/// What the editor asks about a line: what it may become, and how it looks.
struct Words {
    files: FilenameCompleter,
    console: Console,
    closes: Arc<AtomicBool>,
}

/// What stands behind the cursor. It is nothing that could be taken over into the line.
struct Remark(&'static str);

impl Hint for Remark {
    fn display(&self) -> &str {
        self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Helper for Words {}

impl Validator for Words {
    /// The line is done with: from now on the editor shows nothing.
    fn validate(&self, _: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        self.console.line_is_done();
        Ok(ValidationResult::Valid(None))
    }
}

impl Hinter for Words {
    type Hint = Remark;

    fn hint(&self, line: &str, _: usize, _: &Context) -> Option<Remark> {
        let closes = line.is_empty() && self.closes.load(Ordering::Relaxed);
        closes.then_some(Remark(" Ctrl-C once more closes"))
    }
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..at];
        if before.starts_with("/file ") || before.starts_with("/save ") {
            let (begin, mut pairs) = self.files.complete(line, at, context)?;
            // A file may be called anything.
            pairs.iter_mut().for_each(|pair| pair.display = one_line(&pair.display));
            return Ok((begin, pairs));
        }
        let names = COMMANDS.iter().map(|command| command.name);
        let fitting = names.filter(|name| before.starts_with('/') && name.starts_with(before));
        let pair = |name: &str| Pair { display: name.into(), replacement: format!("{name} ") };
        Ok((0, fitting.map(pair).collect()))
    }
}

impl Highlighter for Words {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let shown = shown(line);
        self.console.line_is_drawn(&shown);
        shown
    }
}

/// What is shown of a line. What is pasted, or was typed another time, may hold anything: what the editor
/// gives no width, control characters and the terminal's sequences, is left out.
fn shown(line: &str) -> Cow<'_, str> {
    let is_layout = |character| matches!(character, '\n' | '\t');
    let is_harmless = |character: char| is_layout(character) || !character.is_control();
    if line.chars().all(is_harmless) {
        return Cow::Borrowed(line);
    }
    let mut kept = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\x1b' if characters.next() == Some('[') => {
                // Digits and semicolons, and one character that ends them.
                let _ = characters.find(|next| !next.is_ascii_digit() && *next != ';');
            }
            '\x1b' => {}
            _ if is_harmless(character) => kept.push(character),
            _ => {}
        }
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_width_is_not_shown() {
        let cases = [
            ("plain ä€😀", "plain ä€😀"),
            ("a\tb\nc", "a\tb\nc"),
            ("a\x1b[31;1mred\x1b[0m", "ared"),
            ("a\x1bcb\x07\u{9b}2J", "ab2J"),
            ("a\x1b", "a"),
            ("a\x1b[3", "a"),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line), expected);
        }
    }
}
