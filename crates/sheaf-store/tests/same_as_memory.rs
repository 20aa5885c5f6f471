//! The sled store does what the plain one in memory does, whatever is asked of it, and still after it was closed and opened.

mod support;

use proptest::prelude::*;
use sheaf_log::Entry;
use sheaf_store::{CacheKind, DocumentRow, MemoryStore, SledStore, Store, Table};
use support::{Writer, cases, document, space, vault};

#[derive(Debug, Clone)]
enum Step {
    /// Entries that a writer has written next, and from where on they are stored (so that some are stored again, or too early).
    Append {
        space: u8,
        writer: u8,
        nonce: u64,
        sizes: Vec<usize>,
        skip: usize,
    },
    /// An entry with a number that is used.
    Fork {
        space: u8,
        writer: u8,
        seq: u64,
    },
    Read {
        space: u8,
        writer: u8,
        nonce: u64,
        seq: u64,
        bytes: usize,
    },
    Since {
        space: u8,
        arrival: u64,
        bytes: usize,
    },
    /// An access entry, which no pruning takes away.
    Access {
        space: u8,
        writer: u8,
        nonce: u64,
    },
    /// Entries that were written and not stored before a checkpoint covers them.
    Cover {
        space: u8,
        writer: u8,
        sizes: Vec<usize>,
    },
    Prune {
        space: u8,
        writer: u8,
        below: u64,
    },
    Note {
        space: u8,
        document: u8,
        arrivals: Vec<u64>,
    },
    Rows {
        space: u8,
        document: u8,
        from: u64,
    },
    Put {
        table: usize,
        key: Vec<u8>,
        size: usize,
        fill: u8,
    },
    Delete {
        table: usize,
        key: Vec<u8>,
    },
    Get {
        table: usize,
        key: Vec<u8>,
    },
    Scan {
        table: usize,
        prefix: Vec<u8>,
    },
    PutCache {
        view: bool,
        document: u8,
        size: usize,
        fill: u8,
    },
    ChangeCache {
        view: bool,
        document: u8,
        size: usize,
    },
    DropCache {
        view: bool,
        document: u8,
    },
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, 1, 255]), 0..4)
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0usize..400, 2 => 4_000usize..4_200, 1 => 8_000usize..70_000]
}

fn step() -> impl Strategy<Value = Step> {
    let table = 0..Table::ALL.len();
    prop_oneof![
        8 => (0..3u8, 0..3u8, 0..2u64, prop::collection::vec(size(), 1..6), prop_oneof![4 => Just(0usize), 1 => 0..4usize])
            .prop_map(|(space, writer, nonce, sizes, skip)| Step::Append { space, writer, nonce, sizes, skip }),
        1 => (0..3u8, 0..3u8, 0..2u64).prop_map(|(space, writer, nonce)| Step::Access { space, writer, nonce }),
        1 => (0..3u8, 0..3u8, prop::collection::vec(size(), 0..4))
            .prop_map(|(space, writer, sizes)| Step::Cover { space, writer, sizes }),
        2 => (0..3u8, 0..3u8, 0..12u64).prop_map(|(space, writer, below)| Step::Prune { space, writer, below }),
        1 => (0..3u8, 0..3u8, 0..4u64).prop_map(|(space, writer, seq)| Step::Fork { space, writer, seq }),
        3 => (0..3u8, 0..3u8, 0..2u64, 0..12u64, 0..10_000usize)
            .prop_map(|(space, writer, nonce, seq, bytes)| Step::Read { space, writer, nonce, seq, bytes }),
        3 => (0..3u8, 0..12u64, 0..10_000usize).prop_map(|(space, arrival, bytes)| Step::Since { space, arrival, bytes }),
        2 => (0..2u8, 0..2u8, prop::collection::vec(0..20u64, 0..5))
            .prop_map(|(space, document, arrivals)| Step::Note { space, document, arrivals }),
        2 => (0..2u8, 0..2u8, 0..20u64).prop_map(|(space, document, from)| Step::Rows { space, document, from }),
        4 => (table.clone(), key(), size(), any::<u8>())
            .prop_map(|(table, key, size, fill)| Step::Put { table, key, size, fill }),
        2 => (table.clone(), key()).prop_map(|(table, key)| Step::Delete { table, key }),
        2 => (table.clone(), key()).prop_map(|(table, key)| Step::Get { table, key }),
        2 => (table, key()).prop_map(|(table, prefix)| Step::Scan { table, prefix }),
        2 => (any::<bool>(), 0..2u8, size(), any::<u8>())
            .prop_map(|(view, document, size, fill)| Step::PutCache { view, document, size, fill }),
        1 => (any::<bool>(), 0..2u8, size())
            .prop_map(|(view, document, size)| Step::ChangeCache { view, document, size }),
        1 => (any::<bool>(), 0..2u8).prop_map(|(view, document)| Step::DropCache { view, document }),
        1 => Just(Step::Reopen),
    ]
}

const fn kind(view: bool) -> CacheKind {
    if view { CacheKind::View } else { CacheKind::Snapshot }
}

fn noise(size: usize, fill: u8) -> Vec<u8> {
    (0..size).map(|at| fill ^ (at % 251) as u8).collect()
}

/// What can be seen of a store at one place.
fn look(store: &dyn Store, step: &Step) -> String {
    match step {
        Step::Read { space: at, writer, nonce, seq, bytes } => {
            let (at, log) = (space(*at), Writer::new(*writer).log(*nonce));
            let entry = store.entry(at, log, *seq);
            let by_hash = entry.as_ref().ok().and_then(Option::as_ref).map(|entry| store.by_hash(at, entry.hash()));
            let range = store.range(at, log, *seq, *bytes);
            format!("{entry:?} {by_hash:?} {range:?} {:?}", store.arrival_of(at, log, *seq))
        }
        Step::Since { space: at, arrival, bytes } => format!("{:?}", store.since(space(*at), *arrival, *bytes)),
        Step::Rows { space: at, document: of, from } => {
            format!("{:?}", store.document_rows(space(*at), document(*of), *from))
        }
        Step::Get { table, key } => format!("{:?}", store.get(Table::ALL[*table], key)),
        Step::Scan { table, prefix } => format!("{:?}", store.scan(Table::ALL[*table], prefix)),
        _ => String::new(),
    }
}

/// Does a step that changes something, and says what came of it.
fn act(store: &dyn Store, step: &Step, entries: &[Entry]) -> String {
    match step {
        Step::Cover { space: at, .. } => {
            let covers = entries.last().map(|entry| (entry.log(), entry.seq())).into_iter().collect();
            format!("{:?}", store.cover(space(*at), &covers, &entries[..entries.len().min(1)]))
        }
        Step::Prune { space: at, writer, below } => {
            let floors = [(Writer::new(*writer).log(0), *below), (Writer::new(*writer).log(1), below / 2)];
            let floors = floors.into_iter().filter(|(_, seq)| *seq > 0).collect();
            format!("{:?}", store.prune(space(*at), &floors))
        }
        Step::Append { space: at, .. } | Step::Fork { space: at, .. } | Step::Access { space: at, .. } => {
            format!("{:?}", store.append(space(*at), entries))
        }
        Step::Note { space: at, document: of, arrivals } => {
            let rows: Vec<DocumentRow> = arrivals
                .iter()
                .map(|arrival| DocumentRow {
                    arrival: *arrival,
                    log: Writer::new(0).log(0),
                    seq: *arrival,
                    changes: vec![[*arrival as u8; 32]; *arrival as usize * 20],
                })
                .collect();
            format!("{:?}", store.note(space(*at), document(*of), &rows))
        }
        Step::Put { table, key, size, fill } => {
            format!("{:?}", store.put(Table::ALL[*table], key, &noise(*size, *fill)))
        }
        Step::Delete { table, key } => format!("{:?}", store.delete(Table::ALL[*table], key)),
        Step::PutCache { view, document: of, size, fill } => {
            format!("{:?}", store.put_cache(kind(*view), document(*of), &noise(*size, *fill)))
        }
        Step::ChangeCache { view, document: of, size } => {
            // What is longer is cut, and what is shorter stays.
            let mut cut = |bytes: &[u8]| bytes.get(..*size).map(<[u8]>::to_vec);
            format!("{:?}", store.change_cache(kind(*view), document(*of), &mut cut))
        }
        Step::DropCache { view, document: of } => format!("{:?}", store.drop_cache(kind(*view), document(*of))),
        _ => String::new(),
    }
}

/// Everything that can be seen.
fn everything(store: &dyn Store) -> String {
    let mut seen = vec![format!("{:?}", store.spaces())];
    for number in 0..3 {
        let at = space(number);
        seen.push(format!("{:?} {:?} {:?}", store.floors(at), store.frontier(at), store.since(at, 0, usize::MAX)));
        for of in 0..2 {
            seen.push(format!("{:?}", store.document_rows(at, document(of), 0)));
        }
    }
    for table in Table::ALL {
        seen.push(format!("{:?}", store.scan(table, &[])));
    }
    for of in 0..2 {
        for kind in CacheKind::ALL {
            seen.push(format!("{:?}", store.cache(kind, document(of))));
        }
    }
    seen.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(120), max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_sled_store_and_the_one_in_memory_answer_alike(steps in prop::collection::vec(step(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let memory = MemoryStore::new();
        let (mut sled, repairs) = SledStore::open(folder.path(), &vault()).unwrap();
        prop_assert!(repairs.is_empty());
        let mut writers: Vec<Writer> = (0..3).map(Writer::new).collect();
        let mut content = 0;
        for step in &steps {
            let entries: Vec<Entry> = match step {
                Step::Append { space: at, writer, nonce, sizes, skip } => {
                    // What is skipped is never stored, so what follows of that log comes too early, for ever.
                    sizes.iter().map(|size| {
                        content += 1;
                        writers[usize::from(*writer)].entry(space(*at), *nonce, content, *size)
                    }).skip(*skip).collect()
                }
                Step::Access { space: at, writer, nonce } => vec![writers[usize::from(*writer)].access(space(*at), *nonce)],
                Step::Cover { space: at, writer, sizes } => {
                    let writer = &mut writers[usize::from(*writer)];
                    let first = writer.access(space(*at), 0);
                    let more = sizes.iter().map(|size| {
                        content += 1;
                        writer.entry(space(*at), 0, content, *size)
                    });
                    std::iter::once(first).chain(more).collect()
                }
                Step::Fork { space: at, writer, seq } => {
                    vec![Writer::new(*writer).entry_at(space(*at), 0, (*seq).max(1), None, u64::MAX, 10)]
                }
                _ => Vec::new(),
            };
            if matches!(step, Step::Reopen) {
                drop(sled);
                let opened = SledStore::open(folder.path(), &vault()).unwrap();
                prop_assert_eq!(&opened.1, &[]);
                sled = opened.0;
            }
            // Twice: what is held already keeps its number.
            for _ in 0..2 {
                prop_assert_eq!(act(&sled, step, &entries), act(&memory, step, &entries));
            }
            prop_assert_eq!(look(&sled, step), look(&memory, step));
        }
        prop_assert_eq!(everything(&sled), everything(&memory));
        drop(sled);
        let (sled, repairs) = SledStore::open(folder.path(), &vault()).unwrap();
        prop_assert_eq!(repairs, vec![]);
        prop_assert_eq!(everything(&sled), everything(&memory));
        prop_assert_eq!(sled.damage(), vec![]);
        // No page ever grew so large that sled put it into a file of its own, which it would not sync.
        prop_assert_eq!(std::fs::read_dir(folder.path().join("store/blobs")).unwrap().count(), 0);
    }
}
