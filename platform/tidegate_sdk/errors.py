"""What can go wrong when an agent talks to the service.

TidegateClientError
├── ServiceUnreachable   no answer within the time allowed, after all retries
└── RequestRefused       the service answered, and said no; `status` and `message` say why
"""


class TidegateClientError(Exception):
    """Base of every error this client raises."""


class ServiceUnreachable(TidegateClientError):
    """No answer within the time allowed, after all retries."""

    def __init__(self, address: str, seconds: float, cause: Exception) -> None:
        self.address = address
        super().__init__(
            f"no answer from {address} for {seconds:.0f} s ({cause}); is the service running?"
        )


class RequestRefused(TidegateClientError):
    """The service answered, and said no."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(f"the service answered {status}: {message}")
