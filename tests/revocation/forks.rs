//! A device that writes two things in one place of its log: a copied home, or a liar (L6).

use sheaf_access::{InvitationSecret, Role};
use sheaf_document::check::peek;
use sheaf_log::{Content, Draft, Entry, Mine, MineKey, Part};
use sheaf_tests::raw::{Answer, Author, Held, Line, Raw, typed, typed_over};
use sheaf_tests::soon;

use crate::team::{Person, Team, agree};

/// A member who writes by hand.
pub struct Forger {
    raw: Raw,
    held: Held,
    line: Line,
}

impl Forger {
    /// Joins as an editor, and is known to all.
    pub async fn new(team: &Team) -> Self {
        Self::with_role(team, "editor").await
    }

    /// Joins, and is known to all.
    pub async fn with_role(team: &Team, role: &str) -> Self {
        let link = team.ana.node.invite(&team.space, role, None, None).await.expect("a link");
        let raw = Raw::new();
        let (mut line, mut held) = raw.join(&link).await;
        raw.catch_up(&mut line, &mut held).await;
        let id = raw.certificate.person.to_string();
        for person in team.all() {
            soon(&format!("{} knowing of the newcomer", person.name), || async {
                let members = person.node.members(&team.space).await.ok()?;
                members.iter().any(|member| member.id == id).then_some(())
            })
            .await;
        }
        Self { raw, held, line }
    }

    /// Its next entry, with these words; the same place each time until one is taken to be held.
    pub fn entry(&self, team: &Team, words: &str) -> Entry {
        self.with(team, |author| typed(author, words))
    }

    /// The same, typed on top of all that it knew when it joined, which it does not say.
    pub fn unnamed(&self, team: &Team, words: &str) -> Entry {
        self.with(team, |author| typed_over(author, &self.held, words))
    }

    /// Its next entry, by which others may come in, and what the invitation is called: an access entry, in the same place.
    pub fn invitation(&self) -> (Entry, String) {
        let grant = self.held.history.now().member(&self.raw.certificate.person).expect("an owner").grant;
        let secret = InvitationSecret::generate(&mut rand::rng());
        let entry = self.raw.access(&self.held, &self.held.invitation(grant, &secret, Role::Viewer));
        (entry, secret.id().to_string())
    }

    fn with(&self, team: &Team, change: impl FnOnce(&Author) -> Vec<u8>) -> Entry {
        let document = team.document.parse().expect("a document's id");
        let change = change(&Author::of(&self.raw, &self.held, document));
        let made = peek(&change).expect("an honest change");
        let mut mine = Mine::new();
        mine.set(MineKey { document, part: Part::Body, slot: 0 }, made.seq, made.hash.0);
        let draft = Draft { mine: mine.root(), ..self.held.draft() };
        let content = Content { document, part: Part::Body, changes: vec![change] };
        draft.seal(&self.held.key(), &content, &rand::random(), &self.raw.device).expect("an entry can be written")
    }

    /// Another connection, to this person.
    pub async fn call(&mut self, person: &Person) {
        let addresses = person.node.go_online().await.expect("they are online");
        let device = person.node.me().expect("somebody").device.parse().expect("a device's id");
        self.line = self.raw.call(device, &addresses).await;
    }

    pub async fn send(&mut self, entry: &Entry) -> Answer {
        self.line.send(self.held.space, &[entry.encoded()]).await
    }
}

/// One side of the fork is in everyone's document, and the other is set aside by everyone.
async fn one_counts(people: &[&Person], team: &Team, sides: [&str; 2]) -> (String, String) {
    let counting = soon("one side counting everywhere", || async {
        let mut texts = Vec::new();
        for person in people {
            texts.push(person.text(&team.document).await);
        }
        let same = texts.windows(2).all(|pair| pair[0] == pair[1]);
        let there: Vec<&str> = sides.into_iter().filter(|side| texts[0].contains(side)).collect();
        (same && there.len() == 1).then(|| there[0].to_owned())
    })
    .await;
    let other = sides.into_iter().find(|side| *side != counting).expect("there are two").to_owned();
    for person in people {
        let piece = person.sets_aside(&team.space, 1).await.remove(0);
        let text = person.node.set_aside_text(&team.space, &piece.id).await.expect("a text");
        assert_eq!(text, other.trim(), "at {}'s", person.name);
        assert!(piece.reason.contains("two different things"), "{}", piece.reason);
    }
    (counting, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_entries_in_one_place_the_same_one_counts_everywhere_and_the_other_can_be_adopted() {
    let team = Box::pin(Team::new("editor")).await;
    let mut forger = Forger::new(&team).await;
    let (one, other) = (forger.entry(&team, "The one."), forger.entry(&team, "The other."));
    assert_eq!(forger.send(&one).await, Answer::Taken);
    forger.call(&team.ben).await;
    // He may have the one already; then this is refused, and kept all the same.
    forger.send(&other).await;
    let everyone = team.all();
    let (_, lost) = one_counts(&everyone, &team, ["The one.", "The other."]).await;
    // Life goes on, on top of it too.
    for person in everyone {
        person.writes(&team.document, &format!("{} goes on.", person.name)).await;
    }
    team.agree(&["Ana goes on.", "Ben goes on.", "Cleo goes on."]).await;
    let piece = team.cleo.sets_aside(&team.space, 1).await.remove(0);
    team.cleo.node.adopt(&team.space, &piece.id).await.expect("Cleo may write");
    team.agree(&["The one.", "The other."]).await;
    for person in everyone {
        person.sets_aside(&team.space, 0).await;
        assert_eq!(person.text(&team.document).await.matches(lost.trim()).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_side_that_most_have_built_on_counts_and_nobody_loses_a_word() {
    let mut team = Box::pin(Team::new("editor")).await;
    let mut forger = Forger::new(&team).await;
    let (one, other) = (forger.entry(&team, "The one."), forger.entry(&team, "The other."));
    // Ben alone gets one side, and writes on top of it.
    team.ana.offline().await;
    team.cleo.offline().await;
    forger.call(&team.ben).await;
    assert_eq!(forger.send(&other).await, Answer::Taken);
    team.ben.reads(&team.document, "The other.").await;
    team.ben.writes(&team.document, "Ben on the other.").await;
    team.ben.offline().await;
    // The others get the other side, and write on top of that.
    team.ana.online().await;
    team.cleo.calls(&team.ana, &team.space).await;
    forger.call(&team.ana).await;
    assert_eq!(forger.send(&one).await, Answer::Taken);
    for person in [&team.ana, &team.cleo] {
        person.reads(&team.document, "The one.").await;
    }
    // Each of them, and not one on what the other has built.
    team.cleo.offline().await;
    for person in [&team.ana, &team.cleo] {
        person.writes(&team.document, &format!("{} on the one.", person.name)).await;
    }
    team.cleo.online().await;
    agree(&[&team.ana, &team.cleo], &team.document, &["Ana on the one.", "Cleo on the one."]).await;

    // Nobody has the document open at Ben's when the news comes. What he wrote is made again by itself all the same, and not
    // only set aside.
    team.ben.calls(&team.ana, &team.space).await;
    team.ben.sets_aside(&team.space, 1).await;
    team.agree(&["The one.", "Ana on the one.", "Cleo on the one.", "Ben on the other."]).await;
    let (counting, _) = one_counts(&team.all(), &team, ["The one.", "The other."]).await;
    assert_eq!(counting, "The one.");
    // And so it is after a start, and writing goes on.
    let before = team.ben.text(&team.document).await;
    team.ben.offline().await;
    assert_eq!(team.ben.text(&team.document).await, before);
    team.ben.calls(&team.ana, &team.space).await;
    team.ben.writes(&team.document, "Ben goes on.").await;
    team.agree(&["Ben goes on.", "Ben on the other."]).await;
    for person in team.all() {
        assert_eq!(person.text(&team.document).await.matches("Ben on the other.").count(), 1, "{}", person.name);
    }
}
