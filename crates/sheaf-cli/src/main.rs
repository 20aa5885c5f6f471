//! `sheaf`: the local node on the command line, for scripts, servers and tests.
//!
//! Results go to standard output, everything else to standard error. What creates something prints its id or link
//! alone on the last line; with `--json` there is one object or list with stable keys instead. Exit codes are listed at
//! [`sheaf_node::NodeError::exit_code`]; clap's own 2 means that the command line was not understood.

mod arguments;
mod commands;
mod output;
mod unlock;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::misunderstood(&error),
    };
    // iroh calls it an error when an endpoint that was closed is closed, and when one ends with the program.
    let usual = "warn,iroh::socket=off";
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("SHEAF_LOG").unwrap_or_else(|_| usual.into()))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sheaf: the system gives no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    let json = arguments.global.json;
    let code = match runtime.block_on(commands::run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output::failure(json, &failure),
    };
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}
