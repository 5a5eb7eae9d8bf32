"""What an HTTP client's exception says about the request: whether it can have left this machine.

aiohttp's hierarchy is the source, beside two of our own. Everything that is not proven unsent is of unknown outcome.
"""


class NotConnected(ConnectionError):
    """No byte of the request was written; the text says why, without the address."""


class AnswerLost(ConnectionError):
    """The request may have been taken: no answer came, or it broke off. The text says why, without the address."""


def never_left(error: BaseException | None) -> bool:
    """Whether ``error`` proves that no byte of the request was written: no address, no connection, no TLS.

    A time-out in the connecting phase counts (``ConnectionTimeoutError`` includes waiting for a pooled connection); one
    while reading the answer does not.
    """
    from aiohttp import ClientConnectorCertificateError, ClientConnectorError, ConnectionTimeoutError, InvalidURL

    proofs = (NotConnected, ClientConnectorError, ClientConnectorCertificateError, ConnectionTimeoutError, InvalidURL)
    return isinstance(error, proofs)


def reason(error: BaseException | None) -> str:
    """``error`` in words, without the URL: Telegram's holds the token."""
    from aiohttp import ClientConnectorDNSError, ClientConnectorError

    if isinstance(error, NotConnected | AnswerLost):
        return str(error)
    if isinstance(error, ClientConnectorDNSError):
        return f"no address for {error.host}"
    if isinstance(error, ClientConnectorError):
        why = error.os_error.strerror or type(error.os_error).__name__
        return f"no connection to {error.host}:{error.port} ({why})"
    if isinstance(error, TimeoutError):
        return "timed out"
    return type(error).__name__
