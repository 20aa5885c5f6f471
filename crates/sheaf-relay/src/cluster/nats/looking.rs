//! Looking whether the cluster is there: connected, and which of its streams answer. Each is judged by itself, so that one which is lost
//! stops its own spaces and no others.

use std::time::Duration;

use async_nats::connection::State;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{ANSWER, ANSWERED, HASTY, Nats, check_payload};
use crate::cluster::News;
use crate::cluster::reading::Reader;
use crate::cluster::standing::{Away, Standing, names};
use crate::cluster::streams::ensure;
use crate::cluster::wire::SHARDS;

impl Nats {
    /// Whether the cluster is there: connected, and which of the streams answer.
    pub(super) async fn look(&mut self) {
        let connected = self.client.connection_state() == State::Connected;
        if self.there && !connected {
            self.is_there(false);
        }
        if !connected || self.there && self.standing.silent().is_empty() && !self.standing.lacks_objects() {
            return;
        }
        if let Err(error) = check_payload(&self.client) {
            tracing::error!("{error}");
            return;
        }
        let patience = if self.tried < HASTY.1 { HASTY.0 } else { 2 * ANSWER };
        self.tried += 1;
        let mut looked = JoinSet::new();
        for shard in self.standing.silent() {
            let (jetstream, replicas) = (self.jetstream.clone(), self.replicas);
            looked.spawn(async move { (shard, timeout(patience, ensure(&jetstream, shard, replicas)).await) });
        }
        let mut found = false;
        while let Some(Ok((shard, ensured))) = looked.join_next().await {
            match ensured {
                Ok(Ok(copies)) => {
                    self.copies = copies;
                    self.standing.answers(shard, self.refused.contains(&shard));
                    found = true;
                }
                Ok(Err(error)) => tracing::info!(error, shard, "a stream of the cluster is not there yet"),
                Err(_) => tracing::info!(shard, "a stream of the cluster does not answer yet"),
            }
        }
        if self.standing.lacks_objects() && self.copies > 0 {
            match timeout(patience, self.objects.ensure(self.copies)).await {
                Ok(Ok(store)) => {
                    self.standing.has_objects();
                    // The engine may have ended; then nobody waits for it.
                    let _ = self.news.send(News::SharesIn(store));
                }
                Ok(Err(error)) => tracing::info!(error, "the cluster's object store is not there yet"),
                Err(_) => tracing::info!("the cluster's object store does not answer yet"),
            }
        }
        self.is_there(self.there || found);
        if found {
            // What waits for a stream is tried. The engine may have ended; then nobody waits for it.
            let _ = self.news.send(News::There);
        }
        self.show();
    }

    /// Something that was asked of the cluster has failed, or has been done.
    pub(super) fn heard_of(&mut self, what: Away, failed: bool) {
        if let Away::Stream(shard) = what {
            if !failed {
                self.refused.remove(&shard);
                self.standing.takes(shard);
                return self.show();
            }
            self.refused.insert(shard);
        }
        self.standing.fails(what);
        self.show();
    }

    /// Says which streams are away, and whether any is there.
    fn show(&mut self) {
        let away = self.standing.away();
        if self.there && self.shown != away {
            self.shown = away;
            if away == 0 {
                tracing::info!("all streams of the cluster are there");
            } else {
                tracing::warn!(
                    streams = names(away).join(" "),
                    "streams of the cluster are away: what is sent of their spaces is kept here, and acknowledged when they are back"
                );
            }
        }
        self.board.streams_away(away);
    }

    fn is_there(&mut self, there: bool) {
        if self.there == there {
            return;
        }
        self.there = there;
        self.board.cut_off(!there);
        if there {
            self.tried = 0;
            tracing::info!("the cluster is there");
            // From here on each begins again by itself whenever it breaks off.
            self.call_roll();
            // Where not all is kept, it has to be known first who else is there.
            let pause = if self.duty.is_all() { Duration::ZERO } else { ANSWERED };
            for (shard, place) in (0..SHARDS).zip(self.places.take().unwrap_or_default()) {
                let reader = Reader {
                    jetstream: self.jetstream.clone(),
                    shard,
                    place,
                    recent: self.recent.clone(),
                    news: self.news.clone(),
                    gaps: self.gaps.clone(),
                };
                let reading = async move {
                    tokio::time::sleep(pause).await;
                    reader.read().await;
                };
                self.readers.push(tokio::spawn(reading).abort_handle());
            }
        } else {
            self.standing = Standing::new();
            tracing::warn!("the cluster is away: what is sent is kept here, and acknowledged when it is back");
        }
    }
}
