//! A relay in a process of its own, and many light people who are connected with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sheaf_access::{Identity, RelayLink};

use super::person::{Heard, Kind, Person, Watch};
use super::process::{Cost, Ends, Server, free_udp, relay};
use super::space::Space;
use crate::figures::Figures;
use crate::home::Folder;
use crate::rows::real;

/// How many people come at once.
const AT_ONCE: usize = 50;
/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_mins(3);

/// Spaces of so many members each, everyone in one of them.
pub fn spaces(count: usize, members: usize) -> Result<Vec<Arc<Space>>> {
    let mut rng = ChaCha20Rng::seed_from_u64(crate::SEED);
    let space = |_| {
        let members: Vec<_> = (0..members).map(|_| Arc::new(Identity::generate(&mut rng))).collect();
        Ok(Arc::new(Space::of(&members, &mut rng)?))
    };
    (0..count).map(space).collect()
}

/// The relay and the people.
pub struct Scene {
    folder: Folder,
    port: u16,
    /// The relay.
    pub server: Server,
    link: RelayLink,
    /// What everyone together has seen.
    pub watch: Arc<Watch>,
    /// Who is there.
    pub people: Vec<Person>,
}

/// What people typed, and when it came.
pub struct Typed {
    /// From an entry's beginning to its being with somebody else.
    pub forwarded: Figures,
    /// From an entry's beginning to its author's knowing that it is durable.
    pub acknowledged: Figures,
    /// How many deliveries there should have been, and were.
    pub deliveries: (u64, u64),
    /// What it cost the server.
    pub cost: Cost,
}

impl Scene {
    /// A relay that keeps nothing yet.
    pub fn new() -> Result<Self> {
        let (folder, port) = (Folder::new()?, free_udp()?);
        let server = relay(&data(&folder), port)?;
        let link = server.said.parse()?;
        Ok(Self { folder, port, server, link, watch: Arc::default(), people: Vec::new() })
    }

    /// The relay ends, and starts again on what it has.
    pub fn restart(self, how: Ends, pause: Duration) -> Result<Self> {
        let Self { folder, port, server, link, watch, people } = self;
        server.end(how)?;
        std::thread::sleep(pause);
        let server = relay(&data(&folder), port)?;
        Ok(Self { folder, port, server, link, watch, people })
    }

    /// The founders come, and give the relay their spaces; then everyone else. Answers how long each took, from coming online to
    /// being in step.
    pub async fn fill(&mut self, spaces: &[Arc<Space>], opens: bool) -> Result<Vec<Duration>> {
        let member = |space: &Arc<Space>, n: usize| {
            let identity = Arc::clone(&space.members[n].0);
            Kind { identity, spaces: vec![Arc::clone(space)], asks: n == 0, opens }
        };
        let mut took = self.come(spaces.iter().map(|space| member(space, 0)).collect()).await?;
        let others = spaces.iter().flat_map(|space| (1..space.members.len()).map(|n| member(space, n)));
        took.extend(self.come(others.collect()).await?);
        Ok(took)
    }

    /// These people come, some at a time.
    pub async fn come(&mut self, kinds: Vec<Kind>) -> Result<Vec<Duration>> {
        let mut took = Vec::with_capacity(kinds.len());
        let mut kinds = kinds.into_iter().peekable();
        while kinds.peek().is_some() {
            let (began, before) = (Instant::now(), self.watch.in_step().len());
            let mut coming = 0;
            for kind in kinds.by_ref().take(AT_ONCE) {
                self.people.push(Person::comes(kind, &self.link, &self.watch).await?);
                coming += 1;
            }
            self.until("everyone being in step", |watch| watch.in_step().len() >= before + coming).await?;
            let in_step = self.watch.in_step();
            took.extend(in_step[before..].iter().map(|at| at.saturating_duration_since(began)));
        }
        Ok(took)
    }

    /// Waits for something to hold.
    pub async fn until(&self, what: &str, holds: impl Fn(&Watch) -> bool) -> Result<()> {
        let end = Instant::now() + DEADLINE;
        while !holds(&self.watch) {
            self.watch.well()?;
            ensure!(Instant::now() < end, "not in {} s: {what}", DEADLINE.as_secs());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The first so many of those who are there write, each so many entries a second, evenly spread; then everyone goes. Each
    /// entry is for so many others.
    pub async fn type_on(mut self, pens: &[usize], rate: f64, length: Duration, others: usize) -> Result<Typed> {
        let (cpu, wire) = (self.server.cpu()?, self.carried());
        let each = Duration::from_secs_f64(1.0 / (rate * real(pens.len() as u64)));
        let places = |time: Duration| (time.as_nanos() / each.as_nanos().max(1)) as usize;
        let total = places(length);
        let began = Instant::now();
        let mut sent = 0;
        while sent < total {
            let due = places(began.elapsed()).min(total);
            for n in sent..due {
                self.people[pens[n * 7_919 % pens.len()]].write();
            }
            sent = due;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let expected = (total * others) as u64;
        // What has not come by then is missing, and said to be.
        let arrived = self.until("everything having come", |watch| {
            watch.forwarded.load(Ordering::Relaxed) >= expected
                && watch.acknowledged.load(Ordering::Relaxed) >= total as u64
        });
        let late = arrived.await.err();
        let took = began.elapsed();
        let cost = Cost {
            cpu_seconds: (self.server.cpu()?.saturating_sub(cpu)).as_secs_f64(),
            memory: self.server.memory()?,
            wire: self.carried().saturating_sub(wire),
            per_second: real(self.watch.forwarded.load(Ordering::Relaxed)) / took.as_secs_f64(),
        };
        let heard = self.leave().await?;
        if let Some(late) = late {
            eprintln!("  {late:#}");
        }
        let all = |of: fn(&Heard) -> &Vec<Duration>| heard.iter().flat_map(of).copied().collect::<Vec<_>>();
        let (forwarded, acknowledged) = (all(|one| &one.forwarded), all(|one| &one.acknowledged));
        let deliveries = (expected, forwarded.len() as u64);
        Ok(Typed { forwarded: Figures::of(&forwarded), acknowledged: Figures::of(&acknowledged), deliveries, cost })
    }

    /// What all connections have carried.
    pub fn carried(&self) -> u64 {
        self.people.iter().map(Person::carried).sum()
    }

    /// Everyone goes.
    pub async fn leave(&mut self) -> Result<Vec<Heard>> {
        let leaving: Vec<_> = self.people.drain(..).map(|person| tokio::spawn(person.leaves())).collect();
        let mut heard = Vec::with_capacity(leaving.len());
        for one in leaving {
            heard.push(one.await??);
        }
        Ok(heard)
    }
}

fn data(folder: &Folder) -> PathBuf {
    folder.home().join("relay")
}
