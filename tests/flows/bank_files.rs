//! Files of banks as lines: each booking becomes one, nothing is dropped, and what is not taken in
//! is listed.

use crate::{
    bank::{another, import, paid},
    invariants,
    invoices::read,
    payments::{Till, till},
};
use payterms_proto::{
    common::v1::{CsvMapping, CsvPreset, csv_mapping::DateOrder},
    invoicing::v1::{
        BankLine, DescribeBankStatementRequest, ImportBankStatementRequest,
        ImportBankStatementResponse, ListBankLinesRequest, bank_line::State, invoice,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};

on_both!(
    files_of_banks_become_the_lines_of_their_bookings,
    what_is_not_taken_in_is_listed_with_its_reason,
    exports_in_columns_are_read_by_preset_and_by_mapping,
    a_description_changes_nothing,
);

macro_rules! case {
    ($name:literal) => {
        include_str!(concat!("../../crates/bank-files/tests/files/", $name))
    };
}

/// A booking: amount, day, payer, text, and more of the entry.
pub(crate) struct Entry<'a> {
    pub amount: &'a str,
    pub day: &'a str,
    pub payer: &'a str,
    pub text: &'a str,
    pub reference: &'a str,
}

pub(crate) const PLAIN: Entry<'static> =
    Entry { amount: "10.00", day: "2026-02-02", payer: "", text: "", reference: "" };

/// A statement, with the days that it covers where they are stated.
pub(crate) fn statement(period: Option<(&str, &str)>, entries: &[Entry<'_>]) -> Vec<u8> {
    let period = period.map(|(from, to)| {
        format!("<FrToDt><FrDtTm>{from}T00:00:00</FrDtTm><ToDtTm>{to}T23:59:59</ToDtTm></FrToDt>")
    });
    let entry = |entry: &Entry<'_>| {
        format!(
            "<Ntry><Amt Ccy=\"USD\">{}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{}</Dt></BookgDt>\
             <AcctSvcrRef>{}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Nm>{}</Nm></Dbtr></RltdPties>\
             <RmtInf><Ustrd>{}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
            entry.amount, entry.day, entry.reference, entry.payer, entry.text
        )
    };
    let entries: String = entries.iter().map(entry).collect();
    let account = "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>";
    let period = period.unwrap_or_default();
    format!("<Document><BkToCstmrStmt><Stmt>{period}{account}{entries}</Stmt></BkToCstmrStmt></Document>").into_bytes()
}

pub(crate) async fn list(till: &Till, state: State) -> Vec<BankLine> {
    let request = ListBankLinesRequest {
        parent: "tenants/acme".into(),
        state: state.into(),
        page_size: 500,
        ..Default::default()
    };
    till.owner.bank().list_bank_lines(request).await.unwrap().into_inner().bank_lines
}

/// Lines, duplicates, entries that were passed over.
pub(crate) fn counts(answer: &ImportBankStatementResponse) -> (usize, i32, i32) {
    (answer.bank_lines.len(), answer.duplicate_count, answer.ignored_count)
}

async fn files_of_banks_become_the_lines_of_their_bookings(world: &World) {
    let till = till(world, 0).await;
    // The file, the numbers in it, what stands in their place: the split one is cut behind its
    // seventh character.
    let cases: [(&str, &[&str]); 7] = [
        (case!("same-acctsvcrref.xml"), &["INV-2026-000021", "INV-2026-000022"]),
        (case!("wise-no-txdtls.xml"), &["INV-2026-000001"]),
        (case!("addtl-tx-inf.xml"), &["INV-2026-000003"]),
        (case!("rfrd-doc-inf.xml"), &["INV-2026-000005"]),
        (case!("ustrd-split-35.xml"), &["6-000004"]),
        (case!("bundle-net-of-charges.xml"), &["INV-2026-000011", "INV-2026-000012"]),
        (case!("zero-entry.xml"), &["INV-2026-000015"]),
    ];
    for (file, numbers) in cases {
        let (mut file, mut invoices) = (file.to_owned(), Vec::new());
        for number in numbers {
            let invoice = another(&till, 100).await;
            let this_text = if number.starts_with("INV") {
                invoice.number.as_str()
            } else {
                &invoice.number[7..]
            };
            assert!(file.contains(number), "{number}");
            file = file.replace(number, this_text);
            invoices.push(invoice);
        }
        let answer = import(&till.owner, file.clone().into_bytes()).await.unwrap();
        assert_eq!(answer.bank_lines.len(), numbers.len(), "{file} {answer:?}");
        for (line, invoice) in answer.bank_lines.iter().zip(&invoices) {
            assert_eq!(
                (line.state(), &line.invoice),
                (State::Matched, &invoice.name),
                "{file} {line:?}"
            );
            assert!(!line.text.is_empty(), "a person sees the text: {line:?}");
            let (_, payment) = paid(&till.owner, &line.name).await;
            assert_eq!(payment.surplus, amount("USD", 0, 0));
            assert_eq!(
                read(&till.owner, &invoice.name).await.unwrap().state(),
                invoice::State::Paid,
                "{file}"
            );
        }
        if file.contains("Chrgs") {
            let charges: Vec<_> = answer
                .bank_lines
                .iter()
                .map(|line| (line.payer.as_str(), line.charges.clone()))
                .collect();
            assert_eq!(
                charges,
                [("Alpha LLC", amount("USD", 2, 0)), ("Beta LLC", amount("USD", 2, 0))]
            );
            assert_eq!(answer.findings[0].kind, "PARTS_DIFFER", "{answer:?}");
            assert!(answer.findings[0].message.contains("4.00"), "{answer:?}");
        }
        if file.contains("0.00</Amt>") && answer.ignored_count == 1 {
            assert_eq!(
                (answer.findings[0].place.as_str(), answer.findings[0].kind.as_str()),
                ("statement 1, entry 1", "ZERO_AMOUNT")
            );
        }
        let again = import(&till.owner, file.into_bytes()).await.unwrap();
        assert_eq!(
            (again.bank_lines.len(), again.duplicates[0].bank_line.as_str()),
            (0, answer.bank_lines[0].name.as_str())
        );
    }
    let (first, second) = (another(&till, 100).await, another(&till, 100).await);
    let both = case!("two-invoices.xml");
    let named: Vec<_> = both.match_indices("INV-2026-").map(|(at, _)| &both[at..at + 15]).collect();
    let file = both.replace(named[0], &first.number).replace(named[1], &second.number);
    let answer = import(&till.owner, file.into_bytes()).await.unwrap();
    let (_, payment) = paid(&till.owner, &answer.bank_lines[0].name).await;
    assert_eq!((payment.allocations.len(), payment.surplus), (2, amount("USD", 0, 0)));
    let refused =
        import(&till.owner, case!("no-status.xml").as_bytes().to_vec()).await.unwrap_err();
    assert_eq!(reason(&refused), "BANK_FILE_INVALID", "it is said, not taken as no lines");
    assert!(refused.message().contains("statement 1, entry 1"), "{}", refused.message());
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_is_not_taken_in_is_listed_with_its_reason(world: &World) {
    let till = till(world, 0).await;
    let side = |amount: &str, side: &str, more: &str| {
        format!(
            "<Ntry><Amt Ccy=\"USD\">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{more}<BookgDt><Dt>2026-02-02</Dt></BookgDt></Ntry>"
        )
    };
    let entries = [
        side("7.00", "DBIT", "<Sts>BOOK</Sts>"),
        side("8.00", "DBIT", "<Sts>INFO</Sts>"),
        side("9.00", "CRDT", "<Sts>PDNG</Sts>"),
        side("10.00", "CRDT", "<Sts>BOOK</Sts>"),
        side("11.00", "CRDT", "<RvslInd>true</RvslInd><Sts>BOOK</Sts>"),
    ];
    let account = "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>";
    let file = format!(
        "<Document><BkToCstmrStmt><Stmt>{account}{}</Stmt></BkToCstmrStmt></Document>",
        entries.concat()
    );
    let answer = import(&till.owner, file.into_bytes()).await.unwrap();
    assert_eq!(
        (counts(&answer), answer.finding_count, answer.format.as_str()),
        ((1, 0, 4), 4, "CAMT_053"),
        "{answer:?}"
    );
    let listed: Vec<_> = answer
        .findings
        .iter()
        .map(|bank_finding| (bank_finding.place.as_str(), bank_finding.kind.as_str()))
        .collect();
    let expected = [
        ("statement 1, entry 1", "OUTGOING"),
        ("statement 1, entry 2", "NOT_BOOKED"),
        ("statement 1, entry 3", "NOT_BOOKED"),
        ("statement 1, entry 5", "RETURNED"),
    ];
    assert_eq!(listed, expected);
    assert!(answer.findings.iter().all(|bank_finding| !bank_finding.message.is_empty()));
}

async fn exports_in_columns_are_read_by_preset_and_by_mapping(world: &World) {
    let till = till(world, 0).await;
    let account = CsvMapping {
        account: "12345".into(),
        currency_code: "USD".into(),
        ..CsvMapping::default()
    };
    let of = |content: &str, csv: CsvMapping, preset: CsvPreset| ImportBankStatementRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        content: content.as_bytes().to_vec().into(),
        csv: Some(csv),
        preset: preset.into(),
    };
    let chase = of(case!("chase.csv"), account.clone(), CsvPreset::Chase);
    let answer = till.owner.bank().import_bank_statement(chase).await.unwrap().into_inner();
    assert_eq!(answer.format, "CSV");
    assert!(answer.bank_lines.len() > 1 && answer.ignored_count > 0, "{answer:?}");
    assert!(
        answer
            .bank_lines
            .iter()
            .all(|line| line.account == "12345" && line.state() != State::SuspectedDuplicate),
        "{answer:?}"
    );
    let mapping = CsvMapping {
        date_column: "Day".into(),
        date_order: DateOrder::YearMonthDay.into(),
        amount_column: "Amount".into(),
        party_column: "Who".into(),
        text_columns: vec!["Text".into()],
        ..account
    };
    let file = format!(
        "Day,Who,Amount,Text\n2026-02-02,Brightside,100.00,pays {}\n2026-02-03,Rent,-5.00,\n",
        till.invoice.number
    );
    let answer = till
        .owner
        .bank()
        .import_bank_statement(of(&file, mapping.clone(), CsvPreset::Unspecified))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (counts(&answer), answer.bank_lines[0].state(), answer.bank_lines[0].payer.as_str()),
        ((1, 0, 1), State::Matched, "Brightside")
    );
    paid(&till.owner, &answer.bank_lines[0].name).await;
    let wrong = CsvMapping { amount_column: "None".into(), ..mapping };
    let refused = till
        .owner
        .bank()
        .import_bank_statement(of(&file, wrong, CsvPreset::Unspecified))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "BANK_FILE_INVALID");
}

async fn a_description_changes_nothing(world: &World) {
    let till = till(world, 0).await;
    let entries =
        [Entry { text: &till.invoice.number, ..PLAIN }, Entry { day: "2026-02-03", ..PLAIN }];
    let file = statement(Some(("2026-02-02", "2026-02-03")), &entries);
    let describe = |content: Vec<u8>| DescribeBankStatementRequest {
        parent: "tenants/acme".into(),
        content: content.into(),
        ..DescribeBankStatementRequest::default()
    };
    let described = till
        .owner
        .bank()
        .describe_bank_statement(describe(file.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (described.bank_lines.len(), described.duplicate_count, described.format.as_str()),
        (2, 0, "CAMT_053")
    );
    assert!(described.bank_lines.iter().all(|line| line.name.is_empty()), "{described:?}");
    assert!(list(&till, State::Unspecified).await.is_empty());
    let answer = import(&till.owner, file.clone()).await.unwrap();
    assert_eq!(counts(&answer), (2, 0, 0));
    let described =
        till.owner.bank().describe_bank_statement(describe(file)).await.unwrap().into_inner();
    assert_eq!(
        (described.bank_lines.len(), described.duplicates[1].bank_line.as_str()),
        (0, answer.bank_lines[1].name.as_str())
    );
    let refused =
        till.owner.bank().describe_bank_statement(describe(b"a,b,c".to_vec())).await.unwrap_err();
    assert_eq!(reason(&refused), "BANK_FILE_INVALID");
}
