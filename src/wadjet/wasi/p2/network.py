"""`wasi:sockets/network` and `instance-network` 0.2: what was granted, and what goes wrong."""

from typing import Final, final

from wadjet.wasi.common.forms import Member, ResultError
from wadjet.wasi.host.errors import Code
from wadjet.wasi.host.network import Network as Rules
from wadjet.wasi.p2.io import Error

_CODES: Final = {
    Code.ACCESS: "ACCESS_DENIED",
    Code.NOT_PERMITTED: "ACCESS_DENIED",
    Code.UNSUPPORTED: "NOT_SUPPORTED",
    Code.NO_PROTOCOL_OPTION: "NOT_SUPPORTED",
    Code.PROTOCOL_UNSUPPORTED: "NOT_SUPPORTED",
    Code.INVALID: "INVALID_ARGUMENT",
    Code.ADDRESS_FAMILY: "INVALID_ARGUMENT",
    Code.DESTINATION_REQUIRED: "INVALID_ARGUMENT",
    Code.INSUFFICIENT_MEMORY: "OUT_OF_MEMORY",
    Code.NO_BUFFER_SPACE: "OUT_OF_MEMORY",
    Code.TIMED_OUT: "TIMEOUT",
    Code.ALREADY: "CONCURRENCY_CONFLICT",
    Code.WOULD_BLOCK: "WOULD_BLOCK",
    Code.NOT_CONNECTED: "INVALID_STATE",
    Code.IS_CONNECTED: "INVALID_STATE",
    Code.TOO_MANY_OPEN_FILES: "NEW_SOCKET_LIMIT",
    Code.TOO_MANY_OPEN_FILES_IN_SYSTEM: "NEW_SOCKET_LIMIT",
    Code.ADDRESS_NOT_BINDABLE: "ADDRESS_NOT_BINDABLE",
    Code.ADDRESS_IN_USE: "ADDRESS_IN_USE",
    Code.HOST_UNREACHABLE: "REMOTE_UNREACHABLE",
    Code.NETWORK_UNREACHABLE: "REMOTE_UNREACHABLE",
    Code.NETWORK_DOWN: "REMOTE_UNREACHABLE",
    Code.CONNECTION_REFUSED: "CONNECTION_REFUSED",
    Code.CONNECTION_RESET: "CONNECTION_RESET",
    Code.PIPE: "CONNECTION_RESET",
    Code.CONNECTION_ABORTED: "CONNECTION_ABORTED",
    Code.MESSAGE_SIZE: "DATAGRAM_TOO_LARGE",
}
#: What the codes of a look-up mean.
_LOOKUP_CODES: Final = _CODES | {
    Code.NO_ENTRY: "NAME_UNRESOLVABLE",
    Code.WOULD_BLOCK: "TEMPORARY_RESOLVER_FAILURE",
    Code.NOT_RECOVERABLE: "PERMANENT_RESOLVER_FAILURE",
    Code.IN_PROGRESS: "WOULD_BLOCK",
}


def error_code(code: Code) -> Member:
    """The `error-code` of a refusal."""
    return Member(_CODES.get(code, "UNKNOWN"))


def lookup_code(code: Code) -> Member:
    """The `error-code` of a look-up that failed."""
    return Member(_LOOKUP_CODES.get(code, "UNKNOWN"))


def not_in_progress() -> ResultError:
    """What is said to a `finish` without its `start`."""
    return ResultError(Member("NOT_IN_PROGRESS"))


class Speaker:
    """What answers with this package's error codes."""

    def refusal(self, code: Code) -> object:
        """The `error-code`."""
        return error_code(code)


@final
class Network:
    """`network`: what a guest was granted of it."""

    def __init__(self, rules: Rules) -> None:
        self.rules: Final = rules


@final
class InstanceNetwork:
    """`wasi:sockets/instance-network`."""

    def __init__(self, rules: Rules) -> None:
        self._rules: Final = rules

    def instance_network(self) -> Network:
        """The network that was granted."""
        return Network(self._rules)


@final
class Networks:
    """`wasi:sockets/network`."""

    Network = Network

    def network_error_code(self, err: Error) -> Member | None:
        """Why a stream of a connection failed."""
        return error_code(err.code) if err.cause == "network" else None
