//! man/wspipe-scenario.5 is written by hand: it must know every field and event that the program knows, and
//! its examples must be scenarios.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

mod support;
use support::{ends, run};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn page() -> String {
    read("man/wspipe-scenario.5")
}

/// The names of fields and events in the tables of `shape`.
fn known() -> BTreeSet<String> {
    let source = read("src/scenario/shape.rs");
    let consts = source.split("\nconst ").skip(1).map(|one| one.split(';').nth(1).unwrap_or(one));
    let fields = source.split("fn fields(self)").nth(1).unwrap().split("(own.concat()").next();
    let tables: String = consts.chain(fields).collect();
    let name = Regex::new("\"([a-z_]+)\"").unwrap();
    name.captures_iter(&tables).map(|found| found[1].to_owned()).collect()
}

/// The examples, each with what is to be done with it.
fn examples() -> Vec<(String, String)> {
    let page = page();
    let blocks = page.split(".\\\" check: ").skip(1);
    let blocks = blocks.map(|block| {
        let (how, rest) = block.split_once('\n').unwrap();
        let (_, rest) = rest.split_once(".EX\n").unwrap();
        let (example, _) = rest.split_once(".EE\n").unwrap();
        (how.to_owned(), example.replace("\\-", "-").replace("\\e", "\\"))
    });
    blocks.collect()
}

#[test]
fn the_page_has_every_field_and_event() {
    let known = known();
    assert!(known.len() > 30 && known.contains("rtt_us") && known.contains("reconnect"));
    let page = page();
    let words: BTreeSet<&str> =
        page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    // Fonts stand before a word without a space: \fBtext\fR.
    let is_there = |name: &str| words.contains(name) || page.contains(&format!("\\fB{name}\\fR"));
    let missing: Vec<_> = known.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "man/wspipe-scenario.5 does not have {missing:?}");
}

#[test]
fn every_example_of_the_page_is_a_scenario() {
    let examples = examples();
    assert_eq!(
        page().matches(".EX").count(),
        examples.len(),
        "each example says how it is checked"
    );
    for (how, example) in examples {
        let check = "wspipe check -s -S --url \"$WSPIPE_URL\" -";
        let folder = Path::new(env!("CARGO_BIN_EXE_wspipe")).parent().unwrap().display();
        match how.as_str() {
            "echo" => {
                let script = format!("PATH={folder}:$PATH; {check} <<'END'\n{example}END\n");
                run(["serve", "--", "sh", "-c", &script]).output().check(ends(0));
            }
            // It cannot be opened, so it has no mistake: that would have come first, with 26.
            "valid" => {
                let end = run(["check", "-s", "--url", "ws+unix:///nowhere", "-"]);
                end.env("HOME", "/").stdin(&example).output().check(ends(7));
            }
            other => panic!("{other}?"),
        }
    }
}
