"""What the stub programs take on their command lines."""

import argparse
from datetime import date

from osms.values import parse_date
from osms_client import Language


def program(description: str, *, asks_about_one: bool = True) -> argparse.ArgumentParser:
    """Return the parser of a stub program, with what nearly all of them take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("target", help="where the gateway is: host:port")
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


def day(text: str) -> date:
    """Return the day that an argument names."""
    try:
        return parse_date(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date: give YYYY-MM-DD") from None
