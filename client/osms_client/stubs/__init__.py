"""Stub programs of medical information systems, to start a real one from.

Each is run as ``python -m osms_client.stubs.NAME TARGET ...`` and is also an async function
``run(gateway, ...)`` that returns data. They need nothing but the base install.
"""

__all__ = [
    "billing_recheck",
    "hospital_admission",
    "hospitalisation_portal",
    "polyclinic_roster_check",
    "reception_desk",
    "self_service",
]
