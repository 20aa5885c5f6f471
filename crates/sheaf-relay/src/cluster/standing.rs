//! [`Standing`]: how it stands with each stream of the cluster, and with its object store. One that is lost stops its own spaces, and no
//! others.

use super::wire::{BUCKET_STREAM, SHARDS, stream};

/// What is found to be away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// The stream of a shard does not take what is published.
    Stream(u8),
    /// The object store does not take blobs.
    Objects,
}

/// How it stands with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It does not answer, or nothing is known of it.
    Silent,
    /// It answers; and the last that was published to it was not taken.
    Refusing,
    /// It takes what is published.
    There,
}

/// How it stands with all of them.
#[derive(Debug)]
pub struct Standing {
    streams: [State; SHARDS as usize],
    objects: bool,
}

impl Standing {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self { streams: [State::Silent; SHARDS as usize], objects: false }
    }

    /// The streams that have to be looked for.
    pub fn silent(&self) -> Vec<u8> {
        (0..SHARDS).filter(|shard| self.streams[usize::from(*shard)] == State::Silent).collect()
    }

    /// Whether the object store has to be looked for.
    pub fn lacks_objects(&self) -> bool {
        !self.objects
    }

    /// A stream answers. Whether it takes anything is found out: it did before, or the next that is published says so.
    pub fn answers(&mut self, shard: u8, refused: bool) {
        self.streams[usize::from(shard)] = if refused { State::Refusing } else { State::There };
    }

    /// The object store is there.
    pub fn has_objects(&mut self) {
        self.objects = true;
    }

    /// It takes what is published.
    pub fn takes(&mut self, shard: u8) {
        self.streams[usize::from(shard)] = State::There;
    }

    /// Something was not taken: it is looked for again.
    pub fn fails(&mut self, what: Away) {
        match what {
            Away::Stream(shard) => self.streams[usize::from(shard)] = State::Silent,
            Away::Objects => self.objects = false,
        }
    }

    /// Whether it is worth while to publish to a stream.
    pub fn may_take(&self, shard: u8) -> bool {
        self.streams[usize::from(shard)] != State::Silent
    }

    /// Those that do not take anything, one bit each; the one after all streams is the object store.
    pub fn away(&self) -> u32 {
        let streams = (0..SHARDS).filter(|shard| self.streams[usize::from(*shard)] != State::There);
        let streams = streams.fold(0, |away, shard| away | 1 << shard);
        if self.objects { streams } else { streams | 1 << SHARDS }
    }
}

/// What these are called with NATS.
pub fn names(away: u32) -> Vec<String> {
    let name = |bit: u8| if bit == SHARDS { BUCKET_STREAM.to_owned() } else { stream(bit) };
    (0..=SHARDS).filter(|bit| away & (1 << bit) != 0).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stream_that_is_lost_is_named_and_the_others_go_on() {
        let mut standing = Standing::new();
        assert_eq!(standing.silent().len(), usize::from(SHARDS));
        for shard in 0..SHARDS {
            standing.answers(shard, false);
        }
        standing.has_objects();
        assert_eq!((standing.away(), standing.silent()), (0, vec![]));
        standing.fails(Away::Stream(7));
        standing.fails(Away::Objects);
        assert_eq!(names(standing.away()), ["SHEAF_07", "OBJ_sheaf"]);
        assert!(!standing.may_take(7) && standing.may_take(6) && standing.lacks_objects());
        standing.answers(7, true);
        assert!(standing.may_take(7) && standing.silent().is_empty(), "it is tried");
        assert_eq!(names(standing.away()), ["SHEAF_07", "OBJ_sheaf"], "and is not there before it takes something");
        standing.takes(7);
        assert_eq!(names(standing.away()), ["OBJ_sheaf"]);
    }
}
