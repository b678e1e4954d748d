//! How to pay by transfer: a block of lines that stand together, with a code for payment apps
//! beside them.
#![expect(clippy::float_arithmetic, reason = "places on a page; amounts come as text")]

use super::{FLOOR, Ink, MARGIN, Pages, RIGHT, TOP, wrap};
use crate::documents::epc::Code;
use krilla::{
    color::rgb,
    geom::{PathBuilder, Rect},
    paint::Fill,
    surface::Surface,
};

/// The side of a module, 0.6 millimetres: a camera reads it from printed paper and from a screen.
const MODULE: f32 = 1.7;
/// What stays white around the code: four modules, and some more.
const QUIET: f32 = 20.0;
const LINE: f32 = 13.0;
/// How far letters rise above the line that they stand on.
const RISE: f32 = 8.0;

/// How to pay a document by transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slip {
    /// Such as `By bank transfer`.
    pub title: String,
    /// Account, amount and reference; long ones wrap.
    pub lines: Vec<String>,
    /// What payment apps read.
    pub code: Option<Code>,
}

fn side(code: &Code) -> f32 {
    f32::from(code.width()) * MODULE
}

/// Lays it out, on a new page where it would be torn apart.
pub(super) fn lay_out(pages: &mut Pages, slip: &Slip) {
    let (side, quiet) = slip.code.as_ref().map_or((0.0, 0.0), |code| (side(code), QUIET));
    let lines: Vec<_> = slip
        .lines
        .iter()
        .flat_map(|line| wrap(line, RIGHT - MARGIN - side - quiet, 10.0))
        .collect();
    let height = lines.iter().fold(LINE + 4.0, |height, _| height + LINE).max(side);
    pages.y += 10.0;
    pages.room(height.min(FLOOR - TOP));
    let (page, top) = (pages.pages.len(), pages.y);
    if let Some(code) = slip.code.clone() {
        pages.put(Ink::Code { x: RIGHT - side, y: top - RISE, code });
    }
    pages.text(MARGIN, 10.0, true, &slip.title);
    pages.y += LINE + 4.0;
    for line in &lines {
        pages.room(LINE);
        pages.text(MARGIN, 10.0, false, line);
        pages.y += LINE;
    }
    if pages.pages.len() == page {
        pages.y = pages.y.max(top - RISE + side + LINE);
    }
}

/// Draws a code: one path, so that no light line shows between its modules.
pub(super) fn draw(surface: &mut Surface<'_>, x: f32, y: f32, code: &Code) {
    let mut path = PathBuilder::new();
    for (row, column, length) in code.bars() {
        let (left, top) = (x + f32::from(column) * MODULE, y + f32::from(row) * MODULE);
        if let Some(bar) = Rect::from_xywh(left, top, f32::from(length) * MODULE, MODULE) {
            path.push_rect(bar);
        }
    }
    if let Some(path) = path.finish() {
        surface.set_stroke(None);
        surface.set_fill(Some(Fill { paint: rgb::Color::new(0, 0, 0).into(), ..Fill::default() }));
        surface.draw_path(&path);
    }
}
