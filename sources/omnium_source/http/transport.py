"""The httpx client, with the proxy and certificates of the environment.

opened       an httpx client for a tenant
proxy_named  the proxy that it uses, for error messages
named        an error of the connection, in a word, or in OpenSSL's words
tls_fault    why there is no encrypted connection, if trying again cannot help
"""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from omnium_source.errors import ConfigurationError
from omnium_source.http.limiter import SERVER_LIMIT_CONCURRENT

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of this machine. No proxy is used for them: the proxy would look for the sandbox on its own machine."""

_CERTIFICATE_FAULTS = {
    "has expired": "has expired: have it renewed, and check this machine's clock",
    "not yet valid": "is not valid yet: check this machine's clock",
    "mismatch": "is for another name: check SOURCES__OMNIUM__BASE_URL, and what answers in its place",
    "": "is not trusted: check the base URL, or give your company's authority in SSL_CERT_FILE, as REQUESTS_CA_BUNDLE "
    "is not read",
}
"""What OpenSSL says of a certificate → what to say; the last one applies to everything else."""


def opened(base_url: str, request_timeout: float) -> httpx.Client:
    """An httpx client for `base_url`; nothing is sent yet.

    Raises ConfigurationError if the environment's proxy or certificates cannot be used. The message does not show the
    proxy's address, which may hold a password.
    """
    try:
        return httpx.Client(
            base_url=f"{base_url}/api/",
            follow_redirects=False,
            timeout=httpx.Timeout(min(60.0, request_timeout), connect=min(15.0, request_timeout)),
            limits=httpx.Limits(max_connections=SERVER_LIMIT_CONCURRENT, max_keepalive_connections=20),
            verify=httpx.create_ssl_context(),
            trust_env=urlsplit(base_url).hostname not in LOOPBACK,
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "omnium-elt"},
        )
    except OSError as error:  # an SSLError is one
        raise ConfigurationError(
            f"the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: {error.strerror or error}"
        ) from None
    except ImportError:
        raise ConfigurationError(
            "ALL_PROXY, HTTP_PROXY or HTTPS_PROXY names a SOCKS proxy, for which a package is missing: "
            "python -m pip install 'httpx[socks]'"
        ) from None
    except (ValueError, httpx.InvalidURL):
        raise ConfigurationError(
            "ALL_PROXY, HTTP_PROXY or HTTPS_PROXY is no proxy's address, such as http://proxy.example:3128"
        ) from None


def proxy_named(base_url: str) -> str:
    """Host and port of the proxy for `base_url`, without a password; empty if no proxy is used."""
    address, proxies = urlsplit(base_url), getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all") or ""
    if not proxy or address.hostname in LOOPBACK or proxy_bypass(address.hostname or ""):
        return ""
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}").netloc.rpartition("@")[2]


def named(error: Exception) -> str:
    """The error's kind. OpenSSL's words say more, such as that a client needs a certificate, and show no address."""
    return str(error) if str(error).startswith("[SSL") else type(error).__name__


def tls_fault(host: str | None, cause: str) -> str:
    """Why the server at `host` cannot be reached by https, by what OpenSSL says; empty if that may pass."""
    if "CERTIFICATE_VERIFY_FAILED" in cause:
        return f"the certificate of {host} " + next(
            fault for sign, fault in _CERTIFICATE_FAULTS.items() if sign in cause
        )
    if "WRONG_VERSION_NUMBER" in cause:
        return f"{host} does not speak https: check SOURCES__OMNIUM__BASE_URL and its port"
    if cause.startswith("[SSL") and "EOF" not in cause:
        return (
            f"{host} refuses an encrypted connection ({cause}): check SOURCES__OMNIUM__BASE_URL and the proxy"
        )
    return ""
