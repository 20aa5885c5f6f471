//! What a simulation is made of: a value, drawn from a seed or written down with a name.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Which nodes are connected to which, besides what membership needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Each with each.
    Complete,
    /// One after the other.
    Line,
    /// All with the first.
    Star,
    /// At random.
    Random,
}

/// What happens in a simulation. Rates are per thousand frames.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // Each is a thing that may go wrong, apart from the others.
pub struct Scenario {
    pub peers: usize,
    pub spaces: usize,
    /// Entries written while there is chaos.
    pub writes: usize,
    /// Entries that are there before anyone connects, written by the founder of each space.
    pub history: usize,
    pub topology: Topology,
    /// How long a frame takes at most.
    pub latency: u64,
    /// How often a frame is lost, and its connection with it.
    pub loss: u32,
    /// How often a frame comes twice, as from a broken or hostile peer.
    pub duplication: u32,
    /// How often nodes crash.
    pub crashes: usize,
    /// How often the network is cut in two for a while.
    pub partitions: usize,
    /// Whether some nodes take long to store what they receive.
    pub slow: bool,
    /// Whether some nodes say "not now" for a while.
    pub full_disks: bool,
    /// How often a node makes a checkpoint of a space and prunes what it stands for.
    pub prunings: usize,
    /// Whether a node is put back to an older copy and writes on, so that a log of its is forked.
    pub forks: bool,
    /// How often a node makes a checkpoint that somebody else has to check before anything is pruned.
    pub checkpoints: usize,
    /// Members who are added while there is chaos.
    pub late_members: usize,
    /// Members who come with an invitation while there is chaos.
    pub invitations: usize,
    /// Whether the limits are so small that everything happens at an edge.
    pub tight: bool,
    /// Whether a few followers make a crowd, to whom entries go together.
    pub crowds: bool,
    /// How long there is chaos.
    pub duration: u64,
}

impl Scenario {
    /// Nothing goes wrong.
    pub fn calm() -> Self {
        Self {
            peers: 3,
            spaces: 1,
            writes: 30,
            history: 10,
            topology: Topology::Complete,
            latency: 20,
            loss: 0,
            duplication: 0,
            crashes: 0,
            partitions: 0,
            slow: false,
            full_disks: false,
            prunings: 0,
            forks: false,
            checkpoints: 0,
            late_members: 0,
            invitations: 0,
            tight: true,
            crowds: false,
            duration: 1_500,
        }
    }

    /// Eight peers and everything that can go wrong, some of it each time.
    pub fn random(rng: &mut ChaCha8Rng) -> Self {
        let some =
            |rng: &mut ChaCha8Rng, most: usize| if rng.random_bool(0.5) { rng.random_range(0..=most) } else { 0 };
        Self {
            peers: 8,
            spaces: rng.random_range(1..=3),
            writes: rng.random_range(5..50),
            history: some(rng, 12),
            topology: [Topology::Complete, Topology::Line, Topology::Star, Topology::Random][rng.random_range(0..4)],
            latency: [2, 20, 120][rng.random_range(0..3)],
            loss: [0, 0, 5, 40][rng.random_range(0..4)],
            duplication: [0, 0, 0, 10][rng.random_range(0..4)],
            crashes: some(rng, 4),
            partitions: some(rng, 2),
            slow: rng.random_bool(0.3),
            full_disks: rng.random_bool(0.2),
            prunings: some(rng, 8),
            forks: false,
            checkpoints: some(rng, 4),
            late_members: some(rng, 4),
            invitations: some(rng, 3),
            tight: rng.random_bool(0.8),
            crowds: false,
            duration: rng.random_range(300..2_000),
        }
    }

    /// The same with somebody whose home is put back. What is pruned cannot be compared, so nothing is.
    pub fn forking(rng: &mut ChaCha8Rng) -> Self {
        Self { forks: true, prunings: 0, checkpoints: 0, ..Self::random(rng) }
    }
}
