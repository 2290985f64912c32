//! What a run printed and how it ended, and what a test wants of it. What is
//! not named must be empty.

use super::shown;

#[must_use = "stdout, stderr and the exit code are checked together, always"]
pub struct Output {
    pub case: String,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

/// A run that ends with this exit code, prints nothing and says nothing.
pub fn ends(code: i32) -> Wanted {
    Wanted { code: Some(code), ..Wanted::default() }
}

/// A run that a signal ends, prints nothing and says nothing.
pub fn dies_by(signal: i32) -> Wanted {
    Wanted { signal: Some(signal), ..Wanted::default() }
}

#[derive(Default)]
pub struct Wanted {
    code: Option<i32>,
    signal: Option<i32>,
    stdout: Vec<u8>,
    stdout_apart: bool,
    says: Vec<String>,
    stderr_apart: bool,
}

impl Wanted {
    /// Exactly this on stdout.
    pub fn printing(mut self, stdout: impl AsRef<[u8]>) -> Self {
        self.stdout = stdout.as_ref().to_vec();
        self
    }

    /// stdout is one that the test itself checks.
    pub fn with_stdout_checked_apart(mut self) -> Self {
        self.stdout_apart = true;
        self
    }

    /// Something on stderr, and in it each of these.
    pub fn saying(mut self, parts: &[&str]) -> Self {
        self.says = parts.iter().map(|part| part.to_string()).collect();
        self.says.push(String::new());
        self
    }

    /// stderr is one that the test itself checks.
    pub fn with_stderr_checked_apart(mut self) -> Self {
        self.stderr_apart = true;
        self
    }
}

impl Output {
    #[track_caller]
    pub fn check(&self, wanted: Wanted) {
        let mut wrong = Vec::new();
        if (self.code, self.signal) != (wanted.code, wanted.signal) {
            wrong
                .push(format!("wanted exit code {:?} and signal {:?}", wanted.code, wanted.signal));
        }
        if !wanted.stdout_apart && self.stdout != wanted.stdout {
            wrong.push(format!("wanted stdout: {}", shown(&wanted.stdout)));
        }
        if !wanted.stderr_apart {
            wrong.extend(self.wrong_on_stderr(&wanted.says));
            // Only a progress bar may use one, and only on a terminal.
            if self.stderr.contains(&0x1b) {
                wrong.push("wanted no ESC on stderr".into());
            }
        }
        if self.says("panicked") {
            wrong.push("wanted no panic".into());
        }
        assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), self.report());
    }

    fn wrong_on_stderr(&self, says: &[String]) -> Vec<String> {
        if says.is_empty() {
            let quiet = self.stderr.is_empty();
            return if quiet { vec![] } else { vec!["wanted nothing on stderr".into()] };
        }
        if self.stderr.is_empty() {
            return vec![format!("wanted something on stderr: {says:?}")];
        }
        let missing = says.iter().filter(|part| !self.says(part));
        missing.map(|part| format!("wanted on stderr: {part}")).collect()
    }

    /// Whether stderr contains it.
    pub fn says(&self, part: &str) -> bool {
        self.stderr_text().contains(part)
    }

    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    pub fn stdout_text(&self) -> String {
        String::from_utf8(self.stdout.clone())
            .unwrap_or_else(|_| panic!("stdout is not UTF-8\n{}", self.report()))
    }

    pub fn report(&self) -> String {
        format!(
            "case: {}\ncode: {:?} signal: {:?}\nstdout: {}\nstderr: {}",
            self.case,
            self.code,
            self.signal,
            shown(&self.stdout),
            shown(&self.stderr)
        )
    }
}
