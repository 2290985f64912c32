//! `check`: scenarios against scripted peers, what is told of each step, the reports, and the exit code.

mod support;

use std::fs;

use regex::Regex;
use rustix::process::Signal;
use support::{
    DEADLINE, Files, Nobody, Output, Peer, Run, Wire, binary, close, dies_by, ends, ping, pong,
    run, text,
};

/// `wspipe check ARGS` in the folder.
fn check(files: &Files, args: &[&str]) -> Run {
    run([&["check"], args].concat()).directory(files.folder())
}

/// What was printed, without times and the server.
fn told(output: &Output) -> String {
    plain(&output.stdout_text())
}

fn plain(text: &str) -> String {
    let times = Regex::new(r"\d+\.\d+ m?s\b").unwrap();
    let without_times = times.replace_all(text, "T").into_owned();
    let urls = Regex::new(r"open (echo:|ws://127\.0\.0\.1:\d+/)").unwrap();
    urls.replace_all(&without_times, "open").into_owned()
}

/// Runs a scenario of one file against a peer, and checks what is told and the exit code.
#[track_caller]
fn plays(peer: &str, scenario: &str, code: i32, expected: &str) {
    let files = Files::new();
    files.write("a.jsonl", scenario);
    let output = check(&files, &["--url", peer, "a.jsonl"]).output();
    output.check(ends(code).with_stdout_checked_apart());
    assert_eq!(told(&output), expected, "{scenario}\n{}", output.report());
}

const PASSES: &str = "{\"text\":\"hi\"}\n{\"from\":\"peer\",\"text\":\"hi\"}\n";
const FAILS: &str =
    "{\"text\":\"hi\"}\n{\"from\":\"peer\",\"text\":\"ho\"}\n{\"text\":\"never\"}\n";

#[test]
fn what_is_from_us_is_sent_and_what_is_from_the_peer_is_awaited() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("hello");
        wire.send(text("{\"id\": 7, \"token\": \"a+b\"}"));
        let (opcode, payload) = wire.read_message();
        assert_eq!((opcode, &*payload), (1, &b"{\"again\":\"a+b\",\"n\":7}"[..]));
        wire.send(ping(b"between"));
        wire.send(text("noise"));
        wire.send(binary(&[0, 255]));
        wire.expect_pong(b"between");
        wire.expect_ping();
        wire.send(pong(b"x"));
        wire.expect_close(4000);
        wire.send(close(4000, "bye"));
        wire.end();
    });
    let scenario = r#"{"event":"scenario","version":1,"name":"a talk"}
{"text":"{{greeting}}"}
{"from":"peer","jq":".id == 7","regex":"token","capture":{"token":".token","id":".id"}}
{"json":{"again":"{{token}}","n":"{{id}}"}}
{"from":"peer","hex":"00ff","skip":true}
{"event":"ping","text":"x"}
{"event":"pong","from":"peer","text":"x"}
{"event":"close","code":4000,"reason":"enough"}
{"event":"close","from":"peer","code":4000,"reason":"bye"}
"#;
    let files = Files::new();
    files.write("a.jsonl", scenario);
    let args = ["--url", &peer.url(), "--var", "greeting=hello", "a.jsonl"];
    let output = check(&files, &args).output();
    output.check(ends(0).with_stdout_checked_apart());
    let expected = r#"a.jsonl: a talk
  ok     line 2: open (T)
  ok     line 2: send text "{{greeting}}" (T)
  ok     line 3: expect a match of "token", jq ".id == 7", capture token and id (T)
  ok     line 4: send json {"again":"{{token}}","n":"{{id}}"} (T)
  ok     line 5: expect binary of 2 bytes (T)
  ok     line 6: send ping "x" (T)
  ok     line 7: expect a pong "x" (T)
  ok     line 8: close 4000 private to the application "enough" (T)
  ok     line 9: expect close 4000 private to the application, "bye" (T)
passed: 1 scenario, 9 of 9 steps passed, T
"#;
    assert_eq!(told(&output), expected);
    assert_eq!(peer.seen().close_code(), Some(4000));
}

#[test]
fn a_step_that_fails_says_what_came_in_its_place_and_what_else() {
    let says = |word: &'static str| {
        Peer::start(move |wire| {
            wire.accept();
            wire.send([text(word), text("and\x1b more")].concat());
            wire.finish();
        })
    };
    let peer = says("{\"a\":[1,2]}");
    plays(
        &peer.url(),
        "{\"from\":\"peer\",\"json\":{\"a\":[1,3]}}\n{\"text\":\"never\"}\n",
        4,
        r#"a.jsonl
  ok     line 1: open (T)
  FAILED line 1: expect json {"a":[1,3]} (T)
         came: text "{"a":[1,2]}"
           {
             "a": [
               1
         -     3
         +     2
             ]
           }
         what else arrived:
           text "and\x1b more"
  1 step not run
failed: 1 of 1 scenario, 1 of 3 steps passed, T
"#,
    );
    assert_eq!(peer.seen().close_code(), Some(1000));
    let peer = says("hello");
    plays(
        &peer.url(),
        "{\"from\":\"peer\",\"text\":\"help\",\"skip\":true,\"within\":\"0.2\"}\n",
        4,
        r#"a.jsonl
  ok     line 1: open (T)
  FAILED line 1: expect text "help" (T)
         it did not come within 200ms; the nearest: text "hello"
         - help
         + hello
         what else arrived:
           text "hello"
           text "and\x1b more"
failed: 1 of 1 scenario, 1 of 2 steps passed, T
"#,
    );
    peer.seen();
}

/// The line that says why a scenario failed, and its exit code.
#[track_caller]
fn why(peer: &str, scenario: &str) -> (Option<i32>, String) {
    let files = Files::new();
    files.write("a.jsonl", scenario);
    let output = check(&files, &["--url", peer, "a.jsonl"]).output();
    output.check(ends(output.code.unwrap()).with_stdout_checked_apart());
    let told = told(&output);
    let mut lines =
        told.lines().skip_while(|line| !line.contains("FAILED") && !line.contains("ERROR"));
    lines.next();
    (output.code, lines.next().unwrap_or_default().trim().to_owned())
}

#[test]
fn every_way_to_fail_has_its_words() {
    type Script = fn(&mut Wire);
    let silent: Script = |wire| {
        wire.accept();
        wire.finish();
    };
    let closes: Script = |wire| {
        wire.accept();
        wire.send(close(1008, "go\naway"));
        wire.end_whatever_comes();
    };
    let lost: Script = |wire| {
        wire.accept();
        wire.reset();
    };
    let breaks: Script = |wire| {
        wire.accept();
        wire.send([0x83, 0]);
        wire.end_whatever_comes();
    };
    let unanswered: Script = |wire| {
        wire.accept();
        wire.read_to_close();
        wire.until_gone();
    };
    let refuses: Script = |wire| {
        wire.request();
        wire.send("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
        wire.end_whatever_comes();
    };
    let talks: Script = |wire| {
        wire.accept();
        wire.send(text("psst"));
        wire.finish_if_asked();
    };
    let awaits = "{\"from\":\"peer\",\"text\":\"a\",\"within\":0.2}";
    let cases: [(&str, Script, &str, i32, &str); 12] = [
        ("silence", silent, awaits, 4, "nothing came within 200ms"),
        ("a close", closes, awaits, 4, "came: closed by peer: 1008 policy violation \"go\\naway\""),
        ("a loss", lost, awaits, 4, "came: the connection was lost (Connection reset by peer)"),
        (
            "a breach",
            breaks,
            awaits,
            4,
            "came: the peer broke the protocol: a frame with the reserved opcode 3 (RFC 6455 section 5.2)",
        ),
        (
            "another close",
            closes,
            "{\"event\":\"close\",\"from\":\"peer\",\"code\":1000}",
            4,
            "came: closed by peer: 1008 policy violation \"go\\naway\"",
        ),
        (
            "no close",
            silent,
            "{\"event\":\"close\",\"from\":\"peer\",\"within\":0.2}",
            4,
            "nothing came within 200ms",
        ),
        (
            "no answer to a close",
            unanswered,
            "{\"event\":\"close\",\"within\":0.2}",
            4,
            "our Close was not answered within 200ms",
        ),
        ("noise", talks, "{\"from\":\"peer\",\"none\":\"20s\"}", 4, "came: text \"psst\""),
        ("a refusal", refuses, "{\"text\":\"a\"}", 22, "refused by the server: 401 No"),
        ("an expected refusal", refuses, "{\"event\":\"open\",\"status\":401}", 0, ""),
        (
            "another refusal",
            refuses,
            "{\"event\":\"open\",\"status\":403}",
            4,
            "the upgrade was refused with 401, not 403",
        ),
        (
            "no refusal",
            silent,
            "{\"event\":\"open\",\"status\":403}",
            4,
            "the upgrade was accepted, not refused with 403",
        ),
    ];
    for (name, script, scenario, code, expected) in cases {
        let peer = Peer::start(script);
        assert_eq!(why(&peer.url(), scenario), (Some(code), expected.to_owned()), "{name}");
        peer.seen();
    }
    let nobody = Nobody::refusing();
    let (code, why) = why(&format!("ws://{}/", nobody.address), "{\"text\":\"a\"}");
    assert_eq!(code, Some(7), "{why}");
    assert!(why.starts_with("cannot connect to 127.0.0.1:"), "{why}");
}

#[test]
fn connections_have_names_and_are_open_before_others_speak() {
    let (said, heard) = std::sync::mpsc::channel();
    let alice = Peer::start(move |wire| {
        wire.accept();
        let (_, payload) = wire.read_message();
        said.send(payload).unwrap();
        wire.finish();
    });
    let bob = Peer::start(move |wire| {
        wire.accept();
        wire.send(text("welcome"));
        let payload = heard.recv_timeout(DEADLINE).unwrap();
        wire.send(text(std::str::from_utf8(&payload).unwrap()));
        wire.finish();
    });
    let scenario = format!(
        r#"{{"event":"open","conn":"alice","url":"{}"}}
{{"event":"open","conn":"bob","url":"{}"}}
{{"conn":"alice","text":"hello all"}}
{{"conn":"bob","from":"peer","text":"welcome"}}
{{"conn":"bob","from":"peer","text":"hello you"}}
"#,
        alice.url(),
        bob.url()
    );
    let files = Files::new();
    files.write("a.jsonl", &scenario);
    let output = check(&files, &["a.jsonl"]).output();
    output.check(ends(4).with_stdout_checked_apart());
    let expected = r#"a.jsonl
  ok     line 1: alice: open (T)
  ok     line 2: bob: open (T)
  ok     line 3: alice: send text "hello all" (T)
  ok     line 4: bob: expect text "welcome" (T)
  FAILED line 5: bob: expect text "hello you" (T)
         came: text "hello all"
         - hello you
         + hello all
failed: 1 of 1 scenario, 4 of 5 steps passed, T
"#;
    assert_eq!(told(&output), expected);
    assert_eq!((alice.seen().close_code(), bob.seen().close_code()), (Some(1000), Some(1000)));
}

#[test]
fn a_file_with_a_mistake_is_refused_before_anything_is_sent() {
    let files = Files::new();
    files
        .write("good.jsonl", PASSES)
        .write("bad.jsonl", "{\"txt\":\"hi\"}\n{\"event\":\"mesage\"}\n");
    files.write(
        "worse.jsonl",
        "{\"event\":\"close\",\"from\":\"peer\"}\n{\"from\":\"peer\",\"jq\":\".a |\"}",
    );
    let never = Nobody::hanging();
    let url = format!("ws://{}/", never.address);
    let args = ["--url", &url, "good.jsonl", "bad.jsonl", "worse.jsonl"];
    let output = check(&files, &args).output();
    let says = "wspipe: bad.jsonl:1:2: unknown field \"txt\" in a message that we send
  hint: did you mean \"text\"?
wspipe: bad.jsonl:2:10: unknown event \"mesage\"
  hint: did you mean \"message\"?
wspipe: worse.jsonl:2:1: the connection is closed since line 1: nothing can be expected
  hint: move this line before that one, or open the connection again with {\"event\":\"open\"}
";
    output.check(ends(26).saying(&[says]));
    files.write("bytes.jsonl", "x");
    fs::write(files.path("bytes.jsonl"), b"{}\n{\"text\":\"\xff\"}").unwrap();
    let output = check(&files, &["--url", &url, "bytes.jsonl"]).output();
    output.check(ends(26).saying(&["wspipe: bytes.jsonl:2:10: not valid UTF-8"]));
    let output = check(&files, &["--url", &url, "none.jsonl"]).output();
    output.check(ends(26).saying(&["cannot read none.jsonl: No such file"]));
    let output = check(&files, &["good.jsonl"]).output();
    output.check(ends(26).saying(&["good.jsonl:1:1: there is no URL in it", "give --url URL"]));
    let output = check(&files, &["--url", "ftp://x", "good.jsonl"]).output();
    output.check(ends(3).saying(&["hint:"]));
    let output = check(&files, &["--url", &url, "good.jsonl", "--junit", "no/such.xml"]).output();
    output.check(ends(23).saying(&["cannot write no/such.xml"]));
    let output = check(&files, &["--var", "1=2", "good.jsonl"]).output();
    output.check(ends(2).saying(&["a name is letters"]));
}

#[test]
fn the_environment_and_stdin_are_read_and_a_secret_is_not_shown() {
    let peer = Peer::start(|wire| {
        wire.accept();
        wire.expect_text("token=s3cr3t");
        wire.finish();
    });
    let scenario = format!(
        "{{\"event\":\"scenario\",\"version\":1}}\n{{\"event\":\"open\",\"url\":\"{}\",\"headers\":{{\"X-Token\":\"{{{{env.TOKEN}}}}\"}}}}\n{{\"text\":\"token={{{{env.TOKEN}}}}\"}}\n",
        peer.url()
    );
    let output = run(["check", "-"]).stdin(&scenario).env("TOKEN", "s3cr3t").output();
    output.check(ends(0).with_stdout_checked_apart());
    assert!(!output.stdout_text().contains("s3cr3t"), "{}", output.report());
    assert!(output.stdout_text().starts_with("stdin\n"), "{}", output.report());
    assert_eq!(peer.seen().header("x-token").as_deref(), Some("s3cr3t"));
    let output = run(["check", "-"]).stdin(&scenario).output();
    output.check(ends(26).saying(&["stdin:2:", "the environment has no TOKEN"]));
    // A server that says it again does not have it shown, wherever it is cut.
    let secret = "se\"cr\\et-and-long";
    let files = Files::new();
    for before in [0, 150, 190, 195] {
        let filler = "x".repeat(before);
        let said = format!("{{\"json\":{{\"f\":\"{filler}\",\"t\":\"{{{{env.TOKEN}}}}\"}}}}\n");
        let expected = "{\"from\":\"peer\",\"text\":\"{{env.TOKEN}} or so\"}\n";
        let header = "{\"event\":\"scenario\",\"version\":1}\n";
        files.write("a.jsonl", &format!("{header}{said}{expected}"));
        let args = ["--url", "echo:", "a.jsonl", "--junit", "report.xml"];
        let output = check(&files, &args).env("TOKEN", secret).output();
        output.check(ends(4).with_stdout_checked_apart());
        for text in [output.stdout_text(), files.read("report.xml")] {
            assert!(!text.contains("cr\\") && !text.contains("et-and"), "{text}");
        }
    }
}

#[test]
fn scenarios_are_told_of_in_order_and_fail_fast_begins_no_more() {
    let files = Files::new();
    files.write("1.jsonl", PASSES).write("2.jsonl", FAILS).write("3.jsonl", PASSES);
    let all = ["--url", "echo:", "1.jsonl", "2.jsonl", "3.jsonl"];
    let ok = "  ok     line 1: open (T)\n  ok     line 1: send text \"hi\" (T)\n";
    let passed = "  ok     line 2: expect text \"hi\" (T)\n";
    let failed = "  FAILED line 2: expect text \"ho\" (T)\n         came: text \"hi\"\n         - ho\n         + hi\n  1 step not run\n";
    let expected = format!(
        "1.jsonl\n{ok}{passed}2.jsonl\n{ok}{failed}3.jsonl\n{ok}{passed}failed: 1 of 3 scenarios, 8 of 10 steps passed, T\n  2.jsonl:2\n"
    );
    for jobs in ["1", "8"] {
        let output = check(&files, &[&all[..], &["--jobs", jobs]].concat()).output();
        output.check(ends(4).with_stdout_checked_apart());
        assert_eq!(told(&output), expected, "{jobs} at once");
    }
    let output = check(&files, &[&all[..], &["--fail-fast"]].concat()).output();
    output.check(ends(4).with_stdout_checked_apart());
    let expected = format!(
        "1.jsonl\n{ok}{passed}2.jsonl\n{ok}{failed}3.jsonl\n  3 steps not run\nfailed: 1 of 3 scenarios, 1 not run, 5 of 10 steps passed, T\n  2.jsonl:2\n"
    );
    assert_eq!(told(&output), expected);
    check(&files, &[&all[..], &["-s"]].concat()).output().check(ends(4));
    let output = check(&files, &[&all[..], &["-s", "-S"]].concat()).output();
    output.check(ends(4).saying(&["2.jsonl\n  FAILED line 2: expect text \"ho\""]));
    let many =
        check(&files, &["--url", "echo:", "-s", "--jobs", "18446744073709551615", "1.jsonl"]);
    many.output().check(ends(0));
    let output = check(&files, &["--url", "ws://127.0.0.1:1/", "2.jsonl", "1.jsonl"]).output();
    output.check(ends(7).with_stdout_checked_apart());
    assert!(
        told(&output).contains("  ERROR  line 1: open (T)\n         cannot connect to 127.0.0.1:1")
    );
}

#[test]
fn tap_and_junit_say_the_same() {
    let files = Files::new();
    files.write("1.jsonl", "{\"text\":\"#1 <&> \\\\\"}\n").write("2.jsonl", FAILS);
    let args = ["--url", "echo:", "--tap", "--junit", "report.xml", "1.jsonl", "2.jsonl"];
    let output = check(&files, &args).output();
    output.check(ends(4).with_stdout_checked_apart());
    let expected = r##"TAP version 13
1..6
# 1.jsonl
ok 1 - 1.jsonl:1 open
ok 2 - 1.jsonl:1 send text "\#1 <&> \\"
# 2.jsonl
ok 3 - 2.jsonl:1 open
ok 4 - 2.jsonl:1 send text "hi"
not ok 5 - 2.jsonl:2 expect text "ho"
#   came: text "hi"
#   - ho
#   + hi
ok 6 - 2.jsonl:3 send text "never" # SKIP not run
# T
"##;
    assert_eq!(told(&output), expected);
    let times = Regex::new("time=\"[0-9.]+\"").unwrap();
    let report = files.read("report.xml");
    let expected = r##"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="wspipe check" tests="6" failures="1" errors="0" skipped="1" T>
  <testsuite name="1.jsonl" tests="2" failures="0" errors="0" skipped="0" T>
    <testcase name="line 1: open" classname="1.jsonl" file="1.jsonl" line="1" T/>
    <testcase name="line 1: send text &quot;#1 &lt;&amp;&gt; \&quot;" classname="1.jsonl" file="1.jsonl" line="1" T/>
  </testsuite>
  <testsuite name="2.jsonl" tests="4" failures="1" errors="0" skipped="1" T>
    <testcase name="line 1: open" classname="2.jsonl" file="2.jsonl" line="1" T/>
    <testcase name="line 1: send text &quot;hi&quot;" classname="2.jsonl" file="2.jsonl" line="1" T/>
    <testcase name="line 2: expect text &quot;ho&quot;" classname="2.jsonl" file="2.jsonl" line="2" T>
      <failure message="came: text &quot;hi&quot;">came: text &quot;hi&quot;
- ho
+ hi</failure>
    </testcase>
    <testcase name="line 3: send text &quot;never&quot;" classname="2.jsonl" file="2.jsonl" line="3" T>
      <skipped/>
    </testcase>
  </testsuite>
</testsuites>
"##;
    let report = times.replace_all(&report, "T").replace("open echo:", "open");
    assert_eq!(report, expected);
}

#[test]
fn files_with_mistakes_are_told_of_to_those_who_read_reports_too() {
    let files = Files::new();
    files.write("1.jsonl", PASSES).write("2.jsonl", "{\"txt\":\"a\"}\n");
    let args =
        ["--url", "echo:", "--tap", "--junit", "report.xml", "1.jsonl", "2.jsonl", "3.jsonl"];
    let output = check(&files, &args).env("GITHUB_ACTIONS", "true").output();
    let says = [
        "wspipe: 2.jsonl:1:2: unknown field",
        "wspipe: cannot read 3.jsonl: No such file",
        "::error file=2.jsonl,line=1,col=2::unknown field \"txt\" in a message that we send; did you mean",
    ];
    let tap = "TAP version 13\nBail out! Not all files can be read\n";
    output.check(ends(26).printing(tap).saying(&says));
    let report = files.read("report.xml");
    assert!(report.contains("tests=\"2\" failures=\"0\" errors=\"2\" skipped=\"0\""), "{report}");
    let output = check(&files, &["--url", "echo:", "--junit", "-", "1.jsonl"]).output();
    output.check(ends(2).saying(&["--junit -"]));
    // Another report is not left there by a run whose reader has gone.
    files.write("long.jsonl", &PASSES.repeat(20_000)).write("report.xml", "old");
    let args = ["--url", "echo:", "--junit", "report.xml", "long.jsonl"];
    let mut running = check(&files, &args).stdout_unread().start();
    drop(running.take_stdout());
    running.output().check(dies_by(13));
    assert!(files.read("report.xml").contains("nobody reads the results"));
}

#[test]
fn a_refusal_that_is_expected_is_not_tried_again_and_another_shows_what_was_said() {
    let refuse = || {
        Peer::start(|wire| {
            wire.request();
            wire.send("HTTP/1.1 503 No\r\nX-Why: later\r\nContent-Length: 4\r\n\r\nbusy");
            wire.end_whatever_comes();
        })
    };
    let files = Files::new();
    files.write("503.jsonl", "{\"event\":\"open\",\"status\":503}\n");
    files.write("401.jsonl", "{\"event\":\"open\",\"status\":401}\n");
    let peer = refuse();
    let retry = ["--retry", "3", "--retry-delay", "60", "--url", &peer.url()];
    check(&files, &[&retry[..], &["-s", "503.jsonl"]].concat()).output().check(ends(0));
    peer.seen();
    let peer = refuse();
    let output = check(&files, &["--url", &peer.url(), "401.jsonl"]).output();
    output.check(ends(4).with_stdout_checked_apart());
    let said = "the upgrade was refused with 503, not 401\n         < X-Why: later\n";
    assert!(output.stdout_text().contains(said), "{}", output.report());
    assert!(output.stdout_text().contains("\n         < busy\n"), "{}", output.report());
    peer.seen();
}

#[test]
fn a_subprotocol_that_is_offered_must_be_chosen() {
    let files = Files::new();
    files.write("a.jsonl", "{\"event\":\"open\",\"subprotocol\":[\"v2\",\"v1\"]}\n");
    let peer = Peer::that_listens();
    let output = check(&files, &["--url", &peer.url(), "a.jsonl"]).output();
    output.check(ends(4).with_stdout_checked_apart());
    let why = "the server chose no subprotocol, not v2 or v1";
    assert!(output.stdout_text().contains(why), "{}", output.report());
    assert_eq!(peer.seen().header("sec-websocket-protocol").as_deref(), Some("v2, v1"));
    check(&files, &["-s", "--url", "echo:", "a.jsonl"]).output().check(ends(0));
}

#[test]
fn github_is_told_where_it_broke() {
    let files = Files::new();
    files.write("2.jsonl", FAILS);
    let annotation =
        "::error file=2.jsonl,line=2,title=expect text \"ho\"::came: text \"hi\"%0A- ho%0A+ hi\n";
    let run = || check(&files, &["--url", "echo:", "2.jsonl"]).env("GITHUB_ACTIONS", "true");
    let output = run().output();
    output.check(ends(4).with_stdout_checked_apart());
    assert!(output.stdout_text().contains(&format!("\n{annotation}")), "{}", output.report());
    let output = run().arg("--tap").output();
    output.check(ends(4).with_stdout_checked_apart().saying(&[annotation]));
    assert!(!output.stdout_text().contains("::error"), "{}", output.report());
}

#[test]
fn ten_thousand_steps_pass() {
    let files = Files::new();
    let said = |number| format!("{{\"json\":{{\"n\":{number}}}}}\n");
    let step = |number| said(number) + &said(number).replacen('{', "{\"from\":\"peer\",", 1);
    files.write("long.jsonl", &(0..5000).map(step).collect::<String>());
    let output = check(&files, &["--url", "echo:", "long.jsonl"]).deadline(4 * DEADLINE).output();
    output.check(ends(0).with_stdout_checked_apart());
    let last = "passed: 1 scenario, 10001 of 10001 steps passed, T\n";
    let stdout = output.stdout_text();
    assert_eq!(plain(stdout.lines().last().unwrap()) + "\n", last, "{}", output.report());
}

#[test]
fn of_two_hundred_at_once_one_that_hangs_is_ended_by_its_own_limit() {
    let files = Files::new();
    let names: Vec<_> = (0..200).map(|number| format!("{number}.jsonl")).collect();
    for name in &names {
        files.write(name, PASSES);
    }
    files.write("77.jsonl", "{\"from\":\"peer\",\"text\":\"hi\",\"within\":\"300ms\"}\n");
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let args = [&["--url", "echo:", "--jobs", "8"], &names[..]].concat();
    let output = check(&files, &args).deadline(4 * DEADLINE).output();
    output.check(ends(4).with_stdout_checked_apart());
    let told = told(&output);
    let hung = "77.jsonl\n  ok     line 1: open (T)\n  FAILED line 1: expect text \"hi\" (T)\n         nothing came within 300ms\n";
    assert!(told.contains(hung), "{}", output.report());
    let last = "failed: 1 of 200 scenarios, 598 of 599 steps passed, T\n  77.jsonl:1\n";
    assert!(told.ends_with(last), "{told}");
}

#[test]
fn a_flood_of_what_is_passed_over_ends_when_the_step_does() {
    for (limit, code) in [("0", 4), ("0.3", 28)] {
        let peer = Peer::start(|wire| {
            wire.accept();
            let flood = text("{\"a\":[1,2,3,4,5]}").repeat(1000);
            while wire.try_send(&flood) {}
        });
        let files = Files::new();
        let slow = "{\"from\":\"peer\",\"jq\":\"[range(3000)] | add == 0\",\"skip\":true,\"within\":\"1s\"}\n";
        files.write("a.jsonl", slow);
        let output = check(&files, &["--url", &peer.url(), "a.jsonl", "-m", limit]).output();
        output.check(ends(code).with_stdout_checked_apart().with_stderr_checked_apart());
        let told = told(&output);
        assert!(
            code == 28 || told.contains("it did not come within 1s; the nearest: text"),
            "{told}"
        );
        assert!(code == 28 || told.contains("  and "), "what else arrived is counted: {told}");
        peer.seen();
    }
}

#[test]
fn a_stdout_that_nobody_reads_keeps_neither_a_limit_nor_a_signal_from_ending_it() {
    let files = Files::new();
    let step = "{\"text\":\"hi\"}\n{\"from\":\"peer\",\"text\":\"hi\"}\n";
    let waiting = "{\"from\":\"peer\",\"text\":\"x\",\"within\":\"1h\"}\n";
    files.write("long.jsonl", &(step.repeat(5_000) + waiting));
    let args = ["--url", "echo:", "long.jsonl", "-m"];
    let limited = check(&files, &[&args[..], &["0.5"]].concat()).stdout_unread().start().output();
    limited.check(ends(28).saying(&["the run took longer than 500ms"]));
    let running = check(&files, &[&args[..], &["0"]].concat()).stdout_unread().start();
    running.signal(Signal::TERM);
    running.output().check(dies_by(15));
}

#[test]
fn ctrl_c_and_a_time_limit_close_what_is_open() {
    let waiting = "{\"text\":\"hi\"}\n{\"from\":\"peer\",\"text\":\"x\",\"within\":\"1h\"}\n";
    for (signal, code) in [(true, 1001), (false, 1000)] {
        let peer = Peer::start(|wire| {
            wire.accept();
            wire.expect_text("hi");
            wire.finish();
        });
        let files = Files::new();
        files.write("a.jsonl", waiting);
        let limit = if signal { "0" } else { "0.5" };
        let running = check(&files, &["--url", &peer.url(), "a.jsonl", "-m", limit]).start();
        running.wait_for_stdout("send text");
        if signal {
            running.signal(Signal::INT);
        }
        let output = running.output();
        let wanted =
            if signal { dies_by(2) } else { ends(28).saying(&["the run took longer than 500ms"]) };
        output.check(wanted.with_stdout_checked_apart());
        let why = if signal { "ended by SIGINT" } else { "the run took longer than 500ms" };
        let last = format!(
            "  ERROR  line 2: expect text \"x\" (T)\n         {why}\nfailed: 1 of 1 scenario, 2 of 3 steps passed, T\n"
        );
        assert!(told(&output).ends_with(&last), "{}", output.report());
        assert_eq!(peer.seen().close_code(), Some(code));
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let files = Files::new();
    let step = "{\"text\":\"hi\"}\n{\"from\":\"peer\",\"text\":\"hi\"}\n";
    files.write("long.jsonl", &step.repeat(50_000));
    let mut running = check(&files, &["--url", "echo:", "long.jsonl"]).stdout_unread().start();
    drop(running.take_stdout());
    running.output().check(dies_by(13));
}

#[test]
fn a_server_that_comes_late_is_waited_for_with_retry() {
    let files = Files::new();
    files.write("a.jsonl", PASSES);
    let nobody = Nobody::refusing();
    let url = format!("ws://{}/", nobody.address);
    let args =
        ["--url", &url, "--retry", "2", "--retry-delay", "0.01", "--retry-connrefused", "a.jsonl"];
    let output = check(&files, &args).output();
    output
        .check(ends(7).with_stdout_checked_apart().saying(&["next try in 10ms, 1 left", "0 left"]));
}
