"""The connections themselves: what httpx opens, with the proxy and the certificates that the environment names."""

import httpx

from omnium_source.errors import ConfigurationError
from omnium_source.http.limiter import SERVER_LIMIT_CONCURRENT


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
