//! A pseudo-terminal to run the program on.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

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

    /// The end for the test; reading it ends with an error once the last copy
    /// of the program's end is closed, so this gives up our own.
    pub fn into_master(self) -> File {
        self.master
    }
}

/// Gives a terminal another size; who reads it is told.
pub fn resize(master: &File, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(master, size).expect("a size");
}
