//! The commands: arguments to a plan, the plan to a run. What can be typed is in `cli`, what is
//! said in `ui`, what happens on the wire in `session`.

mod plan;
mod report;
mod run;
mod serve;
mod sources;

use std::time::Instant;

use anyhow::Context as _;

use crate::cli::{Cli, OutputArgs, Task};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::ui::Voice;

/// Does what was asked; `start` is when the process began.
pub fn dispatch(cli: Cli, start: Instant) -> Exit {
    let plain = Voice { silent: false, show_error: false, verbose: false };
    let (voice, plan) = match cli.command {
        Task::Serve(arguments) => {
            let end = on_runtime(serve::serve(arguments));
            return end.unwrap_or_else(|failure| fail(plain, &failure));
        }
        Task::Connect(arguments) => (voice(&arguments.pipe.output), plan::connect(*arguments)),
        Task::Send(arguments) => (voice(&arguments.pipe.output), plan::send(*arguments)),
        Task::Listen(arguments) => (voice(&arguments.output), plan::listen(*arguments)),
    };
    plan.and_then(|plan| on_runtime(run::run(plan, voice, start)))
        .unwrap_or_else(|failure| fail(voice, &failure))
}

/// One thread for everything asynchronous; threads that are stuck in the system are left behind.
fn on_runtime<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("cannot start")?;
    let done = runtime.block_on(future);
    runtime.shutdown_background();
    done
}

fn fail(voice: Voice, failure: &Failure) -> Exit {
    voice.failure(failure);
    exit::of_failure(failure)
}

fn voice(arguments: &OutputArgs) -> Voice {
    Voice { silent: arguments.silent, show_error: arguments.show_error, verbose: arguments.verbose }
}
