//! `-vv`, `-vvv` and `--trace-frames`: who is told of frames.

use std::fs::File;
use std::io::IsTerminal as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::stderr::stderr;
use crate::cli::OutputArgs;
use crate::failure::Failure;
use crate::output::Destination;
use crate::session::{Shown, Trace};
use crate::ui::Console;

/// Only for us: what passes may be secret.
const MODE: u32 = 0o600;

/// What looks at frames, if somebody wants to know.
///
/// # Errors
/// The file cannot be written.
pub fn trace(
    output: &OutputArgs,
    console: Option<&Console>,
) -> Result<Option<Box<Trace>>, Failure> {
    let shown = match output.verbose {
        0 | 1 => None,
        2 => Some(Shown::Control),
        _ => Some(Shown::All),
    };
    let person = match shown {
        Some(shown) => {
            let failure = |error| Failure::Output { name: "stderr".into(), error };
            Some((shown, stderr(console).map_err(failure)?))
        }
        None => None,
    };
    let file = output.trace_frames.as_deref().map(open).transpose()?;
    Ok(Trace::new(person, file).map(Box::new))
}

fn open(path: &Path) -> Result<(String, Destination), Failure> {
    let name = path.display().to_string();
    if path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        return Ok((name, Destination::Fifo(path.to_owned())));
    }
    let mut options = File::options();
    match options.write(true).create(true).truncate(false).mode(MODE).open(path) {
        Ok(file) if file.is_terminal() => Err(Failure::usage(
            format!("--trace-frames {name}: a terminal would take what the peer sends for its own"),
            "name a file; -vvv shows every frame at the terminal",
        )),
        Ok(file) => Ok((name, Destination::Opened(file))),
        Err(error) => Err(Failure::Output { name, error }),
    }
}
