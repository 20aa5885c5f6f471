//! What a connection costs by itself: an endpoint that accepts connections, and does nothing with them.
//!
//! It runs in a process of its own, this program's with another argument, so that its memory can be told from everyone else's.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use iroh::endpoint::{Connection, PortmapperConfig, QuicTransportConfig, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode, SecretKey, TransportAddr};

use super::process::Server;

const ALPN: &[u8] = b"bare";
/// How often a quiet connection says that it is there, as in the real thing.
const ALIVE: Duration = Duration::from_secs(2);
/// How many connect at once.
const AT_ONCE: usize = 50;

async fn endpoint() -> Result<Endpoint> {
    let transport = QuicTransportConfig::builder().keep_alive_interval(ALIVE).default_path_keep_alive_interval(ALIVE);
    let builder = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .portmapper_config(PortmapperConfig::Disabled)
        .secret_key(SecretKey::from_bytes(&rand::random()))
        .alpns(vec![ALPN.to_vec()])
        .transport_config(transport.build())
        .clear_ip_transports()
        .bind_addr(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(builder.bind().await?)
}

/// Accepts connections until the process is ended.
pub async fn serve() -> Result<()> {
    let endpoint = endpoint().await?;
    let address = endpoint.addr().ip_addrs().next().copied().context("it listens somewhere")?;
    println!("ready {} {address}", data_encoding::HEXLOWER.encode(endpoint.id().as_bytes()));
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                connection.closed().await;
            }
        });
    }
    Ok(())
}

/// How many bytes of memory each of so many connections takes there, and how many seconds of processor time all of them take
/// while they idle for so long.
pub async fn measure(connections: usize, idle: Duration) -> Result<(u64, Duration)> {
    let server = Server::start(Command::new(std::env::current_exe()?).arg("--bare-endpoint"), "ready ")?;
    let mut words = server.said.split(' ').skip(1);
    let id = data_encoding::HEXLOWER.decode(words.next().unwrap_or_default().as_bytes())?;
    let id = EndpointId::from_bytes(id.as_slice().try_into()?)?;
    let address = TransportAddr::Ip(words.next().context("its address")?.parse()?);
    let before = server.memory()?;
    let mut here: Vec<(Endpoint, Connection)> = Vec::with_capacity(connections);
    while here.len() < connections {
        let coming: Vec<_> = (here.len()..connections.min(here.len() + AT_ONCE))
            .map(|_| {
                let address = EndpointAddr::from_parts(id, [address.clone()]);
                tokio::spawn(async move {
                    let endpoint = endpoint().await?;
                    let connection = endpoint.connect(address, ALPN).await?;
                    anyhow::Ok((endpoint, connection))
                })
            })
            .collect();
        for one in coming {
            here.push(one.await??);
        }
    }
    tokio::time::sleep(idle).await;
    let cpu = server.cpu()?;
    tokio::time::sleep(idle).await;
    let (cpu, memory) = (server.cpu()?.saturating_sub(cpu), server.memory()?);
    Ok((memory.saturating_sub(before) / connections as u64, cpu))
}
