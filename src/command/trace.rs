//! `-vv`, `-vvv` and `--trace-frames`: who is told of frames.

use super::file::open_private;
use super::stderr::stderr;
use crate::cli::OutputArgs;
use crate::failure::Failure;
use crate::session::{Shown, Trace};
use crate::ui::Console;

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
    let open =
        |path| open_private("--trace-frames", path, "-vvv shows every frame at the terminal");
    let file = output.trace_frames.as_deref().map(open).transpose()?;
    Ok(Trace::new(person, file).map(Box::new))
}
