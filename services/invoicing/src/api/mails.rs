//! `MailService` and `MailTemplateService`.

use super::Api;
use crate::{
    messages,
    use_cases::{
        mail_templates::{
            preview::preview_mail_template,
            read::get_mail_template,
            update::{reset_mail_template, update_mail_template},
        },
        mails::{
            read::{get_mail, list_mails},
            retry::retry_mail,
        },
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    GetMailRequest, GetMailResponse, GetMailTemplateRequest, GetMailTemplateResponse,
    ListMailsRequest, ListMailsResponse, PreviewMailTemplateRequest, PreviewMailTemplateResponse,
    ResetMailTemplateRequest, ResetMailTemplateResponse, RetryMailRequest, RetryMailResponse,
    UpdateMailTemplateRequest, UpdateMailTemplateResponse, mail_service_server::MailService,
    mail_template_service_server::MailTemplateService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl MailService for Api {
    async fn list_mails(
        &self,
        request: Request<ListMailsRequest>,
    ) -> Result<Response<ListMailsResponse>, Status> {
        let (tenant, customer, page) = messages::mails::list_mails(request)?;
        handler::read(list_mails(&self.app, &tenant, customer, &page)).await
    }

    async fn get_mail(
        &self,
        request: Request<GetMailRequest>,
    ) -> Result<Response<GetMailResponse>, Status> {
        let (tenant, mail) = messages::mails::get_mail(request)?;
        handler::read(get_mail(&self.app, &tenant, mail)).await
    }

    async fn retry_mail(
        &self,
        request: Request<RetryMailRequest>,
    ) -> Result<Response<RetryMailResponse>, Status> {
        let (call, mail) = messages::mails::retry_mail(request)?;
        handler::write(&self.app.flows, &call, || retry_mail(&self.app, &call, mail)).await
    }
}

#[tonic::async_trait]
impl MailTemplateService for Api {
    async fn get_mail_template(
        &self,
        request: Request<GetMailTemplateRequest>,
    ) -> Result<Response<GetMailTemplateResponse>, Status> {
        let (tenant, which) = messages::mail_templates::get_mail_template(request)?;
        handler::read(get_mail_template(&self.app, &tenant, which)).await
    }

    async fn update_mail_template(
        &self,
        request: Request<UpdateMailTemplateRequest>,
    ) -> Result<Response<UpdateMailTemplateResponse>, Status> {
        let (call, given) = messages::mail_templates::update_mail_template(request)?;
        handler::write(&self.app.flows, &call, || update_mail_template(&self.app, &call, &given))
            .await
    }

    async fn reset_mail_template(
        &self,
        request: Request<ResetMailTemplateRequest>,
    ) -> Result<Response<ResetMailTemplateResponse>, Status> {
        let (call, which) = messages::mail_templates::reset_mail_template(request)?;
        handler::write(&self.app.flows, &call, || reset_mail_template(&self.app, &call, which))
            .await
    }

    async fn preview_mail_template(
        &self,
        request: Request<PreviewMailTemplateRequest>,
    ) -> Result<Response<PreviewMailTemplateResponse>, Status> {
        let given = messages::mail_templates::preview_mail_template(request)?;
        Ok(Response::new(preview_mail_template(&given)?))
    }
}
