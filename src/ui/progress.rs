//! The progress bar of `send`: bytes, messages, rate, time left; on a terminal's stderr only.

use std::convert::Infallible;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

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
        bar.0.set_message(format!("{} messages", now.messages_out));
        bar.0.tick();
        tokio::time::sleep(TICK).await;
    }
}

fn new_bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{bytes}/{total_bytes} {bar:20} {percent}% {msg} {rate} {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {msg} {rate} {elapsed}"),
    };
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{}/s", indicatif::BinaryBytes(state.per_sec() as u64));
    };
    let style = ProgressStyle::with_template(template).expect("the template is constant");
    bar.set_style(style.with_key("rate", rate));
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar
}

/// Leaves a clean line behind, however the run ends.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
