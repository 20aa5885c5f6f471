//! Which layout a store has, and whether this home's key is the one it is sealed with.

use std::io;

use super::keys;
use super::rows::{Batch, Rows, Trouble};
use super::state::unreadable;
use crate::VaultKey;
use crate::frame;
use crate::vault::Purpose;

/// The layout of `keys`, with sealed records.
const SEALED: u8 = 2;
/// The one before it: records were not sealed.
const UNSEALED: u8 = 1;

const VERSION_KEY: &[u8] = &[keys::VERSION];
const SEAL_KEY: &[u8] = &[keys::SEAL];

/// Answers whether the records are sealed; writes down that they will be, in a store that is new. A layout that is later
/// than this program, and a key that is another, are not damage: such a store is left alone.
pub(super) fn check(rows: &Rows, vault: &VaultKey) -> Result<bool, Trouble> {
    match rows.get(VERSION_KEY)?.as_deref() {
        Some([SEALED]) => check_key(rows, vault).map(|()| true),
        Some([UNSEALED]) => Ok(false),
        Some([later]) if *later > SEALED => Err(Trouble::Io {
            kind: io::ErrorKind::Unsupported,
            reason: "it was written by a later version of Sheaf; install that one".to_owned(),
        }),
        Some(_) => Err(Trouble::Corrupt("the version of its layout cannot be read".to_owned())),
        None => {
            let mut batch = Batch::default();
            for (key, value) in rows_of(vault) {
                batch.insert(key, value);
            }
            rows.apply(batch)?;
            rows.flush()?;
            Ok(true)
        }
    }
}

/// The rows that a store of the present layout begins with.
pub(super) fn rows_of(vault: &VaultKey) -> [(&'static [u8], Vec<u8>); 2] {
    let seal = frame::seal(SEAL_KEY, &vault.seal(Purpose::Record, SEAL_KEY, b""));
    [(VERSION_KEY, vec![SEALED]), (SEAL_KEY, seal)]
}

/// Whether the records of a store are known to be sealed.
pub(super) fn is_sealed(rows: &Rows) -> Result<bool, Trouble> {
    Ok(rows.get(VERSION_KEY)?.is_some_and(|version| *version == [SEALED]))
}

fn check_key(rows: &Rows, vault: &VaultKey) -> Result<(), Trouble> {
    let row = rows.get(SEAL_KEY)?.ok_or_else(|| unreadable("the row that tells its key"))?;
    let sealed = frame::open(SEAL_KEY, &row).map_err(|_| unreadable("the row that tells its key"))?;
    vault.open(Purpose::Record, SEAL_KEY, sealed).map(drop).ok_or(Trouble::OtherKey)
}
