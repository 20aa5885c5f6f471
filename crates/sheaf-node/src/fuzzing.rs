//! What the fuzz targets drive: the readers of the small files of a home, which a person may put there from anywhere, and a
//! disk may damage.

use sheaf_store::{Purpose, VaultKey};

use crate::identity::{FILE, Identity};
use crate::keeping::vault::Vault;

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
