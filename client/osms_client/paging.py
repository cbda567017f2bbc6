"""What all lists of the contract have in common."""

from typing import Protocol, TypeVar


class PagedQuestion(Protocol):
    """A request for a page of a list."""

    page_token: str


class PagedAnswer(Protocol):
    """A page of a list."""

    next_page_token: str


PageQuestion = TypeVar("PageQuestion", bound=PagedQuestion)
PageAnswer = TypeVar("PageAnswer", bound=PagedAnswer)
