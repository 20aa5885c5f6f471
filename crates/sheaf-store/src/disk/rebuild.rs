//! A store that is made anew because a person asked for it, though it opens.
//!
//! It may be all that still holds something: what others wrote and cannot be reached for, or own words that the journal has
//! lost. So it is not begun again from nothing: all that is whole in it goes into the new one, and only when that has been
//! read back does the old one make way. Otherwise it stays where it is.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::rows::Trouble;
use super::salvage::{self, Salvaged, Why};
use super::{Open, SledStore, health};
use crate::Result;

impl SledStore {
    /// Writes the store anew from all that is whole in it. Answers where it is kept as it was. Blocks.
    pub(crate) fn rebuild(&self) -> Result<Option<PathBuf>> {
        const DOING: &str = "making the store anew";
        self.heal(DOING)?;
        let mut place = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let rebuilt = match place.take() {
            Some(Open { rows, .. }) => salvage::salvage(self.site(), rows, Why::Asked),
            None => Err(Trouble::Corrupt("it is closed".to_owned())),
        };
        match rebuilt {
            Ok(Salvaged { open, kept }) => {
                *place = Some(open);
                Ok(kept)
            }
            Err(trouble) => {
                // The next call opens what is in the folder: the old one, or the whole new one.
                self.health.store(health::FAILED, Ordering::SeqCst);
                Err(trouble.named(&self.folder, DOING))
            }
        }
    }
}
