//! What the fuzz targets drive: the readers of the small files of a home, which a person may put there from anywhere, and a
//! disk may damage; and of the words that nodes say to each other besides entries.

use sheaf_access::pairing::{PairingFrame, PairingRefusal};
use sheaf_access::{DeviceCertificate, DeviceKeys, DeviceRevocation, PersonKey, SealingSecret, SpaceId};
use sheaf_log::{Entry, ForkProof, Unverified};
use sheaf_store::{Purpose, VaultKey};
use sheaf_sync::EntryBytes;
use sheaf_sync::branches::{End, Said};

use crate::counting::Void;
use crate::devices::{Direct, Proof};
use crate::document::cache::{Content, Snapshot, View};
use crate::identity::{FILE, Identity};
use crate::keeping::vault::Vault;
use crate::packed::pack;

fn key() -> VaultKey {
    VaultKey::from_bytes(&[7; 32])
}

/// Any bytes as `vault.json`, as a home has it and as a backup has it. Without a passphrase, for stretching one takes as long
/// as the file asks for, within its limits.
pub fn vault(bytes: &[u8]) {
    if let Ok(vault) = Vault::from_backup(bytes, None) {
        // It leads to a key, so it is written as a file that leads to the same.
        let again = Vault::from_backup(&vault.encode(), None).ok();
        assert!(
            again.is_some_and(|again| again.key().as_bytes() == vault.key().as_bytes() && again.home() == vault.home())
        );
    }
}

/// Files that say where a key is.
pub fn vaults() -> Vec<Vec<u8>> {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let file = |key_is: String| {
        let (home, check) = (hex(&[1; 16]), hex(&key().check()));
        format!(r#"{{"version":1,"home":"{home}","check":"{check}","key":{key_is}}}"#).into_bytes()
    };
    let stretch =
        r#"{"function":"argon2id","memory-kib":65536,"passes":4,"lanes":1,"salt":"00112233445566778899aabbccddeeff"}"#;
    vec![
        file(format!(r#"{{"in":"file","key":"{}"}}"#, hex(key().as_bytes()))),
        file(r#"{"in":"keyring"}"#.to_owned()),
        file(format!(r#"{{"in":"passphrase","stretch":{stretch},"wrapped":"{}"}}"#, hex(&[3; 96]))),
    ]
}

/// Any bytes as `identity.json`, and as what is sealed in one.
pub fn identity(bytes: &[u8]) {
    let key = key();
    drop(Identity::parse(&key, bytes));
    let sealed = data_encoding::HEXLOWER.encode(&key.seal(Purpose::File, FILE.as_bytes(), bytes));
    let file = format!(r#"{{"version":2,"sealed":"{sealed}"}}"#);
    if let Ok((identity, sealed)) = Identity::parse(&key, file.as_bytes()) {
        assert!(sealed, "it says that it is");
        assert_eq!(identity.person(), identity.keys.certificate.person, "a person is who certified the device");
    }
}

/// What an identity says, and one from before they were sealed.
pub fn identities() -> Vec<Vec<u8>> {
    let content = identity_text();
    let before = format!(r#"{{"version":1,{}"#, content.trim_start_matches('{'));
    vec![content.into_bytes(), before.into_bytes()]
}

/// An identity, the same each time.
fn identity_text() -> String {
    use rand::SeedableRng;
    let keys = sheaf_access::Identity::generate(&mut rand::rngs::StdRng::seed_from_u64(1));
    let keys = keys.to_secret_text();
    format!(r#"{{"name":"Ana","colour":3,"keys":"{}","phrase_written":false,"former":[]}}"#, &*keys)
}

/// Any bytes as a word. What is heard is written as the same word, and what is in it goes where a node takes it first.
pub fn word(bytes: &[u8]) {
    let Some(word) = Said::decode(bytes) else { return };
    let written = word.encode();
    assert_eq!(Said::decode(&written).map(|again| again.encode()), Some(written), "a word is read as it was written");
    let entries = match word {
        Said::Farewell(entries) | Said::Path { entries, .. } => entries,
        Said::Answer { entry, .. } => entry.into_iter().collect(),
        Said::Fork { proof, ends } => {
            drop(ForkProof::verify(&proof));
            assert!(ends.len() <= bytes.len(), "each end takes bytes");
            Vec::new()
        }
        Said::Ask { .. } | Said::Want { .. } => Vec::new(),
    };
    for entry in entries {
        drop(Unverified::decode(entry.as_slice()).map(Unverified::verified_before));
    }
}

/// One word of each kind, about two entries in one place of a log.
pub fn words(one: &Entry, other: &Entry) -> Vec<Vec<u8>> {
    let (log, seq) = (one.log(), one.seq());
    let bytes = |entry: &Entry| EntryBytes::from(entry.encoded());
    let end = |entry: &Entry| End { hash: entry.hash(), seq, prev: entry.header().prev };
    let proof = ForkProof::of(one, other).map(|proof| proof.encode()).unwrap_or_default();
    let said = [
        Said::Farewell(vec![bytes(one)]),
        Said::Ask { log, seq },
        Said::Answer { log, seq, entry: Some(bytes(one)) },
        Said::Answer { log, seq, entry: None },
        Said::Fork { proof, ends: vec![end(one), end(other)] },
        Said::Want { log, end: one.hash(), from: seq, needed: true },
        Said::Path { log, end: other.hash(), entries: vec![bytes(other)], next: None, needed: false },
    ];
    said.iter().map(Said::encode).collect()
}

/// Any bytes as what a device, a stranger's perhaps, says beside the spaces that are shared. What is read is said again in the
/// same bytes.
pub fn direct(bytes: &[u8]) {
    let Some(said) = Direct::decode(bytes) else { return };
    assert!(Direct::is_one(bytes), "it is told from a frame");
    let written = said.encode();
    assert_eq!(Direct::decode(&written), Some(said), "it is read as it was written");
}

/// One of each kind, but for those of a pairing, which have a target of their own.
pub fn directs() -> Vec<Vec<u8>> {
    let root = PersonKey::from_seed(&[1; 32]);
    let keys = DeviceKeys::from_secrets(&[2; 32], SealingSecret::from_bytes(&[3; 32]));
    let certificate = DeviceCertificate::issue(&root, &keys);
    let space = SpaceId::from_bytes([5; 32]);
    let addresses = vec![std::net::SocketAddr::from(([192, 0, 2, 7], 4_000))];
    let said = [
        Direct::Pairing(PairingFrame::Refuse(PairingRefusal::Used)),
        Direct::Claim {
            proof: Proof { certificate, consent: certificate.consent(&keys) },
            addresses: addresses.clone(),
        },
        Direct::Named { certificate, private: Some(space), spaces: vec![space], devices: vec![(keys.id(), addresses)] },
        Direct::Revoked(DeviceRevocation::issue(&root, keys.id())),
    ];
    said.iter().map(Direct::encode).collect()
}

/// Any bytes as the blocks that a document was last shown with, packed or as they are.
pub fn view(bytes: &[u8]) {
    let read = |bytes: &[u8]| {
        if let Some(view) = View::decode(bytes) {
            let again = view.encode().and_then(|bytes| View::decode(&bytes));
            assert!(again.is_some_and(|again| again.heads == view.heads && again.items == view.items));
        }
    };
    read(bytes);
    if let Some(packed) = pack(bytes) {
        read(&packed);
    }
}

/// What a view is before it is packed, and packed.
pub fn views() -> Vec<Vec<u8>> {
    let plain = br#"{"version":2,"heads":[],"items":[{"t":"text","text":"Two floats and a rope"}]}"#;
    let view = View::new(vec![[1; 32]], Vec::new());
    std::iter::once(plain.to_vec()).chain(view.encode()).collect()
}

/// Any bytes as a document as it was last saved.
pub fn snapshot(bytes: &[u8]) {
    if let Some(snapshot) = Snapshot::decode(bytes) {
        let again = snapshot.encode();
        assert!(again.as_deref().and_then(Snapshot::decode).is_some_and(|read| read.encode() == again));
        if let Some(without) = snapshot.without_content() {
            assert!(matches!(without.content, Content::InCheckpoint { .. }));
        }
    }
}

/// A document that is saved here, and one that checkpoints have.
pub fn snapshots() -> Vec<Vec<u8>> {
    let here = Content::Here { heads: vec![[1; 32]], bytes: vec![2; 90] };
    let saved = |content| Snapshot::new(3, 70, &Void::default(), Vec::new(), content).encode();
    [saved(here), saved(Content::InCheckpoint { heads: vec![[1; 32]] })].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fuzzing_begins_with_is_what_it_says() {
        let [file, keyring, passphrase] = vaults().try_into().unwrap();
        assert!(Vault::from_backup(&file, None).is_ok());
        for other in [&keyring, &passphrase] {
            let refused = Vault::from_backup(other, None).err().unwrap();
            assert_ne!(refused.code(), "damaged", "it can be read, and leads elsewhere: {refused}");
        }
        let [content, before] = identities().try_into().unwrap();
        assert!(matches!(Identity::parse(&key(), &before), Ok((_, false))));
        for bytes in [file, keyring, passphrase, content, before] {
            vault(&bytes);
            identity(&bytes);
        }
    }
}
