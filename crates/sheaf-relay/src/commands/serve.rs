//! `sheaf-relay serve`

use std::net::SocketAddr;
use std::process::ExitCode;

use sheaf_relay::Relay;
use sheaf_relay::config::{Config, Door, Flags};

use super::Source;

/// What `serve` takes.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// Where devices connect, by UDP.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where health, metrics and the status page are served, or `off`.
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<Door>,
}

/// Serves until the process is asked to stop.
pub fn run(options: Options) -> ExitCode {
    let Options { source, listen, http } = options;
    let config = match source.load(&Flags { data: None, listen, http }) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_new(&config.log.filter).unwrap_or_default())
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> ExitCode {
    let relay = match Relay::start(config).await {
        Ok(relay) => relay,
        Err(error) => return failed(&error),
    };
    for notice in relay.notices() {
        eprintln!("sheaf-relay: {notice}");
    }
    println!("{}", relay.link());
    stopped().await;
    relay.drain().await;
    ExitCode::SUCCESS
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("sheaf-relay: {error}");
    ExitCode::FAILURE
}

/// Resolves when the process is asked to stop.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler there is nothing to wait for but the end of the process itself.
        std::future::pending::<()>().await;
    }
}
