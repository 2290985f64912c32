//! Reads and writes that never wait, on descriptors that other programs share: `O_NONBLOCK` would
//! be theirs too, so each call asks for itself.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Bytes that a pipe holds once it was widened.
const WIDE: usize = 512 * 1024;
/// The same for a pipe through which more goes at a time; most systems allow no more.
const WIDEST: usize = 1024 * 1024;

/// A descriptor, as far as it matters for waiting.
#[derive(Debug)]
pub enum Watched {
    /// A pipe or a socket: the runtime watches whether it is ready, and then it does not wait.
    Pipe(AsyncFd<File>),
    /// A file on a disk, or `/dev/null`, which answers at once.
    File(File),
    /// It may wait whatever it says: a terminal, a device, a file such as `/proc/kmsg`.
    Other(File),
}

impl Watched {
    /// What `file` is; must be called within the runtime.
    pub fn new(file: File, interest: Interest) -> Watched {
        let Ok(data) = file.metadata() else { return Watched::Other(file) };
        let kind = data.file_type();
        let null = std::fs::metadata("/dev/null");
        let is_null = kind.is_char_device() && null.is_ok_and(|null| null.rdev() == data.rdev());
        let is_pipe = kind.is_fifo() || kind.is_socket();
        if !(is_pipe || kind.is_file() || is_null) {
            return Watched::Other(file);
        }
        #[expect(deprecated, reason = "its successor needs `unsafe`; a File keeps its descriptor")]
        let watched = AsyncFd::try_with_interest(file, interest);
        // What answers at once cannot be watched: there is nothing to wait for.
        match watched.map_err(|error| error.into_parts().0) {
            Ok(pipe) if is_pipe => Watched::Pipe(pipe),
            Err(file) if !is_pipe => Watched::File(file),
            Ok(file) => Watched::Other(file.into_inner()),
            Err(file) => Watched::Other(file),
        }
    }
}

/// Reads what is there; 0 is the end.
///
/// # Errors
/// `WouldBlock` when there is nothing; what the operating system says.
pub fn read(file: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    if let Some(result) = supported::read(&file, buffer) {
        return result;
    }
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&at_once))? == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    // Somebody else may take what is there between the two calls; only then this waits.
    Ok(rustix::io::read(file, buffer)?)
}

/// Writes as much as there is room for.
///
/// # Errors
/// `WouldBlock` when there is no room; `Unsupported` where a write can only wait (a pipe that is
/// ready may still have less room than the write needs); what the operating system says.
pub fn write(file: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    write_vectored(file, &[IoSlice::new(bytes)])
}

/// The same for several runs of bytes, one behind the other.
///
/// # Errors
/// As [`write()`].
pub fn write_vectored(file: impl AsFd, runs: &[IoSlice]) -> io::Result<usize> {
    supported::write(&file, runs).unwrap_or_else(|| Err(io::ErrorKind::Unsupported.into()))
}

/// Gives a pipe room for more, best for so many bytes, where that is allowed: its ends then wake each
/// other less often. One user's pipes may have 64 MiB together, unless the system says otherwise
/// (`pipe-user-pages-soft`).
pub fn widen(file: impl AsFd, bytes: usize) {
    if bytes <= WIDE || supported::widen(&file, WIDEST).is_err() {
        // A pipe that stays as it is works too.
        let _ = supported::widen(&file, WIDE);
    }
}

/// Whether what did not succeed may be tried again, by one who waits.
pub fn may_pass(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Where one call can be told not to wait (Linux; for pipes since 6.4).
#[cfg(target_os = "linux")]
mod supported {
    use std::io::{self, IoSlice, IoSliceMut};
    use std::os::fd::AsFd;

    use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev2};

    /// No position: on from where the descriptor stands.
    const HERE: u64 = u64::MAX;

    pub fn read(file: &impl AsFd, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let into = &mut [IoSliceMut::new(buffer)];
        known(preadv2(file, into, HERE, ReadWriteFlags::NOWAIT))
    }

    pub fn write(file: &impl AsFd, runs: &[IoSlice]) -> Option<io::Result<usize>> {
        known(pwritev2(file, runs, HERE, ReadWriteFlags::NOWAIT))
    }

    pub fn widen(file: &impl AsFd, size: usize) -> rustix::io::Result<()> {
        if rustix::pipe::fcntl_getpipe_size(file)? < size {
            rustix::pipe::fcntl_setpipe_size(file, size)?;
        }
        Ok(())
    }

    fn known(result: rustix::io::Result<usize>) -> Option<io::Result<usize>> {
        match result {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => None,
            result => Some(result.map_err(io::Error::from)),
        }
    }
}

/// Nowhere else.
#[cfg(not(target_os = "linux"))]
mod supported {
    use std::io::{self, IoSlice};
    use std::os::fd::AsFd;

    pub fn read(_: &impl AsFd, _: &mut [u8]) -> Option<io::Result<usize>> {
        None
    }

    pub fn write(_: &impl AsFd, _: &[IoSlice]) -> Option<io::Result<usize>> {
        None
    }

    pub fn widen(_: &impl AsFd, _: usize) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Write as _, pipe};
    use std::os::fd::OwnedFd;

    #[test]
    fn an_empty_pipe_is_not_waited_for_and_a_closed_one_is_at_its_end() {
        let (reader, mut writer) = pipe().unwrap();
        let mut buffer = [0; 8];
        let nothing = read(&reader, &mut buffer).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        writer.write_all(b"abc").unwrap();
        assert_eq!(read(&reader, &mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..3], b"abc");
        drop(writer);
        assert_eq!(read(&reader, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn a_full_pipe_takes_what_it_has_room_for_and_no_more() {
        let (reader, writer) = pipe().unwrap();
        let bytes = vec![b'x'; 1 << 20];
        let mut total = 0;
        let full = loop {
            match write(&writer, &bytes) {
                Ok(count) => total += count,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert!(total > 0 && total < bytes.len(), "{total}");
        drop(reader);
        assert_eq!(write(&writer, &bytes).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn pipes_and_files_are_told_from_what_may_wait() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _within = runtime.enter();
        let name = |file: File| match Watched::new(file, Interest::READABLE) {
            Watched::Pipe(_) => "pipe",
            Watched::File(_) => "file",
            Watched::Other(_) => "other",
        };
        let (reader, _writer) = pipe().unwrap();
        assert_eq!(name(OwnedFd::from(reader).into()), "pipe");
        assert_eq!(name(File::open("/dev/null").unwrap()), "file");
        assert_eq!(name(tempfile::tempfile().unwrap()), "file");
        assert_eq!(name(File::open("/dev/zero").unwrap()), "other");
        // A regular file that can be waited for.
        assert_eq!(name(File::open("/proc/self/mounts").unwrap()), "other");
    }
}
