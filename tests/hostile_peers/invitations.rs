//! Invitations that are no longer good: used up, expired, and shown all the same.

use sheaf_access::{DeviceKeys, InvitationSecret, Role, Terms};
use sheaf_node::NodeError;
use sheaf_sync::{Frame, RedemptionRefusal};
use sheaf_tests::raw::{Answer, Held, Line, Raw, parse};
use sheaf_tests::{Scene, soon};

/// What is said of an invitation whose time is over.
const EXPIRED: u16 = 2_013;
/// What is said of one that was used as often as it may be.
const USED_UP: u16 = 2_014;

/// An owner opens an invitation on these terms. Answers its link, to be used with Ana.
async fn opened(scene: &Scene, owner: &mut (Raw, Line, Held), terms: Terms) -> String {
    let (raw, line, held) = owner;
    let secret = InvitationSecret::generate(&mut rand::rng());
    let grant = held.history.now().member(&raw.certificate.person).expect("an owner").grant;
    let entry = raw.access(held, &held.invitation(grant, &secret, terms));
    assert_eq!(line.send(held.space, &[entry.encoded()]).await, Answer::Taken);
    held.take(entry);
    scene.link_to_ana(secret, terms.role).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_for_one_lets_one_in() {
    let scene = Scene::new().await;
    let mut owner = scene.mallory("owner").await;
    let terms = Terms { role: Role::Editor, expires: None, uses: Some(1) };
    let invitation = opened(&scene, &mut owner, terms).await;
    let shown_by = async |raw: &Raw| {
        let mut line = raw.call_inviter(&invitation).await;
        let answer = raw.look_in(&mut line, &invitation).await;
        (line, answer)
    };
    // Somebody shows it, and takes their time: the place is kept for them as long as they are there, and no longer.
    let (slow, quick) = (Raw::new(), Raw::new());
    let (kept, held) = shown_by(&slow).await;
    let redemption = slow.redemption(&mut held.expect("it is good"), &invitation);
    assert_eq!(shown_by(&quick).await.1.err(), Some(RedemptionRefusal::UsedUp));
    assert_eq!(scene.counted(&quick, USED_UP).await.rule, "I3");
    kept.hang_up().await;
    soon("the place being free again", || async {
        let (mut line, answer) = shown_by(&quick).await;
        let entry = quick.redemption(&mut answer.ok()?, &invitation);
        assert_eq!(line.send(scene.space_id(), &[entry.encoded()]).await, Answer::Taken);
        Some(())
    })
    .await;
    soon("the newcomer's place", || async {
        let id = quick.certificate.person.to_string();
        scene.picture().await.members.contains_key(&id).then_some(())
    })
    .await;
    let before = scene.picture().await;

    // Now it is used up: for whoever shows it anew, and for whoever had shown it.
    let (mut line, answer) = shown_by(&slow).await;
    assert_eq!(answer.err(), Some(RedemptionRefusal::UsedUp));
    scene.counted(&slow, USED_UP).await;
    assert_ne!(line.send(scene.space_id(), &[redemption.encoded()]).await, Answer::Taken);
    scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_invitation_lets_nobody_in() {
    let scene = Scene::new().await;
    let mut owner = scene.mallory("owner").await;
    let terms = Terms { role: Role::Editor, expires: Some(1_000), uses: None };
    let invitation = opened(&scene, &mut owner, terms).await;
    let before = scene.picture().await;
    let late = Raw::new();
    let mut line = late.call_inviter(&invitation).await;
    assert_eq!(late.look_in(&mut line, &invitation).await.err(), Some(RedemptionRefusal::Expired));
    assert_eq!(scene.counted(&late, EXPIRED).await.rule, "I3");
    scene.unharmed(&before).await;
}

/// A newcomer's link is shown to everyone who is there. Somebody who shares another space with them has nothing to say of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_nothing_to_do_with_an_invitation_does_not_end_it() {
    let scene = Scene::new().await;
    let lena = scene.another("Lena").await;
    lena.go_online().await.expect("Lena is online");
    let hers = lena.create_space("Lena's").await.expect("a space").id;
    let raw = Raw::new();
    let (mut line, _held) = raw.join(&lena.invite(&hers, "editor", None, None).await.expect("a link")).await;
    let invitation = scene.ana.invite(&scene.space, "editor", None, None).await.expect("a link");
    // Ana is away at first.
    let mut away = parse(&invitation);
    (away.device, away.addresses) = (DeviceKeys::generate(&mut rand::rng()).id(), Vec::new());
    let away = away.to_text().expect("a link can be written");
    let joining = tokio::spawn({
        let lena = lena.clone();
        async move { lena.join(&away).await }
    });
    let tag = loop {
        if let Frame::Redeem { tag, .. } = line.frame().await.expect("Lena shows her link") {
            break tag;
        }
    };
    line.put(&Frame::RedeemRefused { tag, reason: RedemptionRefusal::Expired });
    let joined = joining.await.expect("the task ends");
    assert!(matches!(joined, Err(NodeError::Unreachable(_))), "{joined:?}");
    lena.join(&invitation).await.expect("she joins by Ana");
    lena.shutdown().await.expect("all is saved");
}
