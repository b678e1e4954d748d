//! The invoicing service: the register of tenants, their customers, invoices and payments, and the
//! test clocks of sandbox tenants.

pub mod api;
pub mod app;
pub mod bank_files;
pub mod commands;
pub mod consume;
pub mod documents;
pub mod jobs;
pub mod mailer;
pub mod messages;
pub mod peers;
pub mod snapshots;
pub mod store;
pub mod tax_register;
pub mod templates;
pub mod use_cases;

use app::App;
use clap::Args;
use futures::future::BoxFuture;
use mailer::Mailer;
use payterms_chassis::{
    AppError, Db, Parts, Runtime, Service, config::value_in, flow::Drivers, net::tls,
    production::Objections, public_events::Hides,
};
use payterms_kernel::TenantId;
use payterms_proto::invoicing::{
    peers::v1::{
        api_key_lookup_service_server::ApiKeyLookupServiceServer,
        call_limit_service_server::CallLimitServiceServer,
        owner_collection_service_server::OwnerCollectionServiceServer,
    },
    v1::{
        api_key_service_server::ApiKeyServiceServer,
        approval_service_server::ApprovalServiceServer, bank_service_server::BankServiceServer,
        collection_service_server::CollectionServiceServer,
        customer_service_server::CustomerServiceServer,
        document_service_server::DocumentServiceServer,
        invoice_service_server::InvoiceServiceServer, mail_service_server::MailServiceServer,
        mail_template_service_server::MailTemplateServiceServer,
        metered_service_service_server::MeteredServiceServiceServer,
        payment_service_server::PaymentServiceServer, receipt_service_server::ReceiptServiceServer,
        refund_service_server::RefundServiceServer,
        statement_service_server::StatementServiceServer,
        tenant_service_server::TenantServiceServer,
        test_clock_service_server::TestClockServiceServer,
        transfer_refund_service_server::TransferRefundServiceServer,
        transfer_top_up_service_server::TransferTopUpServiceServer,
        webhook_endpoint_service_server::WebhookEndpointServiceServer,
    },
};
use std::{path::PathBuf, sync::Arc};
use tax_register::{TaxRegister, vies::Vies};
use tonic::service::Routes;
use use_cases::{
    bank_lines, invoices::load::are_invoices_hidden, mails, payments, refunds, test_clocks,
    transfer_refunds, webhook_endpoints,
};

/// Options of invoicing alone.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Where mails go: `smtps://USER:PASSWORD@HOST`, `smtp://USER:PASSWORD@HOST?tls=required`
    /// (STARTTLS), or for development `file:FOLDER` and `smtp://HOST:PORT`.
    #[arg(long, env = "PAYTERMS_MAIL", default_value = "file:mail")]
    pub mail: String,
    /// A file with what `--mail` says, for an address with a password.
    #[arg(long, env = "PAYTERMS_MAIL_FILE", conflicts_with = "mail")]
    pub mail_file: Option<PathBuf>,
    /// File with the authorities (PEM) of which the mail server's certificate may be, besides the
    /// public ones.
    #[arg(long, env = "PAYTERMS_MAIL_CA")]
    pub mail_ca: Option<PathBuf>,
    /// The address that mails are from; the tenant's is where replies go.
    #[arg(long, env = "PAYTERMS_MAIL_FROM", default_value = "billing@payterms.example")]
    pub mail_from: String,
    /// Address of VIES, `https://ec.europa.eu/taxation_customs/vies`, where tax numbers of the
    /// European Union are verified; people verify them if not given.
    #[arg(long, env = "PAYTERMS_VIES")]
    pub vies: Option<String>,
}

/// Where mails go, from the options or the file that they name.
fn mail_place(options: &Options) -> Result<String, String> {
    options.mail_file.as_deref().map_or_else(|| Ok(options.mail.clone()), value_in)
}

/// The setting that says so.
fn mail_setting(options: &Options) -> &'static str {
    if options.mail_file.is_some() { "--mail-file" } else { "--mail" }
}

/// The invoicing service.
#[derive(Debug, Clone, Copy)]
pub struct Invoicing;

impl Service for Invoicing {
    const NAME: &'static str = "invoicing";
    const SCHEMA_VERSION: &'static str = "invoicing_0035_collection_waits";
    type Options = Options;

    fn check_for_production(options: &Options, objections: &mut Objections) {
        objections.check_outside("--vies", options.vies.as_deref());
        // A file that is not read is the matter of `check_files`.
        if let Ok(place) = mail_place(options) {
            mailer::check_for_production(mail_setting(options), &place, objections);
        }
    }

    fn check_files(options: &Options, objections: &mut Objections) {
        let setting = mail_setting(options);
        let authorities = options.mail_ca.as_deref();
        let believed = authorities
            .filter(|file| objections.take("--mail-ca", tls::authorities(file)).is_some());
        if let Some(place) = objections.take(setting, mail_place(options)) {
            objections.take(setting, Mailer::new(&place, &options.mail_from, believed).map(drop));
        }
    }

    async fn build(runtime: Runtime, options: Options) -> Result<Parts, String> {
        let mailer =
            Mailer::open(&mail_place(&options)?, &options.mail_from, options.mail_ca.as_deref())?;
        let tax_register =
            options.vies.as_deref().map(|base| Arc::new(Vies::new(base)) as Arc<dyn TaxRegister>);
        let app = App {
            db: runtime.db,
            pages: runtime.pages,
            flows: runtime.flows,
            peers: runtime.peers,
            mailer,
            tax_register,
            webhooks: runtime.webhooks,
        };
        let api = api::Api { app: app.clone() };
        let routes = Routes::new(TenantServiceServer::new(api.clone()))
            .add_service(CustomerServiceServer::new(api.clone()))
            .add_service(InvoiceServiceServer::new(api.clone()))
            .add_service(PaymentServiceServer::new(api.clone()))
            .add_service(RefundServiceServer::new(api.clone()))
            .add_service(ReceiptServiceServer::new(api.clone()))
            .add_service(MeteredServiceServiceServer::new(api.clone()))
            .add_service(StatementServiceServer::new(api.clone()))
            .add_service(BankServiceServer::new(api.clone()))
            .add_service(ApprovalServiceServer::new(api.clone()))
            .add_service(ApiKeyServiceServer::new(api.clone()))
            .add_service(ApiKeyLookupServiceServer::new(api.clone()))
            .add_service(CallLimitServiceServer::new(api.clone()))
            .add_service(TransferTopUpServiceServer::new(api.clone()))
            .add_service(TransferRefundServiceServer::new(api.clone()))
            .add_service(MailServiceServer::new(api.clone()))
            .add_service(MailTemplateServiceServer::new(api.clone()))
            .add_service(DocumentServiceServer::new(api.clone()))
            .add_service(CollectionServiceServer::new(api.clone()))
            .add_service(OwnerCollectionServiceServer::new(api.clone()))
            .add_service(WebhookEndpointServiceServer::new(api.clone()))
            .add_service(TestClockServiceServer::new(api));
        let drivers = drivers(&app);
        let hides = Some(hides_invoices as Hides);
        let sealed = vec![webhook_endpoints::secret::sealed(&app)];
        Ok(Parts {
            routes,
            jobs: jobs::all(&app),
            drivers,
            snapshots: snapshots::all(),
            consumers: consume::all(),
            figures: store::figures::ALL,
            rules: store::rules::ALL,
            shared: store::shared::ALL,
            sealed,
            hides,
            webhook_failed: Some(webhook_endpoints::fail::disable_failed),
        })
    }
}

/// The drivers of all flows.
/// Events of what a tenant hides from its customers are kept from them too.
fn hides_invoices<'a>(db: &'a Db, tenant: &'a TenantId) -> BoxFuture<'a, Result<bool, AppError>> {
    Box::pin(async move { are_invoices_hidden(&db.read(tenant).await?, tenant).await })
}

fn drivers(app: &App) -> Drivers {
    macro_rules! drivers {
        ($($name:path => $driver:path,)*) => {
            Drivers::default()$(.with($name, {
                let app = app.clone();
                move |lease| {
                    let app = app.clone();
                    async move { $driver(&app, &lease).await }
                }
            }))*
        };
    }
    drivers! {
        bank_lines::pay::FLOW => bank_lines::pay::drive_bank_line,
        bank_lines::return_line::FLOW => bank_lines::return_line::drive_returned_line,
        bank_lines::unmatch::FLOW => bank_lines::unmatch::drive_bank_line_return,
        mails::send::FLOW => mails::send::drive_mail,
        test_clocks::advance::FLOW => test_clocks::advance::drive_test_clock,
        payments::drive::FLOW => payments::drive::drive_payment,
        refunds::drive::FLOW => refunds::drive::drive_refund,
        transfer_refunds::refund::FLOW => transfer_refunds::refund::drive_transfer_refund,
        transfer_refunds::end::FLOW => transfer_refunds::end::drive_ending,
    }
}
