//! The doctor: looks at everything a home has, and says in plain sentences what it found.
//!
//! It opens the home as the node does, which puts in order what can be, and then reads all of it: every entry is decoded and its
//! signature checked, every record and cache is opened. `rebuild` has the store made anew first: from all that is whole in
//! it, from the journal, from the checkpoints, and from stores that were put aside once. A journal in which something is broken is written anew then, with what
//! the store has. What is whole nowhere comes back from others, if they have it.

use std::net::SocketAddr;
use std::path::Path;

use sheaf_log::Unverified;
use sheaf_store::{CacheKind, Claim, Damaged, Home, Remade, Store, StoreError, Table, TakenOver};

use crate::core::READ;
use crate::document::cache_name;
use crate::error::NodeError;
use crate::identity::Identity;
use crate::keeping::generation::{self, Standing};
use crate::keeping::{SecretText, Start, Surroundings};
use crate::view::{DoctorReport, Finding, Severity};

/// Less room than this is worth a word.
const LITTLE_ROOM: u64 = 256 << 20;
/// How many sentences of one sort are said one by one.
const EACH: usize = 20;

/// Looks a home over.
pub fn doctor(
    folder: &Path,
    passphrase: Option<&SecretText>,
    surroundings: Surroundings,
    rebuild: bool,
) -> Result<DoctorReport, NodeError> {
    let mut report = DoctorReport { home: folder.display().to_string(), ..DoctorReport::default() };
    if !folder.exists() {
        return Err(NodeError::BadInput(format!(
            "there is no folder {}. Name the home with --home.",
            folder.display()
        )));
    }
    {
        let _claim = Claim::take(folder)?;
        report.good("lock", "no other program has this home open");
        permissions(folder, &mut report);
        room(folder, &mut report);
    }
    let again = surroundings.clone();
    let start = Start::open(folder, passphrase, surroundings)?;
    report.good("key", "the key of what is sealed here is the right one");
    stand(start.standing, &mut report);
    for repair in &start.opened.repaired {
        report.repaired.push(repair.to_string());
    }
    if start.opened.restored > 0 {
        report.repaired.push(format!("{} own entries went from the journal into the store", start.opened.restored));
    }
    let mut home = start.home;
    let mut before = Vec::new();
    if rebuild {
        make_anew(&home, &mut report)?;
        let device = Identity::read(&home).ok().flatten().map(|me| me.keys.device.id());
        for taken in home.take_over(device)? {
            taken_over(&taken, &mut report);
        }
        if let Some(remade) = home.remake_journal(device)? {
            // What was found in the old one is said below, in other words.
            before = home.store().damage();
            before.retain(|damage| !matches!(damage.item, Damaged::Journal { .. }));
            drop(home);
            let kept = Claim::take(folder)?.place_remade_journal()?;
            home = Start::open(folder, passphrase, again)?.home;
            journal_made_anew(&remade, &kept, &mut report);
        }
    }
    identity(&home, &mut report);
    if !rebuild {
        put_aside(&home, &mut report)?;
    }
    journal(&home, &mut report)?;
    entries(&home, &mut report)?;
    super::blobs::look(&home, &mut report)?;
    records(&home, &mut report)?;
    forks(&home, &mut report)?;
    // What was damaged has been set aside on the way.
    for damage in before.into_iter().chain(home.store().damage()) {
        match damage.item {
            // Already made again, or about to be.
            Damaged::Store | Damaged::Cache { .. } | Damaged::DocumentRow { .. } => {
                report.note("damage", damage.to_string());
            }
            // The journal, or a checkpoint, had it.
            Damaged::Entry { space, log, seq } if home.store().entry(space, log, seq)?.is_some() => {
                report.note(
                    "damage",
                    format!("entry {seq} of log {log} in space {space}: {}; it is here again", damage.found),
                );
            }
            _ => report.bad("damage", damage.to_string()),
        }
    }
    report.healthy = !report.findings.iter().any(|finding| finding.severity == Severity::Bad);
    Ok(report)
}

impl DoctorReport {
    fn say(&mut self, severity: Severity, of: &str, text: impl Into<String>) {
        let said = self.findings.iter().filter(|finding| finding.of == of).count();
        if said < EACH {
            self.findings.push(Finding { severity, of: of.to_owned(), text: text.into() });
        } else if said == EACH {
            self.findings.push(Finding { severity, of: of.to_owned(), text: "and more of these".to_owned() });
        }
    }

    pub(super) fn good(&mut self, of: &str, text: impl Into<String>) {
        self.say(Severity::Good, of, text);
    }

    pub(super) fn note(&mut self, of: &str, text: impl Into<String>) {
        self.say(Severity::Note, of, text);
    }

    pub(super) fn bad(&mut self, of: &str, text: impl Into<String>) {
        self.say(Severity::Bad, of, text);
    }
}

/// Makes the store anew, which takes away the right to go on with the old logs.
fn make_anew(home: &Home, report: &mut DoctorReport) -> Result<(), NodeError> {
    // First: whoever stops in the middle must not go on with the logs either (L5).
    home.put_file(generation::FILE, &generation::Generation::rebuilt())?;
    if let Some(kept) = home.rebuild_store()? {
        report.repaired.push(format!(
            "the store was made anew from all that was whole in it, from the journal and from the checkpoints. As it was, it \
             is kept in {}; that holds nothing whole which is not in the new one, and may be deleted",
            kept.display()
        ));
    }
    Ok(())
}

/// Says what came of a store that was put aside once.
fn taken_over(taken: &TakenOver, report: &mut DoctorReport) {
    let store = taken.store.display();
    if taken.entries > 0 {
        report.repaired.push(format!(
            "{store} was put aside once, and held {} entries that this store did not have: they were taken over",
            taken.entries
        ));
    }
    for space in &taken.spaces {
        report.note("put aside", format!("space {space} had not been here, and came back out of {store}"));
    }
    if let Some(why) = &taken.unreadable {
        report.note("put aside", format!("nothing in {store} can be read: {why}"));
    } else if taken.left > 0 {
        report.note(
            "put aside",
            format!(
                "{store} holds {} more entries. They come after something that is missing here, or another entry has their \
                 place. Keep it, exchange with the others, and run: sheaf doctor --rebuild",
                taken.left
            ),
        );
    } else {
        report.good(
            "put aside",
            format!("all that can be read in {store} is here; it may be deleted when nothing is missed any more"),
        );
    }
}

/// Names the stores that may hold something which is not here.
fn put_aside(home: &Home, report: &mut DoctorReport) -> Result<(), NodeError> {
    for store in home.damaged_stores()? {
        report.note(
            "put aside",
            format!(
                "{} was put aside when something in it could not be read. What it holds and this home does not is taken over \
                 by: sheaf doctor --rebuild",
                store.display()
            ),
        );
    }
    Ok(())
}

/// Says what came of a journal in which something was broken.
fn journal_made_anew(remade: &Remade, kept: &Path, report: &mut DoctorReport) {
    report.repaired.push(format!(
        "the journal was written anew: {} entries, {} of them from the store, because they were broken in the old one. \
         That is kept in {}; what was whole in it is in the new one, and it may be deleted",
        remade.entries,
        remade.recovered,
        kept.display()
    ));
    for (space, log, seq) in &remade.missing {
        report.note(
            "journal",
            format!(
                "entry {seq} of log {log} in space {space} was in the broken part, and no store here holds it. It comes \
                 back if another device has it"
            ),
        );
    }
    if remade.unknown > 0 {
        report.note(
            "journal",
            format!(
                "{} broken bytes of the old journal held what no store here holds, and what they were cannot be read",
                remade.unknown
            ),
        );
    }
}

fn permissions(folder: &Path, report: &mut DoctorReport) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
        let mut all_well = true;
        let inside = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in std::iter::once(folder.to_path_buf()).chain(inside) {
            // Settings of windows say nothing of what is written.
            if open(&path) && path.file_name().is_none_or(|name| name != "window.json") {
                all_well = false;
                report.bad(
                    "permissions",
                    format!("{} can be read by others. Run: chmod -R go= {}", path.display(), folder.display()),
                );
            }
        }
        if all_well {
            report.good("permissions", "only you can read this home");
        }
    }
    #[cfg(not(unix))]
    report.good("permissions", format!("{} is guarded by the user's profile", folder.display()));
}

fn room(folder: &Path, report: &mut DoctorReport) {
    match fs4::available_space(folder) {
        Ok(free) if free < LITTLE_ROOM => {
            report.bad("room", format!("only {} MB are free on this disk. Make room before you go on", free >> 20));
        }
        Ok(free) => report.good("room", format!("{} MB are free on this disk", free >> 20)),
        Err(error) => report.note("room", format!("how much room there is cannot be told: {error}")),
    }
}

fn stand(standing: Standing, report: &mut DoctorReport) {
    match standing {
        Standing::Same => report.good("generation", "this home is the one it was"),
        Standing::PutBack => report.note(
            "generation",
            "this home was copied or put back as it once was. New logs are opened when it is next used; nothing is lost",
        ),
        Standing::Copied => report.note(
            "generation",
            "this home comes from another machine, or was put back too often. When it is next used it becomes a device of its own, \
             or asks for your recovery phrase",
        ),
    }
}

fn identity(home: &Home, report: &mut DoctorReport) {
    match Identity::read(home) {
        Ok(Some(me)) => report.good("identity", format!("the keys of {} on this device are whole", me.name)),
        Ok(None) => report.note("identity", "there is nobody here yet"),
        Err(error) => report.bad("identity", error.to_string()),
    }
    // Losing these only costs a search.
    let peers = home.sealed_file(crate::addresses::PEERS).ok().flatten();
    let readable = peers.map(|bytes| {
        postcard::from_bytes::<std::collections::BTreeMap<sheaf_access::DeviceId, Vec<SocketAddr>>>(&bytes).is_ok()
    });
    if readable == Some(false) {
        report.note("peers", "where other devices were last seen cannot be read; they tell it again");
    }
}

fn journal(home: &Home, report: &mut DoctorReport) -> Result<(), NodeError> {
    let mut count = 0;
    for item in home.journal().replay(0)? {
        item?;
        count += 1;
    }
    let damage = home.journal().damage();
    if damage.is_empty() {
        report.good("journal", format!("all {count} own entries in the journal are whole"));
    }
    Ok(())
}

fn forks(home: &Home, report: &mut DoctorReport) -> Result<(), NodeError> {
    for proof in sheaf_store::proved_forks(&**home.store(), None)? {
        let (log, at, space) = (proof.log(), proof.seq(), proof.space());
        report.note(
            "forks",
            format!(
                "log {log} of space {space} is forked at entry {at}: its device wrote two there. One side counts, and \
                 the other is set aside: see sheaf set-aside list"
            ),
        );
    }
    Ok(())
}

fn entries(home: &Home, report: &mut DoctorReport) -> Result<(), NodeError> {
    let store = home.store();
    let (mut count, mut forged) = (0_u64, 0_u64);
    let spaces = store.spaces()?;
    for space in &spaces {
        let mut after = 0;
        loop {
            let batch = store.since(*space, after, READ)?;
            let Some((last, _)) = batch.last() else { break };
            after = *last;
            for (_, entry) in &batch {
                count += 1;
                let verified = Unverified::decode(entry.encoded()).and_then(Unverified::verify);
                if !verified.is_ok_and(|again| again.hash() == entry.hash()) {
                    forged += 1;
                    report.bad(
                        "entries",
                        format!("entry {} of log {} is not signed by its device", entry.seq(), entry.log()),
                    );
                }
            }
        }
    }
    report.entries = count;
    if forged == 0 {
        let spaces = spaces.len();
        report
            .good("entries", format!("all {count} entries of {spaces} spaces are whole, and signed by their devices"));
    }
    Ok(())
}

/// Opens every record and every cache; what does not open is reported as damage, and set aside.
fn records(home: &Home, report: &mut DoctorReport) -> Result<(), NodeError> {
    let store = home.store();
    let mut records = 0;
    for table in Table::ALL {
        records += store.scan(table, b"")?.len();
    }
    let mut caches = 0;
    for (key, space) in store.scan(Table::Documents, b"")? {
        let (Ok(document), Ok(space)) = (<[u8; 32]>::try_from(key), <[u8; 32]>::try_from(space)) else { continue };
        let (document, space) =
            (sheaf_access::DocumentId::from_bytes(document), sheaf_access::SpaceId::from_bytes(space));
        for kind in CacheKind::ALL {
            caches += usize::from(cached(home, kind, cache_name(space, document))?);
        }
    }
    report.good("records", format!("{records} records and {caches} cached documents open with this home's key"));
    Ok(())
}

fn cached(home: &Home, kind: CacheKind, name: sheaf_access::DocumentId) -> Result<bool, StoreError> {
    Ok(home.store().cache(kind, name)?.is_some())
}
