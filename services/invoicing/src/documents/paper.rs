//! Documents as PDF: one layout for all of them. The same sheet gives the same bytes.
#![expect(clippy::float_arithmetic, reason = "places on a page; amounts come as text")]

mod slip;

pub use slip::Slip;

use super::epc::Code;
use krilla::{
    Document,
    color::rgb,
    geom::{PathBuilder, Point},
    metadata::Metadata,
    page::PageSettings,
    paint::{Fill, Stroke},
    surface::Surface,
    text::{Font, TextDirection},
};
use payterms_fonts::{BOLD, REGULAR, face};
use rustybuzz::UnicodeBuffer;

/// A4, in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 50.0;
const RIGHT: f32 = WIDTH - MARGIN;
/// Where the first line of a page stands.
const TOP: f32 = MARGIN + 20.0;
/// Where the buyer stands, to the right of the seller.
const BUYER: f32 = 320.0;
/// Lines that the foot of a page has room for.
const FOOT_LINES: usize = 3;
/// Where the foot begins.
const FLOOR: f32 = HEIGHT - 70.0;
/// Where the columns of figures end.
const COLUMNS: [f32; 3] = [365.0, 455.0, RIGHT];
/// How wide the first column is.
const FIRST: f32 = 240.0;

/// What a document shows, all of it as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Such as `Invoice INV-2026-000001`.
    pub title: String,
    /// Who sells.
    pub seller: Vec<String>,
    /// Who buys.
    pub buyer: Vec<String>,
    /// Labels and values, such as dates.
    pub facts: Vec<(String, String)>,
    /// Heads of the four columns.
    pub heads: [String; 4],
    /// Rows of the four columns; the first wraps.
    pub rows: Vec<[String; 4]>,
    /// More tables below the sums, such as what is past due.
    pub sections: Vec<Section>,
    /// Labels and amounts below the rows.
    pub sums: Vec<(String, String)>,
    /// Sentences below the sums, such as why no tax is taken.
    pub sentences: Vec<String>,
    /// How to pay it by transfer.
    pub slip: Option<Slip>,
    /// What stands at the foot of each page, or in full at the end where it is long.
    pub foot: String,
    /// How a page is counted, such as `Page`.
    pub page: String,
}

/// A table with a title of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// What it lists.
    pub title: String,
    /// Heads of its four columns.
    pub heads: [String; 4],
    /// Its rows.
    pub rows: Vec<[String; 4]>,
}

/// One thing on a page.
enum Ink {
    Text { x: f32, y: f32, size: f32, bold: bool, text: String },
    Rule { y: f32 },
    Code { x: f32, y: f32, code: Code },
}

/// A PDF could not be made.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a PDF could not be made: {0}")]
pub struct PaperError(String);

/// How wide a text is.
#[expect(clippy::cast_precision_loss, reason = "advances of glyphs are small")]
fn width(text: &str, size: f32, bold: bool) -> f32 {
    let Some(face) = face(bold) else { return 0.0 };
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    let shaped = rustybuzz::shape(face, &[], buffer);
    let units: i32 = shaped.glyph_positions().iter().map(|glyph| glyph.x_advance).sum();
    units as f32 * size / face.units_per_em() as f32
}

/// Lines of a text that are no wider than asked; its own breaks are kept.
fn wrap(text: &str, most: f32, size: f32) -> Vec<String> {
    text.split('\n').flat_map(|line| wrap_line(line, most, size)).collect()
}

/// Lines of one; a word that is too long is cut.
fn wrap_line(text: &str, most: f32, size: f32) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut rest = word;
        loop {
            let line = lines.last().cloned().unwrap_or_default();
            let tried = if line.is_empty() { rest.to_owned() } else { format!("{line} {rest}") };
            if width(&tried, size, false) <= most {
                if let Some(last) = lines.last_mut() {
                    *last = tried;
                }
                break;
            }
            if !line.is_empty() {
                lines.push(String::new());
                continue;
            }
            let fits = rest.char_indices().skip(1).take_while(|(at, _)| {
                width(rest.get(..*at).unwrap_or_default(), size, false) <= most
            });
            let cut = fits
                .last()
                .map_or_else(|| rest.chars().next().map_or(0, char::len_utf8), |(at, _)| at);
            let (head, tail) = rest.split_at(cut);
            if let Some(last) = lines.last_mut() {
                head.clone_into(last);
            }
            if tail.is_empty() {
                break;
            }
            lines.push(String::new());
            rest = tail;
        }
    }
    lines
}

/// Pages as they fill.
struct Pages {
    pages: Vec<Vec<Ink>>,
    y: f32,
}

impl Pages {
    /// Makes room for so much, on a new page if need be.
    fn room(&mut self, height: f32) {
        if self.y + height > FLOOR {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
    }

    fn put(&mut self, ink: Ink) {
        if let Some(page) = self.pages.last_mut() {
            page.push(ink);
        }
    }

    fn text(&mut self, x: f32, size: f32, bold: bool, text: &str) {
        let y = self.y;
        self.put(Ink::Text { x, y, size, bold, text: text.to_owned() });
    }

    /// The same, ending at `x`.
    fn ending_at(&mut self, x: f32, size: f32, bold: bool, text: &str) {
        self.text(x - width(text, size, bold), size, bold, text);
    }

    fn rule(&mut self) {
        let y = self.y;
        self.put(Ink::Rule { y });
    }
}

fn lay_out(sheet: &Sheet) -> Vec<Vec<Ink>> {
    let mut pages = Pages { pages: vec![Vec::new()], y: TOP };
    pages.text(MARGIN, 20.0, true, &sheet.title);
    pages.y += 30.0;
    let top = pages.y;
    party(&mut pages, MARGIN, BUYER - MARGIN - 15.0, &sheet.seller);
    let below_seller = pages.y;
    pages.y = top;
    party(&mut pages, BUYER, RIGHT - BUYER, &sheet.buyer);
    pages.y = pages.y.max(below_seller) + 12.0;
    for (label, value) in &sheet.facts {
        pages.text(MARGIN, 10.0, false, label);
        pages.text(180.0, 10.0, true, value);
        pages.y += 14.0;
    }
    pages.y += 16.0;
    if !sheet.rows.is_empty() {
        table(&mut pages, &sheet.heads, &sheet.rows);
    }
    sums(&mut pages, sheet);
    pages.y += 14.0;
    for section in &sheet.sections {
        pages.y += 6.0;
        pages.room(60.0);
        pages.text(MARGIN, 11.0, true, &section.title);
        pages.y += 18.0;
        table(&mut pages, &section.heads, &section.rows);
    }
    for line in sheet.sentences.iter().flat_map(|sentence| wrap(sentence, RIGHT - MARGIN, 9.0)) {
        pages.room(13.0);
        pages.text(MARGIN, 9.0, false, &line);
        pages.y += 13.0;
    }
    if let Some(slip) = &sheet.slip {
        slip::lay_out(&mut pages, slip);
    }
    let foot = foot(sheet);
    if foot.len() > FOOT_LINES {
        pages.y += 6.0;
        for line in &foot {
            pages.room(11.0);
            pages.text(MARGIN, 8.0, false, line);
            pages.y += 11.0;
        }
    }
    pages.pages
}

/// The lines at the foot; more than fit there stand in full after all else.
fn foot(sheet: &Sheet) -> Vec<String> {
    wrap(&sheet.foot, 420.0, 8.0)
}

fn party(pages: &mut Pages, x: f32, most: f32, lines: &[String]) {
    for (place, line) in lines.iter().enumerate() {
        // Bold letters are wider than those that are measured.
        for line in wrap(line, if place == 0 { most * 0.9 } else { most }, 10.0) {
            pages.text(x, 10.0, place == 0, &line);
            pages.y += 14.0;
        }
    }
}

/// Heads and rows, and a rule below them.
fn table(pages: &mut Pages, names: &[String; 4], rows: &[[String; 4]]) {
    heads(pages, names);
    for row in rows {
        lines(pages, names, row);
    }
    pages.rule();
    pages.y += 18.0;
}

fn heads(pages: &mut Pages, names: &[String; 4]) {
    let [first, figures @ ..] = names;
    pages.text(MARGIN, 9.0, true, first);
    for (x, head) in COLUMNS.into_iter().zip(figures) {
        pages.ending_at(x, 9.0, true, head);
    }
    pages.y += 6.0;
    pages.rule();
    pages.y += 15.0;
}

fn lines(pages: &mut Pages, names: &[String; 4], [first, figures @ ..]: &[String; 4]) {
    let wrapped = wrap(first, FIRST, 10.0);
    let before = pages.pages.len();
    pages.room(15.0);
    if pages.pages.len() > before {
        heads(pages, names);
    }
    for (x, figure) in COLUMNS.into_iter().zip(figures) {
        pages.ending_at(x, 10.0, false, figure);
    }
    for line in &wrapped {
        pages.room(15.0);
        pages.text(MARGIN, 10.0, false, line);
        pages.y += 15.0;
    }
}

fn sums(pages: &mut Pages, sheet: &Sheet) {
    let last = sheet.sums.len().saturating_sub(1);
    for (place, (label, amount)) in sheet.sums.iter().enumerate() {
        pages.room(16.0);
        let bold = place == last;
        pages.ending_at(COLUMNS[1], 10.0, bold, label);
        pages.ending_at(RIGHT, 10.0, bold, amount);
        pages.y += 16.0;
    }
}

/// The sheet as a PDF.
///
/// # Errors
/// What krilla says.
pub fn print(sheet: &Sheet) -> Result<Vec<u8>, PaperError> {
    let wrong = |what: &str| PaperError(what.to_owned());
    let font =
        |bytes: &'static [u8]| Font::new(bytes.to_vec().into(), 0).ok_or_else(|| wrong("the font"));
    let (regular, bold) = (font(REGULAR)?, font(BOLD)?);
    let pages = lay_out(sheet);
    let count = pages.len();
    let mut document = Document::new();
    document.set_metadata(Metadata::new().title(sheet.title.clone()));
    for (place, inks) in (1_usize..).zip(pages) {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| wrong("the page"))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for ink in inks {
            match ink {
                Ink::Text { x, y, size, bold: heavy, text } => {
                    write(&mut surface, x, y, size, if heavy { &bold } else { &regular }, &text);
                }
                Ink::Rule { y } => rule(&mut surface, y),
                Ink::Code { x, y, code } => slip::draw(&mut surface, x, y, &code),
            }
        }
        let foot = foot(sheet);
        for (line, text) in (0_u8..).zip(foot.iter().filter(|_| foot.len() <= FOOT_LINES)) {
            write(&mut surface, MARGIN, FLOOR + 20.0 + f32::from(line) * 11.0, 8.0, &regular, text);
        }
        let counted = format!("{} {place}/{count}", sheet.page);
        write(
            &mut surface,
            RIGHT - width(&counted, 8.0, false),
            FLOOR + 20.0,
            8.0,
            &regular,
            &counted,
        );
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|error| PaperError(format!("{error:?}")))
}

fn write(surface: &mut Surface<'_>, x: f32, y: f32, size: f32, font: &Font, text: &str) {
    surface.set_stroke(None);
    surface.set_fill(Some(Fill { paint: rgb::Color::new(20, 20, 20).into(), ..Fill::default() }));
    surface.draw_text(Point::from_xy(x, y), font.clone(), size, text, false, TextDirection::Auto);
}

fn rule(surface: &mut Surface<'_>, y: f32) {
    let mut line = PathBuilder::new();
    line.move_to(MARGIN, y);
    line.line_to(RIGHT, y);
    if let Some(line) = line.finish() {
        surface.set_fill(None);
        surface.set_stroke(Some(Stroke {
            paint: rgb::Color::new(150, 150, 150).into(),
            width: 0.6,
            ..Stroke::default()
        }));
        surface.draw_path(&line);
    }
}

#[cfg(test)]
mod tests;
