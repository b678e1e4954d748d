//! The rules of invoicing: the register of tenants, customers and their tax treatment, invoices and
//! credit notes, and the march of a test clock.
//!
//! Pure: no I/O, no clock. docs/domain/invoicing.md is the law.

pub mod ageing;
pub mod announced;
pub mod approval;
pub mod bank;
pub mod chargeback;
pub mod collection;
pub mod credit_note;
pub mod customer;
pub mod deferral;
pub mod discount;
pub mod dispute;
pub mod draft;
pub mod effective_day;
pub mod explain;
pub mod invoice;
pub mod mail;
pub mod metered;
pub mod number;
pub mod outstanding;
pub mod payment;
pub mod purchase;
pub mod receipt;
pub mod receipt_credit_note;
pub mod receipt_version;
pub mod refund;
pub mod reminder;
pub mod statement;
pub mod take_back;
pub mod tax;
pub mod tax_number;
pub mod tenant;
pub mod tender;
pub mod test_clock;
pub mod top_up;
pub mod usage_month;
pub mod version;

pub use approval::Approval;
pub use bank::BankLine;
pub use collection::{Block, BlockReason, Collection, CollectionState};
pub use credit_note::CreditNote;
pub use customer::{Address, Contact, Customer, TaxTreatment};
pub use discount::{Discount, Off};
pub use draft::Problem;
pub use invoice::{Content, Invoice, InvoiceState, Issue, Line, Party};
pub use mail::{Mail, MailKind, MailState};
pub use metered::{MeteredService, ServiceState};
pub use number::Series;
pub use outstanding::Outstanding;
pub use payment::{Allocation, Payment, PaymentState, Source, Tender, TenderState};
pub use receipt::Receipt;
pub use receipt_credit_note::ReceiptCreditNote;
pub use receipt_version::ReceiptVersion;
pub use refund::{Destination, Refund, RefundPart};
pub use reminder::Reminders;
pub use statement::Statement;
pub use tax::{Amounts, Rate, TaxAmount};
pub use tax_number::{TaxNumber, TaxNumberState};
pub use tenant::{Business, Dunning, PaymentNotice, TaxRule, Tenant};
pub use test_clock::{ClockState, TestClock};
pub use top_up::TopUp;
pub use version::InvoiceVersion;
