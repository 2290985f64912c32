//! From stdin, files and arguments to messages: what the peer gets, to the
//! byte, for every kind of input, and where bad input is refused.

mod support;

use std::fs;
use std::time::Duration;

use support::{BINARY, CLOSE, Message, PING, Peer, Seen, TEXT, ends, run};
use tempfile::TempDir;

/// The flags that keep `connect` to what these tests are about: no wait for
/// answers, which nobody sends here, and no records on stdout.
fn plainly(command: &str) -> &'static [&'static str] {
    if command == "connect" { &["--linger", "none", "--format", "text"] } else { &[] }
}

/// What the peer gets of a run that must end well and silently.
fn sent(case: &str, args: &[&str], stdin: &[u8]) -> Seen {
    let peer = Peer::that_listens();
    let url = peer.url();
    let plainly = plainly(args[0]);
    let output = run([args, plainly, &[url.as_str()]].concat()).case(case).stdin(stdin).output();
    output.check(ends(0));
    peer.seen()
}

fn of_text<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Message> {
    texts.into_iter().map(|text| (TEXT, text.into())).collect()
}

/// A row of a table: name, flags, stdin, opcode and messages.
type Case<'a> = (&'a str, &'a [&'a str], &'a [u8], u8, &'a [&'a [u8]]);

/// Runs each case through `send` and through `connect`.
fn all_arrive(cases: &[Case]) {
    for (name, flags, stdin, opcode, messages) in cases {
        let wanted: Vec<_> = messages.iter().map(|bytes| (*opcode, bytes.to_vec())).collect();
        for command in ["send", "connect"] {
            let seen = sent(name, &[&[command][..], flags].concat(), stdin);
            assert_eq!(seen.messages(), wanted, "case {name} of {command}");
            assert_eq!(seen.close_code(), Some(1000), "case {name} of {command}");
        }
    }
}

#[test]
fn a_line_is_a_message() {
    all_arrive(&[
        ("two lines", &[], b"a\nb\n", TEXT, &[b"a", b"b"]),
        ("no last newline", &[], b"a\nb\nc", TEXT, &[b"a", b"b", b"c"]),
        ("one line without a newline", &[], b"a", TEXT, &[b"a"]),
        ("empty input", &[], b"", TEXT, &[]),
        ("an empty line", &[], b"\n", TEXT, &[b""]),
        ("empty lines among others", &[], b"a\n\n\nb\n", TEXT, &[b"a", b"", b"", b"b"]),
        ("CRLF", &[], b"a\r\nb\r\n", TEXT, &[b"a", b"b"]),
        ("an empty line of CRLF", &[], b"\r\n", TEXT, &[b""]),
        ("one CRLF is stripped, no more", &[], b"a\r\r\n", TEXT, &[b"a\r"]),
        ("a CR within a line", &[], b"a\rb\n", TEXT, &[b"a\rb"]),
        ("a last CR is no CRLF", &[], b"a\r", TEXT, &[b"a\r"]),
        ("spaces stay", &[], b" a \t\n", TEXT, &[b" a \t"]),
        ("NUL within a line", &[], b"a\0b\n", TEXT, &[b"a\0b"]),
        ("no shell, no escapes", &[], b"\\n $HOME @x\n", TEXT, &[b"\\n $HOME @x"]),
        ("a slash is no command in a pipe", &[], b"/help\n//a\n", TEXT, &[b"/help", b"//a"]),
        ("characters of any length", &[], "é€😀\n".as_bytes(), TEXT, &["é€😀".as_bytes()]),
        ("a byte order mark stays", &[], b"\xef\xbb\xbfa\n", TEXT, &[b"\xef\xbb\xbfa"]),
        ("by name", &["--lines"], b"a\nb", TEXT, &[b"a", b"b"]),
        ("by name, text", &["--lines", "--text"], b"a\nb", TEXT, &[b"a", b"b"]),
        ("binary", &["--lines", "--binary"], b"a\n\xff\n", BINARY, &[b"a", b"\xff"]),
    ]);
}

#[test]
fn what_stands_between_nuls_is_a_message() {
    all_arrive(&[
        ("a NUL ends", &["-0"], b"a\0b\0", TEXT, &[b"a", b"b"]),
        ("no last NUL", &["-0"], b"a\0b", TEXT, &[b"a", b"b"]),
        ("newlines are content", &["-0"], b"a\nb\r\n\0c\n", TEXT, &[b"a\nb\r\n", b"c\n"]),
        ("empty ones", &["--null"], b"\0\0a\0", TEXT, &[b"", b"", b"a"]),
        ("nothing", &["--null"], b"", TEXT, &[]),
        ("binary", &["-0", "--binary"], b"\xff\0\xfe", BINARY, &[b"\xff", b"\xfe"]),
    ]);
}

#[test]
fn what_stands_between_delimiters_is_a_message() {
    all_arrive(&[
        ("two bytes", &["--delimiter=--"], b"a--b----c", TEXT, &[b"a", b"b", b"", b"c"]),
        ("a last one ends", &["--delimiter=--"], b"a--b--", TEXT, &[b"a", b"b"]),
        ("half of one is content", &["--delimiter=--"], b"a-b-", TEXT, &[b"a-b-"]),
        ("the first of overlapping ones", &["--delimiter=--"], b"a---b", TEXT, &[b"a", b"-b"]),
        ("newlines are content", &["--delimiter=;"], b"a\n;b\r\n", TEXT, &[b"a\n", b"b\r\n"]),
        ("escapes", &["--delimiter", r"\r\n\t"], b"a\r\n\tb\r\n", TEXT, &[b"a", b"b\r\n"]),
        ("hex", &["--delimiter", r"\x1e"], b"a\x1eb\x1e", TEXT, &[b"a", b"b"]),
        ("NUL", &["--delimiter", r"\0"], b"a\0b", TEXT, &[b"a", b"b"]),
        ("many bytes", &["--delimiter", "END"], b"aEENDENbEND", TEXT, &[b"aE", b"ENb"]),
        ("a character", &["--delimiter", "\u{20ac}"], "a€b".as_bytes(), TEXT, &[b"a", b"b"]),
        ("binary", &["--delimiter", r"\xff", "--binary"], b"a\xffb", BINARY, &[b"a", b"b"]),
    ]);
}

#[test]
fn the_whole_input_is_a_message() {
    all_arrive(&[
        ("lines", &["--whole"], b"a\nb\r\n\0", TEXT, &[b"a\nb\r\n\0"]),
        ("binary", &["--whole", "--binary"], b"\xff\n", BINARY, &[b"\xff\n"]),
        ("nothing", &["--whole"], b"", TEXT, &[b""]),
    ]);
}

#[test]
fn a_chunk_is_a_message() {
    let uneven = "aé€😀xyz".as_bytes();
    all_arrive(&[
        ("a short last one", &["--chunk", "4"], b"abcdefghij", BINARY, &[b"abcd", b"efgh", b"ij"]),
        ("no rest", &["--chunk", "4"], b"abcdefgh", BINARY, &[b"abcd", b"efgh"]),
        ("nothing", &["--chunk", "4"], b"", BINARY, &[]),
        ("any byte", &["--chunk", "2"], b"\xff\n\0\r", BINARY, &[b"\xff\n", b"\0\r"]),
        ("text", &["--chunk", "4", "--text"], b"abcdef", TEXT, &[b"abcd", b"ef"]),
        (
            "text is cut after a whole character",
            &["--chunk", "4", "--text"],
            uneven,
            TEXT,
            &["aé".as_bytes(), "€".as_bytes(), "😀".as_bytes(), b"xyz"],
        ),
        (
            "a longer character stands alone",
            &["--chunk", "3", "--text"],
            "ab😀c".as_bytes(),
            TEXT,
            &[b"ab", "😀".as_bytes(), b"c"],
        ),
        (
            "a byte at a time",
            &["--chunk", "1", "--text"],
            "aé".as_bytes(),
            TEXT,
            &[b"a", "é".as_bytes()],
        ),
    ]);
}

#[test]
fn a_chunk_takes_a_unit() {
    let input = vec![b'x'; 5000];
    for command in ["send", "connect"] {
        let seen = sent("2K", &[command, "--chunk", "2K"], &input);
        let lengths: Vec<_> = seen.messages().iter().map(|(_, payload)| payload.len()).collect();
        assert_eq!(lengths, [2048, 2048, 904]);
    }
}

#[test]
fn a_length_stands_before_each_message() {
    let three = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01\n";
    all_arrive(&[
        ("text", &["--length-prefixed"], three, TEXT, &[b"abc", b"", b"\n"]),
        ("binary", &["--length-prefixed", "--binary"], b"\0\0\0\x02\xff\0", BINARY, &[b"\xff\0"]),
        ("nothing", &["--length-prefixed"], b"", TEXT, &[]),
    ]);
}

#[test]
fn a_stream_arrives_as_binary_whatever_its_pieces() {
    let input: Vec<u8> = (0..300_000_u32).map(|number| (number * 7 % 251) as u8).collect();
    for command in ["send", "connect"] {
        let seen = sent("stream", &[command, "--stream"], &input);
        let mut whole = Vec::new();
        for (opcode, payload) in seen.messages() {
            assert_eq!(opcode, BINARY);
            assert!((1..=64 << 10).contains(&payload.len()), "{} bytes", payload.len());
            whole.extend(payload);
        }
        assert!(whole == input, "{} of {} bytes", whole.len(), input.len());
    }
    assert_eq!(sent("empty", &["send", "--stream"], b"").messages(), []);
}

#[test]
fn a_stream_is_sent_at_once() {
    let (told, read) = std::sync::mpsc::channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        for _ in 0..3 {
            told.send(wire.read_message()).unwrap();
        }
        wire.finish();
    });
    let mut running = run(["send", "--stream", &peer.url()]).stdin_held().start();
    for piece in [&b"no newline"[..], b"\n", b"\xff"] {
        running.write(piece);
        let message = read.recv_timeout(support::DEADLINE).expect("the piece arrives");
        assert_eq!(message, (BINARY, piece.to_vec()));
    }
    running.close_stdin();
    running.output().check(ends(0));
    peer.seen();
}

#[test]
fn a_line_is_sent_as_soon_as_it_ends() {
    for command in ["send", "connect"] {
        let (told, read) = std::sync::mpsc::channel();
        let peer = Peer::start(move |wire| {
            wire.accept();
            for _ in 0..3 {
                told.send(wire.read_message()).unwrap();
            }
            wire.finish();
        });
        let mut running = run([command, &peer.url()]).stdin_held().start();
        for (typed, line) in [("one\ntw", "one"), ("o\n", "two"), ("\nrest", "")] {
            running.write(typed);
            let message = read.recv_timeout(support::DEADLINE).expect("the line arrives");
            assert_eq!(message, (TEXT, line.into()));
        }
        running.close_stdin();
        running.output().check(ends(0));
        assert_eq!(peer.seen().texts(), ["one", "two", "", "rest"]);
    }
}

#[test]
fn encodings_are_decoded_first() {
    all_arrive(&[
        ("hex", &["--decode", "hex"], b"00fF\n\n6869", BINARY, &[b"\0\xff", b"", b"hi"]),
        ("hex as text", &["--decode", "hex", "--text"], b"6869\n", TEXT, &[b"hi"]),
        ("base64", &["--decode", "base64"], b"AAH/\r\naGk=\n", BINARY, &[b"\0\x01\xff", b"hi"]),
        ("base64 as text", &["--decode", "base64", "--text"], b"aGk=", TEXT, &[b"hi"]),
        ("by NUL", &["--decode", "hex", "-0"], b"00\x0001", BINARY, &[b"\0", b"\x01"]),
        ("the whole", &["--decode", "hex", "--whole"], b"0001", BINARY, &[b"\0\x01"]),
        ("with --binary", &["--decode", "hex", "--binary"], b"00\n", BINARY, &[b"\0"]),
    ]);
}

#[test]
fn records_say_what_to_send() {
    all_arrive(&[
        ("text", &["--jsonl"], br#"{"text":"hi \u20ac\n"}"#, TEXT, &["hi €\n".as_bytes()]),
        ("base64", &["--jsonl"], br#"{"base64":"AAEC"}"#, BINARY, &[b"\0\x01\x02"]),
        ("hex", &["--jsonl"], br#"{"hex":"00fF"}"#, BINARY, &[b"\0\xff"]),
        ("text as binary", &["--jsonl"], br#"{"opcode":"binary","text":"x"}"#, BINARY, &[b"x"]),
        ("base64 as text", &["--jsonl"], br#"{"opcode":"text","base64":"aGk="}"#, TEXT, &[b"hi"]),
        ("hex as text", &["--jsonl"], br#"{"opcode":"text","hex":"6869"}"#, TEXT, &[b"hi"]),
        (
            "json is sent compact, in its order and with its digits",
            &["--jsonl"],
            br#"{"json": {"b": 1.50, "a": [1e2, 12345678901234567890.10 , "x  y"], "c": null} }"#,
            TEXT,
            &[br#"{"b":1.50,"a":[1e2,12345678901234567890.10,"x  y"],"c":null}"#],
        ),
        ("json may be no object", &["--jsonl"], br#"{"json": "s"}"#, TEXT, &[br#""s""#]),
        ("json may be null", &["--jsonl"], br#"{"json":null}"#, TEXT, &[b"null"]),
        (
            "fields that do not count",
            &["--jsonl"],
            br#"{"time":"no","event":"message","from":"us","length":99,"text":"a","more":[{}]}"#,
            TEXT,
            &[b"a"],
        ),
        (
            "several, the last without a newline",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n{\"text\":\"\"}\r\n{\"text\":\"c\"}",
            TEXT,
            &[b"a", b"", b"c"],
        ),
        (
            "open, failure and pong are skipped",
            &["--jsonl"],
            b"{\"event\":\"open\",\"url\":\"ws://x\"}\n{\"event\":\"pong\",\"base64\":\"AA==\"}\n\
              {\"text\":\"a\"}\n{\"event\":\"failure\",\"exit_code\":7}\n{\"text\":\"b\"}\n",
            TEXT,
            &[b"a", b"b"],
        ),
        (
            "an empty line is skipped",
            &["--jsonl"],
            b"\n{\"text\":\"a\"}\n\n\r\n{\"text\":\"b\"}\n\n",
            TEXT,
            &[b"a", b"b"],
        ),
        (
            "a loss is skipped",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n{\"event\":\"close\",\"code\":1006}\n{\"text\":\"b\"}\n",
            TEXT,
            &[b"a", b"b"],
        ),
        (
            "one side of a recording",
            &["--jsonl", "--only-from", "us"],
            b"{\"from\":\"us\",\"text\":\"a\"}\n{\"from\":\"peer\",\"text\":\"b\"}\n",
            TEXT,
            &[b"a"],
        ),
        (
            "the other side of a recording",
            &["--jsonl", "--only-from", "peer"],
            b"{\"from\":\"us\",\"text\":\"a\"}\n{\"from\":\"peer\",\"text\":\"b\"}\n",
            TEXT,
            &[b"b"],
        ),
    ]);
}

#[test]
fn a_record_can_be_a_ping() {
    let input =
        b"{\"text\":\"a\"}\n{\"event\":\"ping\"}\n{\"event\":\"ping\",\"base64\":\"AQI=\"}\n\
                  {\"event\":\"ping\",\"text\":\"p\"}\n{\"text\":\"b\"}\n";
    let seen = sent("ping", &["send", "--jsonl"], input);
    let frames: Vec<_> = seen.frames.iter().map(|f| (f.opcode, &f.payload[..])).collect();
    let wanted: [(u8, &[u8]); 5] =
        [(TEXT, b"a"), (PING, b""), (PING, b"\x01\x02"), (PING, b"p"), (TEXT, b"b")];
    assert_eq!(frames[..5], wanted);
    assert_eq!(frames[5].0, CLOSE);
}

#[test]
fn a_record_can_be_a_close() {
    let input = b"{\"text\":\"a\"}\n{\"event\":\"close\",\"code\":4000,\"reason\":\"so long\"}\n";
    for command in ["send", "connect"] {
        let seen = sent("close", &[command, "--jsonl"], input);
        assert_eq!(seen.texts(), ["a"]);
        assert_eq!(seen.close_code(), Some(4000));
        assert_eq!(seen.close().close_reason(), "so long");
    }
}

#[test]
fn a_close_record_without_a_code_is_a_close_without_one() {
    // 1005 is how a recording writes it; on the wire it has no number.
    let seen = sent("1005", &["send", "--jsonl"], b"{\"event\":\"close\",\"code\":1005}\n");
    assert_eq!(seen.close_code(), None);
}

/// Input that is bad at a place: flags, stdin, what arrives before, and how
/// stderr names the place.
type Bad = (
    &'static str,
    &'static [&'static str],
    &'static [u8],
    &'static [&'static str],
    &'static [&'static str],
);

/// A Ping of 126 bytes: one more than a control frame holds.
const LONG_PING: &[u8] = b"{\"text\":\"a\"}\n{\"event\":\"ping\",\"text\":\"\
    000000000000000000000000000000000000000000000000000000000000000\
    000000000000000000000000000000000000000000000000000000000000000\"}\n";

#[test]
fn bad_input_is_named_after_what_came_before_it_was_sent() {
    const CASES: &[Bad] = &[
        ("UTF-8", &[], b"ok\nab\xffcd\nnever\n", &["ok"], &["message 2", "byte 3"]),
        ("the first byte", &[], b"\xffcd\n", &[], &["message 1", "byte 1"]),
        ("a cut character", &[], b"a\nb\nxy\xe2\x82\nd\n", &["a", "b"], &["message 3", "byte 3"]),
        ("an overlong form", &[], b"ok\n\xc0\xaf\n", &["ok"], &["message 2", "byte 1"]),
        ("a surrogate", &[], b"ok\nabc\xed\xa0\x80\n", &["ok"], &["message 2", "byte 4"]),
        ("a line end counts", &[], b"a\r\n\r\n\xff", &["a", ""], &["message 3", "byte 1"]),
        ("NUL", &["-0"], b"ok\0a\xff\0", &["ok"], &["message 2", "byte 2"]),
        ("delimiter", &["--delimiter=--"], b"ok--a\xff", &["ok"], &["message 2", "byte 2"]),
        ("whole", &["--whole"], b"ab\n\xff", &[], &["message 1", "byte 4"]),
        (
            "a prefixed one",
            &["--length-prefixed"],
            b"\0\0\0\x01a\0\0\0\x03ab\xff",
            &["a"],
            &["message 2", "byte 3"],
        ),
        ("chunk", &["--chunk", "2", "--text"], b"abc\xffd", &["ab"], &["message 2", "byte 2"]),
        ("hex", &["--decode", "hex", "--text"], b"61\n620g\n", &["a"], &["message 2", "byte 4"]),
        (
            "half of a hex pair",
            &["--decode", "hex", "--text"],
            b"61\n626\n",
            &["a"],
            &["message 2"],
        ),
        (
            "base64",
            &["--decode", "base64", "--text"],
            b"aGk=\na!==\n",
            &["hi"],
            &["message 2", "byte 2"],
        ),
        (
            "decoded text",
            &["--decode", "hex", "--text"],
            b"61\n62ff\n",
            &["a"],
            &["message 2", "byte 2"],
        ),
        ("no JSON", &["--jsonl"], b"{\"text\":\"a\"}\nhello\n", &["a"], &["record 2"]),
        ("half a record", &["--jsonl"], b"{\"text\":\"a\"}\n{\"text\":", &["a"], &["record 2"]),
        (
            "a record that is no object",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n[1]\n",
            &["a"],
            &["record 2"],
        ),
        (
            "a number for a text",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n{\"text\":1}\n",
            &["a"],
            &["record 2"],
        ),
        (
            "bad base64 in a record",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n{\"base64\":\"!\"}\n",
            &["a"],
            &["record 2"],
        ),
        (
            "bad hex in a record",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n{\"hex\":\"0\"}\n",
            &["a"],
            &["record 2"],
        ),
        (
            "a record of two payloads",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n{\"text\":\"b\",\"hex\":\"00\"}\n",
            &["a"],
            &["record 2"],
        ),
        (
            "an opcode that is none",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n{\"opcode\":\"odd\",\"text\":\"b\"}\n",
            &["a"],
            &["record 2"],
        ),
        (
            "an event that is none",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n{\"event\":\"odd\",\"text\":\"b\"}\n",
            &["a"],
            &["record 2"],
        ),
        (
            "a code that cannot be sent",
            &["--jsonl"],
            b"{\"text\":\"a\"}\n{\"event\":\"close\",\"code\":1004}\n",
            &["a"],
            &["record 2"],
        ),
        ("too long a ping", &["--jsonl"], LONG_PING, &["a"], &["record 2"]),
        (
            "a cut message",
            &["--length-prefixed"],
            b"\0\0\0\x01a\0\0\0\x03ab",
            &["a"],
            &["message 2"],
        ),
        ("a cut length", &["--length-prefixed"], b"\0\0\0\x01a\0\0", &["a"], &["message 2"]),
    ];
    for &(name, flags, stdin, before, place) in CASES {
        for command in ["send", "connect"] {
            let peer = Peer::start(|wire| {
                wire.accept();
                wire.finish_if_asked();
            });
            let url = peer.url();
            let args = [&[command, url.as_str()][..], plainly(command), flags].concat();
            let output = run(args).case(name).stdin(stdin).output();
            output.check(ends(26).saying(place));
            assert_eq!(peer.seen().messages(), of_text(before.iter().copied()), "case {name}");
        }
    }
}

#[test]
fn a_message_of_less_than_1_mib_is_sent_valid_or_not_at_all() {
    let mut input = b"ok\n".to_vec();
    input.extend(vec![b'x'; 900_000]);
    input.extend(b"\xff\nnever\n");
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.finish_if_asked();
    });
    let output = run(["send", &peer.url()]).stdin(&input).output();
    output.check(ends(26).saying(&["message 2", "byte 900001"]));
    let seen = peer.seen();
    assert_eq!(seen.texts(), ["ok"]);
    assert!(seen.frames.iter().all(|frame| frame.payload.len() < 1000), "half a message was sent");
}

#[test]
fn an_encoding_of_less_than_1_mib_is_sent_valid_or_not_at_all() {
    // Longer than 1 MiB before it is decoded, and shorter after.
    for (encoding, digit) in [("hex", b'6'), ("base64", b'A')] {
        let mut input = vec![digit; 1_200_000];
        *input.last_mut().unwrap() = b'!';
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.finish_if_asked();
        });
        let output = run(["send", "--decode", encoding, &peer.url()]).stdin(&input).output();
        output.check(ends(26).saying(&["message 1", "byte 1200000"]));
        let opcodes: Vec<_> = peer.seen().frames.iter().map(|frame| frame.opcode).collect();
        assert_eq!(opcodes, [CLOSE], "{encoding}");
    }
}

#[test]
fn a_bad_byte_late_in_a_large_message_ends_it_unfinished() {
    let mut input = vec![b'x'; 5 << 20];
    input.push(0xff);
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.finish_if_asked();
    });
    let output = run(["send", &peer.url()]).stdin(&input).output();
    output.check(ends(26).saying(&["message 1", "byte 5242881"]));
    assert_eq!(peer.seen().messages(), []);
}

#[test]
fn an_argument_is_a_message_as_it_stands() {
    let peer = Peer::that_listens();
    let url = peer.url();
    let args = ["send", &url, "one", "", "@three", "four\nlines\r\n", "--", "-d"];
    run(args).stdin("never\n").output().check(ends(0));
    let wanted = ["one", "", "@three", "four\nlines\r\n", "-d"];
    assert_eq!(peer.seen().texts(), wanted);
}

#[test]
fn d_is_a_message_each_time() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "line\r\n\nlast\n").unwrap();
    let of_file = format!("@{}", file.display());
    for command in ["send", "connect"] {
        let flags = ["-d", "one", "-d", "", "-d", &of_file, "--data-raw", "@raw", "--data", "five"];
        let seen = sent("-d", &[&[command][..], &flags].concat(), b"");
        assert_eq!(seen.texts(), ["one", "", "line\r\n\nlast\n", "@raw", "five"], "{command}");
    }
}

#[test]
fn d_subscribes_in_listen() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("subscribe");
        wire.expect_text("@too");
        wire.send([support::text("one"), support::close(1000, "")].concat());
        wire.read_to_close();
        wire.end();
    });
    let args = ["listen", &peer.url(), "-d", "subscribe", "--data-raw", "@too"];
    run(args).stdin("never\n").output().check(ends(0).printing("one\n"));
    peer.seen();
}

#[test]
fn d_at_dash_is_all_of_stdin_unchanged() {
    for command in ["send", "connect", "listen"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            let first = wire.read_message();
            assert_eq!(first, (TEXT, b"a\r\nb\n\n".to_vec()));
            wire.send(support::close(1000, ""));
            wire.read_to_close();
            wire.end();
        });
        run([command, &peer.url(), "-d", "@-"]).stdin("a\r\nb\n\n").output().check(ends(0));
        assert_eq!(peer.seen().messages().len(), 1);
    }
}

#[test]
fn connect_sends_d_before_stdin() {
    let seen = sent("order", &["connect", "-d", "first", "-d", "second"], b"a\nb\n");
    assert_eq!(seen.texts(), ["first", "second", "a", "b"]);
}

#[test]
fn binary_makes_messages_of_arguments_binary() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"\xff\0\n").unwrap();
    let of_file = format!("@{}", file.display());
    let seen = sent("argument", &["send", "--binary", "-d", "hi", "-d", &of_file], b"");
    assert_eq!(seen.messages(), [(BINARY, b"hi".to_vec()), (BINARY, b"\xff\0\n".to_vec())]);
}

#[test]
fn a_large_file_arrives_whole() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    let content: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 253) as u8).collect();
    fs::write(&file, &content).unwrap();
    let of_file = format!("@{}", file.display());
    let seen = sent("file", &["send", "--binary", "-d", &of_file, "-d", "after"], b"");
    let wanted = [(BINARY, content), (BINARY, b"after".to_vec())];
    assert!(seen.messages() == wanted, "{} messages", seen.messages().len());
}

#[test]
fn files_that_cannot_be_read_end_with_26() {
    let folder = TempDir::new().unwrap();
    let missing = format!("@{}", folder.path().join("missing").display());
    let directory = format!("@{}", folder.path().display());
    let bad = folder.path().join("bad");
    fs::write(&bad, b"ab\xff").unwrap();
    let bad = format!("@{}", bad.display());
    for file in [&missing, &directory, &bad] {
        for command in ["send", "connect", "listen"] {
            let peer = Peer::start(|wire| {
                wire.accept();
                wire.finish_if_asked();
            });
            let output = run([command, &peer.url(), "-d", file]).output();
            output.check(ends(26).saying(&[file.trim_start_matches('@')]));
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_keeps_nothing_before_it_from_being_sent() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.finish_if_asked();
    });
    let output = run(["send", &peer.url(), "-d", "first", "-d", "@/no/such/file"]).output();
    output.check(ends(26).saying(&["/no/such/file"]));
    // It may also be refused before the connection is made; then nobody comes.
}

#[test]
fn stdin_that_is_a_directory_ends_with_26() {
    let folder = TempDir::new().unwrap();
    for command in ["send", "connect"] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.finish_if_asked();
        });
        let directory = fs::File::open(folder.path()).unwrap();
        let output = run([command, &peer.url()]).stdin_file(directory).output();
        output.check(ends(26).saying(&["stdin"]));
    }
}

#[test]
fn stdin_can_be_a_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "a\nb").unwrap();
    for command in ["send", "connect"] {
        let peer = Peer::that_listens();
        let file = fs::File::open(&path).unwrap();
        run([command, &peer.url()]).stdin_file(file).output().check(ends(0));
        assert_eq!(peer.seen().texts(), ["a", "b"]);
    }
}

#[test]
fn stdin_that_is_closed_is_empty() {
    for command in ["send", "connect"] {
        let peer = Peer::that_listens();
        run([command, &peer.url()]).stdin_closed().output().check(ends(0));
        assert_eq!(peer.seen().messages(), []);
    }
}

#[test]
fn input_that_would_have_to_be_guessed_at_is_refused() {
    let cases: &[(&str, &[&str])] = &[
        ("binary stdin without a framing", &["send", "--binary", "ws://127.0.0.1:1/"]),
        ("the same in connect", &["connect", "--binary", "ws://127.0.0.1:1/"]),
        ("an empty delimiter", &["send", "--delimiter", "", "ws://127.0.0.1:1/"]),
        ("a chunk of nothing", &["send", "--chunk", "0", "ws://127.0.0.1:1/"]),
        ("a chunk that is no size", &["send", "--chunk", "few", "ws://127.0.0.1:1/"]),
        ("an argument with -d", &["send", "ws://127.0.0.1:1/", "one", "-d", "two"]),
        ("another encoding", &["send", "--decode", "rot13", "ws://127.0.0.1:1/"]),
        ("two framings", &["send", "--lines", "--whole", "ws://127.0.0.1:1/"]),
        ("lines of a whole", &["connect", "--lines", "-d", "@-", "ws://127.0.0.1:1/"]),
        ("sides without records", &["send", "--only-from", "them", "--jsonl", "ws://127.0.0.1:1/"]),
    ];
    for (case, args) in cases {
        run(*args).case(case).stdin("a\n").output().check(ends(2).saying(&[]));
    }
}

#[test]
fn a_line_of_10_mib_arrives_whole() {
    // Characters of two bytes at odd offsets: some stand across the edge of
    // whatever is read or sent at once.
    let line = format!("a{}", "é".repeat(5 << 20));
    let input = format!("before\n{line}\nafter\n");
    for command in ["send", "connect"] {
        let seen = sent("10 MiB", &[command], input.as_bytes());
        let texts = seen.texts();
        let lengths: Vec<_> = texts.iter().map(String::len).collect();
        assert_eq!(lengths, [6, line.len(), 5]);
        assert!(texts[1] == line, "the line was changed");
    }
}

#[test]
fn lengths_around_the_edges_of_a_header_arrive() {
    let lengths = [0, 1, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 1 << 20];
    let input: Vec<String> = lengths.iter().map(|length| "y".repeat(*length)).collect();
    let seen = sent("lengths", &["send"], input.join("\n").as_bytes());
    assert!(
        seen.texts() == input,
        "{:?}",
        seen.texts().iter().map(String::len).collect::<Vec<_>>()
    );
}

#[test]
fn every_frame_is_masked_with_a_mask_of_its_own() {
    let input = "same\n".repeat(200);
    let first = sent("masks", &["send"], input.as_bytes());
    let second = sent("masks", &["send"], input.as_bytes());
    let frames = first.frames.iter().chain(&second.frames);
    let mut masks: Vec<_> = frames.map(|frame| frame.mask).collect();
    let count = masks.len();
    masks.sort_unstable();
    masks.dedup();
    // Of 400 random numbers of 32 bits, hardly two are ever the same.
    assert!(count >= 400 && masks.len() + 2 > count, "{} masks, {count} frames", masks.len());
}

#[test]
fn many_small_lines_arrive_in_order() {
    let input: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    let seen = sent("many", &["connect"], input.as_bytes());
    let texts = seen.texts();
    assert_eq!(texts.len(), 100_000);
    assert!(texts.iter().enumerate().all(|(number, text)| *text == number.to_string()));
}

#[test]
fn input_typed_at_a_terminal_is_sent_line_by_line() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.send(support::text("ready"));
        wire.expect_text("typed");
        wire.quiet_for(Duration::from_millis(100));
        wire.send([support::text("one"), support::close(1000, "")].concat());
        wire.read_to_close();
        wire.end();
    });
    let mut running = run(["connect", &peer.url()]).stdin_terminal().start();
    running.wait_for_stdout("ready");
    running.write("typed\n");
    let output = running.output();
    output.check(ends(0).printing("ready\none\n").with_stderr_checked_apart());
    peer.seen();
}
