"""What the stub programs take on their command lines."""

import argparse
import os
from datetime import date
from pathlib import Path

from osms.values import parse_date
from osms_client import AsyncGateway, Language, load_identity


def program(description: str, *, asks_about_one: bool = True) -> argparse.ArgumentParser:
    """Return the parser of a stub program, with what nearly all of them take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("target", help="where the gateway is: host:port")
    parser.add_argument(
        "--identity",
        type=Path,
        default=os.environ.get("OSMS_IDENTITY"),
        metavar="DIR",
        help="who asks: folder with certificate.pem, key.pem and authorities.pem (OSMS_IDENTITY)",
    )
    if asks_about_one:
        parser.add_argument("iin", help="whom the question is about: 12 digits")
        parser.add_argument(
            "--language",
            type=Language,
            default=Language.KK,
            choices=list(Language),
            help="the language of texts (default: kk)",
        )
    return parser


def gateway_of(arguments: argparse.Namespace) -> AsyncGateway:
    """Return the gateway that the arguments name, to be opened with the identity they name."""
    folder = arguments.identity
    credentials = None if folder is None else load_identity(folder)
    return AsyncGateway(arguments.target, credentials=credentials)


def day(text: str) -> date:
    """Return the day that an argument names."""
    try:
        return parse_date(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date: give YYYY-MM-DD") from None
