//! The account overview of a customer, gathered from all services at once. Services that cannot be
//! reached are named in it; if a service refuses, the whole overview is refused.

use crate::versions::Versions;
use http::HeaderValue;
use payterms_chassis::{
    AppError, Fields,
    call::Caller,
    deadline::DEADLINE,
    names,
    peer_channel::{NAMED, PeerChannel},
    peers::Peers,
};
use payterms_proto::{
    credit::v1::{
        CreditLine, ListCreditLinesRequest, credit_line::State as LineState,
        credit_line_service_client::CreditLineServiceClient,
    },
    gateway::v1::{
        AccountOverview, GetAccountOverviewRequest, GetAccountOverviewResponse,
        account_service_server::AccountService,
    },
    invoicing::v1::{
        GetOutstandingRequest, ListMeteredServicesRequest, ListStatementsRequest, MeteredService,
        Outstanding, Statement, invoice_service_client::InvoiceServiceClient,
        metered_service_service_client::MeteredServiceServiceClient,
        statement_service_client::StatementServiceClient,
    },
    plans::v1::{
        ListPlansRequest, Plan, plan::State as PlanState, plan_service_client::PlanServiceClient,
    },
    wallet::v1::{
        GetPrepaymentOptionsRequest, ListLotsRequest, ListPaymentMethodsRequest,
        ListWalletsRequest, Lot, PaymentMethod, Wallet, lot_service_client::LotServiceClient,
        payment_method_service_client::PaymentMethodServiceClient,
        settings_service_client::SettingsServiceClient, wallet_service_client::WalletServiceClient,
    },
};
use std::{sync::Arc, time::Duration};
use tonic::{Code, Request, Response, Status};

/// Lots that expire within this many days are shown.
const DAYS_AHEAD: i64 = 30;
/// How many statements are shown.
const STATEMENTS: i32 = 12;
/// How long one service may take, unless the caller's deadline is shorter. A service that hangs
/// must not hold up the parts of the others.
const BUDGET: Duration = Duration::from_secs(10);
/// Serves account overviews.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// The services. They are called on behalf of the caller, so that each checks the caller's own
    /// permissions.
    pub peers: Peers,
    /// Finds the versions that the owners of aggregates have.
    pub versions: Arc<Versions>,
}

/// The wallet's part of the overview.
#[derive(Debug, Default)]
struct FromWallet {
    wallets: Vec<Wallet>,
    expiring_lots: Vec<Lot>,
    payment_methods: Vec<PaymentMethod>,
    prepayment: bool,
}

/// Invoicing's part of the overview.
#[derive(Debug, Default)]
struct FromInvoicing {
    outstanding: Vec<Outstanding>,
    metered_services: Vec<MeteredService>,
    statements: Vec<Statement>,
}

impl Accounts {
    fn request<M>(
        &self,
        service: &str,
        caller: &Caller,
        message: M,
    ) -> Result<Request<M>, AppError> {
        self.peers.request_as(service, caller, message, BUDGET)
    }

    async fn read_wallet_part(
        &self,
        caller: &Caller,
        customer: &str,
    ) -> Result<FromWallet, AppError> {
        let channel = self.peers.channel("wallet")?;
        let (mut wallets, mut methods, mut settings) = (
            WalletServiceClient::new(channel.clone()),
            PaymentMethodServiceClient::new(channel.clone()),
            SettingsServiceClient::new(channel.clone()),
        );
        let list = ListWalletsRequest { parent: customer.to_owned(), ..Default::default() };
        let saved = ListPaymentMethodsRequest { parent: customer.to_owned(), ..Default::default() };
        let options = GetPrepaymentOptionsRequest { parent: customer.to_owned() };
        let (wallets, methods, options) = tokio::try_join!(
            wallets.list_wallets(self.request("wallet", caller, list)?),
            methods.list_payment_methods(self.request("wallet", caller, saved)?),
            settings.get_prepayment_options(self.request("wallet", caller, options)?),
        )?;
        let wallets = wallets.into_inner().wallets;
        let mut expiring_lots = Vec::new();
        for wallet in &wallets {
            expiring_lots.extend(
                self.expiring(caller, wallet, LotServiceClient::new(channel.clone())).await?,
            );
        }
        Ok(FromWallet {
            wallets,
            expiring_lots,
            payment_methods: methods.into_inner().payment_methods,
            prepayment: options.into_inner().prepayment,
        })
    }

    /// The lots that expire soon. One page is enough: live lots come first in it, those that expire
    /// soonest at its start.
    async fn expiring(
        &self,
        caller: &Caller,
        wallet: &Wallet,
        mut lots: LotServiceClient<PeerChannel>,
    ) -> Result<Vec<Lot>, AppError> {
        let list =
            ListLotsRequest { parent: wallet.name.clone(), page_size: 500, ..Default::default() };
        let listed = lots.list_lots(self.request("wallet", caller, list)?).await?.into_inner().lots;
        let now =
            wallet.balance.as_ref().and_then(|balance| balance.time).unwrap_or_default().seconds;
        let until = now.saturating_add(DAYS_AHEAD * 86_400);
        let soon = |lot: &Lot| {
            lot.expire_time.is_some_and(|expiry| (now..=until).contains(&expiry.seconds))
        };
        let has_remainder = |lot: &Lot| {
            lot.remaining.as_ref().is_some_and(|amount| amount.units > 0 || amount.nanos > 0)
        };
        Ok(listed.into_iter().filter(|lot| soon(lot) && has_remainder(lot)).collect())
    }

    async fn read_invoicing_part(
        &self,
        caller: &Caller,
        customer: &str,
    ) -> Result<FromInvoicing, AppError> {
        let channel = self.peers.channel("invoicing")?;
        let (mut invoices, mut services, mut statements) = (
            InvoiceServiceClient::new(channel.clone()),
            MeteredServiceServiceClient::new(channel.clone()),
            StatementServiceClient::new(channel),
        );
        let open = GetOutstandingRequest { parent: customer.to_owned() };
        let metered =
            ListMeteredServicesRequest { parent: customer.to_owned(), ..Default::default() };
        let newest = ListStatementsRequest {
            parent: customer.to_owned(),
            page_size: STATEMENTS,
            ..Default::default()
        };
        let (outstanding, metered, newest) = tokio::try_join!(
            invoices.get_outstanding(self.request("invoicing", caller, open)?),
            services.list_metered_services(self.request("invoicing", caller, metered)?),
            statements.list_statements(self.request("invoicing", caller, newest)?),
        )?;
        Ok(FromInvoicing {
            outstanding: outstanding.into_inner().outstanding,
            metered_services: metered.into_inner().metered_services,
            statements: newest.into_inner().statements,
        })
    }
}

impl Accounts {
    async fn read_plans(&self, caller: &Caller, customer: &str) -> Result<Vec<Plan>, AppError> {
        let states = [
            PlanState::Proposed,
            PlanState::Countered,
            PlanState::Active,
            PlanState::InGrace,
            PlanState::Breached,
        ];
        let states = states.map(i32::from).to_vec();
        let list =
            ListPlansRequest { parent: customer.to_owned(), states, ..ListPlansRequest::default() };
        let mut plans = PlanServiceClient::new(self.peers.channel("plans")?);
        Ok(plans.list_plans(self.request("plans", caller, list)?).await?.into_inner().plans)
    }
}

impl Accounts {
    async fn read_credit_lines(
        &self,
        caller: &Caller,
        customer: &str,
    ) -> Result<Vec<CreditLine>, AppError> {
        let states =
            [LineState::Offered, LineState::Active, LineState::Inactive, LineState::Suspended]
                .map(i32::from)
                .to_vec();
        let list = ListCreditLinesRequest {
            parent: customer.to_owned(),
            states,
            ..ListCreditLinesRequest::default()
        };
        let mut lines = CreditLineServiceClient::new(self.peers.channel("credit")?);
        Ok(lines
            .list_credit_lines(self.request("credit", caller, list)?)
            .await?
            .into_inner()
            .credit_lines)
    }
}

/// One part of the overview. If its service could not be reached, an empty part, and the service's
/// name is added to `unreachable`. A refusal is passed on, because an overview without that part
/// would look complete.
fn part<T: Default>(
    service: &str,
    gathered: Result<T, AppError>,
    unreachable: &mut Vec<String>,
) -> Result<T, Status> {
    gathered.or_else(|error| {
        let status = Status::from(error);
        match status.code() {
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted | Code::Internal | Code::Unknown => {
                tracing::warn!(service, code = ?status.code(), "a part of an overview could not be reached");
                unreachable.push(service.to_owned());
                Ok(T::default())
            }
            _ => Err(status),
        }
    })
}

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn get_account_overview(
        &self,
        request: Request<GetAccountOverviewRequest>,
    ) -> Result<Response<GetAccountOverviewResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        fields.name("name", &message.name, &["customers"]);
        let caller = fields.scope().caller.clone();
        fields.finish()?;
        let time_left = DEADLINE
            .try_with(|deadline| deadline.saturating_duration_since(tokio::time::Instant::now()));
        let time_left = time_left.unwrap_or(BUDGET).min(BUDGET);
        // A tenth of the time is kept for sending the answer.
        let budget = time_left.saturating_sub(time_left / 10);
        let until = tokio::time::Instant::now() + budget;
        let too_late = || AppError::from(Status::deadline_exceeded("late"));
        // The services keep copies of customers. The version of the customer goes along with every
        // call, so that a service whose copy is behind waits for it and does not answer that there
        // is no such customer.
        let customer =
            names::parse(&message.name, &["customers"]).map(|name| name.id(0)).unwrap_or_default();
        let aggregate = HeaderValue::from_str(&format!("customer/{customer}")).ok();
        let versions = match aggregate {
            Some(aggregate) => self.versions.of_owners(&caller, &aggregate, budget / 4).await,
            None => None,
        };
        let parts = async {
            tokio::join!(
                tokio::time::timeout_at(until, self.read_wallet_part(&caller, &message.name)),
                tokio::time::timeout_at(until, self.read_invoicing_part(&caller, &message.name)),
                tokio::time::timeout_at(until, self.read_credit_lines(&caller, &message.name)),
                tokio::time::timeout_at(until, self.read_plans(&caller, &message.name)),
            )
        };
        let (wallet, invoicing, credit, plans) = NAMED.scope(versions, parts).await;
        let mut unreachable = Vec::new();
        let wallet = part("wallet", wallet.unwrap_or_else(|_| Err(too_late())), &mut unreachable)?;
        let invoicing =
            part("invoicing", invoicing.unwrap_or_else(|_| Err(too_late())), &mut unreachable)?;
        let credit_lines =
            part("credit", credit.unwrap_or_else(|_| Err(too_late())), &mut unreachable)?;
        let plans = part("plans", plans.unwrap_or_else(|_| Err(too_late())), &mut unreachable)?;
        let account_overview = AccountOverview {
            customer: message.name,
            wallets: wallet.wallets,
            expiring_lots: wallet.expiring_lots,
            payment_methods: wallet.payment_methods,
            prepayment: wallet.prepayment,
            outstanding: invoicing.outstanding,
            metered_services: invoicing.metered_services,
            statements: invoicing.statements,
            plans,
            credit_lines,
            unreachable,
        };
        Ok(Response::new(GetAccountOverviewResponse { account_overview: Some(account_overview) }))
    }
}
