//! A pseudo-terminal to run the program on.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use super::{DEADLINE, shown};

pub struct Terminal {
    master: File,
    slave: File,
}

impl Terminal {
    pub fn open() -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("grantpt");
        unlockpt(&master).expect("unlockpt");
        let name = ptsname(&master, Vec::new()).expect("ptsname").into_string().expect("UTF-8");
        // NOCTTY: the test's own process must not get a controlling terminal.
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits() as i32)
            .open(name)
            .expect("the terminal's other end");
        Terminal { master: File::from(master), slave }
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        resize(&self.master, rows, columns);
    }

    pub fn modes(&self) -> Termios {
        tcgetattr(&self.master).expect("its modes")
    }

    /// The end for the program.
    pub fn stdio(&self) -> Stdio {
        self.slave.try_clone().expect("a copy of the terminal").into()
    }

    /// The same as a file.
    pub fn file(&self) -> File {
        self.slave.try_clone().expect("a copy of the terminal")
    }

    /// The end for the test; reading it ends with an error once the last copy
    /// of the program's end is closed, so this gives up our own.
    pub fn into_master(self) -> File {
        self.master
    }
}

/// All that is shown at a terminal until it ends with `end`, or until nobody has it any more.
#[track_caller]
pub fn read_terminal(master: &mut File, end: &str) -> String {
    let until = Instant::now() + DEADLINE;
    let mut all = Vec::new();
    loop {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).unwrap();
        let ready = poll(&mut [PollFd::new(&*master, PollFlags::IN)], Some(&left)).unwrap();
        assert_eq!(ready, 1, "waited in vain after {}", shown(&all));
        let mut bytes = [0; 1024];
        // A terminal whose other end is closed reads as an error.
        let count = master.read(&mut bytes).unwrap_or(0);
        all.extend_from_slice(&bytes[..count]);
        if count == 0 || !end.is_empty() && all.ends_with(end.as_bytes()) {
            return String::from_utf8_lossy(&all).into_owned();
        }
    }
}

/// What the modes of a terminal are, all that can be compared.
pub fn modes(terminal: &File) -> String {
    format!("{:?}", tcgetattr(terminal).expect("its modes"))
}

/// Gives a terminal another size; who reads it is told.
pub fn resize(master: &File, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(master, size).expect("a size");
}
