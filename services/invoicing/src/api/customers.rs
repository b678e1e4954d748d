//! `CustomerService`.

use super::Api;
use crate::{
    messages, store,
    use_cases::customers::{
        create::create_customer,
        import::import_customers,
        read::{get_customer, list_customers},
        update::update_customer,
        verify_tax_number::verify_tax_number,
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    CreateCustomerRequest, CreateCustomerResponse, GetCustomerRequest, GetCustomerResponse,
    ImportCustomersRequest, ImportCustomersResponse, ListCustomersRequest, ListCustomersResponse,
    UpdateCustomerRequest, UpdateCustomerResponse, VerifyTaxNumberRequest, VerifyTaxNumberResponse,
    customer_service_server::CustomerService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl CustomerService for Api {
    async fn create_customer(
        &self,
        request: Request<CreateCustomerRequest>,
    ) -> Result<Response<CreateCustomerResponse>, Status> {
        let (call, new) = messages::customers::create_customer(request)?;
        handler::create(&self.app.flows, &call, store::customers::NAMED, &new.marks, || {
            create_customer(&self.app, &call, &new)
        })
        .await
    }

    async fn get_customer(
        &self,
        request: Request<GetCustomerRequest>,
    ) -> Result<Response<GetCustomerResponse>, Status> {
        let named = messages::customers::get_customer(request)?;
        handler::read(get_customer(&self.app, &named)).await
    }

    async fn list_customers(
        &self,
        request: Request<ListCustomersRequest>,
    ) -> Result<Response<ListCustomersResponse>, Status> {
        let (tenant, listing) = messages::customers::list_customers(request)?;
        handler::read(list_customers(&self.app, &tenant, &listing)).await
    }

    async fn import_customers(
        &self,
        request: Request<ImportCustomersRequest>,
    ) -> Result<Response<ImportCustomersResponse>, Status> {
        let (call, rows) = messages::customer_import::import_customers(request)?;
        handler::write(&self.app.flows, &call, || import_customers(&self.app, &call, &rows)).await
    }

    async fn update_customer(
        &self,
        request: Request<UpdateCustomerRequest>,
    ) -> Result<Response<UpdateCustomerResponse>, Status> {
        let (call, update) = messages::customers::update_customer(request)?;
        handler::write(&self.app.flows, &call, || update_customer(&self.app, &call, &update)).await
    }

    async fn verify_tax_number(
        &self,
        request: Request<VerifyTaxNumberRequest>,
    ) -> Result<Response<VerifyTaxNumberResponse>, Status> {
        let (call, found) = messages::customers::verify_tax_number(request)?;
        handler::write(&self.app.flows, &call, || verify_tax_number(&self.app, &call, &found)).await
    }
}
