"""The labels of what commands print about a person, in the language that was asked for."""

from dataclasses import dataclass

from osms_client.vocabulary import FundingSource, Language, MonthSettlement


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The labels of one language."""

    iin: str
    service_date: str
    status: str
    package: str
    packages: dict[FundingSource, str]
    valid_through: str
    covered_through: str
    without_end: str
    arrears: str
    blocking: str
    restore: str
    next_step: str
    stale: str
    decision: str
    rule: str
    month: str
    settled: str
    settlements: dict[MonthSettlement, str]
    amount: str
    details: str
    pay_by: str
    """With ``{day}`` for the last day to pay."""
    overdue: str
    opens: str
    outside: str
    no_cover: str
    reversed: str


_KK = Words(
    iin="ЖСН",
    service_date="Көмек күні",
    status="Мәртебесі",
    package="Пакет",
    packages={
        FundingSource.GOBMP: "ТМККК",
        FundingSource.OSMS_AND_GOBMP: "МӘМС және ТМККК",
        FundingSource.OSMS_ON_VISIT: "ТМККК, осы қаралым бойынша МӘМС",
    },
    valid_through="Осы мәртебе қай күнге дейін",
    covered_through="Сақтандыру қай күнге дейін",
    without_end="шектелмеген",
    arrears="Мерзімі өткен айлар",
    blocking="Пакетті ашатын айлар",
    restore="Оларды төлеу құны, теңге",
    next_step="Не істеу керек",
    stale="Деректері кешіккен көздер",
    decision="Шешім нөмірі",
    rule="Ереже",
    month="Ай",
    settled="Қалай өтелді",
    settlements={
        MonthSettlement.PAYMENT: "төлеммен",
        MonthSettlement.NOT_BY_PAYMENT: "төлемсіз",
        MonthSettlement.UNSETTLED: "өтелмеген",
        MonthSettlement.UNRECOGNISED: "?",
    },
    amount="Теңге",
    details="Мәліметтер",
    pay_by="{day} күніне дейін төлеу керек",
    overdue="мерзімі өтті",
    opens="төленсе, пакет ашылады",
    outside="есепке алынбайды",
    no_cover="сақтандыру бермейді",
    reversed="қайтарылды",
)

_RU = Words(
    iin="ИИН",
    service_date="Дата помощи",
    status="Статус",
    package="Пакет",
    packages={
        FundingSource.GOBMP: "ГОБМП",
        FundingSource.OSMS_AND_GOBMP: "ОСМС и ГОБМП",
        FundingSource.OSMS_ON_VISIT: "ГОБМП, на это обращение ОСМС",
    },
    valid_through="Статус действует по",
    covered_through="Застрахован по",
    without_end="без ограничения",
    arrears="Просроченные месяцы",
    blocking="Месяцы, оплата которых откроет пакет",
    restore="Их оплата, тенге",
    next_step="Что делать",
    stale="Источники, данные которых опаздывают",
    decision="Номер решения",
    rule="Правило",
    month="Месяц",
    settled="Чем закрыт",
    settlements={
        MonthSettlement.PAYMENT: "платежом",
        MonthSettlement.NOT_BY_PAYMENT: "не платежом",
        MonthSettlement.UNSETTLED: "не закрыт",
        MonthSettlement.UNRECOGNISED: "?",
    },
    amount="Тенге",
    details="Подробности",
    pay_by="уплатить не позднее {day}",
    overdue="просрочен",
    opens="оплата откроет пакет",
    outside="не учитывается",
    no_cover="страховки не даёт",
    reversed="возвращено",
)

_EN = Words(
    iin="IIN",
    service_date="Day of care",
    status="Status",
    package="Package",
    packages={
        FundingSource.GOBMP: "GOBMP",
        FundingSource.OSMS_AND_GOBMP: "OSMS and GOBMP",
        FundingSource.OSMS_ON_VISIT: "GOBMP, and OSMS for this visit",
    },
    valid_through="This status holds through",
    covered_through="Insured through",
    without_end="no end in sight",
    arrears="Overdue months",
    blocking="Months that open the package",
    restore="What they cost, tenge",
    next_step="What to do",
    stale="Sources whose data is late",
    decision="Decision",
    rule="Rule",
    month="Month",
    settled="Settled",
    settlements={
        MonthSettlement.PAYMENT: "by payment",
        MonthSettlement.NOT_BY_PAYMENT: "not by payment",
        MonthSettlement.UNSETTLED: "not settled",
        MonthSettlement.UNRECOGNISED: "?",
    },
    amount="Tenge",
    details="Details",
    pay_by="to be paid by {day}",
    overdue="overdue",
    opens="paying it opens the package",
    outside="does not count",
    no_cover="gives no cover",
    reversed="reversed",
)

WORDS = {Language.KK: _KK, Language.RU: _RU, Language.EN: _EN}
"""The labels of each language."""
