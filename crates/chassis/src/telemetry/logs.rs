//! Log lines on standard error, as text for people or as JSON for collectors.

use clap::{Args, ValueEnum};
use payterms_kernel::text::without_passwords;
use std::io::{self, IsTerminal, Write};
use tracing::Subscriber;
use tracing_subscriber::{
    Layer,
    fmt::{self, MakeWriter},
    registry::LookupSpan,
};

/// Options of log lines.
#[derive(Debug, Clone, Default, Args)]
pub struct Logs {
    /// How log lines look: `text` for people, or `json`, an object a line with time, level,
    /// message, fields, and the call's method, tenant and trace id.
    #[arg(long, env = "PAYTERMS_LOG_FORMAT", value_enum, default_value_t = Format::Text, global = true)]
    pub log_format: Format,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For collectors.
    Json,
}

impl Logs {
    /// The layer that writes them.
    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(
        &self,
    ) -> Box<dyn Layer<S> + Send + Sync> {
        self.layer_to(|| Lines(io::stderr()), io::stderr().is_terminal())
    }

    /// Colours are for terminals alone: in a file they are codes between the words.
    fn layer_to<S, W>(&self, writer: W, has_colours: bool) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let lines = fmt::layer().with_writer(writer).with_target(false).with_ansi(has_colours);
        match self.log_format {
            Format::Text => lines.boxed(),
            Format::Json => lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(true)
                .boxed(),
        }
    }
}

/// Writes log lines, a whole line at a time, with passwords hidden: libraries log addresses as they
/// were configured.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(without_passwords(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Lines, Logs};
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::layer::SubscriberExt;

    /// A writer into memory.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_json_has_the_call_with_tenant_and_trace() {
        let written = Written::default();
        let sink = written.clone();
        let layer = Logs { log_format: Format::Json }.layer_to(move || sink.clone(), false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span =
                tracing::info_span!("call", tenant = "acme", trace_id = tracing::field::Empty);
            span.record("trace_id", "4b4b");
            span.in_scope(|| tracing::warn!(job = "take_fee", "a job took too long"));
        });
        let line: serde_json::Value = serde_json::from_slice(&written.0.lock().unwrap()).unwrap();
        assert_eq!(
            (&line["level"], &line["message"], &line["job"]),
            (&"WARN".into(), &"a job took too long".into(), &"take_fee".into())
        );
        assert_eq!(
            (&line["spans"][0]["tenant"], &line["spans"][0]["trace_id"]),
            (&"acme".into(), &"4b4b".into())
        );
        assert!(line["timestamp"].is_string());
    }

    #[test]
    fn a_logged_address_has_no_password() {
        let mut lines = Lines(Vec::new());
        lines.write_all(b"connects to http://user:canary@host:1/path again\n").unwrap();
        assert_eq!(
            String::from_utf8(lines.0).unwrap(),
            "connects to http://user:***@host:1/path again\n"
        );
    }
}
