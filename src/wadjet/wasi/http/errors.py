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


#: The numbers of the alerts (RFC 8446, section 6, and those of earlier editions).
_ALERTS: Final = {
    "close_notify": 0, "unexpected_message": 10, "bad_record_mac": 20, "decryption_failed": 21,
    "record_overflow": 22, "decompression_failure": 30, "handshake_failure": 40,
    "no_certificate": 41, "bad_certificate": 42, "unsupported_certificate": 43,
    "certificate_revoked": 44, "certificate_expired": 45, "certificate_unknown": 46,
    "illegal_parameter": 47, "unknown_ca": 48, "access_denied": 49, "decode_error": 50,
    "decrypt_error": 51, "export_restriction": 60, "protocol_version": 70,
    "insufficient_security": 71, "internal_error": 80, "inappropriate_fallback": 86,
    "user_cancelled": 90, "no_renegotiation": 100, "missing_extension": 109,
    "unsupported_extension": 110, "certificate_unobtainable": 111, "unrecognized_name": 112,
    "bad_certificate_status_response": 113, "bad_certificate_hash_value": 114,
    "unknown_psk_identity": 115, "certificate_required": 116, "no_application_protocol": 120,
}  # fmt: skip


def http_error(error: Exception) -> HttpError:
    """A failure of the network, in the words of HTTP."""
    if isinstance(error, HttpError):
        return error
    if isinstance(error, ssl.SSLError):
        return _tls_error(error)
    if isinstance(error, HostError | OSError):
        label = _BY_CODE.get(code_of(error))
        return internal(str(error)) if label is None else HttpError.of(label)
    return internal(str(error))


def _tls_error(error: ssl.SSLError) -> HttpError:
    """A failure of TLS, in the words of HTTP."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return HttpError.of("TLS-certificate-error")
    _, alert, title = (error.reason or "").lower().partition("_alert_")
    if not alert:
        return HttpError.of("TLS-protocol-error")
    payload = TlsAlertReceivedPayload(_ALERTS.get(title), title)
    return HttpError.of("TLS-alert-received", payload)


#: What a client is told of a guest that failed so.
_TIMEOUTS: Final = frozenset(
    "DnsTimeout ConnectionTimeout ConnectionReadTimeout ConnectionWriteTimeout "
    "HttpResponseTimeout".split()
)


def status_of(code: object) -> int:
    """The status of a response to a request that failed: 502, or 504 for what took too long."""
    return 504 if name(code) in _TIMEOUTS else 502
