//! The built binary: arguments, stdin and environment named by the test and by
//! nothing else, under a deadline.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use super::{DEADLINE, Output, Terminal, shown};

pub struct Run {
    args: Vec<OsString>,
    case: String,
    stdin: Input,
    stdout: Screen,
    stderr: Screen,
    env: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    deadline: Duration,
    ignored: &'static str,
}

enum Input {
    Nothing,
    Closed,
    Bytes(Vec<u8>),
    Held,
    File(File),
    Terminal(Terminal),
    Console(Terminal),
    Apart,
}

enum Screen {
    Collected,
    Unread,
    File(File),
    Terminal(Terminal),
}

/// `wspipe ARGS… </dev/null`
pub fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    Run {
        args: args.into_iter().map(|arg| arg.as_ref().to_owned()).collect(),
        case: String::new(),
        stdin: Input::Nothing,
        stdout: Screen::Collected,
        stderr: Screen::Collected,
        env: Vec::new(),
        directory: None,
        deadline: DEADLINE,
        ignored: "",
    }
}

impl Run {
    /// The name of this case of a table, for the failure report.
    pub fn case(mut self, name: &str) -> Self {
        self.case = format!("{name}: ");
        self
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Run::arg)
    }

    /// A pipe with these bytes, then its end.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Input::Bytes(bytes.as_ref().to_vec());
        self
    }

    /// As under `<&-`.
    pub fn stdin_closed(mut self) -> Self {
        self.stdin = Input::Closed;
        self
    }

    /// A pipe that stays open; [`Running::write`] fills it.
    pub fn stdin_held(mut self) -> Self {
        self.stdin = Input::Held;
        self
    }

    pub fn stdin_file(mut self, file: File) -> Self {
        self.stdin = Input::File(file);
        self
    }

    /// stdin is a terminal, at which nobody types before [`Running::write`].
    pub fn stdin_terminal(mut self) -> Self {
        self.stdin = Input::Terminal(Terminal::open());
        self
    }

    /// The same, and it is the terminal of the process too: what /dev/tty is.
    pub fn console(mut self) -> Self {
        self.stdin = Input::Console(Terminal::open());
        self
    }

    /// No terminal belongs to the process, whoever runs the test: there is no /dev/tty.
    pub fn without_terminal(mut self) -> Self {
        self.stdin = Input::Apart;
        self
    }

    /// stdout is a pipe that only the test reads, by [`Running::take_stdout`].
    pub fn stdout_unread(mut self) -> Self {
        self.stdout = Screen::Unread;
        self
    }

    pub fn stdout_file(mut self, file: File) -> Self {
        self.stdout = Screen::File(file);
        self
    }

    pub fn stdout_terminal(mut self) -> Self {
        self.stdout = Screen::Terminal(Terminal::open());
        self
    }

    pub fn stderr_file(mut self, file: File) -> Self {
        self.stderr = Screen::File(file);
        self
    }

    pub fn stderr_terminal(mut self) -> Self {
        self.stderr = Screen::Terminal(Terminal::open());
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// These signals are ignored, as by `nohup` or a shell's `&`.
    pub fn ignoring(mut self, signals: &'static str) -> Self {
        self.ignored = signals;
        self
    }

    /// Runs it to its end.
    pub fn output(self) -> Output {
        self.start().output()
    }

    pub fn start(self) -> Running {
        let mut command = self.command();
        let args: Vec<_> = self.args.iter().map(|arg| shown(arg.as_encoded_bytes())).collect();
        let (stdin, terminal, bytes) = match self.stdin {
            Input::Nothing | Input::Closed | Input::Apart => (Stdio::null(), None, None),
            Input::Bytes(bytes) => (Stdio::piped(), None, Some(bytes)),
            Input::Held => (Stdio::piped(), None, None),
            Input::File(file) => (file.into(), None, None),
            Input::Terminal(terminal) | Input::Console(terminal) => {
                (terminal.stdio(), Some(terminal.into_master()), None)
            }
        };
        let (out, stdout) = Prepared::screen(self.stdout);
        let (err, stderr) = Prepared::screen(self.stderr);
        command.stdin(stdin).stdout(out).stderr(err);
        let mut child = command.spawn().expect("the binary starts");
        // It holds copies of the terminal's ends, whose closing we wait for.
        drop(command);

        let mut keyboard = child.stdin.take().map(Keyboard::Pipe);
        if let Some(bytes) = bytes {
            let mut pipe = keyboard.take().expect("stdin is a pipe");
            // The program may end before it has read everything.
            thread::spawn(move || drop(pipe.write(&bytes)));
        }
        let (stdout, unread) = stdout.collect(child.stdout.take());
        let (stderr, _) = stderr.collect(child.stderr.take());
        Running {
            case: format!("{}wspipe {}", self.case, args.join(" ")),
            pid: Pid::from_child(&child),
            stdin: keyboard.or(terminal.map(Keyboard::Terminal)),
            unread,
            stdout,
            stderr,
            ended: wait_aside(child),
            until: Instant::now() + self.deadline,
        }
    }

    fn command(&self) -> Command {
        let binary = env!("CARGO_BIN_EXE_wspipe");
        let mut command = match self.stdin {
            _ if !self.ignored.is_empty() => {
                let mut shell = Command::new("/bin/sh");
                let script = format!("trap '' {}; exec \"$0\" \"$@\"", self.ignored);
                shell.args(["-c", &script, binary]);
                shell
            }
            Input::Closed => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", "exec \"$0\" \"$@\" <&-", binary]);
                shell
            }
            Input::Console(_) | Input::Apart => {
                let mut session = Command::new("/usr/bin/setsid");
                session.args(matches!(self.stdin, Input::Console(_)).then_some("--ctty"));
                session.arg(binary);
                session
            }
            _ => Command::new(binary),
        };
        command.args(&self.args).env_clear().env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

fn wait_aside(mut child: Child) -> Receiver<ExitStatus> {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(child.wait().expect("wait for the program")));
    receiver
}

enum Keyboard {
    Pipe(ChildStdin),
    Terminal(File),
}

impl Keyboard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Keyboard::Pipe(pipe) => pipe.write_all(bytes),
            Keyboard::Terminal(file) => file.write_all(bytes),
        }
    }
}

/// The program while it runs.
pub struct Running {
    case: String,
    pub pid: Pid,
    stdin: Option<Keyboard>,
    unread: Option<ChildStdout>,
    stdout: Collected,
    stderr: Collected,
    ended: Receiver<ExitStatus>,
    until: Instant,
}

impl Running {
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stdin.as_mut().expect("stdin is held").write(bytes.as_ref()).expect("stdin is open");
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits until the terminal at stdin shows this, and returns all that it has shown since the last
    /// time.
    pub fn wait_for_console(&mut self, part: &str) -> String {
        let Some(Keyboard::Terminal(console)) = &mut self.stdin else { panic!("no terminal") };
        let mut shown = String::new();
        while !shown.contains(part) {
            let left = self.until.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap();
            let ready = poll(&mut [PollFd::new(console, PollFlags::IN)], Some(&left)).unwrap();
            assert_eq!(ready, 1, "waited in vain for {part:?} after {shown:?}");
            let mut bytes = [0; 1024];
            let size = console.read(&mut bytes).expect("the terminal is open");
            shown.push_str(std::str::from_utf8(&bytes[..size]).expect("text"));
        }
        shown
    }

    /// The terminal itself, which is there after the program too.
    pub fn take_console(&mut self) -> File {
        match self.stdin.take() {
            Some(Keyboard::Terminal(console)) => console,
            _ => panic!("stdin is no terminal"),
        }
    }

    /// The pipe itself, for tests that fill it with care.
    pub fn take_stdin(&mut self) -> ChildStdin {
        match self.stdin.take() {
            Some(Keyboard::Pipe(pipe)) => pipe,
            _ => panic!("stdin is no pipe"),
        }
    }

    /// The pipe, back again.
    pub fn give_stdin(&mut self, pipe: ChildStdin) {
        self.stdin = Some(Keyboard::Pipe(pipe));
    }

    pub fn take_stdout(&mut self) -> ChildStdout {
        self.unread.take().expect("stdout is unread")
    }

    /// Waits until stdout contains this, and returns all that is there.
    pub fn wait_for_stdout(&self, part: &str) -> Vec<u8> {
        self.wait_for(&self.stdout, part)
    }

    pub fn wait_for_stderr(&self, part: &str) -> Vec<u8> {
        self.wait_for(&self.stderr, part)
    }

    fn wait_for(&self, collected: &Collected, part: &str) -> Vec<u8> {
        let part = part.as_bytes();
        let holds = |bytes: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        collected.wait(self.until, holds).unwrap_or_else(|| {
            let _ = kill_process(self.pid, Signal::KILL);
            panic!("waited in vain for {}\n{}", shown(part), self.printed())
        })
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the program still runs");
    }

    /// Peak resident memory so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.peak_memory_while_it_runs().expect("the program still runs")
    }

    /// None once the program has ended, which takes its memory with it.
    fn peak_memory_while_it_runs(&self) -> Option<u64> {
        let path = format!("/proc/{}/status", self.pid.as_raw_nonzero());
        let status = std::fs::read_to_string(path).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let number = line.split_whitespace().nth(1).expect("a number");
        Some(number.parse::<u64>().expect("a number") * 1024)
    }

    /// Whether none of its threads has anything to do.
    pub fn is_asleep(&self) -> bool {
        let path = format!("/proc/{}/task", self.pid.as_raw_nonzero());
        let threads = std::fs::read_dir(path).expect("the program still runs");
        let mut stats = threads.map(|thread| {
            std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default()
        });
        // The name, in parentheses, may hold anything.
        stats.all(|stat| !stat.rsplit(')').next().unwrap().starts_with(" R"))
    }

    /// Waits for the end. stdin, when held, stays open until then.
    pub fn output(self) -> Output {
        match self.ended_within(self.left()) {
            Some(status) => self.gathered(status),
            None => self.give_up(),
        }
    }

    /// The same, and the peak of resident memory. What the last milliseconds added is not in it, since
    /// nobody can ask a process that has ended.
    pub fn output_and_peak(self) -> (Output, u64) {
        const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
        let mut peak = 0;
        while !self.left().is_zero() {
            peak = self.peak_memory_while_it_runs().unwrap_or(peak);
            if let Some(status) = self.ended_within(BETWEEN_LOOKS) {
                return (self.gathered(status), peak);
            }
        }
        self.give_up()
    }

    /// The same for one that gets a signal again and again: of two that come at once only one is seen.
    pub fn output_while_signalled(self, signal: Signal) -> Output {
        const BETWEEN: Duration = Duration::from_millis(50);
        while !self.left().is_zero() {
            if let Some(status) = self.ended_within(BETWEEN) {
                return self.gathered(status);
            }
            // It may have ended just now.
            let _ = kill_process(self.pid, signal);
        }
        self.give_up()
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn ended_within(&self, patience: Duration) -> Option<ExitStatus> {
        match self.ended.recv_timeout(patience) {
            Ok(status) => Some(status),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("nobody waited for the program"),
        }
    }

    fn give_up(&self) -> ! {
        let _ = kill_process(self.pid, Signal::KILL);
        panic!("it did not end\n{}", self.printed());
    }

    fn gathered(self, status: ExitStatus) -> Output {
        Output {
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
            code: status.code(),
            signal: status.signal(),
            case: self.case,
        }
    }

    fn printed(&self) -> String {
        let (stdout, stderr) = (self.stdout.so_far(), self.stderr.so_far());
        format!("case: {}\nstdout: {}\nstderr: {}", self.case, shown(&stdout), shown(&stderr))
    }
}

/// What a stream has brought so far, gathered by a thread of its own.
#[derive(Clone)]
struct Collected(Arc<(Mutex<Stream>, Condvar)>);

#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    ended: bool,
}

impl Default for Collected {
    fn default() -> Self {
        let stream = Stream { ended: true, ..Stream::default() };
        Collected(Arc::new((Mutex::new(stream), Condvar::new())))
    }
}

impl Collected {
    fn read(mut from: impl Read + Send + 'static) -> Collected {
        let collected = Collected::default();
        collected.0.0.lock().unwrap().ended = false;
        let shared = collected.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                // A terminal whose other end is closed reads as an error.
                let count = from.read(&mut buffer).unwrap_or(0);
                let mut stream = shared.0.0.lock().unwrap();
                stream.bytes.extend_from_slice(&buffer[..count]);
                stream.ended = count == 0;
                shared.0.1.notify_all();
                if stream.ended {
                    return;
                }
            }
        });
        collected
    }

    fn wait(&self, until: Instant, holds: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let mut stream = self.0.0.lock().unwrap();
        loop {
            if holds(&stream.bytes) {
                return Some(stream.bytes.clone());
            }
            let left = until.saturating_duration_since(Instant::now());
            if stream.ended || left.is_zero() {
                return None;
            }
            stream = self.0.1.wait_timeout(stream, left).unwrap().0;
        }
    }

    /// Everything up to the end of the stream.
    fn all(&self) -> Vec<u8> {
        let until = Instant::now() + DEADLINE;
        let mut stream = self.0.0.lock().unwrap();
        while !stream.ended {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program ended, and its output is still held open");
            stream = self.0.1.wait_timeout(stream, left).unwrap().0;
        }
        stream.bytes.clone()
    }

    fn so_far(&self) -> Vec<u8> {
        self.0.0.lock().unwrap().bytes.clone()
    }
}

/// Where a stream of the program goes, between its set-up and its start.
enum Prepared {
    Piped,
    Unread,
    Elsewhere,
    Terminal(File),
}

impl Prepared {
    fn screen(screen: Screen) -> (Stdio, Prepared) {
        match screen {
            Screen::Collected => (Stdio::piped(), Prepared::Piped),
            Screen::Unread => (Stdio::piped(), Prepared::Unread),
            Screen::File(file) => (file.into(), Prepared::Elsewhere),
            Screen::Terminal(terminal) => {
                (terminal.stdio(), Prepared::Terminal(terminal.into_master()))
            }
        }
    }

    fn collect<R: Read + Send + 'static>(self, pipe: Option<R>) -> (Collected, Option<R>) {
        match self {
            Prepared::Piped => (Collected::read(pipe.expect("a pipe")), None),
            Prepared::Terminal(master) => (Collected::read(master), None),
            Prepared::Unread => (Collected::default(), pipe),
            Prepared::Elsewhere => (Collected::default(), None),
        }
    }
}
