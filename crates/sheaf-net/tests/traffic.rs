//! Frames, large and many; slow receivers; presence.

mod common;

use std::time::Duration;

use common::{Device, PATIENCE, config, eventually, pair, space, with_limits};
use sheaf_net::{FRAME_MAX, NetEvent, PRESENCE_MAX, PresenceSent, SendError, Stream};
use tokio::time::{Instant, timeout};

/// Sends a frame, waiting for room if there is none.
async fn send(device: &mut Device, to: sheaf_access::DeviceId, stream: Stream, frame: Vec<u8>) {
    loop {
        match device.net.send(to, stream, frame.clone()) {
            Ok(()) => return,
            Err(SendError::Full { .. }) => {
                device.until("Drained", |event| matches!(event, NetEvent::Drained { .. }).then_some(())).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn large_frames_arrive_whole() {
    let (mut ana, mut ben) = pair(config(1), config(2)).await;
    let sizes = [FRAME_MAX, 1, FRAME_MAX - 1, 65_536, 65_537, 1200, FRAME_MAX];
    let sending = async {
        for (n, size) in sizes.into_iter().enumerate() {
            send(&mut ana, ben.net.id(), space(1), vec![n as u8; size]).await;
        }
    };
    let receiving = async {
        for (n, size) in sizes.into_iter().enumerate() {
            let (_, _, bytes) = until_frame(&mut ben.events).await;
            assert_eq!(bytes.len(), size);
            assert!(bytes.iter().all(|byte| usize::from(*byte) == n));
        }
    };
    tokio::join!(sending, receiving);
    assert_eq!(ana.net.send(ben.net.id(), space(1), vec![0; FRAME_MAX + 1]), Err(SendError::TooLarge(FRAME_MAX + 1)));
    assert_eq!(ana.net.send(ben.net.id(), space(1), Vec::new()), Err(SendError::Empty));
}

async fn until_frame(events: &mut sheaf_net::Events) -> (sheaf_access::DeviceId, Stream, Vec<u8>) {
    loop {
        match timeout(PATIENCE, events.recv()).await.expect("waited too long for a frame").expect("closed") {
            NetEvent::Frame { device, stream, bytes } => return (device, stream, bytes.to_vec()),
            NetEvent::Disconnected { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_small_frames_arrive_in_order() {
    let (mut ana, mut ben) = pair(config(1), config(2)).await;
    let to = ben.id();
    let started = Instant::now();
    let sending = tokio::spawn(async move {
        for n in 0..10_000_u32 {
            send(&mut ana, to, space((n % 5) as u8), n.to_be_bytes().to_vec()).await;
        }
        ana
    });
    let mut last = [None; 5];
    for _ in 0..10_000 {
        let (_, stream, bytes) = until_frame(&mut ben.events).await;
        let n = u32::from_be_bytes(bytes.try_into().unwrap());
        assert_eq!(stream, space((n % 5) as u8));
        assert!(last[(n % 5) as usize] < Some(n));
        last[(n % 5) as usize] = Some(n);
    }
    let ana = sending.await.unwrap();
    assert!(started.elapsed() < PATIENCE);
    assert_eq!((ana.net.counts().frames_out, ben.net.counts().frames_in), (10_000, 10_000));
}

/// More spaces than streams that stay open: the streams make way for each other, and each space stays in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_spaces_than_streams() {
    let few = |seed| with_limits(seed, |limits| limits.streams = 3);
    let (mut ana, mut ben) = pair(few(1), few(2)).await;
    let to = ben.id();
    let sending = tokio::spawn(async move {
        for n in 0..2_000_u32 {
            // Runs of one space, and jumps: some streams are reopened right after they made room.
            let which = (n / 3 * 7 % 20) as u8;
            send(&mut ana, to, space(which), [&[which][..], &n.to_be_bytes(), &vec![0; (n % 900) as usize]].concat())
                .await;
        }
        ana
    });
    let mut last = [None; 20];
    for _ in 0..2_000 {
        let (_, stream, bytes) = until_frame(&mut ben.events).await;
        let n = u32::from_be_bytes(bytes[1..5].try_into().unwrap());
        assert_eq!(stream, space(bytes[0]));
        let last = &mut last[usize::from(bytes[0])];
        assert!(*last < Some(n), "{last:?} before {n}");
        *last = Some(n);
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn a_slow_receiver_costs_bounded_memory_and_everything_arrives_in_the_end() {
    let (mut ana, mut ben) = pair(config(1), config(2)).await;
    let to = ben.id();
    let mut accepted = 0;
    let mut number = 0_u32;
    let frame = |number: u32| {
        let mut frame = vec![0; 100_000];
        frame[..4].copy_from_slice(&number.to_be_bytes());
        frame
    };
    // Ben's node takes nothing. Ana's queue must stay full.
    let mut full_since = None;
    loop {
        match ana.net.send(to, space(1), frame(number)) {
            Ok(()) => {
                number += 1;
                accepted += 100_000;
                full_since = None;
            }
            Err(SendError::Full { bytes, frames, .. }) => {
                assert!(bytes <= 4 << 20 && frames <= 4096);
                if full_since.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(700) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    // Half the queue for one stream, the send window, the stream's window, and the receiver's budget: 10 MiB in all.
    assert!(accepted < 10 << 20, "{accepted} bytes were taken although nobody reads");
    assert!(ana.net.status()[0].waiting_bytes > 0);
    // Another space still gets through to the queue.
    ana.net.send(to, space(2), vec![1; 100]).unwrap();
    for n in 0..number {
        loop {
            let (_, stream, bytes) = until_frame(&mut ben.events).await;
            if stream == space(1) {
                assert_eq!(bytes[..4], n.to_be_bytes());
                break;
            }
        }
    }
    ana.until("Drained", |event| matches!(event, NetEvent::Drained { .. }).then_some(())).await;
    ana.net.send(to, space(1), frame(number)).unwrap();
}

/// Opened before a bulk transfer of another space and used after it, a stream does not wait for the bulk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keystroke_passes_a_catch_up() {
    let (ana, mut ben) = pair(config(1), config(2)).await;
    for _ in 0..20 {
        ana.net.send(ben.id(), space(1), vec![0; 100_000]).unwrap();
    }
    ana.net.send(ben.id(), space(2), vec![1]).unwrap();
    let mut before = 0;
    while until_frame(&mut ben.events).await.1 == space(1) {
        before += 1;
    }
    assert!(before < 20, "the keystroke came last");
}

#[tokio::test]
async fn presence_travels_and_is_capped() {
    let (ana, mut ben) = pair(config(1), config(2)).await;
    for n in 1..=5_u8 {
        assert_eq!(ana.net.send_presence(ben.id(), vec![n; PRESENCE_MAX]), Ok(PresenceSent::Queued));
        let bytes = ben
            .until("presence", |event| match event {
                NetEvent::Presence { bytes, .. } => Some(bytes.clone()),
                _ => None,
            })
            .await;
        assert_eq!(bytes, vec![n; PRESENCE_MAX]);
    }
    let large = ana.net.send_presence(ben.id(), vec![0; PRESENCE_MAX + 1]);
    assert_eq!(large, Err(SendError::PresenceTooLarge(PRESENCE_MAX + 1)));
}

#[tokio::test]
async fn presence_is_dropped_first() {
    let (ana, mut ben) = pair(config(1), config(2)).await;
    // Nobody reads at Ben's: the queue fills, and what goes is presence.
    eventually("the queue is full", || {
        while ana.net.send(ben.id(), space(1), vec![0; 100_000]).is_ok() {}
        ana.net.status()[0].waiting_bytes > 1 << 20
    })
    .await;
    assert_eq!(ana.net.send_presence(ben.id(), vec![1]), Ok(PresenceSent::Dropped));
    assert!(ana.net.counts().presence_unsent > 0);
    // When it is idle again, presence travels again.
    eventually("idle", || {
        while ben.events.try_recv().is_some() {}
        ana.net.status()[0].waiting_bytes == 0
    })
    .await;
    assert_eq!(ana.net.send_presence(ben.id(), vec![2]), Ok(PresenceSent::Queued));
    ben.until("presence", |event| match event {
        NetEvent::Presence { bytes, .. } => (bytes[..] == [2]).then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn presence_the_node_has_no_time_for_is_dropped_and_frames_are_not() {
    let few = |seed| with_limits(seed, |limits| limits.events = 4);
    let (ana, mut ben) = pair(few(1), few(2)).await;
    for n in 0..10 {
        ana.net.send(ben.id(), space(1), vec![n]).unwrap();
    }
    eventually("presence is dropped at the receiver", || {
        let _ = ana.net.send_presence(ben.id(), vec![1]);
        ben.net.counts().presence_unread > 0
    })
    .await;
    for n in 0..10 {
        assert_eq!(until_frame(&mut ben.events).await.2, [n]);
    }
}
