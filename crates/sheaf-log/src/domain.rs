//! Every string that keeps one use of a key or a hash in this crate apart from another (see the same page of
//! `sheaf-access`). They are part of the protocol.

/// An entry's hash, over its header's bytes.
pub(crate) const ENTRY: &str = "sheaf 2026 entry header v1";
/// What a device signs: a hash under this context, over the header's bytes.
pub(crate) const ENTRY_SIGNATURE: &str = "sheaf 2026 entry signature v1";
/// A payload's hash, as the header names it.
pub(crate) const PAYLOAD: &str = "sheaf 2026 entry payload v1";
/// The key one payload is sealed under, from the content key and the nonce.
pub(crate) const SEAL_KEY: &str = "sheaf 2026 seal key v1";
/// The commitment to the content key that stands in a sealed payload.
pub(crate) const SEAL_COMMITMENT: &str = "sheaf 2026 seal commitment v1";
/// An Automerge actor (W12).
pub(crate) const ACTOR: &str = "sheaf 2026 actor v1";
/// A space's index document (D1).
pub(crate) const INDEX_DOCUMENT: &str = "sheaf 2026 index document v1";
/// The id of the document that a person's devices share, from their private space.
pub(crate) const BELONGINGS_DOCUMENT: &str = "sheaf 2026 belongings document v1";
/// Which bucket of `mine` a slot belongs to.
pub(crate) const MINE_BUCKET_OF: &str = "sheaf 2026 mine bucket of v1";
/// The hash of one bucket of `mine`.
pub(crate) const MINE_BUCKET: &str = "sheaf 2026 mine bucket v1";
/// What ties a document's id to its space.
pub(crate) const DOCUMENT: &str = "sheaf 2026 document of a space v1";
/// The root over the buckets of `mine`.
pub(crate) const MINE_ROOT: &str = "sheaf 2026 mine root v1";
/// A frontier's digest.
pub(crate) const FRONTIER: &str = "sheaf 2026 frontier v1";
/// The secret from which the keys of blobs are made, from an epoch's content key.
pub(crate) const BLOB_SECRET: &str = "sheaf 2026 blob secret v1";
/// The key a blob is sealed under, from the key that its readers are told.
pub(crate) const BLOB_KEY: &str = "sheaf 2026 blob key v1";
/// The commitment to that key that stands in the blob.
pub(crate) const BLOB_COMMITMENT: &str = "sheaf 2026 blob commitment v1";
/// What a device signs to say that it has checked a checkpoint (C2).
pub(crate) const ENDORSEMENT: &str = "sheaf 2026 checkpoint endorsement v1";
/// A digest of how far logs are held, and by which entries.
pub(crate) const TIPS: &str = "sheaf 2026 tips v1";
/// What a sealed name is bound to.
pub(crate) const NAME: &str = "sheaf 2026 sealed name v1";
/// What a device signs of a presence message.
pub(crate) const PRESENCE_SIGNATURE: &str = "sheaf 2026 presence signature v1";
/// What a device signs of a receipt (N5).
pub(crate) const RECEIPT_SIGNATURE: &str = "sheaf 2026 receipt signature v1";

/// The hash of some parts, each of which has a fixed length or is the last, under a context.
pub(crate) fn hash(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}
