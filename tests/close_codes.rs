//! How a session ends when the peer ends it, in every way a peer can: exit
//! code, closing line and stdout together, for `listen`, `send` and `connect`.

mod support;

use std::io::Write;

use support::{
    BINARY, CLOSE, CONTINUATION, PING, PONG, Peer, Run, TEXT, Wire, close, close_without_code,
    ends, frame, header, ping, run, text,
};

/// Each close code that a peer may put on the wire, and the exit code.
const ALLOWED: &[(u16, i32)] = &[
    (1000, 0),
    (1001, 101),
    (1002, 102),
    (1003, 103),
    (1007, 107),
    (1008, 108),
    (1009, 109),
    (1010, 110),
    (1011, 111),
    (1012, 112),
    (1013, 113),
    (1014, 114),
    (3000, 117),
    (3999, 117),
    (4000, 118),
    (4999, 118),
];

/// Codes that break the protocol.
const FORBIDDEN: &[u16] = &[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535];

/// The three commands, each with one message to send where it sends any.
fn commands(url: &str) -> [Run; 3] {
    [run(["listen", url]), run(["send", url, "hello"]), run(["connect", url]).stdin("hello\n")]
}

/// Reads the message of [`commands`], unless it is `listen` that runs.
fn greeted(wire: &mut Wire, command: usize) {
    wire.accept();
    if command > 0 {
        wire.expect_text("hello");
    }
}

#[test]
fn a_close_code_decides_the_exit_code() {
    for &(code, exit) in ALLOWED {
        for command in 0..3 {
            let peer = Peer::start(move |wire| {
                greeted(wire, command);
                wire.send(text("one"));
                wire.send(close(code, ""));
                wire.read_to_close();
                wire.end();
            });
            let run = commands(&peer.url()).into_iter().nth(command).unwrap();
            let output = run.case(&code.to_string()).output();
            let number = code.to_string();
            let wanted = ends(exit).printing("one\n");
            output.check(match exit {
                0 => wanted,
                _ => wanted.saying(&["closed by peer", &number]),
            });
            assert!(output.stderr_text().lines().count() <= 1, "{}", output.report());
            peer.seen();
        }
    }
}

#[test]
fn a_close_code_that_must_not_be_sent_is_a_violation() {
    for &code in FORBIDDEN {
        for command in 0..3 {
            let peer = Peer::start(move |wire| {
                greeted(wire, command);
                wire.send(text("one"));
                wire.send(close(code, "why"));
                wire.read_to_close();
                wire.end();
            });
            let run = commands(&peer.url()).into_iter().nth(command).unwrap();
            let number = code.to_string();
            let output = run.case(&number).output();
            output.check(ends(102).printing("one\n").saying(&[&number]));
            // `send` may have said its own Close before it saw this one.
            if command == 0 {
                assert_eq!(peer.seen().close_code(), Some(1002), "case {code}");
            }
        }
    }
}

#[test]
fn a_close_without_a_code_is_success() {
    for command in 0..3 {
        let peer = Peer::start(move |wire| {
            greeted(wire, command);
            wire.send(text("one"));
            wire.send(close_without_code());
            wire.read_to_close();
            wire.end();
        });
        let run = commands(&peer.url()).into_iter().nth(command).unwrap();
        run.output().check(ends(0).printing("one\n"));
        peer.seen();
    }
}

#[test]
fn the_closing_line_names_code_meaning_and_reason() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(text("one"));
        wire.send(close(1008, "token expired"));
        wire.end();
    });
    let output = run(["listen", &peer.url()]).output();
    let line = r#"closed by peer: 1008 policy violation "token expired""#;
    output.check(ends(108).printing("one\n").saying(&[line]));
    assert_eq!(output.stderr_text().lines().count(), 1, "{}", output.report());
    peer.seen();
}

#[test]
fn a_reason_is_shown_escaped_on_one_line() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(close(4000, "first\r\nsecond \x1b[31mred\u{9b}\u{202e}"));
        wire.end();
    });
    let output = run(["listen", &peer.url()]).output();
    output.check(ends(118).saying(&["closed by peer", "4000", "first", "second"]));
    let said = output.stderr_text();
    assert_eq!(said.lines().count(), 1, "{}", output.report());
    assert!(!said.contains(['\u{9b}', '\u{202e}', '\r']), "{}", output.report());
    peer.seen();
}

#[test]
fn success_is_silent_unless_asked_for_with_v() {
    for (flags, says) in [(&[][..], None), (&["-v"][..], Some("closed by peer"))] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send(close(1000, "bye"));
            wire.end();
        });
        let output = run(["listen", &peer.url()].iter().chain(flags)).output();
        output.check(match says {
            None => ends(0),
            Some(line) => ends(0).saying(&[line, "1000", "bye"]),
        });
        peer.seen();
    }
}

#[test]
fn success_is_said_on_a_terminal() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(close(1000, "bye"));
        wire.end();
    });
    let output = run(["listen", &peer.url()]).stderr_terminal().output();
    output.check(ends(0).with_stderr_checked_apart());
    assert!(output.says("closed by peer: 1000"), "{}", output.report());
    peer.seen();
}

#[test]
fn s_mutes_the_closing_line_and_nothing_else() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([text("one"), close(1008, "no")].concat());
        wire.end();
    });
    run(["listen", "-s", &peer.url()]).output().check(ends(108).printing("one\n"));
    peer.seen();
}

#[test]
fn a_connection_that_ends_without_a_close_is_lost() {
    for command in 0..3 {
        let peer = Peer::start(move |wire| {
            greeted(wire, command);
            wire.send(text("one"));
            wire.end();
        });
        let run = commands(&peer.url()).into_iter().nth(command).unwrap();
        // `send` may have said its own Close before the loss.
        let lost = if command == 0 { "connection lost" } else { "lost" };
        run.output().check(ends(106).printing("one\n").saying(&[lost]));
        peer.seen();
    }
}

#[test]
fn a_reset_in_mid_message_leaves_the_messages_before_it() {
    for command in 0..3 {
        let peer = Peer::start(move |wire| {
            greeted(wire, command);
            wire.send(text("one"));
            wire.send([&header(0x80 | TEXT, 100)[..], b"0123456789"].concat());
            wire.reset();
        });
        let run = commands(&peer.url()).into_iter().nth(command).unwrap();
        // `send` may have said its own Close before the loss.
        let lost = if command == 0 { "connection lost" } else { "lost" };
        run.output().check(ends(106).printing("one\n").saying(&[lost]));
        peer.seen();
    }
}

#[test]
fn a_reset_between_the_fragments_of_a_message_prints_none_of_it() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([text("one"), frame(TEXT, b"half of a mess")].concat());
        wire.reset();
    });
    let output = run(["listen", &peer.url()]).output();
    output.check(ends(106).printing("one\n").saying(&["connection lost"]));
    peer.seen();
}

#[test]
fn a_large_message_that_breaks_off_leaves_its_bytes_without_a_newline() {
    const CAME: usize = 3 << 20;
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([text("one"), header(0x80 | TEXT, 8 << 20)].concat());
        wire.send(vec![b'x'; CAME]);
        wire.end();
    });
    let output = run(["listen", &peer.url()]).output();
    let wanted = [b"one\n", &vec![b'x'; CAME][..]].concat();
    output.check(ends(106).printing(wanted).saying(&["connection lost"]));
    peer.seen();
}

#[test]
fn a_close_in_the_packet_of_the_101_is_seen() {
    for &(code, exit) in ALLOWED {
        let peer = Peer::start(move |wire| {
            wire.accept_with(&[text("one"), close(code, "at once")].concat());
            wire.read_to_close();
            wire.end();
        });
        let number = code.to_string();
        let output = run(["listen", &peer.url()]).case(&number).output();
        let wanted = ends(exit).printing("one\n");
        output.check(match exit {
            0 => wanted,
            _ => wanted.saying(&["closed by peer", &number, "at once"]),
        });
        peer.seen();
    }
}

#[test]
fn a_close_at_once_after_the_101_reaches_send_and_connect() {
    for command in 1..3 {
        for same_packet in [true, false] {
            let peer = Peer::start(move |wire| {
                if same_packet {
                    wire.accept_with(&close(1013, "full"));
                } else {
                    wire.accept();
                    wire.send(close(1013, "full"));
                }
                wire.read_to_close();
                wire.end();
            });
            let run = commands(&peer.url()).into_iter().nth(command).unwrap();
            let output = run.case(&format!("same packet {same_packet}")).output();
            output.check(ends(113).saying(&["closed by peer", "1013", "full"]));
            peer.seen();
        }
    }
}

#[test]
fn a_close_that_breaks_the_protocol_is_answered_with_why() {
    const CASES: &[(&str, &[u8], i32)] = &[
        ("one byte", b"\x88\x01\x03", 102),
        ("a reason that is not UTF-8", b"\x88\x05\x03\xe8a\xffb", 107),
        ("a reason cut in a character", b"\x88\x04\x03\xe8\xe2\x82", 107),
        ("longer than 125 bytes", &[0x88, 126, 0, 126], 102),
        ("fragmented", b"\x08\x02\x03\xe8", 102),
        ("a reserved bit", b"\xc8\x02\x03\xe8", 102),
    ];
    for &(case, bytes, exit) in CASES {
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.send([&text("one"), bytes].concat());
            wire.read_to_close();
            wire.end();
        });
        let output = run(["listen", &peer.url()]).case(case).output();
        output.check(ends(exit).printing("one\n").saying(&[]));
        let answer = peer.seen().close_code();
        assert_eq!(answer, Some(exit as u16 + 900), "case {case}");
    }
}

#[test]
fn a_frame_that_breaks_the_protocol_ends_with_102() {
    let cases = [
        (
            "a masked frame",
            [&header(0x80 | TEXT, 2)[..1], &[0x82, 1, 2, 3, 4, b'h', b'i']].concat(),
        ),
        ("RSV1 without an extension", frame(0xc0 | TEXT, b"hi")),
        ("RSV2", frame(0xa0 | TEXT, b"hi")),
        ("RSV3", frame(0x90 | BINARY, b"hi")),
        ("a reserved data opcode", frame(0x83, b"hi")),
        ("a reserved control opcode", frame(0x8b, b"")),
        ("a continuation of nothing", frame(0x80 | CONTINUATION, b"hi")),
        ("a continuation of nothing, not the last", frame(CONTINUATION, b"hi")),
        ("a new message within a message", [frame(TEXT, b"h"), text("i")].concat()),
        ("a binary message within a text", [frame(TEXT, b"h"), frame(BINARY, b"i")].concat()),
        ("a Ping of 126 bytes", ping(&[b'p'; 126])),
        ("a Pong of 126 bytes", frame(0x80 | PONG, &[b'p'; 126])),
        ("a fragmented Ping", frame(PING, b"p")),
        ("a length of 64 bits", [&[0x82, 127, 0x80][..], &[0; 7]].concat()),
    ];
    for (case, bytes) in cases {
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.send([text("one"), bytes].concat());
            wire.read_to_close();
            wire.end();
        });
        let output = run(["listen", &peer.url()]).case(case).output();
        output.check(ends(102).printing("one\n").saying(&[]));
        assert_eq!(peer.seen().close_code(), Some(1002), "case {case}");
    }
}

#[test]
fn an_unanswered_close_is_a_time_limit() {
    for command in 1..3 {
        let peer = Peer::start(move |wire| {
            greeted(wire, command);
            wire.send(text("one"));
            wire.expect_close(1000);
            wire.until_gone();
        });
        let run = commands(&peer.url()).into_iter().nth(command).unwrap();
        let output = run.arg("--close-timeout").arg("200ms").output();
        output.check(ends(28).printing("one\n").saying(&[]));
        peer.seen();
    }
}

#[test]
fn a_connection_dropped_on_our_close_is_lost() {
    for command in 1..3 {
        let peer = Peer::start(move |wire| {
            greeted(wire, command);
            wire.send(text("one"));
            wire.expect_close(1000);
        });
        let run = commands(&peer.url()).into_iter().nth(command).unwrap();
        run.output().check(ends(106).printing("one\n").saying(&["lost", "1006"]));
        peer.seen();
    }
}

#[test]
fn a_connection_reset_on_our_close_is_lost() {
    for command in 1..3 {
        let peer = Peer::start(move |wire| {
            greeted(wire, command);
            wire.expect_close(1000);
            wire.reset();
        });
        let run = commands(&peer.url()).into_iter().nth(command).unwrap();
        run.output().check(ends(106).saying(&["lost", "1006"]));
        peer.seen();
    }
}

#[test]
fn trouble_after_a_met_condition_is_only_said() {
    let never: fn(&mut Wire) = |wire| wire.until_gone();
    let drops: fn(&mut Wire) = |_| {};
    let resets: fn(&mut Wire) = |wire| wire.reset();
    for (case, trouble) in [("never answers", never), ("drops", drops), ("resets", resets)] {
        for command in ["send", "connect", "listen"] {
            let peer = Peer::start(move |wire| {
                wire.accept();
                wire.send(text("one"));
                wire.expect_close(1000);
                trouble(wire);
            });
            let url = peer.url();
            let args = [command, "-v", "-n", "1", "--close-timeout", "200ms", &url];
            let output = run(args).case(case).output();
            output.check(ends(0).printing("one\n").saying(&[]));
            peer.seen();
        }
    }
}

#[test]
fn a_violation_after_a_met_condition_is_only_said() {
    let masked = [&[0x80 | TEXT, 0x82, 1, 2, 3, 4], &b"hi"[..]].concat();
    let cases = [
        ("100 MB announced", header(0x80 | BINARY, 100 << 20)),
        ("reserved bits", frame(0xf0 | TEXT, b"hi")),
        ("invalid UTF-8", frame(0x80 | TEXT, b"a\xff")),
        ("a masked frame", masked),
    ];
    let conditions: [&[&str]; 2] = [&["-n", "1"], &["--until", "one"]];
    for (case, bytes) in cases {
        for condition in conditions {
            for format in ["text", "jsonl"] {
                let bytes = bytes.clone();
                let peer = Peer::start(move |wire| {
                    wire.accept();
                    wire.send([text("one"), bytes].concat());
                    wire.read_to_close();
                    wire.end();
                });
                let url = peer.url();
                let args = ["listen", "--close-timeout", "300ms", "--format", format, &url];
                let output = run([&args, condition].concat()).case(case).output();
                // Only a trouble that comes in time is met, and then said with -v.
                let wanted = ends(0).with_stderr_checked_apart();
                if format == "text" {
                    output.check(wanted.printing("one\n"));
                } else {
                    output.check(wanted.with_stdout_checked_apart());
                    let records = output.stdout_text();
                    let of = |event| records.matches(&format!(r#""event":"{event}""#)).count();
                    assert_eq!((of("message"), of("failure")), (1, 0), "{}", output.report());
                }
                peer.seen().close();
            }
        }
    }
}

#[test]
fn a_close_behind_the_last_message_counts_though_input_is_endless() {
    let cases = [
        ("one packet", true, close(1000, ""), 0),
        ("two packets", false, close(1000, ""), 0),
        ("a rejection", true, close(1008, "too much"), 108),
    ];
    for (case, one_packet, bytes, exit) in cases {
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.expect_text("y");
            if one_packet {
                wire.send([text("one"), bytes].concat());
            } else {
                wire.send(text("one"));
                wire.try_send(bytes);
            }
            wire.read_to_close();
            wire.end();
        });
        let mut running = run(["connect", "-n", "1", &peer.url()]).case(case).stdin_held().start();
        let mut stdin = running.take_stdin();
        let yes = std::thread::spawn(move || while stdin.write_all(b"y\ny\ny\ny\n").is_ok() {});
        let wanted = ends(exit).printing("one\n");
        running.output().check(match exit {
            0 => wanted,
            _ => wanted.saying(&["closed by peer", "1008"]),
        });
        yes.join().unwrap();
        peer.seen();
    }
}

#[test]
fn a_line_without_its_end_is_unsent_when_the_peer_closes() {
    // What an open stdin still holds is owed by `send` alone.
    let cases = [
        ("connect", "1 message not sent"),
        ("send", "1 message and the rest of the input not sent"),
    ];
    for (command, counted) in cases {
        let (written, told) = std::sync::mpsc::channel();
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.expect_text("hello");
            told.recv_timeout(support::DEADLINE).expect("the line is written");
            wire.send(close(1000, ""));
            wire.read_to_close();
            wire.end();
        });
        let mut running = run([command, &peer.url()]).stdin_held().start();
        running.write("hello\nabc");
        written.send(()).unwrap();
        let output = running.output();
        output.check(ends(4).saying(&["closed by peer", counted]));
        peer.seen();
    }
}

#[test]
fn a_ping_after_our_close_is_answered() {
    for command in 1..3 {
        let peer = Peer::start(move |wire| {
            greeted(wire, command);
            wire.expect_close(1000);
            wire.send(support::ping(b"still there?"));
            wire.expect_pong(b"still there?");
            wire.send(close(1000, ""));
            wire.end();
        });
        let run = commands(&peer.url()).into_iter().nth(command).unwrap();
        run.output().check(ends(0));
        peer.seen();
    }
}

#[test]
fn a_close_that_crosses_ours_counts() {
    let cases = [
        ("policy violation", close(1008, "rejected"), 108),
        ("another application code", close(4001, ""), 118),
        ("going away", close(1001, ""), 101),
        ("normal", close(1000, ""), 0),
        ("no code", close_without_code(), 0),
    ];
    for (case, answer, exit) in cases {
        for command in 1..3 {
            let answer = answer.clone();
            let peer = Peer::start(move |wire| {
                greeted(wire, command);
                wire.expect_close(1000);
                wire.send(answer);
                wire.end();
            });
            let run = commands(&peer.url()).into_iter().nth(command).unwrap();
            let output = run.case(case).output();
            output.check(match exit {
                0 => ends(0),
                _ => ends(exit).saying(&["closed by peer"]),
            });
            peer.seen();
        }
    }
}

#[test]
fn an_answer_with_our_own_code_is_success() {
    let answers = [close(4001, "done"), close(1000, ""), close_without_code(), close(4001, "ok")];
    for answer in answers {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.expect_text("hello");
            wire.read_to_close();
            wire.send(answer);
            wire.end();
        });
        let url = peer.url();
        let args =
            ["send", "--close-code", "4001", "--close-reason", "done", url.as_str(), "hello"];
        run(args).output().check(ends(0));
        let seen = peer.seen();
        assert_eq!(seen.close_code(), Some(4001));
        assert_eq!(seen.close().close_reason(), "done");
    }
}

#[test]
fn another_code_in_answer_to_our_own_counts() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("hello");
        wire.expect_close(4001);
        wire.send(close(4002, ""));
        wire.end();
    });
    let output = run(["send", "--close-code", "4001", &peer.url(), "hello"]).output();
    output.check(ends(118).saying(&["closed by peer", "4002"]));
    peer.seen();
}

#[test]
fn messages_that_arrive_after_our_close_are_printed() {
    for command in 1..3 {
        let peer = Peer::start(move |wire| {
            greeted(wire, command);
            wire.expect_close(1000);
            wire.send([text("late"), text("later"), close(1000, "")].concat());
            wire.end();
        });
        let run = commands(&peer.url()).into_iter().nth(command).unwrap();
        run.output().check(ends(0).printing("late\nlater\n"));
        peer.seen();
    }
}

#[test]
fn a_connect_whose_input_is_still_open_ends_with_the_peer() {
    for &(code, exit) in ALLOWED {
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.expect_text("hello");
            wire.send([text("one"), close(code, "")].concat());
            wire.read_to_close();
            wire.end();
        });
        let number = code.to_string();
        let mut running = run(["connect", &peer.url()]).case(&number).stdin_held().start();
        running.write("hello\n");
        let wanted = ends(exit).printing("one\n");
        running.output().check(match exit {
            0 => wanted,
            _ => wanted.saying(&["closed by peer", &number]),
        });
        peer.seen();
    }
}

/// A message too large for the buffers of any socket.
fn large_file() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(&vec![b'x'; 64 << 20]).expect("room for it");
    file
}

#[test]
fn a_close_while_input_is_unsent_counts_what_was_not_sent() {
    let file = large_file();
    let large = format!("@{}", file.path().display());
    let cases = [
        ("normal", close(1000, ""), 4),
        ("no code", close_without_code(), 4),
        ("policy violation", close(1008, "too much"), 108),
    ];
    for (case, bytes, exit) in cases {
        for command in ["send", "connect"] {
            let bytes = bytes.clone();
            let (over, told) = std::sync::mpsc::channel();
            let peer = Peer::start(move |wire| {
                wire.accept();
                wire.expect_text("small");
                wire.send(bytes);
                // Reading on would let the program send the rest.
                told.recv_timeout(support::DEADLINE).expect("the program ends");
            });
            let url = peer.url();
            let args = [command, &url, "-d", "small", "-d", &large, "-d", "last"];
            let counting = ["--close-timeout", "200ms", "-w", "%{messages_out}"];
            let output = run([&args[..], &counting].concat()).case(case).output();
            over.send(()).unwrap();
            let counted: &[&str] =
                if exit == 4 { &["closed by peer", "2 messages", "not sent"] } else { &["1008"] };
            output.check(ends(exit).printing("1").saying(counted));
            peer.seen();
        }
    }
}

#[test]
fn a_close_at_once_leaves_no_input_unsent_where_there_is_none() {
    for command in ["send", "connect"] {
        for bytes in [close(1000, ""), close_without_code()] {
            let peer = Peer::start(move |wire| {
                wire.accept_with(&bytes);
                wire.end();
            });
            run([command, &peer.url()]).output().check(ends(0));
            peer.seen();
        }
    }
}

#[test]
fn a_rejection_is_seen_though_writing_fails() {
    let input = "line after line\n".repeat(1 << 20);
    for command in ["send", "connect"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.expect_text("line after line");
            wire.send([text("one"), close(1008, "too much")].concat());
            // The socket is closed with input unread, which resets it.
        });
        let output = run([command, &peer.url()]).stdin(&input).output();
        output.check(ends(108).printing("one\n").saying(&["closed by peer", "1008", "too much"]));
        peer.seen();
    }
}

#[test]
fn what_came_before_a_close_is_printed_by_a_reader_that_comes_late() {
    let line = "x".repeat(1000);
    let wanted = format!("{line}\n").repeat(2000);
    let messages = text(&line).repeat(2000);
    for (code, exit) in [(1000, 0), (1011, 111)] {
        let (sent, told) = std::sync::mpsc::channel();
        let messages = messages.clone();
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.send([messages, close(code, "")].concat());
            sent.send(()).unwrap();
            wire.end();
        });
        let mut running = run(["listen", &peer.url()]).stdout_unread().start();
        let mut stdout = running.take_stdout();
        told.recv_timeout(support::DEADLINE).expect("everything is sent");
        let mut printed = String::new();
        std::io::Read::read_to_string(&mut stdout, &mut printed).unwrap();
        assert!(printed == wanted, "{} of {} bytes", printed.len(), wanted.len());
        running.output().check(match exit {
            0 => ends(0),
            _ => ends(exit).saying(&["closed by peer"]),
        });
        peer.seen();
    }
}

#[test]
fn an_end_condition_that_the_peers_close_leaves_unmet_ends_with_4() {
    let unmet: [&[&str]; 3] = [&["-n", "2"], &["--until", "never"], &["--until-regex", "nev.r"]];
    for condition in unmet {
        for command in 0..3 {
            for (bytes, exit) in
                [(close(1000, ""), 4), (close_without_code(), 4), (close(1008, ""), 108)]
            {
                let peer = Peer::start(move |wire| {
                    greeted(wire, command);
                    wire.send([text("one"), bytes].concat());
                    wire.read_to_close();
                    wire.end();
                });
                let mut run = commands(&peer.url()).into_iter().nth(command).unwrap();
                for arg in condition {
                    run = run.arg(arg);
                }
                let output = run.output();
                output.check(ends(exit).printing("one\n").saying(&["closed by peer"]));
                peer.seen();
            }
        }
    }
}

/// One run of `listen` with these flags against a peer that ends so.
fn ending(flags: &[&str], ending: Vec<u8>, exit: i32) {
    let case = format!("{flags:?} and {}", ending.escape_ascii());
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([text("one"), ending].concat());
        wire.end();
    });
    let url = peer.url();
    let output = run(["listen", &url].iter().chain(flags)).case(&case).output();
    let wanted = ends(exit).printing("one\n");
    output.check(if exit == 0 { wanted } else { wanted.saying(&[]) });
    peer.seen();
}

#[test]
fn ok_close_widens_success() {
    let flags = ["--ok-close", "1001,4000-4099"];
    for (code, exit) in [
        (1000, 0),
        (1001, 0),
        (4000, 0),
        (4042, 0),
        (4099, 0),
        (4100, 118),
        (3999, 117),
        (1002, 102),
        (1008, 108),
    ] {
        ending(&flags, close(code, ""), exit);
    }
    ending(&flags, close_without_code(), 0);
    ending(&flags, vec![], 106);
}

#[test]
fn ok_close_takes_the_codes_that_stand_for_no_close() {
    ending(&["--ok-close", "1005,1006"], close_without_code(), 0);
    ending(&["--ok-close", "1005,1006"], vec![], 0);
    ending(&["--ok-close", "1006"], vec![], 0);
    ending(&["--ok-close", "1005"], vec![], 106);
}

#[test]
fn expect_close_judges_the_code() {
    for (code, exit) in [(1008, 0), (4000, 0), (4099, 0), (1000, 4), (4100, 4), (1011, 4)] {
        ending(&["--expect-close", "1008,4000-4099"], close(code, ""), exit);
    }
    ending(&["--expect-close", "1008"], close_without_code(), 4);
    ending(&["--expect-close", "1005"], close_without_code(), 0);
    ending(&["--expect-close", "1000"], close(1000, ""), 0);
}

#[test]
fn an_unmet_expect_close_is_named() {
    let peer = Peer::start(|wire| {
        wire.accept_with(&close(1000, ""));
        wire.end();
    });
    let output = run(["listen", "--expect-close", "1008", &peer.url()]).output();
    output.check(ends(4).saying(&["closed by peer: 1000", "--expect-close 1008"]));
    peer.seen();
}

#[test]
fn expect_close_keeps_send_open_for_the_peers_close() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("bad token");
        // Longer than `send` would take to close by itself.
        wire.quiet_for(std::time::Duration::from_millis(200));
        wire.send(close(1008, "bad token"));
        wire.read_to_close();
        wire.end();
    });
    run(["send", "--expect-close", "1008", &peer.url(), "bad token"]).output().check(ends(0));
    peer.seen();
}

#[test]
fn expect_close_waits_no_longer_than_wait() {
    let peer = Peer::that_listens();
    let url = peer.url();
    let args = ["send", "--expect-close", "1008", "--wait", "300ms", url.as_str(), "hello"];
    run(args).output().check(ends(28).saying(&[]));
    peer.seen();
}

#[test]
fn lists_of_codes_that_are_none_are_refused() {
    for flag in ["--ok-close", "--expect-close"] {
        for list in ["", "abc", "4099-4000", "1001,", "70000", "-1"] {
            let value = format!("{flag}={list}");
            run(["listen", "ws://127.0.0.1:1/", &value]).output().check(ends(2).saying(&[flag]));
        }
    }
}

#[test]
fn close_codes_that_cannot_be_sent_are_refused() {
    for code in ["0", "999", "1004", "1005", "1006", "1015", "2999", "5000", "70000", "abc"] {
        let value = format!("--close-code={code}");
        let output = run(["send", "ws://127.0.0.1:1/", "hi", &value]).output();
        output.check(ends(2).saying(&["--close-code"]));
    }
    let reason = "r".repeat(124);
    let args = ["send", "ws://127.0.0.1:1/", "hi", "--close-reason", &reason];
    run(args).output().check(ends(2).saying(&["--close-reason"]));
}

#[test]
fn a_close_of_ours_that_the_peer_answers_is_silent_success() {
    for (args, code) in [(&["--close-code", "3000"][..], 3000), (&[][..], 1000)] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send(text("one"));
            let ours = wire.read_to_close();
            wire.send(frame(0x80 | CLOSE, &ours.payload));
            wire.end();
        });
        let url = peer.url();
        let output = run(["listen", "-n", "1", &url].iter().chain(args)).output();
        output.check(ends(0).printing("one\n"));
        assert_eq!(peer.seen().close_code(), Some(code));
    }
}
