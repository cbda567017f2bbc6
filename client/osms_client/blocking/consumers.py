"""Calls of ConsumerService: who is insured, and why."""

from collections.abc import Generator, Iterable
from datetime import date

from osms_client.blocking.connection import Connection
from osms_client.blocking.stream import chunks, converse
from osms_client.eligibility import Eligibility, Explanation, KnownAt, LookupItem, LookupResult
from osms_client.talks import LOOKUP_CHUNK_ITEMS, LookupTalk
from osms_client.vocabulary import Language, Purpose
from osms_client.wire import lookups


class ConsumerCalls(Connection):
    """Questions about people.

    A call that raises UnansweredError says nothing about the person: never store it as "not
    insured".
    """

    def lookup(
        self,
        iin: str,
        *,
        purpose: Purpose,
        service_date: date | None = None,
        known: KnownAt = None,
        case_reference: str = "",
        birth_date: date | None = None,
        surname: str = "",
        at_least_revision: int = 0,
        language: Language = Language.KK,
        issue_receipt: bool = False,
        timeout_s: float | None = None,
    ) -> Eligibility:
        """Tell whether a person is insured on a day.

        ``service_date`` None is today in Almaty. ``known`` asks what was known at an aware
        instant, by the end of a day, or at a store revision; None is now. ``at_least_revision``
        (not together with ``known``) waits for what you sent, e.g. a register's revision. With
        ``birth_date`` or ``surname`` the answer says whether they fit the IIN. ``issue_receipt``
        asks for a signed statement of the answer: ConflictError if the gateway has no keys for it.
        """
        item = LookupItem(
            iin=iin,
            service_date=service_date,
            case_reference=case_reference,
            birth_date=birth_date,
            surname=surname,
        )
        return self._call(
            self._open.consumers.LookupConsumer,
            lookups.lookup_request(
                item,
                purpose=purpose,
                known=known,
                at_least_revision=at_least_revision,
                language=language,
                issue_receipt=issue_receipt,
            ),
            lookups.lookup_answer,
            timeout_s or self._deadlines.call_s,
        )

    def lookup_many(
        self,
        items: Iterable[LookupItem | str],
        *,
        purpose: Purpose,
        service_date: date | None = None,
        known: KnownAt = None,
        at_least_revision: int = 0,
        timeout_s: float | None = None,
    ) -> tuple[LookupResult, ...]:
        """Tell it for up to 10,000 people at one store revision.

        Returns one result per item, in their order: an Eligibility, or a LookupFailure for an item
        that could not be answered. More items raise LimitError; ``lookup_stream`` takes any number.
        """
        asked = list(map(lookups.as_item, items))
        options = lookups.Options(
            purpose=purpose,
            service_date=service_date,
            known=known,
            at_least_revision=at_least_revision,
        )
        return self._call(
            self._open.consumers.BatchLookupConsumers,
            lookups.batch_request(asked, options),
            lambda answer: lookups.results(answer, [item.iin for item in asked]),
            timeout_s or self._deadlines.batch_s,
        )

    def lookup_stream(
        self,
        items: Iterable[LookupItem | str],
        *,
        purpose: Purpose,
        service_date: date | None = None,
        known: KnownAt = None,
        at_least_revision: int = 0,
        chunk_items: int = LOOKUP_CHUNK_ITEMS,
        timeout_s: float | None = None,
    ) -> Generator[LookupResult, None, None]:
        """Tell it for any number of people, in constant memory.

        Items are read as answers are taken, ``chunk_items`` (1 to 10,000) in a message. Results
        come in the order of the items, as in ``lookup_many``; each chunk is answered at one
        revision. An error ends the stream; results yielded before stay valid.
        """
        options = lookups.Options(
            purpose=purpose,
            service_date=service_date,
            known=known,
            at_least_revision=at_least_revision,
        )
        return converse(
            self._open.consumers.StreamLookupConsumers,
            LookupTalk(options),
            chunks(items, chunk_items),
            silence_s=self._deadlines.stream_silence_s,
            timeout_s=timeout_s,
        )

    def explain(
        self,
        iin: str,
        *,
        purpose: Purpose,
        service_date: date | None = None,
        known: KnownAt = None,
        case_reference: str = "",
        language: Language = Language.KK,
        first_month: str = "",
        last_month: str = "",
        timeout_s: float | None = None,
    ) -> Explanation:
        """Show how an answer came about: the month ledger and the rule that decided.

        ``first_month`` and ``last_month`` are ``YYYY-MM``, at most 120 months; empty shows the
        window that decides.
        """
        return self._call(
            self._open.consumers.ExplainConsumer,
            lookups.explain_request(
                iin,
                purpose=purpose,
                service_date=service_date,
                known=known,
                case_reference=case_reference,
                language=language,
                first_month=first_month,
                last_month=last_month,
            ),
            lookups.explanation,
            timeout_s or self._deadlines.batch_s,
        )
