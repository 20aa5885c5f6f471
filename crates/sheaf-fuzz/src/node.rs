//! What `sheaf-node` reads of a home's small files, and what nodes say to each other beside entries: of devices, and of forks; and the caches that a
//! document opens from.

use crate::Target;

pub const TARGETS: &[Target] = &[
    Target { name: "node-vault", run: sheaf_node::fuzzing::vault, seeds: sheaf_node::fuzzing::vaults },
    Target { name: "node-identity", run: sheaf_node::fuzzing::identity, seeds: sheaf_node::fuzzing::identities },
    Target { name: "node-direct", run: sheaf_node::fuzzing::direct, seeds: sheaf_node::fuzzing::directs },
    Target { name: "node-view", run: sheaf_node::fuzzing::view, seeds: sheaf_node::fuzzing::views },
    Target { name: "node-snapshot", run: sheaf_node::fuzzing::snapshot, seeds: sheaf_node::fuzzing::snapshots },
    Target { name: "node-word", run: sheaf_node::fuzzing::word, seeds: words },
];

fn words() -> Vec<Vec<u8>> {
    let [one, other] = crate::log::fork();
    sheaf_node::fuzzing::words(&one, &other)
}
