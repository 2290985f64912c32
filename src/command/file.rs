//! The files that a run writes, opened before anything is sent. A FIFO is left to whoever writes it:
//! opening one waits for its reader.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use crate::failure::Failure;
use crate::output::Destination;
use crate::session::private;

/// Opens a file for messages: its name, and what is written.
///
/// # Errors
/// It cannot be written.
pub fn open_file(path: &Path) -> Result<(String, Destination), Failure> {
    open(path, |path| File::options().write(true).create(true).truncate(false).open(path))
}

/// Opens a file for what may be secret, which nobody else may read, for a `flag`; at a terminal, `instead`
/// does as well.
///
/// # Errors
/// It cannot be written; it is stdout, or a terminal.
pub fn open_private(
    flag: &str,
    path: &Path,
    instead: &str,
) -> Result<(String, Destination), Failure> {
    if path == "-" {
        return Err(Failure::usage(
            format!("{flag} -: stdout is for the messages"),
            "name a file, or /dev/stderr where that is no terminal; ./- is a file of that name",
        ));
    }
    match open(path, private)? {
        (name, Destination::Opened(file)) if file.is_terminal() => Err(Failure::usage(
            format!("{flag} {name}: a terminal would take what the peer sends for its own"),
            format!("name a file; {instead}"),
        )),
        opened => Ok(opened),
    }
}

fn open(
    path: &Path,
    create: impl FnOnce(&Path) -> io::Result<File>,
) -> Result<(String, Destination), Failure> {
    let name = path.display().to_string();
    if path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        return Ok((name, Destination::Fifo(path.to_owned())));
    }
    match create(path) {
        Ok(file) => Ok((name, Destination::Opened(file))),
        Err(error) => Err(Failure::Output { name, error }),
    }
}
