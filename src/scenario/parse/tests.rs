//! Tables of what scenarios mean, and of what is wrong in them.

use super::*;

fn read(text: &str, has_url: bool) -> Result<Scenario, Vec<Mistake>> {
    let mut values = Values::default();
    values.set_text("user", "alice");
    let environment = |name: &str| (name == "TOKEN").then(|| "secret".to_owned());
    parse(text, Given { values: &values, environment: &environment, has_url })
}

/// What each step is, in one line.
fn steps(text: &str) -> Vec<String> {
    let scenario = read(text, true).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    let steps = scenario.steps.iter();
    steps.map(|step| format!("{} {}", step.line, scenario.describe(step))).collect()
}

const HEADER: &str = "{\"event\":\"scenario\",\"version\":1}\n";

#[test]
fn what_is_from_us_is_sent_and_what_is_from_the_peer_is_expected() {
    let cases: [(&str, &[&str]); 20] = [
        ("{\"text\":\"hi\"}", &["1 open", "1 send text \"hi\""]),
        ("\u{feff}{\"text\":\"hi\"}", &["1 open", "1 send text \"hi\""]),
        ("\n  \r\n{\"text\":\"hi\"}\r\n", &["3 open", "3 send text \"hi\""]),
        (
            "{\"event\":\"open\",\"url\":\"ws://h/\",\"headers\":{\"X\":\"y\"}}\n{\"json\":{\"b\": 1.0}}",
            &["1 open ws://h/", "2 send json {\"b\":1.0}"],
        ),
        (
            "{\"hex\":\"00 ff\"}\n{\"base64\":\"AA==\",\"opcode\":\"text\"}",
            &["1 open", "1 send binary of 2 bytes", "2 send text of 1 byte"],
        ),
        ("{\"from\":\"peer\"}", &["1 open", "1 expect a message"]),
        ("{\"from\":\"peer\",\"opcode\":\"binary\"}", &["1 open", "1 expect a binary message"]),
        ("{\"from\":\"peer\",\"hex\":\"00\"}", &["1 open", "1 expect binary of 1 byte"]),
        (
            "{\"from\":\"peer\",\"regex\":\"^a\",\"jq\":\".b\",\"length\":5}",
            &["1 open", "1 expect a match of \"^a\", jq \".b\", 5 bytes"],
        ),
        ("{\"from\":\"peer\",\"none\":\"2s\"}", &["1 open", "1 expect silence for 2s"]),
        (
            "{\"event\":\"ping\",\"text\":\"x\"}\n{\"event\":\"pong\",\"from\":\"peer\"}",
            &["1 open", "1 send ping \"x\"", "2 expect a pong"],
        ),
        (
            "{\"event\":\"close\",\"code\":4000,\"reason\":\"x\"}",
            &["1 open", "1 close 4000 private to the application \"x\""],
        ),
        (
            "{\"event\":\"close\",\"from\":\"peer\",\"code\":1006}",
            &["1 open", "1 expect close 1006 abnormal closure"],
        ),
        ("{\"event\":\"open\",\"status\":401}", &["1 open, to be refused with 401"]),
        (
            "{\"conn\":\"a\",\"text\":\"x\"}\n{\"conn\":\"b\",\"from\":\"peer\",\"text\":\"x\"}",
            &["1 a: open", "2 b: open", "1 a: send text \"x\"", "2 b: expect text \"x\""],
        ),
        (
            "{\"event\":\"close\"}\n{\"event\":\"open\"}\n{\"text\":\"x\"}",
            &["1 open", "1 close 1000 normal closure", "2 open", "3 send text \"x\""],
        ),
        (
            "{\"event\":\"scenario\",\"version\":1}\n{\"text\":\"{{user}} {{env.TOKEN}}\"}",
            &["2 open", "2 send text \"{{user}} {{env.TOKEN}}\""],
        ),
        ("{\"text\":\"{{user\"}", &["1 open", "1 send text \"{{user\""]),
        ("{\"comment\":\"why\",\"text\":\"a\"}", &["1 open", "1 send text \"a\""]),
        (
            "{\"event\":\"scenario\",\"version\":1}\n{\"from\":\"peer\",\"capture\":{\"id\":\".id\"}}\n{\"json\":\"{{id}}\"}",
            &["2 open", "2 expect a message, capture id", "3 send json \"{{id}}\""],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(steps(text), expected, "{text}");
    }
}

#[test]
fn a_recording_is_a_scenario() {
    let recording = "\
{\"time\":\"2026-11-22T18:00:00.000000Z\",\"event\":\"open\",\"url\":\"ws://127.0.0.1:1/\",\"http_version\":\"1.1\",\"status\":101,\"subprotocol\":\"chat\",\"extensions\":[],\"peer_address\":\"127.0.0.1:1\",\"timing\":{\"upgrade\":0.1},\"request_headers\":[[\"a\",\"b\"]],\"response_headers\":[]}
{\"time\":\"2026-11-22T18:00:01.000000Z\",\"event\":\"message\",\"from\":\"us\",\"opcode\":\"text\",\"length\":2,\"text\":\"hi\"}
{\"time\":\"2026-11-22T18:00:02.000000Z\",\"event\":\"ping\",\"from\":\"us\",\"base64\":\"AA==\"}
{\"time\":\"2026-11-22T18:00:03.000000Z\",\"event\":\"pong\",\"from\":\"peer\",\"base64\":\"AA==\",\"rtt_us\":5}
{\"time\":\"2026-11-22T18:00:08.500000Z\",\"event\":\"message\",\"from\":\"peer\",\"opcode\":\"binary\",\"length\":1,\"base64\":\"AA==\"}
{\"time\":\"2026-11-22T18:00:09.000000Z\",\"event\":\"close\",\"from\":\"peer\",\"code\":1000,\"reason\":\"bye\",\"clean\":true}
{\"time\":\"2026-11-22T18:00:09.000000Z\",\"event\":\"failure\",\"kind\":\"not_as_asked\",\"message\":\"x\",\"exit_code\":4}
";
    let scenario = read(recording, false).unwrap();
    let what: Vec<_> = scenario.steps.iter().map(|step| scenario.describe(step)).collect();
    let expected = [
        "open ws://127.0.0.1:1/",
        "send text \"hi\"",
        "expect binary of 1 byte",
        "expect close 1000 normal closure, \"bye\"",
    ];
    assert_eq!(what, expected);
    let within: Vec<_> = scenario.steps.iter().map(|step| step.within.as_secs_f64()).collect();
    assert_eq!(within, [5.0, 6.0, 12.5, 5.5], "the gap to the step before, and 5 s");
    let Act::Open(opening) = &scenario.steps[0].act else { panic!("{:?}", scenario.steps[0]) };
    assert_eq!((&opening.subprotocols[..], opening.status), (&["chat".to_owned()][..], None));
    assert!(opening.headers.is_empty());
}

#[test]
fn what_a_recording_tells_of_messages_that_did_not_leave_or_were_too_large_is_heeded() {
    let time = "\"time\":\"2026-11-22T18:00:00Z\"";
    let ours = |text: &str| {
        format!("{{{time},\"event\":\"message\",\"from\":\"us\",\"text\":{text:?}}}\n")
    };
    let recording = ours("a")
        + &ours("b")
        + &ours("c")
        + &format!(
            "{{{time},\"event\":\"message\",\"from\":\"peer\",\"opcode\":\"text\",\"length\":70}}\n"
        )
        + &format!(
            "{{{time},\"event\":\"close\",\"from\":\"peer\",\"code\":1008,\"reason\":\"\",\"clean\":true,\"unsent\":2}}\n"
        );
    let expected = [
        "1 open",
        "1 send text \"a\"",
        "4 expect a text message, 70 bytes",
        "5 expect close 1008 policy violation",
    ];
    assert_eq!(steps(&recording), expected);
    let large = format!("{{{time},\"event\":\"message\",\"from\":\"us\",\"length\":70}}");
    let mistakes = read(&large, true).unwrap_err();
    assert!(mistakes[0].what.contains("too large to be recorded"), "{mistakes:?}");
}

#[test]
fn our_close_awaits_its_answer_where_nothing_else_does() {
    let awaited = |text: &str| {
        let scenario = read(text, true).unwrap();
        let close = scenario.steps.iter().find_map(|step| match step.act {
            Act::Close(_, awaited) => Some(awaited),
            _ => None,
        });
        close.unwrap()
    };
    let close = "{\"event\":\"close\"}";
    assert!(awaited(close));
    assert!(!awaited(&format!("{close}\n{{\"event\":\"close\",\"from\":\"peer\"}}")));
    assert!(awaited(&format!("{close}\n{{\"event\":\"open\"}}\n{{\"from\":\"peer\"}}")));
    assert!(awaited(&format!("{close}\n{{\"conn\":\"b\",\"from\":\"peer\"}}")));
    assert!(!awaited("{\"event\":\"close\",\"code\":1000,\"clean\":false}"));
}

#[test]
fn every_mistake_has_its_place_and_a_way_out() {
    let cases: [(&str, &str, &str); 52] = [
        ("", "1:1 there is no step in it", "from\":\"peer"),
        ("{\"text\":1}", "1:9 text is a number", "write a string"),
        (
            "{\"txt\":\"a\"}",
            "1:2 unknown field \"txt\" in a message that we send",
            "did you mean \"text\"?",
        ),
        (
            "{\"text\":\"a\",\"colour\":1}",
            "1:13 unknown field \"colour\"",
            "it may have opcode, length, text",
        ),
        (
            "{\"text\":\"a\",\"within\":\"1s\"}",
            "1:13 within means nothing in a message that we send",
            "add \"from\":\"peer\"",
        ),
        (
            "{\"text\":\"a\",\"code\":1000}",
            "1:13 code means nothing in a message that we send",
            "add \"event\":\"close\"",
        ),
        ("{\"event\":\"mesage\"}", "1:10 unknown event \"mesage\"", "did you mean \"message\"?"),
        ("{\"event\":\"xyzzy\"}", "1:10 unknown event \"xyzzy\"", "the events are message"),
        ("{\"from\":\"server\"}", "1:9 from is \"server\"", "\"peer\" is expected"),
        ("{}", "1:1 the message has no content", "text, json, base64 and hex"),
        ("{\"text\":\"a\",\"hex\":\"00\"}", "1:1 more than one of", "leave one"),
        ("{\"hex\":\"0\"}", "1:8 hex: ", "two digits"),
        ("{\"base64\":\"?\"}", "1:11 base64: ", "alphabet"),
        ("{\"base64\":\"/w==\",\"opcode\":\"text\"}", "1:1 a text message must be UTF-8", "leave"),
        ("{\"text\":\"a\",\"opcode\":\"txt\"}", "1:22 opcode is \"txt\"", "\"binary\""),
        ("{\"from\":\"peer\",\"regex\":\"(\"}", "1:24 regex: unclosed group", "backslashes"),
        ("{\"from\":\"peer\",\"jq\":\".a |\"}", "1:21 jq: ", "jq filter"),
        ("{\"from\":\"peer\",\"jq\":\"nosuch\"}", "1:21 jq: ", "jq filter"),
        ("{\"from\":\"peer\",\"within\":\"soon\"}", "1:25 within: a duration looks like", "\"2s\""),
        ("{\"from\":\"peer\",\"within\":0}", "1:25 within is 0", "more"),
        ("{\"from\":\"peer\",\"within\":true}", "1:25 within: a duration looks like", "\"2s\""),
        (
            "{\"from\":\"peer\",\"none\":\"2s\",\"text\":\"a\"}",
            "1:28 text means nothing beside none",
            "expects silence",
        ),
        ("{\"from\":\"peer\",\"skip\":1}", "1:23 skip is a number", "true or false"),
        (
            "{\"from\":\"peer\",\"capture\":{\"a\":\".\"}}",
            "1:26 captures need a scenario record",
            "first line",
        ),
        (
            "{\"event\":\"close\",\"code\":1006}",
            "1:25 close code 1006 cannot be sent",
            "1000 to 1003",
        ),
        (
            "{\"event\":\"close\",\"code\":70000}",
            "1:25 code is a number out of range",
            "a close code",
        ),
        (
            "{\"event\":\"close\",\"from\":\"peer\"}\n{\"from\":\"peer\"}",
            "2:1 the connection is closed since line 1: nothing can be expected",
            "open the connection again",
        ),
        (
            "{\"event\":\"close\"}\n{\"text\":\"a\"}",
            "2:1 the connection is closed since line 1: nothing can be sent",
            "move this line",
        ),
        (
            "{\"event\":\"open\",\"status\":401}\n{\"text\":\"a\"}",
            "2:1 the connection is closed since line 1",
            "open the connection again",
        ),
        (
            "{\"text\":\"a\"}\n{\"event\":\"open\"}",
            "2:1 the connection is open since line 1",
            "a name of its own",
        ),
        ("{\"event\":\"open\",\"url\":\"ftp://x/\"}", "1:23 ", "ws://"),
        (
            "{\"event\":\"open\",\"headers\":{\"a b\":\"c\"}}",
            "1:27 the header \"a b\"",
            "\"headers\"",
        ),
        ("{\"event\":\"open\",\"status\":99}", "1:26 99 is no status of a refusal", "200 to 599"),
        (
            "{\"event\":\"open\",\"text\":\"a\"}",
            "1:17 text means nothing in an open record",
            "it may have url",
        ),
        ("{\"conn\":1,\"text\":\"a\"}", "1:9 conn is a number", "a string"),
        ("{\"text\":\"a\",\"time\":\"now\"}", "1:20 time is no time", "2026"),
        ("{\"event\":\"ping\",\"text\":\"{126}\"}", "1:1 a ping or pong cannot carry this", "125"),
        (
            "{\"text\":\"a\"}\n{\"event\":\"scenario\",\"version\":1}",
            "2:1 the scenario record does not come first",
            "first line",
        ),
        ("{\"event\":\"scenario\"}", "1:1 the scenario record has no version", "\"version\":1"),
        ("{\"event\":\"scenario\",\"version\":2}", "1:31 version 2 is not known", "version 1"),
        (
            "{\"event\":\"scenario\",\"version\":1,\"vars\":{}}",
            "1:33 unknown field \"vars\" in the scenario record",
            "version, name",
        ),
        ("H{\"text\":\"{{usr}}\"}", "2:9 {{usr}} stands for nothing", "did you mean {{user}}?"),
        ("H{\"text\":\"{{id}}\"}", "2:9 {{id}} stands for nothing", "--var id=VALUE"),
        ("H{\"json\":[\"{{env.NOPE}}\"]}", "2:9 the environment has no NOPE", "NOPE="),
        ("H{\"text\":\"{{\"}", "2:9 {{ has no }} behind it", "\\u007b{"),
        (
            "H{\"from\":\"peer\",\"capture\":{\"env.x\":\".\"}}",
            "2:26 \"env.x\" is no name",
            "not env.",
        ),
        ("H{\"from\":\"peer\",\"capture\":{\"x\":\"(\"}}", "2:26 the filter of \"x\": ", "jq"),
        ("# a comment", "1:1 not a record: expected value", "\"comment\""),
        ("{\"event\":\"pong\"}", "1:1 a pong of ours is not sent", "leave it out"),
        (
            "{\"event\":\"open\",\"subprotocol\":[1]}",
            "1:31 subprotocol is an array",
            "several in an array",
        ),
        (
            "{\"event\":\"open\",\"conn\":\"alice\"}\n{\"conn\":\"alcie\",\"text\":\"a\"}",
            "2:1 no record opens \"alcie\"",
            "did you mean \"alice\"?",
        ),
        (
            "{\"event\":\"open\",\"conn\":\"alice\"}\n{\"text\":\"a\"}",
            "2:1 no record opens a connection without a name",
            "opens all of them",
        ),
    ];
    for (text, what, hint) in cases {
        let text = text.replace('H', HEADER).replace("{126}", &"x".repeat(126));
        let mistakes = read(&text, true).unwrap_err();
        let told: Vec<_> = mistakes
            .iter()
            .map(|mistake| format!("{}:{} {mistake}", mistake.line, mistake.column))
            .collect();
        assert!(told[0].starts_with(what), "{text}: {told:?}, not {what}");
        assert!(mistakes[0].hint.contains(hint), "{text}: {:?}", mistakes[0].hint);
    }
    let all = read("{\"txt\":1}\n{\"text\":\"fine\"}\n[]", true).unwrap_err();
    assert_eq!(all.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [1, 3]);
    let both = "{\"from\":\"peer\",\"text\":\"{{usr}}\",\"capture\":{\"id\":\".\"}}\n{\"text\":\"{{id}}\"}";
    let one = read(&format!("{HEADER}{both}"), true).unwrap_err();
    assert_eq!(one.len(), 1, "a line that has a mistake captures all the same: {one:?}");
    let no_url = read("{\"text\":\"a\"}", false).unwrap_err();
    assert!(no_url[0].what.contains("no URL") && no_url[0].hint.contains("--url"), "{no_url:?}");
}
