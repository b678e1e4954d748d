//! The file of an embedded database: locked by one process, checked to be this service's, and never
//! silently replaced.

use crate::db::{pool::Pool, sql};
use sea_orm::ConnectionTrait;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// The first bytes of a SQLite file.
const FORMAT: &[u8] = b"SQLite format 3\0";

/// A database file and the lock file beside it. Once the database was created, the lock file holds
/// the service's name.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    lock: File,
    service: &'static str,
    /// Whether the database was created by an earlier start.
    made: bool,
}

impl DatabaseFile {
    /// Acquires the lock. Refuses a file that is missing or damaged although the database was
    /// created before.
    pub(crate) fn lock(path: &Path, service: &'static str) -> Result<Self, String> {
        let lock_path = path.with_extension("lock");
        let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", lock_path.display());
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_path);
        let mut lock = options.map_err(|error| fault(&error))?;
        lock.try_lock().map_err(|_| format!("{} is in use by another process", path.display()))?;
        let mut owner = String::new();
        lock.read_to_string(&mut owner).map_err(|error| fault(&error))?;
        let owner = owner.trim();
        let file = path.display();
        let lock_name = lock_path.display();
        let made = !owner.is_empty();
        if made && owner != service {
            return Err(format!(
                "{lock_name} says that {file} is the database of {owner}, not of {service}. Give each service its own file."
            ));
        }
        let begin = first_bytes(path).map_err(|error| format!("{file}: {error}"))?;
        let cure = format!(
            "Restore it from a backup, with the files {file}-wal and {file}-shm if there are any; \
                            to begin with an empty database, remove {lock_name} too."
        );
        match begin {
            None if made => {
                Err(format!("{file} is missing, though the database was made here. {cure}"))
            }
            Some(begin) if begin.is_empty() && made => {
                Err(format!("{file} is empty, though the database was made here. {cure}"))
            }
            Some(begin) if !begin.is_empty() && begin != FORMAT => {
                Err(format!("{file} is no SQLite database. {cure}"))
            }
            _ => Ok(Self { path: path.to_path_buf(), lock, service, made }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a database of another service. A new database gets this service's application id.
    pub(crate) async fn check_owner(&self, pool: &Pool) -> Result<(), String> {
        let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", self.path.display());
        let number = async |select: &str, column: &str| -> Result<i64, sea_orm::DbErr> {
            let row = sql::one(pool, select, vec![]).await?;
            row.map_or(Ok(0), |row| row.try_get("", column))
        };
        let stored_id = number("PRAGMA application_id", "application_id")
            .await
            .map_err(|error| fault(&error))?;
        let expected_id = application_id(self.service);
        let tables = number("SELECT count(*) AS found FROM sqlite_schema", "found")
            .await
            .map_err(|error| fault(&error))?;
        if self.made && tables == 0 {
            let file = self.path.display();
            return Err(format!(
                "{file} holds nothing, though the database was made here: is {file}-wal missing? Restore both from a backup."
            ));
        }
        // Databases of earlier versions have no application id; the names of their migrations
        // identify the service.
        let migrated =
            "SELECT count(*) AS found FROM sqlite_schema WHERE name = 'seaql_migrations'";
        let foreign = format!(
            "SELECT count(*) AS found FROM seaql_migrations WHERE version NOT LIKE 'system%' AND version NOT LIKE '{}%'",
            self.service
        );
        let is_foreign = match stored_id {
            0 if number(migrated, "found").await.map_err(|error| fault(&error))? > 0 => {
                number(&foreign, "found").await.map_err(|error| fault(&error))? > 0
            }
            0 => tables > 0,
            other => other != expected_id,
        };
        if is_foreign {
            return Err(format!(
                "{} is not the database of {}. Give each service its own file.",
                self.path.display(),
                self.service
            ));
        }
        if stored_id == 0 {
            pool.execute_unprepared(&format!("PRAGMA application_id = {expected_id}"))
                .await
                .map_err(|error| fault(&error))?;
        }
        Ok(())
    }

    /// Records in the lock file that the database was created.
    pub(crate) fn note_made(&self, service: &str) -> Result<(), String> {
        let mut lock = &self.lock;
        let written = lock
            .seek(SeekFrom::Start(0))
            .and_then(|_| lock.write_all(service.as_bytes()))
            .and_then(|()| lock.sync_all());
        written.map_err(|error| format!("{}: {error}", self.path.with_extension("lock").display()))
    }

    pub(crate) fn release(&self) {
        if let Err(error) = self.lock.unlock() {
            tracing::debug!(%error, "the lock file was not unlocked");
        }
    }
}

/// Whether a database of a service was created in a folder, according to its lock file.
#[must_use]
pub fn was_made(folder: &Path, service: &str) -> bool {
    fs::metadata(folder.join(format!("{service}.lock"))).is_ok_and(|metadata| metadata.len() > 0)
}

/// The first bytes of a file, enough to recognise its format; `None` if there is no file.
fn first_bytes(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut begin = Vec::new();
    file.take(FORMAT.len() as u64).read_to_end(&mut begin)?;
    Ok(Some(begin))
}

/// The application id that SQLite stores in the file's header, one for each service.
fn application_id(service: &str) -> i64 {
    let hash = Sha256::digest(format!("payterms/{service}"));
    let number = hash.iter().take(4).fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
    (number & 0x3fff_ffff) | 0x4000_0000
}
