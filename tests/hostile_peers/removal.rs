//! People who were removed, and go on: knowing of it, not knowing of it, or pretending not to.

use sheaf_access::{InvitationSecret, PersonId, Role};
use sheaf_log::Part;
use sheaf_net::CloseCode;
use sheaf_sync::Frame;
use sheaf_tests::raw::{Answer, Author, Forged, Held, Line, Raw, typed};
use sheaf_tests::{HOSTILE, Scene, soon};

/// The refusal of what is written by nobody of the space.
const NOT_A_MEMBER: u16 = 26;
/// The refusal of a key that is no longer to be used.
const EPOCH: u16 = 28;
/// The refusal of an access operation by someone who had been removed.
const HAD_BEEN_REMOVED: u16 = 75;

/// What is said of a space that is not shared.
const UNKNOWN_TAG: u16 = 2_024;

/// A scene in which an owner, who writes by hand too, but honestly, removes a hostile member.
struct Removed {
    scene: Scene,
    owner: (Raw, Line, Held),
    mallory: (Raw, Line, Held),
    /// What the hostile device has of the space before it hears of the removal.
    unknowing: Held,
}

impl Removed {
    /// The hostile member had this role, and had written something, which stays.
    async fn from(role: &str) -> Self {
        let scene = Scene::new().await;
        let mut owner = scene.mallory("owner").await;
        let (raw, mut line, mut held) = scene.mallory(role).await;
        let entry = raw.words(&held, scene.document_id(), "Written while welcome. ");
        assert_eq!(line.send(held.space, &[entry.encoded()]).await, Answer::Taken);
        held.take(entry);
        owner.0.catch_up(&mut owner.1, &mut owner.2).await;
        raw.catch_up(&mut line, &mut held).await;
        let unknowing = held.clone();
        let op = owner.0.removal(&owner.2, raw.certificate.person);
        let entry = owner.0.access(&owner.2, &op);
        assert_eq!(owner.1.send(owner.2.space, &[entry.encoded()]).await, Answer::Taken);
        owner.2.take(entry.clone());
        owner.2.open_keys(&owner.0);
        // Whatever Ana tells of it: the hostile device knows.
        held.take(entry);
        let removed = Self { scene, owner, mallory: (raw, line, held), unknowing };
        soon("the removal at Ana's and at Kofi's", || async {
            (!removed.is_member(&removed.scene.ana).await && !removed.is_member(&removed.scene.kofi).await)
                .then_some(())
        })
        .await;
        removed.scene.still_served("after the removal").await;
        removed
    }

    fn person(&self) -> PersonId {
        self.mallory.0.certificate.person
    }

    /// An entry of the hostile device, sent by a member who helps it: nobody takes entries from the device itself any more.
    async fn by_an_accomplice(&mut self, bytes: &[u8]) -> Answer {
        self.owner.1.send(self.unknowing.space, &[bytes]).await
    }

    async fn is_member(&self, node: &sheaf_node::Node) -> bool {
        let id = self.person().to_string();
        node.members(&self.scene.space).await.expect("members").iter().any(|member| member.id == id)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_knows_of_their_removal_writes_nothing_more() {
    let mut removed = Box::pin(Removed::from("editor")).await;
    let before = removed.scene.picture().await;
    let (raw, _, held) = &removed.mallory;
    // Sealed with the key that it has, since it was not given the next one.
    let mut forged = Forged::of(&raw.words(&removed.unknowing, removed.scene.document_id(), HOSTILE));
    forged.header.access_heads = held.history.now().heads().to_vec();
    let forged = forged.signed_by(&raw.device);
    assert_eq!(removed.by_an_accomplice(&forged).await.verdict(), Some(NOT_A_MEMBER));
    assert_eq!(removed.scene.counted(&removed.owner.0, NOT_A_MEMBER).await.rule, "A2");
    removed.scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_pretends_not_to_have_heard_changes_nothing() {
    let mut removed = Box::pin(Removed::from("editor")).await;
    let other = removed.scene.ana.create_document(Some(&removed.scene.space), "Autumn visit").await;
    let other = other.expect("a document").id.parse().expect("an id");
    let before = removed.scene.picture().await;
    assert!(before.texts["Spring visit"].contains("Written while welcome."), "what counted goes on counting");
    // On in the same log, and in a new one, as if nothing had happened. It was legal there and then, so it is held; beyond
    // the watermark it does not count.
    let same = removed.unknowing.clone();
    let mut fresh = removed.unknowing.clone();
    fresh.log.nonce = (fresh.log.nonce + 1) % sheaf_log::MAX_LOGS_OF_DEVICE;
    (fresh.seq, fresh.tip) = (0, None);
    for held in [same, fresh] {
        let raw = &removed.mallory.0;
        let changes = vec![typed(&Author::of(raw, &held, other), HOSTILE)];
        let entry = raw.content(&held, other, Part::Body, changes);
        assert_eq!(removed.by_an_accomplice(entry.encoded()).await, Answer::Taken);
    }
    removed.scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_given_up_seals_nothing_any_more() {
    let mut removed = Box::pin(Removed::from("editor")).await;
    let before = removed.scene.picture().await;
    // By an owner, who knows that the key is no longer to be used: E3 is for everyone.
    let (raw, line, held) = &mut removed.owner;
    let mut late = Forged::of(&raw.words(held, removed.scene.document_id(), HOSTILE));
    late.header.epoch = removed.unknowing.history.now().writable_epoch().expect("it was");
    assert_eq!(line.send(held.space, &[&late.signed_by(&raw.device)]).await.verdict(), Some(EPOCH));
    assert_eq!(removed.scene.counted(raw, EPOCH).await.rule, "E3");
    removed.scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_longer_an_owner_gives_and_takes_nothing() {
    let mut removed = Box::pin(Removed::from("owner")).await;
    let before = removed.scene.picture().await;
    let (raw, _, held) = &removed.mallory;
    let grant = removed.unknowing.history.now().member(&removed.person()).expect("it was").grant;
    let secret = InvitationSecret::generate(&mut rand::rng());
    let op = removed.unknowing.invitation(grant, &secret, Role::Owner);
    let backdated = raw.access(&removed.unknowing, &op);

    // Knowing of the removal: refused for what it says of itself.
    let mut knowing = Forged::of(&backdated);
    knowing.header.access_heads = held.history.now().heads().to_vec();
    let knowing = knowing.signed_by(&raw.device);
    assert_eq!(removed.by_an_accomplice(&knowing).await.verdict(), Some(HAD_BEEN_REMOVED));
    assert_eq!(removed.scene.counted(&removed.owner.0, HAD_BEEN_REMOVED).await.rule, "A4");

    // Pretending not to know: it is in the set, beyond the watermark, and void (A4). So is what is done under it.
    assert_eq!(removed.by_an_accomplice(backdated.encoded()).await, Answer::Taken);
    let mut held = removed.unknowing.clone();
    held.take(backdated);
    let friend = Raw::new();
    let mut theirs = Held { log: friend.log(), seq: 0, tip: None, ..held.clone() };
    let redemption = friend.redemption_of(&mut theirs, &secret);
    removed.by_an_accomplice(redemption.encoded()).await;
    removed.scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_removed_is_sent_nothing_more() {
    let mut removed = Box::pin(Removed::from("editor")).await;
    let (raw, line, held) = &mut removed.mallory;
    // On the connection that it had, nothing came that was written after the removal.
    let after = line.drain();
    let knows = |entry: &sheaf_log::Entry| entry.header().access_heads == held.history.now().heads();
    assert!(!after.iter().any(knows), "{after:?}");
    // On a new one, the space is not named, and to name it is a reason to hang up.
    let mut line = removed.scene.call(raw).await;
    let tag = line.tag(held.space);
    line.put(&Frame::Frontier { tag, whole: true, reply: true, held: held.frontier() });
    assert_eq!(line.closed().await, Some(CloseCode::Protocol));
    removed.scene.counted(raw, UNKNOWN_TAG).await;
}
