//! Going over what is stored: what someone smuggled in is named, and what others wrote is counted.

use sheaf_log::Part;
use sheaf_tests::raw::{Author, typed};
use sheaf_tests::{Scene, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_anothers_name_is_named_when_a_space_is_verified() {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory("editor").await;
    let sound = scene.ana.verify(&scene.space).await.expect("a report");
    assert_eq!(sound.problems, Vec::<String>::new());
    assert!(sound.authors.iter().any(|author| author.name == "Kofi" && author.characters > 0), "{sound:?}");
    let honest = Author::of(&raw, &held, scene.document_id());
    let author = Author { person: scene.kofi.me().expect("somebody").person.parse().expect("an id"), ..honest };
    let entry = raw.content(&held, scene.document_id(), Part::Body, vec![typed(&author, "Kofi was here.")]);
    line.send(held.space, &[entry.encoded()]).await;
    // The log is closed as soon as that is seen; the entry stays stored, and so is found again.
    let report = soon("the report to name it", || async {
        let report = scene.ana.verify(&scene.space).await.expect("a report");
        (!report.problems.is_empty()).then_some(report)
    })
    .await;
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert!(report.problems[0].contains(&raw.id()) && report.problems[0].contains("author"), "{report:?}");
    let document = scene.ana.verify(&scene.document).await.expect("a report");
    assert_eq!(document.problems.len(), 1, "{document:?}");
    assert!(document.entries < report.entries && document.signatures == report.signatures, "{document:?}");
}
