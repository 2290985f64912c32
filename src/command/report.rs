//! What is told about a run once it is over: the last records, the closing line or the error, and
//! what `-w` asks for.

use std::io::{self, IsTerminal as _, Write as _};
use std::ops::RangeInclusive;
use std::time::Instant;

use super::opening::Opening;
use crate::exit::{self, Asked, Closure, Exit, Outcome, code};
use crate::failure::{Failure, TimeLimit};
use crate::handshake::Refusal;
use crate::record::Record;
use crate::session::{Interrupt, Output, Stats};
use crate::ui::{Facts, Voice, WriteOut, closing_line, on_the_wire, refusal_line, signal_name};

/// How a run ended.
#[derive(Debug)]
pub struct End {
    /// What the process does last.
    pub exit: Exit,
    /// What went wrong on our side.
    pub failure: Option<Failure>,
    /// How the session ended, if there was one.
    pub outcome: Option<Outcome>,
    /// The signal that came before there was one.
    pub signal: Option<i32>,
    /// The close codes that were asked for and did not come.
    pub not_expected: Option<Vec<RangeInclusive<u16>>>,
    /// What came in place of the messages that were expected, in lines for a person.
    pub explanation: String,
    /// Whether there is a record of how it was closed.
    pub is_recorded: bool,
    /// The refusal, where one was asked for, and with which status.
    pub refused: Option<(Refusal, u16)>,
    /// The way out, where this run has another one than the failure.
    pub hint: Option<String>,
    /// What was not written because the end could not wait for it, in words for the last line.
    pub unwritten: String,
}

impl End {
    /// A run that failed before there was a session.
    pub fn failed(failure: Failure) -> Self {
        let exit = exit::of_failure(&failure);
        End { failure: Some(failure), ..End::with(exit) }
    }

    /// An upgrade that was refused, where `expected` was asked for.
    pub fn refused(refusal: Refusal, expected: u16) -> Self {
        let exit = exit::of_refusal(expected, refusal.status.as_u16());
        End { refused: Some((refusal, expected)), ..End::with(exit) }
    }

    /// An end that nothing is known about but this.
    pub fn with(exit: Exit) -> Self {
        End {
            exit,
            failure: None,
            outcome: None,
            signal: None,
            not_expected: None,
            explanation: String::new(),
            refused: None,
            is_recorded: false,
            hint: None,
            unwritten: String::new(),
        }
    }

    /// A run that was ended before there was a session.
    pub fn interrupted(interrupt: Interrupt) -> Self {
        match interrupt {
            Interrupt::MaxTime(limit) => End::failed(Failure::TimeLimit(TimeLimit::MaxTime(limit))),
            Interrupt::Signal(signal) => {
                End { signal: Some(signal), ..End::with(Exit::Signal(signal)) }
            }
        }
    }

    /// Something failed after the session; the first failure and a signal stand.
    pub fn fail(&mut self, failure: Failure) {
        if self.failure.is_none() && !matches!(self.exit, Exit::Signal(_)) {
            self.exit = exit::of_failure(&failure);
            self.failure = Some(failure);
        }
    }

    /// Something came from outside after the session.
    pub fn interrupt(&mut self, interrupt: Interrupt) {
        match interrupt {
            Interrupt::MaxTime(limit) => {
                self.fail(Failure::TimeLimit(TimeLimit::MaxTime(limit)));
            }
            Interrupt::Signal(signal) => {
                self.exit = Exit::Signal(signal);
                match &mut self.outcome {
                    Some(outcome) => outcome.signal = Some(signal),
                    None => self.signal = Some(signal),
                }
            }
        }
    }

    /// The exit code as the shell will see it.
    fn code(&self) -> i32 {
        match self.exit {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
        }
    }

    fn line(&self) -> Option<String> {
        let signal = self
            .signal
            .map(|signal| format!("ended by {} before the session was open", signal_name(signal)));
        let refused =
            self.refused.as_ref().map(|(refusal, expected)| refusal_line(refusal, *expected));
        let outcome = self.outcome.as_ref();
        signal
            .or(refused)
            .or_else(|| outcome.map(|outcome| closing_line(outcome, self.not_expected.as_deref())))
    }

    /// What went wrong, in one line.
    fn error(&self) -> Option<String> {
        if self.code() == code::SUCCESS {
            return None;
        }
        self.failure.as_ref().map(ToString::to_string).or_else(|| self.line())
    }

    /// Writes the last records.
    pub fn record(&self, output: &mut Output) {
        if let Some(outcome) = self.outcome.as_ref().filter(|_| !self.is_recorded) {
            output.record(&outcome.closure.record(outcome.unsent.queued));
        }
        let kind = match (&self.failure, &self.outcome, self.exit) {
            (Some(failure), _, _) => failure.kind(),
            (_, _, Exit::Signal(_)) => "signal",
            (_, _, Exit::Code(code::NOT_AS_ASKED)) => "not_as_asked",
            (_, _, Exit::Code(code::TIME_LIMIT)) => "time_limit",
            (_, Some(Outcome { closure: Closure::Violated(_), .. }), _) => "protocol",
            (_, Some(Outcome { closure: Closure::Lost(_), .. }), Exit::Code(106)) => "lost",
            _ => return,
        };
        if let Some(message) = self.error() {
            let exit_code = self.code();
            output.record(&Record::Failure { kind, message: &message, exit_code });
        }
    }
}

impl End {
    /// The end of a session.
    pub fn of(mut outcome: Outcome, asked: &Asked) -> Self {
        let exit = exit::judge(&outcome, asked);
        let failure = outcome.failure.take();
        let explanation = std::mem::take(&mut outcome.explanation);
        let not_expected =
            asked.expect_close.filter(|codes| !exit::is_among(codes, outcome.closure.close_code()));
        let not_expected = not_expected.map(<[_]>::to_vec);
        let outcome = Some(outcome);
        End { outcome, not_expected, explanation, failure, ..End::with(exit) }
    }
}

/// The last words of a run.
#[derive(Debug, Default)]
pub struct Words {
    /// For stdout.
    pub stdout: String,
    /// For stderr.
    pub stderr: String,
}

impl Words {
    /// Words for stderr only.
    pub fn of(stderr: String) -> Self {
        Words { stdout: String::new(), stderr }
    }

    /// Writes them all.
    pub fn say(&self) {
        let _ = io::stderr().lock().write_all(self.stderr.as_bytes());
        self.print();
    }

    /// Writes those for stdout. Where nobody takes them there is nobody to tell.
    pub fn print(&self) {
        if self.stdout.is_empty() {
            // Somebody else may be stuck in it.
            return;
        }
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(self.stdout.as_bytes()).and_then(|()| stdout.flush());
    }
}

/// What there is to say about a run.
pub fn report(
    end: &End,
    voice: Voice,
    write_out: Option<&WriteOut>,
    start: Instant,
    stats: &Stats,
    opening: &Opening,
) -> Words {
    let mut words = Words::default();
    let facts = facts(end, start, stats, opening);
    if let Some(write_out) = write_out {
        (words.stdout, words.stderr) = write_out.render(&facts, io::stdout().is_terminal());
    }
    let failed = end.code() != code::SUCCESS;
    let mut figures = stats.figures(Instant::now());
    // What compression has brought is said with how the session ended, and only there.
    let compression = figures.as_mut().and_then(|figures| figures.compression.take());
    let traffic = compression.as_ref().and_then(on_the_wire).unwrap_or_default();
    let statistics = figures.map(|figures| voice.statistics(&figures)).unwrap_or_default();
    let said = match (&end.failure, end.line()) {
        (None, Some(line)) if let Some((refusal, _)) = &end.refused => {
            voice.refused(&line, refusal, failed)
        }
        (Some(failure), _) => {
            let hint = end.hint.clone().or_else(|| failure.hint());
            voice.remark(&traffic) + &voice.failure_and(failure, &end.unwritten, hint)
        }
        (None, Some(mut line)) => {
            line.push_str(&end.unwritten);
            if !traffic.is_empty() {
                line.push_str(&format!("; {traffic}"));
            }
            if let Some(hint) = end.hint.as_ref().filter(|_| failed) {
                line.push_str(&format!("\n  hint: {hint}"));
            }
            voice.closing(&line, failed)
        }
        (None, None) => String::new(),
    };
    // Where nothing is said, as when the reader of our stdout has gone, nothing is explained.
    let explanation = if said.is_empty() { "" } else { &end.explanation };
    let explained = voice.explanation(explanation, failed);
    words.stderr.insert_str(0, &(voice.times(&facts) + &statistics + &said + &explained));
    words
}

fn facts(end: &End, start: Instant, stats: &Stats, opening: &Opening) -> Facts {
    let since = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(start));
    let closure = end.outcome.as_ref().map(|outcome| &outcome.closure);
    let close_reason = closure.map(|closure| match closure {
        Closure::ByPeer(close) => close.reason.clone(),
        Closure::ByUs { answer: exit::Answer::Close(close), .. } => close.reason.clone(),
        _ => String::new(),
    });
    Facts {
        exit_code: end.code(),
        error: end.error(),
        http_code: opening.status,
        url: opening.url.clone(),
        remote_ip: opening.address.map(|address| address.to_string()).unwrap_or_default(),
        resolved: since(opening.steps.resolved),
        connected: since(opening.steps.connected),
        secured: since(opening.steps.secured),
        upgraded: since(opening.steps.upgraded),
        first_message: since(stats.first_message.get()),
        total: start.elapsed(),
        close_code: closure.map(Closure::close_code),
        close_reason: close_reason.unwrap_or_default(),
        messages_in: stats.messages_in.get(),
        messages_out: stats.messages_out.get(),
        bytes_in: stats.bytes_in.get(),
        bytes_out: stats.bytes_out.get(),
        rtt_min: stats.rtt_min(),
        rtt_median: stats.rtt_percentile(50),
        rtt_p99: stats.rtt_percentile(99),
    }
}
