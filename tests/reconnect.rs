//! Opening a session again: after what, when no more, what is sent again, and what is said of the gap.

mod support;

use std::fmt::Write as _;

use rustix::process::Signal;
use support::{
    Dialogue, Files, PING, Peer, Run, Running, Script, Setting, Wire, buffered, close,
    close_without_code, dies_by, ends, frame, header, pong, run, serve, text,
};

/// `wspipe ARGS… --reconnect` with short pauses.
fn keeping_on(args: &[&str]) -> Run {
    run([args, &["--reconnect", "--reconnect-delay", "10ms"]].concat())
}

/// A session that ends with these bytes.
fn ending(bytes: impl AsRef<[u8]> + Send + 'static) -> Script {
    Box::new(move |wire| {
        wire.accept();
        wire.try_send(bytes);
        wire.end_whatever_comes();
    })
}

/// A session that is lost as soon as it is open.
fn dropping() -> Script {
    Box::new(|wire| {
        wire.accept();
        wire.reset();
    })
}

/// An upgrade that is refused.
fn refusing(head: &'static str) -> Script {
    Box::new(move |wire| {
        wire.request();
        wire.try_send(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n"));
        wire.end_whatever_comes();
    })
}

fn hello() -> Script {
    Box::new(Wire::hello)
}

/// Takes what comes until we close.
fn taking() -> Script {
    Box::new(|wire| {
        wire.accept();
        wire.finish();
    })
}

#[test]
fn what_may_pass_is_not_the_end() {
    let cases: [(&str, Script, &str); 8] = [
        ("1001", ending(close(1001, "restart")), "closed by peer: 1001 going away \"restart\""),
        ("1003", ending(close(1003, "")), "closed by peer: 1003"),
        ("1009", ending(close(1009, "")), "closed by peer: 1009"),
        ("1011", ending(close(1011, "")), "closed by peer: 1011"),
        ("4000", ending(close(4000, "")), "closed by peer: 4000"),
        ("end", ending(""), "connection lost: 1006 abnormal closure"),
        ("reset", dropping(), "connection lost: 1006 abnormal closure"),
        (
            "silence",
            Box::new(|wire| {
                wire.accept();
                wire.bytes_until_gone();
            }),
            "the peer stopped answering",
        ),
    ];
    for (case, script, line) in cases {
        let peers = Peer::start_each(vec![script, hello()]);
        let pings: &[&str] = if case == "silence" { &["--ping-interval", "50ms"] } else { &[] };
        let output = keeping_on(&[&["listen", &peers.url()], pings].concat()).case(case).output();
        let again = format!(": {}\n", peers.url());
        output.check(ends(0).printing("hello\n").saying(&[
            line,
            "; reconnecting in ",
            "wspipe: reconnected after ",
            &again,
        ]));
        assert_eq!(peers.seen().len(), 2, "{case}");
    }
}

#[test]
fn what_stays_is_the_end_unless_it_is_named() {
    let reserved = frame(0x83, b"");
    let cases: [(&str, Vec<u8>, i32); 8] = [
        ("our 1009", text("too long"), 109),
        ("1000", close(1000, ""), 0),
        ("1005", close_without_code(), 0),
        ("1002", close(1002, ""), 102),
        ("1007", close(1007, ""), 107),
        ("1008", close(1008, "no"), 108),
        ("a violation", reserved.clone(), 102),
        ("text", frame(0x81, b"\xff"), 107),
    ];
    for (case, bytes, code) in cases {
        let peers = Peer::start_each(vec![ending(bytes)]);
        let args = ["listen", &peers.url(), "--max-message-size", "4"];
        let output = keeping_on(&args).case(case).output();
        output.check(ends(code).with_stderr_checked_apart());
        assert!(!output.says("reconnect"), "{}", output.report());
        peers.seen();
    }
    for (named, bytes) in
        [("1000", close(1000, "")), ("1007-1008", close(1008, "no")), ("1002", reserved)]
    {
        let peers = Peer::start_each(vec![ending(bytes), ending(close(1009, ""))]);
        let args = ["listen", &peers.url(), "--reconnect-on", named, "--ok-close", "1009"];
        keeping_on(&args).case(named).output().check(ends(0).saying(&["reconnecting in "]));
        peers.seen();
    }
}

#[test]
fn a_close_that_is_asked_for_is_the_end() {
    for flag in ["--ok-close", "--expect-close"] {
        let peers = Peer::start_each(vec![ending(close(4000, ""))]);
        let output = keeping_on(&["listen", &peers.url(), flag, "4000-4001"]).output();
        output.check(ends(0));
        peers.seen();
    }
}

#[test]
fn a_refusal_with_4xx_is_the_end_and_another_may_pass() {
    let lost = || ending("");
    let peers =
        Peer::start_each(vec![lost(), refusing("503 Later"), refusing("302 Gone"), hello()]);
    let output = keeping_on(&["listen", &peers.url()]).output();
    output.check(ends(0).printing("hello\n").saying(&[
        "connection lost: 1006",
        "wspipe: refused by the server: 503 Later; next try in ",
        "302 Gone; next try in ",
    ]));
    peers.seen();

    let peers = Peer::start_each(vec![lost(), refusing("401 Unauthorized")]);
    let output = keeping_on(&["listen", &peers.url()]).output();
    let refused = "wspipe: refused by the server: 401 Unauthorized\n";
    output.check(ends(22).saying(&["connection lost: 1006", refused, "hint: say who you are"]));
    peers.seen();

    for refused in ["408 Slow", "429 Slowly", "404 Gone"] {
        let peers = Peer::start_each(vec![lost(), refusing(refused)]);
        let output = keeping_on(&["listen", &peers.url(), "--retry", "5"]).output();
        let hint = format!("\n  hint: --reconnect-on {} tries again after it\n", &refused[..3]);
        let said = ["connection lost: 1006", refused, &hint];
        output.check(ends(22).saying(&said));
        peers.seen();
    }

    let peers = Peer::start_each(vec![lost(), refusing("429 Slowly"), hello()]);
    let output = keeping_on(&["listen", &peers.url(), "--reconnect-on", "1008,429"]).output();
    output.check(ends(0).printing("hello\n").saying(&["429 Slowly; next try in "]));
    peers.seen();
}

#[test]
fn the_first_opening_is_for_retry() {
    let peers = Peer::start_each(vec![refusing("503 Later")]);
    let output = keeping_on(&["listen", &peers.url()]).output();
    output.check(ends(22).saying(&["wspipe: refused by the server: 503 Later\n"]));
    peers.seen();
    let peers = Peer::start_each(vec![refusing("503 Later"), ending(""), hello()]);
    let args = ["listen", &peers.url(), "--retry", "1", "--retry-delay", "10ms"];
    let said = ["503 Later; next try in 10ms, 0 left after it", "reconnecting"];
    keeping_on(&args).output().check(ends(0).printing("hello\n").saying(&said));
    peers.seen();
}

#[test]
fn tries_that_are_used_up_end_with_the_last_failure() {
    let peers = Peer::start_each((0..3).map(|_| ending(close(1011, "busy"))).collect());
    let output = keeping_on(&["listen", &peers.url(), "--reconnect-tries", "2"]).output();
    output.check(
        ends(111).saying(&["reconnecting in", "closed by peer: 1011 internal error \"busy\"\n"]),
    );
    assert_eq!(peers.seen().len(), 3);

    // Nobody listens any more.
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.end();
    });
    let output = keeping_on(&["listen", &peer.url(), "--reconnect-tries", "2"]).output();
    output.check(ends(7).saying(&[
        "next try in ",
        ", 0 left after it",
        "\nwspipe: cannot connect",
        ": Connection refused\n  hint: --reconnect-tries N tries more often, and 0 without limit\n",
    ]));
    peer.seen();

    let output = keeping_on(&["listen", "echo:", "--reconnect-tries", "1.5"]).output();
    output.check(ends(2).saying(&["--reconnect-tries", "a number of tries, such as 5"]));
}

#[test]
fn the_messages_of_d_are_sent_on_each_connection_before_all_others() {
    let files = Files::new();
    files.write("subscribe", "from a\nfile");
    let at_file = format!("@{}", files.path("subscribe").display());
    let greeted = |then: fn(&mut Wire)| -> Script {
        Box::new(move |wire| {
            wire.accept();
            wire.expect_text("one");
            wire.expect_text("from a\nfile");
            then(wire);
        })
    };
    let args = ["-d", "one", "-d", &at_file];
    let peers = Peer::start_each(vec![
        greeted(|wire| wire.end()),
        // Not even all of them arrive.
        Box::new(|wire| {
            wire.accept();
            wire.expect_text("one");
            wire.reset();
        }),
        greeted(|wire| {
            wire.try_send(close(1000, ""));
            wire.end_whatever_comes();
        }),
    ]);
    let url = peers.url();
    let output = keeping_on(&[&["listen", &url], &args[..]].concat()).output();
    output.check(ends(0).with_stderr_checked_apart());
    assert!(!output.says("may not have arrived"), "{}", output.report());
    peers.seen();

    let peers = Peer::start_each(vec![
        greeted(|wire| {
            wire.expect_text("typed");
            wire.send(text("got it"));
            wire.end();
        }),
        greeted(|wire| {
            wire.expect_text("later");
            wire.finish();
        }),
    ]);
    let url = peers.url();
    let mut running = keeping_on(&[&["connect", &url, "--linger", "none"], &args[..]].concat())
        .stdin_held()
        .start();
    running.write("typed\n");
    running.wait_for_stderr("reconnected after");
    running.write("later\n");
    running.close_stdin();
    running.output().check(ends(0).printing("got it\n").saying(&["reconnecting"]));
    peers.seen();
}

#[test]
fn what_can_be_read_once_cannot_be_sent_again() {
    let output = keeping_on(&["listen", "echo:", "-d", "@-"]).stdin("x").output();
    output.check(ends(2).saying(&["--reconnect: stdin can be read only once", "hint: "]));
}

/// A session in which this arrives, which is answered, and which is lost then.
fn answering(wanted: &'static [&'static str]) -> Script {
    Box::new(move |wire| {
        wire.accept();
        for wanted in wanted {
            wire.expect_text(wanted);
            wire.send(text(&format!("{wanted} taken")));
        }
        wire.end();
    })
}

#[test]
fn what_is_piped_meanwhile_is_sent_on_the_next_connection() {
    let peers = Peer::start_each(vec![
        answering(&["a"]),
        refusing("503 Later"),
        Box::new(|wire| {
            wire.accept();
            ["b", "c", "d"].into_iter().for_each(|wanted| wire.expect_text(wanted));
            wire.finish();
        }),
    ]);
    let mut running =
        keeping_on(&["connect", &peers.url(), "--reconnect-delay", "300ms", "--linger", "none"])
            .stdin_held()
            .start();
    running.write("a\n");
    running.wait_for_stderr("reconnecting");
    running.write("b\nc");
    running.wait_for_stderr("503 Later");
    running.write("\nd");
    running.close_stdin();
    running.output().check(ends(0).printing("a taken\n").saying(&["reconnecting"]));
    peers.seen();
}

#[test]
fn none_is_lost_that_had_not_left_and_none_is_sent_twice() {
    // Each connection takes some of ten thousand lines and is lost with the others on the way, but for
    // the last.
    const LINES: usize = 10_000;
    let compress: [&[&str]; 2] = [&[], &["--compress"]];
    for flags in compress {
        let some = |most: usize| -> Script {
            Box::new(move |wire| {
                wire.accept();
                for _ in 0..most {
                    wire.read_message();
                }
                wire.send(close(1012, ""));
                // What was on its way arrives all the same.
                while let Some(_frame) = wire.read() {}
            })
        };
        let peers = Peer::start_each(vec![some(10), some(3000), taking()]);
        let lines: String = (0..LINES).map(|number| format!("{number:01000}\n")).collect();
        let url = peers.url();
        let args = [&["connect", &url, "--linger", "none"], flags].concat();
        let output = keeping_on(&args).stdin(lines).output();
        output.check(ends(4).saying(&["closed by peer: 1012", "may not have arrived"]));
        let seen = peers.seen();
        let got: Vec<String> = seen.iter().flat_map(|seen| seen.texts()).collect();
        let expected: Vec<String> = (0..LINES).map(|number| format!("{number:01000}")).collect();
        assert!(got == expected, "{} of {LINES}, {flags:?}", got.len());
    }
}

#[test]
fn what_may_not_have_arrived_is_counted() {
    // Five messages are sent, and nothing says whether they arrived.
    let five = |wire: &mut Wire| {
        wire.accept();
        (0..5).for_each(|number| wire.expect_text(&number.to_string()));
    };
    let cases: [(&str, Script, &str, i32); 3] = [
        (
            "nothing came back",
            Box::new(move |wire| {
                five(wire);
                wire.end();
            }),
            "; 5 messages may not have arrived; reconnecting in ",
            4,
        ),
        (
            "a message came back",
            Box::new(move |wire| {
                five(wire);
                wire.send(text("yes"));
                wire.end();
            }),
            "(the peer ended it); reconnecting in ",
            0,
        ),
        (
            "a Ping was answered",
            Box::new(move |wire| {
                five(wire);
                let ping = loop {
                    let frame = wire.read().expect("a Ping");
                    if frame.opcode == PING {
                        break frame;
                    }
                };
                wire.send(pong(&ping.payload));
                wire.end();
            }),
            "(the peer ended it); reconnecting in ",
            0,
        ),
    ];
    for (case, script, said, code) in cases {
        let peers = Peer::start_each(vec![script, taking()]);
        let args = ["connect", &peers.url(), "--linger", "none", "--ping-interval", "100ms"];
        let patient = ["--ping-timeout", "30s"];
        let mut running =
            keeping_on(&[&args[..], &patient].concat()).case(case).stdin_held().start();
        running.write("0\n1\n2\n3\n4\n");
        running.wait_for_stderr("reconnected after");
        running.close_stdin();
        let printed = if case == "a message came back" { "yes\n" } else { "" };
        running.output().check(ends(code).printing(printed).saying(&[said]));
        peers.seen();
    }
}

#[test]
fn a_gap_is_marked_by_records() {
    let peers = Peer::start_each(vec![ending([text("a"), close(1012, "soon")].concat()), hello()]);
    let output = keeping_on(&["listen", &peers.url(), "--jsonl"]).output();
    output.check(ends(0).with_stdout_checked_apart().saying(&["1012", "reconnected"]));
    let stdout = output.stdout_text();
    let events: Vec<String> = stdout.lines().map(event).collect();
    let expected = ["open", "message", "close", "reconnect", "open", "message", "close"];
    assert_eq!(events, expected, "{stdout}");
    let gap: serde_json::Value = serde_json::from_str(stdout.lines().nth(3).unwrap()).unwrap();
    assert_eq!((&gap["uncertain"], &gap["cut"]), (&0.into(), &0.into()), "{gap}");
    let delay = gap["delay"].as_f64().unwrap();
    assert!((0.005..=0.015).contains(&delay), "{gap}");
    let closed: serde_json::Value = serde_json::from_str(stdout.lines().nth(2).unwrap()).unwrap();
    assert_eq!((&closed["code"], &closed["reason"]), (&1012.into(), &"soon".into()));
    peers.seen();
}

fn event(line: &str) -> String {
    let record: serde_json::Value = serde_json::from_str(line).unwrap();
    record["event"].as_str().unwrap().to_owned()
}

#[test]
fn end_conditions_and_expectations_run_on() {
    let peers = Peer::start_each(vec![
        ending([text("a"), text("b")].concat()),
        Box::new(|wire| {
            wire.accept();
            wire.try_send([text("c"), text("d")].concat());
            wire.finish_if_asked();
        }),
    ]);
    let args = ["listen", &peers.url(), "-n", "3", "--expect", "a", "--expect", "c"];
    keeping_on(&args).output().check(ends(0).printing("a\nb\nc\n").saying(&["reconnecting in"]));
    peers.seen();
}

/// A run whose session is lost, and whose server is gone.
fn in_a_gap(args: &[&str]) -> Running {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.end();
    });
    let url = peer.url();
    let pause = ["--reconnect", "--reconnect-delay", "1h", "--reconnect-max-delay", "2h"];
    let running = run([args, &[&url], &pause].concat()).stdin_held().start();
    running.wait_for_stderr("; reconnecting in ");
    peer.seen();
    running
}

#[test]
fn conditions_limits_and_signals_end_it_in_a_gap_too() {
    let gap = "; reconnecting in ";
    in_a_gap(&["listen", "--duration", "300ms"]).output().check(ends(0).saying(&[gap]));
    in_a_gap(&["listen", "--idle", "300ms"]).output().check(ends(0).saying(&[gap]));
    let limit = "the run took longer than 1s";
    in_a_gap(&["listen", "-m", "1"]).output().check(ends(28).saying(&[gap, limit]));
    for (signal, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM")] {
        let running = in_a_gap(&["listen"]);
        running.signal(signal);
        let line = format!("ended while there was no connection; ended by {name}\n");
        running.output().check(dies_by(signal.as_raw()).saying(&[gap, &line]));
    }
}

#[test]
fn the_end_of_the_input_is_noticed_in_a_gap() {
    // There was nothing more to be sent: it ended as the connection did.
    let mut running = in_a_gap(&["connect", "--linger", "none"]);
    running.close_stdin();
    let hint =
        "\n  hint: --linger none was over before the reconnection; --linger forever waits on\n";
    running.output().check(ends(106).saying(&["reconnecting in ", "connection lost: 1006", hint]));
    let mut running = in_a_gap(&["connect", "--linger", "300ms"]);
    running.close_stdin();
    let hint = "(the peer ended it)\n  hint: --linger 300ms was over before ";
    running.output().check(ends(106).saying(&["reconnecting in ", hint]));
    // Something is left, and waits for a connection.
    let mut running = in_a_gap(&["connect", "-m", "1"]);
    running.write("a\nb\n");
    running.close_stdin();
    let said = ["reconnecting in ", "2 messages not sent", "the run took longer than 1s"];
    running.output().check(ends(28).saying(&said));
    // What is wrong is said at once if nothing is before it.
    let mut running = in_a_gap(&["connect"]);
    running.write(b"\xff\n");
    running.output().check(ends(26).saying(&["reconnecting in ", "stdin: message 1, byte 1"]));
}

#[test]
fn what_is_wrong_in_the_input_is_said_after_what_came_before_it() {
    let peers = Peer::start_each(vec![
        ending(""),
        Box::new(|wire| {
            wire.accept();
            wire.expect_text("good");
            wire.finish();
        }),
    ]);
    let mut running =
        keeping_on(&["connect", &peers.url(), "--reconnect-delay", "300ms"]).stdin_held().start();
    running.wait_for_stderr("reconnecting");
    running.write(b"good\n\xff\n");
    running.output().check(ends(26).saying(&["reconnecting in ", "stdin: message 2, byte 1"]));
    peers.seen();
}

#[test]
fn a_message_that_breaks_off_is_no_part_of_the_next() {
    const SIZE: usize = 3 << 20;
    let begun = [header(0x81, 1 << 30), vec![b'x'; SIZE]].concat();
    let peers = Peer::start_each(vec![ending(begun), hello()]);
    let output = keeping_on(&["listen", &peers.url()]).output();
    output.check(ends(4).with_stdout_checked_apart().saying(&[
        "(the peer ended it); 1 message from the peer printed only in part; reconnecting in ",
        "closed by peer: 1000",
    ]));
    let stdout = output.stdout_text();
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!((lines.len(), lines[0].len(), lines[1]), (2, SIZE, "hello"));
    peers.seen();
}

#[test]
fn a_large_message_that_had_begun_to_leave_is_cut_and_the_next_one_is_sent() {
    // The system does not take it all.
    let size = buffered();
    let peers = Peer::start_each(vec![
        Box::new(|wire| {
            wire.accept();
            wire.read_and_forget().expect("a fragment");
            wire.reset();
        }),
        Box::new(|wire| {
            wire.accept();
            wire.expect_text("next");
            wire.finish();
        }),
    ]);
    let line = "x".repeat(size);
    let output = keeping_on(&["connect", &peers.url(), "--linger", "none"])
        .stdin(format!("{line}\nnext\n"))
        .output();
    output.check(
        ends(4)
            .saying(&["connection lost: 1006", "; 1 message cut off on the way; reconnecting in "]),
    );
    peers.seen();
}

#[test]
fn the_prompt_stays() {
    let home = Files::new();
    let peers = Peer::start_each(vec![
        answering(&["one"]),
        refusing("503 Later"),
        Box::new(|wire| {
            wire.accept();
            wire.expect_text("two");
            wire.send(text("two taken"));
            wire.until_gone();
        }),
    ]);
    let args =
        ["connect", &peers.url(), "--reconnect", "--reconnect-delay", "500ms"].map(str::to_owned);
    let args: Vec<&str> = args.iter().map(|arg| &arg[..]).collect();
    let setting =
        Setting { args: &args, home: home.folder(), stdout: None, term: "xterm", no_color: "" };
    let mut dialogue = Dialogue::start(setting);
    dialogue.wait_for_end(", Ctrl-D closes\n>");
    dialogue.type_in("one\r");
    dialogue.wait_for("the gap", |screen| screen.contains("connection lost: 1006"));
    dialogue.type_in("two\r");
    dialogue.type_in("/stats\r");
    dialogue.wait_for("statistics", |screen| screen.contains("* received: 1 message"));
    dialogue.wait_for("the answer", |screen| screen.contains("< two taken"));
    assert!(dialogue.text().contains("reconnected after "), "{}", dialogue.text());
    dialogue.type_in("\x04");
    assert_eq!(dialogue.end(), 0);
    peers.seen();
}

/// The prompt of a session whose peer has gone, long before the next try.
fn prompt_in_a_gap(home: &Files, term: &str) -> (Dialogue, Peer) {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.end();
    });
    let url = peer.url();
    let args =
        ["connect", &url, "--reconnect", "--reconnect-delay", "1h", "--reconnect-max-delay", "0"];
    let setting = Setting { args: &args, home: home.folder(), stdout: None, term, no_color: "" };
    let mut dialogue = Dialogue::start(setting);
    dialogue.wait_for("the gap", |screen| screen.contains("connection lost: 1006"));
    (dialogue, peer)
}

#[test]
fn whoever_types_may_leave_in_a_gap() {
    let home = Files::new();
    let (mut dialogue, peer) = prompt_in_a_gap(&home, "xterm");
    dialogue.type_in("unsent\r\x04");
    dialogue.wait_for("the end", |screen| screen.contains("no connection; 1 message not sent"));
    assert_eq!(dialogue.end(), 4);
    peer.seen();
}

#[test]
fn what_is_typed_in_a_gap_waits_for_the_connection_as_far_as_there_is_room() {
    let home = Files::new();
    home.write("long", &"x".repeat(300_000));
    let send = format!("/file {} text\n", home.path("long").display());
    let (mut dialogue, peer) = prompt_in_a_gap(&home, "dumb");
    dialogue.type_in(&send);
    dialogue.type_in(&"a\n".repeat(4000));
    dialogue.wait_for_sent("* not sent: too many messages wait for the connection\r\n");
    dialogue.type_in("\x03");
    assert_eq!(dialogue.end(), 130);
    peer.seen();
}

#[test]
fn traces_and_compression_begin_anew_on_each_connection() {
    let peers = Peer::start_each(vec![ending(text("a")), ending(close(1000, ""))]);
    let output = keeping_on(&["listen", &peers.url(), "-vvv"]).output();
    output.check(ends(0).printing("a\n").with_stderr_checked_apart());
    assert_eq!(output.stderr_text().matches("Sec-Websocket-Key").count(), 2, "{}", output.report());
    assert!(output.says("close"), "{}", output.report());
    peers.seen();
}

#[test]
fn a_recording_with_a_gap_is_a_scenario() {
    let files = Files::new();
    let path = files.path("session.jsonl").display().to_string();
    let again = || -> Vec<Script> {
        let taking_one = |wire: &mut Wire| {
            wire.accept();
            wire.expect_text("first");
            wire.send([text("one"), close(1012, "soon")].concat());
            wire.until_gone();
        };
        let last = |wire: &mut Wire| {
            wire.accept();
            wire.expect_text("first");
            wire.send([text("two"), close(1000, "")].concat());
            wire.until_gone();
        };
        vec![Box::new(taking_one), Box::new(taking_one), Box::new(last)]
    };
    let peers = Peer::start_each(again());
    let args = ["listen", &peers.url(), "-d", "first", "--record", &path];
    keeping_on(&args).output().check(ends(0).printing("one\none\ntwo\n").saying(&["1012"]));
    peers.seen();

    let peers = Peer::start_each(again());
    let output = run(["check", "--url", &peers.url(), &path]).output();
    output.check(ends(0).with_stdout_checked_apart());
    let stdout = output.stdout_text();
    assert_eq!(stdout.matches(": open ws://").count(), 3, "{stdout}");
    assert!(stdout.contains("expect close 1012"), "{stdout}");
    peers.seen();
}

/// Numbers that look like chance, and are the same in each run.
fn chance(number: u64) -> u64 {
    number.wrapping_add(7).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) >> 8
}

/// A message with its number that is as long as chance has it, now and then very long.
fn numbered(number: usize) -> String {
    let words = match chance(number as u64) % 300 {
        0 => 100_000,
        1..10 => 4_000,
        other => other as usize * 4,
    };
    let mut message = format!("{number} ");
    // No compression makes them much shorter.
    (0..words).for_each(|word| write!(message, "{:015x}", chance((number + word) as u64)).unwrap());
    message
}

/// The numbers of messages, which came whole and in order.
#[track_caller]
fn numbers<'a>(messages: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let number = |message: &str| {
        let number = message.split(' ').next().unwrap().parse().unwrap();
        assert!(message == numbered(number), "message {number}");
        number
    };
    let numbers: Vec<usize> = messages.map(number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    numbers
}

/// The messages that the last line says may be lost.
fn counted(stderr: &str) -> usize {
    let last = stderr.lines().last().unwrap();
    let count = |what| {
        let part = last.split("; ").find(|part| part.ends_with(what))?;
        part.split(' ').next()?.parse::<usize>().ok()
    };
    ["may not have arrived", "cut off on the way"].into_iter().filter_map(count).sum()
}

#[test]
fn whatever_is_lost_is_counted_and_the_rest_arrives_once_and_in_order() {
    const LINES: usize = 2500;
    let cutting = |connection: u64| -> Script {
        Box::new(move |wire| {
            wire.accept();
            for _ in 0..chance(connection) % 100 {
                wire.read();
            }
            if connection.is_multiple_of(3) {
                wire.reset();
            } else {
                wire.try_send(close(1011, ""));
            }
        })
    };
    let peers = Peer::start_each((0..6).map(cutting).chain([taking()]).collect());
    let lines: String = (0..LINES).map(|number| numbered(number) + "\n").collect();
    let args = ["connect", &peers.url(), "--linger", "none", "--reconnect-max-delay", "20ms"];
    let output = keeping_on(&args).stdin(&lines).output();
    output.check(ends(4).saying(&["may not have arrived", "reconnected after"]));
    let texts: Vec<String> = peers.seen().iter().flat_map(|seen| seen.texts()).collect();
    let got = numbers(texts.iter().map(|text| &text[..]));
    let counted = counted(&output.stderr_text());
    assert!(LINES - got.len() <= counted, "{} of {LINES}, {counted} counted", got.len());
}

#[test]
fn what_was_compressed_for_one_connection_is_compressed_anew_for_the_next() {
    const LINES: usize = 1000;
    let (server, url) = serve(&["--close-after", "150", "--close", "1012"]);
    let lines: String = (0..LINES).map(|number| numbered(number) + "\n").collect();
    let args = ["connect", &url, "--compress", "--linger", "1s"];
    let output = keeping_on(&args).stdin(&lines).output();
    let lost = counted(&output.stderr_text());
    let wanted = ends(if lost > 0 { 4 } else { 0 }).with_stdout_checked_apart();
    output.check(wanted.saying(&["closed by peer: 1012", "reconnected after"]));
    let stdout = output.stdout_text();
    let got = numbers(stdout.lines());
    assert!(got.len() > 300, "{}", got.len());
    server.signal(Signal::INT);
    server.output().check(ends(0).with_stdout_checked_apart());
}

#[test]
fn a_reader_of_stdout_that_goes_ends_it_in_a_gap_too() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.end();
    });
    let mut running = run(["listen", &peer.url(), "--reconnect", "--reconnect-delay", "1h"])
        .stdout_unread()
        .start();
    running.wait_for_stderr("reconnecting in ");
    drop(running.take_stdout());
    running.output().check(dies_by(13).saying(&["connection lost: 1006"]));
    peer.seen();
}

#[test]
fn stdin_is_read_on_however_short_the_connections_are() {
    const LINES: usize = 3000;
    let unread: Script = Box::new(|wire| {
        wire.accept();
        wire.expect_text("greeting");
        (0..500).for_each(|_| drop(wire.read_message()));
        wire.reset();
    });
    let scripts = std::iter::once(unread).chain((0..8).map(|_| dropping())).chain([taking()]);
    let peers = Peer::start_each(scripts.collect());
    let lines: String = (0..LINES).map(|number| format!("{number:05000}\n")).collect();
    let url = peers.url();
    let args = ["connect", &url, "-d", "greeting", "--linger", "none"];
    let limits = ["--reconnect-max-delay", "20ms"];
    let output = keeping_on(&[&args[..], &limits].concat()).stdin(lines).output();
    output.check(ends(4).saying(&["may not have arrived", "reconnected after"]));
    let seen = peers.seen();
    let got: Vec<usize> =
        seen.iter().flat_map(|seen| seen.texts()).filter_map(|text| text.parse().ok()).collect();
    assert!(got.is_sorted_by(|one, next| one < next), "{got:?}");
    assert_eq!(got.last(), Some(&(LINES - 1)));
    assert!(LINES - got.len() <= counted(&output.stderr_text()), "{}", got.len());
}

#[test]
fn a_close_and_wrong_input_come_after_all_that_is_before_them_on_whatever_connection() {
    const LINES: usize = 2000;
    let text = "x".repeat(5000);
    let records: String =
        (0..LINES).map(|number| format!("{{\"text\":\"{number} {text}\"}}\n")).collect();
    let cases = [
        ("a close", "{\"event\":\"close\",\"code\":4001}\n", 4, 4001, "may not have arrived"),
        ("no record", "{\n", 26, 1000, "stdin: record 2001"),
    ];
    for (case, last, code, close_code, said) in cases {
        let unread: Script = Box::new(|wire| {
            wire.accept();
            (0..200).for_each(|_| drop(wire.read_message()));
            wire.reset();
        });
        let to_the_end: Script = Box::new(move |wire| {
            wire.accept();
            wire.expect_close(close_code);
            wire.try_send(close(close_code, ""));
            wire.end();
        });
        let peers = Peer::start_each(vec![unread, to_the_end]);
        let args = ["connect", &peers.url(), "--jsonl"];
        let input = format!("{records}{last}");
        let output = keeping_on(&args).case(case).stdin(input).output();
        output.check(ends(code).with_stdout_checked_apart().saying(&[said, "reconnected after"]));
        let texts = peers.seen().pop().unwrap().texts();
        assert!(texts.last().unwrap().starts_with("1999 "), "{case}");
    }
}

#[test]
fn a_file_of_which_nothing_is_sent_holds_up_no_limit() {
    // Records that only tell what happened, without end.
    let files = Files::new();
    files.write("records", &"{\"event\":\"pong\"}\n".repeat(2_000_000));
    let file = std::fs::File::open(files.path("records")).unwrap();
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.reset();
    });
    let args = ["connect", &peer.url(), "--jsonl", "-m", "500ms", "--reconnect-delay", "1h"];
    let output = run([&args[..], &["--reconnect"]].concat()).stdin_file(file).output();
    output.check(ends(28).with_stdout_checked_apart().saying(&["the run took longer than 500ms"]));
    peer.seen();
}

#[test]
fn frames_made_by_hand_are_for_one_connection() {
    let args = ["connect", "echo:", "--jsonl", "--raw-frames"];
    let said = ["--raw-frames does not go with --reconnect", "hint: "];
    keeping_on(&args).output().check(ends(2).saying(&said));
}
