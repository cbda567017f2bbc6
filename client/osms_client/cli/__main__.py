"""`python -m osms_client.cli`, where the script `osms` is not on the path."""

from osms_client.cli import main

main()
