//! Where an application is, and what may be done to it there
//! (docs/domain/credit.md#application-states).

/// Where an application is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationState {
    /// Nothing was linked or uploaded yet.
    Started,
    /// Something was; more may come.
    AwaitingBankData,
    /// Linked accounts are being read, then the policy answers.
    Submitted,
    /// A person is to decide.
    InReview,
    /// The applicant is to add something.
    MoreInformation,
    /// A line was offered.
    Approved,
    /// The answer was no.
    Declined,
    /// The applicant took it back.
    Withdrawn,
    /// Nobody went on with it.
    Expired,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    ApplicationState {
        Started = "STARTED",
        AwaitingBankData = "AWAITING_BANK_DATA",
        Submitted = "SUBMITTED",
        InReview = "IN_REVIEW",
        MoreInformation = "MORE_INFORMATION",
        Approved = "APPROVED",
        Declined = "DECLINED",
        Withdrawn = "WITHDRAWN",
        Expired = "EXPIRED",
    }
}

impl ApplicationState {
    /// Whether it is not over.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(
            self,
            Self::Started
                | Self::AwaitingBankData
                | Self::Submitted
                | Self::InReview
                | Self::MoreInformation
        )
    }

    /// The methods that people may call in this state.
    #[must_use]
    pub fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Started => &["LinkBankAccount", "UploadBankStatement", "WithdrawApplication"],
            Self::AwaitingBankData | Self::MoreInformation => &[
                "LinkBankAccount",
                "UploadBankStatement",
                "SubmitApplication",
                "WithdrawApplication",
            ],
            Self::Submitted => &["WithdrawApplication"],
            Self::InReview => &[
                "ClaimApplication",
                "ReleaseApplication",
                "RequestInformation",
                "DecideApplication",
                "WithdrawApplication",
            ],
            Self::Approved | Self::Declined | Self::Withdrawn | Self::Expired => &[],
        }
    }
}
