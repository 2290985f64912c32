//! The programs that are compared, and how each is asked to do the same job.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pattern::Kind;
use crate::server::Server;

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
    /// curl 8.14, told not to hold messages back.
    Curl,
    /// The same, collecting messages until its buffer is full.
    CurlHolding,
}

/// The programs that people use today.
pub const PEERS: [Name; 6] = [
    Name::Websocat1,
    Name::Websocat4,
    Name::Wscat,
    Name::Websockets,
    Name::Curl,
    Name::CurlHolding,
];

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
            Name::Curl => "curl -N",
            Name::CurlHolding => "curl",
        }
    }

    /// What its file is called.
    pub fn file(self) -> &'static str {
        match self {
            Name::Websocat1 => "websocat1",
            Name::Websocat4 => "websocat4",
            Name::Wscat => "wscat",
            Name::Websockets => "websockets",
            Name::Curl | Name::CurlHolding => "curl",
            Name::Wspipe | Name::Yardstick | Name::Copy => "",
        }
    }

    /// Whether it is a program that people use today.
    pub fn is_peer(self) -> bool {
        PEERS.contains(&self)
    }

    /// Whether it prints each message when it has come, so that it does the same job.
    pub fn prints_at_once(self) -> bool {
        self != Name::CurlHolding
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

/// Buffers that hold every message of the benchmark, where a program has to be told.
const LARGE: &str = "2000000";

impl Tool {
    /// What it says of its version.
    pub fn version(&self) -> Option<String> {
        let said = Command::new(&self.program).arg("--version").output().ok()?.stdout;
        let said = String::from_utf8(said).ok()?;
        let words = said.split_whitespace();
        let mut version = words.map(|word| word.trim_start_matches('v'));
        let starts = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        version.find(starts).map(|version| format!("{} {version}", self.name.file()))
    }

    /// How it is called for a task with this server, after what must be in its environment; nothing
    /// if it cannot do it.
    pub fn argv(&self, task: Task, server: &Server, compressed: bool) -> Option<Vec<String>> {
        if compressed && !self.compresses() {
            return None;
        }
        let arguments = match self.name {
            Name::Wspipe => wspipe(task),
            Name::Yardstick => yardstick(task),
            Name::Copy => copy(task),
            Name::Websocat1 => websocat1(task),
            Name::Websocat4 => websocat4(task),
            Name::Wscat => wscat(task),
            Name::Websockets => websockets(task),
            Name::Curl => curl(task, "-sN URL"),
            Name::CurlHolding => curl(task, "-s URL"),
        };
        let program = self.program.to_str()?.to_owned();
        let given = |word: &str| if word == URL { server.url() } else { word.to_owned() };
        let mut argv = server.environment();
        argv.push(program);
        argv.extend(arguments?.split(' ').map(given));
        if compressed && self.name == Name::Wspipe {
            argv.push("--compress".into());
        }
        Some(argv)
    }

    /// Whether it knows permessage-deflate. The others than wspipe that do always offer it; the copy
    /// need not know what it copies.
    fn compresses(&self) -> bool {
        !matches!(self.name, Name::Websocat1 | Name::Websocat4 | Name::Curl | Name::CurlHolding)
    }

    /// Whether the end of its input ends it, whatever it was to do.
    pub fn needs_input(&self) -> bool {
        self.name == Name::Wscat
    }

    /// Whether it ends each message of this kind with a newline on stdout.
    pub fn ends_lines(&self, kind: Kind) -> bool {
        kind == Kind::Text && !matches!(self.name, Name::Curl | Name::CurlHolding)
    }
}

/// Where the URL goes.
const URL: &str = "URL";

fn wspipe(task: Task) -> Option<String> {
    Some(match task {
        Task::Receive(Kind::Text) => "listen URL".into(),
        Task::Receive(Kind::Binary) => "listen --format raw URL".into(),
        Task::Send(Kind::Text, _) => "send URL".into(),
        Task::Send(Kind::Binary, size) => format!("send --chunk {size} URL"),
        Task::Talk => "connect URL".into(),
        Task::Once => "send -n 1 URL hello".into(),
    })
}

fn yardstick(task: Task) -> Option<String> {
    Some(match task {
        Task::Receive(kind) => format!("listen URL {}", kind.name()),
        Task::Send(Kind::Binary, size) => format!("connect URL {size}"),
        Task::Send(Kind::Text, _) | Task::Talk | Task::Once => "connect URL".into(),
    })
}

fn copy(task: Task) -> Option<String> {
    match task {
        Task::Receive(_) => Some("copy-in URL".into()),
        Task::Send(..) => Some("copy-out URL".into()),
        Task::Talk | Task::Once => None,
    }
}

/// With `--linemode-strip-newlines`, 1.14.1 sends a message of its own for each newline.
fn websocat1(task: Task) -> Option<String> {
    Some(match task {
        Task::Receive(Kind::Text) => format!("-U -n -B {LARGE} URL"),
        Task::Receive(Kind::Binary) => format!("-b -U -n -B {LARGE} URL"),
        Task::Send(Kind::Text, _) => format!("-u -B {LARGE} URL"),
        Task::Send(Kind::Binary, size) => format!("-b -u -B {size} URL"),
        Task::Talk => "URL".into(),
        Task::Once => "-1 URL".into(),
    })
}

/// Its directions are those of the URL, which stands on the left.
fn websocat4(task: Task) -> Option<String> {
    Some(match task {
        Task::Receive(Kind::Text) => format!("-u -n -B {LARGE} URL"),
        Task::Receive(Kind::Binary) => format!("-b -u -n -B {LARGE} URL"),
        Task::Send(Kind::Text, _) => format!("-U -B {LARGE} URL"),
        Task::Send(Kind::Binary, size) => format!("-b -U -B {size} URL"),
        Task::Talk | Task::Once => "URL".into(),
    })
}

/// It ends with its input, sent or not, loses lines that come before it is connected, and what it
/// prints into a pipe comes late or never.
fn wscat(task: Task) -> Option<String> {
    match task {
        Task::Receive(Kind::Text) => Some("-c URL".into()),
        Task::Once => Some("-c URL -x hello -w 0.1".into()),
        Task::Receive(Kind::Binary) | Task::Send(..) | Task::Talk => None,
    }
}

/// It draws a prompt around what it prints.
fn websockets(task: Task) -> Option<String> {
    match task {
        Task::Receive(Kind::Text) | Task::Send(Kind::Text, _) => Some("URL".into()),
        _ => None,
    }
}

/// It only receives.
fn curl(task: Task, receive: &str) -> Option<String> {
    match task {
        Task::Receive(_) => Some(receive.into()),
        Task::Send(..) | Task::Talk | Task::Once => None,
    }
}
