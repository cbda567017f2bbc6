"""The services of the contract, one module each; they raise, the error interceptor answers."""

from osms_server.services.access import AccessServicer
from osms_server.services.category import CategoryServicer
from osms_server.services.consumer import ConsumerServicer
from osms_server.services.payment import PaymentServicer
from osms_server.services.roster import RosterServicer

__all__ = [
    "AccessServicer",
    "CategoryServicer",
    "ConsumerServicer",
    "PaymentServicer",
    "RosterServicer",
]
