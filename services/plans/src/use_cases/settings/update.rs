//! Changes the fields of plan settings that an update mask names.

use crate::{
    app::App,
    commands::settings::{OfferedIntervals, OfferedKinds, UpdateSettings},
    messages::settings::plan_settings as settings_message,
    store::plan_settings,
};
use payterms_chassis::{Answer, AppError, Call, etag};
use payterms_plans_domain::{Kind, PlanSettings};
use payterms_proto::plans::v1::{PlanSettingsChanged, UpdatePlanSettingsResponse};

/// Changes the fields that the mask names.
///
/// # Errors
/// `ETAG_MISMATCH`.
pub async fn update_plan_settings(
    app: &App,
    call: &Call,
    command: &UpdateSettings,
) -> Result<Answer<UpdatePlanSettingsResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut settings = plan_settings::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&command.etag, settings.version)?;
    apply(command, &mut settings);
    plan_settings::save(tx.conn(), &call.tenant, &settings).await?;
    let plan_settings = Some(settings_message(&call.tenant, &settings));
    let tenant = call.tenant.to_string();
    tx.emit(
        "plan_settings",
        &tenant,
        &PlanSettingsChanged { plan_settings: plan_settings.clone() },
    )
    .await?;
    tx.commit(UpdatePlanSettingsResponse { plan_settings }).await
}

/// Copies the fields that the mask names into the stored settings.
fn apply(command: &UpdateSettings, settings: &mut PlanSettings) {
    for path in &command.paths {
        match path.as_str() {
            "proposals_allowed" => settings.allowed = command.new.allowed,
            "kinds" | "intervals" => {}
            "max_instalments" => settings.max_instalments = command.new.max_instalments,
            "max_duration_days" => settings.max_days = command.new.max_days,
            "min_instalments" => settings.min_instalments.clone_from(&command.new.min_instalments),
            "lead_days" => settings.lead_days = command.new.lead_days,
            "answer_days" => settings.answer_days = command.new.answer_days,
            "grace_days" => settings.grace_days = command.new.grace_days,
            "breach_consequence" => settings.consequence = command.new.consequence,
            "max_proposals_per_invoice" => settings.max_proposals = command.new.max_proposals,
            "approval_band" => settings.approval_band.clone_from(&command.new.approval_band),
            _ => settings.refusal_band.clone_from(&command.new.refusal_band),
        }
    }
    let names_kinds = command.paths.iter().any(|path| path == "kinds");
    let names_intervals = command.paths.iter().any(|path| path == "intervals");
    let was_offered = |kind| settings.kinds.contains(&kind);
    let OfferedKinds { deferral, instalments } = if names_kinds {
        command.kinds
    } else {
        OfferedKinds {
            deferral: was_offered(Kind::SingleDeferral),
            instalments: was_offered(Kind::Weekly) || was_offered(Kind::Monthly),
        }
    };
    let OfferedIntervals { weekly, monthly } = match (
        names_intervals,
        instalments && !was_offered(Kind::Weekly) && !was_offered(Kind::Monthly),
    ) {
        (true, _) => command.intervals,
        // Instalments are offered again. None of their intervals was, so both are offered.
        (false, true) => OfferedIntervals { weekly: true, monthly: true },
        (false, false) => OfferedIntervals {
            weekly: was_offered(Kind::Weekly),
            monthly: was_offered(Kind::Monthly),
        },
    };
    let offered = |kind: &Kind| match kind {
        Kind::SingleDeferral => deferral,
        Kind::Weekly => instalments && weekly,
        Kind::Monthly => instalments && monthly,
    };
    settings.kinds = Kind::ALL.into_iter().filter(offered).collect();
    settings.version = settings.version.saturating_add(1);
}
