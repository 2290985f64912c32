//! The server for tests: its first line, its clients, good and bad, and the command
//! that it runs.

mod support;

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::thread;

use rustix::process::Signal;
use support::{
    BINARY, Client, Terminal, UPGRADE, dies_by, ends, masked, read_terminal, run, serve,
};
use tempfile::TempDir;

#[test]
fn serve_prints_its_url_and_echoes_until_ctrl_c() {
    for args in [&[][..], &["0"], &["127.0.0.1:0"], &["localhost:0"]] {
        let (server, url) = serve(args);
        assert!(url.starts_with("ws://127.0.0.1:"), "{args:?}: {url}");
        let output = run(["send", "-n", "2", &url, "one", "two"]).output();
        output.check(ends(0).printing("one\ntwo\n"));
        server.signal(Signal::INT);
        server.output().check(ends(0).printing(format!("{url}\n")));
    }
}

#[test]
fn serve_echoes_each_kind_of_message_to_many_at_once() {
    let (server, url) = serve(&[]);
    let text: String = (0..1000).map(|number| format!("line {number} é\n")).collect();
    let binary: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    thread::scope(|scope| {
        for _ in 0..10 {
            scope
                .spawn(|| run(["send", &url]).stdin(&text).output().check(ends(0).printing(&text)));
            scope.spawn(|| {
                let output = run(["send", "--whole", "--binary", &url]).stdin(&binary).output();
                output.check(ends(0).printing(&binary));
            });
        }
    });
    run(["send", &url]).output().check(ends(0));
    server.signal(Signal::INT);
    server.output().check(ends(0).printing(format!("{url}\n")));
}

#[test]
fn a_close_of_the_client_is_answered_with_its_code() {
    let (server, url) = serve(&[]);
    let args = ["send", "-v", "--close-code", "4321", &url, "hi"];
    run(args).output().check(ends(0).printing("hi\n").saying(&["4321"]));
    server.signal(Signal::INT);
    server.output().check(ends(0).printing(format!("{url}\n")));
}

#[test]
fn clients_see_going_away_when_the_server_ends() {
    for (signal, wanted) in [(Signal::INT, ends(0)), (Signal::TERM, dies_by(15))] {
        let (server, url) = serve(&[]);
        let mut client = run(["connect", &url]).stdin_held().start();
        client.write("hello\n");
        client.wait_for_stdout("hello\n");
        server.signal(signal);
        server.output().check(wanted.printing(format!("{url}\n")));
        let output = client.output();
        output.check(ends(101).printing("hello\n").saying(&["closed by peer: 1001 going away"]));
    }
}

#[test]
fn a_client_that_breaks_the_rules_harms_nobody_else() {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let good = UPGRADE.to_owned();
    let cases: [(&str, String, &[u8], &[u8]); 10] = [
        ("no host", good.replace("Host: x\r\n", ""), b"", b"HTTP/1.1 400 "),
        (
            "two hosts",
            good.replace("Host", "Host: y\r\nHost"),
            b"",
            b": the request has 2 times Host",
        ),
        ("two keys", good.replace(key, &key.repeat(2)), b"", b"HTTP/1.1 400 "),
        ("no upgrade", "GET / HTTP/1.1\r\nHost: x\r\n\r\n".into(), b"", b"HTTP/1.1 4"),
        ("no key", good.replace(key, ""), b"", b"HTTP/1.1 4"),
        ("another version", good.replace("13", "8"), b"", b"HTTP/1.1 4"),
        ("another method", good.replace("GET", "POST"), b"", b"HTTP/1.1 4"),
        // The Accept of RFC 6455 section 1.3, for the key from there.
        ("a good one", good.clone(), b"", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("no mask", good.clone(), b"\x81\x02hi", b"\x03\xea"),
        ("gone in mid-frame", good, b"\x81\x82\x00\x00", b"HTTP/1.1 101"),
    ];
    let (server, url) = serve(&[]);
    for (case, request, frame, answer) in cases {
        let mut client = Client::that_says(&url, [request.as_bytes(), frame].concat());
        client.read_until(answer, case);
        run(["send", "-n", "1", &url, "hi"]).output().check(ends(0).printing("hi\n"));
    }
    server.signal(Signal::INT);
    let output = server.output();
    output.check(ends(0).printing(format!("{url}\n")).with_stderr_checked_apart());
}

#[test]
fn a_client_may_send_a_long_message_before_it_reads() {
    let (server, url) = serve(&[]);
    let mut client = Client::open(&url);
    let payload: Vec<u8> = (0..20_000_000_u32).map(|number| (number % 251) as u8).collect();
    client.send(masked(0x80 | BINARY, &payload));
    let mut echoed = Vec::new();
    while echoed.len() < payload.len() {
        echoed.extend(client.frame().1);
    }
    assert!(echoed == payload);
    drop(client);
    server.signal(Signal::INT);
    server.output().check(ends(0).printing(format!("{url}\n")));
}

#[test]
fn an_address_that_is_taken_ends_with_7() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    run(["serve", &address.to_string()]).output().check(ends(7).saying(&[&address.to_string()]));
    let port = address.port().to_string();
    run(["serve", &port]).output().check(ends(7).saying(&[&port]));
}

#[test]
fn what_is_no_address_ends_with_2() {
    for address in ["foo", "99999"] {
        run(["serve", address]).output().check(ends(2).saying(&[address]));
    }
}

#[test]
fn the_command_decides_the_exit_code() {
    for (script, code) in [("exit 0", 0), ("exit 1", 1), ("exit 7", 7), ("exit 255", 255)] {
        run(["serve", "--", "sh", "-c", script]).output().check(ends(code));
    }
}

#[test]
fn a_signal_that_ends_the_command_is_in_the_exit_code() {
    for (signal, code) in [("KILL", 137), ("TERM", 143)] {
        let script = format!("kill -{signal} $$");
        run(["serve", "--", "sh", "-c", &script]).output().check(ends(code));
    }
}

#[test]
fn the_command_finds_the_url_in_its_environment() {
    let output = run(["serve", "--", "sh", "-c", "echo \"$WSPIPE_URL\""]).output();
    output.check(ends(0).with_stdout_checked_apart());
    let url = output.stdout_text();
    assert!(url.starts_with("ws://127.0.0.1:") && url.lines().count() == 1, "{}", output.report());
}

#[test]
fn the_command_can_talk_to_the_server() {
    let script = "printf 'a\\nb\\n' | \"$0\" send -n 2 \"$WSPIPE_URL\"";
    let output = run(["serve", "--", "sh", "-c", script, env!("CARGO_BIN_EXE_wspipe")]).output();
    output.check(ends(0).printing("a\nb\n"));
}

#[test]
fn the_arguments_of_the_command_are_its_own() {
    let script = "printf '%s,' \"$@\"";
    let args = ["serve", "--", "sh", "-c", script, "sh", "-n", "--help", "--", "x"];
    run(args).output().check(ends(0).printing("-n,--help,--,x,"));
}

#[test]
fn stdin_and_stderr_of_the_command_are_its_own() {
    let server = run(["serve", "--", "sh", "-c", "cat; echo said >&2; exit 3"]).stdin("typed\n");
    server.output().check(ends(3).printing("typed\n").saying(&["said"]));
}

#[test]
fn a_command_that_cannot_be_run_ends_as_in_a_shell() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("not-executable");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    for (command, code) in [
        ("no-such-command-anywhere", 127),
        ("/no/such/file", 127),
        (file.to_str().unwrap(), 126),
        (folder.path().to_str().unwrap(), 126),
    ] {
        let output = run(["serve", "--", command]).output();
        output.check(ends(code).saying(&[command]));
    }
}

#[test]
fn terminate_ends_the_server_by_the_signal() {
    let (server, url) = serve(&[]);
    server.signal(Signal::TERM);
    server.output().check(dies_by(15).printing(format!("{url}\n")));
}

/// Says that it is there, and waits to be ended.
const WAITS: &str = "echo ready; exec tail -f /dev/null";
/// The same, and has its own mind about signals.
const MINDS: &str =
    "tail -f /dev/null & trap \"kill $!; exit 7\" INT TERM; echo ready; wait; exit 8";

#[test]
fn a_signal_to_the_server_alone_reaches_the_command_which_decides() {
    let cases = [
        (WAITS, Signal::INT, dies_by(2)),
        (WAITS, Signal::TERM, dies_by(15)),
        (MINDS, Signal::INT, ends(7)),
        (MINDS, Signal::TERM, ends(7)),
    ];
    for (script, signal, wanted) in cases {
        // With a terminal, Ctrl-C would be at the command already.
        let server = run(["serve", "--", "sh", "-c", script]).without_terminal().start();
        server.wait_for_stdout("ready\n");
        server.signal(signal);
        server.output().check(wanted.printing("ready\n"));
    }
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    let script = "caught=0; trap 'caught=$((caught + 1)); echo caught' INT; echo ready; \
                  until read line; do :; done; exit $caught";
    let mut server = run(["serve", "--", "sh", "-c", script]).console().start();
    server.wait_for_stdout("ready\n");
    server.write("\x03");
    server.wait_for_stdout("caught\n");
    server.write("on\n");
    server.output().check(ends(1).printing("ready\ncaught\n"));
}

#[test]
fn a_loop_around_it_stops_with_the_command() {
    let script = "while true; do \"$0\" serve -- sh -c \"$1\"; done; echo went on";
    let mut command = Command::new("/usr/bin/setsid");
    let terminal = Terminal::open();
    command.args(["--ctty", "sh", "-c", script, env!("CARGO_BIN_EXE_wspipe"), WAITS]);
    command.stdin(terminal.stdio()).stdout(terminal.stdio()).stderr(terminal.stdio());
    let mut shell = command.spawn().expect("the shell starts");
    drop(command);
    let mut terminal = terminal.into_master();
    read_terminal(&mut terminal, "ready\r\n");
    terminal.write_all(b"\x03").expect("the terminal is open");
    read_terminal(&mut terminal, "");
    let status = shell.wait().expect("its end");
    assert_eq!(status.signal(), Some(2), "{status}");
}
