//! What is expected of a session: messages in any order, the opening, and what is
//! told when something else comes.

mod support;

use std::sync::mpsc::channel;

use support::{DEADLINE, Nobody, PING, Peer, Seen, binary, close, dies_by, ends, frame, run, text};

/// A server that sends these messages once it has read `ping`, and waits for our Close.
fn answering(answers: &'static [&'static str]) -> Peer {
    Peer::start(move |wire| {
        wire.accept();
        wire.expect_text("ping");
        wire.send(answers.iter().flat_map(|answer| text(answer)).collect::<Vec<u8>>());
        wire.finish();
    })
}

/// A server that refuses the upgrade.
fn refusing(status: &'static str) -> Peer {
    Peer::start(move |wire| {
        wire.request();
        wire.send(format!(
            "HTTP/1.1 {status}\r\nContent-Length: 9\r\nX-Why: because\r\n\r\nno \x1b[2Jab"
        ));
        wire.end();
    })
}

const READY: &str = r#"{"type":"ready","n":2}"#;

#[test]
fn send_and_connect_wait_until_every_expectation_is_met_and_no_longer() {
    let cases: &[&[&str]] = &[
        &["--expect", READY],
        &["--expect-regex", "^pon"],
        &["--expect-jq", ".type == \"ready\""],
        &["--expect", "pong", "--expect", "hello"],
        &["--expect-jq", ".n == 2", "--expect", "pong", "--expect-regex", "^hel+o$"],
        &["--expect-jq", ".n", "--expect-jq", ".n > 1", "--expect", READY, "--expect", READY],
    ];
    for flags in cases {
        for command in ["send", "connect"] {
            let peer = answering(&["hello", "pong", READY]);
            let url = peer.url();
            // Without --wait and --linger it would be 30 seconds.
            let args = [&[command, "-d", "ping", "--linger", "0", url.as_str()], *flags].concat();
            run(args).output().check(ends(0).printing(format!("hello\npong\n{READY}\n")));
            assert_eq!(peer.seen().close_code(), Some(1000), "{command} {flags:?}");
        }
    }
}

#[test]
fn an_expectation_that_comes_late_is_waited_for() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("ping");
        wire.quiet_for(std::time::Duration::from_millis(200));
        wire.send(text("wait"));
        wire.quiet_for(std::time::Duration::from_millis(200));
        wire.send(text("pong"));
        wire.finish();
    });
    let output = run(["send", "--expect", "pong", &peer.url(), "ping"]).output();
    output.check(ends(0).printing("wait\npong\n"));
    peer.seen();
}

#[test]
fn what_is_not_met_in_time_is_28_and_explained() {
    let peer = answering(&["ponh", "hello"]);
    let args = ["send", "--expect", "pong", "--wait", "200ms", &peer.url(), "ping"];
    let output = run(args).output();
    let told = "wspipe: waited in vain: --expect \"pong\" was not met, messages received: 2\n  \
                hint: wait longer with --wait DURATION, or --wait forever\n\
                --expect \"pong\": message 1 is the nearest\n  - pong\n  + ponh\n";
    output.check(ends(28).printing("ponh\nhello\n").saying(&[told]));
    assert_eq!(peer.seen().close_code(), Some(1000));
}

#[test]
fn what_is_not_met_when_the_session_ends_well_is_4_and_explained() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["--expect", r#"{"n":1,"type":"ready"}"#],
            "--expect '{\"n\":1,\"type\":\"ready\"}': message 2 is the nearest\n    {\n  -   \"n\": 1\n  +   \"n\": 2\n      \"type\": \"ready\"\n    }\n",
        ),
        (
            &["--expect-regex", "^x"],
            "--expect-regex \"^x\": what came last\n  message 1: hello\n  message 2: {\"type\":\"ready\",\"n\":2}\n",
        ),
        (
            &["--expect-jq", ".n == 1"],
            "--expect-jq \".n == 1\": what came last\n  message 1 is no JSON (expected value at line 1 column 1): hello\n  message 2 gave false: {\"type\":\"ready\",\"n\":2}\n",
        ),
        (
            &["--expect", "hello", "--expect-jq", ".n[0]"],
            "--expect-jq \".n[0]\": what came last\n  message 1 is no JSON (expected value at line 1 column 1): hello\n  message 2 made the filter fail (cannot index 2 with 0): {\"type\":\"ready\",\"n\":2}\n",
        ),
    ];
    for (flags, explanation) in cases {
        for command in ["send", "connect", "listen"] {
            let peer = Peer::start(|wire| {
                wire.accept();
                wire.send([text("hello"), text(READY), close(1000, "")].concat());
                wire.end_whatever_comes();
            });
            let url = peer.url();
            let output = run([&[command, url.as_str()], *flags].concat()).output();
            let wanted = ends(4).printing(format!("hello\n{READY}\n"));
            output.check(wanted.saying(&[
                "closed by peer: 1000 normal closure; ",
                " was not met, messages received: 2\n",
                explanation,
            ]));
            peer.seen();
        }
    }
}

#[test]
fn nothing_is_explained_when_nothing_came() {
    let peer = Peer::start(|wire| {
        wire.accept_with(&close(1000, ""));
        wire.end();
    });
    let output = run(["listen", "--expect", "pong", "--expect-jq", ".", &peer.url()]).output();
    output.check(ends(4).with_stderr_checked_apart());
    let told = "closed by peer: 1000 normal closure; --expect \"pong\" and --expect-jq \".\" were not met, messages received: 0\n";
    assert_eq!(output.stderr_text(), told);
    peer.seen();
}

#[test]
fn an_end_condition_ends_it_and_what_is_expected_must_have_come_before() {
    for (flags, exit, printed) in [
        (["-n", "1", "--expect", "one"], 0, "one\n"),
        (["-n", "1", "--expect", "two"], 4, "one\n"),
        (["--until", "two", "--expect", "two"], 0, "one\ntwo\n"),
        (["--until", "two", "--expect-regex", "e$"], 0, "one\ntwo\n"),
        (["--until", "two", "--expect", "three"], 4, "one\ntwo\n"),
    ] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send([text("one"), text("two"), text("three")].concat());
            wire.finish();
        });
        let output = run(["listen", &peer.url()]).args(flags).output();
        let wanted = ends(exit).printing(printed);
        output.check(if exit == 0 { wanted } else { wanted.saying(&[flags[3], "was not met"]) });
        peer.seen();
    }
}

#[test]
fn expectations_do_not_end_listen() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(text("pong"));
        wire.quiet_for(std::time::Duration::from_millis(200));
        wire.send([text("more"), close(1000, "")].concat());
        wire.end_whatever_comes();
    });
    let output = run(["listen", "--expect", "pong", &peer.url()]).output();
    output.check(ends(0).printing("pong\nmore\n"));
    peer.seen();
}

#[test]
fn until_jq_ends_after_the_message_that_met_it() {
    for command in ["listen", "send", "connect"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send([text("no"), text("{\"n\":1}"), text("{\"n\":2}"), text("3")].concat());
            wire.finish();
        });
        let output = run([command, "--until-jq", ".n == 2", &peer.url()]).output();
        output.check(ends(0).printing("no\n{\"n\":1}\n{\"n\":2}\n"));
        assert_eq!(peer.seen().close_code(), Some(1000));
    }
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([text("[1]"), close(1000, "")].concat());
        wire.end_whatever_comes();
    });
    let output = run(["listen", "--until-jq", ".n == 2", &peer.url()]).output();
    output.check(ends(4).printing("[1]\n").saying(&[
        "; --until-jq \".n == 2\" was not met, messages received: 1\n",
        "--until-jq: with the last message the filter failed: cannot index [1] with \"n\"\n",
    ]));
    peer.seen();
}

#[test]
fn a_close_code_that_is_no_success_comes_first() {
    for (flags, exit) in [
        (vec![], 108),
        (vec!["--ok-close", "1008"], 4),
        (vec!["--expect-close", "1008"], 4),
        (vec!["--expect-close", "1000"], 4),
    ] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send([text("ponh"), close(1008, "no")].concat());
            wire.end_whatever_comes();
        });
        let output = run(["listen", "--expect", "pong", &peer.url()]).args(flags).output();
        output.check(ends(exit).printing("ponh\n").saying(&[
            "closed by peer: 1008 policy violation \"no\"; --expect \"pong\" was not met",
            "  + ponh\n",
        ]));
        peer.seen();
    }
}

#[test]
fn a_signal_comes_first_too() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(text("ponh"));
        wire.finish();
    });
    let running = run(["listen", "--expect", "pong", &peer.url()]).start();
    running.wait_for_stdout("ponh\n");
    running.signal(rustix::process::Signal::INT);
    running.output().check(
        dies_by(2)
            .printing("ponh\n")
            .saying(&["ended by SIGINT; --expect \"pong\" was not met", "  + ponh\n"]),
    );
    peer.seen();
}

#[test]
fn what_the_peer_sends_is_harmless_in_an_explanation() {
    let evil = "\x1b[2Jpong\u{202e}\r\n+ pong\x07";
    for (flag, value) in [("--expect", "pong"), ("--expect-regex", "^pong"), ("--expect-jq", ".")] {
        for message in [text(evil), binary(evil.as_bytes()), binary(b"\xff\x1bpong\n\x9b")] {
            let peer = Peer::start(move |wire| {
                wire.accept();
                wire.send([message, close(1000, "")].concat());
                wire.end_whatever_comes();
            });
            let args = ["listen", "-o", "/dev/null", flag, value, &peer.url()];
            let output = run(args).output();
            // That there is no ESC on stderr is checked always.
            output.check(ends(4).saying(&["\\x1b"]));
            let stderr = output.stderr_text();
            assert!(!stderr.contains(['\r', '\x07', '\u{202e}', '\u{9b}']), "{stderr:?}");
            let ours = ["closed by peer", "--expect", "  "];
            assert!(stderr.lines().all(|line| ours.iter().any(|own| line.starts_with(own))));
            peer.seen();
        }
    }
}

#[test]
fn silence_is_silent_and_errors_are_brought_back() {
    for (flags, explained) in [(vec!["-s"], false), (vec!["-s", "-S"], true)] {
        let peer = answering(&["ponh"]);
        let args = ["send", "-n", "1", "--expect", "pong", &peer.url(), "ping"];
        let output = run(args).args(flags).output();
        let wanted = ends(4).printing("ponh\n");
        output.check(if explained { wanted.saying(&["was not met", "+ ponh"]) } else { wanted });
        peer.seen();
    }
}

#[test]
fn a_reader_that_goes_away_hears_nothing() {
    let (gone, told) = channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        told.recv_timeout(DEADLINE).expect("nobody reads");
        wire.send(text("ponh"));
        wire.until_gone();
    });
    let mut running = run(["listen", "--expect", "pong", &peer.url()]).stdout_unread().start();
    drop(running.take_stdout());
    gone.send(()).unwrap();
    running.output().check(dies_by(13));
    peer.seen();
}

#[test]
fn a_message_larger_than_the_limit_is_109() {
    for flags in [["--expect", "pong"], ["--expect-jq", "."], ["--until-jq", "."]] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send([text("ponh"), text(&"x".repeat(2000))].concat());
            wire.finish_if_asked();
        });
        let args = ["listen", "--max-message-size", "1000", &peer.url()];
        let output = run(args).args(flags).output();
        output.check(ends(109).printing("ponh\n").saying(&["1009 message too big", "was not met"]));
        assert_eq!(peer.seen().close_code(), Some(1009));
    }
}

#[test]
fn binary_messages_are_judged_by_their_bytes() {
    for (flags, exit) in [
        (["--expect", "pong"], 0),
        (["--expect-regex", "(?-u:\\xff)"], 0),
        (["--expect-jq", ".n == 1"], 0),
        (["--expect", "706f6e67"], 4),
    ] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send([binary(b"pong"), binary(b"\xff"), binary(b"{\"n\":1}")].concat());
            wire.send(close(1000, ""));
            wire.end_whatever_comes();
        });
        let output = run(["listen", "--binary", &peer.url()]).args(flags).output();
        let wanted = ends(exit).printing(b"pong\xff{\"n\":1}");
        output.check(if exit == 0 { wanted } else { wanted.saying(&["was not met"]) });
        peer.seen();
    }
}

#[test]
fn messages_are_judged_whole_and_pings_are_none() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([frame(0x01, b"po"), frame(PING | 0x80, b"pong"), frame(0x80, b"ng")].concat());
        wire.finish();
    });
    run(["send", "--expect", "pong", &peer.url(), "x"]).output().check(ends(0).printing("pong\n"));
    peer.seen();
}

#[test]
fn the_record_of_the_failure_and_errormsg_name_what_was_not_met() {
    let peer = answering(&["ponh"]);
    let args = ["send", "-s", "-n", "1", "--format", "jsonl", "--expect", "pong", &peer.url()];
    let output = run(args).args(["-w", "%{stderr}%{errormsg}\n", "ping"]).output();
    output.check(ends(4).with_stdout_checked_apart().saying(&["--expect \"pong\" was not met"]));
    let last = output.stdout_text().lines().last().unwrap_or_default().to_owned();
    for part in
        ["\"kind\":\"not_as_asked\"", "--expect \\\"pong\\\" was not met", "\"exit_code\":4"]
    {
        assert!(last.contains(part), "{part} is not in {last}");
    }
    peer.seen();
}

#[test]
fn the_subprotocol_is_judged_before_anything_is_sent() {
    let cases: &[(&[&str], &str, i32, &str)] = &[
        (&["--subprotocol", "mqtt"], "mqtt", 0, ""),
        (&["--subprotocol", "mqtt", "--subprotocol", "chat"], "chat", 4, "the server chose chat"),
        (&["--subprotocol", "mqtt"], "", 4, "the server chose none"),
        (&["-H", "Sec-WebSocket-Protocol: mqtt"], "", 4, "the server chose none"),
        (&[], "", 4, "it was not offered (--subprotocol mqtt does)"),
    ];
    for (flags, chosen, exit, why) in cases {
        for command in ["send", "connect", "listen"] {
            let peer = Peer::start(move |wire| {
                wire.request();
                let answer = wire.switching_protocols();
                let choice = match *chosen {
                    "" => String::new(),
                    chosen => format!("Sec-WebSocket-Protocol: {chosen}\r\n"),
                };
                wire.send(answer.replacen("\r\n", &format!("\r\n{choice}"), 1));
                wire.send(text("hello"));
                wire.finish();
            });
            let url = peer.url();
            let output = run([command, "--expect-subprotocol", "mqtt", "-d", "ping", &url])
                .args(*flags)
                .args(["-n", "1"])
                .output();
            let met = *exit == 0;
            let wanted = ends(*exit).printing(if met { "hello\n" } else { "" });
            let told = format!("--expect-subprotocol mqtt was not met: {why}\n");
            output.check(if met { wanted } else { wanted.saying(&[&told]) });
            let seen: Seen = peer.seen();
            assert_eq!(
                seen.texts(),
                if met { vec!["ping"] } else { vec![] },
                "{command} {flags:?}"
            );
            assert_eq!(seen.close_code(), Some(1000));
        }
    }
}

#[test]
fn a_refusal_that_is_expected_is_success() {
    for command in ["send", "connect", "listen"] {
        let peer = refusing("401 Who are you?");
        let output = run([command, "--expect-status", "401", &peer.url(), "-d", "x"]).output();
        output.check(ends(0));
        peer.seen();
    }
    let peer = refusing("401 Who are you?");
    let output = run(["listen", "-v", "--expect-status", "401", &peer.url()]).output();
    output.check(ends(0).saying(&[
        "refused by the server: 401 Who are you?\n",
        "< X-Why: because\n",
        "< no \\x1b[2Jab\n",
    ]));
    assert!(!output.says("hint:"));
    peer.seen();
}

#[test]
fn another_refusal_is_4_and_shown() {
    let peer = refusing("403 Forbidden");
    let args = ["send", "--expect-status", "401", "--format", "jsonl", &peer.url(), "x"];
    let output = run(args).output();
    output.check(ends(4).with_stdout_checked_apart().saying(&[
        "refused by the server: 403 Forbidden; --expect-status 401 was not met\n",
        "< X-Why: because\n",
        "< no \\x1b[2Jab\n",
    ]));
    let record = output.stdout_text();
    assert!(record.contains("\"kind\":\"not_as_asked\"") && record.contains("--expect-status 401"));
    peer.seen();
}

#[test]
fn an_upgrade_that_succeeds_where_a_refusal_is_expected_is_4() {
    let peer = Peer::start(|wire| {
        wire.accept_with(&text("hello"));
        wire.finish();
    });
    let output = run(["send", "--expect-status", "401", &peer.url(), "x"]).output();
    output.check(ends(4).saying(&["--expect-status 401 was not met: the upgrade was not refused"]));
    let seen = peer.seen();
    assert_eq!((seen.texts(), seen.close_code()), (vec![], Some(1000)));
}

#[test]
fn a_connection_that_never_got_to_an_answer_keeps_its_own_code() {
    let nobody = Nobody::refusing();
    let output =
        run(["send", "--expect-status", "401", &format!("ws://{}/", nobody.address), "x"]).output();
    output.check(ends(7).saying(&["cannot connect"]));
    let peer = Peer::start(|wire| {
        wire.request();
        wire.send("not HTTP\r\n\r\n");
        wire.end();
    });
    run(["send", "--expect-status", "401", &peer.url(), "x"]).output().check(ends(8).saying(&[]));
    peer.seen();
}

#[test]
fn a_refusal_that_is_expected_is_not_tried_again() {
    let peer = refusing("503 Service Unavailable");
    let args = ["send", "--retry", "3", "--expect-status", "503", &peer.url(), "x"];
    run(args).deadline(DEADLINE).output().check(ends(0));
    peer.seen();
}

#[test]
fn mistakes_on_the_command_line_are_2_and_name_the_place() {
    let cases: &[(&[&str], &str)] = &[
        (&["--expect-jq", ".a =="], "(at character 6)"),
        (
            &["--until-jq", ".a | foo(1)"],
            "there is no function foo with 1 argument (at character 6)",
        ),
        (&["--expect-jq", "$x"], "there is no variable $x (at character 1)"),
        (&["--expect-jq", "env.HOME"], "env is not there"),
        (&["--expect-regex", "a("], "unclosed group"),
        (&["--expect-status", "101"], "101 is no refusal"),
        (&["--expect-status", "600"], "from 200 to 599"),
        (&["--expect-status", "401", "--expect", "x"], "cannot be used with"),
        (&["--expect-subprotocol", "a b"], "a subprotocol is letters"),
    ];
    for (flags, told) in cases {
        let output = run([&["listen", "ws://127.0.0.1:1/"], *flags].concat()).output();
        output.check(ends(2).saying(&[flags[0], told]));
    }
}
