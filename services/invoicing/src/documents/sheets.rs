//! What invoices and credit notes show on paper, in the customer's language, and what all documents
//! share.

pub mod receipts;

use super::{
    epc::Transfer,
    paper::{Sheet, Slip},
    wording::{Language, grouped},
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    CreditNote, Invoice, InvoiceVersion, Issue, Line, Party, TaxAmount, bank::creditor_reference,
};
use payterms_kernel::{Money, text::find_iban};

fn party(party: &Party, language: Language) -> Vec<String> {
    let mut lines = vec![party.legal_name.clone()];
    if let Some(address) = &party.address {
        lines.extend(address.lines.iter().cloned());
        let place: Vec<_> = [&address.postal_code, &address.city, &address.region]
            .into_iter()
            .filter(|part| !part.is_empty())
            .cloned()
            .collect();
        lines.push(place.join(" "));
    }
    // An address lies in its own country, wherever the party is taxed.
    let country = party.address.as_ref().map_or(&party.country, |address| &address.country);
    lines.push(language.country(country).to_owned());
    if !party.tax_id.is_empty() {
        lines.push(format!("{} {}", language.say("Tax number", "N° fiscal"), party.tax_id));
    }
    lines
}

pub(super) fn sheet(
    language: Language,
    title: String,
    seller: &Party,
    buyer: &Party,
    mentions: &str,
) -> Sheet {
    Sheet {
        title,
        seller: party(seller, language),
        buyer: party(buyer, language),
        heads: [
            language.say("Description", "Désignation"),
            language.say("Quantity", "Quantité"),
            language.say("Unit price", "Prix unitaire"),
            language.say("Amount", "Montant"),
        ]
        .map(str::to_owned),
        foot: mentions.to_owned(),
        page: "Page".to_owned(),
        ..Sheet::default()
    }
}

/// Net, tax by rate, and the total; sentences of the rates once each.
fn taxes(sheet: &mut Sheet, language: Language, net: Money, taxes: &[TaxAmount], total: Money) {
    sheet.sums.push((language.say("Net", "Total HT").to_owned(), language.money(net)));
    for tax_amount in taxes {
        let label = format!(
            "{} {} %",
            language.say("Tax", "TVA"),
            language.number(tax_amount.rate.percent)
        );
        let label =
            format!("{label} {} {}", language.say("on", "sur"), language.money(tax_amount.net));
        sheet.sums.push((label, language.money(tax_amount.tax)));
        if !tax_amount.rate.sentence.is_empty()
            && !sheet.sentences.contains(&tax_amount.rate.sentence)
        {
            sheet.sentences.push(tax_amount.rate.sentence.clone());
        }
    }
    sheet.sums.push((language.say("Total", "Total TTC").to_owned(), language.money(total)));
}

/// A line before its discount, and the discount below it: the last column sums to the lines' sum.
fn rows(language: Language, line: &Line) -> Result<Vec<[String; 4]>, AppError> {
    let (quantity, price) = (language.number(line.quantity), language.money(line.unit_price));
    let mut rows =
        vec![[line.description.clone(), quantity, price, language.money(line.before_discount()?)]];
    if let Some(discount) = &line.discount {
        let taken_off = language.money(line.taken_off()?.negated());
        rows.push([language.discount(discount), String::new(), String::new(), taken_off]);
    }
    Ok(rows)
}

/// How to pay so much by transfer; none where nothing is to be paid, or the seller has not said
/// where transfers go.
fn slip(language: Language, invoice: &Invoice, issue: &Issue, open: Money) -> Option<Slip> {
    let details = &issue.seller.bank_details;
    if details.is_empty() || !open.is_positive() {
        return None;
    }
    let (due, reference) = (language.date(issue.due_date), creditor_reference(&issue.number));
    let title = if invoice.top_up.is_some() {
        format!("{} {due}", language.say("Please transfer by", "À virer avant le"))
    } else {
        language.say("By bank transfer", "Par virement bancaire").to_owned()
    };
    let labelled =
        |english, french, value: &str| format!("{} {value}", language.say(english, french));
    let mut lines = vec![
        details.clone(),
        labelled("Payment reference:", "Référence du virement :", &grouped(&reference)),
        labelled("Amount:", "Montant :", &language.money(open)),
    ];
    if invoice.content.collect_automatically {
        let sentence = language.say(
            "The amount is collected automatically; a transfer is needed only where that fails.",
            "Le montant est prélevé automatiquement ; un virement n’est nécessaire que si le prélèvement échoue.",
        );
        lines.push(sentence.to_owned());
    }
    let iban = find_iban(details);
    let transfer = iban.as_ref().map(|iban| Transfer {
        name: &issue.seller.legal_name,
        iban,
        amount: open,
        reference: &reference,
    });
    let code = transfer.and_then(|transfer| transfer.code());
    if code.is_some() {
        let sentence = language.say(
            "Or scan the code with a banking app.",
            "Ou scannez le code avec une application bancaire.",
        );
        lines.push(sentence.to_owned());
    }
    Some(Slip { title, lines, code })
}

/// An issued invoice as it was issued: what has been paid since does not change it.
///
/// # Errors
/// None that stored amounts can cause.
pub fn invoice(language: Language, invoice: &Invoice, issue: &Issue) -> Result<Sheet, AppError> {
    invoice_of(language, invoice, issue, invoice.amounts.total)
}

/// What the document asks for: nothing of what deposits have paid already.
fn to_pay(invoice: &Invoice, open: Money) -> Money {
    if invoice.usage.is_some_and(|usage_month| usage_month.agreement.is_none()) {
        Money::zero(invoice.currency)
    } else {
        open
    }
}

fn invoice_of(
    language: Language,
    invoice: &Invoice,
    issue: &Issue,
    open: Money,
) -> Result<Sheet, AppError> {
    let title = format!("{} {}", language.say("Invoice", "Facture"), issue.number);
    let mut sheet = sheet(language, title, &issue.seller, &issue.buyer, &issue.mentions);
    let supplied = invoice.content.supply_date.unwrap_or(issue.issue_date);
    let due = (
        language.say("Amount due", "Montant à payer").to_owned(),
        language.money(to_pay(invoice, open)),
    );
    sheet.facts = vec![
        (language.say("Issue date", "Date d’émission").to_owned(), language.date(issue.issue_date)),
        (language.say("Supply date", "Date de la prestation").to_owned(), language.date(supplied)),
    ];
    if invoice.is_over_nothing() {
        sheet.facts.push(due);
    } else {
        sheet.facts.extend([
            (language.say("Due date", "Échéance").to_owned(), language.date(issue.due_date)),
            (
                language.say("Payment term", "Conditions de paiement").to_owned(),
                language.term(invoice.content.term),
            ),
            due,
            (
                language.say("Payment reference", "Référence de paiement").to_owned(),
                grouped(&creditor_reference(&issue.number)),
            ),
        ]);
    }
    for line in &invoice.content.lines {
        sheet.rows.extend(rows(language, line)?);
    }
    if invoice.content.prices_include_tax {
        sheet.sentences.push(
            language
                .say("Prices include tax.", "Les prix s’entendent toutes taxes comprises.")
                .to_owned(),
        );
    }
    taxes(&mut sheet, language, invoice.amounts.net, &invoice.amounts.taxes, invoice.amounts.total);
    if invoice.is_postpaid() {
        let sentence = language.say(
            "This invoice is paid by bank transfer only.",
            "Cette facture se règle uniquement par virement bancaire.",
        );
        sheet.sentences.push(sentence.to_owned());
    }
    if !invoice.content.memo.is_empty() {
        sheet.sentences.push(invoice.content.memo.clone());
    }
    sheet.slip = slip(language, invoice, issue, open);
    Ok(sheet)
}

/// A credit note of an invoice.
///
/// # Errors
/// None that stored amounts can cause.
pub fn credit_note(
    language: Language,
    issue: &Issue,
    note: &CreditNote,
) -> Result<Sheet, AppError> {
    let title = format!("{} {}", language.say("Credit note", "Avoir"), note.number);
    let mut sheet = sheet(language, title, &issue.seller, &issue.buyer, &issue.mentions);
    sheet.facts = vec![
        (language.say("Issue date", "Date d’émission").to_owned(), language.date(note.issue_date)),
        (
            language.say("Invoice", "Facture").to_owned(),
            format!("{} ({})", issue.number, language.date(issue.issue_date)),
        ),
    ];
    let net =
        note.taxes.iter().try_fold(Money::zero(note.amount.currency()), |sum, tax_amount| {
            sum.plus(tax_amount.net)
        })?;
    sheet.rows = vec![[
        language.note_reason(&note.explanation),
        "1".to_owned(),
        language.money(net),
        language.money(net),
    ]];
    taxes(&mut sheet, language, net, &note.taxes, note.amount);
    Ok(sheet)
}

/// A later version of an invoice: other details, the same amounts.
///
/// # Errors
/// None that stored amounts can cause.
pub fn version(
    language: Language,
    invoice: &Invoice,
    issue: &Issue,
    invoice_version: &InvoiceVersion,
) -> Result<Sheet, AppError> {
    let (seller, buyer, mentions) = (
        invoice_version.seller.clone(),
        invoice_version.buyer.clone(),
        invoice_version.mentions.clone(),
    );
    let open = Money::from_micros(invoice.currency, invoice_version.open_micros);
    let mut sheet =
        invoice_of(language, invoice, &Issue { seller, buyer, mentions, ..issue.clone() }, open)?;
    if invoice_version.is_corrective(invoice) {
        sheet.title = format!(
            "{} {}",
            language.say("Corrective invoice", "Facture rectificative"),
            invoice_version.number
        );
        let first = format!("{} ({})", issue.number, language.date(issue.issue_date));
        sheet.facts.insert(0, (language.say("Corrects", "Rectifie").to_owned(), first));
        sheet.facts.insert(
            0,
            (
                language.say("Corrected on", "Rectifiée le").to_owned(),
                language.date(invoice_version.issue_date),
            ),
        );
    } else {
        let text = format!("{} {}", invoice_version.version, language.say("of", "du"));
        sheet.facts.push((
            language.say("Version", "Version").to_owned(),
            format!("{text} {}", language.date(invoice_version.issue_date)),
        ));
    }
    sheet.sentences.push(invoice_version.explanation.clone());
    Ok(sheet)
}

#[cfg(test)]
mod tests;
