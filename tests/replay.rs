//! `serve --replay` and `serve --record`: a session that was recorded is played for other clients, and it is
//! said where one of them departs from it.

mod support;

use std::fs;
use std::path::Path;
use std::time::Instant;

use rustix::process::Signal;
use support::{DEADLINE, Files, Output, Run, Wanted, ends, run};

/// `wspipe serve FLAGS -- sh -c SCRIPT` in the folder, where `wspipe` is what is tested.
fn serve(files: &Files, flags: &[&str], script: &str) -> Run {
    let program = Path::new(env!("CARGO_BIN_EXE_wspipe"));
    let script = format!("PATH={}:$PATH; {script}", program.parent().unwrap().display());
    let args = [&["serve"], flags, &["--", "sh", "-c", &script]].concat();
    run(args).directory(files.folder()).deadline(2 * DEADLINE)
}

/// A talk in which the peer answers, asks and closes.
const TALK: &str = r#"{"event":"open"}
{"text":"hello"}
{"from":"peer","text":"welcome"}
{"from":"peer","json":{"ask":[1, 2]}}
{"hex":"00ff"}
{"event":"close","from":"peer","code":4000,"reason":"enough"}
"#;

#[test]
fn a_client_that_keeps_to_the_recording_gets_the_peers_part() {
    let files = Files::new();
    files.write("talk.jsonl", TALK);
    let input = "{\"text\":\"hello\"}\n{\"hex\":\"00ff\"}\n";
    files.write("input", input);
    let script = "wspipe connect --jsonl --format text --ok-close 4000 \"$WSPIPE_URL\" < input";
    let output = serve(&files, &["--replay", "talk.jsonl"], script).output();
    output.check(ends(0).printing("welcome\n{\"ask\":[1,2]}\n"));
    let script = "wspipe check -s --url \"$WSPIPE_URL\" talk.jsonl";
    serve(&files, &["--replay", "talk.jsonl"], script).output().check(ends(0));
}

#[test]
fn a_client_that_departs_is_told_of_with_the_line() {
    let cases: [(&str, &str, &[&str]); 4] = [
        (
            "another text",
            "wspipe send -s \"$WSPIPE_URL\" hallo; true",
            &[
                "talk.jsonl:2: expected text \"hello\"\n  came: text \"hallo\"\n  - hello\n  + hallo\n",
            ],
        ),
        (
            "text for binary",
            "printf 'hello\\nbin\\n' | wspipe connect -s \"$WSPIPE_URL\"; true",
            &[
                "talk.jsonl:5: expected binary of 2 bytes\n  came: text \"bin\"\n  it is text, not binary",
            ],
        ),
        (
            "it goes too early",
            "wspipe send -s -n 1 \"$WSPIPE_URL\" hello; true",
            &[
                "talk.jsonl:5: expected binary of 2 bytes\n  came: closed by peer: 1000 normal closure",
            ],
        ),
        (
            "two of them",
            "wspipe send -s \"$WSPIPE_URL\" a; wspipe send -s \"$WSPIPE_URL\" b; true",
            &["  came: text \"a\"\n", "  came: text \"b\"\n"],
        ),
    ];
    for (name, script, says) in cases {
        let files = Files::new();
        files.write("talk.jsonl", TALK);
        let output = serve(&files, &["--replay", "talk.jsonl"], script).case(name).output();
        output.check(ends(4).saying(says).with_stdout_checked_apart());
    }
    let files = Files::new();
    files.write("talk.jsonl", "{\"text\":\"a\"}\n{\"from\":\"peer\",\"text\":\"b\"}\n");
    let script = "printf 'a\\nc\\n' | wspipe connect -s \"$WSPIPE_URL\"; true";
    let output = serve(&files, &["--replay", "talk.jsonl"], script).output();
    output.check(
        ends(4)
            .printing("b\n")
            .saying(&["talk.jsonl:2: nothing more after it\n  came: text \"c\""]),
    );
    let output = serve(&files, &["--replay", "talk.jsonl"], "exit 3").output();
    output.check(ends(3).saying(&["wspipe: no client came for talk.jsonl"]));
    let output = serve(&files, &["--replay", "talk.jsonl"], "true").output();
    output.check(ends(4).saying(&["wspipe: no client came for talk.jsonl"]));
    let script = "wspipe send -s \"$WSPIPE_URL\" x; exit 7";
    serve(&files, &["--replay", "talk.jsonl"], script)
        .output()
        .check(ends(7).saying(&["departed"]));
}

#[test]
fn a_connection_that_was_lost_is_lost_again_and_pings_are_sent() {
    let files = Files::new();
    files.write(
        "lost.jsonl",
        "{\"event\":\"ping\",\"from\":\"peer\",\"text\":\"x\"}\n{\"from\":\"peer\",\"text\":\"a\"}\n{\"event\":\"close\",\"from\":\"peer\",\"code\":1006}\n",
    );
    let output =
        serve(&files, &["--replay", "lost.jsonl"], "wspipe listen \"$WSPIPE_URL\"").output();
    output.check(ends(106).printing("a\n").saying(&["connection lost: 1006"]));
}

#[test]
fn the_subprotocol_of_the_recording_is_spoken_and_its_lack_is_a_departure() {
    let files = Files::new();
    files.write(
        "chat.jsonl",
        "{\"event\":\"open\",\"subprotocol\":\"chat\"}\n{\"from\":\"peer\",\"text\":\"hi\"}\n",
    );
    let flags = ["--replay", "chat.jsonl"];
    let offered = "wspipe listen -n 1 --subprotocol x --subprotocol chat --expect-subprotocol chat \"$WSPIPE_URL\"";
    serve(&files, &flags, offered).output().check(ends(0).printing("hi\n"));
    let output = serve(&files, &flags, "wspipe listen -s \"$WSPIPE_URL\"; true").output();
    output.check(ends(4).saying(&["chat.jsonl:1:", "it did not offer the subprotocol chat"]));
}

#[test]
fn several_connections_are_played_for_as_many_clients() {
    let files = Files::new();
    files.write(
        "two.jsonl",
        r#"{"conn":"a","event":"open"}
{"conn":"b","event":"open"}
{"conn":"a","text":"to b"}
{"conn":"b","from":"peer","text":"to b"}
{"conn":"b","text":"to a"}
{"conn":"a","from":"peer","text":"to a"}
"#,
    );
    for _ in 0..2 {
        let script = "wspipe check -s --url \"$WSPIPE_URL\" two.jsonl && wspipe check -s --url \"$WSPIPE_URL\" two.jsonl";
        serve(&files, &["--replay", "two.jsonl"], script).output().check(ends(0));
    }
}

#[test]
fn a_client_that_comes_before_its_turn_waits_for_it_and_one_that_never_comes_is_missed() {
    let files = Files::new();
    let say = |conn: &str, said: &str, heard: &str| {
        format!(
            "{{\"conn\":{conn:?},\"text\":{said:?}}}\n{{\"conn\":{conn:?},\"from\":\"peer\",\"text\":{heard:?}}}\n"
        )
    };
    let open = |conn: &str| format!("{{\"event\":\"open\",\"conn\":{conn:?}}}\n");
    let [talk_a, talk_b] = [say("a", "hello", "hi"), say("b", "p1", "q1")];
    files.write("two.jsonl", &(open("a") + &talk_a + &open("b") + &talk_b));
    files.write("early.jsonl", &(open("a") + &open("b") + &talk_a + &talk_b));
    files.write("one.jsonl", &(open("a") + &talk_a));
    let flags = ["--replay", "two.jsonl"];
    let script = "wspipe check -s --url \"$WSPIPE_URL\" early.jsonl";
    serve(&files, &flags, script).output().check(ends(0));
    let script = "wspipe check -s --url \"$WSPIPE_URL\" one.jsonl";
    let output = serve(&files, &flags, script).output();
    output.check(ends(4).saying(&["wspipe: no client came for two.jsonl:4: "]));
}

#[test]
fn at_real_speed_it_takes_the_time_that_it_took() {
    let files = Files::new();
    let at = |seconds: &str, rest: &str| {
        format!("{{\"time\":\"2026-11-22T18:00:{seconds}Z\",{rest}}}\n")
    };
    let recording = at("00.000000", "\"event\":\"open\"")
        + &at("00.600000", "\"from\":\"peer\",\"text\":\"a\"")
        + &at("01.000000", "\"from\":\"peer\",\"text\":\"b\"");
    files.write("slow.jsonl", &recording);
    for (speed, least) in [("real", 1.0), ("2", 0.5), ("fast", 0.0)] {
        let begun = Instant::now();
        let flags = ["--replay", "slow.jsonl", "--speed", speed];
        let output = serve(&files, &flags, "wspipe listen -n 2 \"$WSPIPE_URL\"").output();
        output.check(ends(0).printing("a\nb\n"));
        assert!(begun.elapsed().as_secs_f64() >= least, "{speed}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_secret_of_the_environment_is_not_shown_where_a_client_departs() {
    let files = Files::new();
    let text = "{\"text\":\"token {{env.TOKEN}}\"}";
    files.write("t.jsonl", &format!("{{\"event\":\"scenario\",\"version\":1}}\n{text}\n"));
    let script = "wspipe send -s \"$WSPIPE_URL\" \"other $TOKEN\"; true";
    let run = serve(&files, &["--replay", "t.jsonl"], script).env("TOKEN", "s3cr3t-one");
    let output = run.output();
    output.check(ends(4).saying(&["came: text \"other {{env.TOKEN}}\"", "- token {{env.TOKEN}}"]));
    assert!(!output.says("s3cr3t"), "{}", output.report());
}

#[test]
fn what_cannot_be_played_is_refused_at_once() {
    let files = Files::new();
    files.write("bad.jsonl", "{\"from\":\"peer\",\"regex\":\"a\"}\n");
    let check = |flags: &[&str], wanted: Wanted| {
        serve(&files, flags, "echo never").output().check(wanted);
    };
    let says =
        "bad.jsonl:1:1: a message that is only described cannot be sent\n  hint: say what it is";
    check(&["--replay", "bad.jsonl"], ends(26).saying(&[says]));
    check(&["--replay", "none.jsonl"], ends(26).saying(&["cannot read none.jsonl"]));
    check(&["--replay", "bad.jsonl", "--echo"], ends(2).saying(&["cannot be used with"]));
    check(
        &["--replay", "bad.jsonl", "--speed", "slow"],
        ends(2).saying(&["real, fast or a number"]),
    );
    check(&["--speed", "2"], ends(2).saying(&["--replay"]));
}

#[test]
fn without_a_command_it_plays_until_ctrl_c_and_then_tells_of_departures() {
    let files = Files::new();
    files.write("talk.jsonl", TALK);
    for (message, code) in [("hello", 0), ("hallo", 4)] {
        let server = run(["serve", "--replay", "talk.jsonl"]).directory(files.folder()).start();
        let url = String::from_utf8(server.wait_for_stdout("\n")).unwrap().trim_end().to_owned();
        let args =
            ["connect", "--jsonl", "-s", "--format", "text", "--ok-close", "4000,1008", &url];
        let input = format!("{{\"text\":\"{message}\"}}\n{{\"hex\":\"00ff\"}}\n");
        let client = run(args).stdin(&input).output();
        let printed = if code == 0 { "welcome\n{\"ask\":[1,2]}\n" } else { "" };
        client.check(ends(client.code.unwrap()).printing(printed));
        server.signal(Signal::INT);
        let output = server.output();
        let wanted = ends(code).with_stdout_checked_apart();
        output.check(if code == 0 {
            wanted
        } else {
            wanted.saying(&["departed from talk.jsonl:2"])
        });
    }
}

/// The recording of a server, without times and addresses.
fn recorded(files: &Files) -> String {
    let text = fs::read_to_string(files.path("rec.jsonl")).unwrap();
    let lines = text.lines().filter(|line| !line.contains("\"event\":\"open\""));
    let lines = lines.map(|line| line.split_once(',').unwrap().1.to_owned() + "\n");
    lines.collect()
}

#[test]
fn a_server_records_from_the_clients_side_what_check_and_replay_take() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new();
    let script = "wspipe send -n 2 \"$WSPIPE_URL/path\" one two && printf '\\377' | wspipe send -n 1 --binary --whole --format hex \"$WSPIPE_URL\"";
    let output = serve(&files, &["--record", "rec.jsonl"], script).output();
    output.check(ends(0).printing("one\ntwo\nff\n"));
    let mode = fs::metadata(files.path("rec.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(files.path("rec.jsonl")).unwrap();
    assert!(text.lines().next().unwrap().contains("/path\",\"http_version\""), "{text}");
    // What comes at once is echoed at once, and then in that order.
    let order: Vec<_> = recorded(&files).lines().map(str::to_owned).collect();
    let of = |conn: &str, rest: &str| format!("\"conn\":\"{conn}\",{rest}}}");
    let text = |from: &str, text: &str| {
        of(
            "1",
            &format!(
                "\"event\":\"message\",\"from\":\"{from}\",\"opcode\":\"text\",\"length\":3,\"text\":\"{text}\""
            ),
        )
    };
    for line in [text("us", "one"), text("peer", "one"), text("us", "two"), text("peer", "two")] {
        assert!(order.contains(&line), "{line}\n{order:?}");
    }
    let binary = |from: &str| {
        of(
            "2",
            &format!(
                "\"event\":\"message\",\"from\":\"{from}\",\"opcode\":\"binary\",\"length\":1,\"base64\":\"/w==\""
            ),
        )
    };
    let close = |conn: &str| {
        of(conn, "\"event\":\"close\",\"from\":\"us\",\"code\":1000,\"reason\":\"\",\"clean\":true")
    };
    for line in [close("1"), binary("us"), binary("peer"), close("2")] {
        assert!(order.contains(&line), "{line}\n{order:?}");
    }
    // It passes against the server that it was recorded from, and against itself.
    let check = "wspipe check -s --url \"$WSPIPE_URL\" rec.jsonl";
    serve(&files, &[], check).output().check(ends(0));
    serve(&files, &["--replay", "rec.jsonl"], check).output().check(ends(0));
}

#[test]
fn a_refusal_that_was_recorded_is_expected_again() {
    let files = Files::new();
    let listen = "wspipe listen -s --record refused.jsonl \"$WSPIPE_URL\"; test $? = 22";
    serve(&files, &["--refuse", "403"], listen).output().check(ends(0));
    let text = files.read("refused.jsonl");
    assert!(text.contains("\"status\":403") && text.contains("\"response_headers\":[["), "{text}");
    let check = "wspipe check -s --url \"$WSPIPE_URL\" refused.jsonl";
    serve(&files, &["--refuse", "403"], check).output().check(ends(0));
    serve(&files, &[], check).output().check(ends(4));
}

#[test]
fn a_recording_that_cannot_be_written_ends_the_server() {
    let files = Files::new();
    let output: Output = serve(&files, &["--record", "no/rec.jsonl"], "echo never").output();
    output.check(ends(23).saying(&["cannot write no/rec.jsonl"]));
    let output = serve(&files, &["--record", "/dev/full"], "echo never").output();
    output.check(ends(2).saying(&["no ordinary file"]));
    let output = serve(&files, &["--record", "-"], "echo never").output();
    output.check(ends(2).saying(&["--record -"]));
}
