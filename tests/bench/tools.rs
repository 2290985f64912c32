//! The programs that are compared, and how each is asked to do the same job.

use std::env;
use std::path::{Path, PathBuf};

use crate::pattern::Kind;

/// What a client is to do.
#[derive(Clone, Copy, Debug)]
pub enum Task {
    /// Print what the server sends, until it closes.
    Receive(Kind),
    /// Send stdin: lines, or messages of so many bytes.
    Send(Kind, usize),
    /// Send each line, print each answer.
    Talk,
    /// Send one message, print its answer, end.
    Once,
}

/// Who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The program that is being built here.
    Wspipe,
    /// A client written by hand.
    Yardstick,
    /// The same bytes over the same socket.
    Copy,
    /// websocat 1.14.
    Websocat1,
    /// websocat 4 alpha.
    Websocat4,
    /// wscat.
    Wscat,
    /// Python's `websockets`.
    Websockets,
    /// curl 8.14.
    Curl,
}

/// The programs that people use today.
pub const PEERS: [Name; 5] =
    [Name::Websocat1, Name::Websocat4, Name::Wscat, Name::Websockets, Name::Curl];

impl Name {
    /// What it is called in tables.
    pub fn shown(self) -> &'static str {
        match self {
            Name::Wspipe => "wspipe",
            Name::Yardstick => "yardstick",
            Name::Copy => "copy",
            Name::Websocat1 => "websocat 1",
            Name::Websocat4 => "websocat 4",
            Name::Wscat => "wscat",
            Name::Websockets => "websockets",
            Name::Curl => "curl",
        }
    }

    /// What its file is called.
    pub fn file(self) -> &'static str {
        match self {
            Name::Websocat1 => "websocat1",
            Name::Websocat4 => "websocat4",
            Name::Wscat => "wscat",
            Name::Websockets => "websockets",
            Name::Curl => "curl",
            Name::Wspipe | Name::Yardstick | Name::Copy => "",
        }
    }

    /// Whether it is a program that people use today.
    pub fn is_peer(self) -> bool {
        PEERS.contains(&self)
    }
}

/// A program that was found.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Who it is.
    pub name: Name,
    program: PathBuf,
}

/// The folder with the peers.
pub const FOLDER: &str = "WSPIPE_PEERS";

/// The programs that are here, and the names of the peers that are not.
pub fn find() -> std::io::Result<(Vec<Tool>, Vec<&'static str>)> {
    let this = env::current_exe()?;
    let mut found = vec![
        Tool { name: Name::Wspipe, program: env!("CARGO_BIN_EXE_wspipe").into() },
        Tool { name: Name::Yardstick, program: this.clone() },
        Tool { name: Name::Copy, program: this },
    ];
    let mut missing = Vec::new();
    for name in PEERS {
        match find_program(name.file()) {
            Some(program) => found.push(Tool { name, program }),
            None => missing.push(name.file()),
        }
    }
    Ok((found, missing))
}

fn find_program(file: &str) -> Option<PathBuf> {
    let given = env::var_os(FOLDER).map(PathBuf::from);
    let on_path = env::var_os("PATH").unwrap_or_default();
    let folders = given.into_iter().chain(env::split_paths(&on_path));
    folders.map(|folder| folder.join(file)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

impl Tool {
    /// How it is called for a task; nothing if it cannot do it.
    pub fn argv(&self, task: Task, url: &str) -> Option<Vec<String>> {
        let chunk = match task {
            Task::Send(Kind::Binary, size) => size.to_string(),
            _ => String::new(),
        };
        let arguments: Vec<&str> = match (self.name, task) {
            (Name::Wspipe, Task::Receive(Kind::Text)) => vec!["listen", url],
            (Name::Wspipe, Task::Receive(Kind::Binary)) => vec!["listen", "--format", "raw", url],
            (Name::Wspipe, Task::Send(Kind::Text, _)) => vec!["send", url],
            (Name::Wspipe, Task::Send(Kind::Binary, _)) => vec!["send", "--chunk", &chunk, url],
            (Name::Wspipe, Task::Talk) => vec!["connect", url],
            (Name::Wspipe, Task::Once) => vec!["send", "-n", "1", url, "hello"],
            (Name::Yardstick, Task::Receive(kind)) => vec!["listen", url, kind.name()],
            (Name::Yardstick, Task::Send(Kind::Binary, _)) => vec!["connect", url, &chunk],
            (Name::Yardstick, _) => vec!["connect", url],
            (Name::Copy, Task::Receive(_)) => vec!["copy-in", url],
            (Name::Copy, Task::Send(..)) => vec!["copy-out", url],
            _ => return None,
        };
        let program = self.program.to_string_lossy().into_owned();
        Some([program].into_iter().chain(arguments.into_iter().map(str::to_owned)).collect())
    }
}

impl Tool {
    /// Whether it ends each message of this kind with a newline on stdout.
    pub fn ends_lines(&self, kind: Kind) -> bool {
        kind == Kind::Text && self.name != Name::Curl
    }
}
