//! The house holds: imports run downwards only, pure rooms touch no socket, thread or clock, and
//! every file says what it is for.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, lowest first; a room imports from itself and from lower floors, so that there are no
/// circles.
const FLOORS: &[&[&str]] = &[
    &["wire", "codec", "descriptor", "duration", "figures", "signals"],
    &["record", "job"],
    &["jq", "input", "output"],
    &["difference"],
    &["policy"],
    &["handshake"],
    &["failure"],
    &["exit"],
    &["scenario"],
    &["cli", "session", "net", "ui"],
    &["command"],
];

/// Pure rooms, and the ways in and out, which are not.
const PURE: &[&str] = &[
    "wire",
    "codec",
    "figures",
    "record",
    "jq",
    "input",
    "output",
    "difference",
    "policy",
    "handshake",
    "failure",
    "exit",
    "duration",
    "scenario",
];
const WAYS: &[&str] =
    &["input/reader.rs", "output/pipe.rs", "output/thread.rs", "output/writer.rs"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Every file of `src`: its path there, its room, and its text without tests.
fn sources() -> Vec<(String, String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&src).unwrap().display().to_string();
            let room = name.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
            (name, room, code)
        })
        .collect()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn imports_run_downwards_only() {
    for (name, room, code) in sources() {
        let Some(own) = floor(&room) else { continue };
        for after in code.split("crate::").skip(1) {
            assert!(!after.starts_with('{'), "{name}: one import of a room a line");
            let used = after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            let allowed = used == room || floor(used).is_some_and(|floor| floor < own);
            assert!(allowed, "{name} imports from {used}");
        }
    }
}

#[test]
fn every_room_is_on_a_floor() {
    for (name, room, _) in sources() {
        assert!(floor(&room).is_some() || room == "lib" || room == "main", "{name} is on no floor");
    }
}

#[test]
fn pure_rooms_touch_no_socket_thread_or_clock() {
    const FORBIDDEN: &[&str] = &[
        "tokio::",
        "TcpStream",
        "std::thread",
        "std::fs",
        "::now()",
        "std::process",
        "stdin()",
        "stdout()",
        "stderr()",
    ];
    for (name, room, code) in sources() {
        if !PURE.contains(&room.as_str()) || WAYS.contains(&name.as_str()) {
            continue;
        }
        for word in FORBIDDEN {
            assert!(!code.contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (name, _, code) in sources() {
        assert!(code.starts_with("//! "), "{name} has no //! at its head");
    }
}
