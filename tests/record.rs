//! `--record`: the whole session as records, as it happens.

mod support;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Instant;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::{
    BINARY, DEADLINE, Nobody, Peer, Running, TEXT, Wire, binary, close, dies_by, ends, ping, pong,
    run, text,
};
use tempfile::TempDir;

/// A folder for a recording.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn recording(&self) -> String {
        self.path("session.jsonl").display().to_string()
    }

    /// The records, each a whole line.
    fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("session.jsonl")).unwrap();
        assert!(text.ends_with('\n'), "{text}");
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// The records without what differs from run to run: times, and the open record but for its event.
fn plain(records: &[Value]) -> Vec<Value> {
    let plain = records.iter().cloned().map(|mut record| {
        let time = record.as_object_mut().unwrap().remove("time").unwrap();
        assert_eq!(time.as_str().unwrap().len(), "2026-11-22T18:00:00.123456Z".len());
        if record["event"] == "open" { json!({"event": "open"}) } else { record }
    });
    plain.collect()
}

fn message(from: &str, text: &str) -> Value {
    json!({"event": "message", "from": from, "opcode": "text", "length": text.len(), "text": text})
}

fn control(event: &str, from: &str, base64: &str) -> Value {
    json!({"event": event, "from": from, "base64": base64})
}

/// A server that hears a text, then says all there is to say.
fn talkative() -> Peer {
    Peer::start(|wire| {
        wire.accept();
        wire.expect_text("a");
        wire.send([text("hello"), ping(b"p")].concat());
        wire.expect_pong(b"p");
        wire.send([binary(b"\0\x01\x02"), pong(b"q"), close(1000, "bye")].concat());
        wire.end_whatever_comes();
    })
}

#[test]
fn a_recording_has_both_sides_in_order_and_is_private() {
    let folder = Folder::new();
    let peer = talkative();
    let args = ["listen", "-d", "a", "--record", &folder.recording(), &peer.url()];
    run(args).output().check(ends(0).printing("hello\n000102\n"));
    peer.seen();
    let expected = [
        json!({"event": "open"}),
        message("us", "a"),
        message("peer", "hello"),
        control("ping", "peer", "cA=="),
        control("pong", "us", "cA=="),
        json!({"event": "message", "from": "peer", "opcode": "binary", "length": 3, "base64": "AAEC"}),
        control("pong", "peer", "cQ=="),
        json!({"event": "close", "from": "peer", "code": 1000, "reason": "bye", "clean": true}),
    ];
    assert_eq!(plain(&folder.records()), expected);
    let mode = fs::metadata(folder.recording()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_jsonl_prints_stands_in_the_recording_too() {
    let folder = Folder::new();
    let peer = talkative();
    let args = ["listen", "-d", "a", "--format", "jsonl", "--record", &folder.recording()];
    let output = run(args).arg(peer.url()).output();
    output.check(ends(0).with_stdout_checked_apart());
    peer.seen();
    let printed: Vec<Value> =
        output.stdout_text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut recorded = folder.records();
    recorded.retain(|record| record["from"] != "us");
    let open = recorded[0].as_object_mut().unwrap();
    for head in ["request_headers", "response_headers"] {
        assert!(open.remove(head).unwrap().as_array().unwrap().len() > 2, "{head}");
    }
    assert_eq!(recorded, printed, "times included");
}

#[test]
fn the_pings_of_keepalive_and_their_times_are_recorded() {
    let folder = Folder::new();
    let peer = Peer::start(|wire| {
        wire.accept();
        let payload = wire.expect_ping().payload;
        wire.send([pong(&payload), close(1000, "")].concat());
        wire.end_whatever_comes();
    });
    let args = ["listen", "--ping-interval", "10ms", "--ping-timeout", "30s", "--record"];
    run(args).args([folder.recording(), peer.url()]).output().check(ends(0));
    peer.seen();
    let records = folder.records();
    let about = |record: &Value| (record["event"].clone(), record["from"].clone());
    assert_eq!(about(&records[1]), (json!("ping"), json!("us")));
    assert_eq!(about(&records[2]), (json!("pong"), json!("peer")));
    assert_eq!(records[1]["base64"], records[2]["base64"]);
    assert!(records[2]["rtt_us"].is_u64(), "{records:?}");
}

#[test]
fn a_failure_is_recorded_with_or_without_a_session() {
    let folder = Folder::new();
    let nobody = Nobody::refusing();
    let url = format!("ws://{}/", nobody.address);
    let output = run(["listen", "--record", &folder.recording(), &url]).output();
    output.check(ends(7).saying(&["cannot connect"]));
    let records = folder.records();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!((&records[0]["kind"], &records[0]["exit_code"]), (&json!("connect"), &json!(7)));

    let peer = Peer::start(|wire| {
        wire.accept_with(&text("one"));
        wire.reset();
    });
    let output = run(["listen", "--record", &folder.recording(), &peer.url()]).output();
    output.check(ends(106).with_stdout_checked_apart().saying(&["connection lost"]));
    peer.seen();
    let records = folder.records();
    let last = &records[records.len() - 2..];
    assert_eq!((&last[0]["event"], &last[0]["code"]), (&json!("close"), &json!(1006)));
    assert_eq!((&last[1]["event"], &last[1]["kind"]), (&json!("failure"), &json!("lost")));
}

#[test]
fn the_heads_are_recorded_without_secrets() {
    let cases: [(&str, &[&str], &str, &str); 4] = [
        ("-u", &["-u", "me:s3cret"], "", "Authorization"),
        ("-H", &["-H", "authorization: Bearer s3cret"], "", "Authorization"),
        ("-b", &["-b", "id=s3cret"], "", "Cookie"),
        ("a URL", &[], "me:s3cret@", "Authorization"),
    ];
    for (case, flags, userinfo, header) in cases {
        let folder = Folder::new();
        let peer = Peer::start(|wire| {
            wire.request();
            let answer = wire.switching_protocols();
            let more = "X-Twice: 1\r\nSet-Cookie: a=s3cret; Path=/\r\nX-Twice: 2\r\n\r\n";
            wire.send(answer.replace("\r\n\r\n", "\r\n") + more);
            wire.finish();
        });
        let url = format!("ws://{userinfo}{}/", peer.address);
        let args = ["listen", "-n", "0", "--record", &folder.recording(), &url];
        run(args).args(flags).case(case).output().check(ends(0));
        let seen = peer.seen();
        assert!(!seen.header(header).unwrap().contains("redacted"), "{case}");
        let recorded = fs::read_to_string(folder.recording()).unwrap();
        assert!(!recorded.contains("s3cret") && !recorded.contains("bWU6czNjcmV0"), "{recorded}");
        let open = &folder.records()[0];
        assert_eq!(open["url"], format!("ws://{}/", peer_of(&seen)), "{case}");
        let has = |head: &str, name: &str, value: &str| {
            open[head].as_array().unwrap().contains(&json!([name, value]))
        };
        assert!(has("request_headers", header, "(redacted)"), "{case}: {open}");
        assert!(has("response_headers", "Set-Cookie", "a=(redacted); Path=/"), "{case}: {open}");
        assert!(has("response_headers", "X-Twice", "1") && has("response_headers", "X-Twice", "2"));
    }
}

fn peer_of(seen: &support::Seen) -> String {
    seen.header("Host").unwrap()
}

#[test]
fn of_tries_and_redirects_the_last_is_recorded() {
    let folder = Folder::new();
    let answer = |status: &'static str| -> support::Script {
        Box::new(move |wire: &mut Wire| {
            wire.request();
            wire.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
            wire.end_whatever_comes();
        })
    };
    let peers = Peer::start_each(vec![
        answer("503 Service Unavailable"),
        answer("302 Found\r\nLocation: /elsewhere"),
        Box::new(Wire::hello),
    ]);
    let args = ["listen", "-L", "--retry", "1", "--retry-delay", "10ms", "--record"];
    let output = run(args).args([folder.recording(), peers.url()]).output();
    output.check(ends(0).printing("hello\n").saying(&["503"]));
    peers.seen();
    let records = folder.records();
    let events: Vec<_> = records.iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["open", "message", "close"]);
    assert!(records[0]["url"].as_str().unwrap().ends_with("/elsewhere"));
}

#[test]
fn a_file_that_is_there_is_emptied_and_kept_from_others() {
    let folder = Folder::new();
    fs::write(folder.recording(), "x".repeat(100_000)).unwrap();
    fs::set_permissions(folder.recording(), fs::Permissions::from_mode(0o644)).unwrap();
    let output = run(["send", "-n", "1", "--record", &folder.recording(), "echo:", "hi"]).output();
    output.check(ends(0).printing("hi\n"));
    assert_eq!(folder.records().len(), 4);
    let mode = fs::metadata(folder.recording()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_cannot_be_written_ends_with_23_before_anything_is_sent() {
    let folder = TempDir::new().unwrap();
    let nobody = Nobody::refusing();
    let url = format!("ws://{}/", nobody.address);
    let missing = folder.path().join("none/session.jsonl").display().to_string();
    let cases = [
        (folder.path().to_str().unwrap(), 23, "Is a directory"),
        (&missing, 23, "No such file or directory"),
        ("-", 2, "hint: name a file"),
    ];
    for (path, code, says) in cases {
        let output = run(["send", "--record", path, &url, "hi"]).case(path).output();
        output.check(ends(code).saying(&[path, says]));
    }
}

#[test]
fn what_could_not_be_recorded_is_neither_shown_nor_sent() {
    let peer = Peer::start(|wire| {
        wire.accept_with(&text("one"));
        wire.end_whatever_comes();
    });
    let output = run(["connect", "--record", "/dev/full", &peer.url()]).stdin("a\nb\n").output();
    output.check(ends(23).saying(&["cannot write /dev/full: No space left on device"]));
    assert_eq!(peer.seen().texts(), [""; 0]);
}

#[test]
fn a_disk_that_fills_up_ends_the_session_with_whole_records() {
    let folder = Folder::new();
    let peer = Peer::start(|wire| {
        wire.accept();
        (0..200).for_each(|number| {
            wire.try_send(text(&number.to_string()));
        });
        wire.end_whatever_comes();
    });
    let script = "ulimit -f 8; trap '' XFSZ; exec \"$0\" listen --record \"$1\" \"$2\"";
    let args = ["serve", "--", "sh", "-c", script, env!("CARGO_BIN_EXE_wspipe")];
    let output = run(args).args([folder.recording(), peer.url()]).output();
    output.check(ends(23).with_stdout_checked_apart().saying(&["session.jsonl: File too large"]));
    peer.seen();
    let records = folder.records();
    let recorded: Vec<_> = records[1..].iter().map(|r| r["text"].as_str().unwrap()).collect();
    assert!(recorded.len() > 10, "{recorded:?}");
    assert_eq!(output.stdout_text().lines().collect::<Vec<_>>(), recorded);
}

#[test]
fn what_stood_on_stdout_stands_in_the_recording_of_a_process_that_was_killed() {
    for _ in 0..3 {
        let folder = Folder::new();
        let shown = folder.path("stdout");
        let peer = Peer::start(|wire| {
            wire.accept();
            let mut number = 0;
            let mut batch = || {
                let texts: Vec<_> = (number..number + 100).map(|n| text(&n.to_string())).collect();
                number += 100;
                texts.concat()
            };
            while wire.try_send(batch()) {}
        });
        let running = run(["listen", "--record", &folder.recording(), &peer.url()])
            .stdout_file(File::create(&shown).unwrap())
            .start();
        wait_for_size(&shown, 20_000);
        running.signal(Signal::KILL);
        running.output().check(dies_by(9));
        peer.seen();
        let recorded = fs::read_to_string(folder.recording()).unwrap();
        // The system itself may cut the write short that it is at.
        let whole = &recorded[..recorded.rfind('\n').unwrap() + 1];
        let records = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
        let texts: Vec<_> =
            records.skip(1).map(|r| r["text"].as_str().unwrap().to_owned()).collect();
        let shown = fs::read_to_string(&shown).unwrap();
        let shown: Vec<_> = shown.split_inclusive('\n').filter(|l| l.ends_with('\n')).collect();
        assert!(shown.len() > 1000 && texts.len() >= shown.len(), "{}", texts.len());
        assert!(shown.iter().zip(&texts).all(|(shown, text)| shown.trim_end() == text));
    }
}

fn wait_for_size(path: &Path, size: u64) {
    let until = Instant::now() + DEADLINE;
    while fs::metadata(path).is_ok_and(|data| data.len() < size) {
        assert!(Instant::now() < until, "it did not grow");
        std::thread::yield_now();
    }
}

#[test]
fn messages_that_did_not_leave_are_counted_in_the_close_record() {
    let folder = Folder::new();
    let (go, gone) = mpsc::channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        gone.recv_timeout(DEADLINE).unwrap();
        wire.send(close(1000, ""));
        wire.read_to_close();
        wire.end();
    });
    let lines = format!("{}\n", "x".repeat(9_999)).repeat(3_000);
    let running = run(["send", "--record", &folder.recording(), &peer.url()]).stdin(lines).start();
    // It is stuck: the peer reads nothing.
    let until = Instant::now() + DEADLINE;
    let (mut size, mut same) = (0, 0);
    while size < 1_000_000 || same < 1000 {
        assert!(Instant::now() < until, "it was never stuck");
        let now = fs::metadata(folder.recording()).map_or(0, |data| data.len());
        same = if now == size && running.is_asleep() { same + 1 } else { 0 };
        size = now;
    }
    go.send(()).unwrap();
    running.output().check(ends(4).saying(&["input not sent"]));
    let arrived = peer.seen().messages().len();
    let records = folder.records();
    let ours = records.iter().filter(|r| r["event"] == "message" && r["from"] == "us").count();
    let close = records.iter().find(|record| record["event"] == "close").unwrap();
    // The system may have had room for all that was queued.
    let unsent = close["unsent"].as_u64().unwrap_or(0);
    assert_eq!(arrived as u64 + unsent, ours as u64, "{close}");
    assert_eq!(records.last().unwrap()["kind"], "not_as_asked");
}

#[test]
fn a_recording_is_sent_again_as_it_was() {
    let folder = Folder::new();
    let long = "long ".repeat(500_000);
    let records = [
        json!({"text": "a \u{1b} \u{20ac} \"quoted\"\n"}),
        json!({"base64": "AP8K"}),
        json!({"text": ""}),
        json!({"hex": ""}),
        json!({"text": long}),
        json!({"event": "ping", "text": "p"}),
    ];
    let input: String = records.iter().map(|record| format!("{record}\n")).collect();
    let answering = || {
        Peer::start(|wire| {
            wire.accept();
            wire.send(text("from the peer"));
            wire.finish();
        })
    };
    let (first, second) = (answering(), answering());
    let args = ["send", "--jsonl", "--record", &folder.recording(), "-o", "/dev/null"];
    run(args).arg(first.url()).stdin(input).output().check(ends(0));
    let recording = File::open(folder.recording()).unwrap();
    let args = ["send", "--jsonl", "--only-from", "us", "-o", "/dev/null", &second.url()];
    run(args).stdin_file(recording).output().check(ends(0));
    let (first, second) = (first.seen(), second.seen());
    let kinds: Vec<_> = first.messages().iter().map(|(opcode, _)| *opcode).collect();
    assert_eq!(kinds, [TEXT, BINARY, TEXT, BINARY, TEXT]);
    assert!(first.messages() == second.messages());
    assert_eq!(second.payloads(support::PING), [b"p"]);
}

#[test]
fn of_a_message_that_is_too_large_to_hold_the_length_is_recorded() {
    let folder = Folder::new();
    let peer = Peer::that_listens();
    let args = ["send", "--max-message-size", "2M", "--record", &folder.recording(), &peer.url()];
    let long = "x".repeat((2 << 20) + 1);
    let output = run(args).args(["-d", "@-", "-d", "short"]).stdin(&long).output();
    output.check(ends(0).saying(&["--record: a message was over 2097152 bytes"]));
    assert!(peer.seen().texts() == [long, "short".to_owned()]);
    let records = plain(&folder.records());
    let only_length =
        json!({"event": "message", "from": "us", "opcode": "text", "length": 2097153});
    assert_eq!(records[1..3], [only_length, message("us", "short")]);

    let recording = File::open(folder.recording()).unwrap();
    let peer = Peer::that_listens();
    let output = run(["send", "--jsonl", &peer.url()]).stdin_file(recording).output();
    output.check(ends(26).saying(&["record 2: only the length of this message was recorded"]));
    assert_eq!(peer.seen().texts(), [""; 0]);

    let peer = Peer::start(|wire| {
        wire.accept_with(&text("12345"));
        wire.end_whatever_comes();
    });
    let args = ["listen", "--max-message-size", "4", "--record", &folder.recording(), &peer.url()];
    run(args).output().check(ends(109).saying(&["1009"]));
    peer.seen();
    assert_eq!(plain(&folder.records())[1]["code"], 1009);
}

#[test]
fn a_recording_that_nobody_reads_holds_the_session_up_and_nothing_else() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    let fifo = fifo.to_str().unwrap();
    let flood = || {
        Peer::start(|wire| {
            wire.accept();
            while wire.try_send(text("on and on")) {}
        })
    };
    let peer = flood();
    let limited = ["listen", "-m", "300ms", "--record", fifo, &peer.url()];
    run(limited).output().check(ends(28).saying(&["longer than 300ms"]));
    peer.seen();

    let (accepted, is_open) = mpsc::channel();
    let peer = Peer::start(move |wire| {
        wire.accept();
        accepted.send(()).unwrap();
        wire.end_whatever_comes();
    });
    let lines = "\n".repeat(1 << 20);
    let running = run(["send", "--record", fifo, &peer.url()]).stdin(lines).start();
    is_open.recv_timeout(DEADLINE).unwrap();
    held_up(&running);
    assert!(running.peak_memory() < 32 << 20);
    running.signal(Signal::INT);
    running.output().check(dies_by(2).saying(&["SIGINT"]));
    peer.seen();

    let peer = flood();
    let running = run(["listen", "--record", fifo, "-o", "/dev/null", &peer.url()]).start();
    let reader = File::open(fifo).unwrap();
    held_up(&running);
    assert!(running.peak_memory() < 32 << 20);
    running.signal(Signal::INT);
    running.output().check(dies_by(2).saying(&["SIGINT"]));
    drop(reader);
    peer.seen();
}

/// Waits until the program does nothing for a while.
fn held_up(running: &Running) {
    let until = Instant::now() + DEADLINE;
    let mut asleep = 0;
    while asleep < 1000 {
        assert!(Instant::now() < until, "it is not held up");
        asleep = if running.is_asleep() { asleep + 1 } else { 0 };
    }
}

#[test]
fn a_fifo_gets_everything() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    let running = run(["send", "--record", fifo.to_str().unwrap(), "echo:"])
        .stdin("a line\n".repeat(5_000))
        .start();
    let recorded = fs::read_to_string(&fifo).unwrap();
    running.output().check(ends(0).printing("a line\n".repeat(5_000)));
    let records: Vec<Value> =
        recorded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |from: &str| records.iter().filter(|r| r["from"] == from && r["text"].is_string()).count();
    assert_eq!((of("us"), of("peer"), records.len()), (5_000, 5_000, 10_002));
}
