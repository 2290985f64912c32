//! The opening: URLs, connecting, the request that the peer sees, and every
//! answer to it, right or wrong.

mod support;

use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use support::{Peer, Seen, Wire, behind_socket, close, ends, run, text};

/// A server that answers the request with these bytes and closes.
fn answering(answer: impl AsRef<[u8]> + Send + 'static) -> Peer {
    Peer::start(move |wire| {
        wire.request();
        wire.try_send(answer);
        wire.end();
    })
}

/// A server that answers with its 101 changed by this, and then works.
fn changing(change: impl FnOnce(String) -> String + Send + 'static) -> Peer {
    Peer::start(move |wire| {
        wire.request();
        let answer = change(wire.switching_protocols());
        if wire.try_send(answer.as_bytes()) && wire.try_send(text("one")) {
            wire.try_send(close(1000, ""));
        }
        wire.end_whatever_comes();
    })
}

#[test]
fn a_server_that_never_answers_is_a_time_limit() {
    let nothing: fn(&mut Wire) = |_| {};
    let half: fn(&mut Wire) = |wire| wire.send("HTTP/1.1 101 Switching Protocols\r\nUpgra");
    for (case, start) in [("nothing", nothing), ("half an answer", half)] {
        for command in ["listen", "send", "connect"] {
            let peer = Peer::start(move |wire| {
                wire.request();
                start(wire);
                wire.until_gone();
            });
            let url = peer.url();
            let output = run([command, "--connect-timeout", "300ms", &url]).case(case).output();
            output.check(ends(28).saying(&[]));
            peer.seen();
        }
    }
}

#[test]
fn a_server_that_does_not_accept_the_connection_is_a_time_limit() {
    // The kernel completes the TCP handshake; nobody ever reads the request.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    run(["listen", "--connect-timeout", "300ms", &url]).output().check(ends(28).saying(&[]));
}

/// A URL at which nobody listens.
fn refused() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}/", listener.local_addr().unwrap())
}

#[test]
fn a_refused_connection_ends_with_7() {
    for command in ["listen", "send", "connect"] {
        let url = refused();
        let host = url.trim_start_matches("ws://").trim_end_matches('/');
        run([command, &url]).stdin("hello\n").output().check(ends(7).saying(&[host]));
    }
}

#[test]
fn errors_are_muted_by_s_and_brought_back_by_capital_s() {
    let url = refused();
    run(["listen", "-s", &url]).output().check(ends(7));
    run(["listen", "-sS", &url]).output().check(ends(7).saying(&[]));
}

#[test]
fn a_name_that_does_not_resolve_ends_with_6() {
    for url in
        ["ws://nosuchhost.invalid/", "ws://nosuchhost.invalid:8080/x", "nosuchhost.invalid:1"]
    {
        run(["listen", url]).output().check(ends(6).saying(&["nosuchhost.invalid"]));
    }
}

#[test]
fn an_answer_that_breaks_the_opening_handshake_ends_with_8() {
    type Change = fn(String) -> String;
    let cases: &[(&str, Change)] = &[
        ("a wrong Accept", |answer| {
            let (head, _) = answer.split_once("Accept: ").unwrap();
            format!("{head}Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n")
        }),
        ("an Accept in lower case", |answer| answer.to_lowercase()),
        ("no Accept", |answer| {
            let (head, _) = answer.split_once("Sec-WebSocket-Accept").unwrap();
            format!("{head}\r\n")
        }),
        ("no Upgrade", |answer| answer.replace("Upgrade: websocket\r\n", "")),
        ("another Upgrade", |answer| answer.replace("websocket\r\n", "h2c\r\n")),
        ("no Connection", |answer| answer.replace("Connection: Upgrade\r\n", "")),
        ("a Connection that keeps alive", |answer| {
            answer.replace("Connection: Upgrade", "Connection: keep-alive")
        }),
        ("a Connection that only looks like it", |answer| {
            answer.replace("Connection: Upgrade", "Connection: Upgrades, not-Upgrade")
        }),
        ("a subprotocol that was not offered", |answer| {
            answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n")
        }),
        ("an extension that was not offered", |answer| {
            answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-made-up\r\n\r\n")
        }),
    ];
    for (case, change) in cases {
        for command in ["listen", "send", "connect"] {
            let peer = changing(change);
            let output = run([command, &peer.url()]).case(case).stdin("hello\n").output();
            output.check(ends(8).saying(&[]));
            peer.seen();
        }
    }
}

#[test]
fn a_subprotocol_other_than_those_offered_ends_with_8() {
    for chosen in ["chat", "MQTT", "mqtt, amqp"] {
        let peer = changing(move |answer| {
            let header = format!("\r\nSec-WebSocket-Protocol: {chosen}\r\n\r\n");
            answer.replace("\r\n\r\n", &header)
        });
        let args = ["listen", "--subprotocol", "mqtt", "--subprotocol", "amqp", &peer.url()];
        run(args).case(chosen).output().check(ends(8).saying(&[]));
        peer.seen();
    }
}

#[test]
fn an_answer_that_is_not_http_ends_with_8() {
    const CASES: &[(&str, &[u8])] = &[
        ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("TLS", b"\x15\x03\x01\x00\x02\x02\x28"),
        ("nothing", b""),
        ("a cut status line", b"HTTP/1.1 101 Switching Pro"),
        ("a cut head", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"),
        ("a status that is no number", b"HTTP/1.1 abc Whatever\r\n\r\n"),
    ];
    for (case, answer) in CASES {
        let peer = answering(answer);
        run(["listen", &peer.url()]).case(case).output().check(ends(8).saying(&[]));
        peer.seen();
    }
}

#[test]
fn an_answer_whose_head_never_ends_is_given_up() {
    let peer = Peer::start(|wire| {
        wire.request();
        wire.send("HTTP/1.1 101 Switching Protocols\r\n");
        let header = format!("X-More: {}\r\n", "x".repeat(1000));
        while wire.try_send(&header) {}
    });
    run(["listen", &peer.url()]).output().check(ends(8).saying(&[]));
    peer.seen();
}

#[test]
fn an_early_hint_is_no_answer_yet() {
    let peer = Peer::start(|wire| {
        wire.request();
        wire.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        let answer = wire.switching_protocols();
        wire.send([answer.as_bytes(), &text("one"), &close(1000, "")].concat());
        wire.end();
    });
    run(["listen", &peer.url()]).output().check(ends(0).printing("one\n"));
    peer.seen();
}

#[test]
fn a_reset_before_any_answer_ends_with_8() {
    let peer = Peer::start(|wire| {
        wire.request();
        wire.reset();
    });
    run(["listen", &peer.url()]).output().check(ends(8).saying(&[]));
    peer.seen();
}

#[test]
fn an_answer_in_other_words_is_as_good() {
    type Change = fn(String) -> String;
    let cases: &[(&str, Change)] = &[
        ("other letter cases", |answer| {
            answer
                .replace("Upgrade: websocket", "UPGRADE: WebSocket")
                .replace("Connection: Upgrade", "connection: uPGRADE")
                .replace("Sec-WebSocket-Accept", "sec-websocket-accept")
        }),
        ("a list of tokens", |answer| {
            answer.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade")
        }),
        ("a list without spaces", |answer| {
            answer.replace("Connection: Upgrade", "Connection: upgrade,keep-alive")
        }),
        ("a list over two headers", |answer| {
            let two = "Connection: keep-alive\r\nConnection: Upgrade";
            answer.replace("Connection: Upgrade", two)
        }),
        ("another reason phrase", |answer| answer.replace("Switching Protocols", "Go on then")),
        ("more headers", |answer| {
            answer.replace("\r\n\r\n", "\r\nDate: today\r\nSet-Cookie: a=b\r\n\r\n")
        }),
    ];
    for (case, change) in cases {
        let peer = changing(change);
        run(["listen", &peer.url()]).case(case).output().check(ends(0).printing("one\n"));
        peer.seen();
    }
}

#[test]
fn a_refusal_ends_with_22_and_shows_what_the_server_said() {
    for (status, reason) in [
        (200, "OK"),
        (204, "No Content"),
        (302, "Found"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (426, "Upgrade Required"),
        (500, "Internal Server Error"),
        (503, "Service Unavailable"),
    ] {
        let body = if status == 204 { "" } else { "the quota is used up" };
        let peer = answering(format!(
            "HTTP/1.1 {status} {reason}\r\nX-Quota: none-left\r\nLocation: /elsewhere\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let output = run(["listen", &peer.url()]).case(reason).output();
        let number = status.to_string();
        output.check(ends(22).saying(&[&number, "none-left", body]));
        peer.seen();
    }
}

#[test]
fn a_refusal_ends_every_command() {
    for command in ["listen", "send", "connect"] {
        let peer = answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        run([command, &peer.url()]).stdin("hello\n").output().check(ends(22).saying(&["403"]));
        peer.seen();
    }
}

#[test]
fn the_body_of_a_refusal_may_come_in_any_form() {
    let cases = [
        ("up to the end", "HTTP/1.1 403 Forbidden\r\nX-A: b\r\n\r\nused up"),
        (
            "chunked",
            "HTTP/1.1 403 Forbidden\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n\
             4\r\nused\r\n3\r\n up\r\n0\r\n\r\n",
        ),
        ("cut short", "HTTP/1.1 403 Forbidden\r\nX-A: b\r\nContent-Length: 999\r\n\r\nused up"),
    ];
    for (case, answer) in cases {
        let peer = answering(answer);
        let output = run(["listen", &peer.url()]).case(case).output();
        output.check(ends(22).saying(&["403", "used up"]));
        peer.seen();
    }
}

#[test]
fn a_refusal_whose_body_never_ends_is_no_wait_without_end() {
    let peer = Peer::start(|wire| {
        wire.request();
        wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 999\r\n\r\nused up");
        wire.until_gone();
    });
    let args = ["listen", "--connect-timeout", "500ms", &peer.url()];
    run(args).output().check(ends(22).saying(&["403", "used up"]));
    peer.seen();
}

#[test]
fn only_the_start_of_a_large_body_is_shown() {
    let body = "x".repeat(4 << 20);
    let length = body.len();
    let peer = answering(format!(
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: {length}\r\n\r\nstart{body}"
    ));
    let output = run(["listen", &peer.url()]).output();
    output.check(ends(22).saying(&["500", "startxxx"]));
    assert!(output.stderr.len() < 64 << 10, "{} bytes on stderr", output.stderr.len());
    peer.seen();
}

#[test]
fn what_a_refusal_shows_is_escaped() {
    let body = "first \x1b]0;title\x07\nsecond\r\x1b[2Jthird \u{9b}31m \u{202e}fourth";
    let peer = answering(format!(
        "HTTP/1.1 403 Forbidden\r\nX-Odd: caf\u{e9}\u{9b}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    let output = run(["listen", &peer.url()]).output();
    output.check(ends(22).saying(&["403", "first", "second", "third", "fourth", "title"]));
    let said = output.stderr_text();
    let raw = ['\x07', '\r', '\u{9b}', '\u{202e}'];
    assert!(!said.contains(raw), "{}", output.report());
    let ours = said.lines().all(|line| !line.starts_with("second"));
    assert!(ours, "a line of the peer stands as if it were ours\n{}", output.report());
    peer.seen();
}

#[test]
fn a_malformed_url_ends_with_3() {
    for url in [
        "ws://",
        "ws:///path",
        "ws:/h/",
        "ws://host:99999/",
        "ws://host:port/",
        "ws://h/#frag",
        "ws://[::1/",
        "ws://[zz]/",
        "ws://a b/",
        "host:99999",
    ] {
        for command in ["listen", "send", "connect"] {
            run([command, url]).stdin("hello\n").output().check(ends(3).saying(&[]));
        }
    }
}

#[test]
fn a_lone_port_is_no_url_and_a_hint_says_what_is() {
    run(["listen", "9000"]).output().check(ends(3).saying(&["localhost:9000"]));
}

#[test]
fn a_command_that_is_misspelt_is_suggested() {
    run(["conect", "ws://x"]).output().check(ends(2).saying(&["'connect'"]));
}

#[test]
fn a_url_without_a_command_names_one() {
    for url in ["ws://x", "wss://x/y", "echo:"] {
        run([url]).output().check(ends(2).saying(&["wspipe connect"]));
    }
}

#[test]
fn a_command_line_that_is_wrong_ends_with_2() {
    let cases: &[&[&str]] = &[
        &["listen"],
        &["send"],
        &["connect"],
        &["listen", "echo:", "echo:"],
        &["listen", "--no-such-flag", "echo:"],
        &["listen", "-n", "many", "echo:"],
        &["listen", "-n", "-1", "echo:"],
        &["listen", "--format", "yaml", "echo:"],
        &["listen", "--text", "--binary", "echo:"],
        &["send", "--lines", "--null", "echo:"],
    ];
    for args in cases {
        run(*args).output().check(ends(2).saying(&[]));
    }
}

#[test]
fn what_may_be_secret_is_in_no_error() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("headers").display().to_string();
    std::fs::write(&file, "X: 1\nBearer secret: x\n").unwrap();
    let from_file = format!("@{file}");
    let cases: [(&[&str], i32, &str); 9] = [
        (&["ws://me:secret@h/"], 2, "wspipe connect ws://(redacted)@h/"),
        (&["listen", "ws://me:se#cret@h/"], 3, "malformed URL \"ws://(redacted)@h/\""),
        (&["listen", "ws://me:se/cret@h:99999/"], 3, "(redacted)@h:99999"),
        (&["listen", "-x", "http://me:se#cret@h:8", "ws://h/"], 3, "(redacted)@h:8"),
        (
            &["listen", "-H", "Authorization secret", "ws://h/"],
            2,
            "-H, number 1: there is no colon",
        ),
        (&["listen", "-H", "Bearer secret: x", "ws://h/"], 2, "is not a header's name"),
        (&["listen", "-H", &from_file, "ws://h/"], 2, "headers, line 2: "),
        (&["listen", "--proxy-header", "secret", "ws://h/"], 2, "--proxy-header, number 1: "),
        (&["listen", "-E", "cert.pem:secret", "wss://h/"], 58, "cert.pem is given with a password"),
    ];
    for (args, code, says) in cases {
        let output = run(args).output();
        output.check(ends(code).saying(&[says]));
        assert!(!output.says("cret"), "{}", output.report());
    }
}

#[test]
fn headers_come_from_stdin_too() {
    let peer = Peer::start(|wire| {
        wire.accept_with(&close(1000, ""));
        wire.end();
    });
    run(["listen", "-H", "@-", &peer.url()]).stdin("X-A: 1\n\nX-B: 2\n").output().check(ends(0));
    let seen = peer.seen();
    assert_eq!((seen.header("X-A"), seen.header("X-B")), (Some("1".into()), Some("2".into())));
}

#[test]
fn a_socket_that_a_url_names_is_shown_without_its_control_characters() {
    let url = "ws+unix:///nowhere%1b]0;title%07%0awspipe:/";
    let says = [r"cannot connect to /nowhere\x1b]0;title\x07\nwspipe: "];
    run(["listen", url]).output().check(ends(7).saying(&says));
    run(["listen", "-v", url]).output().check(ends(7).saying(&says));
}

#[test]
fn a_unix_socket_is_named_by_url_or_flag() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("a socket").display().to_string();
    let url = format!("ws+unix://{}:/path?q", path.replace(' ', "%20"));
    let cases: [(&[&str], &str); 2] = [
        (&[&url], "localhost"),
        (&["--unix-socket", &path, "ws://example.org:81/path?q"], "example.org:81"),
    ];
    for (args, host) in cases {
        let peer = Peer::start(|wire| {
            wire.accept_with(&[text("hello"), close(1000, "")].concat());
            wire.end();
        });
        let passing = behind_socket(path.as_ref(), peer.address);
        let args = [&["listen", "--format", "jsonl"], args].concat();
        let output = run(args).output();
        output.check(ends(0).with_stdout_checked_apart());
        let open: serde_json::Value =
            serde_json::from_slice(output.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
        assert_eq!(open["peer_address"], path);
        passing.join().unwrap();
        let seen = peer.seen();
        assert!(seen.request.starts_with("GET /path?q HTTP/1.1\r\n"), "{}", seen.request);
        assert_eq!(seen.header("Host").as_deref(), Some(host));
        std::fs::remove_file(&path).unwrap();
    }
    let output = run(["listen", &url]).output();
    output.check(ends(7).saying(&["cannot connect to", "a socket: No such file"]));
}

/// What a working server sees of a `listen` with these arguments.
fn seen_by_the_peer(url: impl FnOnce(&Peer) -> String, args: &[&str]) -> Seen {
    let peer = Peer::start(|wire| {
        wire.accept_with(&close(1000, ""));
        wire.end();
    });
    let url = url(&peer);
    run(["listen", &url].iter().chain(args)).output().check(ends(0));
    peer.seen()
}

#[test]
fn the_request_is_that_of_the_rfc() {
    let peer = Peer::that_listens();
    let address = peer.address;
    run(["send", &format!("ws://{address}/a/b?c=d&e=%20f")]).output().check(ends(0));
    let seen = peer.seen();
    let first = seen.request.lines().next().unwrap();
    assert_eq!(first, "GET /a/b?c=d&e=%20f HTTP/1.1");
    let header = |name| seen.header(name).unwrap_or_else(|| panic!("no {name}: {}", seen.request));
    assert_eq!(header("Host"), address.to_string());
    assert_eq!(header("Upgrade").to_lowercase(), "websocket");
    assert_eq!(header("Connection").to_lowercase(), "upgrade");
    assert_eq!(header("Sec-WebSocket-Version"), "13");
    assert_eq!(BASE64.decode(header("Sec-WebSocket-Key")).unwrap().len(), 16);
    for absent in ["Origin", "Sec-WebSocket-Protocol", "Authorization", "Content-Length"] {
        assert_eq!(seen.header(absent), None, "{absent}");
    }
}

#[test]
fn each_connection_has_a_key_of_its_own() {
    let mut keys: Vec<_> = (0..5)
        .map(|_| seen_by_the_peer(Peer::url, &[]).header("Sec-WebSocket-Key").unwrap())
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5, "{keys:?}");
}

#[test]
fn other_forms_of_a_url_mean_the_same() {
    let forms: [(&str, &str); 7] = [
        ("ws://{}", "/"),
        ("WS://{}/", "/"),
        ("http://{}/x", "/x"),
        ("{}", "/"),
        ("{}/x/y?z", "/x/y?z"),
        ("ws://{}?q", "/?q"),
        ("{}/?next=http://x", "/?next=http://x"),
    ];
    for (form, path) in forms {
        let seen = seen_by_the_peer(|peer| form.replace("{}", &peer.address.to_string()), &[]);
        let wanted = format!("GET {path} HTTP/1.1");
        assert_eq!(seen.request.lines().next(), Some(&wanted[..]), "form {form}");
    }
}

#[test]
fn a_name_with_a_port_is_a_host_and_every_address_of_it_is_tried() {
    // `localhost` may name ::1 first, where this peer does not listen.
    for form in ["localhost:{}", "ws://localhost:{}/", "localhost:{}/"] {
        let url = |peer: &Peer| form.replace("{}", &peer.address.port().to_string());
        let seen = seen_by_the_peer(url, &[]);
        let host = seen.header("Host").unwrap();
        assert!(host.starts_with("localhost:"), "form {form}: {host}");
    }
}

#[test]
fn the_peer_sees_what_the_flags_ask_for() {
    let cases: &[(&[&str], &str, &str)] = &[
        (&["-H", "X-Test: one two"], "X-Test", "one two"),
        (&["-H", "X-Test:one"], "X-Test", "one"),
        (&["-H", "X-A: 1", "-H", "X-B: 2"], "X-B", "2"),
        (&["--header", "Host: example.org"], "Host", "example.org"),
        (&["--origin", "https://example.org"], "Origin", "https://example.org"),
        (&["--subprotocol", "mqtt"], "Sec-WebSocket-Protocol", "mqtt"),
        (&["--subprotocol", "a", "--subprotocol", "b"], "Sec-WebSocket-Protocol", "a, b"),
        (&["-A", "tester/1.0"], "User-Agent", "tester/1.0"),
        (&["--user-agent", "tester/2.0"], "User-Agent", "tester/2.0"),
        (&["-u", "user:pass:word"], "Authorization", "Basic dXNlcjpwYXNzOndvcmQ="),
        (&["--user", "us\u{e9}r:"], "Authorization", "Basic dXPDqXI6"),
        (&["--oauth2-bearer", "a.b-c"], "Authorization", "Bearer a.b-c"),
    ];
    for (flags, name, value) in cases {
        let seen = seen_by_the_peer(Peer::url, flags);
        assert_eq!(seen.header(name).as_deref(), Some(*value), "{flags:?}");
    }
}

#[test]
fn i_shows_the_answer_and_nothing_else() {
    let peer = changing(|answer| answer.replace("\r\n\r\n", "\r\nX-A: 1\r\n\r\n"));
    let output = run(["listen", "-i", &peer.url()]).output();
    let says = ["< HTTP/1.1 101 Switching Protocols", "< X-A: 1"];
    output.check(ends(0).printing("one\n").saying(&says));
    assert!(!output.stderr_text().contains('>'), "{}", output.report());
    peer.seen();

    let body = "x".repeat(3000);
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 3000\r\n\r\n";
    let peer = answering(format!("{head}{body}"));
    let output = run(["listen", "-i", &peer.url()]).output();
    output.check(ends(22).saying(&["< HTTP/1.1 403 Forbidden", "< Content-Length: 3000", &body]));
    peer.seen();
}

#[test]
fn headers_in_a_file_are_those_of_its_lines_and_secrets_are_not_shown() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("headers");
    let argument = format!("@{}", path.display());
    std::fs::write(&path, "X-A: 1\r\n\nAuthorization: Bearer hidden\nUser-Agent:\n").unwrap();
    let seen = seen_by_the_peer(Peer::url, &["-H", &argument]);
    assert_eq!(seen.header("X-A").as_deref(), Some("1"));
    assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer hidden"));
    assert_eq!(seen.header("User-Agent"), None);

    let peer = changing(|answer| answer);
    let output = run(["listen", "-v", "-H", &argument, &peer.url()]).output();
    output.check(ends(0).printing("one\n").saying(&["> Authorization: (redacted)"]));
    assert!(!output.stderr_text().contains("hidden"), "{}", output.report());
    peer.seen();

    std::fs::write(&path, "X-A: 1\nno header\n").unwrap();
    let output = run(["listen", "-H", &argument, "ws://127.0.0.1:1/"]).output();
    output.check(ends(2).saying(&["headers, line 2: there is no colon"]));
    std::fs::remove_file(&path).unwrap();
    let output = run(["listen", "-H", &argument, "ws://127.0.0.1:1/"]).output();
    output.check(ends(26).saying(&["headers: No such file"]));
    let output = run(["listen", "--oauth2-bearer", "hid\nden", "ws://127.0.0.1:1/"]).output();
    output.check(ends(2).saying(&["--oauth2-bearer: the token has a character"]));
    assert!(!output.stderr_text().contains("hid"), "{}", output.report());
}

#[test]
fn a_header_cannot_smuggle_in_another() {
    for header in ["X-A: b\r\nX-C: d", "X-A: b\nX-C: d", "X A: b", ": b", "X-A"] {
        let output = run(["listen", "-H", header, "ws://127.0.0.1:1/"]).output();
        output.check(ends(2).saying(&[]));
    }
}

#[test]
fn the_subprotocol_that_the_server_chose_is_accepted() {
    for (chosen, exit) in [("mqtt", 0), ("amqp", 0)] {
        let peer = changing(move |answer| {
            let header = format!("\r\nSec-WebSocket-Protocol: {chosen}\r\n\r\n");
            answer.replace("\r\n\r\n", &header)
        });
        let args = ["listen", "--subprotocol", "mqtt", "--subprotocol", "amqp", &peer.url()];
        run(args).case(chosen).output().check(ends(exit).printing("one\n"));
        peer.seen();
    }
}

#[test]
fn a_server_may_choose_no_subprotocol() {
    let peer = changing(|answer| answer);
    let args = ["listen", "--subprotocol", "mqtt", &peer.url()];
    run(args).output().check(ends(0).printing("one\n"));
    peer.seen();
}

#[test]
fn frames_in_the_packet_of_the_101_are_not_lost() {
    let frames: Vec<u8> = (0..1000).flat_map(|number| text(&number.to_string())).collect();
    let printed: String = (0..1000).map(|number| format!("{number}\n")).collect();
    for command in ["listen", "connect"] {
        let frames = frames.clone();
        let peer = Peer::start(move |wire| {
            wire.accept_with(&[frames, close(1000, "")].concat());
            wire.end();
        });
        run([command, &peer.url()]).output().check(ends(0).printing(&printed));
        peer.seen();
    }
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    let peer = Peer::start(|wire| {
        wire.request();
        let answer = wire.switching_protocols();
        let all = [answer.as_bytes(), &text("one"), &text("two"), &close(1000, "")].concat();
        for byte in all {
            wire.send([byte]);
        }
        wire.end();
    });
    run(["listen", &peer.url()]).output().check(ends(0).printing("one\ntwo\n"));
    peer.seen();
}

#[test]
fn nothing_is_sent_before_the_answer() {
    let peer = Peer::start(|wire| {
        wire.request();
        wire.quiet_for(std::time::Duration::from_millis(200));
        let answer = wire.switching_protocols();
        wire.send(answer);
        wire.expect_text("hello");
        wire.finish();
    });
    run(["send", &peer.url(), "hello"]).output().check(ends(0));
    peer.seen();
}

/// The keepalive timer of the program's end of the connection, in seconds, as
/// the kernel tells it: column `tr tm->when` of `/proc/net/tcp`, in 1/100 s. Nothing while another timer
/// runs, such as that for an acknowledgement.
fn keepalive(stream: &std::net::TcpStream) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |address: std::net::SocketAddr| format!(":{:04X}", address.port());
    let (program, peer) = (port(stream.peer_addr().unwrap()), port(stream.local_addr().unwrap()));
    let of_program = |line: &&str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        columns.len() > 5 && columns[1].ends_with(&program) && columns[2].ends_with(&peer)
    };
    let timer = table.lines().find(of_program)?.split_whitespace().nth(5)?;
    let left = timer.strip_prefix("02:")?;
    Some(u64::from_str_radix(left, 16).unwrap() / 100)
}

#[test]
fn tcp_keepalive_is_on() {
    let cases: [(&[&str], _); 2] = [(&[], 50..=60), (&["--keepalive-time", "300"], 290..=300)];
    for (flags, seconds) in cases {
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.send(text("one"));
            wire.send(support::ping(b""));
            wire.expect_pong(b"");
            let stream = wire.stream();
            let until = std::time::Instant::now() + support::DEADLINE / 2;
            let timer = loop {
                match keepalive(&stream) {
                    None if std::time::Instant::now() < until => std::thread::yield_now(),
                    timer => break timer,
                }
            };
            assert!(timer.is_some_and(|left| seconds.contains(&left)), "{timer:?}");
            wire.send(close(1000, ""));
            wire.end();
        });
        let url = peer.url();
        let output = run([&["listen", url.as_str()], flags].concat()).output();
        output.check(ends(0).printing("one\n"));
        peer.seen();
    }
}
