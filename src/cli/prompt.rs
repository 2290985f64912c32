//! The flags for the prompt of `connect`.

use clap::Args;

/// How the prompt is.
#[derive(Args, Debug, Default)]
pub struct PromptArgs {
    /// At a terminal, neither read nor keep the lines that are typed
    ///
    /// The last 1000 are kept in $XDG_STATE_HOME/wspipe/history, or ~/.local/state/wspipe/history, for
    /// nobody else to read. One that begins with a space is never kept, nor one over 64 KiB.
    /// Example: wspipe connect --no-history ws://localhost:9000/
    #[arg(long, help_heading = "Prompt")]
    pub no_history: bool,
}
