//! `-vv`, `-vvv` and `--trace-frames`: who is told of frames.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::cli::OutputArgs;
use crate::failure::Failure;
use crate::output::Destination;
use crate::session::{Shown, Trace};

/// Only for us: what passes may be secret.
const MODE: u32 = 0o600;

/// What looks at frames, if somebody wants to know.
///
/// # Errors
/// The file cannot be written.
pub fn trace(output: &OutputArgs) -> Result<Option<Box<Trace>>, Failure> {
    let shown = match output.verbose {
        0 | 1 => None,
        2 => Some(Shown::Control),
        _ => Some(Shown::All),
    };
    let person = match shown {
        Some(shown) => Some((shown, stderr()?)),
        None => None,
    };
    let file = output.trace_frames.as_deref().map(open).transpose()?;
    Ok(Trace::new(person, file).map(Box::new))
}

fn stderr() -> Result<Destination, Failure> {
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let stderr = stderr.map_err(|error| Failure::Output { name: "stderr".into(), error })?;
    Ok(Destination::Apart(stderr))
}

fn open(path: &Path) -> Result<(String, Destination), Failure> {
    let name = path.display().to_string();
    if path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        return Ok((name, Destination::Fifo(path.to_owned())));
    }
    let mut options = File::options();
    match options.write(true).create(true).truncate(true).mode(MODE).open(path) {
        Ok(file) => Ok((name, Destination::Given(file))),
        Err(error) => Err(Failure::Output { name, error }),
    }
}
