//! Folders of certificates, which are read again while the process runs. Files are compared by
//! their content, at intervals: Kubernetes renews a Secret by turning a link, of which file watches
//! and modification times tell little.

use crate::{
    net::tls::{
        LoggedFaults,
        certificate::{Certificate, Purpose},
    },
    telemetry::metrics,
};
use chrono::{DateTime, Utc};
use opentelemetry::KeyValue;
use payterms_kernel::{Clock, SystemClock};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How often files are read again.
const READ_EVERY: Duration = Duration::from_secs(3);
/// How often a certificate that ends soon is logged.
const WARN_EVERY: Duration = Duration::from_hours(1);

/// What is in the files of a folder, by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Files(BTreeMap<&'static str, Vec<u8>>);

impl Files {
    /// The content of a file.
    ///
    /// # Errors
    /// A sentence, if it was not read.
    pub(crate) fn get(&self, name: &'static str) -> Result<&[u8], String> {
        self.0.get(name).map(Vec::as_slice).ok_or_else(|| format!("{name} is not there"))
    }

    /// Reads files.
    ///
    /// # Errors
    /// A sentence that names each file that was not read.
    pub fn read(folder: &Path, names: &[&'static str]) -> Result<Self, String> {
        let read = |name: &&'static str| {
            let path = folder.join(name);
            Ok((*name, fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?))
        };
        let (found, missing): (Vec<_>, Vec<_>) = names.iter().map(read).partition(Result::is_ok);
        let faults: Vec<_> = missing.into_iter().filter_map(Result::err).collect();
        if faults.is_empty() {
            found.into_iter().collect::<Result<_, _>>().map(Self)
        } else {
            Err(faults.join("; "))
        }
    }
}

/// What is made of files.
pub trait Side: Send + Sync + 'static {
    /// The certificates whose end is watched, and what each is for.
    fn certificates(&self) -> &[(Purpose, Certificate)];

    /// When the first of those for one purpose ends.
    fn ends(&self) -> BTreeMap<Purpose, DateTime<Utc>> {
        let mut ends = BTreeMap::new();
        for (purpose, certificate) in self.certificates() {
            let first = ends.entry(*purpose).or_insert(certificate.ends());
            *first = certificate.ends().min(*first);
        }
        ends
    }
}

/// What was made of the files of a folder last. It follows the files for as long as the process
/// runs; files that cannot be used are logged, and what was there before stays.
#[derive(Debug)]
pub struct Followed<S>(watch::Receiver<Arc<S>>);

impl<S> Clone for Followed<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Followed<S> {
    /// What holds now.
    #[must_use]
    pub fn now(&self) -> Arc<S> {
        self.0.borrow().clone()
    }

    /// What holds now, and a clone that waits for what comes after it.
    pub(crate) fn now_and_later(&self) -> (Arc<S>, Self) {
        let mut later = self.0.clone();
        let now = later.borrow_and_update().clone();
        (now, Self(later))
    }

    /// Waits until the files have changed. Only for a clone of [`Self::now_and_later`].
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The process ends.
            std::future::pending::<()>().await;
        }
    }
}

/// Follows the files of a folder.
struct Follower<S, M> {
    folder: PathBuf,
    names: &'static [&'static str],
    make: M,
    files: Files,
    faults: LoggedFaults,
    warned: Option<Instant>,
    current: watch::Sender<Arc<S>>,
}

impl<S: Side> Followed<S> {
    /// Reads these files of a folder of a part and makes something of them, now and whenever they
    /// change, until `stop` is cancelled. How long the certificates are still good is a metric.
    /// Called within a runtime.
    ///
    /// # Errors
    /// A sentence that names the folder and the file that cannot be used now.
    pub(crate) fn open(
        part: &'static str,
        folder: &Path,
        names: &'static [&'static str],
        make: impl Fn(&Files) -> Result<S, String> + Send + Sync + 'static,
        stop: CancellationToken,
    ) -> Result<Self, String> {
        let (mut follower, followed) = Follower::open(folder, names, make)?;
        let measured = followed.clone();
        let description = "How long the certificates that a part reads are still good, by what they are for; below 0 they have ended.";
        metrics::observe("payterms.certificates.remaining", "s", description, move || {
            let now = SystemClock.now();
            let ends = measured.now().ends().into_iter();
            let labels = |purpose: Purpose| {
                vec![metrics::part(part), KeyValue::new("payterms.certificate", purpose.name())]
            };
            ends.map(|(purpose, end)| (labels(purpose), (end - now).as_seconds_f64())).collect()
        });
        tokio::spawn(async move {
            follower.warn_of_end();
            while tokio::time::timeout(READ_EVERY, stop.cancelled()).await.is_err() {
                follower.read_again();
                follower.warn_of_end();
            }
        });
        Ok(followed)
    }
}

impl<S: Side, M: Fn(&Files) -> Result<S, String>> Follower<S, M> {
    fn open(
        folder: &Path,
        names: &'static [&'static str],
        make: M,
    ) -> Result<(Self, Followed<S>), String> {
        let files = Files::read(folder, names)?;
        let side = make(&files).map_err(|fault| format!("{}: {fault}", folder.display()))?;
        let (current, followed) = watch::channel(Arc::new(side));
        let faults = LoggedFaults::default();
        Ok((
            Self { folder: folder.to_owned(), names, make, files, faults, warned: None, current },
            Followed(followed),
        ))
    }

    /// Files may be replaced one after the other. Until certificate and key belong together, what
    /// was there before stays.
    fn read_again(&mut self) {
        let read = Files::read(&self.folder, self.names);
        if read.as_ref() == Ok(&self.files) {
            self.faults.clear();
            return;
        }
        let folder = self.folder.display();
        match read.and_then(|files| (self.make)(&files).map(|side| (files, side))) {
            Ok((files, side)) => {
                tracing::info!(%folder, "certificates have changed");
                self.faults.clear();
                self.warned = None;
                self.files = files;
                self.current.send_replace(Arc::new(side));
            }
            Err(fault) if self.faults.is_due(&fault) => {
                tracing::error!(%folder, fault, "changed certificates cannot be used; those from before stay");
            }
            Err(_) => {}
        }
    }

    fn warn_of_end(&mut self) {
        let now = SystemClock.now();
        let side = self.current.borrow().clone();
        let all = side.certificates().iter().map(|(_, certificate)| certificate);
        let ending: Vec<_> = all.filter(|certificate| certificate.ends_soon(now)).collect();
        if ending.is_empty() || self.warned.is_some_and(|at| at.elapsed() < WARN_EVERY) {
            return;
        }
        self.warned = Some(Instant::now());
        for certificate in ending {
            let (folder, names, ends) =
                (self.folder.display(), certificate.names.join(","), certificate.ends());
            tracing::warn!(%folder, names, %ends, "a certificate ends soon, or has ended; renew it");
        }
    }
}
