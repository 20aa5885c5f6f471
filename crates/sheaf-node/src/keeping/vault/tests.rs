use std::path::Path;
use std::sync::PoisonError;

use super::*;
use crate::keeping::keyring::test::InMemory;

fn text(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

fn unlock(folder: &Path, passphrase: Option<&str>, keyring: Option<&InMemory>) -> Result<Vault, NodeError> {
    let claim = Claim::take(folder).unwrap();
    Vault::unlock(&claim, passphrase.map(text).as_ref(), keyring.map(|keyring| keyring as &dyn Keyring))
}

/// Wraps the key of a home anew, as the node does it.
fn rewrap(folder: &Path, old: Option<&str>, new: Option<&str>, keyring: Option<&InMemory>) -> Vault {
    let mut vault = unlock(folder, old, keyring).unwrap();
    let claim = Claim::take(folder).unwrap();
    let write = |bytes: &[u8]| Ok(claim.put_key_file(FILE, bytes)?);
    vault.rewrap(new.map(text).as_ref(), keyring.map(|keyring| keyring as &dyn Keyring), write).unwrap();
    vault
}

fn file(folder: &Path) -> String {
    std::fs::read_to_string(folder.join(FILE)).unwrap()
}

#[test]
fn without_a_keyring_the_key_lies_in_a_file_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let vault = unlock(folder.path(), None, None).unwrap();
    assert!(!vault.in_keyring() && !vault.has_passphrase());
    assert_eq!(unlock(folder.path(), None, None).unwrap().key().as_bytes(), vault.key().as_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // A keyring that comes later changes nothing: whoever opened the home without it still can.
    let keyring = InMemory::default();
    assert!(!unlock(folder.path(), None, Some(&keyring)).unwrap().in_keyring());
}

#[test]
fn a_keyring_that_answers_has_the_key_and_the_file_does_not() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), InMemory::default());
    let vault = unlock(folder.path(), None, Some(&keyring)).unwrap();
    assert!(vault.in_keyring());
    let hex = data_encoding::HEXLOWER.encode(vault.key().as_bytes());
    assert!(!file(folder.path()).contains(&hex));
    assert_eq!(unlock(folder.path(), None, Some(&keyring)).unwrap().key().as_bytes(), vault.key().as_bytes());
    for without in [None, Some(InMemory::default())] {
        let error = unlock(folder.path(), None, without.as_ref()).map(drop).unwrap_err();
        assert_eq!(error.code(), "keyring", "{error}");
    }
    *keyring.refuses.lock().unwrap_or_else(PoisonError::into_inner) = true;
    assert!(unlock(folder.path(), None, Some(&keyring)).is_err());
}

#[test]
fn a_keyring_that_refuses_is_done_without() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), InMemory::default());
    *keyring.refuses.lock().unwrap() = true;
    assert!(!unlock(folder.path(), None, Some(&keyring)).unwrap().in_keyring());
}

#[test]
fn a_passphrase_takes_the_key_out_of_file_and_keyring_and_back() {
    for keyring in [None, Some(InMemory::default())] {
        let folder = tempfile::tempdir().unwrap();
        let key = *unlock(folder.path(), None, keyring.as_ref()).unwrap().key().as_bytes();
        let hex = data_encoding::HEXLOWER.encode(&key);
        assert!(rewrap(folder.path(), None, Some("a long summer"), keyring.as_ref()).has_passphrase());
        assert!(!file(folder.path()).contains(&hex));
        if let Some(keyring) = &keyring {
            assert!(keyring.entries.lock().unwrap().is_empty());
        }
        let open = |passphrase| unlock(folder.path(), passphrase, keyring.as_ref());
        assert_eq!(open(None).map(drop).unwrap_err().code(), "locked");
        assert_eq!(open(Some("a short summer")).map(drop).unwrap_err().code(), "wrong-passphrase");
        assert_eq!(open(Some("a long summer")).unwrap().key().as_bytes(), &key);

        rewrap(folder.path(), Some("a long summer"), Some("a wet autumn"), keyring.as_ref());
        assert_eq!(open(Some("a long summer")).map(drop).unwrap_err().code(), "wrong-passphrase");
        assert!(open(Some("a wet autumn")).unwrap().check_passphrase(Some(&text("a wet autumn"))).is_ok());

        let vault = rewrap(folder.path(), Some("a wet autumn"), None, keyring.as_ref());
        assert_eq!((vault.in_keyring(), vault.key().as_bytes()), (keyring.is_some(), &key));
        assert_eq!(open(None).unwrap().key().as_bytes(), &key);
    }
}

#[test]
fn a_keyring_that_does_not_forget_is_asked_again_at_the_next_start() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), InMemory::default());
    let mut vault = unlock(folder.path(), None, Some(&keyring)).unwrap();
    let claim = Claim::take(folder.path()).unwrap();
    let write = |bytes: &[u8]| Ok(claim.put_key_file(FILE, bytes)?);
    // The session ended between the two.
    vault.rewrap(Some(&text("a long summer")), None, write).unwrap();
    drop(claim);
    assert_eq!(keyring.entries.lock().unwrap().len(), 1);
    unlock(folder.path(), Some("a long summer"), Some(&keyring)).unwrap();
    assert!(keyring.entries.lock().unwrap().is_empty());
}

#[test]
fn a_file_that_cannot_be_written_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut vault = unlock(folder.path(), None, None).unwrap();
    let refuse = |_: &[u8]| Err(NodeError::CannotWrite("full".into()));
    assert!(vault.rewrap(Some(&text("a long summer")), None, refuse).is_err());
    assert!(!vault.has_passphrase());
    assert!(vault.rewrap(Some(&text("short")), None, |_| Ok(())).is_err());
    assert!(!vault.has_passphrase());
}

#[test]
fn a_damaged_file_is_named_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    unlock(folder.path(), None, None).unwrap();
    let whole = file(folder.path());
    let other = folder.path().join("other");
    unlock(&other, None, None).unwrap();
    let (mine, theirs): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(&whole).unwrap(), serde_json::from_str(&file(&other)).unwrap());
    let mut swapped = mine.clone();
    swapped["key"] = theirs["key"].clone();
    for broken in [
        String::new(),
        whole[..whole.len() / 2].to_owned(),
        whole.replace("\"version\": 1", "\"version\": 9"),
        swapped.to_string(),
    ] {
        std::fs::write(folder.path().join(FILE), &broken).unwrap();
        let error = unlock(folder.path(), None, None).map(drop).unwrap_err();
        assert!(matches!(&error, NodeError::Damaged(reason) if reason.contains(FILE)), "{error}");
        assert_eq!(file(folder.path()), broken);
    }
}

#[test]
fn what_goes_into_a_backup_leads_to_the_key_without_the_keyring() {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), InMemory::default());
    let vault = unlock(folder.path(), None, Some(&keyring)).unwrap();
    let again = Vault::from_backup(&vault.for_backup(), None).unwrap();
    assert_eq!((again.key().as_bytes(), again.home()), (vault.key().as_bytes(), vault.home()));
    let vault = rewrap(folder.path(), None, Some("a long summer"), Some(&keyring));
    assert_eq!(Vault::from_backup(&vault.for_backup(), None).map(drop).unwrap_err().code(), "locked");
    let again = Vault::from_backup(&vault.for_backup(), Some(&text("a long summer"))).unwrap();
    assert_eq!(again.key().as_bytes(), vault.key().as_bytes());
}
