//! The README's examples are run as they stand: each `console` block in one shell, with the program
//! that was built, and what it prints is compared with what is shown, but for how long something took.

use std::fs;
use std::path::Path;

use regex::Regex;

mod support;
use support::{ends, run};

/// Stands in the output between one command's and the next.
const BETWEEN: &str = "\u{1e}\n";

struct Example {
    command: String,
    prints: String,
}

fn blocks() -> Vec<Vec<Example>> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let blocks = readme.split("```console\n").skip(1);
    let blocks: Vec<_> = blocks.map(|block| examples(block.split("```").next().unwrap())).collect();
    assert!(blocks.len() >= 6, "the README has its examples");
    blocks
}

fn examples(block: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { command: command.to_owned(), prints: String::new() });
        } else {
            let example = examples.last_mut().expect("a block begins with a command");
            example.prints.push_str(line);
            example.prints.push('\n');
        }
    }
    examples
}

/// The same with one time, and one port, in place of all.
fn timeless(text: &str) -> String {
    let ports = Regex::new(r"127\.0\.0\.1:\d+").unwrap().replace_all(text, "127.0.0.1:9000");
    Regex::new(r"\b\d+\.\d+ m?s\b").unwrap().replace_all(&ports, "1.0 ms").into_owned()
}

#[test]
fn every_example_of_the_readme_prints_what_it_shows() {
    let folder = Path::new(env!("CARGO_BIN_EXE_wspipe")).parent().unwrap().display().to_string();
    for block in blocks() {
        let mut script = format!("PATH={folder}:$PATH; URL=$WSPIPE_URL; exec 2>&1\n");
        let mut prints = String::new();
        for Example { command, prints: printed } in &block {
            // `$?` is the example's own in the next line, as it is at a prompt.
            script.push_str(&format!("{command}\nlast=$?; printf '\\036\\n'; (exit $last)\n"));
            prints.push_str(printed);
            prints.push_str(BETWEEN);
        }
        script.push_str("exit 0\n");
        let output = run(["serve", "--", "sh", "-c", &script]).output();
        output.check(ends(0).with_stdout_checked_apart());
        assert_eq!(timeless(&output.stdout_text()), timeless(&prints));
    }
}
