//! Which connection is used, when the network delays and loses packets and both devices do as they please.

mod common;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::{Device, PATIENCE, config, space};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sheaf_net::{NetConfig, NetEvent};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The seed of this run: `SHEAF_SEED`, or a new one, which a failure prints.
fn seed() -> u64 {
    let seed = std::env::var("SHEAF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("SHEAF_SEED={seed}");
    seed
}

/// Passes packets to an address and back, each with a delay of its own (so they change places), some not at all.
async fn bad_line(to: SocketAddr, delay: Duration, loss: f64, seed: u64) -> (SocketAddr, JoinSet<()>) {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut inner = JoinSet::new();
        let mut packet = vec![0; 65_536];
        loop {
            let Ok((len, from)) = front.recv_from(&mut packet).await else { continue };
            let back = if let Some(back) = backs.get(&from) {
                back.clone()
            } else {
                let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                back.connect(to).await.unwrap();
                backs.insert(from, back.clone());
                let (front, reader, mut dice) =
                    (front.clone(), back.clone(), ChaCha8Rng::seed_from_u64(dice.next_u64()));
                inner.spawn(async move {
                    let mut packet = vec![0; 65_536];
                    let mut flights = JoinSet::new();
                    loop {
                        let Ok(len) = reader.recv(&mut packet).await else { continue };
                        if !dice.random_bool(loss) {
                            let (front, bytes) = (front.clone(), packet[..len].to_vec());
                            let delay = delay.mul_f64(dice.random_range(0.5..1.5));
                            flights.spawn(async move {
                                tokio::time::sleep(delay).await;
                                let _ = front.send_to(&bytes, from).await;
                            });
                        }
                    }
                });
                back
            };
            if !dice.random_bool(loss) {
                let bytes = packet[..len].to_vec();
                let delay = delay.mul_f64(dice.random_range(0.5..1.5));
                inner.spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _ = back.send(&bytes).await;
                });
            }
        }
    });
    (address, tasks)
}

/// Which connection each side believes in, until both believe in the same one and a frame goes through it both ways.
async fn agree(ana: &mut Device, ben: &mut Device, token: &[u8]) -> Duration {
    let started = Instant::now();
    let (mut ours, mut theirs): (Option<[u8; 32]>, Option<[u8; 32]>) = (None, None);
    let (mut heard_ours, mut heard_theirs) = (false, false);
    let (ana_id, ben_id) = (ana.id(), ben.id());
    let follow =
        |event: NetEvent, believed: &mut Option<[u8; 32]>, heard: &mut bool, net: &sheaf_net::Net, other| match event {
            NetEvent::Connected { device, nonce, .. } => {
                assert_eq!(device, other);
                assert_eq!(*believed, None, "Connected twice without Disconnected");
                *believed = Some(nonce);
                *heard = false;
                net.admit(other);
                net.send(other, space(1), token.to_vec()).unwrap_or(());
            }
            NetEvent::Disconnected { .. } => {
                assert!(believed.take().is_some(), "Disconnected without Connected");
                *heard = false;
            }
            NetEvent::Frame { bytes, .. } => {
                assert!(believed.is_some(), "a frame without a connection");
                *heard |= bytes == token;
            }
            _ => {}
        };
    while !(ours.is_some() && ours == theirs && heard_ours && heard_theirs) {
        assert!(started.elapsed() < PATIENCE, "no agreement: {:?} {:?}", ana.net.status(), ben.net.status());
        tokio::select! {
            Some(event) = ana.events.recv() => follow(event, &mut ours, &mut heard_ours, &ana.net, ben_id),
            Some(event) = ben.events.recv() => follow(event, &mut theirs, &mut heard_theirs, &ben.net, ana_id),
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    }
    started.elapsed()
}

/// Both dial at once over a line on which each sees the other's dial late, and loses some of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crossing_dials_over_a_bad_line_agree() {
    let seed = seed();
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    for round in 0..12 {
        let (delay, loss) = (Duration::from_millis(dice.random_range(1..60)), dice.random_range(0.0..0.15));
        let mut ana = Device::open(config(1 + round)).await;
        let mut ben = Device::open(config(100 + round)).await;
        let (to_ana, _line) = bad_line(ana.addresses()[0], delay, loss, dice.next_u64()).await;
        let (to_ben, _other_line) = bad_line(ben.addresses()[0], delay, loss, dice.next_u64()).await;
        ana.net.dial(ben.id(), vec![to_ben]).unwrap();
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..80))).await;
        ben.net.dial(ana.id(), vec![to_ana]).unwrap();
        let took = agree(&mut ana, &mut ben, &[round]).await;
        println!("round {round}: {delay:?}, {:.0}% lost: agreed after {took:?}", loss * 100.0);
    }
}

/// Both do as they please for a while: dial, hang up, close, restart. When both want each other, they get there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happened_before_two_that_want_each_other_meet() {
    let seed = seed();
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    for round in 0..10_u8 {
        let fixed = |seed: u8, address: Option<SocketAddr>| NetConfig {
            listen: address.or(config(seed).listen),
            ..config(seed)
        };
        let mut pair = [Device::open(fixed(1, None)).await, Device::open(fixed(2, None)).await];
        let places = [pair[0].addresses(), pair[1].addresses()];
        for _ in 0..dice.random_range(1..12) {
            let one = dice.random_range(0..2_usize);
            let other = pair[1 - one].id();
            match dice.random_range(0..10) {
                0..5 => pair[one].net.dial(other, places[1 - one].clone()).unwrap(),
                5 => pair[one].net.hang_up(other),
                6 => pair[one].net.close(other, sheaf_net::CloseCode::HungUp),
                7 => pair[one].net.synced(other),
                8 => {
                    pair[one].net.shutdown(Duration::from_millis(300)).await;
                    // The port is free when the last handle is gone.
                    let spare = Device::open(config(3)).await;
                    drop(std::mem::replace(&mut pair[one], spare));
                    common::eventually("the port is free", || std::net::UdpSocket::bind(places[one][0]).is_ok()).await;
                    pair[one] = Device::open(fixed(1 + one as u8, Some(places[one][0]))).await;
                }
                _ => tokio::time::sleep(Duration::from_millis(dice.random_range(0..30))).await,
            }
            // The nodes keep listening.
            for device in &mut pair {
                while device.events.try_recv().is_some() {}
            }
        }
        let [ana, ben] = &mut pair;
        // From here on the story is followed from the beginning: hang up, see it end, begin again.
        let (ana_id, ben_id) = (ana.id(), ben.id());
        ana.net.hang_up(ben_id);
        ben.net.hang_up(ana_id);
        common::eventually("both are at rest", || {
            for device in [&mut *ana, &mut *ben] {
                while device.events.try_recv().is_some() {}
            }
            ana.net.status().is_empty() && ben.net.status().is_empty()
        })
        .await;
        ana.net.dial(ben_id, places[1].clone()).unwrap();
        ben.net.dial(ana_id, places[0].clone()).unwrap();
        agree(ana, ben, &[round]).await;
    }
}
