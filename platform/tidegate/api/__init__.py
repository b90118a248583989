"""The HTTP face of the service."""

from tidegate.api.app import create_app

__all__ = ["create_app"]
