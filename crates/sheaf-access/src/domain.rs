//! Every string that keeps one use of a key or a hash apart from another, in one place.
//!
//! A signature made for one purpose must never pass for another, and two hashes of different things must never be
//! comparable. So each use has its own context: BLAKE3's `derive_key` mode for hashes and keys, a prefix for signatures.
//! A context is part of the protocol: changing one is a new version of it.

/// The hash that a device certificate's fields are reduced to before they are signed.
pub(crate) const CERTIFICATE: &str = "sheaf 2026 device certificate v1";
/// What a device signs to agree to be a person's (A7).
pub(crate) const CONSENT: &str = "sheaf 2026 device consent v1";
/// The hash that the end of a device is reduced to before it is signed (A7).
pub(crate) const REVOCATION: &str = "sheaf 2026 device revocation v1";
/// The words that two people compare.
pub(crate) const SAS: &str = "sheaf 2026 words of two persons v1";
/// The key that an epoch's key is sealed with under the key of an epoch that follows it (E1).
pub(crate) const PARENT_KEY: &str = "sheaf 2026 parent epoch key v1";
/// The commitment to an epoch's content key (E1).
pub(crate) const EPOCH_COMMITMENT: &str = "sheaf 2026 epoch commitment v1";
/// The `info` of the HPKE wraps of a content key.
pub(crate) const WRAP: &str = "sheaf 2026 content key wrap v1";
/// An invitation's signing seed, from the link's secret.
pub(crate) const INVITATION_SIGNING: &str = "sheaf 2026 invitation signing key v1";
/// An invitation's sealing secret, from the link's secret.
pub(crate) const INVITATION_SEALING: &str = "sheaf 2026 invitation sealing key v1";
/// What an invitation key signs to prove a redemption (I2).
pub(crate) const REDEMPTION: &str = "sheaf 2026 redemption v1";
/// What an invitation key signs to prove itself on a connection (N1).
pub(crate) const INVITATION_CHANNEL: &str = "sheaf 2026 invitation channel proof v1";
/// The checksum of an invitation link.
pub(crate) const LINK_CHECKSUM: &str = "sheaf 2026 invitation link v1";
/// The checksum of a relay's link.
pub(crate) const RELAY_CHECKSUM: &str = "sheaf 2026 relay link v1";
/// The checksum of a pairing code.
pub(crate) const PAIRING_CHECKSUM: &str = "sheaf 2026 pairing code v1";
/// That the device which calls a new one knows its pairing code.
pub(crate) const PAIRING_GREET: &str = "sheaf 2026 pairing greeting v1";
/// That the new device which answers shows that code.
pub(crate) const PAIRING_ANSWER: &str = "sheaf 2026 pairing answer v1";
/// The words that both devices show while they are being paired.
pub(crate) const PAIRING_WORDS: &str = "sheaf 2026 pairing words v1";
/// The checksum of a stored identity.
pub(crate) const IDENTITY_CHECKSUM: &str = "sheaf 2026 stored identity v1";

/// The hash of some parts, each of which has a fixed length or is preceded by its length, under a context.
pub(crate) fn hash(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}
