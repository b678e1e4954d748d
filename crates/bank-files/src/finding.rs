//! What is wrong in a file, and where.

use std::fmt;

/// Where something stands in a file; numbers count from 1, zero is nothing said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The statement.
    pub statement: usize,
    /// The entry in its statement.
    pub entry: usize,
    /// The part of its entry.
    pub part: usize,
    /// The line of the file, in formats of lines.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            ("statement", self.statement),
            ("entry", self.entry),
            ("part", self.part),
            ("line", self.line),
        ];
        let parts: Vec<_> = named
            .iter()
            .filter(|(_, at)| *at > 0)
            .map(|(name, at)| format!("{name} {at}"))
            .collect();
        f.write_str(if parts.is_empty() { "the file" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// Something in the file that cannot be used, or not as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What kind.
    pub kind: FindingKind,
    /// A sentence for people.
    pub message: String,
}

/// Kinds of findings: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// An amount of 0.00.
    ZeroAmount,
    /// No amount.
    NoAmount,
    /// An amount that is no number, is too large, or has more digits than its currency.
    BadAmount,
    /// Neither credit nor debit.
    NoSide,
    /// No day of booking.
    NoDay,
    /// A day that is none.
    BadDay,
    /// A day of booking after today.
    FutureDay,
    /// A day outside the period that the mapping states.
    OutsidePeriod,
    /// No currency, or none that one can pay in.
    UnknownCurrency,
    /// Another currency than the account's.
    OtherCurrency,
    /// Pending, for information, or called off; it is among the entries with its status.
    NotBooked,
    /// The file does not say whether it is booked; it is among the entries as unstated.
    NoStatus,
    /// The parts of a batch do not sum to what was booked; they are among the entries.
    PartsDiffer,
    /// The parts of a batch state no amounts in the account's currency; the batch is among the
    /// entries as one.
    PartsUnstated,
    /// A row that is no booking, such as a balance or a total.
    NoBooking,
    /// A row or field that cannot be read.
    Unreadable,
    /// A statement without an account.
    NoAccount,
    /// A statement without entries.
    NoEntries,
    /// The account is that of a credit card: what comes in is no income.
    CardAccount,
    /// A version of the format that is newer than what this reader was made for; it was read all
    /// the same.
    OtherVersion,
}

payterms_kernel::names! {
    /// Its name, as in the API.
    FindingKind {
        ZeroAmount = "ZERO_AMOUNT",
        NoAmount = "NO_AMOUNT",
        BadAmount = "BAD_AMOUNT",
        NoSide = "NO_SIDE",
        NoDay = "NO_DAY",
        BadDay = "BAD_DAY",
        FutureDay = "FUTURE_DAY",
        OutsidePeriod = "OUTSIDE_PERIOD",
        UnknownCurrency = "UNKNOWN_CURRENCY",
        OtherCurrency = "OTHER_CURRENCY",
        NotBooked = "NOT_BOOKED",
        NoStatus = "NO_STATUS",
        PartsDiffer = "PARTS_DIFFER",
        PartsUnstated = "PARTS_UNSTATED",
        NoBooking = "NO_BOOKING",
        Unreadable = "UNREADABLE",
        NoAccount = "NO_ACCOUNT",
        NoEntries = "NO_ENTRIES",
        CardAccount = "CARD_ACCOUNT",
        OtherVersion = "OTHER_VERSION",
    }
}

impl FindingKind {
    /// Whether what it names is missing among the entries. The others name something of an entry
    /// that is there.
    #[must_use]
    pub fn sets_apart(self) -> bool {
        !matches!(
            self,
            Self::NotBooked
                | Self::NoStatus
                | Self::PartsDiffer
                | Self::PartsUnstated
                | Self::NoBooking
                | Self::NoEntries
                | Self::CardAccount
                | Self::OtherVersion
        )
    }
}

/// The whole file is refused: it is hostile, of no format that is read here, or holds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// A sentence for people.
    pub message: String,
}

impl FileError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FileError {}
