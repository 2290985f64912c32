//! `check --export`: what is printed, what is refused, and that nothing is opened.

mod support;
use support::{ends, run};

const SCENARIO: &str = "\
{\"event\":\"scenario\",\"version\":1,\"name\":\"login\"}
{\"event\":\"open\",\"url\":\"ws://127.0.0.1:1/\"}
{\"json\":{\"user\":\"{{user}}\",\"token\":\"{{env.NOT_SET_HERE}}\"}}
{\"from\":\"peer\",\"jq\":\".ok\"}
";

#[test]
fn a_scenario_is_printed_as_a_script_and_nothing_is_opened() {
    let output =
        run(["check", "--export", "k6", "--var", "user=alice", "-"]).stdin(SCENARIO).output();
    output.check(ends(0).with_stdout_checked_apart());
    let script = output.stdout_text();
    let parts = [
        "// \"stdin: login\"\n",
        "import { WebSocket } from \"k6/websockets\";",
        "environment([\"NOT_SET_HERE\"]), \"user\": \"\\\"alice\\\"\" }",
        "await s.step(\"line 2: open ws://127.0.0.1:1/\", () => s.open(\"\", \"ws://127.0.0.1:1/\", [], {}, 10000));",
        "m.holds(m.at(\"ok\"));",
        "function environment(names) {",
    ];
    for part in parts {
        assert!(script.contains(part), "{part} is not in {script}");
    }
}

#[test]
fn the_url_of_the_command_line_comes_first() {
    let scenario = "{\"event\":\"open\",\"url\":\"echo:\"}\n{\"text\":\"a\"}\n";
    let output =
        run(["check", "--export=k6", "--url", "https://h/x", "-"]).stdin(scenario).output();
    output.check(ends(0).with_stdout_checked_apart());
    assert!(output.stdout_text().contains("s.open(\"\", \"wss://h/x\", [], {}, 10000)"));
}

#[test]
fn what_cannot_be_translated_is_refused_and_nothing_is_printed() {
    let scenario = "{\"event\":\"ping\",\"text\":\"x\"}\n{\"text\":\"a\"}\n{\"from\":\"peer\",\"jq\":\".a | length\"}\n";
    run(["check", "--export", "k6", "-"]).stdin(scenario).output().check(ends(26).saying(&[
        "wspipe: stdin:1: k6 cannot play this: a ping with a payload\n  hint: leave the payload out",
        "wspipe: stdin:3: k6 cannot play this: the filter \".a | length\": | is not translated\n  hint: k6 has no jq",
    ]));
    let mistaken = run(["check", "--export", "k6", "-"]).stdin("{\"txt\":\"a\"}").output();
    mistaken
        .check(ends(26).saying(&["stdin:1:2: unknown field \"txt\"", "did you mean \"text\"?"]));
}

#[test]
fn a_command_line_that_would_be_lost_in_the_script_is_refused() {
    let cases: [(&[&str], &[&str]); 5] = [
        (&["a.jsonl", "b.jsonl"], &["--export takes one file, not 2", "hint: "]),
        (&["a.jsonl", "-H", "X: y"], &["cannot be used with '--header"]),
        (&["a.jsonl", "--junit", "r.xml"], &["cannot be used with '--junit"]),
        (&["a.jsonl", "--jobs", "2"], &["cannot be used with '--jobs"]),
        (&["a.jsonl", "--export", "gatling"], &["invalid value 'gatling'", "k6"]),
    ];
    for (arguments, says) in cases {
        let output = run(["check", "--export", "k6"]).args(arguments).output();
        output.check(ends(2).saying(says));
    }
    let url = run(["check", "--export", "k6", "--url", "ftp://h/", "-"]).output();
    url.check(ends(3).saying(&["the URL scheme ftp:"]));
    let gone = run(["check", "--export", "k6", "/nowhere.jsonl"]).output();
    gone.check(ends(26).saying(&["/nowhere.jsonl"]));
}
