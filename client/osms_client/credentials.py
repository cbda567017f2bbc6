"""How a client shows who it is: by a certificate, or by tokens where a proxy ends TLS."""

from collections.abc import Callable
from pathlib import Path

import grpc

CERTIFICATE, KEY, AUTHORITIES = "certificate.pem", "key.pem", "authorities.pem"
"""The files of an identity: the client's certificate, its private key, and who signs gateways."""


def load_identity(folder: str | Path) -> grpc.ChannelCredentials:
    """Return the credentials that lie in a folder: certificate.pem, key.pem, authorities.pem.

    They are read now; after they were renewed, open the gateway anew. Raises OSError if one is not
    there.
    """
    folder = Path(folder)
    return grpc.ssl_channel_credentials(
        root_certificates=(folder / AUTHORITIES).read_bytes(),
        private_key=(folder / KEY).read_bytes(),
        certificate_chain=(folder / CERTIFICATE).read_bytes(),
    )


def bearer_tokens(token: Callable[[], str]) -> grpc.ChannelCredentials:
    """Return credentials for the plain-text port of a gateway on this machine.

    ``token`` is called for every call, in a thread of gRPC, and returns a signed token that has not
    run out. With another machine no connection comes about.
    """
    return grpc.composite_channel_credentials(
        grpc.local_channel_credentials(), grpc.metadata_call_credentials(_Bearer(token))
    )


class _Bearer(grpc.AuthMetadataPlugin):
    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def __call__(
        self, context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback
    ) -> None:
        try:
            metadata = (("authorization", f"Bearer {self._token()}"),)
        except Exception as failure:
            callback((), failure)
        else:
            callback(metadata, None)
