//! `VersionService`: the versions of aggregates, asked at the service that owns them.

use crate::{bus::copies, db::Db, wire::fields::Fields};
use payterms_kernel::Reason;
use payterms_proto::common::peers::v1::{
    GetVersionsRequest, GetVersionsResponse, version_service_server::VersionService,
};
use tonic::{Request, Response, Status};

/// Aggregates in one call.
const MOST: usize = 20;

/// The versions of one service.
#[derive(Debug, Clone)]
pub(crate) struct Versions {
    pub(crate) db: Db,
}

#[tonic::async_trait]
impl VersionService for Versions {
    async fn get_versions(
        &self,
        request: Request<GetVersionsRequest>,
    ) -> Result<Response<GetVersionsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = fields.scope().tenant()?;
        if message.aggregates.len() > MOST {
            fields.wrong("aggregates", Reason::TOO_MANY_ITEMS, "Name at most 20 aggregates.");
        }
        let mut aggregates = Vec::new();
        for (index, text) in message.aggregates.iter().enumerate() {
            match text.split_once('/') {
                Some((kind, id)) => aggregates.push((kind.to_owned(), id.to_owned())),
                None => fields.wrong(
                    &format!("aggregates[{index}]"),
                    Reason::RESOURCE_NAME_INVALID,
                    "Name an aggregate as type/id.",
                ),
            }
        }
        fields.finish()?;
        let owned = copies::owned(&self.db, &tenant, &aggregates).await?;
        let versions = owned
            .into_iter()
            .map(|((kind, id), number)| copies::Version { kind, id, number }.to_string())
            .collect();
        Ok(Response::new(GetVersionsResponse { versions }))
    }
}
