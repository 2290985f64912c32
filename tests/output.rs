//! From messages to stdout: every format, to the byte; records; what a terminal
//! is spared; `-o`, `-w`, and a stdout that is full or closed.

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::sync::mpsc::channel;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;
use support::{
    BINARY, CONTINUATION, DEADLINE, Output, Peer, TEXT, binary, close, dies_by, ends, frame, ping,
    run, text,
};
use tempfile::TempDir;

/// A server that sends these bytes and then closes with 1000.
fn sending(frames: impl AsRef<[u8]>) -> Peer {
    let bytes = [frames.as_ref(), &close(1000, "")].concat();
    Peer::start(move |wire| {
        wire.accept();
        wire.send(bytes);
        wire.read_to_close();
        wire.end();
    })
}

/// `listen` with these flags to a server that sends these frames.
fn listen(flags: &[&str], frames: impl AsRef<[u8]>) -> Output {
    let peer = sending(frames);
    let url = peer.url();
    let output = run([&["listen", url.as_str()], flags].concat()).output();
    peer.seen();
    output
}

/// A text, an empty one, one with a newline, and a binary message.
fn mixed() -> Vec<u8> {
    [text("hi"), text(""), text("a\nb"), binary(b"\0\x01\xff")].concat()
}

#[test]
fn each_format_is_exact() {
    let cases: &[(&[&str], &[u8])] = &[
        (&[], b"hi\n\na\nb\n0001ff\n"),
        (&["--format", "text"], b"hi\n\na\nb\n0001ff\n"),
        (&["--format", "raw"], b"hia\nb\0\x01\xff"),
        (&["--format", "hex"], b"6869\n\n610a62\n0001ff\n"),
        (&["--format", "base64"], b"aGk=\n\nYQpi\nAAH/\n"),
        (&["--format", "length"], b"\0\0\0\x02hi\0\0\0\0\0\0\0\x03a\nb\0\0\0\x03\0\x01\xff"),
        (&["--print0"], b"hi\0\0a\nb\x000001ff\0"),
        (&["--print0", "--format", "hex"], b"6869\0\x00610a62\x000001ff\0"),
        (&["-0"], b"hi\0\0a\nb\x000001ff\0"),
        (&["--null", "--format", "base64"], b"aGk=\0\0YQpi\0AAH/\0"),
        (&["--binary"], b"hia\nb\0\x01\xff"),
        (&["--binary", "--format", "text"], b"hi\n\na\nb\n0001ff\n"),
    ];
    for (flags, wanted) in cases {
        listen(flags, mixed()).check(ends(0).printing(wanted));
    }
}

#[test]
fn a_hexdump_shows_the_bytes_and_the_characters() {
    let payload: Vec<u8> = (0x3c..0x62).collect();
    let output = listen(&["--format", "hexdump"], binary(&payload));
    output.check(ends(0).with_stdout_checked_apart());
    let dump = output.stdout_text();
    let characters: String = payload.iter().map(|byte| char::from(*byte)).collect();
    // Whatever the layout: sixteen bytes a line, as every dump has them.
    for (bytes, line) in characters.as_bytes().chunks(16).zip(dump.lines()) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(line.replace(' ', "").contains(&hex), "{line:?} lacks {hex}");
        assert!(line.contains(str::from_utf8(bytes).unwrap()), "{line:?} lacks {bytes:?}");
    }
    let spared = listen(&["--format", "hexdump"], binary(b"\x1b\x07\x9b"));
    spared.check(ends(0).with_stdout_checked_apart());
    assert!(!spared.stdout.iter().any(|byte| [0x1b, 0x07, 0x9b].contains(byte)));
}

#[test]
fn raw_is_the_default_of_byte_streams_in_a_pipe() {
    let cases: &[(&[&str], &[u8], &[u8])] = &[
        (&["connect", "--binary", "--lines", "-n", "2"], b"a\nb\n", b"ab"),
        (&["connect", "--chunk", "2", "-n", "2"], b"abc", b"abc"),
        (&["connect", "--chunk", "2", "--text", "-n", "2"], b"abc", b"ab\nc\n"),
        (&["connect", "-0", "--binary", "-n", "2"], b"a\0\xff", b"a\0\xff\0"),
        (&["connect", "--print0", "--format", "raw", "-n", "2"], b"a\nb\n", b"a\0b\0"),
        (&["connect", "--stream", "-n", "1"], b"abc\xff", b"abc\xff"),
        (&["connect", "--decode", "hex", "-n", "1"], b"00ff", b"00ff\n"),
        (&["connect", "--stream", "-n", "1", "--format", "hex"], b"abc", b"616263\n"),
    ];
    for (args, stdin, wanted) in cases {
        let output = run(*args).arg("echo:").stdin(stdin).output();
        output.check(ends(0).printing(wanted));
    }
    run(["send", "--binary", "-n", "1", "echo:", "hi"]).output().check(ends(0).printing("hi"));
}

#[test]
fn what_length_prefixed_reads_format_length_writes() {
    let stream = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01\n";
    let args = ["connect", "--length-prefixed", "--format", "length", "-n", "3", "echo:"];
    run(args).stdin(stream).output().check(ends(0).printing(stream));
}

#[test]
fn timestamps_stand_before_each_message() {
    let output = listen(&["--timestamps"], [text("one"), text("two")].concat());
    output.check(ends(0).with_stdout_checked_apart());
    let printed = output.stdout_text();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 2, "{}", output.report());
    for (line, message) in lines.iter().zip(["one", "two"]) {
        let time = line.strip_suffix(message).expect("the message ends the line");
        assert!(time.starts_with(|first: char| first.is_ascii_digit()), "{line}");
        assert!(time.contains(':') && time.ends_with(' '), "{line}");
    }
    assert!(lines[0].strip_suffix("one") <= lines[1].strip_suffix("two"), "{printed}");
}

#[test]
fn a_message_is_written_as_soon_as_no_other_waits() {
    let (read, told) = channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        for message in ["one", "two", "three"] {
            wire.send(text(message));
            told.recv_timeout(DEADLINE).expect("the message is printed");
        }
        wire.send(close(1000, ""));
        wire.read_to_close();
        wire.end();
    });
    let running = run(["listen", &peer.url()]).start();
    for message in ["one", "one\ntwo\n", "one\ntwo\nthree\n"] {
        running.wait_for_stdout(message);
        read.send(()).unwrap();
    }
    running.output().check(ends(0).printing("one\ntwo\nthree\n"));
    peer.seen();
}

#[test]
fn o_writes_to_a_file_instead() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "what was there before, and longer than what comes").unwrap();
    for name in [path.to_str().unwrap(), "out"] {
        let peer = sending(mixed());
        let args = ["listen", &peer.url(), "-o", name];
        run(args).directory(folder.path()).output().check(ends(0));
        assert_eq!(fs::read(&path).unwrap(), b"hi\n\na\nb\n0001ff\n");
        peer.seen();
    }
    let path = path.to_str().unwrap();
    listen(&["--binary", "-o", path], mixed()).check(ends(0));
    assert_eq!(fs::read(path).unwrap(), b"hia\nb\0\x01\xff");
}

#[test]
fn o_empties_a_file_only_for_a_session() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "precious").unwrap();
    let o = ["-o", path.to_str().unwrap()];
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = run(["listen", &format!("ws://{nobody}/")].iter().chain(&o)).output();
    refused.check(ends(7).saying(&[&nobody.to_string()]));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    listen(&o, b"").check(ends(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn o_takes_a_dash_for_stdout() {
    let folder = TempDir::new().unwrap();
    let output = run(["listen", "-o", "-", "-d", "one", "-n", "1", "echo:"]);
    output.directory(folder.path()).output().check(ends(0).printing("one\n"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a file was made");
}

#[test]
fn a_fifo_without_its_other_end_is_a_time_limit() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("fifo");
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
    let (fifo, at) = (path.to_str().unwrap(), format!("@{}", path.display()));
    let limited = ["listen", "-m", "500ms", "echo:"];
    run(limited.iter().chain(&["-o", fifo])).output().check(ends(28).saying(&[]));
    run(limited.iter().chain(&["-d", &at])).output().check(ends(28).saying(&[]));

    let from = path.clone();
    let reader = std::thread::spawn(move || fs::read_to_string(from).unwrap());
    run(["send", "-n", "1", "-o", fifo, "echo:", "hi"]).output().check(ends(0));
    assert_eq!(reader.join().unwrap(), "hi\n");
    let writer = std::thread::spawn(move || fs::write(path, "ho").unwrap());
    let output = run(["listen", "-n", "1", "-d", &at, "echo:"]).output();
    output.check(ends(0).printing("ho\n"));
    writer.join().unwrap();
}

#[test]
fn output_that_cannot_be_written_ends_with_23() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing/out");
    for file in ["/dev/full", missing.to_str().unwrap(), folder.path().to_str().unwrap()] {
        for command in ["listen", "send", "connect"] {
            let peer = Peer::start(|wire| {
                wire.accept();
                wire.try_send(text("one"));
                wire.finish_if_asked();
            });
            let args = [command, "-o", file, &peer.url()];
            run(args).output().check(ends(23).saying(&[file]));
        }
    }
}

#[test]
fn a_full_stdout_ends_with_23() {
    for command in ["listen", "send", "connect"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.try_send(text("one"));
            wire.finish_if_asked();
        });
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run([command, &peer.url()]).stdout_file(full).output();
        output.check(ends(23).saying(&["stdout"]));
        peer.seen();
    }
}

#[test]
fn a_stdout_closed_early_ends_the_run_quietly() {
    for command in ["listen", "send", "connect"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            while wire.try_send(text("again and again")) {}
        });
        let args = [command, &peer.url()];
        let mut running = run(args).stdin_held().stdout_unread().start();
        let mut stdout = BufReader::new(running.take_stdout());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "again and again\n");
        drop(stdout);
        running.output().check(dies_by(13));
        peer.seen();
    }
}

/// What a terminal must not be made to do by a peer.
const HOSTILE: &str =
    "a\u{1b}[31mb\u{7}c\u{8}\rd\u{7f}e\u{9b}2Jf\u{85}g\u{202e}h\u{2066}i\u{61c}j\0k";

#[test]
fn a_terminal_is_spared_control_sequences() {
    let plain = "tab\there, \u{e9}\u{20ac}\u{1f600} and\na line\\n";
    let peer = sending([text(HOSTILE), text(plain)].concat());
    let output = run(["listen", &peer.url()]).stdout_terminal().output();
    output.check(ends(0).with_stdout_checked_apart());
    // The terminal itself makes CR LF of a newline.
    let printed = output.stdout_text().replace("\r\n", "\n");
    let raw = |c: char| c.is_control() && !"\n\t".contains(c);
    assert!(!printed.contains(raw), "{}", output.report());
    assert!(!printed.contains(['\u{202e}', '\u{2066}', '\u{61c}']), "{}", output.report());
    assert!(printed.contains('\\'), "{}", output.report());
    assert!(printed.ends_with(&format!("{plain}\n")), "{}", output.report());
    peer.seen();
}

#[test]
fn every_bidirectional_control_is_escaped_on_a_terminal() {
    for control in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars() {
        let peer = sending(text(&format!("a{control}b")));
        let output = run(["listen", &peer.url()]).stdout_terminal().output();
        output.check(ends(0).with_stdout_checked_apart());
        assert!(!output.stdout_text().contains(control), "{control:?} {}", output.report());
        peer.seen();
    }
}

#[test]
fn a_control_cut_by_fragments_is_escaped_on_a_terminal() {
    let bytes = "a\u{9b}b\u{202e}c".as_bytes();
    let mut frames = frame(TEXT, &bytes[..1]);
    for byte in &bytes[1..] {
        frames.extend(frame(CONTINUATION, &[*byte]));
    }
    frames.extend(frame(0x80 | CONTINUATION, b""));
    let peer = sending(frames);
    let output = run(["listen", &peer.url()]).stdout_terminal().output();
    output.check(ends(0).with_stdout_checked_apart());
    assert!(!output.stdout_text().contains(['\u{9b}', '\u{202e}']), "{}", output.report());
    peer.seen();
}

#[test]
fn a_terminal_is_spared_control_sequences_in_every_format() {
    for format in ["text", "raw", "hex", "hexdump", "base64", "length", "jsonl"] {
        // The second one has a length that is an ESC.
        let peer = sending([text(HOSTILE), binary(&[b' '; 0x1b])].concat());
        let args = ["listen", "--format", format, &peer.url()];
        let output = run(args).stdout_terminal().output();
        output.check(ends(0).with_stdout_checked_apart());
        let printed = output.stdout_text().replace("\r\n", "\n");
        let raw = |c: char| c.is_control() && !"\n\t".contains(c);
        assert!(!printed.contains(raw), "{}", output.report());
        assert!(!printed.contains(['\u{202e}', '\u{2066}', '\u{61c}']), "{}", output.report());
        assert!(!printed.contains('\u{fffd}'), "{}", output.report());
        peer.seen();
    }
}

#[test]
fn binary_is_hex_on_a_terminal() {
    let peer = sending(binary(b"\x1b[31m"));
    let output = run(["listen", "--binary", &peer.url()]).stdout_terminal().output();
    output.check(ends(0).printing("1b5b33316d\r\n"));
    peer.seen();
}

#[test]
fn a_pipe_and_a_file_get_every_byte() {
    let wanted = format!("{HOSTILE}\n");
    listen(&[], text(HOSTILE)).check(ends(0).printing(&wanted));
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    let peer = sending(text(HOSTILE));
    let file = File::create(&path).unwrap();
    run(["listen", &peer.url()]).stdout_file(file).output().check(ends(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), wanted);
    peer.seen();
}

#[test]
fn fragments_are_joined_and_pings_between_them_answered() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(frame(TEXT, b"he"));
        wire.send(ping(b"first"));
        wire.expect_pong(b"first");
        wire.send(frame(CONTINUATION, b"l"));
        wire.send(frame(CONTINUATION, b""));
        wire.send(ping(b""));
        wire.expect_pong(b"");
        wire.send(ping(&[0xff; 125]));
        wire.expect_pong(&[0xff; 125]);
        wire.send(frame(0x80 | CONTINUATION, b"lo"));
        wire.send([frame(BINARY, b"\0"), frame(0x80 | CONTINUATION, b"\x01")].concat());
        wire.send(close(1000, ""));
        wire.read_to_close();
        wire.end();
    });
    run(["listen", &peer.url()]).output().check(ends(0).printing("hello\n0001\n"));
    peer.seen();
}

#[test]
fn a_character_may_be_cut_by_fragments() {
    let bytes = "é€😀".as_bytes();
    let mut frames = frame(TEXT, b"");
    frames.extend(bytes.iter().flat_map(|byte| frame(CONTINUATION, &[*byte])));
    frames.extend(frame(0x80 | CONTINUATION, b""));
    listen(&[], frames).check(ends(0).printing("é€😀\n"));
}

#[test]
fn text_that_is_not_utf8_ends_with_107_after_what_came_before() {
    let cases: [(&str, Vec<u8>); 9] = [
        ("a lone byte", frame(0x80 | TEXT, b"ab\xffcd")),
        ("a continuation byte", frame(0x80 | TEXT, b"\x80")),
        ("an overlong form", frame(0x80 | TEXT, b"\xc0\xaf")),
        ("an overlong form of three", frame(0x80 | TEXT, b"\xe0\x80\xaf")),
        ("a surrogate", frame(0x80 | TEXT, b"\xed\xa0\x80")),
        ("beyond Unicode", frame(0x80 | TEXT, b"\xf4\x90\x80\x80")),
        ("a cut character", frame(0x80 | TEXT, b"a\xe2\x82")),
        (
            "a character cut for good by fragments",
            [frame(TEXT, b"a\xe2"), frame(0x80 | CONTINUATION, b"b")].concat(),
        ),
        (
            "a cut character at the end of the last fragment",
            [frame(TEXT, b"a"), frame(0x80 | CONTINUATION, b"\xe2\x82")].concat(),
        ),
    ];
    for (case, bytes) in cases {
        for command in ["listen", "connect"] {
            let bytes = bytes.clone();
            let peer = Peer::start(move |wire| {
                wire.accept();
                wire.send([text("one"), text("two"), bytes, text("never")].concat());
                wire.read_to_close();
                wire.end();
            });
            let output = run([command, &peer.url()]).stdin_held().case(case).output();
            output.check(ends(107).printing("one\ntwo\n").saying(&[]));
            assert_eq!(peer.seen().close_code(), Some(1007), "case {case}");
        }
    }
}

#[test]
fn what_is_good_of_a_text_that_streams_is_printed() {
    let with_a_bad_byte_at = |at: usize| {
        let mut payload = "0123456789abcd\u{20ac}\n".repeat(1 << 17).into_bytes();
        payload[at] = 0xff;
        payload
    };
    let late = with_a_bad_byte_at(2_000_006);
    let early = with_a_bad_byte_at(18_000);
    let fragments = |payload: &[u8]| {
        let more = payload.chunks(10_007).flat_map(|part| frame(CONTINUATION, part));
        [frame(TEXT, b""), more.collect(), frame(0x80 | CONTINUATION, b"")].concat()
    };
    let cases = [
        ("a frame", frame(0x80 | TEXT, &late), &late[..2_000_006]),
        ("fragments", fragments(&late), &late[..2_000_006]),
        ("not yet streaming", frame(0x80 | TEXT, &early), b""),
        ("fragments, not yet streaming", fragments(&early), b""),
    ];
    for (case, bytes, good) in cases {
        let peer = Peer::start(move |wire| {
            wire.accept();
            // The program may go before it has taken all.
            let _ = wire.try_send([text("one"), bytes].concat());
            wire.end_whatever_comes();
        });
        let output = run(["listen", &peer.url()]).case(case).output();
        output.check(ends(107).printing([b"one\n", good].concat()).saying(&[]));
        peer.seen();
    }
}

#[test]
fn what_came_of_a_message_that_streams_is_printed_to_the_last_byte() {
    let came: Vec<u8> = (0..2_000_003_u32).map(|at| at as u8).collect();
    let cases = [
        ("hex", came.iter().map(|byte| format!("{byte:02x}")).collect()),
        ("base64", BASE64.encode(&came)),
    ];
    for (format, expected) in cases {
        let mut bytes = frame(0x80 | BINARY, &[&came[..], &[0; 1000]].concat());
        bytes.truncate(bytes.len() - 1000);
        let peer = Peer::start(move |wire| {
            wire.accept();
            wire.send(bytes);
            wire.end();
        });
        let output = run(["listen", "--format", format, &peer.url()]).case(format).output();
        output.check(ends(106).printing(expected).saying(&[]));
        peer.seen();
    }
}

#[test]
fn binary_messages_need_not_be_utf8() {
    listen(&["--format", "raw"], binary(b"ab\xffcd")).check(ends(0).printing(b"ab\xffcd"));
}

#[test]
fn a_large_message_is_printed_whole() {
    let payload: String = "0123456789abcd\u{20ac}".repeat(1 << 19);
    let wanted = format!("{payload}\nafter\n");
    listen(&[], [text(&payload), text("after")].concat()).check(ends(0).printing(&wanted));

    // The same in fragments whose edges cut characters.
    let mut fragments = frame(TEXT, b"");
    fragments.extend(payload.as_bytes().chunks(10_007).flat_map(|part| frame(CONTINUATION, part)));
    fragments.extend(frame(0x80 | CONTINUATION, b""));
    listen(&[], [fragments, text("after")].concat()).check(ends(0).printing(&wanted));
}

/// The lines of stdout as JSON objects.
fn records(output: &Output) -> Vec<Value> {
    let parse = |line| {
        let record: Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{error}: {line}\n{}", output.report()));
        assert!(record.is_object(), "{line}");
        record
    };
    output.stdout_text().lines().map(parse).collect()
}

/// The one record that is this event (of the peer, where it says from whom).
fn only<'a>(records: &'a [Value], event: &str) -> &'a Value {
    let of_peer = |record: &&Value| record["from"].is_null() || record["from"] == "peer";
    let mut found = records.iter().filter(|record| record["event"] == event).filter(of_peer);
    let record = found.next().unwrap_or_else(|| panic!("no {event} in {records:?}"));
    assert_eq!(found.next(), None, "a second {event}");
    record
}

/// UTC, to the microsecond: `2026-11-22T18:00:00.123456Z`.
fn is_a_time(value: &Value) -> bool {
    let pattern = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    value.as_str().is_some_and(|time| {
        time.len() == pattern.len()
            && time.chars().zip(pattern.chars()).all(|(c, p)| match p {
                'd' => c.is_ascii_digit(),
                p => c == p,
            })
    })
}

#[test]
fn jsonl_has_a_record_for_all_that_happens() {
    let frames = [
        text("hello \"\u{e9}\"\n\u{1b}"),
        binary(b"\0\x01\x02"),
        ping(b"p"),
        text(""),
        close(1000, "bye"),
    ];
    let peer = Peer::start(move |wire| {
        wire.accept();
        wire.send(frames.concat());
        wire.read_to_close();
        wire.end();
    });
    let (address, url) = (peer.address.to_string(), peer.url());
    let output = run(["listen", "--format", "jsonl", &url]).output();
    output.check(ends(0).with_stdout_checked_apart());
    assert!(!output.stdout.contains(&0x1b), "{}", output.report());

    let records = records(&output);
    for record in &records {
        assert!(is_a_time(&record["time"]), "{record}");
    }
    let open = only(&records, "open");
    assert_eq!(records[0], *open, "the opening comes first");
    assert_eq!(open["url"], url);
    assert_eq!(open["http_version"], "1.1");
    assert_eq!(open["status"], 101);
    assert_eq!(open.get("subprotocol"), Some(&Value::Null));
    assert_eq!(open["extensions"], serde_json::json!([]));
    assert_eq!(open["peer_address"], address);
    assert!(open["timing"].is_object(), "{open}");

    let messages: Vec<_> =
        records.iter().filter(|record| record["event"] == "message").cloned().collect();
    let [first, second, third] = &messages[..] else { panic!("{messages:?}") };
    for (message, opcode, length) in
        [(first, "text", 12), (second, "binary", 3), (third, "text", 0)]
    {
        assert_eq!(message["from"], "peer", "{message}");
        assert_eq!(message["opcode"], opcode, "{message}");
        assert_eq!(message["length"], length, "{message}");
    }
    assert_eq!(first["text"], "hello \"\u{e9}\"\n\u{1b}");
    assert_eq!(second["base64"], "AAEC");
    assert_eq!(second.get("text"), None);
    assert_eq!(third["text"], "");

    assert_eq!(only(&records, "ping")["base64"], "cA==");
    let close = only(&records, "close");
    assert_eq!(close["code"], 1000);
    assert_eq!(close["reason"], "bye");
    assert_eq!(close["clean"], true);
    peer.seen();
}

#[test]
fn jsonl_has_no_record_of_what_comes_after_the_last_message_but_the_close() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([text("one"), ping(b"late")].concat());
        wire.read_to_close();
        wire.send([ping(b"later"), close(1000, "")].concat());
        wire.end();
    });
    let output = run(["listen", "-n", "1", "--format", "jsonl", &peer.url()]).output();
    output.check(ends(0).with_stdout_checked_apart());
    let records = records(&output);
    let events: Vec<_> = records.iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["open", "message", "close"], "{}", output.report());
    peer.seen();
}

#[test]
fn jsonl_names_the_subprotocol() {
    let peer = Peer::start(|wire| {
        wire.request();
        let header = "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
        let answer = wire.switching_protocols().replace("\r\n\r\n", header);
        wire.send(answer);
        wire.send(close(1000, ""));
        wire.end();
    });
    let args = ["listen", "--format", "jsonl", "--subprotocol", "mqtt", &peer.url()];
    let output = run(args).output();
    output.check(ends(0).with_stdout_checked_apart());
    assert_eq!(only(&records(&output), "open")["subprotocol"], "mqtt");
    peer.seen();
}

#[test]
fn jsonl_has_a_record_for_a_failure() {
    let refusing = Peer::start(|wire| {
        wire.request();
        wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        wire.end();
    });
    let refused = refusing.url();
    for (url, code) in [(&refused[..], 22), ("ws://nosuchhost.invalid/", 6)] {
        let output = run(["listen", "--format", "jsonl", url]).output();
        output.check(ends(code).with_stdout_checked_apart().saying(&[]));
        let records = records(&output);
        let failure = only(&records, "failure");
        assert_eq!(failure["exit_code"], code);
        for field in ["kind", "message"] {
            assert!(failure[field].as_str().is_some_and(|text| !text.is_empty()), "{failure}");
        }
        assert!(is_a_time(&failure["time"]), "{failure}");
    }
    refusing.seen();
}

#[test]
fn jsonl_says_that_a_lost_connection_was_not_clean() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(text("one"));
        wire.end();
    });
    let output = run(["listen", "--format", "jsonl", &peer.url()]).output();
    output.check(ends(106).with_stdout_checked_apart().saying(&["connection lost"]));
    let last = records(&output).pop().unwrap();
    assert!(last["clean"] == false || last["exit_code"] == 106, "{last}");
    peer.seen();
}

#[test]
fn jsonl_on_connect_sets_both_ways() {
    let output = run(["connect", "--jsonl", "-n", "2", "echo:"])
        .stdin("{\"text\":\"a\"}\n{\"hex\":\"ff\"}\n")
        .output();
    output.check(ends(0).with_stdout_checked_apart());
    let records = records(&output);
    assert_eq!(records[0]["event"], "open");
    let of_peer = |record: &&Value| record["event"] == "message" && record["from"] == "peer";
    let messages: Vec<_> = records.iter().filter(of_peer).collect();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["text"], "a");
    assert_eq!(messages[1]["base64"], "/w==");
}

#[test]
fn jsonl_on_send_leaves_the_output_as_it_is() {
    let output = run(["send", "--jsonl", "-n", "1", "echo:"]).stdin("{\"text\":\"a\"}\n").output();
    output.check(ends(0).printing("a\n"));
}

#[test]
fn what_jsonl_writes_jsonl_reads() {
    let payload = "tricky \\ \" \u{2028} \u{1f600}";
    let output = listen(&["--format", "jsonl"], [text(payload), binary(b"\0\xff")].concat());
    output.check(ends(0).with_stdout_checked_apart());
    let peer = Peer::that_listens();
    let args = ["send", "--jsonl", "--only-from", "peer", &peer.url()];
    run(args).stdin(&output.stdout).output().check(ends(0));
    let messages = peer.seen().messages();
    assert_eq!(messages, [(TEXT, payload.into()), (BINARY, b"\0\xff".to_vec())]);
}

#[test]
fn jsonl_refuses_a_message_beyond_the_limit() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send([text("one"), text(&"x".repeat(2000))].concat());
        wire.read_to_close();
        wire.end();
    });
    let args = ["listen", "--format", "jsonl", "--max-message-size", "1K", &peer.url()];
    let output = run(args).output();
    output.check(ends(109).with_stdout_checked_apart().saying(&[]));
    assert_eq!(only(&records(&output), "message")["text"], "one");
    assert_eq!(peer.seen().close_code(), Some(1009));
}

/// `listen -w FORMAT` to a server that sends two messages and closes with 4000.
fn written_out(format: &str) -> Output {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("four");
        wire.send([text("one"), binary(b"\0\0"), close(4000, "so long")].concat());
        wire.read_to_close();
        wire.end();
    });
    let output = run(["listen", "-w", format, "-d", "four", &peer.url()]).output();
    peer.seen();
    output
}

#[test]
fn w_prints_what_is_known_at_the_end() {
    const CASES: &[(&str, &str)] = &[
        ("%{exitcode}", "118"),
        ("%{http_code}", "101"),
        ("%{close_code}", "4000"),
        ("%{close_reason}", "so long"),
        ("%{messages_in}", "2"),
        ("%{messages_out}", "1"),
        ("%{bytes_in}", "5"),
        ("%{bytes_out}", "4"),
        ("%{remote_ip}", "127.0.0.1"),
        (r"a\tb\n", "a\tb\n"),
        ("100%%", "100%"),
        (r"%q and \q", r"%q and \q"),
        ("", ""),
        ("[%{exitcode}][%{messages_in}]", "[118][2]"),
        ("\u{e9} plain %", "\u{e9} plain %"),
    ];
    for (format, wanted) in CASES {
        let output = written_out(format);
        let printed = format!("one\n0000\n{wanted}");
        output.check(ends(118).printing(printed).saying(&["closed by peer", "4000"]));
    }
}

#[test]
fn w_can_write_to_stderr() {
    let output = written_out(r"%{exitcode}\n%{stderr}total: %{messages_in}\n");
    output.check(ends(118).printing("one\n0000\n118\n").saying(&["total: 2\n"]));
}

#[test]
fn w_can_take_its_format_from_a_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("format");
    // As in curl, line ends of the file are not part of the format.
    fs::write(&path, "%{exitcode}\\t\n%{close_code}\r\nend\\n\n").unwrap();
    let output = written_out(&format!("@{}", path.display()));
    output.check(ends(118).printing("one\n0000\n118\t4000end\n").saying(&[]));
    let missing = run(["listen", "-w", "@/no/such/file", "echo:"]).output();
    assert!(matches!(missing.code, Some(2 | 26)), "{}", missing.report());
    assert!(missing.says("/no/such/file"), "{}", missing.report());
}

#[test]
fn w_writes_all_as_json() {
    let output = written_out("%{json}");
    output.check(ends(118).with_stdout_checked_apart().saying(&[]));
    let printed = output.stdout_text();
    let json = printed.strip_prefix("one\n0000\n").expect("the messages come first");
    let all: Value = serde_json::from_str(json).expect("an object");
    for (name, value) in [
        ("exitcode", 118),
        ("http_code", 101),
        ("close_code", 4000),
        ("messages_in", 2),
        ("messages_out", 1),
        ("bytes_in", 5),
        ("bytes_out", 4),
    ] {
        assert_eq!(all[name], value, "{name} in {all}");
    }
    assert_eq!(all["close_reason"], "so long", "{all}");
    assert_eq!(all["remote_ip"], "127.0.0.1", "{all}");
}

#[test]
fn w_gives_times_in_seconds_that_grow() {
    let names =
        ["time_namelookup", "time_connect", "time_upgrade", "time_first_message", "time_total"];
    let format: String = names.iter().map(|name| format!("%{{{name}}}\\n")).collect();
    let output = written_out(&format);
    output.check(ends(118).with_stdout_checked_apart().saying(&[]));
    let printed = output.stdout_text();
    let times: Vec<f64> = printed
        .strip_prefix("one\n0000\n")
        .expect("the messages come first")
        .lines()
        .map(|line| line.parse().unwrap_or_else(|_| panic!("{line:?} is no number of seconds")))
        .collect();
    assert_eq!(times.len(), names.len());
    assert!(times.is_sorted() && times[4] < DEADLINE.as_secs_f64(), "{times:?}");
    assert!(times[4] > 0.0, "{times:?}");
}

#[test]
fn w_works_for_a_run_that_failed() {
    let url = "ws://nosuchhost.invalid/x";
    let format = r"%{exitcode} %{url_effective} %{messages_in} %{errormsg}\n";
    let output = run(["listen", "-s", "-w", format, url]).output();
    output.check(ends(6).with_stdout_checked_apart());
    let printed = output.stdout_text();
    let message = printed.strip_prefix(&format!("6 {url} 0 ")).expect("the format");
    assert!(message.contains("nosuchhost.invalid"), "{message}");
}

#[test]
fn w_is_printed_for_a_run_that_never_came_to_a_session() {
    let cases: &[(&[&str], i32)] = &[
        (&["listen", "ws://host:port/"], 3),
        (&["send", "echo:", "-d", "@/no/such/file"], 26),
        (&["listen", "echo:", "-o", "/no/such/folder/out"], 23),
        (&["listen", "echo:", "-d", "one", "-o", "/dev/full"], 23),
        (&["send", "echo:", "--binary"], 2),
    ];
    for (args, code) in cases {
        let args = [args, &["-w", r"%{exitcode}\n"][..]].concat();
        let output = run(args).stdin("a\n").output();
        output.check(ends(*code).printing(format!("{code}\n")).saying(&[]));
    }
}

#[test]
fn w_is_not_printed_into_the_file_of_o() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    let flags = ["-o", path.to_str().unwrap(), "-w", "%{messages_in}"];
    listen(&flags, mixed()).check(ends(0).printing("4"));
    assert_eq!(fs::read(&path).unwrap(), b"hi\n\na\nb\n0001ff\n");
}

#[test]
fn nothing_but_messages_is_on_stdout_even_with_v() {
    let output = listen(&["-v"], text("one"));
    output.check(ends(0).printing("one\n").saying(&["closed by peer"]));
}

#[test]
fn v_shows_the_handshake_while_the_session_is_open() {
    let (go_on, told) = channel::<()>();
    let peer = Peer::start(move |wire| {
        wire.accept();
        told.recv_timeout(DEADLINE).expect("the test looks at stderr");
        wire.send(close(1000, ""));
        wire.read_to_close();
        wire.end();
    });
    let running = run(["listen", "-v", &peer.url()]).start();
    for line in ["* resolved to", "* connected to", "> GET / HTTP/1.1", "< HTTP/1.1 101"] {
        running.wait_for_stderr(line);
    }
    go_on.send(()).unwrap();
    running.output().check(ends(0).saying(&["closed by peer: 1000"]));
    peer.seen();
}

#[test]
fn what_v_shows_of_the_peer_is_escaped() {
    let hostile = "bad\u{1b}]0;title\u{7}\nfake line";
    let peer = Peer::start(move |wire| {
        wire.request();
        let answer = wire.switching_protocols();
        wire.send(answer.replace("\r\n\r\n", "\r\nX-Odd: a\u{9b}b\u{202e}c\r\n\r\n"));
        wire.send([text("one"), close(1000, hostile)].concat());
        wire.read_to_close();
        wire.end();
    });
    let output = run(["listen", "-v", &peer.url()]).output();
    output.check(ends(0).printing("one\n").saying(&["closed by peer", "fake line"]));
    let said = output.stderr_text();
    assert!(!said.contains(['\u{7}', '\u{9b}', '\u{202e}']), "{}", output.report());
    assert!(said.lines().all(|line| !line.starts_with("fake")), "{}", output.report());
    peer.seen();
}

/// `send` from a file that is longer than what any buffer takes, to a peer that
/// reads on only when told; stderr is a terminal.
fn send_slowly(flags: &[&str], while_it_stands: impl FnOnce(&support::Running)) -> Output {
    let (go_on, told) = channel::<()>();
    let peer = Peer::start(move |wire| {
        wire.accept();
        wire.read_message();
        told.recv_timeout(DEADLINE).expect("the test looks at stderr");
        while wire.read_and_forget().is_some_and(|frame| frame.opcode != support::CLOSE) {}
        wire.send(close(1000, ""));
        wire.end();
    });
    let mut file = tempfile::tempfile().unwrap();
    file.write_all("a line of the file\n".repeat(1 << 21).as_bytes()).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let url = peer.url();
    let run = run([&["send", url.as_str()], flags].concat());
    let running = run.stdin_file(file).stderr_terminal().start();
    while_it_stands(&running);
    go_on.send(()).unwrap();
    let output = running.output();
    peer.seen();
    output
}

#[test]
fn a_terminal_sees_how_far_a_file_is() {
    let output = send_slowly(&[], |running| {
        running.wait_for_stderr("%");
        running.wait_for_stderr("messages");
    });
    output.check(ends(0).with_stderr_checked_apart());
    assert!(output.says("closed by us: 1000"), "{}", output.report());
}

#[test]
fn s_mutes_the_progress_too() {
    send_slowly(&["-s"], |_| {}).check(ends(0));
}

#[test]
fn base64_output_is_that_of_the_rfc() {
    for length in 0..8 {
        let payload = vec![0xfb; length];
        let wanted = format!("{}\n", BASE64.encode(&payload));
        listen(&["--format", "base64"], binary(&payload)).check(ends(0).printing(wanted));
    }
}
