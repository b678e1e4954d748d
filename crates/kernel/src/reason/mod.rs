//! The closed list of reasons why the suite says no.

mod list;

use std::fmt;

/// One reason of the contract's `ErrorReason`, which says of each what it means, its code, its
/// metadata, whether to retry and who does what (docs/errors.md). A reason that the contract does
/// not have does not compile.
///
/// ```
/// use payterms_kernel::Reason;
///
/// assert_eq!(Reason::RESOURCE_NOT_FOUND.name(), "RESOURCE_NOT_FOUND");
/// assert_eq!(Reason::named("RESOURCE_NOT_FOUND"), Some(Reason::RESOURCE_NOT_FOUND));
/// assert_eq!(Reason::named("NO_REASON"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(&'static str);

impl Reason {
    /// The name, as in `ErrorInfo.reason`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// The reason with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.0 == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// As its name, so that logs and failed tests show what the answer showed.
impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0.to_owned()
    }
}

/// A reason that came over the wire or from a row is a text: it may be one of a later release.
impl PartialEq<Reason> for str {
    fn eq(&self, other: &Reason) -> bool {
        self == other.0
    }
}

impl PartialEq<Reason> for &str {
    fn eq(&self, other: &Reason) -> bool {
        *self == other.0
    }
}

impl PartialEq<Reason> for String {
    fn eq(&self, other: &Reason) -> bool {
        self == other.0
    }
}

/// Makes a constant of each name, and the list of all.
macro_rules! reasons {
    ($($name:ident),+ $(,)?) => {
        impl super::Reason {
            /// All reasons, in the order of the contract.
            pub const ALL: [Self; [$(stringify!($name)),+].len()] = [$(Self::$name),+];

            $(
                #[doc = concat!("`", stringify!($name), "` of docs/errors.md.")]
                pub const $name: Self = Self(stringify!($name));
            )+
        }
    };
}
use reasons;
