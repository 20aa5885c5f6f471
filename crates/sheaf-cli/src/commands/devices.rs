//! `device list|pair|rename|remove`, `recover`

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use sheaf_node::{DeviceInfo, Node, NodeError, NodeEvent, SecretText};
use tokio::sync::broadcast::error::RecvError;

use crate::arguments::Global;
use crate::output::{self, Failure};
use crate::unlock;

#[derive(Subcommand)]
pub enum Command {
    /// Your devices
    #[command(subcommand)]
    Device(Device),
    /// Come back on a new machine: you, from your recovery phrase
    Recover {
        /// A device that shares a space with you: an invitation link, or DEVICE@ADDRESS:PORT [default: those on this network]
        #[arg(long, value_name = "PEER")]
        from: Option<String>,
        /// The name others see [default: the one you had]
        #[arg(long)]
        name: Option<String>,
        /// A file with the 24 words [default: they are asked for]
        #[arg(long, value_name = "FILE")]
        phrase_file: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub enum Device {
    /// List your devices
    List,
    /// Take a new device in. Without a code, in an empty folder: be the new one, and show the code
    Pair {
        /// The code that the new device shows, `sheaf://pair/…`
        code: Option<String>,
        /// Do not ask whether the words are the same on both
        #[arg(long, requires = "code")]
        yes: bool,
        /// A file with your recovery phrase, if it is not here any more
        #[arg(long, value_name = "FILE")]
        phrase_file: Option<PathBuf>,
    },
    /// Call a device something
    Rename {
        /// The name
        name: String,
        /// The device: its id, its first letters (4 or more), or its name [default: this one]
        #[arg(long, value_name = "DEVICE")]
        device: Option<String>,
    },
    /// Remove a device that is lost, or not yours any more. It keeps what it has, and gets nothing more
    Remove {
        /// The device: its id, its first letters (4 or more), or its name
        device: String,
        /// A file with your recovery phrase, if it is not here any more
        #[arg(long, value_name = "FILE")]
        phrase_file: Option<PathBuf>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Device(Device::List) => {
            let devices = node.devices().await?;
            output::print(global.json, &devices, |devices| output::table(&devices.iter().map(row).collect::<Vec<_>>()));
        }
        Command::Device(Device::Pair { code: Some(code), yes, phrase_file }) => {
            take_in(node, global, &code, yes, phrase_file.as_deref()).await?;
        }
        Command::Device(Device::Pair { code: None, .. }) => be_taken_in(node, global).await?,
        Command::Device(Device::Rename { name, device }) => {
            let device = device.or_else(|| node.me().map(|me| me.device)).ok_or(NodeError::NotInitialised)?;
            let id = node.find_device(&device).await?.id;
            node.rename_device(&id, &name).await?;
            output::print(global.json, &node.find_device(&id).await?, |device| device.id.clone());
        }
        Command::Device(Device::Remove { device, phrase_file, yes }) => {
            let phrase = given(phrase_file.as_deref())?;
            let found = node.find_device(&device).await?;
            let question = format!(
                "Remove your device “{}”? It keeps what it has, gets nothing more, and cannot be taken back.",
                found.name
            );
            if !yes && !super::people::agreed(&question) {
                return Err(Failure::Declined);
            }
            let id = found.id;
            match node.remove_device(&id, phrase.as_ref().map(SecretText::as_str)).await {
                Err(NodeError::NeedsPhrase) if unlock::can_ask() => {
                    let phrase = unlock::ask("Recovery phrase: ")?;
                    node.remove_device(&id, Some(phrase.as_str())).await?;
                }
                done => done?,
            }
            output::print(global.json, &node.find_device(&id).await?, |device| device.id.clone());
        }
        Command::Recover { from, name, phrase_file } => {
            let phrase = match given(phrase_file.as_deref())? {
                Some(phrase) => phrase,
                None if unlock::can_ask() => unlock::ask("Recovery phrase: ")?,
                None => {
                    let reason =
                        "there is nobody to ask for the recovery phrase. Put it into a file and use --phrase-file.";
                    return Err(NodeError::BadInput(reason.to_owned()).into());
                }
            };
            let recovered = node.recover(&phrase, name.as_deref(), from.as_deref()).await?;
            output::print(global.json, &recovered, |recovered| {
                let waiting = match recovered.waiting {
                    0 => String::new(),
                    n => format!(", {n} of them still on their way"),
                };
                let spaces = output::count(recovered.spaces, "space");
                format!("{} is back, with {spaces}{waiting}\n{}", recovered.me.name, recovered.me.person)
            });
        }
    }
    Ok(())
}

/// The old device's side.
async fn take_in(node: &Node, global: &Global, code: &str, yes: bool, file: Option<&Path>) -> Result<(), Failure> {
    let phrase = given(file)?;
    let peer = node.pair_look(code).await?;
    eprintln!("{} shows these words, if it is the one in front of you:\n\n    {}\n", peer.name, peer.words.join(" "));
    if !yes {
        let same = unlock::can_ask() && agreed("Are they the same? [y/N] ")?;
        if !same {
            node.pair_cancel();
            let reason = if unlock::can_ask() {
                "the pairing was cancelled. The new device is not yours."
            } else {
                "there is nobody to ask whether the words are the same. Compare them, and use --yes."
            };
            return Err(NodeError::PairingRefused(reason.to_owned()).into());
        }
    }
    let device = match node.pair_confirm(phrase.as_ref().map(SecretText::as_str)).await {
        Err(NodeError::NeedsPhrase) if unlock::can_ask() => {
            let phrase = unlock::ask("Recovery phrase: ")?;
            node.pair_confirm(Some(phrase.as_str())).await
        }
        confirmed => confirmed,
    };
    if device.is_err() {
        node.pair_cancel();
    }
    let device = device?;
    if !node.pair_handed_over(&device.id).await? {
        eprintln!("{} is yours; it gets the rest when both are online again.", device.name);
    }
    output::print(global.json, &device, |device| device.id.clone());
    Ok(())
}

/// The new device's side.
async fn be_taken_in(node: &Node, global: &Global) -> Result<(), Failure> {
    let mut events = node.subscribe();
    let code = node.pair_show().await?;
    output::print(global.json, &code, |code| code.code.clone());
    eprintln!("Take this code to one of your devices: `sheaf device pair CODE`, or Devices in the app.");
    loop {
        match events.recv().await {
            Ok(NodeEvent::PairingWords { device, words }) => {
                if global.json {
                    output::print(true, &NodeEvent::PairingWords { device, words }, |_| String::new());
                } else {
                    eprintln!("Your other device must show these words:\n\n    {}\n", words.join(" "));
                }
            }
            Ok(NodeEvent::Paired { .. }) => break,
            Ok(NodeEvent::PairingFailed { reason }) => return Err(NodeError::PairingRefused(reason).into()),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(NodeError::Closing.into()),
        }
    }
    let me = node.pair_arrive().await?;
    output::print(global.json, &me, |me| format!("This device is {}'s now\n{}", me.name, me.person));
    Ok(())
}

fn row(device: &DeviceInfo) -> [String; 3] {
    let standing = match (device.this, device.removed) {
        (true, false) => "this device",
        (true, true) => "this device, removed",
        (false, true) => "removed",
        (false, false) => "",
    };
    [output::short(&device.id), device.name.clone(), standing.to_owned()]
}

fn given(file: Option<&Path>) -> Result<Option<SecretText>, Failure> {
    file.map(unlock::read_phrase).transpose()
}

/// Asks the person at the terminal.
fn agreed(question: &str) -> Result<bool, Failure> {
    let terminal = |error| Failure::File("the terminal".to_owned(), error);
    eprint!("{question}");
    std::io::stderr().flush().map_err(terminal)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(terminal)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
