//! What is laid out: all words, on as many pages as it takes, and the code of how to pay in one
//! piece.

use super::{FLOOR, Ink, MARGIN, Section, Sheet, Slip, lay_out, print, wrap};
use crate::documents::epc::Transfer;
use payterms_kernel::{Currency, Money};

#[test]
fn the_same_sheet_gives_the_same_bytes_and_long_ones_more_pages() {
    let row = |place: usize| {
        [
            format!("Line {place} with a rather long description that does not fit into one line"),
            "1".into(),
            "2".into(),
            "3".into(),
        ]
    };
    let sheet =
        Sheet { title: "Invoice".into(), rows: (0..60).map(row).collect(), ..Sheet::default() };
    assert_eq!(print(&sheet).unwrap(), print(&sheet).unwrap());
    assert!(print(&sheet).unwrap().starts_with(b"%PDF"));
    assert_eq!(lay_out(&sheet).len(), 3);
}

#[test]
fn no_word_of_the_mentions_or_of_a_party_is_lost() {
    let long = |word: &str| format!("{}END", format!("{word} ").repeat(60));
    let sheet = Sheet {
        seller: vec![long("Sel")],
        buyer: vec![long("Buy")],
        foot: format!("One\n{}", long("Law")),
        ..Sheet::default()
    };
    let texts: Vec<_> = lay_out(&sheet)
        .into_iter()
        .flatten()
        .filter_map(|ink| if let Ink::Text { text, .. } = ink { Some(text) } else { None })
        .collect();
    for word in ["Sel", "Buy", "Law"] {
        assert_eq!(
            texts.iter().map(|text| text.matches(word).count()).sum::<usize>(),
            60,
            "{word}"
        );
    }
    assert_eq!(texts.iter().filter(|text| text.ends_with("END")).count(), 3);
    assert!(texts.contains(&"One".to_owned()) && texts.iter().all(|text| !text.contains('\n')));
}

#[test]
fn words_wrap_and_what_is_too_long_is_cut() {
    assert_eq!(wrap("one two", 1_000.0, 10.0), ["one two"]);
    let cut = wrap(&"x".repeat(200), 100.0, 10.0);
    assert!(cut.len() > 5 && cut.concat().len() == 200);
    assert_eq!(wrap("", 10.0, 10.0), [""]);
}

fn slip(lines: usize) -> Slip {
    let amount = Money::parse(Currency::parse("EUR").unwrap(), "1234.50").unwrap();
    let transfer = Transfer {
        name: "Acme GmbH",
        iban: "DE89370400440532013000",
        amount,
        reference: "RF54INV2026000042",
    };
    let lines = (0..lines).map(|place| format!("Pay {place}")).collect();
    Slip { title: "By bank transfer".into(), lines, code: transfer.code() }
}

/// The page and the lowest point of the code, and the pages of its lines with their places.
fn placed(sheet: &Sheet) -> ((usize, f32), Vec<(usize, f32)>) {
    let (mut code_at, mut lines) = ((usize::MAX, 0.0), Vec::new());
    for (page, inks) in lay_out(sheet).into_iter().enumerate() {
        for ink in inks {
            match ink {
                Ink::Code { y, code, .. } => code_at = (page, y + f32::from(code.width()) * 1.7),
                Ink::Text { y, text, .. } if text.starts_with("Pay ") => lines.push((page, y)),
                _ => {}
            }
        }
    }
    (code_at, lines)
}

#[test]
fn the_code_and_its_lines_stay_on_one_page_wherever_the_rows_end() {
    let row = [String::from("A line"), "1".into(), "2".into(), "3".into()];
    let mut pages = Vec::new();
    for rows in 0..60 {
        let sheet = Sheet {
            title: "Invoice".into(),
            rows: vec![row.clone(); rows],
            slip: Some(slip(5)),
            ..Sheet::default()
        };
        let ((page, bottom), lines) = placed(&sheet);
        assert!(
            lines.len() == 5 && lines.iter().all(|(number, y)| *number == page && *y < FLOOR),
            "{rows}: {lines:?} {page}"
        );
        assert!(bottom < FLOOR, "{rows}: {bottom}");
        pages.push(page);
    }
    assert_eq!((pages[0], pages[59]), (0, 1));
    assert!(
        print(&Sheet { slip: Some(slip(5)), ..Sheet::default() }).unwrap().starts_with(b"%PDF")
    );
}

#[test]
fn details_longer_than_a_page_go_on_and_nothing_lies_under_the_code() {
    let sheet =
        Sheet { slip: Some(slip(150)), sentences: vec!["Before".into()], ..Sheet::default() };
    let ((page, _), lines) = placed(&sheet);
    assert!(
        lines.len() == 150 && lines.iter().all(|(_, y)| *y <= FLOOR) && lines[149].0 > page,
        "{:?}",
        lines.last()
    );
    let foot = "Law\n".repeat(5);
    let below = Sheet { slip: Some(slip(1)), foot, ..Sheet::default() };
    let ((page, bottom), _) = placed(&below);
    let texts = lay_out(&below)
        .into_iter()
        .enumerate()
        .flat_map(|(number, inks)| inks.into_iter().map(move |ink| (number, ink)));
    let under = texts.filter(|(number, ink)| {
        *number == page && matches!(ink, Ink::Text { x, y, text, .. } if text == "Law" && *x >= MARGIN && *y < bottom)
    });
    assert_eq!(under.count(), 0);
}

#[test]
fn more_tables_follow_the_sums_whole_on_as_many_pages_as_it_takes() {
    let row = |place: usize| [format!("Late {place}"), "1".into(), "2".into(), "3".into()];
    let section = |title: &str| Section {
        title: title.into(),
        heads: ["A".into(), "B".into(), "C".into(), "D".into()],
        rows: (0..40).map(row).collect(),
    };
    let sheet = Sheet {
        sums: vec![("Owed now".into(), "1".into())],
        sections: vec![section("Past due"), section("Given back")],
        ..Sheet::default()
    };
    let texts: Vec<_> = lay_out(&sheet)
        .into_iter()
        .flatten()
        .filter_map(|ink| if let Ink::Text { text, .. } = ink { Some(text) } else { None })
        .collect();
    let place = |wanted: &str| texts.iter().position(|text| text == wanted).unwrap();
    assert!(place("Owed now") < place("Past due") && place("Past due") < place("Given back"));
    assert_eq!(texts.iter().filter(|text| text.starts_with("Late ")).count(), 80);
}
