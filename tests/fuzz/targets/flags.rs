//! The command line: whatever is typed is understood, or refused with an exit code of 0 (help) or 2.
//!
//! Each line of the input is an argument. One that begins with a byte from 0x80 on is a flag of the
//! command before it: that byte and the next are its number, the rest its value.

#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wspipe::cli;

/// Each command, and its flags as they are typed.
static COMMANDS: LazyLock<Vec<(String, Vec<String>)>> = LazyLock::new(|| {
    let mut all = cli::command();
    all.build();
    let flags = |command: &clap::Command| {
        let long = command.get_arguments().filter_map(|flag| flag.get_long());
        let short = command.get_arguments().filter_map(|flag| flag.get_short());
        long.map(|long| format!("--{long}")).chain(short.map(|short| format!("-{short}"))).collect()
    };
    all.get_subcommands().map(|command| (command.get_name().to_owned(), flags(command))).collect()
});

fuzz_target!(|input: &[u8]| {
    let mut flags: &[String] = &[];
    let mut arguments = vec![OsString::from("wspipe")];
    for line in input.split(|byte| *byte == b'\n') {
        let named = COMMANDS.iter().find(|(name, _)| name.as_bytes() == line);
        flags = named.map_or(flags, |(_, flags)| flags);
        arguments.push(OsString::from_vec(match line {
            [high @ 0x80..=0xff, low, value @ ..] if !flags.is_empty() => {
                let number = usize::from(high & 0x7f) << 8 | usize::from(*low);
                let flag = flags[number % flags.len()].as_bytes();
                let equals: &[u8] = if value.is_empty() { b"" } else { b"=" };
                [flag, equals, value].concat()
            }
            _ => line.to_vec(),
        }));
    }
    match cli::parse(arguments.clone()) {
        // Secrets are shown in a way of their own.
        Ok(parsed) => assert!(!format!("{parsed:?}").is_empty()),
        Err(error) => {
            let said = error.render().to_string();
            assert!(!said.is_empty(), "{arguments:?}");
            assert_eq!(error.exit_code(), if error.use_stderr() { 2 } else { 0 }, "{arguments:?}");
        }
    }
});
