//! Configuration: flags, then the environment, then an optional file. It is checked before the
//! process binds a port or opens a database, and the error names the bad key.

pub use crate::key_file::{secret_in, value_in};
use crate::{
    net::{Network, addresses::Addresses, ages::ConnectionAges, outside::AddressRules, tls::Part},
    production::{Mode, Objections},
    telemetry::TelemetryOptions,
    variables,
};
use clap::{Args, Command, CommandFactory, Parser};
use payterms_kernel::text::without_passwords;
use std::{
    ffi::OsString,
    fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};
use tokio_util::sync::CancellationToken;

/// Options of every process of the suite but the one that holds all.
#[derive(Debug, Clone, Args)]
pub struct CommonOptions {
    /// A TOML file with the same keys as the flags; flags and environment win.
    #[arg(long, env = "PAYTERMS_CONFIG")]
    pub config: Option<PathBuf>,
    /// What it serves. In production it does not start with plain text, development keys, secrets
    /// that can be guessed, callers of any issuer, mails to a folder, a simulator in place of a
    /// provider, or a database that may lose or show what it should not.
    #[arg(long, env = "PAYTERMS_MODE", value_enum, default_value_t = Mode::Production)]
    pub mode: Mode,
    /// Where to listen.
    #[arg(long, env = "PAYTERMS_LISTEN", default_value = "0.0.0.0:50051")]
    pub listen: SocketAddr,
    /// Where probes of health are answered, without TLS and without a certificate; where calls come
    /// if not given.
    #[arg(long, env = "PAYTERMS_PROBES")]
    pub probes: Option<SocketAddr>,
    /// Folder with `tls.crt`, `tls.key` and `ca.crt`: the certificate that this part shows to the
    /// others, with its name (`wallet`) as a DNS name, its key, and the authorities of the others'
    /// certificates. They are read again when they change. Without it lines are plain text.
    #[arg(long, env = "PAYTERMS_TLS")]
    pub tls: Option<PathBuf>,
    /// Folder with `<name>.key` of this service and `<name>.pub` of those who may call it.
    #[arg(long, env = "PAYTERMS_KEYS", default_value = "keys")]
    pub keys: PathBuf,
    /// Addresses of the other services, `name=https://host:port`, or `http` without `--tls`, comma
    /// between. A name that comes again has one more address, and a host with several addresses has
    /// a replica at each.
    #[arg(long = "peer", env = "PAYTERMS_PEERS", value_delimiter = ',')]
    pub peers: Vec<String>,
    /// How long connections last.
    #[command(flatten)]
    pub ages: ConnectionAges,
    /// Logs, traces and metrics.
    #[command(flatten)]
    pub telemetry: TelemetryOptions,
    /// Which lines are logged, in the syntax of tracing's `EnvFilter`.
    #[arg(long, env = "PAYTERMS_LOG", default_value = "info,sqlx=warn,h2=warn,hyper=warn")]
    pub log: String,
    /// The point at which a debug build kills itself, for tests.
    #[arg(long, env = "PAYTERMS_KILL_AT", hide = true)]
    pub kill_at: Option<String>,
}

impl CommonOptions {
    /// How the part `name` reaches others and is reached. Objects to plain text, and to what is
    /// wrong with an address or a certificate. Called within a runtime.
    pub fn network(
        &self,
        name: &'static str,
        objections: &mut Objections,
        stop: &CancellationToken,
    ) -> Network {
        let part = self
            .tls
            .as_deref()
            .and_then(|folder| objections.take("--tls", Part::follow(name, folder, stop.clone())));
        if self.tls.is_none() {
            objections.refuse("--tls", "lines between the parts are plain text; name the folder of its certificates with --tls");
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let addresses =
            objections.take("--peer", Addresses::parse(&self.peers, scheme)).unwrap_or_default();
        Network {
            addresses,
            ages: self.ages,
            part,
            broker: None,
            webhooks: AddressRules::default(),
        }
    }
}

/// Where webhooks may go.
#[derive(Debug, Clone, Default, Args)]
pub struct WebhookOptions {
    /// Addresses that are not of the internet to which webhooks may go all the same, and by plain
    /// HTTP, comma between, such as `127.0.0.1`: for development and tests. In production it does
    /// not start with any.
    #[arg(long, env = "PAYTERMS_WEBHOOKS_INSIDE", value_delimiter = ',')]
    pub webhooks_inside: Vec<IpAddr>,
}

impl WebhookOptions {
    /// The rules of addresses. Objects to exceptions.
    pub fn rules(&self, objections: &mut Objections) -> AddressRules {
        if !self.webhooks_inside.is_empty() {
            objections
                .refuse("--webhooks-inside", "webhooks may reach addresses that are not of the internet; leave --webhooks-inside out");
        }
        AddressRules::with_inside(self.webhooks_inside.clone())
    }
}

/// Reads the options of a process from its arguments, the environment and the file.
///
/// # Errors
/// A text for the person who started the process, and the exit code; also for `--help`.
pub fn read<O: Parser>(program: &str, arguments: Vec<OsString>) -> Result<O, (String, i32)> {
    // The file may have what is required, so nothing is required of the flags and the environment
    // yet.
    let first_matches =
        command::<O>(program).ignore_errors(true).try_get_matches_from(arguments.clone()).ok();
    let file = first_matches
        .as_ref()
        .and_then(|matches| matches.try_get_one::<PathBuf>("config").ok().flatten().cloned());
    let file_flags = match (file, &first_matches) {
        (Some(file), Some(first_matches)) => {
            from_file::<O>(&file, first_matches).map_err(|text| (text, 2))?
        }
        _ => Vec::new(),
    };
    read_arguments(program, arguments.into_iter().chain(file_flags).collect())
}

/// As [`read`], without a file.
///
/// # Errors
/// A text for the person who started the process, and the exit code; also for `--help`.
pub fn read_arguments<O: Parser>(
    program: &str,
    arguments: Vec<OsString>,
) -> Result<O, (String, i32)> {
    let parsed = command::<O>(program)
        .try_get_matches_from(arguments)
        .and_then(|matches| O::from_arg_matches(&matches));
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = variables::unknown(names)
        .iter()
        .map(|sentence| format!("error: {sentence}\n"))
        .collect::<Vec<_>>()
        .concat();
    match parsed {
        Ok(options) if unknown.is_empty() => Ok(options),
        Ok(_) => Err((unknown, 2)),
        // Help is given in any environment.
        Err(error) if !error.use_stderr() => Err(fail(&error)),
        Err(error) => {
            let (text, code) = fail(&error);
            Err((unknown + &text, code))
        }
    }
}

/// Prints the text of [`read`]: help to standard output, errors to standard error.
#[must_use]
pub fn explain(text: &str, code: i32) -> ExitCode {
    if code == 0 {
        print!("{text}");
    } else {
        eprint!("{text}");
    }
    ExitCode::from(u8::try_from(code).unwrap_or(2))
}

fn fail(error: &clap::Error) -> (String, i32) {
    (without_passwords(&error.render().to_string()), error.exit_code())
}

/// The command line of a program of this name, with `--version`, for pages and checks that list its
/// settings. Its help hides values from the environment, since any of them may hold a password.
#[must_use]
pub fn command<O: CommandFactory>(program: &str) -> Command {
    fn hidden(command: Command) -> Command {
        command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(hidden)
    }
    hidden(O::command().display_name(program).version(env!("CARGO_PKG_VERSION")))
}

/// The settings of the file as flags, without those that a flag or the environment sets.
fn from_file<O: CommandFactory>(
    file: &PathBuf,
    matches: &clap::ArgMatches,
) -> Result<Vec<OsString>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        // Only the message: the full error quotes the line, which may hold a password.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        format!("{}: line {}: {}", file.display(), before.lines().count().max(1), error.message())
    })?;
    let command = O::command();
    let mut flags = Vec::new();
    for (key, value) in table {
        let flag = key.replace('_', "-");
        let argument = command
            .get_arguments()
            .find(|argument| argument.get_long() == Some(&flag) && flag != "config");
        let Some(argument) = argument else {
            return Err(format!("{}: there is no key {key}", file.display()));
        };
        if !matches!(
            matches.value_source(argument.get_id().as_str()),
            None | Some(clap::parser::ValueSource::DefaultValue)
        ) {
            continue;
        }
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Boolean(true) => {
                flags.push(format!("--{flag}").into());
                continue;
            }
            toml::Value::Boolean(false) => continue,
            other => other.to_string(),
        };
        flags.push(format!("--{flag}={value}").into());
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::{CommonOptions, read, value_in};
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        common: CommonOptions,
        #[arg(long, required = true)]
        place: String,
    }

    fn with_file(text: &str, flags: &[&str]) -> Result<Options, (String, i32)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("payterms.toml");
        std::fs::write(&file, text).unwrap();
        let config = format!("--config={}", file.display());
        read(
            "payterms",
            ["payterms", "--place=here", &config].iter().chain(flags).map(Into::into).collect(),
        )
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let options =
            with_file("listen = \"127.0.0.1:7\"\nlog = \"debug\"", &["--log=warn"]).unwrap();
        assert_eq!((options.common.listen.port(), options.common.log.as_str()), (7, "warn"));
    }

    #[test]
    fn the_file_may_have_what_is_required() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("payterms.toml");
        let started = |text: &str| {
            std::fs::write(&file, text).unwrap();
            read::<Options>(
                "payterms",
                vec!["payterms".into(), format!("--config={}", file.display()).into()],
            )
        };
        assert_eq!(started("place = \"there\"").unwrap().place, "there");
        assert!(started("listen = \"127.0.0.1:7\"").unwrap_err().0.contains("--place"));
    }

    #[test]
    fn a_value_in_a_file_has_no_end_of_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        assert!(value_in(&file).unwrap_err().contains("url"));
        std::fs::write(&file, "\n").unwrap();
        assert!(value_in(&file).unwrap_err().contains("empty"));
        std::fs::write(&file, "postgres://a:b@c/d\n").unwrap();
        assert_eq!(value_in(&file).unwrap(), "postgres://a:b@c/d");
    }

    #[test]
    fn a_bad_key_or_value_is_named() {
        assert!(with_file("lisen = \"127.0.0.1:7\"", &[]).unwrap_err().0.contains("lisen"));
        assert!(with_file("listen = \"here\"", &[]).unwrap_err().0.contains("listen"));
        let wrong = with_file("log = \"info\"\nlisten = \"canary\" x", &[]).unwrap_err().0;
        assert!(wrong.contains("line 2") && !wrong.contains("canary"), "{wrong}");
    }
}
