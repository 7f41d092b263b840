//! TLS from files. A changed certificate is taken up without a restart; one that can't be used leaves the old one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::fsx;
use crate::platform::ChangeMark;
use crate::platform::file::change_mark;

use super::error::ServeError;

/// Most bytes of a file with certificates or a key.
const MAX_FILE: u64 = 1024 * 1024;

/// Where certificate and key lie, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those that lead to a known authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What makes connections safe.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    current: RwLock<(Arc<ServerConfig>, Option<[ChangeMark; 2]>)>,
}

impl Tls {
    /// Reads the files.
    pub(super) fn load(files: TlsFiles) -> Result<Self, ServeError> {
        let marks = marks(&files);
        let config = read(&files)?;
        Ok(Self { files, current: RwLock::new((config, marks)) })
    }

    /// Reads the files again if they changed, or in any case; says whether there is a new certificate.
    pub(super) fn reload(&self, in_any_case: bool) -> Result<bool, ServeError> {
        let marks = marks(&self.files);
        let known = self.current.read().unwrap_or_else(PoisonError::into_inner).1;
        if !in_any_case && marks == known {
            return Ok(false);
        }
        let read = read(&self.files);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Also when it failed: it is told once, and tried again when the files change again.
        current.1 = marks;
        current.0 = read?;
        Ok(true)
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).0);
        TlsAcceptor::from(config).accept(stream).await
    }
}

fn marks(files: &TlsFiles) -> Option<[ChangeMark; 2]> {
    let mark = |path: &Path| fsx::stat_follow(path).ok().map(|metadata| change_mark(&metadata));
    Some([mark(&files.certificate)?, mark(&files.key)?])
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, ServeError> {
    let bad = |file: &Path, why: String| ServeError::Certificate { file: file.to_path_buf(), why };
    let bytes = fsx::read(&files.certificate, MAX_FILE)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(&files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(bad(&files.certificate, "it holds no certificate in PEM form".to_owned()));
    }
    let bytes = fsx::read(&files.key, MAX_FILE)?;
    // What the reader says could quote the key, so it is not passed on.
    let key = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_why| bad(&files.key, "it holds no private key in PEM form".to_owned()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| {
            bad(&files.certificate, format!("{error}; certificate and key must belong together"))
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
