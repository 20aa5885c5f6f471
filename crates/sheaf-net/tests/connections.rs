//! Two devices find, lose and find each other again.

mod common;

use std::time::Duration;

use common::{Device, config, eventually, pair, space};
use sheaf_net::{CloseCode, ConnectionState, DisconnectReason, Net, NetEvent, SendError, Stream};
use tokio::time::Instant;

#[tokio::test]
async fn frames_go_both_ways_in_order() {
    let (mut ana, mut ben) = pair(config(1), config(2)).await;
    for n in 0..50_u8 {
        ana.net.send(ben.id(), space(n % 3), vec![n; 100]).unwrap();
        ben.net.send(ana.id(), Stream::Control, vec![n]).unwrap();
    }
    let mut last = [None::<u8>; 3];
    for _ in 0..50 {
        let (from, stream, bytes) = ben.frame().await;
        assert_eq!(from, ana.id());
        let which = bytes[0] % 3;
        assert_eq!(stream, space(which));
        assert!(last[usize::from(which)] < Some(bytes[0]), "in order within a stream");
        last[usize::from(which)] = Some(bytes[0]);
    }
    for n in 0..50_u8 {
        assert_eq!(ana.frame().await, (ben.id(), Stream::Control, vec![n]));
    }
}

#[tokio::test]
async fn every_connection_has_a_nonce_of_its_own() {
    let mut ana = Device::open(config(1)).await;
    let mut ben = Device::open(config(2)).await;
    let mut nonces = std::collections::HashSet::new();
    for _ in 0..3 {
        ana.dial(&ben);
        let (nonce, _) = ana.connected(ben.id()).await;
        assert_eq!(ben.connected(ana.id()).await.0, nonce);
        assert!(nonces.insert(nonce));
        ana.net.hang_up(ben.id());
        assert_eq!(ana.disconnected(ben.id()).await, DisconnectReason::Ours(CloseCode::HungUp));
        assert_eq!(ben.disconnected(ana.id()).await, DisconnectReason::Theirs(Some(CloseCode::HungUp)));
    }
}

#[tokio::test]
async fn the_life_cycle_is_told() {
    let (mut ana, ben) = pair(config(1), config(2)).await;
    ana.net.synced(ben.id());
    ana.state(ben.id(), |state| state == ConnectionState::Live).await;
    let status = ana.net.status();
    assert_eq!(status.len(), 1);
    assert!(status[0].wanted && status[0].outgoing == Some(true) && status[0].state == ConnectionState::Live);
    ana.net.hang_up(ben.id());
    ana.state(ben.id(), |state| state == ConnectionState::Idle).await;
    eventually("nothing is left of it", || ana.events.try_recv().is_none() && ana.net.status().is_empty()).await;
}

#[tokio::test]
async fn simultaneous_dials_end_in_one_connection() {
    for round in 0..40_u8 {
        let mut ana = Device::open(config(round * 2 + 1)).await;
        let mut ben = Device::open(config(round * 2 + 2)).await;
        ana.dial(&ben);
        ben.dial(&ana);
        let (mut ours, outgoing) = ana.connected(ben.id()).await;
        let (mut theirs, incoming) = ben.connected(ana.id()).await;
        let (ana_id, ben_id) = (ana.id(), ben.id());
        // Should the first choice not last, the next one must be the same on both sides again.
        while ours != theirs {
            tokio::select! {
                (nonce, _) = ana.connected(ben_id) => ours = nonce,
                (nonce, _) = ben.connected(ana_id) => theirs = nonce,
            }
        }
        assert_ne!(outgoing, incoming, "round {round}");
        ana.net.send(ben.id(), space(1), vec![round]).unwrap();
        ben.net.send(ana.id(), space(1), vec![round]).unwrap();
        assert_eq!(ben.frame().await.2, [round]);
        assert_eq!(ana.frame().await.2, [round]);
        let broken = |events: &std::collections::VecDeque<NetEvent>| {
            events.iter().any(|event| matches!(event, NetEvent::Disconnected { .. }))
        };
        assert!(!broken(&ana.seen) && !broken(&ben.seen), "round {round}: {:?} {:?}", ana.seen, ben.seen);
        tokio::join!(ana.net.shutdown(Duration::from_secs(1)), ben.net.shutdown(Duration::from_secs(1)));
    }
}

/// A device whose machine loses power: no goodbye, its sockets just stop.
fn device_that_vanishes(config: sheaf_net::NetConfig) -> (tokio::runtime::Runtime, Device) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let device = runtime.block_on(async { Device::open(config).await });
    (runtime, device)
}

#[test]
fn a_vanished_peer_is_noticed_and_met_again_on_the_same_address() {
    // Both orders of ids: whichever side decides between connections.
    for (ours, theirs) in [(1, 2), (2, 1)] {
        let main = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut ana = main.block_on(Device::open(config(ours)));
        let (elsewhere, ben) = device_that_vanishes(config(theirs));
        let (id, address) = (ben.id(), ben.addresses());
        main.block_on(async {
            ana.net.dial(id, address.clone()).unwrap();
            ana.connected(id).await;
        });
        let Device { net, events, .. } = ben;
        elsewhere.shutdown_background();
        let vanished = Instant::now();
        main.block_on(async {
            assert_eq!(ana.disconnected(id).await, DisconnectReason::Lost);
            assert!(vanished.elapsed() < Duration::from_secs(5), "noticed after {:?}", vanished.elapsed());
            ana.state(id, |state| matches!(state, ConnectionState::Backoff { .. })).await;
            assert_eq!(ana.net.send(id, Stream::Control, vec![1]), Err(SendError::NotConnected(id)));
        });
        drop((net, events));
        main.block_on(async {
            let mut again = config(theirs);
            again.listen = Some(address[0]);
            let mut ben = Device::open(again).await;
            assert_eq!(ben.id(), id);
            ana.connected(id).await;
            ben.connected(ana.id()).await;
            ana.net.send(id, Stream::Control, vec![7]).unwrap();
            assert_eq!(ben.frame().await.2, [7]);
        });
    }
}

/// The side that has not noticed yet must not insist on the dead connection, whichever side decides, and whoever dialled it.
#[test]
fn a_restarted_peer_is_met_before_the_old_connection_times_out() {
    for (ours, theirs) in [(1, 2), (2, 1)] {
        for they_dialled in [true, false] {
            let patient = |seed| {
                let mut config = config(seed);
                config.timings.idle = Duration::from_mins(1);
                config
            };
            let main = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let mut ana = main.block_on(Device::open(patient(ours)));
            ana.net.admit({
                let (id, _) = main.block_on(async { Net::bind(patient(theirs)).await.unwrap() });
                id.id()
            });
            let (elsewhere, mut ben) = device_that_vanishes(patient(theirs));
            let id = ben.id();
            if they_dialled {
                ben.dial(&ana);
            } else {
                ana.dial(&ben);
            }
            let first = main.block_on(ana.connected(id)).0;
            assert_eq!(elsewhere.block_on(ben.connected(ana.id())).0, first);
            elsewhere.shutdown_background();
            main.block_on(async {
                let mut ben = Device::open(patient(theirs)).await;
                ben.dial(&ana);
                assert_eq!(ana.disconnected(id).await, DisconnectReason::Ours(CloseCode::Superseded));
                let second = ana.connected(id).await.0;
                assert_ne!(first, second);
                assert_eq!(ben.connected(ana.id()).await.0, second);
                ana.net.send(id, Stream::Control, vec![7]).unwrap();
                assert_eq!(ben.frame().await.2, [7]);
            });
        }
    }
}

#[tokio::test]
async fn nobody_there_is_tried_again_slower_and_at_once_when_woken() {
    let mut slow = config(1);
    slow.timings.dial = Duration::from_millis(200);
    slow.timings.retry = Duration::from_secs(100);
    slow.timings.retry_cap = Duration::from_secs(1000);
    let mut ana = Device::open(slow).await;
    // An address where nobody answers: a socket of ours that never reads.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let ben = Net::bind(config(2)).await.unwrap().0.id();
    ana.net.dial(ben, vec![silent.local_addr().unwrap()]).unwrap();
    for _ in 0..3 {
        let state = ana.state(ben, |state| matches!(state, ConnectionState::Backoff { .. })).await;
        let ConnectionState::Backoff { attempt, wait } = state else { unreachable!() };
        assert_eq!(attempt, 1);
        assert!((50..=100).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(ana.net.status()[0].last, Some(DisconnectReason::Unreachable));
        ana.net.wake();
        ana.state(ben, |state| state == ConnectionState::Dialing).await;
    }
    ana.net.hang_up(ben);
    ana.state(ben, |state| state == ConnectionState::Idle).await;
}

#[tokio::test]
async fn a_device_that_moved_is_dialled_at_its_new_address() {
    let mut ana = Device::open(config(1)).await;
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut ben = Device::open(config(2)).await;
    ana.net.dial(ben.id(), vec![silent.local_addr().unwrap()]).unwrap();
    ana.state(ben.id(), |state| matches!(state, ConnectionState::Backoff { .. })).await;
    ana.dial(&ben);
    ana.connected(ben.id()).await;
    ben.connected(ana.id()).await;
}

#[tokio::test]
async fn an_impostor_at_the_address_is_not_taken_for_the_device() {
    let mut ana = Device::open(config(1)).await;
    let impostor = Device::open(config(2)).await;
    let ben = Net::bind(config(3)).await.unwrap().0.id();
    ana.net.dial(ben, impostor.addresses()).unwrap();
    ana.state(ben, |state| matches!(state, ConnectionState::Backoff { .. })).await;
    assert!(!ana.seen.iter().any(|event| matches!(event, NetEvent::Connected { .. })));
}

#[tokio::test]
async fn shutdown_sends_what_is_queued_and_says_goodbye() {
    let (ana, mut ben) = pair(config(1), config(2)).await;
    for n in 0..200_u8 {
        ana.net.send(ben.id(), space(n % 2), vec![n; 5000]).unwrap();
    }
    let (ana_id, net) = (ana.id(), ana.net.clone());
    let started = Instant::now();
    let closing = tokio::spawn(async move { net.shutdown(Duration::from_secs(5)).await });
    for _ in 0..200 {
        ben.frame().await;
    }
    assert_eq!(ben.disconnected(ana_id).await, DisconnectReason::Theirs(Some(CloseCode::Bye)));
    closing.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(ana.net.send(ben.id(), space(1), vec![1]), Err(SendError::NotConnected(ben.id())));
    assert!(ana.net.dial(ben.id(), vec![]).is_err());
    ana.net.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn shutdown_waits_for_nobody_longer_than_asked() {
    let (ana, ben) = pair(config(1), config(2)).await;
    // Ben's node never takes an event, so what Ana queued never leaves.
    while ana.net.send(ben.id(), space(1), vec![0; 500_000]).is_ok() {}
    let started = Instant::now();
    ana.net.shutdown(Duration::from_millis(500)).await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[test]
fn dropping_the_last_handle_leaves_no_task_behind() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let before = runtime.metrics().num_alive_tasks();
        let (ana, ben) = pair(config(1), config(2)).await;
        ana.net.send(ben.id(), space(1), vec![1; 100]).unwrap();
        let address = ben.addresses()[0];
        assert!(runtime.metrics().num_alive_tasks() > before);
        drop((ana, ben));
        eventually("all tasks have ended", || runtime.metrics().num_alive_tasks() == before).await;
        eventually("the port is free", || std::net::UdpSocket::bind(address).is_ok()).await;
    });
}

#[tokio::test]
async fn addresses_that_are_taken_are_named() {
    let ana = Device::open(config(1)).await;
    let mut second = config(2);
    second.listen = Some(ana.addresses()[0]);
    let error = Net::bind(second).await.unwrap_err().to_string();
    assert!(error.contains(&ana.addresses()[0].to_string()) && error.contains("use"), "{error}");
}

#[tokio::test]
async fn a_loopback_address_means_loopback_only() {
    let ana = Device::open(config(1)).await;
    assert_eq!(ana.addresses().len(), 1);
    assert!(ana.addresses()[0].ip().is_loopback());
    let mut everywhere = config(2);
    everywhere.listen = None;
    let ben = Device::open(everywhere).await;
    assert!(!ben.addresses().is_empty());
}

/// As on a real network: no address is given to listen on, and others are told the interfaces' own.
#[tokio::test]
async fn all_interfaces_are_listened_on_by_default() {
    let everywhere = |seed| sheaf_net::NetConfig { listen: None, ..config(seed) };
    let (ana, mut ben) = pair(everywhere(1), everywhere(2)).await;
    ana.net.send(ben.id(), space(1), vec![1]).unwrap();
    assert_eq!(ben.frame().await.2, [1]);
}

#[tokio::test]
async fn oneself_and_nobody_cannot_be_dialled() {
    let ana = Device::open(config(1)).await;
    assert!(ana.net.dial(ana.id(), vec![]).is_err());
}
