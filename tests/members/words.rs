//! Being sure: words compared between people, and signed receipts.

use sheaf_tests::soon;

use crate::people::{Person, code, field_station, homes};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_compare_the_same_words_and_each_notes_it() {
    let homes = homes();
    let (mut ana, kofi, noor) =
        (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await, Person::new(&homes, "Noor").await);
    let (space, _) = field_station(&ana).await;
    ana.lets_in(&space, &kofi, "editor").await;
    ana.lets_in(&space, &noor, "editor").await;
    let here = ana.node().compare_words(&kofi.id()).await.expect("words");
    assert_eq!(here, kofi.node().compare_words(&ana.id()).await.expect("words"));
    assert_eq!(here.len(), 6);
    assert_ne!(here, ana.node().compare_words(&noor.id()).await.expect("words"));
    assert_eq!(code(ana.node().compare_words("nobody").await), "no-such-person");
    assert!(!ana.member(&space, &kofi.id()).await.expect("Kofi").verified);
    ana.node().set_verified(&kofi.id(), true).await.expect("it is noted");
    ana.sleep().await;
    ana.wake().await;
    assert!(ana.member(&space, &kofi.id()).await.expect("Kofi").verified);
    assert!(!ana.member(&space, &noor.id()).await.expect("Noor").verified);
    ana.node().set_verified(&kofi.id(), false).await.expect("it is taken back");
    assert!(!ana.member(&space, &kofi.id()).await.expect("Kofi").verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_device_holds_it_has_signed_and_that_is_kept() {
    let homes = homes();
    let (mut ana, kofi) = (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await);
    let (space, document) = field_station(&ana).await;
    ana.lets_in(&space, &kofi, "viewer").await;
    ana.node().append(&document, "Signed for.").await.expect("words");
    let signed = soon("Kofi to sign", || async {
        let places = ana.node().placement(&document).await.expect("a placement").places;
        places.into_iter().find(|place| place.waiting == 0).and_then(|place| place.signed)
    })
    .await;
    ana.sleep().await;
    ana.wake().await;
    let places = ana.node().placement(&document).await.expect("a placement").places;
    assert!(places[0].signed >= Some(signed), "{places:?}");
    assert_eq!(places[0].waiting, 0, "a signature outlives the connection");
}
