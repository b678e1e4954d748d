//! `NotificationService`.

use super::Api;
use crate::{messages::notifications as messages, use_cases::notifications::receive};
use payterms_chassis::{handler, retry};
use payterms_proto::wallet::peers::v1::{
    ReceiveNotificationRequest, ReceiveNotificationResponse,
    notification_service_server::NotificationService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl NotificationService for Api {
    async fn receive_notification(
        &self,
        request: Request<ReceiveNotificationRequest>,
    ) -> Result<Response<ReceiveNotificationResponse>, Status> {
        let notification = messages::receive_notification(request)?;
        handler::read(retry(|| receive::receive_notification(&self.app, &notification))).await
    }
}
