//! Files that only we may read: what passes in a session may be secret.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// To read and to write, for us.
const MODE: u32 = 0o600;

/// Opens a file for writing, and leaves what is in it. It is nobody else's to read: a new one from the
/// start, and one that is there from now on.
///
/// # Errors
/// What the operating system says; a file that others may read, and that is not ours to change.
pub fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).mode(MODE).open(path)?;
    let data = file.metadata()?;
    let mode = data.permissions().mode();
    if data.is_file() && mode & 0o077 != 0 {
        let ours = file.set_permissions(Permissions::from_mode(mode & 0o700));
        ours.map_err(|_| {
            io::Error::other("others may read it, and its mode is not ours to change")
        })?;
    }
    Ok(file)
}
