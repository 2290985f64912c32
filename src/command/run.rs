//! The run of a plan: open, converse, drain the output.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::opening::{Opening, Told};
use super::plan::Plan;
use super::report::{End, report};
use super::sessions::{Around, converse};
use super::stderr::{LAST_WORDS, Stderr};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::handshake::Request;
use crate::session::{Interrupts, Output, Recording, Stats, until};
use crate::ui::{Console, PROMPT, Voice, leave_signals, part_with, restore, unwritten};

/// Carries a plan out and reports. The limit counts from the `start` of the process, times from when it had
/// `begun` without a question.
///
/// # Errors
/// The process cannot have what every run needs: threads and signals.
pub async fn run(
    plan: Plan,
    voice: Voice,
    start: Instant,
    begun: Instant,
) -> Result<Exit, Failure> {
    let mut interrupts =
        Interrupts::new(start, plan.max_time).context("cannot listen for signals")?;
    leave_signals();
    if plan.talk.prompt.is_some() {
        interrupts.hear_typed().context("cannot listen for signals")?;
    }
    let console = plan.talk.prompt.as_ref().map(|prompt| prompt.console.clone());
    let mut stderr = Stderr::beside(console.clone());
    let stats = Rc::new(Stats::default());
    let url = plan.talk.target.as_ref().map(Request::shown_url).unwrap_or_default();
    let mut opening = Opening { url: url.clone(), ..Opening::default() };
    let write_out = plan.write_out;

    let kept = plan.talk.prompt.as_ref().map(|prompt| Rc::clone(&prompt.kept));
    let recording = Recording::new(kept, plan.log, plan.talk.settings.max_message);
    let mut output =
        Output::new(plan.output_name, plan.encoding, plan.output).recorded_by(recording);

    let mut cookies = plan.cookies;
    let told = Told {
        voice,
        output: &mut output,
        stderr: &mut stderr,
        opening: &mut opening,
        dump: plan.dump,
        url,
    };
    let around = Around { told, cookies: &mut cookies, interrupts: &mut interrupts, stats: &stats };
    let end = converse(plan.talk, around).await;
    let mut end = end.unwrap_or_else(End::failed);
    end.record(&mut output);
    if let Some(console) = &console {
        console.end();
    }
    drain(&mut end, &mut output, &mut interrupts).await;
    if let Some(console) = console {
        leave(console, &mut stderr, &mut end, &mut interrupts).await;
    }
    let kept = unless_interrupted(cookies.write(), LAST_WORDS, &mut end, &mut interrupts).await;
    let jar = kept.unwrap_or_else(|| Ok(String::new())).unwrap_or_else(|failure| {
        end.fail(failure);
        String::new()
    });
    let missing = output.recording.as_ref().and_then(Recording::remark);
    stderr.say(&missing.map(|what| voice.warning(&what)).unwrap_or_default());
    let mut words = report(&end, voice, write_out.as_ref(), begun, &stats, &opening);
    words.stdout.insert_str(0, &jar);
    stderr.say(&words.stderr);
    let said = async {
        stderr.said().await;
        if !words.stdout.is_empty() {
            // A stdout that is stuck must not keep signals and time limits from ending it.
            let _ = tokio::task::spawn_blocking(move || words.print()).await;
        }
    };
    unless_interrupted(said, LAST_WORDS, &mut end, &mut interrupts).await;
    Ok(end.exit)
}

/// Waits until the recording and then the output have taken everything. One that has failed takes nothing.
async fn drain(end: &mut End, output: &mut Output, interrupts: &mut Interrupts) {
    let recorded = output.end_recording();
    match unless_interrupted(recorded, Duration::ZERO, end, interrupts).await {
        Some(Ok(())) => {}
        Some(Err(failure)) => {
            output.take_back_unrecorded();
            end.fail(failure);
        }
        None => output.take_back_unrecorded(),
    }
    let drained = output.writer.drain();
    if let Some(Err(error)) = unless_interrupted(drained, Duration::ZERO, end, interrupts).await {
        end.fail(output.failure(error));
    }
    end.unwritten = output.left().iter().map(|(name, left)| unwritten(name, *left)).collect();
}

/// Ends the typing: shows what has been said, and gives the terminal back.
async fn leave(console: Console, stderr: &mut Stderr, end: &mut End, interrupts: &mut Interrupts) {
    let settled = async {
        stderr.said().await;
        // A terminal that is stuck must not keep signals and time limits from ending it.
        let last = tokio::task::spawn_blocking(move || console.settle(PROMPT)).await;
        restore();
        if let Ok(Some(last)) = last {
            let _ = tokio::task::spawn_blocking(move || part_with(&last)).await;
        }
    };
    unless_interrupted(settled, LAST_WORDS, end, interrupts).await;
    restore();
}

/// Does the last things of a run for as long as interruptions allow, but `at_least` so long.
async fn unless_interrupted<T>(
    last: impl Future<Output = T>,
    at_least: Duration,
    end: &mut End,
    interrupts: &mut Interrupts,
) -> Option<T> {
    let mut last = std::pin::pin!(last);
    let earliest = Instant::now() + at_least;
    loop {
        let deadline = interrupts.deadline().map(|deadline| deadline.max(earliest));
        tokio::select! {
            biased;
            done = &mut last => return Some(done),
            interrupt = interrupts.next() => end.interrupt(interrupt),
            () = until(deadline) => return None,
        }
    }
}
