//! The relay under load: a real process, measured from outside, and hundreds of people who speak the real protocol to it. The
//! other servers take the same load in the same run.

mod bare;
mod baselines;
mod person;
mod process;
mod scene;
mod space;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
pub use bare::serve as serve_bare;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sheaf_access::Identity;

use self::baselines::{BASELINES, Load, Measured};
use self::person::Kind;
pub use self::process::Cost;
use self::process::Ends;
use self::scene::{Scene, Typed, spaces};
use self::space::Space;
use super::{Context, count, real};
use crate::figures::Figures;
use crate::report::Row;

/// How long whoever idles is looked at.
const IDLE: Duration = Duration::from_secs(10);
/// How long the relay is away before it is started again.
const AWAY: Duration = Duration::from_secs(1);
/// What a connection may take beyond what it takes by itself.
const MEMORY: u64 = 64 << 10;

pub async fn typing_rows(context: &Context) -> Result<Vec<Row>> {
    typing(part(context, 300, 30), length(context)).await
}

pub async fn reader_rows(context: &Context) -> Result<Vec<Row>> {
    readers(part(context, 1_000, 100), length(context)).await
}

pub async fn unchanged_rows(context: &Context) -> Result<Vec<Row>> {
    unchanged(part(context, 10_000, 1_000)).await
}

pub async fn storm_rows(context: &Context) -> Result<Vec<Row>> {
    let mut rows = storm(part(context, 1_000, 100), Ends::Politely).await?;
    rows.extend(storm(part(context, 1_000, 100), Ends::Killed).await?);
    Ok(rows)
}

pub async fn idle_rows(context: &Context) -> Result<Vec<Row>> {
    idle(part(context, 5_000, 200)).await
}

/// So many, or fewer to see that it runs.
fn part(context: &Context, whole: usize, quick: usize) -> usize {
    if context.quick { quick } else { whole }
}

/// For how long people write.
fn length(context: &Context) -> Duration {
    Duration::from_secs(part(context, 20, 4) as u64)
}

/// Spaces of three, each of which writes something twice a second.
async fn typing(count_of: usize, length: Duration) -> Result<Vec<Row>> {
    const MEMBERS: usize = 3;
    let rate = 2.0 / real(MEMBERS as u64);
    let mut scene = Scene::new()?;
    scene.fill(&spaces(count_of, MEMBERS)?, true).await?;
    let pens: Vec<usize> = (0..scene.people.len()).collect();
    let typed = scene.type_on(&pens, rate, length, MEMBERS - 1).await?;
    let load = Load { spaces: count_of, writers: MEMBERS, readers: 0, rate, length };
    let what = format!("{} spaces of {MEMBERS}, 2 edits a second in each", count(count_of));
    let others = held_against("relay-typing", &what, load);
    Ok(told("relay-typing", &what, &typed, others, |took, hocuspocus| {
        let within = took.p50 <= 2.0 && took.p99 <= 15.0;
        let no_slower = hocuspocus.is_none_or(|its| took.p50 <= its.p50 && took.p99 <= its.p99);
        ("p50 <= 2 ms, p99 <= 15 ms, no slower than Hocuspocus".to_owned(), within && no_slower)
    }))
}

/// One space with many who read and a few who write.
async fn readers(readers: usize, length: Duration) -> Result<Vec<Row>> {
    const WRITERS: usize = 20;
    const RATE: f64 = 2.0;
    let mut scene = Scene::new()?;
    scene.fill(&spaces(1, WRITERS + readers)?, false).await?;
    let pens: Vec<usize> = (0..WRITERS).collect();
    let typed = scene.type_on(&pens, RATE, length, WRITERS + readers - 1).await?;
    let load = Load { spaces: 1, writers: WRITERS, readers, rate: RATE, length };
    let what = format!("one space, {} readers, {WRITERS} who write 2 edits a second each", count(readers));
    let others = held_against("relay-readers", &what, load);
    let all = typed.deliveries.0 == typed.deliveries.1;
    Ok(told("relay-readers", &what, &typed, others, |took, _| {
        ("every entry delivered, p99 < 1 s".to_owned(), all && took.p99 < 1_000.0)
    }))
}

/// The same load on each of the other servers. One that does not get through is said not to have.
fn held_against(row: &str, what: &str, load: Load) -> Vec<(Row, Option<Figures>)> {
    let measured = BASELINES.into_iter().map(|baseline| {
        eprintln!("  the same on {}", baseline.what);
        let name: &'static str = match (row, baseline.row) {
            ("relay-typing", "hocuspocus") => "relay-typing-hocuspocus",
            ("relay-typing", "y-websocket") => "relay-typing-y-websocket",
            ("relay-typing", _) => "relay-typing-automerge-repo",
            (_, "hocuspocus") => "relay-readers-hocuspocus",
            (_, "y-websocket") => "relay-readers-y-websocket",
            _ => "relay-readers-automerge-repo",
        };
        let what = format!("the same on {}: {what}", baseline.what);
        match baselines::measure(baseline, load) {
            Ok(Measured { forwarded, deliveries, cost }) => {
                (Row::new(name, what, forwarded).cost(cost).note(delivered(deliveries)), Some(forwarded))
            }
            Err(error) => {
                (Row::new(name, what, Figures::of(&[])).note(format!("it did not get through: {error:#}")), None)
            }
        }
    });
    measured.collect()
}

/// The rows of a load: what was forwarded, what was acknowledged, and the others.
fn told(
    name: &'static str,
    what: &str,
    typed: &Typed,
    others: Vec<(Row, Option<Figures>)>,
    judge: impl FnOnce(&Figures, Option<Figures>) -> (String, bool),
) -> Vec<Row> {
    let hocuspocus = others.first().and_then(|(_, figures)| *figures);
    let (says, within) = judge(&typed.forwarded, hocuspocus);
    let row = Row::new(name, format!("{what}: sealed, signed, forwarded"), typed.forwarded);
    let row = match hocuspocus {
        Some(its) => row.against_p99(BASELINES[0].what, its),
        None => row,
    };
    let row = row.budget(says, within).cost(typed.cost).note(delivered(typed.deliveries));
    let acked = if name == "relay-typing" { "relay-typing-acked" } else { "relay-readers-acked" };
    let acked = Row::new(acked, format!("{what}: acknowledged as durable"), typed.acknowledged);
    [row, acked].into_iter().chain(others.into_iter().map(|(row, _)| row)).collect()
}

fn delivered((expected, seen): (u64, u64)) -> String {
    format!("{} of {} deliveries", count(seen as usize), count(expected as usize))
}

/// Somebody with many documents comes back, and nothing has changed.
async fn unchanged(documents: usize) -> Result<Vec<Row>> {
    const SPACES: usize = 100;
    let mut rng = ChaCha20Rng::seed_from_u64(crate::SEED);
    let me = Arc::new(Identity::generate(&mut rng));
    let mine = (0..SPACES).map(|_| Space::of(std::slice::from_ref(&me), &mut rng)?.with_words(documents / SPACES));
    let mine: Vec<_> = mine.map(|space| space.map(Arc::new)).collect::<Result<_>>()?;
    let mut scene = Scene::new()?;
    let kind = |asks| Kind { identity: Arc::clone(&me), spaces: mine.clone(), asks, opens: false };
    scene.come(vec![kind(true)]).await?;
    scene.leave().await?;
    let mut scene = scene.restart(Ends::Politely, Duration::ZERO)?;
    let (mut took, mut wire, mut most) = (Vec::new(), 0, 0);
    for _ in 0..10 {
        took.extend(scene.come(vec![kind(false)]).await?);
        wire = scene.carried();
        let heard = scene.leave().await?;
        most = heard.iter().map(|one| one.frames.0.max(one.frames.1)).fold(most, u64::max);
    }
    let what = format!("coming back with {} unchanged documents in {SPACES} spaces", count(documents));
    let cost =
        Cost { cpu_seconds: scene.server.cpu()?.as_secs_f64(), memory: scene.server.memory()?, wire, per_second: 0.0 };
    Ok(vec![
        Row::new("relay-unchanged", what, Figures::of(&took))
            .budget("< 1 KiB each way", most < 1 << 10)
            .cost(cost)
            .note(format!("{most} bytes each way; on the wire is the connection's own opening too")),
    ])
}

/// Everyone loses the relay at once, and finds it again.
async fn storm(people: usize, ends: Ends) -> Result<Vec<Row>> {
    const MEMBERS: usize = 10;
    let mut scene = Scene::new()?;
    scene.fill(&spaces(people / MEMBERS, MEMBERS)?, false).await?;
    let before = scene.watch.in_step().len();
    let mut scene = scene.restart(ends, AWAY)?;
    let began = Instant::now();
    scene.until("everyone being back", |watch| watch.in_step().len() >= before + people).await?;
    let took: Vec<_> = scene.watch.in_step()[before..].iter().map(|at| at.saturating_duration_since(began)).collect();
    let cost = Cost {
        cpu_seconds: scene.server.cpu()?.as_secs_f64(),
        memory: scene.server.memory()?,
        wire: scene.carried(),
        per_second: real(people as u64) / began.elapsed().as_secs_f64(),
    };
    scene.leave().await?;
    let (name, how, note) = match ends {
        Ends::Politely => ("relay-storm", "stops", "people are told, and their pauses grow meanwhile"),
        Ends::Killed => ("relay-storm-killed", "is killed", "people are told nothing, and find out by its silence"),
    };
    let what = format!("the relay {how} and starts again: each of {} people, until they are in step", count(people));
    let note = format!("from when it serves again; it was away for {} s: {note}", AWAY.as_secs());
    Ok(vec![Row::new(name, what, Figures::of(&took)).cost(cost).note(note)])
}

/// Connections on which nothing happens.
async fn idle(connections: usize) -> Result<Vec<Row>> {
    const MEMBERS: usize = 5;
    let spaces = spaces(connections / MEMBERS, MEMBERS)?;
    let mut scene = Scene::new()?;
    scene.fill(&spaces, false).await?;
    scene.leave().await?;
    // So that what it held to take all of that in is not counted.
    let mut scene = scene.restart(Ends::Politely, Duration::ZERO)?;
    let before = scene.server.memory()?;
    let took = scene.fill(&spaces, false).await?;
    tokio::time::sleep(IDLE).await;
    let (cpu, carried) = (scene.server.cpu()?, scene.carried());
    tokio::time::sleep(IDLE).await;
    let (memory, cpu) = (scene.server.memory()?, scene.server.cpu()?.saturating_sub(cpu));
    let wire = scene.carried().saturating_sub(carried);
    scene.leave().await?;
    drop(scene);
    let (bare, bare_cpu) = bare::measure(connections, IDLE).await?;
    let each = memory.saturating_sub(before) / connections as u64;
    ensure!(each > 0, "the connections cost something");
    let over = each.saturating_sub(bare);
    let what = format!("{} idle connections, in spaces of {MEMBERS}: until each is in step", count(connections));
    let cost = Cost { cpu_seconds: cpu.as_secs_f64(), memory, wire, per_second: 0.0 };
    Ok(vec![
        Row::new("relay-idle", what, Figures::of(&took))
            .budget("<= 64 KiB a connection over iroh's own", over <= MEMORY)
            .cost(cost)
            .note(format!("{} KiB a connection, {} of them iroh's own: {} over it", each >> 10, bare >> 10, over >> 10))
            .note(format!(
                "processor time and wire of {} s of idling; iroh's own: {:.2} s",
                IDLE.as_secs(),
                bare_cpu.as_secs_f64()
            )),
    ])
}
