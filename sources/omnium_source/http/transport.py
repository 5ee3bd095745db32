"""The connections themselves: what httpx opens, with the proxy and the certificates that the environment names.

opened       connections to a tenant
proxy_named  the proxy that they go by, for errors
"""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from omnium_source.errors import ConfigurationError
from omnium_source.http.limiter import SERVER_LIMIT_CONCURRENT

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""This machine, to which no proxy leads: it would look for the sandbox on its own."""


def opened(base_url: str, request_timeout: float) -> httpx.Client:
    """Connections to `base_url`; nothing is sent yet.

    Raises ConfigurationError where the environment's proxy or certificates cannot be used. It does not say how they
    are set, as a proxy's address may hold a password.
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
    """Host and port of the proxy by which `base_url` is reached, and no password; empty where there is none."""
    address, proxies = urlsplit(base_url), getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all") or ""
    if not proxy or address.hostname in LOOPBACK or proxy_bypass(address.hostname or ""):
        return ""
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}").netloc.rpartition("@")[2]
