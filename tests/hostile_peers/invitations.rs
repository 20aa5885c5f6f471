//! Invitations that are no longer good: used up, expired, and shown all the same.

use sheaf_access::{InvitationSecret, Role, Terms};
use sheaf_sync::RedemptionRefusal;
use sheaf_tests::raw::{Answer, Held, Line, Raw};
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
