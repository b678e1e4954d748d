//! Decides the items of a batch. Each verb works on a copy of its wallet, which replaces the wallet
//! only if the verb succeeds.

use super::load::LoadedBatch;
use crate::{
    commands::batch::{BatchCommand, BatchItem},
    store::{RequestStamp, usage_ids::MarkedUse},
    use_cases::{
        holds::{authorize::authorize_hold, capture::capture_hold, void::void_hold},
        postings::debit::post_debit_or_fee,
        usage::record::record_usage,
    },
};
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, WriteTx, batch::BatchEvent, marks::taken};
use payterms_kernel::{Id, IdSource, Refusal, TenantId};
use payterms_wallet_domain::{Fee, Hold, Transfer, UsageRecord, Wallet};
use prost::{Message, Name};

/// The state that a verb changes.
#[derive(Debug)]
pub struct Draft<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The wallet's name.
    pub name: String,
    /// The wallet.
    pub wallet: Wallet,
    /// The hold that the command names.
    pub hold: Option<Hold>,
    /// Ids of this item.
    pub ids: &'a mut IdSource,
    /// The tenant's time.
    pub now: DateTime<Utc>,
}

/// The result of a verb.
#[derive(Debug)]
pub struct Decision {
    /// The answer's bytes.
    pub answer: Vec<u8>,
    /// The row that stores its request.
    pub row: RequestRow,
}

/// The row that stores a verb's request. It serves to replay the answer, and as the audit.
#[derive(Debug)]
pub enum RequestRow {
    /// A row of `requests` with the answer, an event and an audit row, as for every other write.
    Answer {
        /// The event's full name.
        event: String,
        /// The event's bytes.
        data: Vec<u8>,
    },
    /// The transfer, and the taken fee if it is listed.
    Transfer(Id<Transfer>, Option<Fee>),
    /// The record of a use.
    Use(UsageRecord),
}

impl Decision {
    /// An answer with its event.
    pub fn with_event<A: Message, E: Message + Name>(answer: &A, event: &E) -> Self {
        Self {
            answer: answer.encode_to_vec(),
            row: RequestRow::Answer { event: E::full_name(), data: event.encode_to_vec() },
        }
    }
}

impl LoadedBatch {
    /// Decides one item; a refused one changes nothing.
    pub(super) fn decide(
        &mut self,
        tx: &mut WriteTx,
        item: &BatchItem,
    ) -> Result<Vec<u8>, AppError> {
        let tenant = tx.call().tenant.clone();
        let now = tx.now();
        tx.ids_from(&item.call.request_id.to_string());
        let named = item.command.wallet();
        let index = self.indexes.get(&named.wallet).copied();
        let locked = index
            .and_then(|index| self.wallets.get_mut(index))
            .filter(|locked| locked.wallet.customer == named.customer);
        let locked = locked.ok_or_else(Refusal::not_found)?;
        if let Some(first) = item.command.external_id().and_then(|id| self.marked_uses.get(id)) {
            return Err(taken(&item.call.caller, first.customer.uuid(), &first.name).into());
        }
        let hold = item
            .command
            .hold()
            .and_then(|id| self.holds.get(&id))
            .filter(|(wallet, _)| *wallet == named.wallet);
        let hold = hold.map(|(_, hold)| hold.clone());
        // Transfers of earlier items are moved out first, so that they are not copied for each
        // later item.
        let mut posted = std::mem::take(&mut locked.wallet.transfers);
        let mut draft = Draft {
            tenant: &tenant,
            name: named.name(),
            wallet: locked.wallet.clone(),
            hold,
            ids: tx.ids(),
            now,
        };
        let decision = match &item.command {
            BatchCommand::Take(take, kind) => post_debit_or_fee(&mut draft, take, *kind),
            BatchCommand::Authorize(take, expires_at) => {
                authorize_hold(&mut draft, take, *expires_at)
            }
            BatchCommand::Capture(_, order) => capture_hold(&mut draft, *order),
            BatchCommand::Void(_) => void_hold(&mut draft),
            BatchCommand::Use(_, used) => record_usage(&mut draft, used, &self.meters),
        };
        let (mut wallet, hold) = (draft.wallet, draft.hold);
        let decision = match decision {
            Ok(decision) => decision,
            Err(refusal) => {
                locked.wallet.transfers = posted;
                return Err(refusal);
            }
        };
        posted.append(&mut wallet.transfers);
        wallet.transfers = posted;
        locked.wallet = wallet;
        if let Some(hold) = hold {
            self.changed_holds.push(hold.id);
            self.holds.insert(hold.id, (named.wallet, hold));
        }
        match decision.row {
            RequestRow::Answer { event, data } => {
                self.answers.push((item.call.clone(), decision.answer.clone()));
                self.events.push(BatchEvent {
                    by: item.call.clone(),
                    id: named.wallet.uuid(),
                    kind: event,
                    data,
                });
            }
            RequestRow::Transfer(transfer, fee) => {
                self.requests.insert(transfer, RequestStamp::of(&item.call));
                self.fees.extend(fee);
            }
            RequestRow::Use(record) => {
                if let Some(external_id) = record.external_id.clone() {
                    self.marked_uses.insert(
                        external_id,
                        MarkedUse::of(&tenant, named.customer, named.wallet, record.id),
                    );
                }
                self.usage_records.push((named.wallet, record, RequestStamp::of(&item.call)));
            }
        }
        Ok(decision.answer)
    }
}
