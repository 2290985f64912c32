//! `--pretty` and `--color`: JSON over several lines, and who gets colours.

mod support;

use support::{CONTINUATION, Output, Peer, Run, TEXT, binary, close, ends, frame, run, text};

/// A server that sends these frames and then closes with 1000.
fn sending(frames: impl AsRef<[u8]>) -> Peer {
    let bytes = [frames.as_ref(), &close(1000, "")].concat();
    Peer::start(move |wire| {
        wire.accept_with(&bytes);
        wire.read_to_close();
        wire.end();
    })
}

/// What a run of `listen` does with these flags and frames.
fn listen(flags: &[&str], frames: impl AsRef<[u8]>, with: impl FnOnce(Run) -> Run) -> Output {
    let peer = sending(frames);
    let url = peer.url();
    let output = with(run([&["listen", url.as_str()], flags].concat())).output();
    peer.seen();
    output
}

#[test]
fn json_is_laid_out_and_every_other_message_is_as_it_is() {
    let fragments = [
        &frame(TEXT, b"{\"frag\":[\"")[..],
        &frame(CONTINUATION, b"\\u00e4, "),
        &frame(0x80 | CONTINUATION, b"x\"]}"),
    ];
    let frames = [
        text("{\"b\":1.10, \"a\":[], \"b\":12345678901234567890}"),
        text("hello"),
        text(" {\"half\":"),
        text("\"[1]\""),
        text(""),
        binary(b"[1]"),
        fragments.concat(),
        text("[ ]"),
    ];
    let printed = "{\n  \"b\": 1.10,\n  \"a\": [],\n  \"b\": 12345678901234567890\n}\n\
                   hello\n {\"half\":\n\"[1]\"\n\n5b315d\n\
                   {\n  \"frag\": [\n    \"\\u00e4, x\"\n  ]\n}\n[]\n";
    for flags in [&["--pretty"][..], &["--pretty", "--format", "text", "--color", "auto"]] {
        listen(flags, frames.concat(), |run| run).check(ends(0).printing(printed));
    }
    let nul = listen(&["--pretty", "--print0"], [text("[1]"), text("a")].concat(), |run| run);
    nul.check(ends(0).printing("[\n  1\n]\0a\0"));
    let plain = listen(&[], frames.concat(), |run| run);
    plain.check(ends(0).printing(
        "{\"b\":1.10, \"a\":[], \"b\":12345678901234567890}\nhello\n {\"half\":\n\"[1]\"\n\n5b315d\n\
         {\"frag\":[\"\\u00e4, x\"]}\n[ ]\n",
    ));
}

#[test]
fn send_and_connect_lay_out_too() {
    let printed = "{\n  \"a\": 1\n}\n";
    let output = run(["send", "--pretty", "-n", "1", "echo:", "{\"a\":1}"]).output();
    output.check(ends(0).printing(printed));
    let output = run(["connect", "--pretty", "-n", "1", "echo:"]).stdin("{\"a\":1}\n").output();
    output.check(ends(0).printing(printed));
}

#[test]
fn a_message_too_large_to_be_held_is_refused() {
    let frames = text(&format!("[\"{}\"]", "x".repeat(100)));
    let limit = ["--pretty", "--max-message-size", "100"];
    let peer = Peer::start(move |wire| {
        wire.accept_with(&frames);
        wire.expect_close(1009);
        wire.end();
    });
    let output = run([&["listen", &peer.url()][..], &limit].concat()).output();
    output.check(ends(109).saying(&["1009"]));
    peer.seen();
    // More than the 64 MiB that are the limit where none is given.
    let peer = Peer::start(|wire| {
        wire.accept_with(&support::header(0x80 | TEXT, (64 << 20) + 1));
        wire.expect_close(1009);
        wire.end();
    });
    let output = run(["listen", "--pretty", &peer.url()]).output();
    output.check(ends(109).saying(&["1009"]));
    peer.seen();
}

#[test]
fn what_is_nested_without_end_is_printed_as_it_is() {
    let deep = "[".repeat(500_000) + &"]".repeat(500_000);
    let output = listen(&["--pretty"], text(&deep), |run| run);
    output.check(ends(0).printing(deep + "\n"));
}

#[test]
fn with_any_other_format_it_is_a_usage_error_that_names_the_way_out() {
    let cases: [&[&str]; 8] = [
        &["--format", "raw"],
        &["--format", "hex"],
        &["--format", "hexdump"],
        &["--format", "base64"],
        &["--format", "length"],
        &["--format", "jsonl"],
        &["--jsonl"],
        &["--binary"],
    ];
    for flags in cases {
        let args = [&["listen", "--pretty", "echo:"], flags].concat();
        run(args).output().check(ends(2).saying(&["--pretty", "--format text", "hint: "]));
    }
    let output = run(["listen", "--color", "sometimes", "echo:"]).output();
    output.check(ends(2).saying(&["--color", "auto, always, never"]));
}

/// Flags, variables of the environment, and what is printed then.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);

const COLORED: &str = "{\n  \u{1b}[34m\"k\"\u{1b}[0m: [\n    \u{1b}[32m\"s\\u{9b}\"\u{1b}[0m,\n    \
                       \u{1b}[33m1.0\u{1b}[0m,\n    \u{1b}[35mnull\u{1b}[0m\n  ]\n}\n";
const PLAIN: &str = "{\n  \"k\": [\n    \"s\\u{9b}\",\n    1.0,\n    null\n  ]\n}\n";

#[test]
fn a_terminal_has_colours_unless_it_or_somebody_does_not_want_them() {
    let message = text("{\"k\":[\"s\u{9b}\",1.0,null]}");
    let cases: [Case; 8] = [
        (&[], &[], COLORED),
        (&[], &[("TERM", "xterm"), ("NO_COLOR", "")], COLORED),
        (&["--color", "auto"], &[("NO_COLOR", "1")], PLAIN),
        (&[], &[("TERM", "dumb")], PLAIN),
        (&["--color", "never"], &[("TERM", "xterm")], PLAIN),
        (&["--color", "always"], &[("TERM", "dumb"), ("NO_COLOR", "1")], COLORED),
        (&["--color", "always", "-n", "1"], &[], COLORED),
        (&["--color=never", "--color=always"], &[], COLORED),
    ];
    for (flags, variables, printed) in cases {
        let flags = [&["--pretty"], flags].concat();
        let output = listen(&flags, &message, |run| {
            variables.iter().fold(run.stdout_terminal(), |run, (name, value)| run.env(name, value))
        });
        // The terminal itself makes CR LF of a newline.
        output.check(ends(0).printing(printed.replace('\n', "\r\n")));
    }
}

#[test]
fn a_pipe_has_colours_only_when_they_are_asked_for_and_nothing_is_escaped_there() {
    let message = text("{\"k\":[\"s\u{9b}\",1.0,null]}");
    let raw = |shown: &str| shown.replace("\\u{9b}", "\u{9b}");
    let cases: [(&[&str], String); 3] = [
        (&["--pretty"], raw(PLAIN)),
        (&["--pretty", "--color", "always"], raw(COLORED)),
        (&["--color", "always"], "{\"k\":[\"s\u{9b}\",1.0,null]}\n".to_owned()),
    ];
    for (flags, printed) in cases {
        listen(flags, &message, |run| run.env("TERM", "xterm")).check(ends(0).printing(printed));
    }
}

#[test]
fn times_are_dim_where_there_are_colours() {
    for (color, before, after) in [("always", "\u{1b}[2m", "\u{1b}[0m "), ("auto", "", " ")] {
        let output = listen(&["--timestamps", "--color", color], text("hi"), |run| run);
        output.check(ends(0).with_stdout_checked_apart());
        let printed = output.stdout_text();
        let time = printed.strip_prefix(before).expect("a colour before the time");
        let time = time.strip_suffix(&format!("{after}hi\n")).expect("its end behind it");
        assert_eq!(time.len(), "2026-11-22T18:00:00.123456Z".len(), "{printed:?}");
        assert!(time.ends_with('Z') && !time.contains('\u{1b}'), "{printed:?}");
    }
}
