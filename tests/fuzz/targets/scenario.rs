//! Scenarios: a mistake has its place within the file, and what has none can be described, seen from the
//! other side, expanded, exported, and met by what it expects.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wspipe::scenario::{self, Act, Awaited, Came, Content, Cue, Expectation, Given, Mistake};
use wspipe::scenario::{Judged, Scenario, Style, Template, Values};
use wspipe::wire::Kind;

fuzz_target!(|text: &str| {
    let mut values = Values::default();
    values.set_text("name", "a\"b{{id}}.*\u{1b}");
    values.set("id", "12345678901234567890".into());
    let environment = |name: &str| (name == "TOKEN").then(|| "s\u{e9}cret\n".to_owned());
    for has_url in [true, false] {
        let given = Given { values: &values, environment: &environment, has_url };
        match scenario::parse(text, given) {
            Ok(scenario) => holds_together(&scenario),
            Err(mistakes) => have_their_places(text, &mistakes),
        }
    }
});

fn have_their_places(text: &str, mistakes: &[Mistake]) {
    assert!(!mistakes.is_empty());
    assert!(mistakes.is_sorted_by_key(|mistake| mistake.line), "{mistakes:?} in {text:?}");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<_> = text.split('\n').collect();
    for mistake in mistakes {
        let line = lines.get(mistake.line as usize - 1);
        let line = line.unwrap_or_else(|| panic!("{mistake:?} in {text:?}"));
        // What is missing is missing behind the last character.
        let places = 1..=line.chars().count() as u64 + 1;
        assert!(places.contains(&mistake.column), "{mistake:?} in {line:?}");
        assert!(!mistake.what.is_empty() && !mistake.hint.is_empty(), "{mistake:?} in {line:?}");
    }
}

fn holds_together(scenario: &Scenario) {
    for step in &scenario.steps {
        assert!(step.conn < scenario.conns.len());
        let described = scenario.describe(step);
        assert!(!described.contains(char::is_control), "{described:?} of {step:?}");
        match &step.act {
            Act::Send(_, content) => payload(content, scenario),
            Act::Expect(expectation) => is_met(expectation, scenario),
            Act::Open(opening) => {
                opening.url.iter().for_each(|url| expand(url, scenario));
                opening.headers.iter().for_each(|(_, value)| expand(value, scenario));
            }
            Act::Ping(_) | Act::Close(..) | Act::Silence(_) => {}
        }
    }
    if let Ok(parts) = scenario::parts(scenario) {
        for part in parts {
            assert!(part.conn < scenario.conns.len());
            match &part.cue {
                Cue::Say(_, content, _) => payload(content, scenario),
                Cue::Hear(expectation) => is_met(expectation, scenario),
                _ => {}
            }
        }
    }
    for url in [None, Some("ws://localhost:9000/")] {
        if let Err(refused) = scenario.k6("scenario.jsonl", url) {
            let lines: Vec<_> = scenario.steps.iter().map(|step| step.line).collect();
            assert!(refused.iter().all(|refused| lines.contains(&refused.line)), "{refused:?}");
        }
    }
}

fn expand(template: &Template, scenario: &Scenario) {
    for style in [Style::Plain, Style::Jq, Style::Regex] {
        template.expand(&scenario.values, style);
    }
    // Without the scenario record, braces mean nothing and need not be right.
    if let Ok(again) = Template::parse(&template.source()) {
        assert_eq!(again.source(), template.source());
    }
}

/// JSON stays JSON, whatever is put in.
fn payload(content: &Content, scenario: &Scenario) {
    let payload = content.payload(&scenario.values);
    if let Content::Json(_) = content {
        let json = serde_json::from_slice::<serde::de::IgnoredAny>(&payload);
        assert!(json.is_ok(), "{} of {content:?}", payload.escape_ascii());
    }
    if let Content::Text(template) = content {
        expand(template, scenario);
    }
}

/// What is all of an expectation meets it.
fn is_met(expectation: &Expectation, scenario: &Scenario) {
    assert!(!expectation.describe().contains(char::is_control), "{expectation:?}");
    let payload = expectation.content.as_ref().map(|content| content.payload(&scenario.values));
    let payload = payload.unwrap_or_default();
    let came = match expectation.awaited {
        Awaited::Message => Came::Message(expectation.kind.unwrap_or(Kind::Text), &payload),
        Awaited::Ping => Came::Ping(&payload),
        Awaited::Pong => Came::Pong(&payload),
        Awaited::Close => return,
    };
    let judged = expectation.judge(came, &scenario.values);
    if judged == Judged::Unmet {
        let told = expectation.unlike("it was", came, &scenario.values);
        assert!(told.len() > 1, "what came is told, and not why it is wrong: {told:?} of {expectation:?}");
    }
    let asks_for_more = expectation.regex.is_some()
        || expectation.jq.is_some()
        || expectation.length.is_some()
        || !expectation.captures.is_empty();
    if !asks_for_more {
        assert_eq!(judged, Judged::Met(Vec::new()), "{expectation:?}");
    }
}
