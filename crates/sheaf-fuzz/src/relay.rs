//! What `sheaf-relay` reads of other relays, and of its own accounts; and the first frame of a connection, which `sheaf-net` reads.

use crate::Target;

pub const TARGETS: &[Target] = &[
    Target { name: "relay-message", run: sheaf_relay::fuzzing::message, seeds: sheaf_relay::fuzzing::messages },
    Target { name: "relay-roll", run: sheaf_relay::fuzzing::roll_call, seeds: sheaf_relay::fuzzing::roll_calls },
    Target {
        name: "relay-asking",
        run: sheaf_relay::fuzzing::asking,
        seeds: sheaf_relay::fuzzing::questions_and_answers,
    },
    Target { name: "relay-quota", run: sheaf_relay::fuzzing::quota, seeds: sheaf_relay::fuzzing::quotas },
    Target { name: "net-greeting", run: sheaf_net::fuzzing::greeting, seeds: sheaf_net::fuzzing::greetings },
];
