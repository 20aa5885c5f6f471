//! Removing someone: what they had not heard, what others built on it, and what becomes of their words.

use sheaf_node::{Item, Node, NodeEvent, ToCore, ToWindow};
use sheaf_tests::told;

use crate::team::{Team, agree};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_unaware_of_a_removal_is_set_aside_and_can_be_adopted() {
    let mut team = Box::pin(Team::new("editor")).await;
    team.ben.offline().await;
    team.ben.writes(&team.document, "Ben on the train.").await;
    team.ana.node.revoke(&team.space, &team.ben.id()).await.expect("Ana may");
    sheaf_tests::soon("Cleo hearing of it", || async {
        let members = team.cleo.node.members(&team.space).await.expect("members");
        (members.len() == 2).then_some(())
    })
    .await;
    team.ana.writes(&team.document, "Ana goes on.").await;

    let mut events = team.ben.node.subscribe();
    team.ben.online().await;
    told("Ben being told", &mut events, |event| matches!(event, NodeEvent::Removed { by, .. } if by == "Ana")).await;
    // Everyone keeps his words, and nobody's document has them: not even his own.
    for person in team.all() {
        let pieces = person.sets_aside(&team.space, 1).await;
        assert_eq!((pieces[0].name.as_str(), pieces[0].document.as_str()), ("Ben", team.document.as_str()));
        assert_eq!(pieces[0].words, 4, "{pieces:?}");
        let text = person.node.set_aside_text(&team.space, &pieces[0].id).await.expect("a text");
        assert_eq!(text, "Ben on the train.");
        assert!(!person.text(&team.document).await.contains("train"), "{}", person.name);
    }
    // What he has is still here, and he is told why he cannot go on.
    assert!(team.ben.text(&team.document).await.contains("Ben at first."));
    let refused = team.ben.node.append(&team.document, "More.").await.expect_err("he is no member");
    assert_eq!(refused.code(), "role");
    assert!(refused.to_string().contains("removed from this space by Ana"), "{refused}");
    assert!(!team.ben.text(&team.document).await.contains("Ana goes on."));
    let refused = team.ben.node.adopt(&team.space, &team.ben.pieces(&team.space).await[0].id).await;
    assert_eq!(refused.expect_err("he cannot").code(), "role");

    // Cleo makes them hers.
    let piece = team.cleo.sets_aside(&team.space, 1).await.remove(0);
    team.cleo.node.adopt(&team.space, &piece.id).await.expect("Cleo may write");
    let both = [&team.ana, &team.cleo];
    agree(&both, &team.document, &["Ben on the train.", "Ana goes on."]).await;
    for person in both {
        person.sets_aside(&team.space, 0).await;
    }

    // Asked back in, he reads what came meanwhile and writes again, in another log.
    team.ana.node.set_role(&team.space, &team.ben.id(), "editor").await.expect("Ana may");
    team.ben.reads(&team.document, "Ana goes on.").await;
    team.ben.writes(&team.document, "Ben is back.").await;
    team.agree(&["Ben is back.", "Ben on the train.", "Ana goes on."]).await;
    team.ana.sets_aside(&team.space, 0).await;
    for person in team.all() {
        assert_eq!(person.text(&team.document).await.matches("train").count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_built_on_the_words_unaware_vouches_for_them() {
    let mut team = Box::pin(Team::new("owner")).await;
    // A link tells where its maker can be called.
    let link = team.cleo.node.invite(&team.space, "viewer", None, None).await.expect("a link");
    team.ben.node.join(&link).await.expect("he is in already");
    team.ben.offline().await;
    team.ben.online().await;
    team.ana.offline().await;
    team.ben.writes(&team.document, "Ben, not knowing.").await;
    team.cleo.reads(&team.document, "Ben, not knowing.").await;
    team.cleo.writes(&team.document, "Cleo on top of it.").await;
    team.ben.reads(&team.document, "Cleo on top of it.").await;
    team.ben.offline().await;
    team.ben.writes(&team.document, "Ben alone.").await;
    team.ana.node.revoke(&team.space, &team.ben.id()).await.expect("Ana may");

    for person in team.all() {
        person.online().await;
    }
    team.agree(&["Ben, not knowing.", "Cleo on top of it."]).await;
    for person in team.all() {
        let pieces = person.sets_aside(&team.space, 1).await;
        let text = person.node.set_aside_text(&team.space, &pieces[0].id).await.expect("a text");
        assert_eq!(text, "Ben alone.");
        assert!(!person.text(&team.document).await.contains("Ben alone."));
    }
}

/// The text of what a window shows.
struct Window {
    session: sheaf_node::Session,
    messages: tokio::sync::mpsc::UnboundedReceiver<ToWindow>,
    items: Vec<Item>,
}

impl Window {
    async fn open(node: &Node, document: &str) -> Self {
        let (session, messages) = node.open_session(document).await.expect("a window");
        Self { session, messages, items: Vec::new() }
    }

    fn text(&self) -> String {
        let text = |item: &Item| match item {
            Item::Text { text, .. } => text.clone(),
            Item::Block { .. } | Item::Embed { .. } => "\n".to_owned(),
        };
        self.items.iter().map(text).collect()
    }

    /// Takes what comes until the text is as wished.
    async fn until(&mut self, what: &str, is: impl Fn(&str) -> bool) {
        let (mut seen, deadline) = (0, tokio::time::Instant::now() + sheaf_tests::DEADLINE);
        while !is(&self.text()) {
            let message = tokio::time::timeout_at(deadline, self.messages.recv()).await;
            match message.unwrap_or_else(|_| panic!("waited for {what}; the window shows {}", self.text())) {
                Some(ToWindow::Reset { number, items, refused, .. }) => {
                    assert_eq!(refused, None);
                    (seen, self.items) = (number, items);
                }
                Some(ToWindow::Update { number, base, patches, .. }) if base == seen || seen == 0 => {
                    self.items = sheaf_document::naive::apply_patches(&self.items, &patches).expect("it fits");
                    seen = number;
                }
                Some(_) => continue,
                None => panic!("the window was closed before {what}"),
            }
            self.session.send(ToCore::Seen { seen, made: 0 });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_document_lets_go_of_what_does_not_count_any_more() {
    let mut team = Box::pin(Team::new("owner")).await;
    team.cleo.offline().await;
    // Ana has read it before she hears that it does not count.
    team.ben.writes(&team.document, "Ben, not knowing.").await;
    team.ana.reads(&team.document, "Ben, not knowing.").await;
    let mut window = Window::open(&team.ana.node, &team.document).await;
    window.until("the words", |text| text.contains("Ben, not knowing.")).await;
    team.cleo.node.revoke(&team.space, &team.ben.id()).await.expect("Cleo is an owner");
    team.cleo.online().await;
    window.until("the words being gone", |text| text.contains("Ben at first.") && !text.contains("not knowing")).await;
    team.agree(&["Ana at first."]).await;
    team.ana.writes(&team.document, "Ana goes on.").await;
    agree(&[&team.ana, &team.cleo], &team.document, &["Ana goes on."]).await;
    window.until("her own words", |text| text.contains("Ana goes on.")).await;
    for person in team.all() {
        assert_eq!(person.sets_aside(&team.space, 1).await[0].words, 3);
    }
    // And so it is after a start.
    let before = team.ana.text(&team.document).await;
    drop(window);
    team.ana.offline().await;
    assert_eq!(team.ana.text(&team.document).await, before);
    assert_eq!(team.ana.pieces(&team.space).await.len(), 1);
}
