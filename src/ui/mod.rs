//! The words for stderr, the progress bar, and `-w`. Everything that comes from the peer is escaped,
//! on a line that begins with our own text.

mod check;
mod closing;
mod console;
mod opening;
mod password;
mod progress;
mod prompt;
mod raw;
mod served;
mod statistics;
mod write_out;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

pub use check::{Lines, Tap, Telling, annotation, junit, mistakes, without_commands};
pub use closing::{closing_line, refusal_line, signal_name, unwritten};
use closing::{gap_line, losses_line, unsent_line};
pub use console::Console;
use opening::{answered, asked, push_headers, way};
pub use password::{NoPassword, ask_password, leave_question, leave_signals};
pub use progress::{Counts, show_progress};
pub use prompt::{Ask, PROMPT, PromptOptions, Typist, start_prompt};
pub use raw::{part_with, restore, restore_terminal};
pub use served::{behind, closed, too_much};
pub use statistics::{on_the_wire, statistics};
pub use write_out::{Facts, WriteOut};

use crate::exit::{Losses, Outcome, Unsent};
use crate::failure::{Failure, duration};
use crate::figures::Figures;
use crate::handshake::{ProxyFault, Refusal, Step};
use crate::output::escape::{self, Layout};

/// Bytes of a refusal's body that are shown without `-v`.
const SHORT_BODY: usize = 1024;

/// How much is said.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// `-s`.
    pub silent: bool,
    /// `-S`.
    pub show_error: bool,
    /// `-v`.
    pub verbose: bool,
    /// `-i`: the answer to the opening handshake is shown.
    pub include: bool,
}

/// A pause for people.
fn rounded(pause: Duration) -> String {
    const LONG: Duration = Duration::from_secs(10);
    if pause >= LONG {
        return duration(&Duration::from_secs(pause.as_secs()));
    }
    let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    duration(&Duration::from_millis(millis))
}

impl Voice {
    /// Whether stderr is a person's terminal and not muted.
    pub fn has_audience(self) -> bool {
        !self.silent && io::stderr().is_terminal()
    }

    /// Something that a person at a terminal wants to know.
    pub fn note(self, text: &str) -> String {
        if self.has_audience() { format!("{text}\n") } else { String::new() }
    }

    /// Something for a person at a terminal, and for `-v`.
    pub fn aside(self, text: &str) -> String {
        if self.has_audience() { format!("* {text}\n") } else { self.remark(text) }
    }

    /// Something for `-v`, if it is anything.
    pub fn remark(self, text: &str) -> String {
        if self.verbose && !text.is_empty() { format!("* {text}\n") } else { String::new() }
    }

    /// What to say of how the session ended: something always when it failed, else to a person or
    /// with `-v`.
    pub fn closing(self, line: &str, failed: bool) -> String {
        let wanted = if failed {
            !self.silent || self.show_error
        } else {
            self.verbose || self.has_audience()
        };
        if wanted { format!("{line}\n") } else { String::new() }
    }

    /// What to say of a refusal that was asked for, or of another one.
    pub fn refused(self, line: &str, refusal: &Refusal, failed: bool) -> String {
        self.closing(&(line.to_owned() + &self.refusal(refusal)), failed)
    }

    /// What came in place of what was expected, said where the closing line is.
    pub fn explanation(self, lines: &str, failed: bool) -> String {
        if lines.is_empty() { String::new() } else { self.closing(lines.trim_end(), failed) }
    }

    /// What to say of what went wrong and what can be done.
    pub fn failure(self, failure: &Failure) -> String {
        self.failure_and(failure, "", failure.hint())
    }

    /// The same with more about it, on its line, and with this way out.
    pub fn failure_and(self, failure: &Failure, more: &str, hint: Option<String>) -> String {
        if self.silent && !self.show_error
            || matches!(failure, Failure::BrokenPipe | Failure::Interrupted)
        {
            return String::new();
        }
        let mut text = format!("wspipe: {failure}{more}");
        match failure {
            Failure::Refused(refusal) | Failure::Proxy(ProxyFault::Refused { refusal, .. }) => {
                text.push_str(&self.refusal(refusal));
            }
            _ => {}
        }
        if let Some(hint) = hint {
            text.push_str("\n  hint: ");
            text.push_str(&hint);
        }
        text.push('\n');
        text
    }

    /// Whether the answer to the opening handshake is shown.
    fn shows_answer(self) -> bool {
        self.verbose || self.include
    }

    /// Something that was not done as asked, though what was done instead is as good.
    pub fn warning(self, text: &str) -> String {
        if self.silent { String::new() } else { format!("wspipe: {}\n", escape::one_line(text)) }
    }

    /// What to say of a failure after which there is another try.
    pub fn retry(self, failure: &Failure, pause: Duration, left: Option<u64>) -> String {
        let left = left.map(|left| format!(", {left} left after it")).unwrap_or_default();
        self.warning(&format!("{failure}; next try in {}{left}", rounded(pause)))
    }

    /// A connection is gone, and the session is opened again.
    pub fn gap(self, last: &Outcome, losses: Losses, pause: Duration) -> String {
        self.warning(&format!("{}; reconnecting in {}", gap_line(last, losses), rounded(pause)))
    }

    /// It is open again, after this time.
    pub fn reconnected(self, url: &str, after: Duration) -> String {
        self.warning(&format!("reconnected after {}: {url}", rounded(after)))
    }

    /// What was not sent, or may not have arrived, where a failure is what is said last.
    pub fn left_behind(self, unsent: Unsent, losses: Losses) -> String {
        let parts: Vec<_> = unsent_line(unsent).into_iter().chain(losses_line(losses)).collect();
        if parts.is_empty() { String::new() } else { self.warning(&parts.join("; ")) }
    }

    /// `-v`: when each step was done.
    pub fn times(self, facts: &Facts) -> String {
        let steps = [
            ("name", facts.resolved),
            ("connect", facts.connected),
            ("TLS", facts.secured),
            ("upgrade", facts.upgraded),
            ("first message", facts.first_message),
            ("total", Some(facts.total)),
        ];
        let shown = |(step, time): (&str, Option<Duration>)| {
            Some(format!("{step} {:.1} ms", time?.as_secs_f64() * 1000.0))
        };
        let shown: Vec<_> = steps.into_iter().filter_map(shown).collect();
        if self.verbose { format!("* times: {}\n", shown.join(", ")) } else { String::new() }
    }

    /// `-v`: what the session has counted.
    pub fn statistics(self, figures: &Figures) -> String {
        statistics(figures).iter().map(|line| self.remark(line)).collect()
    }

    /// `-v` and `-i`: a step of the opening.
    pub fn step(self, step: &Step) -> String {
        if let Step::Fallback(why) = step {
            return self.warning(&format!("going on with HTTP/1.1 in place of HTTP/2: {why}"));
        }
        let shown = match step {
            Step::Asked(lines, version, headers) if self.verbose => asked(lines, *version, headers),
            Step::Answered(_, parts) if self.shows_answer() => answered(parts),
            step if self.verbose => match way(step) {
                Some(text) => text,
                None => return String::new(),
            },
            _ => return String::new(),
        };
        shown + "\n"
    }

    /// What the server said besides the status, each line behind a newline.
    pub fn refusal(self, refusal: &Refusal) -> String {
        let mut text = String::new();
        let shown = if self.shows_answer() {
            refusal.body.len()
        } else {
            push_headers(&mut text, '<', &refusal.headers, refusal.version);
            refusal.body.len().min(SHORT_BODY)
        };
        let body = refusal.body[..shown].trim_ascii_end();
        for line in body.split(|byte| *byte == b'\n').filter(|_| !body.is_empty()) {
            text.push_str("\n< ");
            escape::bytes(&mut text, line.strip_suffix(b"\r").unwrap_or(line), Layout::OneLine);
        }
        if shown < refusal.body.len() {
            text.push_str("\n< … (more with -i)");
        }
        text
    }
}
