//! `NotificationService`.

use super::Api;
use crate::{parse, use_cases::receive_notification};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    ReceiveNotificationRequest, ReceiveNotificationResponse, notification_service_server::NotificationService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl NotificationService for Api {
    async fn receive_notification(
        &self,
        request: Request<ReceiveNotificationRequest>,
    ) -> Result<Response<ReceiveNotificationResponse>, Status> {
        let (tenant, message) = parse::receive_notification(request)?;
        answer::read(answer::retry(|| receive_notification::run(&self.app, &tenant, &message))).await
    }
}
