"""What an HTTP client's exception says about the request: whether it can have left this machine.

aiohttp's hierarchy is the source. Everything that is not proven unsent is of unknown outcome.
"""


def never_left(error: BaseException | None) -> bool:
    """Whether ``error`` proves that no byte of the request was written: no address, no connection, no TLS.

    A time-out in the connecting phase counts (``ConnectionTimeoutError`` includes waiting for a pooled connection); one
    while reading the answer does not.
    """
    from aiohttp import ClientConnectorCertificateError, ClientConnectorError, ConnectionTimeoutError, InvalidURL

    return isinstance(
        error, (ClientConnectorError, ClientConnectorCertificateError, ConnectionTimeoutError, InvalidURL)
    )


def reason(error: BaseException | None) -> str:
    """``error`` in words, without the URL: Telegram's holds the token."""
    from aiohttp import ClientConnectorDNSError, ClientConnectorError

    if isinstance(error, ClientConnectorDNSError):
        return f"no address for {error.host}"
    if isinstance(error, ClientConnectorError):
        why = error.os_error.strerror or type(error.os_error).__name__
        return f"no connection to {error.host}:{error.port} ({why})"
    if isinstance(error, TimeoutError):
        return "timed out"
    return type(error).__name__
