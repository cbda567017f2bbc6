"""What happens around every call."""

from osms_server.interceptors.errors import ErrorInterceptor

__all__ = ["ErrorInterceptor"]
