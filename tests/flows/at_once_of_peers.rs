//! The steps that services take at each other, and what else no story sends, for the crowd of
//! `at_once`.

use crate::{
    lines::{Credit, active, programme, usd},
    mails::mails,
    wallets::grant,
};
use payterms_chassis::sql;
use payterms_proto::invoicing::v1::Invoice;
use payterms_proto::{
    credit::{
        peers::v1::{
            AuthorizeForPaymentRequest, CaptureForPaymentRequest, InvoiceToDefer,
            VoidForPaymentRequest,
        },
        v1::{CloseProgrammeRequest, Programme},
    },
    invoicing::{
        peers::v1::{BlockForOwnerRequest, CollectForOwnerRequest, InvoiceToBlock},
        v1::{MailKind, RetryMailRequest, block::Reason, mail},
    },
    wallet::{
        peers::v1::{
            BookTransferRefundRequest, HoldForPaymentRequest, RecordTransferRequest,
            ReleasePaymentRequest, ReleaseTransferRefundRequest, ReserveTransferRefundRequest,
            ReturnTransferRequest, TransferCredit,
        },
        v1::{ListWalletsRequest, TaxKind, TurnOffPrepaymentRequest},
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, rig::until};

/// The steps of a payment as its driver takes them at each service's own port, and what else no
/// scenario sends.
pub(crate) async fn the_steps_of_peers(world: &World) {
    let shop = active(world, 1_000).await;
    let (invoicing, plans, parent) = (
        world.peer("invoicing", "wallet"),
        world.peer("plans", "invoicing"),
        shop.customer.clone(),
    );
    let payment = || format!("{parent}/payments/{}", request_id());
    let (held, arrived) = (payment(), payment());
    let list = ListWalletsRequest { parent: parent.clone(), ..ListWalletsRequest::default() };
    let wallet =
        shop.admin.wallets().list_wallets(list).await.unwrap().into_inner().wallets.remove(0).name;
    grant(world, &wallet, usd(30), 0).await;
    let (id, currency_code) = (request_id(), "USD".to_owned());
    let hold = HoldForPaymentRequest {
        request_id: id,
        parent: parent.clone(),
        payment: held.clone(),
        amount: usd(30),
        taxed: false,
    };
    invoicing.settlements().hold_for_payment(hold).await.unwrap();
    let release = ReleasePaymentRequest {
        request_id: request_id(),
        parent: parent.clone(),
        payment: held,
        currency_code,
    };
    invoicing.settlements().release_payment(release).await.unwrap();
    let transfer = RecordTransferRequest {
        request_id: request_id(),
        parent: parent.clone(),
        payment: arrived.clone(),
        amount: usd(10),
        ..Default::default()
    };
    invoicing.settlements().record_transfer(transfer).await.unwrap();
    let back = ReturnTransferRequest {
        request_id: request_id(),
        parent: parent.clone(),
        payment: arrived,
        amount: usd(10),
        ..Default::default()
    };
    invoicing.settlements().return_transfer(back).await.unwrap();
    a_transfer_back(&invoicing, &parent, &payment(), "made").await;
    a_transfer_back(&invoicing, &parent, &payment(), "given up").await;
    let (credit, first, second) =
        (world.peer("invoicing", "credit"), shop.invoice(100).await, shop.invoice(50).await);
    for captured in [true, false] {
        let (name, payment) = (shop.line.name.clone(), payment());
        let invoices = vec![InvoiceToDefer { invoice: first.name.clone(), amount: usd(20) }];
        let draw = AuthorizeForPaymentRequest {
            request_id: request_id(),
            name: name.clone(),
            payment: payment.clone(),
            invoices,
        };
        credit.payment_draws().authorize_for_payment(draw).await.unwrap();
        if captured {
            credit
                .payment_draws()
                .capture_for_payment(CaptureForPaymentRequest {
                    request_id: request_id(),
                    name,
                    payment,
                })
                .await
                .unwrap();
        } else {
            credit
                .payment_draws()
                .void_for_payment(VoidForPaymentRequest { request_id: request_id(), name, payment })
                .await
                .unwrap();
        }
    }
    a_block_and_a_collection(&plans, &parent, second).await;
    let off = TurnOffPrepaymentRequest {
        request_id: request_id(),
        name: "tenants/acme/walletSettings".into(),
        ..Default::default()
    };
    shop.owner.settings().turn_off_prepayment(off).await.unwrap();
    let made = programme(&shop.owner, Programme::default()).await;
    shop.owner
        .programmes()
        .close_programme(CloseProgrammeRequest {
            request_id: request_id(),
            name: made.name,
            ..Default::default()
        })
        .await
        .unwrap();
    a_mail_that_failed(world, &shop).await;
}

/// A plan blocks an invoice and collects it.
async fn a_block_and_a_collection(plans: &Session, parent: &str, invoice: Invoice) {
    let owner = format!("{parent}/plans/{}", request_id());
    let block = BlockForOwnerRequest {
        request_id: request_id(),
        parent: parent.to_owned(),
        owner: owner.clone(),
        reason: Reason::PaymentPlanActive.into(),
        invoices: vec![InvoiceToBlock {
            invoice: invoice.name.clone(),
            expected_open: None,
            nothing_open: false,
        }],
    };
    plans.owner_collections().block_for_owner(block).await.unwrap();
    let collect = CollectForOwnerRequest {
        request_id: request_id(),
        parent: parent.to_owned(),
        owner,
        invoices: vec![invoice.name],
        amount: usd(50),
        reference: request_id(),
        ..CollectForOwnerRequest::default()
    };
    plans.owner_collections().collect_for_owner(collect).await.unwrap();
}

/// The steps of a transfer back, of credit that a transfer has bought.
async fn a_transfer_back(invoicing: &Session, parent: &str, payment: &str, end: &str) {
    let parent = parent.to_owned();
    let transfer = RecordTransferRequest {
        request_id: request_id(),
        parent: parent.clone(),
        payment: payment.to_owned(),
        amount: usd(10),
        bought: usd(10),
        tax: None,
        tax_kind: TaxKind::Deposit.into(),
    };
    invoicing.settlements().record_transfer(transfer).await.unwrap();
    let transfer_refund = format!("{parent}/transferRefunds/{}", request_id());
    let reserve = ReserveTransferRefundRequest {
        request_id: request_id(),
        parent: parent.clone(),
        payment: payment.to_owned(),
        transfer_refund: transfer_refund.clone(),
        transfer_credit: TransferCredit::TopUp.into(),
        credit: usd(6),
    };
    invoicing.settlements().reserve_transfer_refund(reserve).await.unwrap();
    if end == "made" {
        let (payment, tax, description) = (payment.to_owned(), amount("USD", 0, 0), end.to_owned());
        let book = BookTransferRefundRequest {
            request_id: request_id(),
            parent,
            payment,
            transfer_refund,
            tax,
            description,
        };
        invoicing.settlements().book_transfer_refund(book).await.unwrap();
    } else {
        let currency_code = "USD".to_owned();
        let release = ReleaseTransferRefundRequest {
            request_id: request_id(),
            parent,
            transfer_refund,
            currency_code,
        };
        invoicing.settlements().release_transfer_refund(release).await.unwrap();
    }
}

/// A mail is sent once more. No address of a test fails for good, so one that was sent is said to
/// have failed.
async fn a_mail_that_failed(world: &World, shop: &Credit) {
    let (conn, schema) = world.rows("invoicing").await;
    let sent = async || Ok(mails(&shop.owner, MailKind::LineOffered).await);
    let mail = until(sent, |found| found.iter().any(|mail| mail.state() == mail::State::Sent))
        .await
        .remove(0);
    let fail = format!("UPDATE {schema}mails SET state = 'FAILED' WHERE state = 'SENT'");
    assert!(sql::exec(&conn, &fail, vec![]).await.unwrap() > 0);
    conn.close().await.unwrap();
    shop.owner
        .mails()
        .retry_mail(RetryMailRequest { request_id: request_id(), name: mail.name })
        .await
        .unwrap();
}
