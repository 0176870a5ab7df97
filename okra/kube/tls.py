"""TLS contexts for API servers."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from okra.errors import CredentialsInvalid
from okra.kube.credentials import Certificate
from okra.kube.target import Trust


def tls_context(trust: Trust, certificate: Certificate | None) -> ssl.SSLContext:
    """Reads files, if there are any: for a thread. CredentialsInvalid when there is no usable certificate."""
    try:
        context = ssl.create_default_context(cafile=trust.ca, cadata=trust.ca_data)
        # Python 3.13's default refuses authorities without a key identifier, which many clusters' own are.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not trust.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            _present(context, certificate)
    except (OSError, ValueError) as error:
        raise CredentialsInvalid(f"The certificates for the API server can't be used: {error}") from error
    return context


def _present(context: ssl.SSLContext, certificate: Certificate) -> None:
    if not certificate.inline:
        context.load_cert_chain(certificate.certificate, certificate.key or None)
        return
    with tempfile.TemporaryDirectory() as folder:  # OpenSSL takes files only; these are gone in a moment
        paths = Path(folder, "tls.crt"), Path(folder, "tls.key")
        for path, content in zip(paths, (certificate.certificate, certificate.key), strict=True):
            path.touch(0o600)
            path.write_text(content)
        context.load_cert_chain(*paths)
