//! The commands: arguments to a plan, the plan to a run. What can be typed is in `cli`, what is
//! said in `ui`, what happens on the wire in `session`.

mod check;
mod connection;
mod cookies;
mod dump;
mod file;
mod login;
mod opening;
mod plan;
mod prompt;
mod report;
mod request;
mod run;
mod scenarios;
mod serve;
mod sessions;
mod setback;
mod sources;
mod stderr;
mod trace;
mod trust;
mod watch;

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::cli::{CheckArgs, Cli, Deferred, EndArgs, OutputArgs, ServeArgs, Task};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::session::Stats;
use crate::ui::Voice;
use opening::Opening;
use plan::Plan;
use report::{End, Words, report};
use watch::Watch;

/// Does what was asked; `start` is when the process began.
pub fn dispatch(cli: Cli, start: Instant) -> Exit {
    match cli.command {
        Task::Serve(Deferred(arguments)) => run_server(*arguments),
        Task::Check(Deferred(arguments)) => run_check(*arguments, start),
        Task::Connect(Deferred(arguments)) => {
            let said = Said::by(&arguments.pipe.output, &arguments.pipe.end);
            carry_out(|| plan::connect(*arguments), &said, start)
        }
        Task::Send(Deferred(arguments)) => {
            let said = Said::by(&arguments.pipe.output, &arguments.pipe.end);
            carry_out(|| plan::send(*arguments), &said, start)
        }
        Task::Listen(Deferred(arguments)) => {
            let said = Said::by(&arguments.output, &arguments.end);
            carry_out(|| plan::listen(*arguments), &said, start)
        }
    }
}

/// A frame of its own, like [`run_check`]: all of a frame's pages are touched when it is entered, and those
/// of the large commands would be for the small ones too.
#[inline(never)]
fn run_server(arguments: ServeArgs) -> Exit {
    let voice = Voice { silent: false, show_error: false, verbose: false, include: false };
    on_runtime(serve::serve(arguments)).unwrap_or_else(|failure| failed(&failure, voice))
}

#[inline(never)]
fn run_check(arguments: CheckArgs, start: Instant) -> Exit {
    let voice = Voice {
        silent: arguments.silent,
        show_error: arguments.show_error,
        verbose: arguments.verbose,
        include: false,
    };
    on_runtime(check::check(arguments, voice, start))
        .unwrap_or_else(|failure| failed(&failure, voice))
}

fn failed(failure: &Failure, voice: Voice) -> Exit {
    Words::of(voice.failure(failure)).say();
    exit::of_failure(failure)
}

/// What the flags say about what is said, for a run that does not come about too.
struct Said {
    voice: Voice,
    write_out: Option<String>,
    /// The limit on the run.
    limit: Option<Duration>,
}

impl Said {
    fn by(arguments: &OutputArgs, end: &EndArgs) -> Self {
        let voice = Voice {
            silent: arguments.silent,
            show_error: arguments.show_error,
            verbose: arguments.verbose > 0,
            include: arguments.include,
        };
        let limit = end.max_time.and_then(plan::limit);
        Said { voice, write_out: arguments.write_out.clone(), limit }
    }
}

fn carry_out(plan: impl FnOnce() -> Result<Plan, Failure>, said: &Said, start: Instant) -> Exit {
    let watch = said.limit.and_then(|limit| Watch::begin(limit, start, said.voice));
    let plan = plan();
    if let Some(watch) = watch {
        watch.end();
    }
    let run = plan.and_then(|plan| {
        // Times are not about whoever types a password; the limit is.
        let begun = if plan.has_asked { Instant::now() } else { start };
        on_runtime(run::run(plan, said.voice, start, begun))
    });
    run.unwrap_or_else(|failure| {
        let end = End::failed(failure);
        let format = said.write_out.as_deref();
        let write_out = format.and_then(|format| plan::write_out(format).ok());
        let (stats, opening) = (Stats::default(), Opening::default());
        report(&end, said.voice, write_out.as_ref(), start, &stats, &opening).say();
        end.exit
    })
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
