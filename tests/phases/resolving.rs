//! While a name is resolved: in namespaces of its own, the test is the only name server there is, and says
//! nothing. Nothing leaves the machine, and nobody needs to be root.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::case::{ALL, Phase, SIGNALS, Stage};
use crate::support::{DEADLINE, run};

/// Set in the copy of the test that is in the namespaces.
const INSIDE: &str = "WSPIPE_TEST_NAMESPACES";

/// Runs the test again where it is the name server; whether this is that place.
pub fn is_inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--mount"]);
        command
    };
    let probe = "ip link set lo up && test -f /etc/resolv.conf";
    let is_allowed = unshare().args(["sh", "-c", probe]).output();
    if !is_allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there are no namespaces here, or no `ip` and `unshare`");
        return false;
    }
    let mut copy = unshare();
    copy.arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let output = copy.env(INSIDE, "1").output().expect("a copy starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    false
}

pub fn phases() -> Vec<Phase> {
    let names = Arc::new(NameServer::start());
    let rows: [(&str, &str, &[&str]); 3] = [
        ("a name is looked up", "", &["listen", "ws://NAME.test/"]),
        ("a name is looked up for TLS", ":443", &["send", "wss://NAME.test/", "hello"]),
        ("a proxy's name is looked up", "", &["listen", "-x", "http://NAME.test", "ws://h/"]),
    ];
    let phase = |(what, port, args): (&str, &'static str, &'static [&'static str])| {
        let names = Arc::clone(&names);
        Phase::new(what, ALL, move || lookup(&names, port, args))
    };
    let names_of_ours = Arc::clone(&names);
    let serve = Phase::new("a name is looked up to be listened at", SIGNALS, move || {
        let name = next_name();
        let names = Arc::clone(&names_of_ours);
        Stage::new(run(["serve", &format!("{name}.test:0")]))
            .reached(move |_| names.wait_for(&name))
    });
    rows.into_iter().map(phase).chain([serve]).collect()
}

fn next_name() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("cell{}x", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn lookup(names: &Arc<NameServer>, port: &str, args: &[&str]) -> Stage {
    let name = next_name();
    let args = args.iter().map(|arg| arg.replace("NAME", &name));
    let port = if port.is_empty() { ":80" } else { port };
    let (host, missing) = match args.clone().any(|arg| arg == "-x") {
        true => ("h".into(), format!("no address of the proxy {name}.test:1080")),
        false => (format!("{name}.test"), "no address".into()),
    };
    let names = Arc::clone(names);
    Stage::unopened(run(args), &format!("{host}{port}"), &missing)
        .reached(move |_| names.wait_for(&name))
}

/// A name server that keeps what it is asked for to itself.
struct NameServer {
    asked: Arc<(Mutex<HashSet<Vec<u8>>>, Condvar)>,
}

impl NameServer {
    fn start() -> NameServer {
        let works = |command: &mut Command| assert!(command.status().expect("it runs").success());
        works(Command::new("ip").args(["link", "set", "lo", "up"]));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n").unwrap();
        works(Command::new("mount").arg("--bind").arg(file.path()).arg("/etc/resolv.conf"));
        let socket = UdpSocket::bind("127.0.0.1:53").expect("the port for names");
        let asked = Arc::new((Mutex::new(HashSet::new()), Condvar::new()));
        let questions = Arc::clone(&asked);
        thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok(size) = socket.recv(&mut packet) {
                // The head has 12 bytes, then the length of the first part of the name.
                let length = packet[12] as usize;
                let name = packet.get(13..(13 + length).min(size)).unwrap_or_default();
                questions.0.lock().unwrap().insert(name.to_vec());
                questions.1.notify_all();
            }
        });
        NameServer { asked }
    }

    /// Waits until somebody asks for this.
    fn wait_for(&self, name: &str) {
        let names = self.asked.0.lock().unwrap();
        let is_missing = |names: &mut HashSet<Vec<u8>>| !names.contains(name.as_bytes());
        let waited = self.asked.1.wait_timeout_while(names, DEADLINE, is_missing).unwrap();
        assert!(!waited.1.timed_out(), "nobody asked for {name}");
    }
}
