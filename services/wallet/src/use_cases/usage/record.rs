//! Records a use.

use super::load::Meters;
use crate::{
    messages,
    use_cases::batch::decide::{Decision, Draft, RequestRow},
};
use payterms_chassis::AppError;
use payterms_proto::wallet::v1::RecordUsageResponse;
use payterms_wallet_domain::{
    metered,
    usage::{self, Use},
};
use prost::Message;

/// Records one use.
///
/// # Errors
/// Those of [`usage::record`].
pub fn record_usage(
    draft: &mut Draft<'_>,
    used: &Use,
    meters: &Meters,
) -> Result<Decision, AppError> {
    let record = match meters.terms(&draft.wallet, used, draft.now) {
        Some(terms) => {
            metered::record(&mut draft.wallet, draft.ids, used.clone(), &terms, draft.now)?
        }
        None => usage::record(
            &mut draft.wallet,
            draft.ids,
            used.clone(),
            meters.days(used, draft.now),
            draft.now,
        )?,
    };
    let answer = RecordUsageResponse {
        usage_record: Some(messages::usage::usage_record(&draft.name, &record)),
    };
    Ok(Decision { answer: answer.encode_to_vec(), row: RequestRow::Use(record) })
}
