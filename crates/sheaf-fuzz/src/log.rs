//! What `sheaf-log` reads: entries and all that is in them, frontiers, receipts, checkpoints and blobs.

use sheaf_access::{AccessOp, ContentKey, DocumentId, EntryHash, EpochId, Identity, LogId, SpaceId};
use sheaf_log::{
    BlobLink, Checkpoint, Content, Draft, Endorsement, Entry, ForkProof, Frontier, Group, LogHistory, MAX_BLOB_CONTENT,
    Manifest, Mine, MineKey, Part, Presence, Receipt, Root, SavedDocument, SignedHeader, Unverified, decode_documents,
    decode_history, encode_documents, encode_history, open_blob, seal_blob, seal_presence,
};

use crate::{Target, rng};

pub const TARGETS: &[Target] = &[
    Target { name: "log-entry", run: entry, seeds: entries },
    Target { name: "log-header", run: sheaf_log::fuzzing::header, seeds: headers },
    Target { name: "log-content", run: sheaf_log::fuzzing::content, seeds: contents },
    Target { name: "log-seal", run: sheaf_log::fuzzing::seal, seeds: packed },
    Target { name: "log-mine", run: mine, seeds: mines },
    Target { name: "log-frontier", run: frontier, seeds: frontiers },
    Target { name: "log-presence", run: presence, seeds: presences },
    Target { name: "log-receipt", run: receipt, seeds: receipts },
    Target { name: "log-endorsement", run: endorsement, seeds: endorsements },
    Target { name: "log-signed-header", run: signed_header, seeds: signed_headers },
    Target { name: "log-checkpoint", run: checkpoint, seeds: checkpoints },
    Target { name: "log-manifest", run: manifest, seeds: manifests },
    Target { name: "log-saved-documents", run: documents, seeds: saved },
    Target { name: "log-history", run: history, seeds: histories },
    Target { name: "log-blob", run: blob, seeds: blobs },
    Target { name: "log-fork", run: fork_proof, seeds: fork_proofs },
];

/// Whatever verifies is kept as the bytes it came in.
fn entry(bytes: &[u8]) {
    if let Ok(unverified) = Unverified::decode(bytes) {
        assert_eq!(unverified.size(), bytes.len());
        // The signature cannot be guessed, so what comes after it is reached without.
        if let Ok(entry) = unverified.verified_before() {
            assert_eq!(entry.encoded(), bytes);
            let _ = entry.access_entry();
            let _ = entry.open(&key());
        }
    }
}

/// Whatever proves a fork has one encoding, and names two entries of one place. Both signatures are checked, so mutations go
/// no further than the shape.
fn fork_proof(bytes: &[u8]) {
    if let Ok(proof) = ForkProof::verify(bytes) {
        assert_eq!(proof.encode(), bytes);
        let [lower, higher] = proof.entries();
        assert!(lower < higher);
    }
}

/// Whatever decodes as a map has one encoding, and the same root as if set step by step.
fn mine(bytes: &[u8]) {
    if let Ok(mine) = Mine::decode(bytes) {
        assert_eq!(mine.encode(), bytes);
        let mut steps = Mine::new();
        for (key, seq, change) in mine.iter() {
            steps.set(key, seq, change);
        }
        assert_eq!(steps.root(), mine.root());
    }
}

/// Whatever decodes as a frontier is one: a second reading of what it is written as has the same digest.
fn frontier(bytes: &[u8]) {
    if let Ok(frontier) = postcard::from_bytes::<Frontier>(bytes) {
        let written = postcard::to_allocvec(&frontier).unwrap_or_default();
        let again = postcard::from_bytes::<Frontier>(&written);
        assert_eq!(again.map(|again| again.digest()), Ok(frontier.digest()));
    }
}

/// No bytes are a presence message that nobody signed, and none are too strange to say so.
fn presence(bytes: &[u8]) {
    if let Ok(presence) = Presence::verify(bytes) {
        let _ = presence.open(&key());
    }
}

/// No bytes are a receipt that nobody signed, and one that is reads as it was written.
fn receipt(bytes: &[u8]) {
    if let Ok(receipt) = Receipt::verify(bytes) {
        assert_eq!(receipt.encoded(), bytes);
    }
}

/// No bytes are an endorsement that nobody signed, and one that is reads as it was written.
fn endorsement(bytes: &[u8]) {
    if let Ok(endorsement) = Endorsement::verify(bytes) {
        assert_eq!(Endorsement::verify(&endorsement.encode()).map(|again| again.encode()), Ok(endorsement.encode()));
    }
}

/// A header on its own, with its signature.
fn signed_header(bytes: &[u8]) {
    if let Some(signed) = SignedHeader::decode(bytes) {
        let again = SignedHeader::decode(&signed.encode());
        assert_eq!(again.map(|again| again.verify()), Some(signed.verify()));
    }
}

/// The payload of a checkpoint entry, as a member who means harm would sign it.
fn checkpoint(bytes: &[u8]) {
    sheaf_log::fuzzing::checkpoint(bytes);
}

/// A list of blobs is within its limits.
fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::decode(bytes) {
        assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
    }
}

/// The documents of a checkpoint's blob.
fn documents(bytes: &[u8]) {
    if let Ok(documents) = decode_documents(bytes) {
        assert_eq!(decode_documents(&encode_documents(&documents)), Ok(documents));
    }
}

/// The headers and maps of a checkpoint's blob.
fn history(bytes: &[u8]) {
    if let Ok(logs) = decode_history(bytes) {
        for log in &logs {
            let _ = log.header.verify();
            let _ = Mine::decode(&log.mine);
        }
        assert_eq!(decode_history(&encode_history(&logs)), Ok(logs));
    }
}

/// Bytes that are not a blob's do not open; what is sealed does. Nothing is unpacked beyond its limit.
fn blob(bytes: &[u8]) {
    let Ok((reference, _)) = seal_blob(&key(), b"a blob") else { unreachable!("a few bytes can be sealed") };
    if let Ok(content) = open_blob(&reference.key, bytes, 1 << 16) {
        assert!(content.len() <= 1 << 16);
    }
    if bytes.len() <= 1 << 16 && bytes.len() <= MAX_BLOB_CONTENT {
        let Ok((reference, sealed)) = seal_blob(&key(), bytes) else { unreachable!("few bytes can be sealed") };
        assert_eq!(open_blob(&reference.key, &sealed, 1 << 16).as_deref(), Ok(bytes));
    }
}

fn key() -> ContentKey {
    ContentKey::from_bytes(&[7; 32])
}

fn someone() -> (Identity, LogId) {
    let identity = Identity::generate(&mut rng());
    let log = LogId { device: identity.device.id(), nonce: 1 };
    (identity, log)
}

fn written() -> Vec<Entry> {
    let (someone, log) = someone();
    let founding = AccessOp::create(someone.certificate, &key(), &mut rng()).ok();
    let first = founding.and_then(|op| Draft::founding(log, 1_000, &op, &someone.device).ok());
    let Some(first) = first else { unreachable!("a space can be founded") };
    let draft = Draft {
        space: first.space(),
        log,
        seq: 2,
        prev: Some(first.hash()),
        access_heads: vec![first.hash()],
        epoch: EpochId::from_bytes(*first.hash().as_bytes()),
        time: 2_000,
        builds_on: Vec::new(),
        mine: some_mine().root(),
    };
    let sealed = |part, size| draft.clone().seal(&key(), &content(part, size), &[1; 24], &someone.device).ok();
    [Some(first), sealed(Part::Body, 10), sealed(Part::Talk, 5_000)].into_iter().flatten().collect()
}

/// Two entries in one place of a log.
pub fn fork() -> [Entry; 2] {
    let written = written();
    let [first, body, ..] = written.as_slice() else { unreachable!("three were written") };
    let (someone, _) = someone();
    let draft = Draft {
        space: first.space(),
        log: body.log(),
        seq: body.seq(),
        prev: Some(first.hash()),
        access_heads: vec![first.hash()],
        epoch: EpochId::from_bytes(*first.hash().as_bytes()),
        time: 3_000,
        builds_on: Vec::new(),
        mine: some_mine().root(),
    };
    let Ok(other) = draft.seal(&key(), &content(Part::Body, 3), &[2; 24], &someone.device) else {
        unreachable!("few bytes can be sealed")
    };
    [body.clone(), other]
}

fn fork_proofs() -> Vec<Vec<u8>> {
    let [one, other] = fork();
    ForkProof::of(&one, &other).map(|proof| proof.encode()).into_iter().collect()
}

fn content(part: Part, size: usize) -> Content {
    Content { document: DocumentId::from_bytes([4; 32]), part, changes: vec![vec![5; size], vec![6, 7]] }
}

fn some_mine() -> Mine {
    let mut mine = Mine::new();
    for slot in 0..3 {
        let key = MineKey { document: DocumentId::from_bytes([4; 32]), part: Part::Body, slot };
        mine.set(key, 7, [slot as u8; 32]);
    }
    mine
}

fn some_frontier() -> Frontier {
    let mut frontier = Frontier::new();
    frontier.advance(someone().1, 300);
    frontier.advance(LogId { nonce: 9, ..someone().1 }, 2);
    frontier
}

fn entries() -> Vec<Vec<u8>> {
    written().iter().map(|entry| entry.encoded().to_vec()).collect()
}

fn headers() -> Vec<Vec<u8>> {
    let header = |bytes: Vec<u8>| {
        let length = bytes.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length) as usize);
        bytes.get(4..4 + length).map(<[u8]>::to_vec)
    };
    entries().into_iter().filter_map(header).collect()
}

fn contents() -> Vec<Vec<u8>> {
    // As it is encoded: a version, the document, the part, and the changes with their lengths.
    let one = [&[1][..], &[4; 32], &[0, 2, 3, 1, 2, 3, 1, 9]].concat();
    vec![one]
}

fn packed() -> Vec<Vec<u8>> {
    let plain = |packing: u8, body: &[u8], claimed: u32| {
        let mut bytes = vec![packing];
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(claimed.to_le_bytes());
        bytes.extend(body);
        bytes.resize(sheaf_log::padded_size(bytes.len()), 0);
        bytes
    };
    // A frame of zstd that holds "zeros" as one run: magic, descriptor, and a block of one byte a thousand times.
    let run = [0x28, 0xb5, 0x2f, 0xfd, 0x60, 0xe8, 0x02, 0x43, 0x1f, 0x00, 0x00];
    vec![plain(0, b"plain", 5), plain(1, &run, 1_000)]
}

fn mines() -> Vec<Vec<u8>> {
    vec![Mine::new().encode(), some_mine().encode()]
}

fn frontiers() -> Vec<Vec<u8>> {
    postcard::to_allocvec(&some_frontier()).into_iter().collect()
}

fn presences() -> Vec<Vec<u8>> {
    let space = SpaceId::from_bytes([1; 32]);
    let place = (space, EpochId::from_bytes([2; 32]), &key());
    seal_presence(place, 5, b"here", &[3; 24], &someone().0.device).into_iter().collect()
}

fn receipts() -> Vec<Vec<u8>> {
    let receipt = Receipt::sign(SpaceId::from_bytes([1; 32]), some_frontier(), 1_000, &someone().0.device);
    vec![receipt.encoded().to_vec()]
}

fn endorsements() -> Vec<Vec<u8>> {
    let (space, checkpoint) = (SpaceId::from_bytes([1; 32]), EntryHash::from_bytes([2; 32]));
    vec![Endorsement::sign(space, checkpoint, &someone().0.device).encode()]
}

fn signed_headers() -> Vec<Vec<u8>> {
    written().iter().map(|entry| SignedHeader::from(entry).encode()).collect()
}

fn some_manifest() -> Manifest {
    let one = |content: &[u8]| seal_blob(&key(), content).map(|(reference, _)| reference);
    let documents = one(b"documents").map(|blob| Group { group: 7, blob });
    Manifest { documents: documents.into_iter().collect(), history: one(b"history").into_iter().collect() }
}

fn checkpoints() -> Vec<Vec<u8>> {
    let links: Vec<BlobLink> = some_manifest().blobs().map(|blob| blob.link).collect();
    let plain = postcard::to_extend(&Checkpoint::new(some_frontier(), links), vec![1]).unwrap_or_default();
    vec![[(plain.len() as u32).to_le_bytes().as_slice(), &plain, &[0; 300]].concat()]
}

fn manifests() -> Vec<Vec<u8>> {
    vec![some_manifest().encode()]
}

fn saved() -> Vec<Vec<u8>> {
    let document = SavedDocument {
        document: DocumentId::from_bytes([4; 32]),
        part: Part::Body,
        root: Root::Text,
        heads: vec![[1; 32]],
        save: vec![9; 40],
    };
    vec![encode_documents(&[document])]
}

fn histories() -> Vec<Vec<u8>> {
    let one = |entry: &Entry| LogHistory { header: SignedHeader::from(entry), mine: some_mine().encode() };
    vec![encode_history(&written().iter().map(one).collect::<Vec<_>>())]
}

fn blobs() -> Vec<Vec<u8>> {
    [b"a blob".to_vec(), vec![3; 200_000]]
        .iter()
        .filter_map(|content| seal_blob(&key(), content).ok())
        .map(|(_, sealed)| sealed)
        .collect()
}
