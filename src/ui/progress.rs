//! The progress bar of `send`: bytes, messages, rate, time left; on a terminal's stderr only.

use std::convert::Infallible;
use std::fmt::Write;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// How often it is drawn, and how long a send may take before it is drawn at all.
const TICK: Duration = Duration::from_millis(200);

/// What the bar shows.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Bytes of input taken.
    pub input: u64,
    /// Messages sent.
    pub messages_out: u64,
    /// Messages received.
    pub messages_in: u64,
}

/// Draws for ever what `counts` says, towards `total` bytes of input where that is known; the bar
/// is gone when the future is dropped.
pub async fn show_progress(total: Option<u64>, counts: impl Fn() -> Counts) -> Infallible {
    tokio::time::sleep(TICK).await;
    let bar = Bar(new_bar(total));
    let shares_terminal = io::stdout().is_terminal();
    loop {
        let now = counts();
        if shares_terminal && now.messages_in > 0 {
            // The bar would be drawn into the messages.
            bar.0.finish_and_clear();
            return std::future::pending().await;
        }
        bar.0.set_position(now.input);
        let plural = if now.messages_out == 1 { "" } else { "s" };
        bar.0.set_message(format!("{} message{plural}", now.messages_out));
        bar.0.tick();
        tokio::time::sleep(TICK).await;
    }
}

fn new_bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{bytes}/{total_bytes} {wide_bar} {percent}% {msg} {rate} {left} left",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {msg} {rate} {elapsed}"),
    };
    let style = ProgressStyle::with_template(template)
        .expect("the template is constant")
        .with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{}/s", BinaryBytes(average(state) as u64));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn Write| {
            let rest = state.len().unwrap_or_default().saturating_sub(state.pos());
            let seconds = rest as f64 / average(state).max(1.0);
            let left = Duration::from_secs(seconds as u64);
            let _ = write!(out, "{}", humantime::format_duration(left));
        });
    bar.set_style(style);
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.with_elapsed(TICK)
}

/// Bytes a second since the beginning: the library's own estimate begins with the first drawing,
/// and takes all that was sent before it for sent in that moment.
fn average(state: &ProgressState) -> f64 {
    state.pos() as f64 / state.elapsed().as_secs_f64()
}

/// Leaves a clean line behind, however the run ends.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
