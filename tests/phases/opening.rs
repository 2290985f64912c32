//! Before the session is open: a connection is made, proxies and TLS are spoken to, the upgrade is asked for,
//! a redirect followed, the next try waited for. How a name is resolved has a file of its own.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use super::case::{ALL, LIMIT, OPEN, Phase, SIGNALS, Stage, Waiting};
use crate::support::{DEADLINE, Files, Nobody, Running, Wire, run};

/// In what, the scheme that leads there, what is missing, and what the peer does before.
type Silence = (&'static str, &'static str, &'static str, fn(&mut Wire));

pub fn phases() -> Vec<Phase> {
    let mut phases = vec![
        Phase::new("connecting", ALL, || connecting("listen")),
        Phase::new("connecting, with input", ALL, || connecting("connect")),
        Phase::new("the silence of a Unix socket", ALL, unix_socket),
        Phase::new("a redirect that leads to silence", ALL, redirect),
        Phase::new("the pause before the next try", SIGNALS, pause),
        Phase::new("headers in a FIFO that nobody writes", LIMIT, || unwritten("-H", "@")),
        Phase::new("cookies in a FIFO that nobody writes", LIMIT, || unwritten("-b", "")),
        Phase::new("users in a FIFO that nobody writes", LIMIT, || unwritten("--netrc-file", "")),
        Phase::new("a format in a FIFO that nobody writes", LIMIT, || unwritten("-w", "@")),
        Phase::new("a FIFO for headers that nobody reads", LIMIT, || unwritten("-D", "")),
        Phase::new("a cookie jar that nobody takes", OPEN, cookie_jar),
    ];
    let silences: [Silence; 7] = [
        ("TLS", "wss", "no answer in TLS", byte),
        ("the middle of TLS", "wss", "no answer in TLS", |wire| {
            byte(wire);
            // The head of a record that is to follow.
            wire.send(b"\x16\x03\x03\x00\x7a\x02");
        }),
        ("the upgrade", "ws", "no answer to the upgrade", Wire::request),
        ("the middle of the answer", "ws", "no answer to the upgrade", |wire| {
            wire.request();
            wire.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: web");
        }),
        ("an HTTP proxy", "http", "no answer from the proxy", byte),
        ("a SOCKS proxy", "socks5h", "no answer from the proxy", byte),
        ("TLS with a proxy", "https", "no answer in TLS from the proxy", byte),
    ];
    for (name, scheme, missing, act) in silences {
        let set = move || silence(scheme, missing, act);
        phases.push(Phase::new(format!("the silence in {name}"), ALL, set));
    }
    phases
}

/// Something has come.
fn byte(wire: &mut Wire) {
    wire.stream().read_exact(&mut [0]).expect("a byte");
}

fn connecting(command: &str) -> Stage {
    let nobody = Nobody::hanging();
    let address = nobody.address;
    let run = run([command, &format!("ws://{address}/")]).stdin_held();
    Stage::unopened(run, &address.to_string(), "no connection")
        .reached(move |_| wait_for_knock(address))
        .with(nobody)
}

/// Waits until somebody wants a connection to this address, and has none.
fn wait_for_knock(address: SocketAddr) {
    let SocketAddr::V4(v4) = address else { panic!("{address}") };
    let number = u32::from_ne_bytes(v4.ip().octets());
    // A line has the address, and the state SYN_SENT.
    let knock = format!(" {number:08X}:{:04X} 02 ", v4.port());
    let until = Instant::now() + DEADLINE;
    while !fs::read_to_string("/proc/net/tcp").expect("the connections").contains(&knock) {
        assert!(Instant::now() < until, "nobody knocks at {address}");
        thread::yield_now();
    }
}

fn silence(scheme: &str, missing: &str, act: fn(&mut Wire)) -> Stage {
    let mut peer = Waiting::after(act);
    let told = peer.told();
    let address = peer.address();
    let (run, address) = if scheme.starts_with("ws") {
        (run(["listen", &format!("{scheme}://{address}/")]), address)
    } else {
        (run(["listen", "ws://h/", "-x", &format!("{scheme}://{address}")]), "h:80".into())
    };
    Stage::unopened(run, &address, missing).reached_when(told).beside(peer)
}

fn unix_socket() -> Stage {
    let files = Files::new();
    let path = files.path("socket");
    let (told, connected) = channel();
    let listener = UnixListener::bind(&path).expect("a free path");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.read_exact(&mut [0]).expect("a byte");
        // Nobody waits for it where a limit ends the run.
        let _ = told.send(());
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let run = run(["listen", &format!("ws+unix://{}:/", path.display())]);
    Stage::unopened(run, &path.display().to_string(), "no answer to the upgrade")
        .reached_when(connected)
        .with(files)
}

fn redirect() -> Stage {
    let mut there = Waiting::after(Wire::request);
    let told = there.told();
    let location = there.url();
    let here = Waiting::after(move |wire| {
        wire.request();
        wire.send(format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        ));
    });
    let run = run(["listen", "--location", &here.url()]);
    // The limit is on the whole way.
    let stage = Stage::unopened(run, &here.address(), "no answer to the upgrade");
    stage.reached_when(told).beside(here).beside(there)
}

fn pause() -> Stage {
    let nobody = Nobody::refusing();
    let address = nobody.address;
    let url = format!("ws://{address}/");
    let args = ["listen", "--retry", "1", "--retry-delay", "1h", "--retry-connrefused", &url];
    let said = format!(
        "wspipe: cannot connect to {address}: Connection refused; next try in 1h, 0 left after it\n"
    );
    let end = "ended by SIGNAL before the session was open\n";
    Stage::new(run(args))
        .saying(&(said + end))
        .reached(|running: &Running| drop(running.wait_for_stderr("next try")))
        .with(nobody)
}

/// Before there is a run there is nothing to be said of its end: a signal does what it does to all programs.
fn unwritten(flag: &str, at: &str) -> Stage {
    let files = Files::new();
    let fifo = format!("{at}{}", files.fifo("unwritten"));
    Stage::new(run(["listen", flag, &fifo, "ws://127.0.0.1:9/"])).with(files)
}

fn cookie_jar() -> Stage {
    let files = Files::new();
    let jar = files.fifo("jar");
    let mut peer = Waiting::after(|wire| {
        wire.accept();
        wire.finish();
    });
    let told = peer.told();
    let run = run(["listen", "-n", "0", "-c", &jar, &peer.url()]);
    Stage::new(run)
        .saying("closed by us: 1000 normal closure; ended by SIGNAL\n")
        .reached_when(told)
        .beside(peer)
        .with(files)
}
