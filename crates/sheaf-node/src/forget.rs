//! Taking a space off the list that this person is not in any more, or came too late for (I3).
//!
//! Its entries stay in the store, sealed as they are: an invitation may bring the space back, and then nothing of it has to
//! come again. Until then nothing of it is opened, listed, or talked about with anyone.

use std::sync::Arc;

use sheaf_access::SpaceId;
use sheaf_store::Table;

use crate::core::{Core, now};
use crate::error::NodeError;
use crate::network::Input;
use crate::space::Space;

/// A space that is off the list, and since when.
const FORGOTTEN: &[u8] = b"forgotten/";

impl Core {
    /// Refuses to forget a space that this person is in: it would be theirs all the same.
    pub fn check_forgettable(&self, space: &Space) -> Result<(), NodeError> {
        let me = self.me()?;
        if self.is_first_space(space.id) {
            return Err(NodeError::Role(
                "this is your private space: it lists your spaces and devices, and is not to be forgotten.".into(),
            ));
        }
        let state = space.lock();
        let member = match &state.access {
            Some(history) => history.now().member(&me.person()).is_some(),
            // It is on its way from another of the person's devices, who is a member as far as that knows.
            None => state.joining.is_none(),
        };
        if member {
            return Err(NodeError::Role(
                "you are in this space. Leave it first with `sheaf leave`; then it can be forgotten.".into(),
            ));
        }
        Ok(())
    }

    /// Takes a space off the list. Blocks.
    pub fn forget(&self, space: &Space) -> Result<(), NodeError> {
        self.seal_what_is_typed(space.id);
        self.flush()?;
        if space.access().is_some() {
            self.store.put(Table::Spaces, &key(space.id), &now().to_le_bytes())?;
        }
        self.put_joining(space.id, None)?;
        space.lock().joining = None;
        self.tell_network(Input::SpaceRemoved { space: space.id });
        self.let_go(space.id)
    }

    /// Puts a space back on the list, if it was taken off.
    pub fn recall(&self, id: SpaceId) -> Result<Option<Arc<Space>>, NodeError> {
        if self.store.get(Table::Spaces, &key(id))?.is_none() {
            return Ok(None);
        }
        let me = self.me()?;
        self.store.delete(Table::Spaces, &key(id))?;
        let space = self.load(id, &me, false)?;
        self.add_space(&space)?;
        Ok(Some(space))
    }

    /// The spaces that are off the list.
    pub fn forgotten(&self) -> Result<Vec<SpaceId>, NodeError> {
        let records = self.store.scan(Table::Spaces, FORGOTTEN)?;
        let id = |name: &[u8]| name.get(FORGOTTEN.len()..)?.try_into().ok().map(SpaceId::from_bytes);
        Ok(records.iter().filter_map(|(name, _)| id(name)).collect())
    }
}

fn key(space: SpaceId) -> Vec<u8> {
    [FORGOTTEN, space.as_bytes()].concat()
}
