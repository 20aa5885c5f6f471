//! Devices on the local network find each other (mDNS).
//!
//! Needs a network interface that does multicast. Without one, the tests say so and prove nothing: they probe it first
//! with a socket of their own.

mod common;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use common::{Device, config};
use sheaf_net::{ConnectionState, DiscoveryStatus, NetConfig, NetEvent};

/// Whether a datagram sent to a multicast group comes back to this machine.
fn multicast_works() -> bool {
    let probe = || -> std::io::Result<()> {
        let group = Ipv4Addr::new(224, 0, 0, 252);
        let receiver = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        receiver.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED)?;
        receiver.set_read_timeout(Some(Duration::from_secs(1)))?;
        let sender = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        sender.send_to(b"probe", (group, receiver.local_addr()?.port()))?;
        receiver.recv(&mut [0; 16]).map(drop)
    };
    match probe() {
        Ok(()) => true,
        Err(error) => {
            eprintln!("SKIPPED: no multicast on this machine ({error}); discovery is not tested here");
            false
        }
    }
}

fn discovering(seed: u8, service: &str) -> NetConfig {
    // Of its own name: other runs, and real devices, are none of its business.
    NetConfig { discovery: true, service: format!("{service}{:05}", std::process::id()), ..config(seed) }
}

async fn found(device: &mut Device, other: &Device) -> Vec<SocketAddr> {
    device
        .until("Found", |event| match event {
            NetEvent::Found { device, addresses } if *device == other.id() => Some(addresses.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn two_devices_find_each_other_and_connect_when_asked() {
    if !multicast_works() {
        return;
    }
    let mut ana = Device::open(discovering(1, "sa")).await;
    let mut ben = Device::open(discovering(2, "sa")).await;
    assert_eq!(*ana.net.discovery(), DiscoveryStatus::On);
    let addresses = found(&mut ana, &ben).await;
    assert_eq!(addresses, ben.addresses());
    found(&mut ben, &ana).await;
    assert!(ana.net.status().is_empty() && ben.net.status().is_empty(), "nobody dials unasked");
    ana.net.dial(ben.id(), Vec::new()).unwrap();
    ana.connected(ben.id()).await;
    ben.connected(ana.id()).await;
}

#[tokio::test]
async fn a_device_that_is_waited_for_is_dialled_when_it_appears() {
    if !multicast_works() {
        return;
    }
    let mut patient = discovering(1, "sb");
    patient.timings.retry = Duration::from_mins(5);
    patient.timings.retry_cap = Duration::from_mins(5);
    let mut ana = Device::open(patient).await;
    let later = discovering(2, "sb");
    let id = Device::open(config(2)).await.id();
    ana.net.dial(id, Vec::new()).unwrap();
    ana.state(id, |state| matches!(state, ConnectionState::Backoff { .. })).await;
    let mut ben = Device::open(later).await;
    ana.connected(id).await;
    ben.connected(ana.id()).await;
}

/// The port of mDNS.
const MDNS: u16 = 5353;

#[cfg(target_os = "linux")]
#[test]
fn discovery_off_opens_no_multicast_socket() {
    // A process of its own, as the other tests here open some.
    if std::env::var_os("SHEAF_NET_PROBE").is_none() {
        let me = std::env::current_exe().unwrap();
        let output = std::process::Command::new(me)
            .args(["--exact", "discovery_off_opens_no_multicast_socket", "--nocapture"])
            .env("SHEAF_NET_PROBE", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let quiet = Device::open(NetConfig { listen: None, ..config(1) }).await;
        assert_eq!(*quiet.net.discovery(), DiscoveryStatus::Off);
        let ports = own_udp_ports();
        // Its own, for IPv4 and, where there is any, IPv6.
        assert!(!ports.contains(&MDNS) && (1..=2).contains(&ports.len()), "{ports:?}");
        // That the look is the right one: with discovery on, it is seen.
        let loud = Device::open(discovering(2, "sc")).await;
        if *loud.net.discovery() == DiscoveryStatus::On {
            assert!(own_udp_ports().contains(&MDNS), "{:?}", own_udp_ports());
        }
    });
}

/// The ports of this process's UDP sockets.
#[cfg(target_os = "linux")]
fn own_udp_ports() -> Vec<u16> {
    let mut inodes = std::collections::HashSet::new();
    for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        if let Ok(target) = std::fs::read_link(entry.path())
            && let Some(inode) =
                target.to_string_lossy().strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'))
        {
            inodes.insert(inode.to_owned());
        }
    }
    let mut ports = Vec::new();
    for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
        for line in std::fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            if inodes.contains(fields[9]) {
                let port = fields[1].rsplit(':').next().unwrap();
                ports.push(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports
}
