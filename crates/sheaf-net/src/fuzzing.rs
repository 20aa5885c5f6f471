//! What the fuzz targets drive: the first frame of a connection, before anything is known of whoever sends it.

use crate::greeting::{Greeting, Seen};

/// Any bytes as a greeting.
pub fn greeting(bytes: &[u8]) {
    if let Ok(greeting) = Greeting::decode(bytes) {
        assert_eq!(greeting.encode().as_slice(), bytes, "it has one encoding");
    }
}

/// From one who picks, and from one who follows.
pub fn greetings() -> Vec<Vec<u8>> {
    let picks = Greeting { instance: 1 << 60, pick: 3, seen: Seen::default() };
    let follows = Greeting { instance: 7, pick: 0, seen: Seen { instance: 1 << 60, pick: 3 } };
    [picks, follows].iter().map(|greeting| greeting.encode().to_vec()).collect()
}
