//! What devices say to each other beside the spaces: of pairing, and of whose device one is. A stranger, and a member, say it
//! wrong: malformed, huge, in another's name, without being asked.

use std::net::SocketAddr;

use sheaf_access::{DeviceRevocation, Signature, SpaceId};
use sheaf_net::CloseCode;
use sheaf_tests::Scene;
use sheaf_tests::raw::{Line, Raw};

/// The first byte of such a message.
const MARK: u8 = 0x81;
/// What says nothing is refused under, and what shows nothing.
const DIRECT: u16 = 2_003;
const CLAIM: u16 = 2_005;

/// A message put together by hand: its kind, and what is in it.
fn message(kind: u8, content: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_extend(content, vec![MARK, kind]).expect("memory can be written")
}

/// Sends something and waits until it has been counted so many times.
async fn counted(scene: &Scene, raw: &Raw, line: &mut Line, bytes: Vec<u8>, code: u16, count: u64) {
    line.put_bytes(None, bytes);
    sheaf_tests::soon(&format!("refusal {code}, {count} times"), || async {
        let mut refusals = scene.ana.refusals().into_iter();
        refusals.any(|one| one.device == raw.id() && one.code == code && one.count >= count).then_some(())
    })
    .await;
}

async fn says_everything_wrong(scene: &Scene, raw: &Raw) {
    let before = scene.picture().await;
    let devices = scene.ana.devices().await.expect("devices").len();
    // Nothing at all, another version, a kind that there is not, a length of two gibibytes, and more than is ever said.
    let huge = [&[MARK, 2][..], &vec![7; 200 * 1024]].concat();
    let nothing: [Vec<u8>; 5] =
        [vec![MARK], vec![0xfe, 1, 2], vec![MARK, 9, 9], vec![MARK, 0, 0x80, 0x80, 0x80, 0x80, 0x08], huge];
    for (count, bytes) in (1..).zip(nothing) {
        let mut line = scene.call(raw).await;
        counted(scene, raw, &mut line, bytes, DIRECT, count).await;
        // Whoever says nothing is hung up on.
        assert_eq!(line.closed().await, Some(CloseCode::Protocol));
    }
    let line = &mut scene.call(raw).await;
    // "I am Ana's": with the word that her own device was given, which everyone has seen, and a consent of one's own.
    let certificate = {
        let invitation = scene.ana.invite(&scene.space, "viewer", None, None).await.expect("a link");
        let reader = Raw::new();
        let (line, held) = reader.join(&invitation).await;
        line.hang_up().await;
        let founder = held.entries.first().expect("the space's first entry").log().device;
        let person = held.history.now().person_of(&founder).expect("Ana");
        *held.history.now().certificate(&founder).filter(|one| one.person == person).expect("her device")
    };
    let consent: Signature = raw.device.sign(b"as if it were hers");
    let claim = message(1, &((certificate, consent), Vec::<SocketAddr>::new()));
    counted(scene, raw, line, claim, CLAIM, 1).await;
    // "Your person has removed you", by a person who is not hers.
    let revocation = DeviceRevocation::issue(&raw.person, certificate.device);
    counted(scene, raw, line, message(3, &revocation), CLAIM, 2).await;
    // An answer that nobody asked for, which names spaces that there are not: she asks for none of them.
    let spaces: Vec<SpaceId> = (0..40).map(|n| SpaceId::from_bytes([n; 32])).collect();
    let devices_of_mine: Vec<(sheaf_access::DeviceId, Vec<SocketAddr>)> = Vec::new();
    line.put_bytes(None, message(2, &(raw.certificate, Some(spaces[0]), &spaces, devices_of_mine)));
    // The same once more, as a replay: a claim is looked at once on a connection.
    line.put_bytes(None, message(1, &((certificate, consent), Vec::<SocketAddr>::new())));
    scene.still_served("after all that").await;
    let after = scene.picture().await;
    assert!(before.texts.keys().eq(after.texts.keys()), "{after:?}");
    assert_eq!(scene.ana.devices().await.expect("devices").len(), devices, "no device of hers has come or gone");
    assert_eq!(scene.ana.spaces().await.expect("spaces").len(), 2, "her own space and the one with Kofi");
    let again = scene.ana.refusals().into_iter().find(|one| one.device == raw.id() && one.code == CLAIM);
    assert_eq!(again.map(|one| one.count), Some(2), "the replay was not even looked at");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_says_everything_wrong() {
    let scene = Scene::new().await;
    let raw = Raw::new();
    Box::pin(says_everything_wrong(&scene, &raw)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_says_everything_wrong() {
    let scene = Scene::new().await;
    let (raw, line, _held) = scene.mallory("editor").await;
    line.hang_up().await;
    Box::pin(says_everything_wrong(&scene, &raw)).await;
}
