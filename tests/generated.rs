//! Man pages, completions and the README's tables say what the program says: they are made from the
//! same types and compared here. `UPDATE=1 cargo test --test generated` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use wspipe::exit;
use wspipe::input::prompt::COMMANDS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn compare(path: &Path, made: &[u8]) {
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        return fs::write(path, made).unwrap();
    }
    let there = fs::read(path).unwrap_or_default();
    assert!(
        there == made,
        "{} is not what the program says; UPDATE=1 cargo test --test generated writes it anew",
        path.display()
    );
}

/// The folder holds these files and no others but those written by hand, so that none outlives what it
/// describes.
fn compare_folder(folder: &str, made: &[(String, Vec<u8>)], by_hand: &[&str]) {
    let folder = root().join(folder);
    for (name, bytes) in made {
        compare(&folder.join(name), bytes);
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_known = made.iter().any(|(made, _)| *made == name) || by_hand.contains(&&*name);
        assert!(is_known, "{name} belongs to nothing");
    }
}

fn built() -> Command {
    // `wspipe help` has no page of its own: it shows the others.
    let mut command = wspipe::cli::command().disable_help_subcommand(true);
    command.build();
    command
}

#[test]
fn the_man_pages_are_those_of_the_program() {
    let command = built();
    let mut pages = vec![("wspipe.1".to_owned(), page(&command, "wspipe"))];
    for task in command.get_subcommands() {
        let name = format!("wspipe-{}", task.get_name());
        pages.push((format!("{name}.1"), page(task, &name)));
    }
    compare_folder("man", &pages, &["wspipe-scenario.5"]);
}

fn page(command: &Command, name: &str) -> Vec<u8> {
    let man = Man::new(command.clone().display_name(name.to_owned()))
        .title(name.to_uppercase())
        .date("")
        .source("wspipe")
        .manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    synopsis(command).to_writer(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    man.render_options_section(&mut page).unwrap();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page).unwrap();
    }
    exit_status().to_writer(&mut page).unwrap();
    if command.has_subcommands() {
        environment().to_writer(&mut page).unwrap();
        promises().to_writer(&mut page).unwrap();
    }
    if name == "wspipe-connect" {
        prompt().to_writer(&mut page).unwrap();
    }
    if let Some(examples) = command.get_after_help() {
        section("EXAMPLES", &examples.to_string()).to_writer(&mut page).unwrap();
    }
    see_also(name).to_writer(&mut page).unwrap();
    // mangen leaves spaces at the ends of lines, which editors and git would fight over.
    let lines = String::from_utf8(page).unwrap();
    lines.lines().flat_map(|line| [line.trim_end(), "\n"]).collect::<String>().into_bytes()
}

fn see_also(name: &str) -> Roff {
    let mut see = Roff::default();
    see.control("SH", ["SEE ALSO"]);
    see.text(match name {
        "wspipe" => vec![bold("wspipe-scenario"), roman("(5)")],
        "wspipe-check" => {
            vec![bold("wspipe"), roman("(1), "), bold("wspipe-scenario"), roman("(5)")]
        }
        _ => vec![bold("wspipe"), roman("(1)")],
    });
    see
}

fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    section("SYNOPSIS", usage.trim_start_matches("Usage: "))
}

/// A section with its lines as they are.
fn section(name: &str, text: &str) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", [name]);
    roff.control("nf", []);
    for line in text.lines().filter(|line| *line != "Examples:") {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff
}

/// The commands of the prompt.
fn prompt() -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["AT THE PROMPT"]);
    roff.text([roman(
        "At a terminal a line is a message, however long, and so is what is pasted, over several lines \
         too. The fields of /frame are those of --raw-frames: fin=false rsv=4 opcode=ping mask=false \
         mask_key=01020304 length=9 length_bytes=8, and then text, hex or base64 and the payload. A line \
         that begins with // sends a slash; one that begins with a space is a message, sent with it, and is not \
         kept. /file takes up to 16 MiB, and sends text if it is UTF-8. /save keeps up to 64 MiB, and messages \
         over 1 MiB by their length only; with frames made by hand, it is replayed by --jsonl --raw-frames. \
         Ctrl-C clears the line, and on an empty line the second one closes (130); Ctrl-D closes, and 0 is the \
         exit code whether or not the server answers that. On a terminal that can only print (TERM=dumb), \
         Ctrl-C closes at once. With stdout elsewhere, messages go there, and all else to the terminal. Flags \
         that say what a message is take the prompt's place.",
    )]);
    for command in COMMANDS {
        roff.control("TP", []);
        roff.text([bold(command.name), roman(format!(" {}", command.arguments))]);
        roff.text([roman(command.does)]);
    }
    roff
}

/// What the README promises.
fn promises() -> Roff {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, promises) = readme.split_once("## What it promises\n\n- ").unwrap();
    let (promises, _) = promises.split_once("\n\n").unwrap();
    let mut roff = Roff::default();
    roff.control("SH", ["WHAT IT PROMISES"]);
    for promise in promises.split("\n- ") {
        roff.control("TP", ["2"]);
        roff.text([roman("-")]);
        let words: Vec<_> = promise.split_whitespace().collect();
        roff.text([roman(words.join(" ").replace('`', ""))]);
    }
    roff
}

fn exit_status() -> Roff {
    list("EXIT STATUS", exit::TABLE.iter().map(|row| (row.code, row.meaning)))
}

fn environment() -> Roff {
    list("ENVIRONMENT", wspipe::cli::ENVIRONMENT.iter().copied())
}

fn list(name: &str, entries: impl Iterator<Item = (&'static str, &'static str)>) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", [name]);
    for (entry, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(entry)]);
        roff.text([roman(meaning)]);
    }
    roff
}

#[test]
fn the_completions_are_those_of_the_program() {
    let shells = [
        (Shell::Bash, "wspipe.bash"),
        (Shell::Zsh, "_wspipe"),
        (Shell::Fish, "wspipe.fish"),
        (Shell::PowerShell, "_wspipe.ps1"),
        (Shell::Elvish, "wspipe.elv"),
    ];
    let made = shells.map(|(shell, name)| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut wspipe::cli::command(), "wspipe", &mut script);
        (name.to_owned(), script)
    });
    compare_folder("completions", &made, &[]);
}

#[test]
fn the_tables_of_the_readme_are_those_of_the_program() {
    let path = root().join("README.md");
    let mut readme = fs::read_to_string(&path).unwrap();
    for (name, table) in [("exit codes", exit_table()), ("options", option_table())] {
        let start = format!("<!-- generated: {name} -->\n");
        let (before, rest) = readme.split_once(&start).expect("the README has the marker");
        let (_, after) = rest.split_once("<!-- end -->").expect("the README has its end");
        readme = format!("{before}{start}\n{table}\n<!-- end -->{after}");
    }
    compare(&path, readme.as_bytes());
}

fn exit_table() -> String {
    let mut table = "| exit code | meaning |\n|---|---|\n".to_owned();
    for row in exit::TABLE {
        table.push_str(&format!("| {} | {} |\n", row.code, row.meaning));
    }
    table
}

fn option_table() -> String {
    let command = built();
    let tasks = ["connect", "send", "listen"].map(|name| command.find_subcommand(name).unwrap());
    let mut options: Vec<&Arg> = Vec::new();
    for argument in tasks.iter().flat_map(|task| task.get_arguments()) {
        let is_new = options.iter().all(|known| known.get_id() != argument.get_id());
        let is_option = !argument.is_positional() && argument.get_help_heading().is_some();
        if is_new && is_option && !argument.is_hide_set() {
            options.push(argument);
        }
    }
    let mut headings: Vec<&str> = Vec::new();
    for heading in options.iter().filter_map(|argument| argument.get_help_heading()) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    let mut table = "| what for | options |\n|---|---|\n".to_owned();
    for heading in headings {
        let of_heading = options.iter().filter(|a| a.get_help_heading() == Some(heading));
        let names: Vec<_> = of_heading.map(|argument| spelled(argument)).collect();
        table.push_str(&format!("| {heading} | {} |\n", names.join(", ")));
    }
    table
}

fn spelled(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    let takes_value = argument.get_action().takes_values();
    let values = argument.get_value_names().filter(|_| takes_value);
    let is_optional = argument.get_num_args().is_some_and(|count| count.min_values() == 0);
    let value = values.map(|names| match names[0].replace('|', "\\|") {
        name if is_optional => format!("[={name}]"),
        name => format!(" {name}"),
    });
    format!("`{}{}`", names.join("`/`"), value.unwrap_or_default())
}
