//! How `serve` ends connections when it is told to: --close, --close-after, --close-reason.

mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{CLOSE, Client, PING, PONG, Running, TEXT, ends, masked, run, says, serve};

#[track_caller]
fn end(server: Running, url: &str) {
    server.signal(Signal::INT);
    server.output().check(ends(0).printing(format!("{url}\n")));
}

#[test]
fn each_code_ends_a_client_as_the_contract_says() {
    let cases = [
        ("1000", 0),
        ("1005", 0),
        ("1001", 101),
        ("1006", 106),
        ("1008", 108),
        ("1014", 114),
        ("3999", 117),
        ("4000", 118),
    ];
    for (code, exit) in cases {
        let (server, url) = serve(&["--close", code]);
        let wanted = if exit == 0 { ends(0) } else { ends(exit).saying(&[code]) };
        run(["listen", &url]).case(code).output().check(wanted);
        let args = ["listen", "--expect-close", code, &url];
        run(args).case(code).output().check(ends(0));
        end(server, &url);
    }
}

#[test]
fn a_close_has_its_reason_and_the_answer_ends_the_connection() {
    let (server, url) = serve(&["--close", "1008", "--close-reason", "token expired"]);
    let mut client = Client::open(&url);
    client.expect_close(1008, "token expired");
    client.send(masked(0x80 | CLOSE, b"\x03\xf0"));
    assert_eq!(client.rest(), b"");
    end(server, &url);
}

#[test]
fn after_so_many_messages_are_answered_it_closes_and_hears_no_more() {
    for manner in ["--echo", "--broadcast"] {
        let (server, url) = serve(&[manner, "--close", "1012", "--close-after", "2"]);
        let mut client = Client::open(&url);
        client.send([says("a"), says("b"), says("c")].concat());
        client.expect(TEXT, b"a");
        client.expect(TEXT, b"b");
        client.expect_close(1012, "");
        drop(client);
        end(server, &url);
    }
}

#[test]
fn it_closes_before_it_hears_that_the_client_does() {
    for (code, last) in [("1006", &b""[..]), ("1012", b"\x88\x02\x03\xf4")] {
        let (server, url) = serve(&["--close", code, "--close-after", "2"]);
        let mut client = Client::open(&url);
        // All of it is there at once.
        let close = masked(0x80 | CLOSE, b"\x03\xe8");
        client.send([says("a"), says("b"), says("c"), close].concat());
        assert_eq!(client.rest(), [b"\x81\x01a\x81\x01b", last].concat(), "{code}");
        end(server, &url);
    }
}

#[test]
fn a_dropped_connection_has_had_its_answers_and_no_close() {
    let (server, url) = serve(&["--close", "1006", "--close-after", "2", "--delay", "50ms"]);
    let mut client = Client::open(&url);
    client.send([says("a"), says("b")].concat());
    client.expect(TEXT, b"a");
    // More comes than it will ever read.
    client.send(says("c").repeat(100_000));
    client.expect(TEXT, b"b");
    assert_eq!(client.rest(), b"");
    end(server, &url);
}

#[test]
fn with_a_delay_it_closes_later_and_answers_pings_meanwhile() {
    let (server, url) = serve(&["--close", "4000", "--delay", "300ms"]);
    let start = Instant::now();
    let mut client = Client::open(&url);
    client.send([says("not answered"), masked(0x80 | PING, b"?")].concat());
    client.expect(PONG, b"?");
    client.expect_close(4000, "");
    assert!(start.elapsed() >= Duration::from_millis(300));
    drop(client);
    end(server, &url);
}

#[test]
fn a_client_that_closes_first_is_answered_at_once() {
    let (server, url) = serve(&["--close", "4000", "--delay", "1h"]);
    let mut client = Client::open(&url);
    client.send(masked(0x80 | CLOSE, b"\x03\xe8bye"));
    client.expect_close(1000, "bye");
    end(server, &url);
}

#[test]
fn what_cannot_be_is_said_before_there_is_a_server() {
    let cases: [(&[&str], &str); 9] = [
        (&["--close", "1004"], "a Close may carry"),
        (&["--close", "1015"], "a Close may carry"),
        (&["--close", "1006", "--close-reason", "x"], "without a reason"),
        (&["--close-reason", "x"], "--close <CODE>"),
        (&["--close-after", "1"], "--close <CODE>"),
        (&["--echo", "--sink"], "cannot be used with"),
        (&["--broadcast", "--sink"], "cannot be used with"),
        (&["--refuse", "503", "--close", "1000"], "cannot be used with"),
        (&["--max-connections", "0"], "a number of connections"),
    ];
    for (args, said) in cases {
        run([&["serve"], args].concat()).output().check(ends(2).saying(&[said]));
    }
}
