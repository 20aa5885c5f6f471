//! `online`, `sync --once`

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use sheaf_node::{Node, NodeEvent};
use tokio::sync::broadcast::error::RecvError;

use crate::arguments::Global;
use crate::commands::spaces;
use crate::output::{self, Failure};

#[derive(Subcommand)]
pub enum Command {
    /// Stay up and keep in step with other devices, until stopped
    Online,
    /// Exchange what is new with whoever can be reached
    Sync {
        /// Do it once, report, and exit; fails if nobody could be reached, or the time was up before all was exchanged
        #[arg(long, required = true)]
        once: bool,
        /// How long to try, in seconds
        #[arg(long, default_value_t = 20, value_name = "SECONDS")]
        timeout: u64,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Online => online(node, global).await,
        Command::Sync { once: _, timeout } => sync_once(node, global, timeout).await,
    }
}

/// Stays up until the process is told to stop, and says what happens.
async fn online(node: &Node, global: &Global) -> Result<(), Failure> {
    let mut events = node.subscribe();
    let addresses: Vec<String> = node.go_online().await?.iter().map(ToString::to_string).collect();
    let me = node.me().map(|me| me.device).unwrap_or_default();
    output::print(global.json, &json!({ "event": "online", "device": me, "addresses": addresses }), |_| {
        format!("Online at {}", addresses.join(", "))
    });
    let stop = stopped();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            event = events.recv() => match event {
                Ok(event) => say(global.json, &event),
                // Missed events are only missed words: the state itself is in the store.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}

fn say(json: bool, event: &NodeEvent) {
    let text = match event {
        NodeEvent::Connected { device } => format!("Connected to {device}"),
        NodeEvent::Disconnected { device, reason } => format!("Lost {device}: {reason}"),
        NodeEvent::Synced { space, device } => format!("{device} has the same of {space}"),
        NodeEvent::Received { space, device, entries } => format!("{entries} entries of {space} from {device}"),
        NodeEvent::Joined { space } => format!("Joined {space}"),
        NodeEvent::JoinFailed { space, reason, .. } => format!("Could not join {space}: {reason}"),
        NodeEvent::Removed { space, late: true, .. } => {
            format!("Your invitation to {space} had been closed before anyone heard that you had joined by it")
        }
        NodeEvent::Removed { space, by, .. } if by.is_empty() => format!("You were removed from {space}"),
        NodeEvent::Removed { space, by, .. } => format!("{by} removed you from {space}"),
        NodeEvent::SetAside { space, count } => format!("{count} pieces of work in {space} are set aside"),
        NodeEvent::Forked { space, device } => {
            format!("{device} has written two different things in one place of {space}: a copied or restored home")
        }
        NodeEvent::PairingWords { device, words } => {
            format!("{device} answers the pairing code. Compare: {}", words.join(" "))
        }
        NodeEvent::DeviceRemoved => "This device was removed from your devices. What is here stays readable".to_owned(),
        NodeEvent::Paired { device } => format!("Paired with {device}"),
        NodeEvent::PairingFailed { reason } => format!("Could not pair: {reason}"),
        NodeEvent::Refused { device, rule, reason, count, .. } => {
            format!("Refused {device} ({rule}, {count} times): {reason}")
        }
        NodeEvent::RelayKeeps { space, relay } => format!("The relay {relay} keeps {space}"),
        NodeEvent::RelayRefused { space, relay, reason } => {
            format!("The relay {relay} does not keep {space}: {reason}")
        }
        NodeEvent::Quarantined { space, device, reason } => {
            format!("Set aside an entry of {space} from {device}: {reason}")
        }
        NodeEvent::Spaces
        | NodeEvent::Devices
        | NodeEvent::Errand { .. }
        | NodeEvent::Documents { .. }
        | NodeEvent::Placement { .. }
        | NodeEvent::Present { .. } => String::new(),
    };
    if json || !text.is_empty() {
        output::print(json, event, |_| text);
    }
}

/// Resolves when the process is asked to stop.
pub async fn stopped() {
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
    // Without a handler there is nothing to wait for but the end of the process itself.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn sync_once(node: &Node, global: &Global, timeout: u64) -> Result<(), Failure> {
    let report = node.sync_once(Duration::from_secs(timeout)).await?;
    output::print(global.json, &report, |report| {
        let removed = report.removed.iter().map(|space| format!("{}\n", spaces::line(space)));
        removed.collect::<String>()
            + &format!(
                "Reached {}, received {}, {} of this device's entries are confirmed elsewhere",
                output::count(report.reached.len(), "device"),
                output::count(report.received, "entry"),
                report.confirmed
            )
    });
    if !report.settled && !report.reached.is_empty() {
        return Err(Failure::Unfinished);
    }
    if report.reached.is_empty() {
        return Err(Failure::Alone(
            "nobody could be reached. Everything is saved here and goes out when another device is back.".into(),
        ));
    }
    Ok(())
}
