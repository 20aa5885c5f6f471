//! `sheaf-relay serve`

use std::net::SocketAddr;
use std::process::ExitCode;

use sheaf_relay::Relay;
use sheaf_relay::config::{Config, Door, Flags, Problems};
use sheaf_relay::signals::{Signal, Signals};
use sheaf_relay::telemetry::Telemetry;

use super::Source;

/// What `serve` takes.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// Where devices connect, by UDP.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// The name devices find it by, which stands in the link.
    #[arg(long, value_name = "NAME[:PORT]")]
    name: Option<String>,
    /// Where health, metrics and the status page are served, or `off`.
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<Door>,
    /// The NATS servers that this relay shares with others, with commas between them.
    #[arg(long, value_name = "NATS://HOST:PORT,...")]
    cluster: Option<String>,
}

/// Serves until the process is asked to stop.
pub fn run(options: Options) -> ExitCode {
    let Options { source, listen, name, http, cluster } = options;
    let flags = Flags { data: None, listen, name, http, cluster };
    let config = match source.load(&flags) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(2);
        }
    };
    // Before there is a runtime, and ended after it: see there.
    let telemetry = match Telemetry::start(&config.log, &config.traces) {
        Ok(telemetry) => telemetry,
        Err(error) => return failed(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let code = runtime.block_on(serve(config, || source.load(&flags), &telemetry));
    drop(runtime);
    telemetry.end();
    code
}

async fn serve(config: Config, read: impl Fn() -> Result<Config, Problems>, telemetry: &Telemetry) -> ExitCode {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return failed(&error),
    };
    let config_names_cluster = config.cluster.0.is_empty() || config.cluster_name.is_some();
    let mut relay = match Relay::start(config).await {
        Ok(relay) => relay,
        Err(error) => return failed(&error),
    };
    for notice in relay.notices() {
        tracing::warn!("{notice}");
    }
    if !config_names_cluster {
        tracing::warn!(
            "`cluster_name` is not set: devices keep to each of the cluster's relays that a space names, not to one"
        );
    }
    if let Some(address) = relay.http() {
        tracing::info!("the status page is at http://{address}/");
    }
    if let Some(address) = relay.meeting() {
        tracing::info!(%address, "devices that cannot reach each other can meet here");
    }
    println!("{}", relay.link());
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = relay.failed() => return ExitCode::FAILURE,
        };
        if signal != Signal::Reload {
            break;
        }
        let link = relay.link().to_owned();
        match read() {
            Ok(config) => reload(&mut relay, config, telemetry).await,
            Err(problems) => tracing::error!("the settings stay as they are:\n{problems}"),
        }
        if relay.link() != link {
            println!("{}", relay.link());
        }
    }
    tracing::info!("stopping");
    relay.drain().await;
    ExitCode::SUCCESS
}

async fn reload(relay: &mut Relay, config: Config, telemetry: &Telemetry) {
    if let Err(error) = telemetry.set_filter(&config.log.filter) {
        tracing::error!("{error}");
    }
    match relay.reload(config).await {
        Ok(refused) if refused.is_empty() => tracing::info!("the settings were read again"),
        Ok(refused) => {
            tracing::warn!("the settings were read again; these need a restart: {}", refused.join(", "));
        }
        Err(error) => tracing::error!("the settings stay as they are: {error}"),
    }
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("sheaf-relay: {error}");
    ExitCode::FAILURE
}
