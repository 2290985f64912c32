//! The prompt of `connect`, at a pseudo-terminal: what is on the screen, what is sent, and how it ends.

mod support;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use support::{BINARY, Dialogue, Peer, Setting, TEXT, binary, close, pong, run, text};
use tempfile::TempDir;

/// A home without a history.
struct Home(TempDir);

impl Home {
    fn new() -> Home {
        Home(TempDir::new().unwrap())
    }

    fn setting<'a>(&'a self, args: &'a [&'a str]) -> Setting<'a> {
        Setting { args, home: self.0.path(), stdout: None, term: "xterm", no_color: "" }
    }

    /// `wspipe connect URL FLAGS…` once it waits for a line.
    fn connect(&self, url: &str, flags: &[&str]) -> Dialogue {
        let mut dialogue = Dialogue::start(self.setting(&[&["connect", url], flags].concat()));
        // A request that -v shows ends with such a line too.
        let is_there = |screen: &str| screen.contains(", Ctrl-D closes") && screen.ends_with("\n>");
        dialogue.wait_for("the prompt", is_there);
        dialogue
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The lines that are kept, for nobody else to read.
    fn history(&self) -> Vec<String> {
        let path = self.0.path().join(".local/state/wspipe/history");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::read_to_string(path).unwrap().lines().skip(1).map(str::to_owned).collect()
    }
}

#[test]
fn a_line_is_edited_sent_and_answered() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let mut dialogue = home.connect(&peer.url(), &[]);
    let banner = format!("connected to {}; /help shows", peer.url());
    assert!(dialogue.screen().starts_with(&banner), "{}", dialogue.screen());
    // Left three times, a character; the beginning, a character; the end, a character.
    dialogue.type_in("hllo\x1b[D\x1b[D\x1b[De\x01<\x05>\r");
    dialogue.wait_for_end("> <hello>\n< <hello>\n>");
    // Wide characters and combining ones, with the cursor between them.
    dialogue.type_in("日本e\u{301}\x1b[D\x1b[D語\r");
    dialogue.wait_for_end("> 日語本e\u{301}\n< 日語本e\u{301}\n>");
    dialogue.type_in("\r");
    dialogue.wait_for_end(">\n< (an empty text)\n>");
    dialogue.type_in("\x04");
    assert_eq!(dialogue.end(), 0);
    dialogue.has_ended_with("\nclosed by us: 1000 normal closure");
    assert_eq!(peer.seen().texts(), ["<hello>", "日語本e\u{301}", ""]);
}

#[test]
fn what_is_expected_ends_nothing_and_is_judged_at_the_end() {
    for (typed, exit, end) in [("pong", 0, "normal closure"), ("ponh", 4, "\n  - pong\n  + ponh")] {
        let (home, peer) = (Home::new(), Peer::that_echoes());
        let mut dialogue = home.connect(&peer.url(), &["--expect", "pong"]);
        dialogue.type_in(&format!("{typed}\r"));
        dialogue.wait_for_end(&format!("> {typed}\n< {typed}\n>"));
        dialogue.type_in("more\r");
        dialogue.wait_for_end("> more\n< more\n>");
        dialogue.type_in("\x04");
        assert_eq!(dialogue.end(), exit);
        dialogue.has_ended_with(end);
        peer.seen();
    }
}

#[test]
fn there_is_no_prompt_in_a_session_that_is_not_the_expected_one() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let args = ["connect", &peer.url(), "--expect-subprotocol", "mqtt"];
    let mut dialogue = Dialogue::start(home.setting(&args));
    assert_eq!(dialogue.end(), 4);
    dialogue.has_ended_with("it was not offered (--subprotocol mqtt does)");
    assert!(!dialogue.text().contains('>'), "{}", dialogue.text());
    peer.seen();
}

#[test]
fn what_comes_is_shown_above_the_line_that_is_typed() {
    let home = Home::new();
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("go");
        wire.send(text("one"));
        wire.expect_text("half a line");
        wire.finish();
    });
    let mut dialogue = home.connect(&peer.url(), &[]);
    // Before the answer to it can be shown, the next line has begun.
    dialogue.type_in("go\rhalf");
    dialogue.wait_for_end("> go\n< one\n> half");
    dialogue.type_in(" a line\r\x04");
    assert_eq!(dialogue.end(), 0);
    peer.seen();
}

#[test]
fn a_long_text_of_many_lines_is_pasted_as_one_message() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let mut dialogue = home.connect(&peer.url(), &[]);
    let pasted: String =
        (0..2000).map(|at| format!("line {at:5} of what is pasted: {at:16}\n")).collect();
    assert!(pasted.len() > 90_000);
    dialogue.paste(&format!("{pasted}the end"));
    dialogue.wait_for_end("\nthe end");
    dialogue.type_in("\r");
    dialogue.wait_for_end("\n  the end\n>");
    dialogue.type_in("next\r");
    dialogue.wait_for_end("\n  the end\n> next\n< next\n>");
    dialogue.type_in("\x04");
    assert_eq!(dialogue.end(), 0);
    assert_eq!(peer.seen().texts(), [format!("{pasted}the end"), "next".into()]);
}

#[test]
fn the_line_fits_a_terminal_of_another_width() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let mut dialogue = home.connect(&peer.url(), &[]);
    let line = "x".repeat(100);
    dialogue.type_in(&line);
    dialogue.wait_for_end(&format!("> {}\n{}", "x".repeat(78), "x".repeat(22)));
    dialogue.resize(40);
    // The next character lets the line be drawn anew.
    dialogue.type_in("y");
    dialogue.wait_for("40 columns", |screen| {
        screen.ends_with(&format!("{}\n{}y", "x".repeat(40), "x".repeat(22)))
    });
    dialogue.type_in("\r\x04");
    assert_eq!(dialogue.end(), 0);
    assert_eq!(peer.seen().texts(), [format!("{line}y")]);
}

#[test]
fn nothing_that_the_peer_says_gets_to_the_terminal_as_it_is() {
    let home = Home::new();
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("go");
        wire.send(text("a\x1b]0;title\x07\x1b[2J\u{9b}31m\r\u{202e}b\n> forged"));
        wire.send(binary(b"\x1b[2J"));
        wire.expect_text("on");
        wire.send(close(4000, "\x1b[31mbye"));
        wire.until_gone();
    });
    let mut dialogue = home.connect(&peer.url(), &[]);
    dialogue.type_in("go\ro");
    dialogue.wait_for_end("|.[2J|\n> o");
    dialogue.type_in("n\r");
    assert_eq!(dialogue.end(), 118);
    let screen = dialogue.text();
    let safe =
        "< a\\x1b]0;title\\x07\\x1b[2J\\u{9b}31m\\r\\u{202e}b\n  > forged\n< binary, 4 bytes\n";
    assert!(screen.contains(safe), "{screen}");
    assert!(screen.ends_with("closed by peer: 4000 private to the application \"\\x1b[31mbye\""));
    let sent = String::from_utf8_lossy(&dialogue.sent).into_owned();
    for dangerous in ["\x1b]", "\x07", "\x1b[2J", "\u{9b}", "\u{202e}", "\x1b[31m"] {
        assert!(!sent.contains(dangerous), "{dangerous:?} in {sent:?}");
    }
    peer.seen();
}

#[test]
fn ctrl_c_clears_the_line_and_the_second_one_closes() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let mut dialogue = home.connect(&peer.url(), &[]);
    dialogue.type_in("not this\x03");
    dialogue.wait_for_end("\n>  Ctrl-C once more closes");
    dialogue.type_in("but this\r");
    dialogue.wait_for_end("< but this\n>");
    dialogue.type_in("\x03");
    dialogue.wait_for_end("\n>  Ctrl-C once more closes");
    dialogue.type_in("nor this\x03\x03");
    assert_eq!(dialogue.end(), 130);
    dialogue.has_ended_with("\nclosed by us: 1001 going away; ended by SIGINT");
    let seen = peer.seen();
    assert_eq!(seen.texts(), ["but this"]);
    assert_eq!(seen.close_code(), Some(1001));
}

#[test]
fn lines_are_kept_for_the_next_time() {
    let home = Home::new();
    let session = |keys: &str, flags: &[&str]| {
        let peer = Peer::that_echoes();
        let mut dialogue = home.connect(&peer.url(), flags);
        dialogue.type_in(keys);
        dialogue.type_in("\x04");
        assert_eq!(dialogue.end(), 0, "{}", dialogue.screen());
        peer.seen().texts()
    };
    assert_eq!(session("first\r a secret\rsecond\r", &[]), ["first", " a secret", "second"]);
    assert_eq!(home.history(), ["first", "second"]);
    // The one before the last, and one that is found by a part of it.
    assert_eq!(session("\x1b[A\x1b[A\r\x12sec\r", &[]), ["first", "second"]);
    assert_eq!(session("third\r", &["--no-history"]), ["third"]);
    assert_eq!(session("\x1b[A!\r", &[]), ["second!"]);
    assert_eq!(home.history(), ["first", "second", "first", "second", "second!"]);
}

#[test]
fn with_stdout_elsewhere_the_terminal_has_the_prompt_and_stdout_the_messages() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let path = home.path("out");
    let args = ["connect", &peer.url()];
    let stdout = Some(File::create(&path).unwrap());
    let mut dialogue = Dialogue::start(Setting { stdout, ..home.setting(&args) });
    dialogue.wait_for_end("\n>");
    dialogue.type_in("a\x1b[Ab\r/ping x\r");
    dialogue.wait_for("a pong", |screen| screen.contains("< pong \"x\" after "));
    dialogue.type_in("/nope\r");
    dialogue.wait_for("an error", |screen| screen.contains("* there is no command /nope: "));
    dialogue.type_in("\x04");
    assert_eq!(dialogue.end(), 0);
    assert!(!dialogue.screen().contains("< ab"), "{}", dialogue.screen());
    assert_eq!(fs::read_to_string(path).unwrap(), "ab\n");
    peer.seen();
}

#[test]
fn every_command_does_what_help_says() {
    let home = Home::new();
    fs::write(home.path("a file"), "of text").unwrap();
    let saved = home.path("saved.jsonl");
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_ping();
        wire.send([pong(b"p"), pong(b"")].concat());
        wire.finish();
    });
    let mut dialogue = home.connect(&peer.url(), &[]);
    dialogue.type_in("/ping p\r");
    let screen = dialogue.wait_for("a pong", |screen| screen.contains("< pong \"p\" after "));
    assert!(screen.contains(" ms"), "{screen}");
    let file = format!("/file {} text", home.path("a file"));
    for line in ["/pong q", "/binary 00 ff", "/base64 AP8=", "/json {\"b\": 1.0}", &file, "//x"] {
        dialogue.type_in(&format!("{line}\r"));
    }
    dialogue.type_in("/json {\r");
    dialogue.wait_for("an error", |screen| screen.contains("* this is no JSON: "));
    dialogue.type_in(&format!("/save {saved}\r"));
    dialogue.wait_for_sent("saved.jsonl: 10 records");
    dialogue.type_in("/he\t\r");
    dialogue.wait_for_sent("send a Pong that nobody asked for");
    dialogue.type_in("/history\r");
    dialogue.wait_for_sent("    1  /ping p\r\n    2  /pong q\r\n");
    dialogue.type_in("/close 4001 that is all\r");
    assert_eq!(dialogue.end(), 0, "{}", dialogue.screen());

    let seen = peer.seen();
    let text = |text: &str| (TEXT, text.as_bytes().to_vec());
    let bytes = || (BINARY, b"\0\xff".to_vec());
    let expected = [bytes(), bytes(), text("{\"b\":1.0}"), text("of text"), text("/x")];
    assert_eq!(seen.messages(), expected);
    assert_eq!(seen.pongs(), [b"q"]);
    assert_eq!(seen.close().close_reason(), "that is all");
    let records = fs::read_to_string(&saved).unwrap();
    let events: Vec<_> = records
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].to_string())
        .collect();
    let expected = [
        "open", "ping", "pong", "pong", "pong", "message", "message", "message", "message",
        "message",
    ];
    let quoted = expected.map(|event| format!("\"{event}\""));
    assert_eq!(events.len(), quoted.len(), "{records}");
    assert_eq!(fs::metadata(saved).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(quoted.iter().all(|event| events.contains(event)), "{records}");
}

#[test]
fn a_connection_that_drops_is_said_at_once() {
    let home = Home::new();
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("go");
        wire.reset();
    });
    let mut dialogue = home.connect(&peer.url(), &[]);
    dialogue.type_in("go\rhalf a line");
    assert_eq!(dialogue.end(), 106);
    let screen = dialogue.screen();
    assert!(screen.contains("\nconnection lost: 1006 abnormal closure ("), "{screen}");
    peer.seen();
}

#[test]
fn a_terminal_that_can_only_print_has_commands_too() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let args = ["connect", &peer.url()];
    let mut dialogue = Dialogue::start(Setting { term: "dumb", ..home.setting(&args) });
    dialogue.wait_for("the banner", |screen| screen.contains("/help shows"));
    dialogue.type_in("hello\n");
    dialogue.wait_for_end("hello\n< hello");
    dialogue.type_in("/nope\n");
    dialogue.wait_for("an error", |screen| screen.contains("* there is no command /nope: "));
    dialogue.type_in("/quit\n");
    assert_eq!(dialogue.end(), 0);
    assert!(!dialogue.sent.contains(&0x1b), "{}", dialogue.sent.escape_ascii());
    assert_eq!(peer.seen().texts(), ["hello"]);
}

#[test]
fn flags_that_say_what_a_message_is_leave_the_terminal_alone() {
    let peer = Peer::that_listens();
    let mut running = run(["connect", "--null", &peer.url()]).stdin_terminal().start();
    running.write("/help\0\n\x04\x04");
    let output = running.output();
    output.check(support::ends(0));
    assert_eq!(peer.seen().texts(), ["/help", "\n"]);
}

#[test]
fn a_history_that_cannot_be_kept_is_said() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    fs::write(home.path(".local"), "in the way").unwrap();
    let mut dialogue = home.connect(&peer.url(), &[]);
    assert!(dialogue.screen().contains("* the history is not kept: "), "{}", dialogue.screen());
    dialogue.type_in("all the same\r");
    dialogue.wait_for_end("< all the same\n>");
    dialogue.type_in("\x04");
    assert_eq!(dialogue.end(), 0);
    peer.seen();
}

#[test]
fn frames_are_shown_above_the_line_too() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let mut dialogue = home.connect(&peer.url(), &["-vv"]);
    dialogue.type_in("/ping abc\r");
    dialogue.wait_for("a pong", |screen| screen.contains("< pong \"abc\" after "));
    dialogue.type_in("half");
    let has = |screen: &str, sign, name: &str| {
        screen.lines().any(|line| line.starts_with(sign) && line.contains(name))
    };
    dialogue.wait_for("both frames", |screen| {
        has(screen, '>', " ping fin mask ") && has(screen, '<', " pong fin length 3")
    });
    dialogue.wait_for_end("\n> half");
    dialogue.type_in("\x03\x03");
    assert_eq!(dialogue.end(), 130);
    peer.seen();
}

#[test]
fn what_comes_is_shown_without_colours_too() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let args = ["connect", &peer.url()];
    let mut dialogue = Dialogue::start(Setting { no_color: "1", ..home.setting(&args) });
    dialogue.wait_for_end("\n>");
    dialogue.type_in("hello\r");
    dialogue.wait_for_end("> hello\n< hello\n>");
    dialogue.type_in("\x04");
    assert_eq!(dialogue.end(), 0);
    let sent = String::from_utf8_lossy(&dialogue.sent);
    // Colours end with an m; what moves the cursor and clears lines does not.
    assert!(!sent.contains("\x1b[36m") && !sent.contains("\x1b[0m"), "{sent:?}");
    peer.seen();
}

#[test]
fn numbers_are_shown_while_the_session_runs() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let mut dialogue = home.connect(&peer.url(), &[]);
    dialogue.type_in("hello\r");
    dialogue.wait_for_end("< hello\n>");
    dialogue.type_in("/stats\r");
    let is_there = |screen: &str| {
        screen.contains("\n* received: 1 message, 5 B in ")
            && screen.contains("\n* sent: 1 message, 5 B ")
    };
    dialogue.wait_for("statistics", is_there);
    dialogue.type_in("/quit\r");
    assert_eq!(dialogue.end(), 0);
    peer.seen();
}

#[test]
fn a_frame_made_by_hand_says_what_the_server_did_about_it() {
    let home = Home::new();
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_bytes(b"\x13\x01x");
        wire.send(close(1002, "no"));
        wire.end_whatever_comes();
    });
    let mut dialogue = home.connect(&peer.url(), &[]);
    dialogue.type_in("/frame fin=false rsv=1 opcode=3 mask=false text x\r");
    assert_eq!(dialogue.end(), 102);
    let screen = dialogue.text();
    assert!(screen.contains("\nclosed by peer: 1002 protocol error \"no\"; "), "{screen}");
    assert!(screen.ends_with(" ms after the last frame made by hand"), "{screen}");
    peer.seen();
}

#[test]
fn an_editor_that_waits_for_a_key_holds_up_no_end() {
    // A search, a character to be taken as it is, a sequence and a paste that have begun.
    for keys in ["\x12", "\x16", "\x18", "\x1b", "\x1b[200~abc"] {
        let home = Home::new();
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.expect_text("go");
            wire.expect_ping();
            wire.send(text("the last words"));
            wire.send(close(1008, "no more"));
            wire.until_gone();
        });
        let mut dialogue = home.connect(&peer.url(), &["--ping-interval", "200ms"]);
        dialogue.type_in(&format!("go\r{keys}"));
        assert_eq!(dialogue.end(), 108, "{keys:?}");
        let text = dialogue.text();
        assert!(text.contains("\n< the last words\n"), "{keys:?}: {text}");
        assert!(text.contains("closed by peer: 1008 policy violation \"no more\""), "{text}");
        peer.seen();
    }
}

#[test]
fn a_terminal_that_nobody_reads_holds_up_no_end() {
    let home = Home::new();
    let peer = Peer::start(|wire| {
        wire.accept();
        while wire.try_send(text(&"x".repeat(1000)).repeat(100)) {}
    });
    let args = ["connect", "-m", "1", &peer.url()];
    let mut dialogue = Dialogue::start(home.setting(&args));
    assert_eq!(dialogue.end_unread(), 28);
    peer.seen();
}

#[test]
fn saving_to_what_takes_nothing_does_not_stop_the_session() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let fifo = home.path("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut dialogue = home.connect(&peer.url(), &[]);
    dialogue.type_in(&format!("/save {fifo}\r/file {fifo}\rstill here\r"));
    dialogue.wait_for_end("< still here\n>");
    assert!(dialogue.text().contains("fifo: it is no ordinary file"), "{}", dialogue.text());
    dialogue.type_in("\x04");
    assert_eq!(dialogue.end(), 0);
    peer.seen();
}

#[test]
fn what_is_no_text_is_not_the_end() {
    let (home, peer) = (Home::new(), Peer::that_echoes());
    let mut dialogue = home.connect(&peer.url(), &[]);
    dialogue.type_bytes(b"\x1b[200~caf\xe9 au lait\ranother line\r\x1b[201~");
    dialogue.wait_for("an error", |screen| screen.contains("* what was typed is not UTF-8"));
    dialogue.wait_for_end("\n>");
    dialogue.type_in("all the same\r");
    dialogue.wait_for_end("< all the same\n>");
    dialogue.type_in("\x04");
    assert_eq!(dialogue.end(), 0);
    assert_eq!(peer.seen().texts(), ["all the same"]);
}

#[test]
fn a_signal_that_ends_it_at_once_leaves_the_terminal_as_it_was() {
    for (signal, code) in [(Signal::HUP, 129), (Signal::QUIT, 131), (Signal::TERM, 143)] {
        let (home, peer) = (Home::new(), Peer::that_echoes());
        let mut dialogue = home.connect(&peer.url(), &[]);
        dialogue.type_in("half a line");
        dialogue.wait_for_end("> half a line");
        dialogue.signal(signal);
        assert_eq!(dialogue.end(), code);
        peer.seen();
    }
}
