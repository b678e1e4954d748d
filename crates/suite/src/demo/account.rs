//! S5, the account of a customer in Australia: credit by bank transfer with its invoice, postpaid
//! by the month, documents that are corrected, listed and fetched.

mod documents;

use super::stage::{Stage, TENANT, must_hold, sentence_of, shown};
use crate::{
    Session,
    client::{amount, request_id},
};
use chrono::{DateTime, Months, Utc};
use documents::documents;
use payterms_kernel::calendar::{day_in, first_of_month, start_of_day};
use payterms_proto::{
    google::r#type::{Decimal, Money},
    invoicing::v1::{
        Address, BusinessDetails, CreateCustomerRequest, Customer, GetInvoiceRequest,
        ImportBankStatementRequest, Invoice, ListCreditNotesRequest, ListInvoicesRequest,
        RaiseTransferTopUpRequest, Tenant, TransferTopUp, UpdateTenantRequest, credit_note::Reason,
        invoice::State,
    },
    wallet::v1::{
        CreateRecurringFeeRequest, DecidePostpaidRequest, GetBalanceRequest, ListWalletsRequest,
        OpenWalletRequest, RecordUsageRequest, RequestPostpaidRequest, TaxKind,
        UpdateWalletSettingsRequest, WalletSettings, postpaid_agreement,
    },
};
use prost_types::FieldMask;

const CUSTOMER: &str = "Outback Freight Pty Ltd";

/// The customer with its wallet in AUD, and the tenant's people.
struct Account {
    customer: String,
    wallet: String,
    owner: Session,
    staff: Session,
}

/// Plays the story.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.print_title(
        "S5  An account in Australia: credit by transfer, then postpaid, with its documents.",
    );
    let account = open(stage).await?;
    transfer(stage, &account).await?;
    let invoice = postpaid(stage, &account).await?;
    documents(stage, &account, &invoice).await
}

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

async fn open(stage: &Stage) -> Result<Account, String> {
    let (owner, staff) = (stage.someone("OWNER")?, stage.someone("STAFF")?);
    let business = BusinessDetails {
        bank_details: "Southern Cross Telecom, BSB 062-000, account 1234 5678".to_owned(),
        ..Default::default()
    };
    let tenant =
        Tenant { name: format!("tenants/{TENANT}"), business: Some(business), ..Tenant::default() };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: mask(&["business"]),
        ..Default::default()
    };
    owner.tenants().update_tenant(update).await.map_err(sentence_of)?;
    let settings = WalletSettings {
        name: format!("tenants/{TENANT}/walletSettings"),
        top_up_tax_kind: TaxKind::TaxedSale.into(),
        ..WalletSettings::default()
    };
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask: mask(&["top_up_tax_kind"]),
        ..Default::default()
    };
    owner.settings().update_wallet_settings(update).await.map_err(sentence_of)?;
    let address = Address {
        lines: vec!["7 Stuart Highway".to_owned()],
        city: "Alice Springs".to_owned(),
        country: "AU".to_owned(),
        ..Default::default()
    };
    let customer = Customer {
        legal_name: CUSTOMER.to_owned(),
        billing_address: Some(address),
        billing_email: "accounts@outback.example".to_owned(),
        country: "AU".to_owned(),
        ..Customer::default()
    };
    let create = CreateCustomerRequest {
        request_id: request_id(),
        parent: format!("tenants/{TENANT}"),
        customer: Some(customer),
        ..Default::default()
    };
    let made = owner.customers().create_customer(create).await.map_err(sentence_of)?;
    let informed = owner.after(&made);
    let customer = made.into_inner().customer.unwrap_or_default().name;
    informed
        .wallets()
        .list_wallets(ListWalletsRequest { parent: customer.clone(), ..Default::default() })
        .await
        .map_err(sentence_of)?;
    let open = OpenWalletRequest {
        request_id: request_id(),
        parent: customer.clone(),
        currency_code: "AUD".to_owned(),
        ..Default::default()
    };
    let wallet = staff
        .wallets()
        .open_wallet(open)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .wallet
        .unwrap_or_default()
        .name;
    Ok(Account { customer, wallet, owner, staff })
}

impl Account {
    async fn posted(&self) -> Result<Option<Money>, String> {
        let get = GetBalanceRequest { name: self.wallet.clone(), as_of: None };
        Ok(self
            .staff
            .wallets()
            .get_balance(get)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .balance
            .unwrap_or_default()
            .posted)
    }

    async fn read(&self, invoice: &Invoice) -> Result<Invoice, String> {
        let get = GetInvoiceRequest { name: invoice.name.clone() };
        Ok(self
            .staff
            .invoices()
            .get_invoice(get)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .invoice
            .unwrap_or_default())
    }

    /// Money arrives with a text; waits until the invoice is paid.
    async fn arrives(&self, amount: &str, invoice: &Invoice) -> Result<Invoice, String> {
        let camt = format!(
            "<Document><BkToCstmrStmt><Stmt><Acct><Id><Othr><Id>062-000 12345678</Id></Othr></Id></Acct><Ntry><Amt Ccy=\"AUD\">{amount}</Amt>\
             <CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-01-02</Dt></BookgDt><AcctSvcrRef>{0}</AcctSvcrRef><NtryDtls><TxDtls>\
             <RmtInf><Ustrd>{0}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>",
            invoice.number
        );
        let request = ImportBankStatementRequest {
            request_id: request_id(),
            parent: format!("tenants/{TENANT}"),
            content: camt.into_bytes().into(),
            ..ImportBankStatementRequest::default()
        };
        self.staff.bank().import_bank_statement(request).await.map_err(sentence_of)?;
        for _ in 0..150 {
            let this_invoice = self.read(invoice).await?;
            if this_invoice.state() == State::Paid {
                return Ok(this_invoice);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Err(format!(
            "this does not hold: what arrives with {} pays it within seconds",
            invoice.number
        ))
    }
}

/// S5.1: support raises the invoice; what the banks keep is credit-noted.
async fn transfer(stage: &Stage, account: &Account) -> Result<(), String> {
    let top_up = TransferTopUp {
        company_name: CUSTOMER.to_owned(),
        company_id: "ABN 53 004 085 616".to_owned(),
        email: "treasury@outback.example".to_owned(),
        contact_name: "Kim Lee".to_owned(),
        phone: "+61 8 5550 0100".to_owned(),
        ..TransferTopUp::default()
    };
    let ask = |units: i64| RaiseTransferTopUpRequest {
        request_id: request_id(),
        parent: account.customer.clone(),
        amount: amount("AUD", units, 0),
        top_up: Some(top_up.clone()),
    };
    let below = account
        .staff
        .transfer_top_ups()
        .raise_transfer_top_up(ask(199))
        .await
        .err()
        .map(sentence_of)
        .unwrap_or_default();
    stage.print_step("Support", &format!("tries a transfer of 199.00 AUD. Refused: {below}"));
    let raised = account
        .staff
        .transfer_top_ups()
        .raise_transfer_top_up(ask(220))
        .await
        .map_err(sentence_of)?
        .into_inner();
    let invoice = raised.invoice.unwrap_or_default();
    stage.print_step(
        "Support",
        &format!(
            "raises {} over {}, tax included, and mails it.",
            invoice.number,
            shown(invoice.total.as_ref())
        ),
    );
    let paid = account.arrives("212.50", &invoice).await?;
    must_hold(paid.credited == amount("AUD", 7, 50), "what the banks kept is credit-noted")?;
    let notes = ListCreditNotesRequest { parent: invoice.name.clone(), ..Default::default() };
    let notes = account
        .staff
        .invoices()
        .list_credit_notes(notes)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .credit_notes;
    must_hold(
        notes.first().is_some_and(|note| note.reason() == Reason::TransferFees),
        "the note says that it is for fees",
    )?;
    let posted = account.posted().await?;
    must_hold(posted == amount("AUD", 193, 18), "the credit is what came, less its tax")?;
    stage.print_step(
        "Bank",
        &format!(
            "212.50 AUD arrive; 7.50 AUD are credit-noted as fees; the wallet has {}.",
            shown(posted.as_ref())
        ),
    );
    Ok(())
}

fn midnight(stage: &Stage, months: u32) -> DateTime<Utc> {
    let zone = chrono_tz::Australia::Sydney;
    let first = first_of_month(day_in(zone, stage.now))
        .checked_add_months(Months::new(months))
        .unwrap_or_default();
    start_of_day(zone, first)
}

/// S5.3, S5.4: asked, decided; usage and fees from one balance; a month at its commitment.
async fn postpaid(stage: &mut Stage, account: &Account) -> Result<Invoice, String> {
    let ask = RequestPostpaidRequest {
        request_id: request_id(),
        parent: account.wallet.clone(),
        monthly_commitment: amount("AUD", 1_000, 0),
        limit: amount("AUD", 3_000, 0),
        ..Default::default()
    };
    let proposed = account
        .staff
        .postpaid()
        .request_postpaid(ask)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .postpaid_agreement
        .unwrap_or_default();
    let decide = DecidePostpaidRequest {
        request_id: request_id(),
        name: proposed.name,
        approve: true,
        ..Default::default()
    };
    let active = account
        .owner
        .postpaid()
        .decide_postpaid(decide)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .postpaid_agreement
        .unwrap_or_default();
    must_hold(
        active.state() == postpaid_agreement::State::Active,
        "the owner's yes makes it active",
    )?;
    stage.print_step("Owner", "lets Outback Freight pay later: 1000.00 AUD a month at least, for twelve months, down to -3000.00 AUD.");
    stage.advance(midnight(stage, 1)).await?;
    let used = RecordUsageRequest {
        request_id: request_id(),
        wallet: account.wallet.clone(),
        product: "texts".to_owned(),
        quantity: Some(Decimal { value: "10000".to_owned() }),
        unit_price: Some(Money { currency_code: "AUD".to_owned(), units: 0, nanos: 40_000_000 }),
        usage_time: None,
        ..Default::default()
    };
    stage.someone("SERVICE")?.usage().record_usage(used).await.map_err(sentence_of)?;
    let fee = CreateRecurringFeeRequest {
        request_id: request_id(),
        wallet: account.wallet.clone(),
        amount: amount("AUD", 12, 0),
        description: "Dedicated number".to_owned(),
        ..Default::default()
    };
    account.staff.fees().create_recurring_fee(fee).await.map_err(sentence_of)?;
    let posted = account.posted().await?;
    must_hold(posted == amount("AUD", -218, -82), "credit is used first, then the limit")?;
    stage.print_step(
        "Outback Freight",
        &format!(
            "sends 10000 texts and keeps a number: the balance is {}.",
            shown(posted.as_ref())
        ),
    );
    stage.advance(midnight(stage, 1)).await?;
    let list = ListInvoicesRequest { parent: account.customer.clone(), ..Default::default() };
    let invoices = account
        .staff
        .invoices()
        .list_invoices(list)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoices;
    let invoice = invoices
        .into_iter()
        .find(|invoice| invoice.usage_month.is_some())
        .ok_or("this does not hold: the month is invoiced")?;
    must_hold(
        invoice.net == amount("AUD", 1_000, 0) && invoice.lines.len() == 3,
        "the month costs the commitment, the shortfall as a line",
    )?;
    must_hold(
        account.posted().await? == amount("AUD", -12, 0),
        "the month is closed; the number's next month is taken in advance",
    )?;
    stage.print_step(
        "Month turn",
        &format!(
            "{}: texts, number and shortfall come to {}.",
            invoice.number,
            shown(invoice.total.as_ref())
        ),
    );
    let paid = account.arrives("1100.00", &invoice).await?;
    stage.print_step("Bank", &format!("1100.00 AUD arrive; {} is PAID.", paid.number));
    Ok(paid)
}
