//! What `serve` does with messages: --sink, --broadcast and --delay, and what -v says of it.

mod support;

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{
    BINARY, CLOSE, CONTINUATION, Client, PING, PONG, Running, TEXT, buffered, ends, masked, run,
    says, serve,
};

/// Ends a server that was started without a command.
#[track_caller]
fn end(server: Running, url: &str) {
    server.signal(Signal::INT);
    server.output().check(ends(0).printing(format!("{url}\n")));
}

#[test]
fn a_sink_answers_pings_and_the_closing_handshake_and_nothing_else() {
    let (server, url) = serve(&["--sink"]);
    let mut client = Client::open(&url);
    client.send(
        [says("hi"), masked(0x80 | PING, b"?"), masked(0x80 | BINARY, &[7; 100_000])].concat(),
    );
    client.expect(PONG, b"?");
    client.send(masked(0x80 | CLOSE, b"\x03\xe8"));
    client.expect_close(1000, "");
    let lines: String = (0..10_000).map(|number| format!("line {number}\n")).collect();
    run(["send", &url]).stdin(lines).output().check(ends(0));
    end(server, &url);
}

#[test]
fn a_broadcast_reaches_all_in_one_order_the_sender_included() {
    let (server, url) = serve(&["--broadcast"]);
    let mut listeners: Vec<_> = (0..3).map(|_| Client::open(&url)).collect();
    let publish = |name: &'static str| {
        let url = url.clone();
        thread::spawn(move || {
            let lines: String = (0..500).map(|number| format!("{name} {number}\n")).collect();
            let output =
                run(["connect", "-n", "1000", "--wait", "20s", &url]).stdin(lines).output();
            output.stdout_text()
        })
    };
    // Both are there before either of them says anything only if they wait for each other, so they are
    // judged by what the listeners heard.
    let publishers = ["a", "b"].map(publish);
    let mut heard = Vec::new();
    for listener in &mut listeners {
        let texts: Vec<_> = (0..1000)
            .map(|_| {
                let (first, payload) = listener.frame();
                assert_eq!(first, 0x80 | TEXT);
                String::from_utf8(payload).unwrap()
            })
            .collect();
        heard.push(texts);
    }
    assert!(heard.iter().all(|texts| *texts == heard[0]));
    for name in ["a", "b"] {
        let of_one: Vec<_> = heard[0].iter().filter(|text| text.starts_with(name)).collect();
        let expected: Vec<_> = (0..500).map(|number| format!("{name} {number}")).collect();
        assert_eq!(of_one, expected.iter().collect::<Vec<_>>());
    }
    for (publisher, name) in publishers.into_iter().zip(["a", "b"]) {
        let heard = publisher.join().unwrap();
        assert_eq!(heard.lines().filter(|line| line.starts_with(name)).count(), 500, "{name}");
    }
    end(server, &url);
}

#[test]
fn a_client_hears_what_is_broadcast_once_it_is_in() {
    let (server, url) = serve(&["--broadcast"]);
    let mut first = Client::open(&url);
    first.send(says("before"));
    first.expect(TEXT, b"before");
    for round in 0..50 {
        let mut second = Client::open(&url);
        let text = format!("round {round}");
        first.send(says(&text));
        first.expect(TEXT, text.as_bytes());
        second.expect(TEXT, text.as_bytes());
    }
    end(server, &url);
}

#[test]
fn a_broadcast_keeps_kinds_and_joins_fragments() {
    let (server, url) = serve(&["--broadcast"]);
    let (mut speaker, mut listener) = (Client::open(&url), Client::open(&url));
    let large = vec![9; 3 << 20];
    let frames = [
        masked(TEXT, b"one "),
        masked(0x80 | PING, b""),
        masked(0x80 | CONTINUATION, b"message"),
        masked(0x80 | BINARY, b"\0\xff"),
        masked(0x80 | BINARY, &large),
    ];
    speaker.send(frames.concat());
    listener.expect(TEXT, b"one message");
    listener.expect(BINARY, b"\0\xff");
    let mut came = Vec::new();
    let mut last = 0;
    while last & 0x80 == 0 {
        let (first, payload) = listener.frame();
        came.extend(payload);
        last = first;
    }
    assert!(came == large);
    end(server, &url);
}

#[test]
fn a_client_that_reads_nothing_stops_nobody_and_is_closed_with_1013() {
    let (server, url) = serve(&["--broadcast"]);
    let mut deaf = Client::open(&url);
    let count = buffered() / 1000;
    let lines = format!("{}\n", "x".repeat(1000)).repeat(count);
    run(["send", &url, "-n", &count.to_string()])
        .stdin(&lines)
        .output()
        .check(ends(0).printing(&lines));
    // Its last words wait behind what it has not read.
    let rest = deaf.rest();
    let close = b"\x88\x14\x03\xf5others had to wait";
    assert!(rest.windows(close.len()).any(|window| window == close), "{} bytes", rest.len());
    assert!(server.peak_memory() < 64 << 20, "{}", server.peak_memory());
    server.signal(Signal::INT);
    let said = ["wspipe: 127.0.0.1:", "read nothing for two seconds", "1013"];
    server.output().check(ends(0).printing(format!("{url}\n")).saying(&said));
}

#[test]
fn with_a_delay_answers_come_later_and_in_order() {
    for manner in ["--echo", "--broadcast"] {
        let (server, url) = serve(&[manner, "--delay", "150ms"]);
        let start = Instant::now();
        let output = run(["send", &url, "a", "b", "c"]).case(manner).output();
        output.check(ends(0).printing("a\nb\nc\n"));
        assert!(start.elapsed() >= Duration::from_millis(150), "{manner}");
        end(server, &url);
    }
}

#[test]
fn pings_and_the_end_of_the_server_do_not_wait_for_a_delay() {
    for manner in ["--echo", "--broadcast"] {
        let (server, url) = serve(&[manner, "--delay", "1h"]);
        let mut client = Client::open(&url);
        client.send([says("hi"), masked(0x80 | PING, b"?")].concat());
        client.expect(PONG, b"?");
        server.signal(Signal::INT);
        client.expect_close(1001, "");
        server.output().check(ends(0).printing(format!("{url}\n")));
    }
}

#[test]
fn a_client_that_is_too_far_ahead_of_its_answers_is_not_read() {
    for manner in ["--echo", "--broadcast"] {
        let (server, url) = serve(&[manner, "--delay", "1h"]);
        let mut client = Client::open(&url);
        client.send_while_it_reads(&masked(0x80 | BINARY, &[0; 60_000]), Duration::from_secs(1));
        assert!(server.peak_memory() < 128 << 20, "{manner}: {}", server.peak_memory());
        // Others are heard meanwhile.
        let mut other = Client::open(&url);
        other.send([masked(0x80 | PING, b"?"), masked(0x80 | CLOSE, b"")].concat());
        other.expect(PONG, b"?");
        drop(client);
        end(server, &url);
    }
}

#[test]
fn v_has_a_line_for_each_connection_with_what_was_asked_for_and_what_passed() {
    let (server, url) = serve(&["-v"]);
    let asked = format!("{url}/path?query=%1b");
    run(["send", "--subprotocol", "chat", &asked, "hello"])
        .output()
        .check(ends(0).printing("hello\n"));
    drop(Client::open(&url));
    server.wait_for_stderr("connection lost");
    Client::that_says(&url, "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").head();
    server.wait_for_stderr("refused");
    server.signal(Signal::INT);
    let output = server.output();
    output.check(ends(0).printing(format!("{url}\n")).with_stderr_checked_apart());
    let lines: Vec<_> = output
        .stderr_text()
        .lines()
        .map(|line| {
            let rest = line.strip_prefix("* 127.0.0.1:").expect(line);
            rest.split_once(' ').expect(line).1.to_owned()
        })
        .collect();
    let expected = [
        "/path?query=%1b, subprotocol chat: closed by peer: 1000 normal closure; received 1 message, 5 B; sent 1 message, 5 B",
        "/: connection lost: 1006 abnormal closure (the peer ended it); received nothing; sent nothing",
        "/plain refused: 426 Upgrade Required",
    ];
    assert_eq!(lines, expected);
}
