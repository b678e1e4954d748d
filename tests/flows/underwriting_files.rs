//! What underwriting believes of the files of banks: the values of their bookings, rows in another
//! currency apart; and what a file is described to hold before it is read.

use crate::{
    applications::{Desk, desk, known},
    clocks::advance,
    collections::{DAY, START},
    invariants,
    lines::usd,
    underwriting::{apart, decided},
};
use payterms_proto::{
    common::v1::{CsvMapping, CsvPreset, csv_mapping::DateOrder},
    credit::v1::{
        ApartRule, Decision, DescribeBankFileRequest, Feature, Outcome, Programme,
        UploadBankStatementRequest, UploadBankStatementResponse,
    },
    google::r#type::Date,
};
use payterms_suite::client::request_id;
use payterms_testkit::{World, on_both, reason};
use tonic::Status;

on_both!(
    files_of_banks_come_to_the_values_of_their_bookings,
    exports_of_banks_are_read_by_their_presets,
    rows_in_another_currency_are_set_apart,
    what_may_be_one_booking_is_for_a_person,
    what_a_file_holds_is_described_before_it_is_read,
);

fn july(day: i64) -> i64 {
    START + (180 + day) * DAY
}

impl Desk {
    async fn uploads(
        &self,
        name: &str,
        content: &[u8],
        csv: Option<CsvMapping>,
        preset: CsvPreset,
    ) -> Result<UploadBankStatementResponse, Status> {
        let request = UploadBankStatementRequest {
            request_id: request_id(),
            name: name.to_owned(),
            title: "Statement".into(),
            content: content.to_vec().into(),
            csv,
            preset: preset.into(),
        };
        Ok(self.admin.applications().upload_bank_statement(request).await?.into_inner())
    }

    /// The policy's answer to one file.
    async fn answer(&self, content: &[u8], csv: Option<CsvMapping>, preset: CsvPreset) -> Decision {
        let name = self.start().await.unwrap().name;
        self.uploads(&name, content, csv, preset).await.unwrap();
        self.submit(&name).await.unwrap();
        let advice = self.read(&self.reviewer, &name).await.advice.unwrap();
        self.withdraw(&name).await;
        advice
    }
}

macro_rules! case {
    ($name:literal) => {
        include_bytes!(concat!("../../crates/bank-files/tests/files/", $name)).as_slice()
    };
}

async fn files_of_banks_come_to_the_values_of_their_bookings(world: &World) {
    let desk = desk(world, Programme { cool_down_days: 1, ..Programme::default() }).await;
    advance(world, july(14)).await;
    let file = async |content: &[u8]| desk.answer(content, None, CsvPreset::Unspecified).await;
    let cases = [
        (case!("nonref-five-a-day.xml"), "10000", "0", vec!["ONE_PAYER"], Outcome::Refer),
        (case!("urdd.xml"), "10600", "0", vec![], Outcome::Approve),
        (case!("bounced-deposits.xml"), "10000", "2", vec!["RETURNED_DEPOSITS"], Outcome::Refer),
        (case!("bal-dttm.xml"), "10000", "0", vec![], Outcome::Approve),
    ];
    for (day, (content, inflow, returned, rules, outcome)) in (16..).step_by(2).zip(cases) {
        let advice = file(content).await;
        let (known_inflow, limit, matched) = decided(&advice);
        assert_eq!(
            (known_inflow.as_str(), limit, matched),
            (inflow, Some(1_500), rules.into_iter().map(str::to_owned).collect())
        );
        assert_eq!(
            (known(&advice, Feature::ReturnedPayments).as_deref(), advice.outcome()),
            (Some(returned), outcome)
        );
        assert!(known(&advice, Feature::LowestBalance).is_some(), "balances are known");
        advance(world, july(day)).await;
    }
    invariants::hold(world).await;
}

async fn exports_of_banks_are_read_by_their_presets(world: &World) {
    let desk = desk(world, Programme { cool_down_days: 1, ..Programme::default() }).await;
    advance(world, july(14)).await;
    let period = |month, day| Some(Date { year: 2026, month, day });
    let account = CsvMapping {
        account: "0042".into(),
        currency_code: "USD".into(),
        from_date: period(1, 1),
        to_date: period(6, 30),
        ..CsvMapping::default()
    };
    let presets = [
        (case!("chase.csv"), CsvPreset::Chase),
        (case!("bank-of-america.csv"), CsvPreset::BankOfAmerica),
    ];
    for (day, (content, preset)) in (16..).step_by(2).zip(presets) {
        let advice = desk.answer(content, Some(account.clone()), preset).await;
        assert_eq!(
            decided(&advice),
            ("10000".into(), Some(1_500), vec!["RETURNS_UNKNOWN".into()]),
            "{preset:?}"
        );
        assert!(known(&advice, Feature::LowestBalance).is_some());
        advance(world, july(day)).await;
    }
    // Found by its columns, without the applicant's word for it.
    let name = desk.start().await.unwrap().name;
    let read = desk.uploads(&name, case!("chase.csv"), None, CsvPreset::Unspecified).await.unwrap();
    assert_eq!(read.credit_application.unwrap().files[0].booking_count, 30);
}

async fn rows_in_another_currency_are_set_apart(world: &World) {
    let desk = desk(world, Programme { cool_down_days: 1, ..Programme::default() }).await;
    advance(world, july(14)).await;
    let mapping = CsvMapping {
        date_column: "Date".into(),
        date_order: DateOrder::MonthDayYear.into(),
        amount_column: "Amount".into(),
        party_column: "Who".into(),
        account: "0042".into(),
        currency_code: "USD".into(),
        from_date: Some(Date { year: 2026, month: 1, day: 1 }),
        to_date: Some(Date { year: 2026, month: 6, day: 30 }),
        ..CsvMapping::default()
    };
    for csv in [mapping.clone(), CsvMapping { currency_column: "Currency".into(), ..mapping }] {
        let name = desk.start().await.unwrap().name;
        let read = desk
            .uploads(&name, case!("multi-currency.csv"), Some(csv), CsvPreset::Unspecified)
            .await;
        // Without the column's name it may be refused; it is never read as dollars.
        if let Ok(read) = read {
            assert_eq!(
                read.findings
                    .iter()
                    .filter(|bank_finding| bank_finding.kind == "OTHER_CURRENCY")
                    .count(),
                6,
                "{:?}",
                read.findings
            );
            let kept = &read.credit_application.unwrap().files[0];
            assert_eq!(
                (kept.format.as_str(), kept.findings.len(), kept.finding_count),
                ("CSV", 6, 6),
                "kept with the file"
            );
            desk.submit(&name).await.unwrap();
            let advice = desk.read(&desk.reviewer, &name).await.advice.unwrap();
            assert_eq!(known(&advice, Feature::MonthlyInflow).as_deref(), Some("6000"));
        } else {
            assert_eq!(reason(&read.unwrap_err()), "BANK_FILE_INVALID");
        }
        desk.withdraw(&name).await;
        advance(world, july(16)).await;
    }
}

async fn what_may_be_one_booking_is_for_a_person(world: &World) {
    let desk = desk(world, Programme::default()).await;
    advance(world, july(14)).await;
    let name = desk.start().await.unwrap().name;
    let whole = String::from_utf8(case!("nonref-five-a-day.xml").to_vec()).unwrap();
    // The same account cut inside a day, without periods: what cannot be told apart is for a
    // person.
    let (from, to) =
        (whole.find("<FrToDt>").unwrap(), whole.find("</FrToDt>").unwrap() + "</FrToDt>".len());
    let unstated = format!("{}{}", &whole[..from], &whole[to..]);
    let entries: Vec<_> = unstated.match_indices("<Ntry>").map(|(at, _)| at).collect();
    let end = unstated.rfind("</Ntry>").unwrap() + "</Ntry>".len();
    let (first, cut) = (entries[0], entries[entries.len() / 2 + 2]);
    let parts = [
        format!("{}{}", &unstated[..cut], &unstated[end..]),
        format!("{}{}", &unstated[..first], &unstated[cut..]),
    ];
    for part in &parts {
        desk.uploads(&name, part.as_bytes(), None, CsvPreset::Unspecified).await.unwrap();
    }
    desk.submit(&name).await.unwrap();
    let advice = desk.read(&desk.reviewer, &name).await.advice.unwrap();
    let suspected: i64 = known(&advice, Feature::SuspectedDuplicates).unwrap().parse().unwrap();
    assert!(suspected > 0 && advice.outcome() == Outcome::Refer);
    assert!(advice.rules.iter().any(|rule| rule.code == "SUSPECTED_DUPLICATES" && rule.matched));
    assert_eq!(apart(&advice)[0].0, ApartRule::SuspectedDuplicate);
    invariants::hold(world).await;
}

async fn what_a_file_holds_is_described_before_it_is_read(world: &World) {
    let desk = desk(world, Programme::default()).await;
    advance(world, july(14)).await;
    let name = desk.start().await.unwrap().name;
    let before = desk.read(&desk.reviewer, &name).await;
    let describe = async |content: &[u8]| {
        let request = DescribeBankFileRequest {
            name: name.clone(),
            content: content.to_vec().into(),
            ..DescribeBankFileRequest::default()
        };
        desk.admin.applications().describe_bank_file(request).await.map(tonic::Response::into_inner)
    };
    let described = describe(case!("bal-dttm.xml")).await.unwrap();
    let bank_statement_summary = &described.statements[0];
    assert_eq!(
        (
            described.format.as_str(),
            described.finding_count,
            bank_statement_summary.currency_code.as_str()
        ),
        ("CAMT_053", 0, "USD")
    );
    assert_eq!(
        (
            bank_statement_summary.booking_count,
            bank_statement_summary.whole,
            bank_statement_summary.reports_returns
        ),
        (30, true, true)
    );
    assert_eq!(
        (
            bank_statement_summary.inflow.clone(),
            bank_statement_summary.outflow.clone(),
            bank_statement_summary.closing_balance.clone()
        ),
        (usd(60_000), usd(48_000), usd(32_000))
    );
    assert_eq!(bank_statement_summary.to_date, Some(Date { year: 2026, month: 6, day: 30 }));
    assert_eq!(reason(&describe(b"PK\x03\x04").await.unwrap_err()), "BANK_FILE_INVALID");
    assert_eq!(desk.read(&desk.reviewer, &name).await, before, "nothing has changed");
}
