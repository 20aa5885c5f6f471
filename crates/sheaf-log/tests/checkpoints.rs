//! Checkpoints: what a writer makes, a reader accepts; and each way to lie in one is told (C1).

mod common;

use common::{Space, Writer};
use sheaf_access::{DocumentId, LogId, Role};
use sheaf_log::{
    Admitted, Attestation, BlobId, BlobLink, Checkpoint, CheckpointError, Content, Draft, Endorsement, Entry, Frontier,
    Group, LogHistory, Manifest, Mine, MineKey, Part, Refusal, Root, SavedDocument, Sealed, Unacceptable, Verifier,
    actor, encode_documents, encode_history, group_of, seal_blob,
};

/// Someone who keeps their map as they write.
struct Author {
    writer: Writer,
    mine: Mine,
}

impl Author {
    /// Writes one change in a document.
    fn write(&mut self, space: &mut Space, document: u8, seq: u64) -> Entry {
        let document = DocumentId::from_bytes([document; 32]);
        let key = MineKey { document, part: Part::Body, slot: 0 };
        self.mine.set(key, seq, [seq as u8; 32]);
        let draft = Draft { mine: self.mine.root(), ..space.draft(&self.writer) };
        let content = Content { document, part: Part::Body, changes: vec![vec![seq as u8]] };
        let entry = draft.seal(&space.key, &content, &[0; 24], &self.writer.identity.device).unwrap();
        space.take(&mut self.writer, &entry);
        entry
    }
}

struct Team {
    space: Space,
    ana: Author,
    bo: Author,
}

fn team() -> Team {
    let (mut ana, mut bo) = (Writer::new(1), Writer::new(2));
    let mut space = Space::found(&mut ana);
    space.join(&mut ana, &mut bo, Role::Editor);
    let mut team =
        Team { space, ana: Author { writer: ana, mine: Mine::new() }, bo: Author { writer: bo, mine: Mine::new() } };
    for seq in 1..=3 {
        team.ana.write(&mut team.space, 1, seq);
    }
    team.bo.write(&mut team.space, 1, 1);
    team.bo.write(&mut team.space, 2, 1);
    team
}

/// A checkpoint in the making, to be bent.
#[derive(Clone)]
struct Made {
    covers: Frontier,
    history: Vec<LogHistory>,
    documents: Vec<SavedDocument>,
}

impl Team {
    fn covers(&self) -> Frontier {
        self.space.logs.iter().map(|(log, entries)| (*log, entries.len() as u64)).collect()
    }

    fn make(&self) -> Made {
        let history = |log: &LogId, entries: &Vec<Entry>| {
            let mine = if *log == self.ana.writer.log { &self.ana.mine } else { &self.bo.mine };
            LogHistory { header: entries.last().unwrap().signed_header(), mine: mine.encode() }
        };
        let saved = |document: u8| SavedDocument {
            document: DocumentId::from_bytes([document; 32]),
            part: Part::Body,
            root: Root::Text,
            heads: vec![[document; 32]],
            save: vec![document; 100],
        };
        Made {
            covers: self.covers(),
            history: self.space.logs.iter().map(|(log, entries)| history(log, entries)).collect(),
            documents: vec![saved(1), saved(2)],
        }
    }

    fn seal(&self, checkpoint: &Checkpoint, sealed: &Sealed) -> Entry {
        let draft = Draft { mine: self.ana.mine.root(), ..self.space.draft(&self.ana.writer) };
        draft.checkpoint(&self.space.key, checkpoint, sealed, &[3; 24], &self.ana.writer.identity.device).unwrap()
    }

    fn verify(&self, made: &Made) -> Result<Vec<(DocumentId, Vec<Attestation>)>, Unacceptable> {
        let checkpoint = Checkpoint::new(made.covers.clone(), []);
        let entry = self.seal(&checkpoint, &Sealed::Here(Manifest::default()));
        let mut verifier = Verifier::new(&checkpoint, entry.header(), &self.space.access);
        // One log a blob, so that order is looked at across blobs too.
        for log in &made.history {
            verifier.history(&encode_history(std::slice::from_ref(log)))?;
        }
        let mut found = Vec::new();
        for document in &made.documents {
            for (saved, attested) in
                verifier.documents(group_of(&document.document), &encode_documents(std::slice::from_ref(document)))?
            {
                found.push((saved.document, attested.to_vec()));
            }
        }
        verifier.finish(|document| *document == DocumentId::from_bytes([9; 32]))?;
        Ok(found)
    }
}

#[test]
fn a_checkpoint_is_admitted_opened_and_believed_no_further_than_it_proves() {
    let team = team();
    let (blob, _) = seal_blob(&team.space.key, b"documents").unwrap();
    let manifest = Manifest { documents: vec![Group { group: 3, blob: blob.clone() }], history: Vec::new() };
    let checkpoint = Checkpoint::new(team.covers(), [blob.link]);
    let entry = team.seal(&checkpoint, &Sealed::Here(manifest.clone()));
    assert_eq!(team.space.admit(&entry), Ok(Admitted::New));
    let again = sheaf_log::Unverified::decode(entry.encoded()).unwrap().verify().unwrap();
    assert_eq!(again.checkpoint(), Some(Ok(checkpoint)));
    assert_eq!(again.open_checkpoint(&team.space.key), Ok(Sealed::Here(manifest)));
    assert!(again.open(&team.space.key).is_err() && again.access_op().is_none());
    let found = team.verify(&team.make()).unwrap();
    let (first, attested) = &found[0];
    let name = |author: &Author| actor(&author.writer.log, first, Part::Body, 0);
    let mut tips: Vec<_> = attested.iter().map(|one| (one.actor, one.seq, one.hash)).collect();
    tips.sort_unstable();
    let mut expected = vec![(name(&team.ana), 3, [3; 32]), (name(&team.bo), 1, [1; 32])];
    expected.sort_unstable();
    assert_eq!(tips, expected);
    assert!(attested.iter().any(|one| one.author == team.bo.writer.identity.certificate.person));
}

#[test]
fn each_way_to_lie_about_a_log_is_told() {
    let mut team = team();
    let good = team.make();
    let refused = |team: &Team, bend: &dyn Fn(&mut Made)| {
        let mut made = good.clone();
        bend(&mut made);
        team.verify(&made).unwrap_err()
    };
    let first = *good.covers.iter().next().unwrap().0;
    let older = team.space.logs[&first][0].signed_header();
    // Rewound: an older header, with the covers of a newer one; and the covers rewound with a newer header.
    assert!(matches!(
        refused(&team, &|made| made.history[0].header = older.clone()),
        Unacceptable::OtherPlace { log, found: 1, .. } if log == first
    ));
    assert!(matches!(
        refused(&team, &|made| made.covers =
            [(first, 1)].into_iter().chain(made.covers.iter().skip(1).map(|(l, s)| (*l, s))).collect()),
        Unacceptable::OtherPlace { covers: 1, .. }
    ));
    // Dropped or added: a log's map with less or other in it.
    let empty = Mine::new().encode();
    assert_eq!(refused(&team, &|made| made.history[0].mine = empty.clone()), Unacceptable::OtherMine(first));
    let other = good.history[1].mine.clone();
    assert_eq!(refused(&team, &|made| made.history[0].mine = other.clone()), Unacceptable::OtherMine(first));
    assert_eq!(refused(&team, &|made| made.history[0].mine = vec![1, 2]), Unacceptable::OtherMine(first));
    // A log left out, shown twice, or out of order.
    assert_eq!(refused(&team, &|made| drop(made.history.remove(0))), Unacceptable::Missing(first));
    assert_eq!(
        refused(&team, &|made| made.history.insert(0, made.history[0].clone())),
        Unacceptable::NotCovered(first)
    );
    assert_eq!(refused(&team, &|made| made.history.reverse()), Unacceptable::NotCovered(first));
    // One that is not covered.
    let only = [(first, good.covers.get(&first))].into_iter().collect::<Frontier>();
    assert!(matches!(refused(&team, &|made| made.covers = only.clone()), Unacceptable::NotCovered(_)));
    // Forged: a header with a bit flipped.
    let bytes = good.history[0].header.encode();
    for at in [3, 40, 90, bytes.len() - 1] {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        let Some(header) = sheaf_log::SignedHeader::decode(&bent) else { continue };
        let error = refused(&team, &|made| made.history[0].header = header.clone());
        assert!(matches!(error, Unacceptable::Header { .. }), "{at}: {error}");
    }
    // Another space's.
    let mut elsewhere = Writer::new(7);
    let other = Space::found(&mut elsewhere);
    let foreign = other.creation.signed_header();
    assert_eq!(refused(&team, &|made| made.history[0].header = foreign.clone()), Unacceptable::OtherSpace);
    // It knows less than what it covers: access went on after the checkpoint's header, which is made beforehand.
    let checkpoint = Checkpoint::new(good.covers.clone(), []);
    let entry = team.seal(&checkpoint, &Sealed::Here(Manifest::default()));
    let mut cy = Writer::new(3);
    team.space.join(&mut team.ana.writer, &mut cy, Role::Viewer);
    let after = team.ana.write(&mut team.space, 1, 4);
    let checkpoint = Checkpoint::new([(after.log(), after.seq())].into_iter().collect(), []);
    let mut verifier = Verifier::new(&checkpoint, entry.header(), &team.space.access);
    let history = LogHistory { header: after.signed_header(), mine: team.ana.mine.encode() };
    assert_eq!(verifier.history(&encode_history(&[history])), Err(Unacceptable::BelowItsPast));
}

#[test]
fn each_way_to_lie_about_which_documents_there_are_is_told() {
    let team = team();
    let good = team.make();
    let refused = |bend: &dyn Fn(&mut Made)| {
        let mut made = good.clone();
        bend(&mut made);
        team.verify(&made).unwrap_err()
    };
    let id = |number: u8| DocumentId::from_bytes([number; 32]);
    assert_eq!(refused(&|made| drop(made.documents.pop())), Unacceptable::Dropped(id(2)));
    assert_eq!(refused(&|made| made.documents.reverse()), Unacceptable::Order(id(1)));
    assert_eq!(refused(&|made| made.documents.insert(0, made.documents[0].clone())), Unacceptable::Order(id(1)));
    assert_eq!(refused(&|made| made.documents[1].document = id(3)), Unacceptable::Unattested(id(3)));
    assert_eq!(refused(&|made| made.documents[1].part = Part::Talk), Unacceptable::Unattested(id(2)));
}

#[test]
fn plain_parts_are_bounded_and_have_one_encoding() {
    let team = team();
    let key = &team.space.key;
    let device = &team.ana.writer.identity.device;
    let draft = || team.space.draft(&team.ana.writer);
    let sealed = Sealed::Here(Manifest::default());
    let itself = Checkpoint::new([(team.ana.writer.log, draft().seq)].into_iter().collect(), []);
    assert!(draft().checkpoint(key, &itself, &sealed, &[0; 24], device).is_err());
    let blob = |number: u32, size| BlobLink { id: BlobId::of(&number.to_le_bytes()), size };
    let many = Checkpoint::new(Frontier::new(), (0..=2048).map(|number| blob(number, 1)));
    assert!(draft().checkpoint(key, &many, &sealed, &[0; 24], device).is_err());
    let large = Checkpoint::new(Frontier::new(), [blob(1, u64::MAX)]);
    assert!(draft().checkpoint(key, &large, &sealed, &[0; 24], device).is_err());
    let good = Checkpoint::new(team.covers(), [blob(1, 5), blob(2, 6)]);
    let entry = draft().checkpoint(key, &good, &sealed, &[0; 24], device).unwrap();
    // The plain part is under the seal too: with another, the manifest does not open.
    let other = Checkpoint::new(team.covers(), [blob(1, 5)]);
    let another = draft().checkpoint(key, &other, &sealed, &[0; 24], device).unwrap();
    assert_ne!(entry.hash(), another.hash());
    assert!(entry.open_checkpoint(&sheaf_access::ContentKey::from_bytes(&[8; 32])).is_err());
    assert_eq!(Refusal::from(CheckpointError::CoversItself).rule(), "C1");
}

#[test]
fn an_endorsement_is_its_devices_and_for_one_checkpoint() {
    let team = team();
    let device = &team.bo.writer.identity.device;
    let hash = team.space.creation.hash();
    let bytes = Endorsement::sign(team.space.id, hash, device).encode();
    assert!(bytes.len() <= Endorsement::MAX_SIZE);
    let one = Endorsement::verify(&bytes).unwrap();
    assert_eq!((one.space, one.checkpoint, one.device), (team.space.id, hash, device.id()));
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        assert!(Endorsement::verify(&bent).is_err(), "{at}");
    }
    assert!(Endorsement::verify(&[0; 1000]).is_err());
}
