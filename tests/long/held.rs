//! One client that must hold messages whole, as large as they may be.

use std::io::Write as _;
use std::sync::Arc;
use std::thread;

use super::alone::{HUGE, bomb, send_huge, server};
use super::memory::Case;
use super::run::PATIENCE;
use crate::support::{BINARY, Files, TEXT, Wire, frame, header, run};

/// The largest message that is held unless something else is said.
const LARGEST: u64 = 64 << 20;
/// The most that may be taken for one, in MiB: it is there up to four times, and the rest as ever.
const HELD: u64 = 4 * 64 + 12;
/// What a refused one may take: as much as came before that was known.
const REFUSED: u64 = 2 * 64 + 12;

pub fn cases() -> Vec<Case> {
    let case = |command, name, bound, most, make: fn() -> u64| Case {
        command,
        name,
        bound,
        most,
        make: Box::new(make),
    };
    let limit = "--max-message-size, 64 MiB";
    vec![
        case("listen --format jsonl", "sends text of 64 MiB", limit, HELD, || {
            listen(&["--format", "jsonl"], 0, text)
        }),
        case(
            "listen --format jsonl",
            "sends 64 MiB of NUL, escaped",
            limit,
            6 * 64 + 64 + 12,
            || {
                listen(&["--format", "jsonl"], 0, |wire| {
                    wire.send(frame(0x80 | TEXT, &vec![0; LARGEST as usize]))
                })
            },
        ),
        case("listen --format jsonl", "sends binary of 64 MiB", limit, HELD, || {
            listen(&["--format", "jsonl"], 0, |wire| {
                wire.send(frame(0x80 | BINARY, &vec![7; LARGEST as usize]))
            })
        }),
        case("listen --format jsonl", "announces 64 MiB and a byte", limit, 12, || {
            listen(&["--format", "jsonl"], 109, |wire| wire.send(header(0x80 | TEXT, LARGEST + 1)))
        }),
        case("listen --format jsonl", "sends 1 GiB in fragments", limit, REFUSED, || {
            listen(&["--format", "jsonl"], 109, |wire| {
                let block = vec![b'x'; 1 << 20];
                (0..HUGE >> 20)
                    .all(|at| wire.try_send(frame(if at == 0 { TEXT } else { 0 }, &block)));
            })
        }),
        case(
            "listen --format jsonl --compress",
            "sends 1 GiB of zeros in 1 MiB",
            limit,
            REFUSED,
            || {
                listen(&["--format", "jsonl", "--compress"], 109, |wire| {
                    wire.try_send(bomb(HUGE));
                })
            },
        ),
        case("listen --until NEVER", "sends text of 64 MiB", limit, HELD, || {
            listen(&["--until", "NEVER"], 4, text)
        }),
        case("listen --until-regex NEVER", "sends text of 64 MiB", limit, HELD, || {
            listen(&["--until-regex", "NEVER.*x"], 4, text)
        }),
        case("listen --until-jq '.[0] == 1'", "sends a JSON string of 64 MiB", limit, HELD, || {
            listen(&["--until-jq", ".[0] == 1"], 4, string)
        }),
        case("listen --pretty", "sends a JSON string of 64 MiB", limit, HELD, || {
            listen(&["--pretty"], 0, string)
        }),
        case("listen --record FILE", "sends text of 64 MiB", limit, HELD, || {
            let files = Files::new();
            listen(&["--record", files.path("recording").to_str().unwrap()], 0, text)
        }),
        case("send --jsonl", "takes a record with 64 MiB of text", limit, HELD, || {
            let value = vec![b'x'; LARGEST as usize - 100];
            send(&["--jsonl"], [b"{\"text\":\"", &value[..], b"\"}\n"].concat())
        }),
        case("send --decode base64", "takes a line of 48 MiB", limit, HELD, || {
            send(&["--decode", "base64"], vec![b'A'; 64 << 20])
        }),
        case("send --record FILE --whole", "takes 64 MiB", limit, HELD, || {
            let files = Files::new();
            let path = files.path("recording");
            send(&["--record", path.to_str().unwrap(), "--whole"], vec![b'x'; LARGEST as usize])
        }),
    ]
}

fn text(wire: &mut Wire) {
    send_huge(wire, LARGEST);
}

fn string(wire: &mut Wire) {
    let mut json = vec![b'x'; LARGEST as usize];
    json[..2].copy_from_slice(b"[\"");
    json[(LARGEST - 2) as usize..].copy_from_slice(b"\"]");
    wire.send(frame(0x80 | TEXT, &json));
}

/// Its peak, in KiB, when it ends so; stdout is read.
fn listen(args: &[&str], exit: i32, script: impl FnOnce(&mut Wire) + Send + 'static) -> u64 {
    let (url, peer) = server(script);
    let mut running = run(["listen", &url]).args(args).deadline(PATIENCE).stdout_unread().start();
    let mut stdout = running.take_stdout();
    let reading = thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    let (output, peak) = running.output_and_peak();
    assert_eq!(output.code, Some(exit), "{}", output.report());
    reading.join().unwrap().unwrap();
    peer.seen();
    peak >> 10
}

/// The same with this on stdin.
fn send(args: &[&str], input: Vec<u8>) -> u64 {
    let (url, peer) =
        server(|wire| while wire.read_and_forget().is_some_and(|frame| frame.opcode < 8) {});
    let mut running = run(["send", &url]).args(args).stdin_held().deadline(PATIENCE).start();
    let mut stdin = running.take_stdin();
    let input = Arc::new(input);
    let feeding = thread::spawn(move || stdin.write_all(&input));
    let (output, peak) = running.output_and_peak();
    assert_eq!(output.code, Some(0), "{}", output.report());
    feeding.join().unwrap().expect("stdin is read");
    peer.seen();
    peak >> 10
}
