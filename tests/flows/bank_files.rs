//! Files of banks as lines: each booking once whatever number of files hold it, nothing dropped,
//! everything listed.

use crate::{
    bank::{another, import, paid},
    bank_decisions::match_to,
    invariants,
    invoices::read,
    payments::{Till, till},
};
use payterms_proto::{
    common::v1::{CsvMapping, CsvPreset, csv_mapping::DateOrder},
    invoicing::v1::{
        BankLine, ConfirmBankLineRequest, DescribeBankStatementRequest, DismissBankLineRequest,
        ImportBankStatementRequest, ImportBankStatementResponse, ListBankLinesRequest,
        bank_line::{DismissReason, State, SuggestReason},
        invoice,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};

on_both!(
    files_of_banks_become_the_lines_of_their_bookings,
    what_is_not_taken_in_is_listed_with_its_reason,
    files_that_overlap_add_what_is_new,
    what_may_be_a_duplicate_waits_for_a_person,
    a_batch_in_another_format_is_the_same_booking,
    exports_in_columns_are_read_by_preset_and_by_mapping,
    a_payer_who_pays_for_others_waits_for_a_person,
    amounts_that_the_payer_states_win,
    a_description_changes_nothing,
);

macro_rules! case {
    ($name:literal) => {
        include_str!(concat!("../../crates/bank-files/tests/files/", $name))
    };
}

/// A booking: amount, day, payer, text, and more of the entry.
struct Entry<'a> {
    amount: &'a str,
    day: &'a str,
    payer: &'a str,
    text: &'a str,
    reference: &'a str,
}

const PLAIN: Entry<'static> =
    Entry { amount: "10.00", day: "2026-02-02", payer: "", text: "", reference: "" };

/// A statement, with the days that it covers where they are stated.
fn statement(period: Option<(&str, &str)>, entries: &[Entry<'_>]) -> Vec<u8> {
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

async fn list(till: &Till, state: State) -> Vec<BankLine> {
    let request = ListBankLinesRequest {
        parent: "tenants/acme".into(),
        state: state.into(),
        page_size: 500,
        ..Default::default()
    };
    till.owner.bank().list_bank_lines(request).await.unwrap().into_inner().bank_lines
}

/// Lines, duplicates, entries that were passed over.
fn counts(answer: &ImportBankStatementResponse) -> (usize, i32, i32) {
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

async fn files_that_overlap_add_what_is_new(world: &World) {
    let till = till(world, 0).await;
    let on = |day, amount| Entry { day, amount, payer: "Brightside", ..PLAIN };
    let (first, second) = (
        [on("2026-02-01", "5.00"), on("2026-02-02", "5.00")],
        [on("2026-02-02", "5.00"), on("2026-02-03", "5.00")],
    );
    let answer =
        import(&till.owner, statement(Some(("2026-02-01", "2026-02-02")), &first)).await.unwrap();
    assert_eq!(counts(&answer), (2, 0, 0));
    let answer =
        import(&till.owner, statement(Some(("2026-02-02", "2026-02-03")), &second)).await.unwrap();
    assert_eq!(
        (counts(&answer), answer.bank_lines[0].book_date.unwrap().day),
        ((1, 1, 0), 3),
        "the day that both hold is known"
    );
    let known = list(&till, State::Unmatched)
        .await
        .into_iter()
        .find(|line| line.book_date.unwrap().day == 2)
        .unwrap();
    assert_eq!(
        (answer.duplicates[0].place.as_str(), &answer.duplicates[0].bank_line),
        ("statement 1, entry 1", &known.name)
    );
    // The larger count holds, and what the bank writes otherwise the second time is still the same.
    let more =
        [on("2026-02-02", "5.00"), Entry { payer: "BRIGHTSIDE LTD", ..on("2026-02-02", "5.00") }];
    let answer =
        import(&till.owner, statement(Some(("2026-02-02", "2026-02-02")), &more)).await.unwrap();
    assert_eq!(counts(&answer), (1, 1, 0));
    assert_eq!(list(&till, State::Unmatched).await.len(), 4);
    // Two files of one account at once are one after the other.
    let next = statement(
        Some(("2026-02-05", "2026-02-05")),
        &[on("2026-02-05", "6.00"), on("2026-02-05", "6.00")],
    );
    let (one, two) = tokio::join!(import(&till.owner, next.clone()), import(&till.owner, next));
    let mut both = [counts(&one.unwrap()), counts(&two.unwrap())];
    both.sort_unstable();
    assert_eq!(both, [(0, 2, 0), (2, 0, 0)]);
}

pub(crate) async fn what_may_be_a_duplicate_waits_for_a_person(world: &World) {
    let till = till(world, 0).await;
    let paying = |amount, text| Entry { amount, text, payer: "Brightside", ..PLAIN };
    let number = till.invoice.number.clone();
    let first = import(&till.owner, statement(None, &[paying("40.00", &number)]))
        .await
        .unwrap()
        .bank_lines
        .remove(0);
    paid(&till.owner, &first.name).await;
    // A part of the day without references: it may be the same payment, or the next one.
    let answer =
        import(&till.owner, statement(None, &[paying("40.00", &number), paying("1.00", "x")]))
            .await
            .unwrap();
    let suspected = answer.bank_lines[0].clone();
    assert_eq!(
        (suspected.state(), &suspected.duplicate_of, &suspected.invoice),
        (State::SuspectedDuplicate, &first.name, &String::new())
    );
    assert_eq!(
        read(&till.owner, &till.invoice.name).await.unwrap().paid,
        amount("USD", 40, 0),
        "it pays nothing"
    );
    assert_eq!(list(&till, State::SuspectedDuplicate).await.len(), 1);
    let refused = match_to(&till.owner, &suspected.name, &[&till.invoice.name]).await.unwrap_err();
    assert_eq!(reason(&refused), "BANK_LINE_STATE");
    assert!(refused.message().contains("ConfirmBankLine"), "{}", refused.message());
    let confirm = |name: &str| ConfirmBankLineRequest {
        request_id: request_id(),
        name: name.into(),
        ..Default::default()
    };
    let staff = world.someone("STAFF", None);
    let confirmed = staff
        .bank()
        .confirm_bank_line(confirm(&suspected.name))
        .await
        .unwrap()
        .into_inner()
        .bank_line
        .unwrap();
    assert_eq!(
        (confirmed.state(), &confirmed.invoice),
        (State::Matched, &till.invoice.name),
        "it pays like any other then"
    );
    paid(&till.owner, &suspected.name).await;
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().paid, amount("USD", 80, 0));
    let refused = staff.bank().confirm_bank_line(confirm(&suspected.name)).await.unwrap_err();
    assert_eq!(reason(&refused), "BANK_LINE_STATE");
    let third = import(&till.owner, statement(None, &[paying("1.00", "x")]))
        .await
        .unwrap()
        .bank_lines
        .remove(0);
    let dismiss = DismissBankLineRequest {
        request_id: request_id(),
        name: third.name.clone(),
        reason: DismissReason::Duplicate.into(),
        explanation: String::new(),
        ..Default::default()
    };
    let dismissed =
        staff.bank().dismiss_bank_line(dismiss).await.unwrap().into_inner().bank_line.unwrap();
    assert_eq!((dismissed.state(), dismissed.duplicate_of), (State::Dismissed, String::new()));
    // References that both files give once decide without a person.
    let referred = |reference| Entry { amount: "70.00", reference, payer: "Brightside", ..PLAIN };
    for (reference, expected) in
        [("REF-1", (1, 0, 0)), ("REF-2", (1, 0, 0)), ("REF-1", (0, 1, 0)), ("ref 2", (0, 1, 0))]
    {
        let unlike = request_id();
        let other = Entry { amount: "0.01", day: "2026-02-03", reference: &unlike, ..PLAIN };
        let answer =
            import(&till.owner, statement(None, &[referred(reference), other])).await.unwrap();
        let of_seventy =
            answer.bank_lines.iter().filter(|line| line.amount == amount("USD", 70, 0));
        let (new, known) = (of_seventy.clone().count(), answer.duplicate_count);
        assert_eq!((new, known, answer.ignored_count), expected, "{reference}: {answer:?}");
        assert!(of_seventy.clone().all(|line| line.state() == State::Unmatched), "{answer:?}");
    }
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_batch_in_another_format_is_the_same_booking(world: &World) {
    let till = till(world, 0).await;
    let part = |amount: &str, payer: &str| {
        format!(
            "<TxDtls><Amt Ccy=\"EUR\">{amount}</Amt><RltdPties><Dbtr><Nm>{payer}</Nm></Dbtr></RltdPties></TxDtls>"
        )
    };
    let details =
        format!("<NtryDtls>{}{}</NtryDtls>", part("30.00", "Alpha"), part("20.00", "Beta"));
    let camt = format!(
        "<Document><BkToCstmrStmt><Stmt><Id>C</Id><FrToDt><FrDtTm>2026-02-02T00:00:00</FrDtTm><ToDtTm>2026-02-02T23:59:59</ToDtTm></FrToDt>\
         <Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct><Ntry><Amt Ccy=\"EUR\">50.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
         <Sts>BOOK</Sts><BookgDt><Dt>2026-02-02</Dt></BookgDt>{details}</Ntry></Stmt></BkToCstmrStmt></Document>"
    );
    let first = import(&till.owner, camt.into_bytes()).await.unwrap();
    let payers: Vec<_> =
        first.bank_lines.iter().map(|line| (line.payer.as_str(), line.amount.clone())).collect();
    assert_eq!(payers, [("Alpha", amount("EUR", 30, 0)), ("Beta", amount("EUR", 20, 0))]);
    let mt940 = ":20:STMT\r\n:25:37040044/0532013000\r\n:28C:1/1\r\n:60F:C260202EUR0,00\r\n:61:2602020202C50,00NTRFNONREF\r\n\
                 :86:COLLECTIVE\r\n:62F:C260202EUR50,00\r\n-\r\n";
    let again = import(&till.owner, mt940.as_bytes().to_vec()).await.unwrap();
    assert_eq!((counts(&again), again.format.as_str()), ((0, 1, 0), "MT940"), "{again:?}");
    assert_eq!(again.duplicates[0].bank_line, first.bank_lines[0].name);
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

/// A credit with the payer's account, and what they state for documents.
fn from_account(value: &str, account: &str, remittance: &str, reference: &str) -> Vec<u8> {
    format!(
        "<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct><Ntry><Amt Ccy=\"USD\">{value}</Amt>\
         <CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-02-02</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>\
         <NtryDtls><TxDtls><RltdPties><DbtrAcct><Id><IBAN>{account}</IBAN></Id></DbtrAcct></RltdPties><RmtInf>{remittance}</RmtInf>\
         </TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"
    )
    .into_bytes()
}

async fn a_payer_who_pays_for_others_waits_for_a_person(world: &World) {
    let till = till(world, 0).await;
    let named = |number: &str| format!("<Ustrd>{number}</Ustrd>");
    let account = "GB33BUKB20201555555555";
    let first =
        import(&till.owner, from_account("100.00", account, &named(&till.invoice.number), "P1"))
            .await
            .unwrap();
    paid(&till.owner, &first.bank_lines[0].name).await;
    let other = world.customer("acme", "GB").await;
    world.wallet(&other, "USD").await;
    let theirs = Till { customer: other, ..again(&till) };
    let invoice = another(&theirs, 50).await;
    let answer = import(&till.owner, from_account("50.00", account, &named(&invoice.number), "P2"))
        .await
        .unwrap();
    let line = &answer.bank_lines[0];
    assert_eq!(
        (line.state(), &line.candidates),
        (State::Suggested, &vec![invoice.name.clone()]),
        "{line:?}"
    );
    assert_eq!(line.suggest_reasons, [i32::from(SuggestReason::OtherPayer)]);
    match_to(&till.owner, &line.name, &[&invoice.name]).await.unwrap();
    paid(&till.owner, &line.name).await;
    // A person said that the account pays for both.
    let next = another(&theirs, 20).await;
    let answer = import(&till.owner, from_account("20.00", account, &named(&next.number), "P3"))
        .await
        .unwrap();
    assert_eq!(answer.bank_lines[0].state(), State::Matched);
    paid(&till.owner, &answer.bank_lines[0].name).await;
    invariants::hold(world).await;
}

fn again(till: &Till) -> Till {
    Till {
        customer: till.customer.clone(),
        wallet: till.wallet.clone(),
        invoice: till.invoice.clone(),
        admin: till.admin.clone(),
        owner: till.owner.clone(),
    }
}

async fn amounts_that_the_payer_states_win(world: &World) {
    let till = till(world, 0).await;
    let second = another(&till, 100).await;
    let stated = |number: &str, value: &str| {
        format!(
            "<Strd><RfrdDocInf><Nb>{number}</Nb></RfrdDocInf><RfrdDocAmt><RmtdAmt Ccy=\"USD\">{value}</RmtdAmt></RfrdDocAmt></Strd>"
        )
    };
    let both = |one: &str, two: &str| {
        [stated(&till.invoice.number, one), stated(&second.number, two)].concat()
    };
    let answer = import(
        &till.owner,
        from_account("100.00", "GB33BUKB20201555555555", &both("30.00", "70.00"), "S1"),
    )
    .await
    .unwrap();
    assert_eq!(answer.bank_lines[0].state(), State::Matched, "{answer:?}");
    paid(&till.owner, &answer.bank_lines[0].name).await;
    for (invoice, open) in [(&till.invoice, 70), (&second, 30)] {
        assert_eq!(
            read(&till.owner, &invoice.name).await.unwrap().open,
            amount("USD", open, 0),
            "not the oldest first"
        );
    }
    let answer = import(
        &till.owner,
        from_account("100.00", "GB33BUKB20201555555555", &both("30.00", "70.00"), "S2"),
    )
    .await
    .unwrap();
    assert_eq!(
        answer.bank_lines[0].suggest_reasons,
        [i32::from(SuggestReason::StatedAmount)],
        "more than it can take: {answer:?}"
    );
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
