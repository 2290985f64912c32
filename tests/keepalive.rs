//! Keepalive against peers that fall silent in the middle of something, and against those that only look
//! silent. What takes hours is simulated in src/session/simulated.rs; a link that is cut is in dead_link.rs.

mod support;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{
    Authority, BINARY, DEADLINE, Manner, PING, Peer, TEXT, Two, Wanted, Wire, binary, buffered,
    close, dies_by, ends, frame, front, header, pong, run, text, two,
};

const MIB: usize = 1 << 20;

/// What lies between the program and its peer.
const WAYS: [&str; 3] = ["nothing", "TLS", "HTTP/2"];

/// The arguments for a way to a peer; what keeps it there is to be kept.
fn by_way_of(way: &str, peer: SocketAddr) -> (Vec<String>, Option<Authority>) {
    match way {
        "TLS" => {
            let authority = Authority::new();
            let identity = authority.sign("server", &["127.0.0.1"]);
            let address = front(identity, Manner::default(), peer);
            (vec!["-k".into(), format!("wss://{address}/")], Some(authority))
        }
        "HTTP/2" => {
            let address = two(Two { extended: true, ..Two::default() }, peer);
            (vec!["--http2-prior-knowledge".into(), format!("ws://{address}/")], None)
        }
        _ => (vec![format!("ws://{peer}/")], None),
    }
}

/// Lets time pass, in which something would have gone wrong.
fn pass(time: Duration) {
    let (_held, never) = channel::<()>();
    assert_eq!(never.recv_timeout(time), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_peer_that_falls_silent_while_a_message_arrives_is_found() {
    let begun = [header(0x80 | BINARY, 1 << 30), vec![0; 100_000]].concat();
    let cases = [
        ("within a frame", begun),
        ("within a short one", [header(0x80 | TEXT, 1000), vec![b'x'; 10]].concat()),
        ("between fragments", frame(BINARY, &[0; 100_000])),
        ("after a header", header(0x80 | BINARY, 1 << 40)),
        ("within a header", vec![0x80 | BINARY]),
    ];
    for (case, bytes) in cases {
        for way in WAYS {
            let bytes = bytes.clone();
            let peer = Peer::start(move |wire| {
                wire.accept();
                wire.send(bytes);
                wire.until_gone();
            });
            let (to, _kept) = by_way_of(way, peer.address);
            let args = ["listen", "--ping-interval", "100ms", "--ping-timeout", "300ms"];
            let begin = Instant::now();
            let output = run(args).args(to).case(&format!("{case}, {way}")).output();
            let wanted = ends(29).with_stdout_checked_apart();
            output.check(wanted.saying(&["no Pong within 300ms", "--ping-timeout"]));
            assert!(begin.elapsed() < DEADLINE / 2, "{case}, {way}: {:?}", begin.elapsed());
            peer.seen();
        }
    }
}

#[test]
fn a_peer_that_stops_reading_while_we_send_is_found() {
    let cases: [(&str, &[&str]); 4] = [
        ("one message", &["--whole", "--binary"]),
        ("many", &["--chunk", "1000"]),
        ("a byte stream", &["--stream"]),
        ("messages with a pace", &["--chunk", "256K", "--rate", "10000/s"]),
    ];
    for (case, flags) in cases {
        for way in WAYS {
            let (over, told) = channel::<()>();
            let peer = Peer::start(move |wire| {
                wire.accept();
                let _ = told.recv_timeout(2 * DEADLINE);
            });
            let (to, _kept) = by_way_of(way, peer.address);
            let keepalive = ["--ping-interval", "100ms", "--ping-timeout", "500ms"];
            let output = run(["send"])
                .args(flags)
                .args(keepalive)
                .args(to)
                .stdin_file(File::open("/dev/zero").unwrap())
                .case(&format!("{case}, {way}"))
                .output();
            output.check(ends(29).saying(&["no Pong within 500ms"]));
            drop(over);
            peer.seen();
        }
    }
}

#[test]
fn a_close_that_cannot_leave_does_not_wait_for_ever_for_a_silent_peer() {
    let (over, told) = channel::<()>();
    let peer = Peer::start_narrow(move |wire| {
        wire.accept();
        let _ = told.recv_timeout(2 * DEADLINE);
    });
    // More than the system keeps, and no more than fits into our queue with it.
    let message = format!("{{\"text\":\"{}\"}}\n", "x".repeat(900_000));
    let input = message.repeat(8) + "{\"event\":\"close\",\"code\":4000}\n";
    let args = ["send", "--jsonl", "--ping-interval", "100ms", "--ping-timeout", "500ms"];
    let output = run(args).arg(peer.url()).stdin(input).output();
    output.check(ends(29).saying(&["no Pong within 500ms"]));
    drop(over);
    peer.seen();
}

#[test]
fn a_peer_that_reads_a_large_message_slowly_and_answers_behind_it_stays() {
    // For several times as long as a Pong may take, with less in that time than a system likes to keep for us.
    const SLOWLY: usize = 3 * MIB;
    // What it has not read waits with us, and not with the system on its side.
    let peer = Peer::start_narrow(|wire| {
        wire.accept();
        let mut stream = wire.stream();
        let mut bytes = Vec::new();
        while bytes.len() < SLOWLY {
            pass(Duration::from_millis(100));
            let had = bytes.len();
            bytes.resize(had + 64 * 1024, 0);
            stream.read_exact(&mut bytes[had..]).unwrap();
        }
        answer_pings(wire, bytes);
    });
    let args = ["send", "--whole", "--binary", "--ping-interval", "100ms", "--ping-timeout", "1s"];
    let input = tempfile::tempfile().unwrap();
    input.set_len(20 * MIB as u64).unwrap();
    run(args).arg(peer.url()).stdin_file(input).output().check(ends(0));
    peer.seen();
}

/// Answers each Ping among bytes that were read and those that come, up to the Close.
fn answer_pings(wire: &mut Wire, mut bytes: Vec<u8>) {
    let mut at = 0;
    loop {
        match support::Frame::decode(&bytes[at..]) {
            Ok((frame, size)) => {
                at += size;
                if frame.opcode == PING {
                    wire.try_send(pong(&frame.payload));
                } else if frame.opcode == support::CLOSE {
                    wire.try_send(support::frame(0x80 | support::CLOSE, &frame.payload));
                    return wire.end_whatever_comes();
                }
            }
            Err(lacking) => {
                let had = bytes.len();
                bytes.resize(had + lacking, 0);
                wire.stream().read_exact(&mut bytes[had..]).unwrap();
            }
        }
    }
}

#[test]
fn a_peer_that_sends_one_frame_slowly_and_answers_behind_it_stays() {
    for way in WAYS {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send(header(0x80 | BINARY, 10 * MIB as u64));
            for _ in 0..10 {
                pass(Duration::from_millis(300));
                wire.send(vec![b'x'; MIB]);
            }
            wire.send(close(1000, ""));
            answer_pings(wire, Vec::new());
        });
        let (to, _kept) = by_way_of(way, peer.address);
        let args = ["listen", "--format", "raw", "--ping-interval", "100ms"];
        let output = run(args).args(["--ping-timeout", "1500ms"]).args(to).case(way).output();
        output.check(ends(0).printing(vec![b'x'; 10 * MIB]));
        peer.seen();
    }
}

#[test]
fn a_process_that_was_stopped_reads_what_came_before_it_judges() {
    let (pinged, told) = channel();
    let (go_on, going) = channel::<()>();
    let peer = Peer::start(move |wire| {
        wire.accept();
        let ping = wire.expect_ping();
        pinged.send(()).unwrap();
        going.recv_timeout(DEADLINE).unwrap();
        wire.send([pong(&ping.payload), text("one")].concat());
        pass(Duration::from_millis(1500));
        pinged.send(()).unwrap();
        while let Some(frame) = wire.read() {
            match frame.opcode {
                PING => drop(wire.try_send(pong(&frame.payload))),
                _ => break,
            }
        }
        wire.try_send(close(1000, ""));
        wire.end();
    });
    let args = ["listen", "-n", "1", "--ping-interval", "10ms", "--ping-timeout", "1s"];
    let running = run(args).arg(peer.url()).start();
    told.recv_timeout(DEADLINE).unwrap();
    running.signal(Signal::STOP);
    go_on.send(()).unwrap();
    told.recv_timeout(DEADLINE).unwrap();
    running.signal(Signal::CONT);
    running.output().check(ends(0).printing("one\n"));
    peer.seen();
}

/// Writes as long as the program reads; tells when it has not for longer than its interval and timeout.
fn fill(wire: &mut Wire, bytes: &[u8], full: &std::sync::mpsc::Sender<()>) {
    let mut stream = wire.stream();
    stream.set_write_timeout(Some(Duration::from_millis(1500))).unwrap();
    loop {
        match stream.write(bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return full.send(()).unwrap(),
            Err(error) => panic!("write: {error}"),
        }
    }
}

/// How a run ends whose stdout nobody reads, while a message of a GiB arrives.
fn blocked(case: &str, flags: &[&str], signal: Option<Signal>, wanted: Wanted) {
    let (full, told): (_, Receiver<()>) = channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        wire.send(header(0x80 | BINARY, 1 << 30));
        fill(wire, &vec![0; MIB], &full);
        wire.until_gone();
    });
    let args = ["listen", "--format", "raw", "--ping-interval", "100ms", "--ping-timeout", "1s"];
    let run = run(args).args(flags).arg(peer.url()).stdout_unread().case(case);
    let mut running = run.start();
    let stdout = running.take_stdout();
    if let Some(signal) = signal {
        told.recv_timeout(DEADLINE).expect("a reader that stops");
        running.signal(signal);
    }
    running.output().check(wanted);
    drop(stdout);
    if signal.is_none() {
        told.recv_timeout(DEADLINE).expect("a reader that stopped");
    }
    peer.seen();
}

#[test]
fn signals_and_time_limits_end_a_run_whose_stdout_is_full_and_nothing_else_does() {
    blocked("Ctrl-C", &[], Some(Signal::INT), dies_by(2).saying(&["SIGINT"]));
    blocked("SIGTERM", &[], Some(Signal::TERM), dies_by(15).saying(&["SIGTERM"]));
    blocked("-m", &["-m", "4"], None, ends(28).saying(&["-m"]));
}

#[test]
fn what_came_while_stdout_was_full_is_read_before_the_peer_is_judged() {
    // More than what the systems keep: the rest waits with the peer, before its Pongs.
    let size = buffered() + MIB;
    let message = binary(&vec![b'x'; size]);
    let (full, told) = channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        let mut stream = wire.stream();
        stream.set_write_timeout(Some(Duration::from_millis(1500))).unwrap();
        let mut written = 0;
        while written < message.len() {
            match stream.write(&message[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Once is enough; the other side may be gone.
                    let _ = full.send(());
                }
                Err(error) => panic!("write: {error}"),
            }
        }
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        wire.send(close(1000, ""));
        answer_pings(wire, Vec::new());
    });
    let args = ["listen", "--format", "raw", "--ping-interval", "100ms", "--ping-timeout", "1s"];
    let mut running = run(args).arg(peer.url()).stdout_unread().start();
    let mut stdout = running.take_stdout();
    told.recv_timeout(DEADLINE).expect("a reader that stops");
    let mut printed = Vec::new();
    stdout.read_to_end(&mut printed).unwrap();
    running.output().check(ends(0));
    assert_eq!(printed.len(), size);
    peer.seen();
}
