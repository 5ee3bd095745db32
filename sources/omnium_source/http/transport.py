"""The httpx client, with the proxy and certificates of the environment.

opened       an httpx client for a tenant
proxy_named  the proxy that it uses, for error messages
"""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from omnium_source.errors import ConfigurationError
from omnium_source.http.limiter import SERVER_LIMIT_CONCURRENT

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of this machine. No proxy is used for them: the proxy would look for the sandbox on its own machine."""


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
