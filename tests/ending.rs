//! How a session ends when it is we who end it: end conditions, time limits,
//! pings without an answer, messages that are too large, and signals.

mod support;

use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Signal, kill_process};
use support::{
    CONTINUATION, DEADLINE, Files, PING, Peer, TEXT, Wire, binary, buffered, close, dies_by, ends,
    frame, header, ping, pong, run, text,
};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// A server that sends these messages in one packet and waits for our Close.
fn sending(messages: &[&str]) -> Peer {
    let bytes: Vec<u8> = messages.iter().flat_map(|message| text(message)).collect();
    Peer::start(move |wire| {
        wire.accept();
        wire.send(bytes);
        wire.finish();
    })
}

const FIVE: &[&str] = &["one", "two", "three", "four", "five"];

#[test]
fn the_message_that_meets_a_condition_is_the_last_one_printed() {
    let cases: &[(&[&str], &str)] = &[
        (&["-n", "0"], ""),
        (&["-n", "1"], "one\n"),
        (&["-n", "3"], "one\ntwo\nthree\n"),
        (&["--count", "5"], "one\ntwo\nthree\nfour\nfive\n"),
        (&["--until", "two"], "one\ntwo\n"),
        (&["--until-regex", "^t.*e$"], "one\ntwo\nthree\n"),
        (&["--until-regex", "w"], "one\ntwo\n"),
        (&["-n", "4", "--until", "two"], "one\ntwo\n"),
        (&["-n", "1", "--until", "two"], "one\n"),
        (&["--until", "two", "--until-regex", "one"], "one\n"),
    ];
    for (flags, wanted) in cases {
        for command in ["listen", "send", "connect"] {
            let peer = sending(FIVE);
            let url = peer.url();
            run([&[command, url.as_str()], *flags].concat())
                .output()
                .check(ends(0).printing(wanted));
            assert_eq!(peer.seen().close_code(), Some(1000), "{command} {flags:?}");
        }
    }
}

#[test]
fn a_condition_is_met_by_messages_and_not_by_fragments_or_pings() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([ping(b"one"), frame(TEXT, b"o"), ping(b""), frame(CONTINUATION, b"n")].concat());
        wire.send([frame(0x80 | CONTINUATION, b"e"), text("two"), text("three")].concat());
        wire.finish();
    });
    run(["listen", "-n", "2", &peer.url()]).output().check(ends(0).printing("one\ntwo\n"));
    peer.seen();
}

#[test]
fn binary_messages_count_and_empty_ones_too() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([text(""), binary(b"\x01"), binary(b""), text("never")].concat());
        wire.finish();
    });
    run(["listen", "-n", "3", &peer.url()]).output().check(ends(0).printing("\n01\n\n"));
    peer.seen();
}

#[test]
fn n_0_ends_once_the_session_is_open() {
    for command in ["listen", "send", "connect"] {
        let peer = Peer::that_listens();
        run([command, "-n", "0", &peer.url()]).output().check(ends(0));
        assert_eq!(peer.seen().close_code(), Some(1000));
        let refusing = Peer::start(|wire| {
            wire.request();
            wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
            wire.end();
        });
        let output = run([command, "-n", "0", &refusing.url()]).output();
        output.check(ends(22).saying(&["403"]));
        refusing.seen();
    }
}

#[test]
fn n_0_sends_what_it_was_given_first() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("hi");
        wire.finish();
    });
    run(["listen", "-d", "hi", "-n", "0", &peer.url()]).output().check(ends(0));
    assert_eq!(peer.seen().close_code(), Some(1000));
}

#[test]
fn a_connection_that_is_lost_once_the_condition_is_met_is_no_failure() {
    // What was to be sent before our Close has not come yet.
    let files = Files::new();
    let nobody = files.fifo("nobody");
    for command in ["listen", "connect"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send([text("one"), text("two")].concat());
            wire.end_whatever_comes();
        });
        run([command, "-d", &format!("@{nobody}"), "-n", "2", &peer.url()])
            .output()
            .check(ends(0).printing("one\ntwo\n"));
        peer.seen();
    }
}

#[test]
fn send_ends_when_its_condition_is_met_and_everything_is_sent() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(text("one"));
        wire.expect_text("a");
        wire.expect_text("b");
        wire.expect_text("c");
        wire.finish();
    });
    let (url, condition) = (peer.url(), ["send", "-n", "1"]);
    let mut running = run(condition).arg(url).stdin_held().start();
    running.write("a\n");
    running.wait_for_stdout("one\n");
    running.write("b\nc\n");
    running.close_stdin();
    running.output().check(ends(0).printing("one\n"));
    peer.seen();
}

#[test]
fn connect_ends_when_its_condition_is_met_though_input_is_open() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("a");
        wire.send(text("one"));
        wire.finish();
    });
    let mut running = run(["connect", "-n", "1", &peer.url()]).stdin_held().start();
    running.write("a\n");
    running.output().check(ends(0).printing("one\n"));
    peer.seen();
}

#[test]
fn idle_ends_when_nothing_is_received() {
    for command in ["listen", "send", "connect"] {
        let peer = sending(&["one", "two"]);
        let args = [command, "--idle", "300ms", &peer.url()];
        run(args).output().check(ends(0).printing("one\ntwo\n"));
        assert_eq!(peer.seen().close_code(), Some(1000));
    }
}

#[test]
fn idle_is_counted_from_the_last_message() {
    let peer = Peer::start(|wire| {
        wire.accept();
        for message in FIVE {
            wire.quiet_for(Duration::from_millis(400));
            wire.send(text(message));
        }
        wire.finish();
    });
    // In all longer than the limit, but never at once.
    let output = run(["listen", "--idle", "1.5", &peer.url()]).output();
    output.check(ends(0).printing(format!("{}\n", FIVE.join("\n"))));
    peer.seen();
}

#[test]
fn idle_is_counted_from_the_end_of_input() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.quiet_for(Duration::from_millis(600));
        wire.send(text("still there"));
        wire.finish();
    });
    let mut running = run(["connect", "--idle", "300ms", &peer.url()]).stdin_held().start();
    running.wait_for_stdout("still there");
    running.close_stdin();
    running.output().check(ends(0).printing("still there\n"));
    peer.seen();
}

#[test]
fn duration_ends_whatever_comes() {
    for command in ["listen", "send", "connect"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            let mut stream = wire.stream();
            let flood =
                std::thread::spawn(move || while stream.write_all(&text("more")).is_ok() {});
            wire.until_gone();
            flood.join().unwrap();
        });
        let args = [command, "--duration", "300ms", "--close-timeout", "200ms", &peer.url()];
        let output = run(args).output();
        output.check(ends(0).with_stdout_checked_apart());
        assert!(output.stdout_text().lines().all(|line| line == "more"));
        assert_eq!(peer.seen().close_code(), Some(1000));
    }
}

#[test]
fn a_message_that_duration_cuts_is_no_success() {
    let peer = Peer::start(|wire| {
        wire.accept();
        // More than is held before it is printed, and never all of it.
        wire.send([header(0x80 | TEXT, 2 << 20), vec![b'x'; 3 << 19]].concat());
        wire.read_to_close();
        wire.end();
    });
    let args = ["listen", "--duration", "300ms", "--close-timeout", "200ms", &peer.url()];
    let output = run(args).output();
    output.check(ends(4).printing(vec![b'x'; 3 << 19]).saying(&["last message is cut"]));
    peer.seen();
}

#[test]
fn linger_none_waits_for_nothing() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("a");
        let our_close = wire.read().expect("a Close at once");
        assert_eq!(our_close.close_code(), Some(1000));
        wire.send(close(1000, ""));
        wire.end();
    });
    run(["connect", "--linger", "none", &peer.url()]).stdin("a\n").output().check(ends(0));
    peer.seen();
}

#[test]
fn linger_is_2_seconds_in_a_piped_connect() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("a");
        wire.quiet_for(Duration::from_millis(1500));
        wire.send(text("late"));
        wire.quiet_for(Duration::from_millis(1500));
        wire.finish();
    });
    run(["connect", &peer.url()]).stdin("a\n").output().check(ends(0).printing("late\n"));
    peer.seen();
}

#[test]
fn linger_forever_waits_for_the_peer() {
    for command in ["connect", "send"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.expect_text("a");
            // Longer than either lingers by itself.
            wire.quiet_for(Duration::from_millis(2500));
            wire.send([text("late"), close(1000, "")].concat());
            wire.read_to_close();
            wire.end();
        });
        let args = [command, "--linger", "forever", &peer.url()];
        run(args).stdin("a\n").output().check(ends(0).printing("late\n"));
        peer.seen();
    }
}

#[test]
fn linger_is_counted_from_the_last_message() {
    let peer = Peer::start(|wire| {
        wire.accept();
        for message in FIVE {
            wire.quiet_for(Duration::from_millis(400));
            wire.send(text(message));
        }
        wire.finish();
    });
    let output = run(["connect", "--linger", "1500ms", &peer.url()]).output();
    output.check(ends(0).printing(format!("{}\n", FIVE.join("\n"))));
    peer.seen();
}

#[test]
fn a_linger_of_send_prints_what_still_comes() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("a");
        wire.quiet_for(Duration::from_millis(200));
        wire.send(text("late"));
        wire.finish();
    });
    let args = ["send", "--linger", "1s", &peer.url(), "a"];
    run(args).output().check(ends(0).printing("late\n"));
    peer.seen();
}

#[test]
fn an_unmet_condition_waits_no_longer_than_wait() {
    let conditions: [&[&str]; 3] = [&["-n", "2"], &["--until", "two"], &["--until-regex", "^t"]];
    for condition in conditions {
        for command in ["send", "connect"] {
            let peer = sending(&["one"]);
            let url = peer.url();
            let args = [&[command, "--wait", "300ms", url.as_str()], condition].concat();
            let output = run(args).stdin("a\n").output();
            output.check(ends(28).printing("one\n").saying(&[]));
            peer.seen();
        }
    }
}

#[test]
fn wait_is_counted_from_the_last_message() {
    let peer = Peer::start(|wire| {
        wire.accept();
        for message in FIVE {
            wire.quiet_for(Duration::from_millis(400));
            wire.send(text(message));
        }
        wire.finish();
    });
    let output = run(["send", "-n", "5", "--wait", "1500ms", &peer.url()]).output();
    output.check(ends(0).printing(format!("{}\n", FIVE.join("\n"))));
    peer.seen();
}

#[test]
fn m_sends_a_close_and_waits_for_nothing() {
    for command in ["listen", "send", "connect"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send(text("one"));
            wire.read_to_close();
            wire.until_gone();
        });
        // Were an answer awaited, the deadline of the test would pass.
        let args = [command, "-m", "500ms", "--close-timeout", "1h"];
        let output = run(args).arg(peer.url()).stdin_held().output();
        output.check(ends(28).printing("one\n").saying(&[]));
        peer.seen().close();
    }
}

#[test]
fn m_includes_the_opening() {
    let peer = Peer::start(|wire| {
        wire.request();
        wire.until_gone();
    });
    run(["listen", "--max-time", "0.3", &peer.url()]).output().check(ends(28).saying(&[]));
    peer.seen();
}

#[test]
fn zero_is_no_limit() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.quiet_for(Duration::from_millis(300));
        wire.send([text("one"), close(1000, "")].concat());
        wire.read_to_close();
        wire.end();
    });
    let args = ["listen", "-m", "0", "--connect-timeout", "0", &peer.url()];
    run(args).output().check(ends(0).printing("one\n"));
    peer.seen();
}

/// Sends for ever, so that a stdout which nobody reads is soon full.
fn flooding() -> Peer {
    Peer::start(|wire| {
        wire.accept();
        let line = text(&"x".repeat(1000));
        while wire.try_send(&line) {}
    })
}

#[test]
fn m_works_while_stdout_is_full() {
    for command in ["listen", "send", "connect"] {
        let peer = flooding();
        let args = [command, "-m", "700ms", &peer.url()];
        let mut running = run(args).stdin_held().stdout_unread().start();
        let stdout = running.take_stdout();
        running.output().check(ends(28).saying(&[]));
        drop(stdout);
        peer.seen();
    }
}

#[test]
fn signals_work_while_stdout_is_full() {
    for command in ["listen", "send", "connect"] {
        let (full, told) = channel();
        let peer = Peer::start(move |wire| {
            wire.accept();
            let (mut stream, line) = (wire.stream(), text(&"x".repeat(1000)));
            stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
            while stream.write_all(&line).is_ok() {}
            full.send(()).unwrap();
            wire.until_gone();
        });
        let mut running = run([command, &peer.url()]).stdin_held().stdout_unread().start();
        let stdout = running.take_stdout();
        told.recv_timeout(DEADLINE).expect("a reader that stops");
        running.signal(Signal::TERM);
        let output = running.output();
        output.check(dies_by(SIGTERM).saying(&["SIGTERM"]));
        drop(stdout);
        assert_eq!(peer.seen().close_code(), Some(1001), "{command}");
    }
}

#[test]
#[ignore = "asserts a time, which a busy machine can miss"]
fn a_second_signal_ends_the_process_at_once_while_output_is_drained() {
    // What the program and its stdout hold together: it sees what comes behind.
    let messages = text(&"x".repeat(1000)).repeat(700);
    for peer_first in [true, false] {
        let (messages, (closed, told)) = (messages.clone(), channel());
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.send(messages);
            if peer_first {
                wire.send(close(1000, ""));
            } else {
                wire.send(ping(b"all read"));
                wire.expect_pong(b"all read");
                closed.send(()).unwrap();
            }
            let ours = wire.read_to_close();
            wire.try_send(frame(0x80 | support::CLOSE, &ours.payload));
            closed.send(()).unwrap();
            wire.end();
        });
        let case = format!("the peer closes first: {peer_first}");
        let run = run(["listen", &peer.url()]).case(&case);
        let mut running = run.stdout_unread().start();
        let stdout = running.take_stdout();
        told.recv_timeout(DEADLINE).expect("everything is read");
        let first = Instant::now();
        running.signal(Signal::INT);
        if !peer_first {
            told.recv_timeout(DEADLINE).expect("a Close");
        }
        // Two that come at once count as one, and nothing shows when the first
        // is through.
        while kill_process(running.pid, Signal::INT).is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
        let output = running.output();
        // The only way to tell it from the second that the first one waits.
        assert!(first.elapsed() < Duration::from_millis(900), "{:?}", first.elapsed());
        output.check(dies_by(SIGINT).with_stderr_checked_apart());
        drop(stdout);
        peer.seen();
    }
}

/// A pipe into which not one byte more goes, and the end that nobody reads.
fn full_pipe() -> (File, PipeReader) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    // Whole pages first: a pipe that is full of them may still take a byte.
    for size in [4096, 1] {
        while writer.write(&vec![b'-'; size]).is_ok() {}
    }
    fcntl_setfl(&writer, flags).unwrap();
    (File::from(OwnedFd::from(writer)), reader)
}

#[test]
fn m_ends_the_run_though_nothing_at_all_can_be_printed() {
    for stderr_too in [false, true] {
        let peer = Peer::start(|wire| {
            wire.request();
            let lines = format!("\r\nX-Long: {}", "x".repeat(1000)).repeat(60);
            let answer = wire.switching_protocols();
            wire.send(answer.replace("\r\n\r\n", &format!("{lines}\r\n\r\n")));
            wire.until_gone();
        });
        let (stdout, _unread_stdout) = full_pipe();
        let (stderr, _unread_stderr) = full_pipe();
        let run = run(["listen", "-m", "500ms", "-w", "done", &peer.url()]).stdout_file(stdout);
        if stderr_too {
            run.arg("-v").stderr_file(stderr).output().check(ends(28));
        } else {
            run.output().check(ends(28).saying(&[]));
        }
        peer.seen();
    }
}

#[test]
fn m_works_while_the_peer_does_not_read() {
    for command in ["send", "connect"] {
        let (over, told) = channel::<()>();
        let peer = Peer::start(move |wire| {
            wire.accept();
            told.recv_timeout(DEADLINE).expect("the program ends");
        });
        let input = "x\n".repeat(16 << 20);
        let output = run([command, "-m", "700ms", &peer.url()]).stdin(input).output();
        output.check(ends(28).saying(&[]));
        over.send(()).unwrap();
        peer.seen();
    }
}

#[test]
fn listen_does_not_read_stdin() {
    let peer = || {
        Peer::start(|wire| {
            wire.accept();
            wire.quiet_for(Duration::from_millis(500));
            wire.send([text("one"), close(1000, "")].concat());
            wire.read_to_close();
            wire.end();
        })
    };
    let (null, closed, full) = (peer(), peer(), peer());
    run(["listen", &null.url()]).output().check(ends(0).printing("one\n"));
    run(["listen", &closed.url()]).stdin_closed().output().check(ends(0).printing("one\n"));
    run(["listen", &full.url()]).stdin("a\nb\n").output().check(ends(0).printing("one\n"));
    for peer in [null, closed, full] {
        assert_eq!(peer.seen().messages(), []);
    }
}

/// A server that says one thing and expects us to go away.
fn that_is_left() -> Peer {
    Peer::start(|wire| {
        wire.accept();
        wire.send(text("one"));
        wire.expect_close(1001);
        wire.send(close(1001, ""));
        wire.end();
    })
}

#[test]
fn a_signal_sends_going_away_and_ends_the_process() {
    for (signal, number) in [(Signal::INT, SIGINT), (Signal::TERM, SIGTERM)] {
        for command in ["listen", "send", "connect"] {
            let peer = that_is_left();
            let running = run([command, &peer.url()]).stdin_held().start();
            running.wait_for_stdout("one\n");
            running.signal(signal);
            let output = running.output();
            output.check(dies_by(number).printing("one\n").with_stderr_checked_apart());
            peer.seen();
        }
    }
}

#[test]
fn the_beginning_of_a_message_that_trickles_in_is_something_received() {
    // 1.6 s, of which none without a byte for 400 ms: the pauses are what is tested.
    let peer = Peer::start(|wire| {
        wire.accept();
        for piece in text(&"x".repeat(300)).chunks(76) {
            wire.send(piece);
            wire.quiet_for(Duration::from_millis(400));
        }
        wire.finish();
    });
    let output = run(["listen", "--idle", "1s", &peer.url()]).output();
    output.check(ends(0).printing("x".repeat(300) + "\n"));
    peer.seen();
}

#[test]
fn what_came_before_the_time_was_over_is_printed_though_stdout_was_full() {
    let message = "0123456789".repeat(10_000);
    let all = text(&message).repeat(8);
    let peer = Peer::start(move |wire| {
        wire.accept();
        wire.send(all);
        wire.finish();
    });
    let mut running = run(["listen", "--duration", "1s", &peer.url()]).stdout_unread().start();
    assert_eq!(peer.seen().close_code(), Some(1000));
    let mut printed = String::new();
    running.take_stdout().read_to_string(&mut printed).unwrap();
    assert_eq!(printed.lines().filter(|line| **line == message).count(), 8);
    running.output().check(ends(0));
}

#[test]
fn a_signal_comes_before_the_end_of_input_that_it_brings_about() {
    // Ctrl-C ends what fills the pipe, too; which of the two is noticed first is a matter of luck.
    for _ in 0..20 {
        let peer = that_is_left();
        let mut running = run(["send", &peer.url()]).stdin_held().start();
        running.wait_for_stdout("one\n");
        running.signal(Signal::INT);
        running.close_stdin();
        let output = running.output();
        output.check(dies_by(SIGINT).printing("one\n").with_stderr_checked_apart());
        peer.seen();
    }
}

#[test]
fn a_signal_ends_a_session_that_is_not_open_yet() {
    for (signal, number) in [(Signal::INT, SIGINT), (Signal::TERM, SIGTERM)] {
        let (asked, told) = channel();
        let peer = Peer::start(move |wire| {
            wire.request();
            asked.send(()).unwrap();
            wire.until_gone();
        });
        let running = run(["listen", &peer.url()]).start();
        told.recv_timeout(DEADLINE).expect("a request");
        running.signal(signal);
        running.output().check(dies_by(number).with_stderr_checked_apart());
        peer.seen();
    }
}

#[test]
fn a_signal_waits_no_longer_than_a_second_for_the_peer() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(text("one"));
        wire.expect_close(1001);
        wire.until_gone();
    });
    let running = run(["listen", "--close-timeout", "1h", &peer.url()]).start();
    running.wait_for_stdout("one\n");
    running.signal(Signal::INT);
    running.output().check(dies_by(SIGINT).printing("one\n").with_stderr_checked_apart());
    peer.seen();
}

#[test]
#[ignore = "asserts a time, which a busy machine can miss"]
fn a_second_signal_ends_the_process_at_once() {
    for (signal, number) in [(Signal::INT, SIGINT), (Signal::TERM, SIGTERM)] {
        let (asked, told) = channel();
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.send(text("one"));
            wire.expect_close(1001);
            asked.send(()).unwrap();
            wire.until_gone();
        });
        let running = run(["listen", "--close-timeout", "1h", &peer.url()]).start();
        running.wait_for_stdout("one\n");
        let first = Instant::now();
        running.signal(signal);
        told.recv_timeout(DEADLINE).expect("a Close");
        running.signal(signal);
        let output = running.output();
        // The only way to tell it from the second that the first one waits.
        assert!(first.elapsed() < Duration::from_millis(900), "{:?}", first.elapsed());
        output.check(dies_by(number).printing("one\n").with_stderr_checked_apart());
        peer.seen();
    }
}

#[test]
fn a_peer_that_answers_no_ping_ends_with_29() {
    for command in ["listen", "send", "connect"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.send(text("one"));
            wire.until_gone();
        });
        let args = [command, "--ping-interval", "100ms", "--ping-timeout", "200ms", &peer.url()];
        let output = run(args).stdin_held().output();
        output.check(ends(29).printing("one\n").saying(&[]));
        let seen = peer.seen();
        assert!(!seen.payloads(PING).is_empty(), "{command}");
        assert_eq!(seen.close_code(), Some(1011), "{command}");
    }
}

#[test]
fn the_ping_timeout_is_the_interval_unless_given() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.until_gone();
    });
    let output = run(["listen", "--ping-interval", "200ms", &peer.url()]).output();
    output.check(ends(29).saying(&[]));
    peer.seen();
}

#[test]
fn only_the_pong_with_the_payload_of_the_ping_counts() {
    let wrong: fn(&mut Wire) = |wire| {
        wire.send(pong(b""));
        let ping = wire.expect_ping();
        wire.send(pong(b"made up"));
        wire.send(pong(&[&ping.payload[..], b"!"].concat()));
        wire.send(support::ping(&ping.payload));
    };
    let silent: fn(&mut Wire) = |wire| drop(wire.expect_ping());
    for (case, answer) in [("wrong", wrong), ("none", silent)] {
        let peer = Peer::start(move |wire| {
            wire.accept();
            answer(wire);
            wire.until_gone();
        });
        let args = ["listen", "--ping-interval", "100ms", "--ping-timeout", "1s", &peer.url()];
        run(args).case(case).output().check(ends(29).saying(&[]));
        peer.seen();
    }
}

#[test]
fn messages_are_no_answer_to_a_ping() {
    let peer = Peer::start(|wire| {
        wire.accept();
        let mut stream = wire.stream();
        let talk =
            std::thread::spawn(move || while stream.write_all(&text("not a pong")).is_ok() {});
        wire.until_gone();
        talk.join().unwrap();
    });
    let args = ["listen", "--ping-interval", "100ms", "--ping-timeout", "500ms", &peer.url()];
    let output = run(args).output();
    output.check(ends(29).with_stdout_checked_apart().saying(&[]));
    peer.seen();
}

#[test]
fn a_peer_that_answers_pings_stays() {
    let peer = Peer::start(|wire| {
        wire.accept();
        let mut payloads = Vec::new();
        for _ in 0..5 {
            let ping = wire.expect_ping();
            wire.send(pong(&ping.payload));
            // One that nobody asked for is ignored.
            wire.send(pong(b"unsolicited"));
            payloads.push(ping.payload);
        }
        payloads.sort();
        payloads.dedup();
        assert_eq!(payloads.len(), 5, "each Ping has a payload of its own");
        wire.send([text("one"), close(1000, "")].concat());
        wire.read_to_close();
        wire.end();
    });
    let args = ["listen", "--ping-interval", "100ms", "--ping-timeout", "10s", &peer.url()];
    run(args).output().check(ends(0).printing("one\n"));
    peer.seen();
}

#[test]
fn no_pings_are_sent_unless_asked_for() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.quiet_for(Duration::from_millis(500));
        wire.send(close(1000, ""));
        wire.read_to_close();
        wire.end();
    });
    run(["listen", &peer.url()]).output().check(ends(0));
    peer.seen();
}

#[test]
fn a_full_stdout_is_not_the_peers_silence() {
    let messages = buffered() / 10_000;
    let (full, told) = channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        let mut stream = wire.stream();
        let (pings, pinged) = channel::<Vec<u8>>();
        // Pongs stand behind the messages, where a stopped reader does not see
        // them for longer than the timeout.
        let talk = std::thread::spawn(move || {
            let started = Instant::now();
            let (mut sent, mut stalled) = (0, false);
            while sent < messages {
                let mut bytes = text(&"x".repeat(10_000));
                bytes.extend(pinged.try_iter().flat_map(|payload| pong(&payload)));
                stalled |= write_slowly(&mut stream, &bytes, || full.send(()).unwrap());
                sent += 1;
            }
            assert!(stalled, "all was read though stdout was full: {:?}", started.elapsed());
            for payload in pinged.try_iter() {
                write_slowly(&mut stream, &pong(&payload), || {});
            }
            write_slowly(&mut stream, &close(1000, ""), || {});
        });
        while let Some(frame) = wire.read() {
            match frame.opcode {
                // The writer may be through, and its Close sent.
                PING => drop(pings.send(frame.payload)),
                support::CLOSE => break,
                _ => {}
            }
        }
        talk.join().unwrap();
        wire.end();
    });
    let args = ["listen", "--ping-interval", "100ms", "--ping-timeout", "1s", &peer.url()];
    let mut running = run(args).stdout_unread().start();
    let mut stdout = running.take_stdout();
    told.recv_timeout(DEADLINE).expect("a reader that stops");
    let mut printed = Vec::new();
    std::io::Read::read_to_end(&mut stdout, &mut printed).unwrap();
    running.output().check(ends(0));
    assert_eq!(printed.len(), messages * 10_001);
    peer.seen();
}

/// Writes all, and calls this the first time that nothing can be written for
/// twice the ping timeout of the test; whether that happened.
fn write_slowly(stream: &mut std::net::TcpStream, bytes: &[u8], mut stalls: impl FnMut()) -> bool {
    use std::io::ErrorKind;
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let (mut written, mut stalled) = (0, false);
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if !stalled {
                    stalls();
                }
                stalled = true;
            }
            Err(error) => panic!("write: {error}"),
        }
    }
    stalled
}

#[test]
fn a_message_beyond_the_limit_is_refused_with_1009() {
    let big = "x".repeat(1025);
    let cases: [(&str, Vec<u8>); 5] = [
        ("one frame", text(&big)),
        ("binary", binary(big.as_bytes())),
        (
            "two fragments",
            [frame(TEXT, &[b'x'; 1000]), frame(0x80 | CONTINUATION, &[b'x'; 25])].concat(),
        ),
        ("announced only", header(0x80 | TEXT, 1 << 40)),
        ("a fragment announced only", header(TEXT, 1025)),
    ];
    for (case, bytes) in cases {
        for command in ["listen", "connect"] {
            let bytes = bytes.clone();
            let peer = Peer::start(move |wire| {
                wire.accept();
                wire.send([text("one"), text(&"y".repeat(1024)), bytes].concat());
                wire.read_to_close();
                wire.end();
            });
            let args = [command, "--max-message-size", "1K", &peer.url()];
            let output = run(args).stdin_held().case(case).output();
            let wanted = format!("one\n{}\n", "y".repeat(1024));
            output.check(ends(109).printing(wanted).saying(&[]));
            assert_eq!(peer.seen().close_code(), Some(1009), "case {case}");
        }
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let cases: &[&[&str]] = &[
        &["--until-regex", "("],
        &["--until-regex", "a{5000000}{5000000}"],
        &["--duration", "1month"],
        &["--duration", "1M"],
        &["--duration", "2 years"],
        &["--duration", "1y"],
        &["--duration", "soon"],
        &["--duration", ""],
        &["--idle", "-1"],
        &["--linger", "sometimes"],
        &["--wait", "1month"],
        &["-m", "abc"],
        &["-m", "inf"],
        &["-m", "NaN"],
        &["--connect-timeout", "1q"],
        &["--close-timeout", "-5s"],
        &["--ping-interval", "1month"],
        &["--ping-timeout", "x"],
        &["--max-message-size", "big"],
        &["--max-message-size", "-1"],
        &["-n", "1.5"],
    ];
    for flags in cases {
        for command in ["connect", "send"] {
            let value = format!("{}={}", flags[0], flags[1]);
            let flags: &[&str] = if flags[0].starts_with("--") { &[&value] } else { flags };
            let args = [&[command, "ws://127.0.0.1:1/"], flags].concat();
            run(args).stdin("a\n").output().check(ends(2).saying(&[]));
        }
    }
}

#[test]
fn a_duration_has_units_or_is_in_seconds() {
    for duration in ["0.2", "200ms", "1s", "1", "1s500ms", "200000us"] {
        let peer = sending(&["one"]);
        let output = run(["listen", "--duration", duration, &peer.url()]).output();
        output.check(ends(0).printing("one\n"));
        peer.seen();
    }
    for duration in ["1m30s", "2h", "1d", "1m", "90"] {
        let peer = sending(&["one"]);
        let args = ["listen", "--duration", duration, "-n", "1", &peer.url()];
        run(args).output().check(ends(0).printing("one\n"));
        peer.seen();
    }
}
