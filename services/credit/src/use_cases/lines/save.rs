//! What every verb of a line ends with: its rows and its event, the job that evaluates it on its
//! next day, and the end of an advised limit that it cannot be raised to any more.

use super::evaluate;
use crate::{
    messages::{
        draws::draw,
        lines::{credit_line, line_history_entry},
    },
    store::{draw_entries, draws, lines},
    use_cases::advised_limits::lapse::lapse_with_line,
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel_many, schedule_many},
    render::money,
};
use payterms_credit_domain::{Draw, Line, advised::concerns, draw::Entry};
use payterms_kernel::{
    Id, Money, TenantId,
    calendar::{day_in, start_of_day},
};
use payterms_proto::credit::v1::{CreditLine, CreditLineChanged};

/// What changed beside a line's own row: nothing by default.
#[derive(Debug, Default)]
pub(crate) struct DrawChanges {
    /// Draws that changed.
    pub(crate) draws: Vec<Draw>,
    /// What they did to the exposure.
    pub(crate) entries: Vec<Entry>,
    /// The higher limit that a person looks at, where the line was just offered with less than is
    /// advised.
    pub(crate) advised: Option<Money>,
}

/// Saves a line and what was drawn on it, and emits how it stands.
pub(crate) async fn publish_line(
    tx: &mut WriteTx,
    line: &mut Line,
    changes: DrawChanges,
) -> Result<CreditLine, AppError> {
    let tenant = tx.call().tenant.clone();
    let draws: Vec<_> = changes.draws.into_iter().map(|draw| (line.id, draw)).collect();
    let entries: Vec<_> = changes.entries.into_iter().map(|entry| (line.id, entry)).collect();
    save_lines(tx, &mut [&mut *line], &draws, &entries).await?;
    let ends_advice = line.taken.iter().any(concerns);
    let mut event = line_changed(&tenant, line, draws.iter().map(|(_, draw)| draw))?;
    event.advised_limit = changes.advised.map(money);
    let rendered = event.credit_line.clone().unwrap_or_default();
    tx.emit("credit_line", &line.id.to_string(), &event).await?;
    if ends_advice {
        lapse_with_line(tx, line).await?;
    }
    Ok(rendered)
}

/// The event of a line: how it stands, with the edges that it took since it was loaded, which are
/// taken out of it.
pub(crate) fn line_changed<'a>(
    tenant: &TenantId,
    line: &mut Line,
    changed: impl Iterator<Item = &'a Draw>,
) -> Result<CreditLineChanged, AppError> {
    Ok(CreditLineChanged {
        credit_line: Some(credit_line(tenant, line)?),
        edges: line.taken.drain(..).map(|taken| line_history_entry(&taken, false)).collect(),
        draws: changed.map(|each| draw(tenant, line, each)).collect(),
        advised_limit: None,
    })
}

/// Saves lines and what was drawn on them, after each was evaluated for today, and schedules its
/// next evaluation.
pub(crate) async fn save_lines(
    tx: &WriteTx,
    lines: &mut [&mut Line],
    draws: &[(Id<Line>, Draw)],
    entries: &[(Id<Line>, Entry)],
) -> Result<(), AppError> {
    let (tenant, now, zone) = (&tx.call().tenant, tx.now(), tx.time().zone);
    if !draws.is_empty() {
        draws::save_many(tx, draws).await?;
        draw_entries::append(tx, entries).await?;
        let ids: Vec<_> = lines.iter().map(|line| line.id.uuid()).collect();
        let due = draws::earliest_due(tx.conn(), tenant, &ids).await?;
        for line in lines.iter_mut() {
            [line.next_due, line.first_due] = due.get(&line.id.uuid()).copied().unwrap_or_default();
        }
    }
    let (mut scheduled, mut cancelled) = (Vec::new(), Vec::new());
    for line in lines.iter_mut() {
        line.evaluate(day_in(zone, now), now);
        let at = match line.next_evaluation() {
            (Some(at), _) => Some(at),
            (None, day) => day.map(|day| start_of_day(zone, day)),
        };
        match at {
            Some(at) => scheduled.push((line.id.to_string(), at)),
            None => cancelled.push(line.id.to_string()),
        }
    }
    let saved: Vec<&Line> = lines.iter().map(|line| &**line).collect();
    lines::save_many(tx.conn(), tenant, &saved).await?;
    schedule_many(tx, evaluate::JOB, &scheduled).await?;
    cancel_many(tx, evaluate::JOB, &cancelled).await?;
    Ok(())
}
