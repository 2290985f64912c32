//! A client as a process: what it is fed, where its output goes, what it used.
//!
//! Each runs under a small process of its own (this program again, as `measure`), because the
//! operating system gives the peak memory of a child only to its parent, and counts there what the
//! parent itself held when it made the child.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::clock;

/// Fills a pipe.
pub type Feed = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// What a client reads.
pub enum Input<'a> {
    /// Nothing, and no end of input either.
    Silence,
    /// A file.
    File(&'a Path),
    /// A pipe, filled as fast as it takes it.
    Pipe(Feed),
}

/// Where its output goes.
#[derive(Clone, Copy, Debug)]
pub enum Drain<'a> {
    /// Nowhere.
    Null,
    /// A file.
    File(&'a Path),
    /// A pipe that is read as fast as possible; reading begins after a pause.
    Pipe(Duration),
    /// A pipe, with what comes through it kept in a file.
    Kept(&'a Path),
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// When it was started, on the benchmark's clock.
    pub started: u64,
    /// When it had ended.
    pub ended: u64,
    /// Processor time, user and system, in nanoseconds.
    pub cpu: u64,
    /// The most memory it had, in bytes.
    pub memory: u64,
    /// Bytes of its output.
    pub output: u64,
}

/// A client between two pipes, for a conversation.
pub struct Talking {
    child: std::process::Child,
    report: PathBuf,
}

/// How long a client may take.
const DEADLINE: Duration = Duration::from_secs(40);

fn measured(argv: &[String], report: &Path) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("measure").arg(report).args(argv).stderr(Stdio::null());
    Ok(command)
}

/// Runs `argv` to its end.
pub fn run(argv: &[String], input: Input, drain: Drain, folder: &Path) -> anyhow::Result<Used> {
    let report = folder.join("report");
    let mut command = measured(argv, &report)?;
    match &input {
        Input::File(path) => command.stdin(File::open(path)?),
        Input::Silence | Input::Pipe(_) => command.stdin(Stdio::piped()),
    };
    match drain {
        Drain::Null => command.stdout(Stdio::null()),
        Drain::File(path) => command.stdout(File::create(path)?),
        Drain::Pipe(_) | Drain::Kept(_) => command.stdout(Stdio::piped()),
    };
    let mut child = command.spawn()?;
    drop(command);
    let stdin = child.stdin.take();
    let stdout = child.stdout.take();
    let output = thread::scope(|scope| -> anyhow::Result<u64> {
        let kept = match input {
            Input::Pipe(feed) => {
                let mut stdin = stdin.context("no pipe")?;
                // A client that ends early does not want the rest.
                scope.spawn(move || feed(&mut stdin));
                None
            }
            _ => stdin,
        };
        let output = match (drain, stdout) {
            (Drain::Pipe(pause), Some(stdout)) => {
                thread::sleep(pause);
                count(stdout)?
            }
            (Drain::Kept(path), Some(mut stdout)) => {
                io::copy(&mut stdout, &mut File::create(path)?)?
            }
            _ => 0,
        };
        child.wait()?;
        drop(kept);
        Ok(output)
    })?;
    let output = match drain {
        Drain::File(path) => path.metadata()?.len(),
        _ => output,
    };
    read_report(&report, output)
}

fn count(mut output: impl Read) -> io::Result<u64> {
    let mut block = vec![0; 256 * 1024];
    let mut total = 0;
    loop {
        match output.read(&mut block)? {
            0 => return Ok(total),
            count => total += count as u64,
        }
    }
}

fn read_report(path: &Path, output: u64) -> anyhow::Result<Used> {
    let text = std::fs::read_to_string(path).context("the client could not be measured")?;
    std::fs::remove_file(path)?;
    let numbers: Vec<u64> = text.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [started, ended, cpu, memory] = numbers[..] else {
        anyhow::bail!("not a report: {text}");
    };
    Ok(Used { started, ended, cpu, memory, output })
}

impl Talking {
    /// Starts `argv` between two pipes.
    pub fn start(argv: &[String], folder: &Path) -> anyhow::Result<Talking> {
        let report = folder.join("report");
        let mut command = measured(argv, &report)?;
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        Ok(Talking { child, report })
    }

    /// Sends a line and waits for it to come back, so many times; the nanoseconds of each.
    pub fn round_trips(&mut self, line: &[u8], count: usize) -> anyhow::Result<Vec<u64>> {
        let stdin = self.child.stdin.as_mut().context("no pipe")?;
        let stdout = self.child.stdout.as_mut().context("no pipe")?;
        let mut answer = vec![0; line.len()];
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let begin = clock::now();
            stdin.write_all(line)?;
            stdout.read_exact(&mut answer)?;
            times.push(clock::now() - begin);
            ensure!(answer == line, "another line came back");
        }
        Ok(times)
    }

    /// Ends the client's input and waits for its end.
    pub fn end(mut self) -> anyhow::Result<Used> {
        drop(self.child.stdin.take());
        count(self.child.stdout.take().context("no pipe")?)?;
        self.child.wait()?;
        read_report(&self.report, 0)
    }
}

/// `measure REPORT [NAME=VALUE...] COMMAND...`: runs the command in this environment and writes down
/// what it used.
pub fn measure(report: &str, argv: &[String]) -> anyhow::Result<()> {
    let variables: Vec<_> = argv.iter().map_while(|word| word.split_once('=')).collect();
    let (program, arguments) = argv[variables.len()..].split_first().context("no command")?;
    let started = clock::now();
    let mut child = Command::new(program).args(arguments).envs(variables).spawn()?;
    let id = nix::unistd::Pid::from_raw(child.id() as i32);
    let (ended, watch) = mpsc::channel::<()>();
    thread::spawn(move || {
        if watch.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL);
        }
    });
    child.wait()?;
    let finished = clock::now();
    drop(ended);
    let (cpu, memory) = clock::used_by_children();
    std::fs::write(report, format!("{started} {finished} {cpu} {memory}"))?;
    Ok(())
}
