//! What receipts, their versions and their credit notes show on paper.

use super::{sheet, taxes};
use crate::documents::{paper::Sheet, wording::Language};
use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Receipt, ReceiptCreditNote, ReceiptVersion, receipt::Subject};
use payterms_kernel::Money;

/// A receipt.
///
/// # Errors
/// None that stored amounts can cause.
pub fn receipt(language: Language, receipt: &Receipt) -> Result<Sheet, AppError> {
    let title = format!("{} {}", language.say("Receipt", "Reçu"), receipt.number);
    let mut sheet = sheet(language, title, &receipt.seller, &receipt.buyer, &receipt.mentions);
    if let Subject::Payment { paid_on, invoices, .. } = &receipt.subject {
        paid_invoices(&mut sheet, language, *paid_on, receipt, invoices);
        return Ok(sheet);
    }
    sheet.facts =
        vec![(language.say("Paid on", "Payé le").to_owned(), language.date(receipt.paid_on()))];
    if let Subject::TopUp { replaces: Some(replaced), .. } = &receipt.subject {
        sheet.facts.insert(
            0,
            (
                language.say("Issue date", "Date d’émission").to_owned(),
                language.date(receipt.issue_date),
            ),
        );
        // It restores what the dispute took off those, which may stand for the rest: it does not
        // replace them.
        let after_dispute = language.say("Dispute won, about receipt", "Contestation gagnée, reçu");
        // Those from before the numbers were kept name the dispute.
        let of = if replaced.numbers.is_empty() {
            replaced.dispute.to_string()
        } else {
            replaced.numbers.join(", ")
        };
        sheet.facts.push((after_dispute.to_owned(), of));
    }
    if let Subject::TopUp { expires_on: Some(day), .. } = &receipt.subject {
        sheet.facts.push((
            language.say("Credit can be used until", "Crédit utilisable jusqu’au").to_owned(),
            language.date(*day),
        ));
    }
    let net = language.money(receipt.tax.net);
    sheet.rows = vec![[
        language.say("Prepaid credit", "Crédit prépayé").to_owned(),
        "1".to_owned(),
        net.clone(),
        net,
    ]];
    if receipt.taxed {
        taxes(
            &mut sheet,
            language,
            receipt.tax.net,
            std::slice::from_ref(&receipt.tax),
            receipt.amount,
        );
    } else {
        sheet
            .sums
            .push((language.say("Total", "Total").to_owned(), language.money(receipt.amount)));
        let sentence = language.say(
            "No tax is taken here: it is on the invoices that this credit pays.",
            "Aucune taxe n’est perçue ici : elle figure sur les factures que ce crédit paie.",
        );
        sheet.sentences.push(sentence.to_owned());
    }
    Ok(sheet)
}

/// A credit note of a receipt.
///
/// # Errors
/// None that stored amounts can cause.
pub fn receipt_credit_note(
    language: Language,
    receipt: &Receipt,
    note: &ReceiptCreditNote,
) -> Result<Sheet, AppError> {
    let title = format!("{} {}", language.say("Credit note", "Avoir"), note.number);
    let mut sheet = sheet(language, title, &receipt.seller, &receipt.buyer, &receipt.mentions);
    sheet.facts = vec![
        (language.say("Issue date", "Date d’émission").to_owned(), language.date(note.issue_date)),
        (
            language.say("Receipt", "Reçu").to_owned(),
            format!("{} ({})", receipt.number, language.date(receipt.issue_date)),
        ),
    ];
    let net = language.money(note.tax.net);
    sheet.rows = vec![[language.note_reason(&note.explanation), "1".to_owned(), net.clone(), net]];
    if receipt.taxed {
        taxes(&mut sheet, language, note.tax.net, std::slice::from_ref(&note.tax), note.amount);
    } else {
        sheet.sums.push((language.say("Total", "Total").to_owned(), language.money(note.amount)));
    }
    Ok(sheet)
}

/// What a payment paid of each invoice.
fn paid_invoices(
    sheet: &mut Sheet,
    language: Language,
    paid_on: NaiveDate,
    receipt: &Receipt,
    invoices: &[(String, Money)],
) {
    sheet.facts = vec![
        (
            language.say("Issue date", "Date d’émission").to_owned(),
            language.date(receipt.issue_date),
        ),
        (language.say("Paid on", "Payé le").to_owned(), language.date(paid_on)),
    ];
    sheet.heads = [language.say("Invoice", "Facture"), "", "", language.say("Paid", "Payé")]
        .map(str::to_owned);
    let row = |(number, paid): &(String, Money)| {
        [number.clone(), String::new(), String::new(), language.money(*paid)]
    };
    sheet.rows = invoices.iter().map(row).collect();
    sheet.sums.push((language.say("Total", "Total").to_owned(), language.money(receipt.amount)));
    let sentence = language.say("The tax is on the invoices.", "La taxe figure sur les factures.");
    sheet.sentences.push(sentence.to_owned());
}

/// A receipt as a version shows it: other details, the same amounts.
///
/// # Errors
/// None that stored amounts can cause.
pub fn receipt_version(
    language: Language,
    first: &Receipt,
    receipt_version: &ReceiptVersion,
) -> Result<Sheet, AppError> {
    let (seller, buyer, mentions) = (
        receipt_version.seller.clone(),
        receipt_version.buyer.clone(),
        receipt_version.mentions.clone(),
    );
    let mut sheet = receipt(language, &Receipt { seller, buyer, mentions, ..first.clone() })?;
    if receipt_version.version == 1 {
        return Ok(sheet);
    }
    if receipt_version.is_corrective(first) {
        sheet.title = format!(
            "{} {}",
            language.say("Corrective receipt", "Reçu rectificatif"),
            receipt_version.number
        );
        let corrected = format!("{} ({})", first.number, language.date(first.issue_date));
        sheet.facts.insert(0, (language.say("Corrects", "Rectifie").to_owned(), corrected));
        sheet.facts.insert(
            0,
            (
                language.say("Corrected on", "Rectifié le").to_owned(),
                language.date(receipt_version.issue_date),
            ),
        );
    } else {
        let text = format!("{} {}", receipt_version.version, language.say("of", "du"));
        sheet.facts.push((
            language.say("Version", "Version").to_owned(),
            format!("{text} {}", language.date(receipt_version.issue_date)),
        ));
    }
    sheet.sentences.push(receipt_version.explanation.clone());
    Ok(sheet)
}
