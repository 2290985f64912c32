//! A panic, wherever it is, is told as the bug that it is, has an exit code of its own, and leaves the
//! terminal as it was. The program has none that could be asked for, so that copies of this test panic in
//! its place.

mod support;

use std::env;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitStatus};
use std::thread;

use support::{Terminal, modes, read_terminal};
use wspipe::ui::{Console, PromptOptions, ask_password, start_prompt};

/// Where the copy of this test is to panic, and what is at the terminal then.
const PLACE: &str = "WSPIPE_TEST_PANICS_IN";
const AT_TERMINAL: &str = "WSPIPE_TEST_AT_TERMINAL";
/// The address of a connection that ends when it is to panic.
const WHEN: &str = "WSPIPE_TEST_PANICS_WHEN";

const PLACES: [&str; 5] = [
    "the first thread",
    "another thread",
    "a task",
    "a task beside another",
    "a thread for what blocks",
];

#[test]
fn a_panic_ends_with_70_wherever_it_is() {
    const NAME: &str = "a_panic_ends_with_70_wherever_it_is";
    if let Ok(place) = env::var(PLACE) {
        wspipe::end_at_a_bug();
        panic_in(&place);
    }
    for place in PLACES {
        let output = copy(Command::new(env::current_exe().unwrap()), NAME)
            .env(PLACE, place)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(70), "{place}: {stderr}");
        assert!(stderr.contains("a bug in wspipe"), "{stderr}");
        assert!(stderr.contains(&format!("in {place}")), "{stderr}");
        assert!(!stderr.contains("panicked at library"), "{stderr}");
    }
}

#[test]
fn a_panic_leaves_the_terminal_as_it_was() {
    const NAME: &str = "a_panic_leaves_the_terminal_as_it_was";
    if let (Ok(place), Ok(at_terminal)) = (env::var(PLACE), env::var(AT_TERMINAL)) {
        wspipe::end_at_a_bug();
        let console = Console::default();
        let _typist = (at_terminal == "prompt").then(|| {
            let options = PromptOptions { history: None, edits: true, on_stdout: true };
            start_prompt(options, &console).expect("a prompt")
        });
        if at_terminal == "password" {
            thread::spawn(|| ask_password("Password: "));
        }
        let mut until = TcpStream::connect(env::var(WHEN).unwrap()).expect("the test waits");
        until.read_to_end(&mut Vec::new()).expect("an end");
        panic_in(&place);
    }
    for at_terminal in ["prompt", "password"] {
        for place in PLACES {
            let case = format!("{at_terminal}, {place}");
            let (status, before, after, screen) = at_a_terminal(NAME, place, at_terminal);
            assert_eq!(status.code(), Some(70), "{case}: {screen}");
            assert!(screen.contains("a bug in wspipe"), "{case}: {screen}");
            assert_eq!(after, before, "{case}: {screen}");
            // Whether pastes are marked is no mode of the system's.
            let last = |sign| screen.rfind(&format!("\\u{{1b}}[?2004{sign}"));
            assert!(last('h') <= last('l'), "{case}: {screen}");
        }
    }
}

/// A copy of this test in a session with a terminal of its own: how it ended, the modes of the terminal
/// before and after, and all that was shown.
fn at_a_terminal(name: &str, place: &str, at: &str) -> (ExitStatus, String, String, String) {
    let terminal = Terminal::open();
    let before = format!("{:?}", terminal.modes());
    let mut command = Command::new("/usr/bin/setsid");
    command.arg("--ctty").arg(env::current_exe().unwrap());
    let mut command = copy(command, name);
    let when = TcpListener::bind("127.0.0.1:0").expect("a free port");
    command.env(WHEN, when.local_addr().unwrap().to_string());
    command.env(PLACE, place).env(AT_TERMINAL, at).env("TERM", "xterm");
    command.stdin(terminal.stdio()).stdout(terminal.stdio()).stderr(terminal.stdio());
    let mut child = command.spawn().expect("a copy starts");
    drop(command);
    let mut master = terminal.into_master();
    // As soon as somebody can type, and the modes are other ones.
    let prompt = if at == "prompt" { "> \r\x1b[2C\x1b[?2026l" } else { "Password: " };
    let shown = read_terminal(&mut master, prompt);
    assert_ne!(modes(&master), before);
    drop(when.accept().expect("a connection"));
    let screen = (shown + &read_terminal(&mut master, "")).escape_default().to_string();
    let status = child.wait().expect("its end");
    (status, before, modes(&master), screen)
}

/// This test binary again, for one test, whose words are not taken.
fn copy(mut command: Command, name: &str) -> Command {
    command.args(["--exact", name, "--nocapture"]);
    command
}

fn panic_in(place: &str) -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match place {
        "another thread" => drop(thread::spawn(|| panic!("in another thread")).join()),
        "a task" => runtime.block_on(async { panic!("in a task") }),
        "a task beside another" => runtime.block_on(async {
            let _ = tokio::spawn(async { panic!("in a task beside another") }).await;
            std::future::pending().await
        }),
        "a thread for what blocks" => runtime.block_on(async {
            let panic = || panic!("in a thread for what blocks");
            let _: Result<(), _> = tokio::task::spawn_blocking(panic).await;
            std::future::pending().await
        }),
        _ => {}
    }
    panic!("in the first thread")
}
