//! A copy becomes a device of its own (L5).
//!
//! Two machines that write with one device's key would each use numbers that the other has used. So a home that comes
//! from another machine is read, and not written to, nor taken online, until it has a device key of its own, which the
//! person's root key certifies (A7). Where the root secret is still in the home this happens by itself; else the person
//! types the recovery phrase. Nothing can have been written meanwhile, so nothing can be lost.
//!
//! The new device adds itself to each space with the first entry of its log there. What wraps there were for the old device
//! it opens with the old device's sealing key, which is kept for that. Adding needs no root key any more, so what a crash
//! interrupted is gone on with at the next start.

use std::sync::Arc;

use sheaf_access::{AccessOp, DeviceKeys};
use sheaf_log::MAX_LOGS_OF_DEVICE;

use crate::core::{Core, now};
use crate::error::NodeError;
use crate::identity::Identity;
use crate::own_log::OwnLog;
use crate::space::Space;
use crate::writer::Work;

impl Core {
    /// Makes this home a device of its own, with the root key, or the phrase if that is not here.
    pub fn renew_device(&self, phrase: Option<&str>) -> Result<Arc<Identity>, NodeError> {
        let me = self.me()?;
        if !me.copied {
            return Err(NodeError::BadInput("this home is a device of its own already.".into()));
        }
        let root = self.root_key(phrase)?;
        let device = DeviceKeys::generate(&mut rand::rng());
        let mut renewed = Identity::recovered(&root, device, Some(&me.name), me.colour)?;
        renewed.nameless = me.nameless;
        renewed.phrase_written = me.phrase_written;
        renewed.keys.root.clone_from(&me.keys.root);
        renewed.former.clone_from(&me.former);
        renewed.former.push(me.keys.device.sealing_secret().clone());
        let me = self.set_me(renewed)?;
        self.add_myself_everywhere()?;
        self.renew_generation(true)?;
        Ok(me)
    }

    /// Adds this device to the spaces of its person that do not know it yet.
    pub fn add_myself_everywhere(&self) -> Result<(), NodeError> {
        let me = self.me()?;
        for space in self.spaces() {
            if me.former.is_empty() || !self.add_myself(&space, &me)? {
                continue;
            }
            self.access_changed(&space);
        }
        self.flush()
    }

    /// Answers whether this device has been added now.
    fn add_myself(&self, space: &Arc<Space>, me: &Identity) -> Result<bool, NodeError> {
        let device = me.keys.device.id();
        let mut state = space.lock();
        if state.log.id.device != device {
            state.log = OwnLog::first(device, &self.store.frontier(space.id)?);
            self.put_log(space.id, state.log.id)?;
        }
        state.take_keys(me);
        let Some(access) = state.access.as_ref().map(|history| Arc::clone(history.now())) else { return Ok(false) };
        if access.role_of(&device).is_some() || access.member(&me.person()).is_none() {
            return Ok(false);
        }
        let keys: Vec<_> = state.keys.iter().map(|(epoch, key)| (*epoch, key.clone())).collect();
        let certificate = me.keys.certificate;
        let consent = certificate.consent(&me.keys.device);
        let op = AccessOp::add_device(&access, &device, certificate, consent, &keys, &mut rand::rng())
            .map_err(|error| NodeError::BadInput(error.to_string()))?;
        let entry = state.write_access(space.id, me, &op, now())?;
        self.write(Work::new(space, entry, None));
        Ok(true)
    }

    /// Whether this device has begun so many logs in some space that it had better be another device: there are so many
    /// places and no more, and a home that was put back and does not know of one that it used would soon take it again.
    pub fn has_used_up_its_logs(&self, me: &Identity) -> Result<bool, NodeError> {
        let device = me.keys.device.id();
        for space in self.store.spaces()? {
            let logs = self.store.frontier(space)?.iter().filter(|(log, _)| log.device == device).count();
            if logs as u64 >= MAX_LOGS_OF_DEVICE / 2 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
