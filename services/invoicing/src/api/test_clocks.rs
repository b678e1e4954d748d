//! `TestClockService`.

use super::Api;
use crate::{
    messages,
    use_cases::test_clocks::{
        advance::advance_test_clock, read::get_test_clock, start::start_test_clock,
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    AdvanceTestClockRequest, AdvanceTestClockResponse, GetTestClockRequest, GetTestClockResponse,
    StartTestClockRequest, StartTestClockResponse, test_clock_service_server::TestClockService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TestClockService for Api {
    async fn start_test_clock(
        &self,
        request: Request<StartTestClockRequest>,
    ) -> Result<Response<StartTestClockResponse>, Status> {
        let (call, new) = messages::test_clocks::start_test_clock(request)?;
        handler::write(&self.app.flows, &call, || start_test_clock(&self.app, &call, &new)).await
    }

    async fn advance_test_clock(
        &self,
        request: Request<AdvanceTestClockRequest>,
    ) -> Result<Response<AdvanceTestClockResponse>, Status> {
        let (call, target) = messages::test_clocks::advance_test_clock(request)?;
        handler::write(&self.app.flows, &call, || advance_test_clock(&self.app, &call, target))
            .await
    }

    async fn get_test_clock(
        &self,
        request: Request<GetTestClockRequest>,
    ) -> Result<Response<GetTestClockResponse>, Status> {
        let tenant = messages::test_clocks::get_test_clock(request)?;
        handler::read(get_test_clock(&self.app, &tenant)).await
    }
}
