//! A link that is cut, in network namespaces of our own: a pair of interfaces with the server at one end and
//! the program at the other, and nothing that tells either of them. Where a process may not have such
//! namespaces, or there is no `ip`, the test says so and is skipped. The namespaces go with the processes in
//! them, which have an end in any case.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{DEADLINE, Output, ends};

/// Makes the namespaces, says by which processes they are to be entered, and cuts the link when it is told to.
const SCRIPT: &str = r#"
set -e
unshare --net sleep 100 &
far=$!
trap 'kill $far' EXIT
until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do kill -0 $far; done
ip link add near type veth peer name far netns $far
ip address add 192.0.2.1/24 dev near
ip link set near up
nsenter --target $far --net sh -ec 'ip address add 192.0.2.2/24 dev far; ip link set far up'
echo $$ $far
read cut || exit 0
nsenter --target $far --net ip link set far down
echo cut
read end || true
"#;

/// MiB that are not through before the link is cut.
const MUCH: usize = 1 << 20;

/// Two namespaces and the link between them.
struct TwoEnds {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    near: String,
    far: String,
}

impl TwoEnds {
    /// None where it cannot be had, which is said.
    fn new() -> Option<TwoEnds> {
        let skipped = |why: &str| {
            // Past the harness, which keeps what a test prints.
            let _ = writeln!(std::io::stderr(), "SKIPPED tests/dead_link.rs: {}", why.trim());
            None
        };
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "sh", "-c", SCRIPT]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return skipped(&format!("unshare: {error}")),
        };
        let orders = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        let Some((near, far)) = line.trim().split_once(' ') else {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            child.wait().unwrap();
            return skipped(&format!("no network namespaces here: {why}"));
        };
        let (near, far) = (near.to_owned(), far.to_owned());
        Some(TwoEnds { child, orders, answers, near, far })
    }

    /// The program at one end, for no longer than the deadline.
    fn at(&self, process: &str, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", process, "--user", "--preserve-credentials", "--net"]);
        let seconds = DEADLINE.as_secs().to_string();
        command.args(["timeout", "--signal=KILL", &seconds, env!("CARGO_BIN_EXE_wspipe")]);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn cut(&mut self) {
        self.orders.as_mut().unwrap().write_all(b"cut\n").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line, "cut\n");
    }
}

impl Drop for TwoEnds {
    fn drop(&mut self) {
        // The script ends with its input.
        self.orders = None;
        let _ = self.child.wait();
    }
}

/// A process that does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // What limits its time passes the signal on.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// The program ends with 29 soon after the cut, while it does this with a server that does that. Its stdin is
/// so many MiB of zeros, and stays open.
fn is_found(case: &str, server: &[&str], args: &[&str], mib: usize) {
    let Some(mut two) = TwoEnds::new() else { return };
    let server = [&["serve"], server, &["192.0.2.2:0"]].concat();
    let mut server = Running(two.at(&two.far, &server).spawn().unwrap());
    let mut url = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut url).unwrap();

    let keepalive = ["-vv", "--ping-interval", "200ms", "--ping-timeout", "1s"];
    let mut program = two.at(&two.near, &[args, &keepalive, &[url.trim()]].concat());
    let program = program.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut program = Running(program);
    let mut stdin = program.0.stdin.take().unwrap();
    std::thread::spawn(move || {
        // It may end before it has taken everything.
        for _ in 0..mib {
            if stdin.write_all(&[0; 1 << 20]).is_err() {
                return;
            }
        }
        std::thread::park();
        drop(stdin);
    });
    let mut stderr = BufReader::new(program.0.stderr.take().unwrap());
    let mut said = String::new();
    while said.matches(" pong ").count() < 3 {
        let read = stderr.read_line(&mut said).unwrap();
        assert!(read > 0, "case {case}: it has ended: {said}");
    }
    let cut = Instant::now();
    two.cut();
    stderr.read_to_string(&mut said).unwrap();
    let code = program.0.wait().unwrap().code();
    let (case, stderr) = (case.to_owned(), said.into_bytes());
    let output = Output { case, stdout: Vec::new(), stderr, code, signal: None };
    output.check(ends(29).saying(&["no Pong within 1s"]));
    assert!(cut.elapsed() < Duration::from_secs(10), "{:?}", cut.elapsed());
}

#[test]
fn a_dead_link_is_found_while_nothing_is_said() {
    is_found("idle", &[], &["listen"], 0);
}

#[test]
fn a_dead_link_is_found_while_a_large_message_leaves() {
    is_found("leaving", &["--sink"], &["send", "--whole", "--binary"], MUCH);
}

#[test]
fn a_dead_link_is_found_while_a_large_message_arrives() {
    // It comes back as far as it went, and its end does not.
    is_found("arriving", &[], &["send", "--whole", "--binary"], 3);
}

#[test]
fn a_dead_link_is_found_while_a_large_message_leaves_and_comes_back() {
    is_found("both", &[], &["send", "--whole", "--binary"], MUCH);
}
