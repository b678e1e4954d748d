//! What a turn cost: processor time of each part, syncs and bytes of the log.

use payterms_chassis::sql;
use sea_orm::DatabaseConnection;
use std::{fs, path::Path};

/// What has been spent so far, or between two readings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    /// Processor seconds of the services.
    pub server: f64,
    /// Processor seconds of the database; zero where it is elsewhere.
    pub database: f64,
    /// Processor seconds of the callers.
    pub client: f64,
    /// Syncs of the write-ahead log.
    pub syncs: i64,
    /// Bytes of the write-ahead log.
    pub log: i64,
}

impl Reading {
    /// What was spent since another reading.
    pub fn since(self, before: Self) -> Self {
        Self {
            server: self.server - before.server,
            database: self.database - before.database,
            client: self.client - before.client,
            syncs: self.syncs - before.syncs,
            log: self.log - before.log,
        }
    }
}

/// Whose cost is read.
#[derive(Debug)]
pub struct Machine {
    /// Processes of services.
    pub services: Vec<u32>,
    /// The database's first process.
    pub database: Option<u32>,
    /// The owner's connection.
    pub owner: Option<DatabaseConnection>,
}

impl Machine {
    /// What has been spent so far.
    pub async fn read(&self) -> Reading {
        let (mut syncs, mut log) = (0, 0);
        if let Some(owner) = &self.owner {
            let select = "SELECT wal_sync AS syncs, (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint AS log FROM pg_stat_wal";
            let row =
                sql::one(owner, select, vec![]).await.expect("the log's counters").expect("a row");
            (syncs, log) = (
                row.try_get("", "syncs").expect("a count"),
                row.try_get("", "log").expect("bytes"),
            );
        }
        Reading {
            server: self.services.iter().map(|pid| busy(*pid)).sum(),
            database: self.database.map_or(0.0, busy),
            client: stat(Path::new("/proc/self")).map_or(0.0, |stat| stat.seconds),
            syncs,
            log,
        }
    }
}

struct Stat {
    parent: u32,
    seconds: f64,
    of_ended: f64,
}

/// A process' parent and processor time, its own and that of its ended children.
fn stat(process: &Path) -> Option<Stat> {
    let text = fs::read_to_string(process.join("stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    let second = rustix::param::clock_ticks_per_second() as f64;
    let seconds = (ticks(11)? + ticks(12)?) / second;
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        seconds,
        of_ended: (ticks(13)? + ticks(14)?) / second,
    })
}

/// Processor seconds of a process and its children.
fn busy(pid: u32) -> f64 {
    let itself =
        stat(Path::new(&format!("/proc/{pid}"))).map_or(0.0, |stat| stat.seconds + stat.of_ended);
    let all = fs::read_dir("/proc").ok().into_iter().flatten().flatten();
    let children = all.filter_map(|entry| stat(&entry.path())).filter(|one| one.parent == pid);
    itself + children.map(|one| one.seconds + one.of_ended).sum::<f64>()
}

/// Memory of a process, in MB.
pub fn memory(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or_default() / 1_024.0
}
