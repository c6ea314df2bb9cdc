"""What can go wrong with HTTP: `error-code` of `wasi:http/types`, the same in every edition."""

import ssl
from dataclasses import dataclass
from typing import Any, Final, final

from wadjet.wasi.common.forms import case, name
from wadjet.wasi.host.errors import Code, HostError, code_of

_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class DnsErrorPayload:
    """`DNS-error-payload`."""

    rcode: str | None = None
    info_code: int | None = None


@dataclass(frozen=True, slots=True)
class TlsAlertReceivedPayload:
    """`TLS-alert-received-payload`."""

    alert_id: int | None = None
    alert_message: str | None = None


@dataclass(frozen=True, slots=True)
class FieldSizePayload:
    """`field-size-payload`."""

    field_name: str | None = None
    field_size: int | None = None


@final
class HttpError(Exception):
    """A request or a response failed; `code` is the value of `error-code`."""

    def __init__(self, code: object) -> None:
        super().__init__(name(code))
        self.code: Final = code

    @classmethod
    def of(cls, label: str, payload: Any = _NOTHING) -> "HttpError":
        """The failure that the interface calls so."""
        return cls(case(label) if payload is _NOTHING else case(label, payload))


def internal(message: str | None = None) -> HttpError:
    """A failure without a better name."""
    return HttpError.of("internal-error", message)


_BY_CODE: Final = {
    Code.ACCESS: "HTTP-request-denied",
    Code.ADDRESS_NOT_BINDABLE: "destination-unavailable",
    Code.CONNECTION_ABORTED: "connection-terminated",
    Code.CONNECTION_REFUSED: "connection-refused",
    Code.CONNECTION_RESET: "connection-terminated",
    Code.HOST_UNREACHABLE: "destination-IP-unroutable",
    Code.NETWORK_DOWN: "destination-IP-unroutable",
    Code.NETWORK_UNREACHABLE: "destination-IP-unroutable",
    Code.PIPE: "connection-terminated",
    Code.TIMED_OUT: "connection-timeout",
}


def http_error(error: Exception) -> HttpError:
    """A failure of the network, in the words of HTTP."""
    if isinstance(error, HttpError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return HttpError.of("TLS-certificate-error")
    if isinstance(error, ssl.SSLError):
        return HttpError.of("TLS-protocol-error")
    if isinstance(error, HostError | OSError):
        label = _BY_CODE.get(code_of(error))
        return internal(str(error)) if label is None else HttpError.of(label)
    return internal(str(error))


#: What a client is told of a guest that failed so.
_TIMEOUTS: Final = frozenset(
    "DnsTimeout ConnectionTimeout ConnectionReadTimeout ConnectionWriteTimeout "
    "HttpResponseTimeout".split()
)


def status_of(code: object) -> int:
    """The status of a response to a request that failed: 502, or 504 for what took too long."""
    return 504 if name(code) in _TIMEOUTS else 502
