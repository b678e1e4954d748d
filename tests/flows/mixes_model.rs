//! The sequential model of random batches: what is asked of a wallet next, what it comes to in
//! memory, and what the database answered in the same words.

use super::batch_calls::usd;
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, IdSource, Reason, Refusal};
use payterms_proto::wallet::v1::{
    AuthorizeHoldResponse, CaptureHoldResponse, PostDebitResponse, RecordUsageResponse,
    VoidHoldResponse,
};
use payterms_wallet::commands::{
    batch::BatchCommand,
    holds::{Capture, HoldRef},
    postings::Take,
    wallets::WalletRef,
};
use payterms_wallet_domain::{
    Hold, TransferKind, Wallet,
    hold::{self, Authorization},
    posting::{self, Debit},
    usage::{self, Use},
};
use prost::Message;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use uuid::Uuid;

/// A wallet of the model: as the domain says, and the holds by the ids that the database gave them.
pub(crate) struct Own {
    pub named: WalletRef,
    pub wallet: Wallet,
    pub holds: Vec<(Id<Hold>, Hold)>,
}

/// What an item came to, without the ids that only the database gives.
#[derive(Debug, PartialEq)]
pub(crate) enum Came {
    Taken { amount: i64, balance: i64, sequence: i64, parts: Vec<i64> },
    Hold { state: &'static str, amount: i64, captured: i64, left: Option<i64> },
    Use { amount: i64, charged: bool },
    Refused(Reason),
}

impl Own {
    /// What is asked of a wallet next, at random.
    pub(crate) fn asks(&self, dice: &mut StdRng, now: DateTime<Utc>) -> BatchCommand {
        let wallet = self.named.clone();
        let hold = || self.holds.choose(&mut StdRng::seed_from_u64(7)).map(|(id, _)| *id);
        let take = |cents| Take {
            wallet: wallet.clone(),
            amount: usd(cents),
            description: String::new(),
            unlisted: true,
        };
        let named = |hold| HoldRef { wallet: wallet.clone(), hold };
        let some = self.holds.choose(dice).map(|(id, _)| *id).or_else(hold);
        match (dice.random_range(0..10), some) {
            (0..3, _) => BatchCommand::Take(take(dice.random_range(1..400)), TransferKind::Debit),
            (3, _) => BatchCommand::Take(take(dice.random_range(1..50)), TransferKind::Fee),
            (4, _) | (5..7, None) => {
                let expires =
                    dice.random_bool(0.5).then(|| now + TimeDelta::hours(dice.random_range(1..40)));
                BatchCommand::Authorize(take(dice.random_range(1..300)), expires)
            }
            (5, Some(hold)) => {
                let amount = dice.random_bool(0.6).then(|| usd(dice.random_range(1..300)));
                BatchCommand::Capture(
                    named(hold),
                    Capture { amount, ends_hold: dice.random_bool(0.5) },
                )
            }
            (6, Some(hold)) => BatchCommand::Void(named(hold)),
            (7, _) => BatchCommand::Void(named(Id::from_uuid(Uuid::from_u128(dice.random())))),
            _ => {
                let used = Use {
                    product: "calls".to_owned(),
                    quantity: dice.random_range(0..50).into(),
                    unit_price: usd(dice.random_range(0..9)),
                    used_at: None,
                    external_id: None,
                };
                BatchCommand::Use(wallet, used)
            }
        }
    }

    /// Does it in the model; `real` is the hold that the database made.
    pub(crate) fn does(
        &mut self,
        ids: &mut IdSource,
        command: &BatchCommand,
        real: Option<Id<Hold>>,
        now: DateTime<Utc>,
    ) -> Result<Came, Refusal> {
        let mut wallet = self.wallet.clone();
        let taken = |posting: &payterms_wallet_domain::Posting| Came::Taken {
            amount: posting.amount.micros(),
            balance: posting.balance_after.micros(),
            sequence: posting.sequence,
            parts: posting.parts.iter().map(|(_, part)| part.micros()).collect(),
        };
        let held = |hold: &Hold, left| Came::Hold {
            state: hold.state.name(),
            amount: hold.amount.micros(),
            captured: hold.captured.micros(),
            left,
        };
        let place = |id: &Id<Hold>| {
            self.holds.iter().position(|(each, _)| each == id).ok_or_else(Refusal::not_found)
        };
        let came = match command {
            BatchCommand::Take(take, kind) => {
                let into_negative = *kind == TransferKind::Fee;
                let debit = Debit {
                    amount: take.amount,
                    kind: *kind,
                    into_negative,
                    description: String::new(),
                };
                taken(&posting::debit(&mut wallet, ids, debit, now)?)
            }
            BatchCommand::Authorize(take, expires_at) => {
                let order = Authorization {
                    amount: take.amount,
                    expires_at: *expires_at,
                    description: String::new(),
                };
                let hold = hold::authorize(&mut wallet, ids, order, now)?;
                let came = held(&hold, None);
                self.holds.extend(real.map(|id| (id, hold)));
                came
            }
            BatchCommand::Capture(named, what) => {
                let place = place(&named.hold)?;
                let mut hold = self.holds[place].1.clone();
                let posting = hold::capture(&mut wallet, &mut hold, ids, *what, now)?;
                let came = held(&hold, Some(posting.balance_after.micros()));
                self.holds[place].1 = hold;
                came
            }
            BatchCommand::Void(named) => {
                let place = place(&named.hold)?;
                let mut hold = self.holds[place].1.clone();
                hold::void(&mut wallet, &mut hold, ids, now)?;
                let came = held(&hold, None);
                self.holds[place].1 = hold;
                came
            }
            BatchCommand::Use(_, used) => {
                let today = now.date_naive();
                let record = usage::record(
                    &mut wallet,
                    ids,
                    used.clone(),
                    usage::UseDays { used_on: today, today },
                    now,
                )?;
                Came::Use { amount: record.amount.micros(), charged: record.transfer.is_some() }
            }
        };
        wallet.transfers.clear();
        wallet.lots.retain(|lot| lot.remaining.is_positive());
        self.wallet = wallet;
        Ok(came)
    }
}

fn micros(money: Option<payterms_proto::google::r#type::Money>) -> i64 {
    money.map_or(0, |amount| amount.units * 1_000_000 + i64::from(amount.nanos / 1_000))
}

/// What the database answered, and the hold that it made.
pub(crate) fn outcome_of(command: &BatchCommand, answer: &[u8]) -> (Came, Option<Id<Hold>>) {
    let held = |hold: payterms_proto::wallet::v1::Hold, left| {
        let id = hold.name.rsplit('/').next().and_then(|id| id.parse().ok()).map(Id::from_uuid);
        let state = hold.state().as_str_name();
        let states = ["ACTIVE", "CAPTURED", "VOIDED", "EXPIRED"];
        let state = states.into_iter().find(|name| state.ends_with(name)).unwrap();
        (
            Came::Hold {
                state,
                amount: micros(hold.amount),
                captured: micros(hold.captured),
                left,
            },
            id,
        )
    };
    match command {
        // The two answers have the same shape.
        BatchCommand::Take(..) => {
            let posting = PostDebitResponse::decode(answer).unwrap().posting.unwrap();
            let parts = posting.parts.into_iter().map(|part| micros(part.amount)).collect();
            (
                Came::Taken {
                    amount: micros(posting.amount),
                    balance: micros(posting.balance_after),
                    sequence: posting.sequence,
                    parts,
                },
                None,
            )
        }
        BatchCommand::Authorize(..) => {
            held(AuthorizeHoldResponse::decode(answer).unwrap().hold.unwrap(), None)
        }
        BatchCommand::Capture(..) => {
            let this_answer = CaptureHoldResponse::decode(answer).unwrap();
            let left = micros(this_answer.posting.unwrap().balance_after);
            (held(this_answer.hold.unwrap(), Some(left)).0, None)
        }
        BatchCommand::Void(_) => {
            (held(VoidHoldResponse::decode(answer).unwrap().hold.unwrap(), None).0, None)
        }
        BatchCommand::Use(..) => {
            let usage_record = RecordUsageResponse::decode(answer).unwrap().usage_record.unwrap();
            (
                Came::Use {
                    amount: micros(usage_record.amount),
                    charged: !usage_record.transfer_id.is_empty(),
                },
                None,
            )
        }
    }
}
