//! The examples of smoke tests are those that the README shows, and they do what it says: files for CI
//! servers, make and Kubernetes are read as far as needed, and their commands run against `wspipe serve`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

mod support;
use support::{ends, run};

const SCENARIOS: [&str; 2] = ["greeting.jsonl", "two-clients.jsonl"];
const FILES: [&str; 4] = ["github.yml", "gitlab.yml", "Makefile", "probe.yaml"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn example(name: &str) -> String {
    fs::read_to_string(root().join("tests/smoke").join(name)).unwrap()
}

/// Runs commands in a shell, with the program on PATH, a server, and what CI servers keep for us.
fn passes(commands: &str) {
    let folder = Path::new(env!("CARGO_BIN_EXE_wspipe")).parent().unwrap().display().to_string();
    let script = format!(
        "set -e; PATH={folder}:$PATH; export SERVER=$WSPIPE_URL TOKEN=t; exec >&2\n{commands}"
    );
    let output = run(["serve", "--", "sh", "-c", &script]).output();
    output.check(ends(0).with_stderr_checked_apart());
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The commands of a YAML list, a line each, behind a line that ends with `key`.
fn list(yaml: &str, key: &str) -> String {
    let (_, after) = yaml.split_once(key).expect("the key is there");
    let items = after.lines().skip(1).map(str::trim_start);
    let items: Vec<_> = items.map_while(|line| line.strip_prefix("- ")).collect();
    assert!(!items.is_empty(), "{key} has no items");
    items.join("\n")
}

#[test]
fn the_readme_shows_the_examples_word_for_word() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for name in SCENARIOS.iter().chain(&FILES) {
        let shown = format!("\n{}```\n", example(name));
        assert!(readme.contains(&shown), "the README does not show tests/smoke/{name} as it is");
    }
    for entry in fs::read_dir(root().join("tests/smoke")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(SCENARIOS.iter().chain(&FILES).any(|known| *known == name), "{name} is not shown");
    }
}

#[test]
fn the_step_for_github_passes() {
    let yaml = example("github.yml");
    let (_, step) = yaml.split_once("- name: smoke test\n").unwrap();
    passes(step.trim_start().strip_prefix("run: ").unwrap());
}

#[test]
fn the_script_for_gitlab_passes() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("smoke.xml").display().to_string();
    passes(&list(&example("gitlab.yml"), "  script:").replace("smoke.xml", &report));
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("tests=\"11\" failures=\"0\""), "{report}");
}

#[test]
fn the_makefile_passes() {
    if has("make") {
        passes("make --no-print-directory -f tests/smoke/Makefile smoke SERVER=\"$SERVER\"");
    }
}

#[test]
fn prove_understands_tap() {
    if has("prove") {
        passes("prove -e 'wspipe check --tap --url '\"$SERVER\" tests/smoke/*.jsonl");
    }
}

#[test]
fn the_probe_of_kubernetes_passes_and_fails() {
    let yaml = example("probe.yaml");
    let (_, after) = yaml.split_once("command: ").unwrap();
    let command: Vec<String> = serde_json::from_str(after.lines().next().unwrap()).unwrap();
    let quoted: Vec<_> = command.iter().map(|word| format!("'{word}'")).collect();
    let command = quoted.join(" ").replace("'ws://127.0.0.1:9000/'", "\"$SERVER\"");
    passes(&command);
    passes(&format!("! {}", command.replace("'ping' '-m' '4'", "'pong' '-m' '0.2'")));
}

#[test]
fn the_scenarios_can_be_exported() {
    for name in SCENARIOS {
        let file = format!("tests/smoke/{name}");
        let output = run(["check", "--export", "k6", &file]).output();
        output.check(ends(0).with_stdout_checked_apart());
        assert!(output.stdout_text().contains("from \"k6/websockets\";"));
    }
}
