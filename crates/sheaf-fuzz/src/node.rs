//! What `sheaf-node` reads of a home's small files.

use crate::Target;

pub const TARGETS: &[Target] = &[
    Target { name: "node-vault", run: sheaf_node::fuzzing::vault, seeds: sheaf_node::fuzzing::vaults },
    Target { name: "node-identity", run: sheaf_node::fuzzing::identity, seeds: sheaf_node::fuzzing::identities },
];
