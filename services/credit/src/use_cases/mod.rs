//! One verb a file: lock, look the request up, let the domain decide, save, commit.

pub mod apply;
pub mod change_line;
pub mod draw_for_payment;
pub mod expire_draw;
pub mod follow_invoice;
pub mod judge_line;
pub mod link_bank;
pub mod move_line;
pub mod offer_line;
pub mod policies;
pub mod programmes;
pub mod purchase;
pub mod read_applications;
pub mod read_draws;
pub mod read_lines;
pub mod review;
pub mod submit;

use crate::{
    jobs,
    parse::LineRef,
    render,
    store::{draws, entries, lines},
};
use payterms_chassis::{
    AppError, Call, WriteTx,
    jobs::{cancel_many, schedule_many},
};
use payterms_credit_domain::{Draw, Line, draw::Entry};
use payterms_kernel::{
    Actor, Id, Refusal, Side, TenantId,
    calendar::{day_in, start_of_day},
};
use payterms_proto::credit::v1::{CreditLine, CreditLineChanged};

/// What changed beside a line's own row.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Draws that changed.
    pub(crate) draws: Vec<Draw>,
    /// What they did to the exposure.
    pub(crate) entries: Vec<Entry>,
}

/// The line that a request names, its row locked.
async fn locked(tx: &WriteTx, named: &LineRef) -> Result<Line, AppError> {
    let found = lines::lock(tx.conn(), &named.tenant, named.line).await?;
    Ok(found.filter(|line| line.customer == named.customer).ok_or_else(Refusal::not_found)?)
}

/// Saves a line and what was drawn, judges what follows, tells how it stands, and lets it be judged again when that
/// is due.
pub(crate) async fn publish(tx: &mut WriteTx, line: &mut Line, news: News) -> Result<CreditLine, AppError> {
    let tenant = tx.call().tenant.clone();
    let draws: Vec<_> = news.draws.into_iter().map(|draw| (line.id, draw)).collect();
    let entries: Vec<_> = news.entries.into_iter().map(|entry| (line.id, entry)).collect();
    put(tx, &mut [&mut *line], &draws, &entries).await?;
    let told = changed(&tenant, line, draws.iter().map(|(_, draw)| draw))?;
    let rendered = told.credit_line.clone().unwrap_or_default();
    tx.emit("credit_line", &line.id.to_string(), &told).await?;
    Ok(rendered)
}

/// How a line stands, with the edges that it took since it was loaded.
fn changed<'a>(tenant: &TenantId, line: &mut Line, draws: impl Iterator<Item = &'a Draw>) -> Result<CreditLineChanged, AppError> {
    Ok(CreditLineChanged {
        credit_line: Some(render::line(tenant, line)?),
        edges: line.taken.drain(..).map(|taken| render::edge(&taken, false)).collect(),
        draws: draws.map(|draw| render::draw(tenant, line, draw)).collect(),
    })
}

/// Saves lines and what was drawn on them, judges what follows, and lets each be judged again when that is due.
async fn put(tx: &WriteTx, lines: &mut [&mut Line], draws: &[(Id<Line>, Draw)], entries: &[(Id<Line>, Entry)]) -> Result<(), AppError> {
    let (tenant, now, zone) = (&tx.call().tenant, tx.now(), tx.time().zone);
    if !draws.is_empty() {
        draws::save_many(tx, draws).await?;
        entries::append(tx, entries).await?;
        let ids: Vec<_> = lines.iter().map(|line| line.id.uuid()).collect();
        let due = draws::earliest_due(tx.conn(), tenant, &ids).await?;
        for line in lines.iter_mut() {
            [line.next_due, line.first_due] = due.get(&line.id.uuid()).copied().unwrap_or_default();
        }
    }
    let (mut judged, mut rests) = (Vec::new(), Vec::new());
    for line in lines.iter_mut() {
        line.judge(day_in(zone, now), now);
        let at = match line.judged_after() {
            (Some(at), _) => Some(at),
            (None, day) => day.map(|day| start_of_day(zone, day)),
        };
        match at {
            Some(at) => judged.push((line.id.to_string(), at)),
            None => rests.push(line.id.to_string()),
        }
    }
    let saved: Vec<&Line> = lines.iter().map(|line| &**line).collect();
    lines::save_many(tx.conn(), tenant, &saved).await?;
    schedule_many(tx, jobs::JUDGE, &judged).await?;
    cancel_many(tx, jobs::JUDGE, &rests).await?;
    Ok(())
}

/// Who calls, on which side: the access table lets no other side call the method.
fn actor(call: &Call, side: Side) -> Actor {
    Actor { side, subject: call.caller.subject.clone() }
}
