//! How the operator's commands reach a gateway, and as whom.

use crate::{Session, operate::output::Output, start::development_token};
use clap::Args;
use hyper_rustls::ConfigBuilderExt;
use hyper_util::rt::TokioIo;
use payterms_chassis::{call::Caller, config::value_in, net::tls};
use rustls::{ClientConfig, crypto::ring, pki_types::ServerName};
use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// How long the token of a command lives that makes one itself: as long as the longest command may
/// run.
const OWN_TOKEN_SECONDS: i64 = 3_600;
/// How long opening a connection may take.
const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// Where the gateway is, who calls, and how answers are printed.
#[derive(Debug, Clone, Args)]
pub struct ConnectionOptions {
    /// Address of the gateway: `http://HOST:PORT`, or `https://HOST:PORT` where its door has TLS.
    #[arg(long, env = "PAYTERMS_GATEWAY", default_value = "http://127.0.0.1:50051")]
    pub gateway: Uri,
    /// File with the certificates of the authorities that the gateway's certificate may be of
    /// (PEM); those of public authorities if not given.
    #[arg(long, env = "PAYTERMS_CA")]
    pub ca: Option<PathBuf>,
    /// Name that the gateway's certificate has, where it is not the host of the address, as behind
    /// a port-forward.
    #[arg(long, env = "PAYTERMS_SERVER_NAME")]
    pub server_name: Option<String>,
    /// File with the token to call with, or `-` for the standard input. If not given, a token is
    /// made with the development key of `--data`.
    #[arg(long, env = "PAYTERMS_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// How answers are printed: a table for people, or JSON whose names stay the same.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

impl ConnectionOptions {
    /// Someone who calls as these options say; `role` and `tenant` are those of a token that is
    /// made here.
    ///
    /// # Errors
    /// A sentence that names the option or file.
    pub fn session(
        &self,
        data: &Path,
        role: &str,
        tenant: Option<&str>,
    ) -> Result<Session, String> {
        Session::on(self.channel()?, &self.token(data, role, tenant)?)
    }

    fn token(&self, data: &Path, role: &str, tenant: Option<&str>) -> Result<String, String> {
        match &self.token_file {
            Some(file) if file.as_os_str() == "-" => {
                let mut text = String::new();
                std::io::stdin()
                    .read_to_string(&mut text)
                    .map_err(|error| format!("the standard input: {error}"))?;
                Ok(text.trim().to_owned())
            }
            Some(file) => value_in(file),
            None => {
                let tenant = tenant
                    .map(str::parse)
                    .transpose()
                    .map_err(|_| "the tenant is no slug".to_owned())?;
                let caller = Caller {
                    subject: "operator:command".to_owned(),
                    roles: vec![role.to_owned()],
                    tenant,
                    customer: None,
                    run_id: None,
                };
                development_token(&data.join("keys"), &caller, OWN_TOKEN_SECONDS).map_err(|error| {
                    format!("{error}. Name the file of a token of role {role} with --token-file, or the folder of a suite's development keys with --data.")
                })
            }
        }
    }

    /// A channel to the gateway, which connects when it is first used.
    ///
    /// # Errors
    /// A sentence that names the option or file.
    pub fn channel(&self) -> Result<Channel, String> {
        let fault = |error: &dyn std::fmt::Display| format!("--gateway {}: {error}", self.gateway);
        let (Some(scheme), Some(host)) = (self.gateway.scheme_str(), self.gateway.host()) else {
            return Err(fault(&"write http://HOST:PORT or https://HOST:PORT"));
        };
        let endpoint = |port: u16| {
            Endpoint::from_shared(format!(
                "http://{host}:{}",
                self.gateway.port_u16().unwrap_or(port)
            ))
        };
        match scheme {
            "http" => Ok(endpoint(80)
                .map_err(|error| fault(&error))?
                .connect_timeout(OPENS_WITHIN)
                .connect_lazy()),
            "https" => {
                let name =
                    self.server_name.as_deref().unwrap_or(host).trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(name).map_err(|error| fault(&error))?;
                let connector = TlsConnector::from(Arc::new(self.client()?));
                let address = format!("{host}:{}", self.gateway.port_u16().unwrap_or(443));
                let connect = tower::service_fn(move |_: Uri| {
                    let (connector, name, address) =
                        (connector.clone(), name.clone(), address.clone());
                    async move {
                        connector
                            .connect(name, TcpStream::connect(address).await?)
                            .await
                            .map(TokioIo::new)
                    }
                });
                let endpoint = endpoint(443)
                    .map_err(|error| fault(&error))?
                    .origin(self.gateway.clone())
                    .connect_timeout(OPENS_WITHIN);
                Ok(endpoint.connect_with_connector_lazy(connect))
            }
            _ => Err(fault(&"write http://HOST:PORT or https://HOST:PORT")),
        }
    }

    /// What is believed of the gateway's certificate.
    fn client(&self) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder =
            builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let mut client = match &self.ca {
            None => builder.with_webpki_roots().with_no_client_auth(),
            Some(file) => {
                let roots = tls::authorities(file).map_err(|fault| format!("--ca {fault}"))?;
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        };
        client.alpn_protocols = vec![b"h2".to_vec()];
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionOptions;
    use crate::operate::output::Output;

    fn options(gateway: &str) -> ConnectionOptions {
        ConnectionOptions {
            gateway: gateway.parse().unwrap(),
            ca: None,
            server_name: None,
            token_file: None,
            output: Output::Table,
        }
    }

    #[tokio::test]
    async fn an_address_has_a_scheme_and_a_host() {
        for good in ["http://127.0.0.1:50051", "https://api.example.com", "https://[::1]:443"] {
            options(good).channel().unwrap();
        }
        for bad in ["ftp://host:1", "host:1", "/path"] {
            let said = options(bad).channel().unwrap_err();
            assert!(
                said.contains("--gateway") && said.contains("https://HOST:PORT"),
                "{bad}: {said}"
            );
        }
    }

    #[tokio::test]
    async fn a_file_of_authorities_that_holds_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        let said = |text: &str| {
            std::fs::write(&file, text).unwrap();
            ConnectionOptions { ca: Some(file.clone()), ..options("https://host:1") }
                .channel()
                .unwrap_err()
        };
        assert!(said("").contains("holds no certificate"));
        assert!(
            said("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
                .contains("ca.crt")
        );
    }
}
