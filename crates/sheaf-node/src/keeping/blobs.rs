//! What the doctor looks at of blobs: every one is read and held against its name, which is its hash.
//!
//! A blob of a checkpoint stands for entries that are gone. One that is damaged is taken away when it is found, so that it is
//! fetched again, whole, when another device of the space is met; the doctor says whether there is one.

use std::collections::{BTreeMap, BTreeSet};

use sheaf_access::{AccessHistory, DeviceId, SpaceId};
use sheaf_log::{BlobId, Unverified};
use sheaf_store::{BlobStore, Home, Store, decode_bundle};

use crate::core::READ;
use crate::error::NodeError;
use crate::identity::Identity;
use crate::view::DoctorReport;

/// Reads all blobs.
pub fn look(home: &Home, report: &mut DoctorReport) -> Result<(), NodeError> {
    let blobs = home.blobs();
    let mut named: BTreeMap<BlobId, SpaceId> = BTreeMap::new();
    let mut checkpoints = 0;
    for space in blobs.bundled_spaces()? {
        for (_, bytes) in blobs.bundles(space)? {
            let checkpoint = decode_bundle(&bytes).and_then(|mut entries| entries.pop());
            let checkpoint = checkpoint.map(Unverified::verify).and_then(Result::ok);
            let Some(Ok(checkpoint)) = checkpoint.and_then(|entry| entry.checkpoint()) else {
                report.bad(
                    "blobs",
                    format!("what belongs with a checkpoint of space {space} cannot be read. {}", again(home, space)?),
                );
                continue;
            };
            checkpoints += 1;
            named.extend(checkpoint.blobs.iter().map(|blob| (blob.id, space)));
        }
    }
    let mut whole = 0;
    for (blob, space) in &named {
        if blobs.get(*blob)?.is_some() {
            whole += 1;
        } else {
            report
                .bad("blobs", format!("blob {blob} of space {space} is damaged or missing. {}", again(home, *space)?));
        }
    }
    // What belongs to none that is held: fetched for one, or left by one. It is looked at, and missed by nobody.
    let others: Vec<BlobId> = blobs.list()?.into_iter().filter(|blob| !named.contains_key(blob)).collect();
    for blob in &others {
        blobs.get(*blob)?;
    }
    if whole == named.len() {
        report.good("blobs", format!("all {whole} blobs of {checkpoints} checkpoints are what their names say"));
    }
    Ok(())
}

/// Where what is lost of a space comes back from.
fn again(home: &Home, space: SpaceId) -> Result<String, NodeError> {
    Ok(match others(home, space)?.len() {
        0 => "No other device has this space: put the home back from a backup, or open the document's own copies"
            .to_owned(),
        1 => "It comes back from the one other device that has this space, when that is met".to_owned(),
        many => format!("It comes back from any of the {many} other devices that have this space, when one is met"),
    })
}

/// The other devices that may read a space, as far as is stored here.
fn others(home: &Home, space: SpaceId) -> Result<BTreeSet<DeviceId>, NodeError> {
    let store = home.store();
    let (mut operations, mut after) = (Vec::new(), 0);
    loop {
        let batch = store.since(space, after, READ)?;
        let Some((last, _)) = batch.last() else { break };
        after = *last;
        operations.extend(batch.iter().filter_map(|(_, entry)| entry.access_entry()?.ok()));
    }
    let me = Identity::read(home).ok().flatten().map(|me| me.keys.device.id());
    // If even these do not fit together, nothing can be said of anyone.
    let Ok(history) = AccessHistory::evaluate(space, operations) else { return Ok(BTreeSet::new()) };
    let now = history.now();
    let devices = now.members().flat_map(|member| now.devices_of(&member.person)).map(|certificate| certificate.device);
    Ok(devices.filter(|device| Some(*device) != me).collect())
}
