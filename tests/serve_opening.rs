//! Whom `serve` lets in, and what it tells the others: --refuse, -H, --subprotocol, --max-connections, and the
//! time that a client has.

mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::{Client, Running, TEXT, UPGRADE, ends, run, says, serve};

#[track_caller]
fn end(server: Running, url: &str) {
    server.signal(Signal::INT);
    server.output().check(ends(0).printing(format!("{url}\n")));
}

#[test]
fn every_upgrade_is_refused_with_the_status_that_was_asked_for() {
    let cases: [(&[&str], &str, &[&str]); 7] = [
        (&["--refuse", "200"], "200 OK", &["a WebSocket server for tests"]),
        (&["--refuse", "204"], "204 No Content", &[]),
        (&["--refuse", "304"], "304 Not Modified", &[]),
        (&["--refuse", "401"], "401 Unauthorized", &["Www-Authenticate: Basic"]),
        (&["--refuse", "429", "-H", "Retry-After: 7"], "429", &["Retry-After: 7"]),
        (&["--refuse", "502"], "502 Bad Gateway", &["refuses everybody"]),
        (&["--refuse", "599"], "599", &[]),
    ];
    for (args, status, said) in cases {
        let (server, url) = serve(args);
        let output = run(["send", &url, "x"]).case(status).output();
        output.check(ends(22).saying(&[&[status], said].concat()));
        let code = &status[..3];
        let output = run(["send", "-s", "-w", "%{http_code}", &url, "x"]).output();
        output.check(ends(22).printing(code));
        end(server, &url);
    }
}

#[test]
fn a_redirect_leads_to_its_location() {
    let (there, there_url) = serve(&[]);
    let location = format!("Location: {there_url}/elsewhere");
    let (here, url) = serve(&["--refuse", "307", "-H", &location]);
    run(["send", "-L", "-n", "1", &url, "hi"]).output().check(ends(0).printing("hi\n"));
    end(here, &url);
    end(there, &there_url);
    let said = ["--refuse 307 without a Location leads nowhere", "hint:"];
    run(["serve", "--refuse", "307"]).output().check(ends(2).saying(&said));
}

#[test]
fn a_refusal_may_take_its_time() {
    let (server, url) = serve(&["--refuse", "503", "--delay", "200ms"]);
    let start = Instant::now();
    run(["send", &url, "x"]).output().check(ends(22).saying(&["503"]));
    assert!(start.elapsed() >= Duration::from_millis(200));
    end(server, &url);
}

#[test]
fn headers_are_added_to_the_answer_but_not_those_that_would_break_it() {
    let (server, url) = serve(&["-H", "Set-Cookie: a=1", "-H", "X-Test: yes"]);
    let head = Client::that_says(&url, UPGRADE).head().to_lowercase();
    assert!(head.contains("set-cookie: a=1\r\n") && head.contains("x-test: yes\r\n"), "{head}");
    end(server, &url);
    for header in ["Connection: close", "Sec-WebSocket-Accept: x", "Server:", "no colon"] {
        run(["serve", "-H", header]).output().check(ends(2).saying(&["hint:"]));
    }
}

#[test]
fn the_preferred_subprotocol_that_is_offered_is_chosen() {
    let (server, url) = serve(&["--subprotocol", "v2", "--subprotocol", "v1"]);
    let cases: [(&[&str], i32, &str); 4] =
        [(&["v1", "v2"], 0, "v2"), (&["v1"], 0, "v1"), (&["v0"], 0, "null"), (&[], 0, "null")];
    for (offered, code, chosen) in cases {
        let flags = offered.iter().flat_map(|name| ["--subprotocol", name]);
        let output = run(["listen", "-n", "0", "--format", "jsonl", &url]).args(flags).output();
        output.check(ends(code).with_stdout_checked_apart());
        let chosen = if chosen == "null" { chosen.to_owned() } else { format!("\"{chosen}\"") };
        let expected = format!("\"subprotocol\":{chosen}");
        assert!(output.stdout_text().contains(&expected), "{}", output.report());
    }
    end(server, &url);
}

#[test]
fn clients_beyond_the_number_are_refused_until_there_is_a_place() {
    let (server, url) = serve(&["--max-connections", "2"]);
    let (mut first, second) = (Client::open(&url), Client::open(&url));
    let said = ["503 Service Unavailable", "Retry-After: 1", "it takes 2 at a time"];
    run(["send", &url, "x"]).output().check(ends(22).saying(&said));
    drop(second);
    let args = ["send", "-s", "--retry", "9", "--retry-delay", "100ms", "-n", "1", &url, "x"];
    run(args).output().check(ends(0).printing("x\n"));
    first.send(says("still here"));
    first.expect(TEXT, b"still here");
    drop(first);
    end(server, &url);
}

#[test]
fn who_does_not_open_a_session_in_time_is_dropped_and_others_are_not() {
    let (plain, url) = serve(&["-v"]);
    let (secure, secure_url) = serve(&["-v", "--tls"]);
    let mut open = Client::open(&url);
    let start = Instant::now();
    let mut late = [
        Client::connect(&url),
        Client::that_says(&url, &UPGRADE[..40]),
        Client::connect(&secure_url),
        Client::that_says(&secure_url, b"\x16\x03\x01\x02\x00\x01\x00"),
    ];
    for client in &mut late {
        client.rest();
    }
    // What is dropped at once was not given its time.
    assert!(start.elapsed() >= Duration::from_secs(9));
    open.send(says("hi"));
    open.expect(TEXT, b"hi");
    for server in [plain, secure] {
        server.wait_for_stderr("it did not say in time what it wants\n");
        server.signal(Signal::INT);
        let output = server.output();
        output.check(ends(0).with_stdout_checked_apart().with_stderr_checked_apart());
    }
}

#[test]
fn the_head_of_a_request_may_have_so_much_and_no_more() {
    let (server, url) = serve(&[]);
    let with =
        |size| UPGRADE.replace("\r\n\r\n", &format!("\r\nX-Long: {}\r\n\r\n", "x".repeat(size)));
    for (size, status) in [(100_000, "101 "), (140_000, "431 ")] {
        let mut client = Client::connect(&url);
        client.send_at_most(with(size).as_bytes(), Duration::from_secs(10));
        let head = client.head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{size}: {head}");
    }
    end(server, &url);
}

#[test]
fn every_interface_is_listened_on_if_that_is_asked_for() {
    for (address, shown) in [("0.0.0.0:0", "ws://127.0.0.1:"), ("[::]:0", "ws://[::1]:")] {
        let (server, url) = serve(&[address]);
        assert!(url.starts_with(shown), "{url}");
        run(["send", "-n", "1", &url, "hi"]).output().check(ends(0).printing("hi\n"));
        end(server, &url);
    }
}
