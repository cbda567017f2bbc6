"""Sentences that several stub programs say to people."""

from osms_client import Language, Status

UNANSWERED = {
    Language.KK: (
        "Сақтандыру мәртебесін қазір білу мүмкін болмады. Бұл адам сақтандырылмаған дегенді "
        "білдірмейді, біраздан кейін қайта сұраңыз."
    ),
    Language.RU: (
        "Сейчас узнать статус страхования не удалось. Это не значит, что человек не застрахован: "
        "спросите ещё раз немного позже."
    ),
    Language.EN: (
        "The insurance status could not be learned now. That does not mean that the person is not "
        "insured: please ask again a little later."
    ),
}
"""Nobody answered. This is never stored and never shown as "not insured"."""

WRONG_NUMBER = {
    Language.KK: "ЖСН қате терілген: он екі цифрды құжатпен салыстырыңыз.",
    Language.RU: "ИИН набран с ошибкой: сверьте двенадцать цифр с документом.",
    Language.EN: "The IIN was mistyped: please compare its twelve digits with the document.",
}
"""The number itself is impossible."""

OTHER_PERSON = {
    Language.KK: "Бұл ЖСН басқа адамдікі сияқты: құжатты қайта қараңыз.",
    Language.RU: "Похоже, это ИИН другого человека: проверьте документ.",
    Language.EN: "This IIN seems to be another person's: please look at the document again.",
}
"""The stated birth date or surname does not fit."""

LAST_KNOWN = {
    Language.KK: (
        "Сақтандыру мәртебесін қазір білу мүмкін болмады. Соңғы мәлімет ({as_of} жағдайы бойынша, "
        "жеке басы салыстырылмады): {status} Біраздан кейін қайта сұраңыз."
    ),
    Language.RU: (
        "Сейчас узнать статус страхования не удалось. Последние сведения (по состоянию на {as_of}, "
        "личность не сверена): {status} Спросите ещё раз немного позже."
    ),
    Language.EN: (
        "The insurance status could not be learned now. What is known last (as of {as_of}, the "
        "identity was not compared): {status} Please ask again a little later."
    ),
}
"""Nobody answered, but a local state is at hand: ``{as_of}`` in Almaty, ``{status}`` a sentence."""

STATUS = {
    Language.KK: {
        Status.INSURED: "Адам сақтандырылған.",
        Status.INSURED_RETENTION: (
            "Адам әлі сақтандырылған, бірақ мерзімі өткен жарналар төленбесе, сақтандыру тоқтайды."
        ),
        Status.ELIGIBLE_ON_VISIT: (
            "Адам сақтандырылмаған, бірақ көмекке жүгінгенде оның ақысы МӘМС пакеті бойынша "
            "төленеді."
        ),
        Status.NOT_INSURED: (
            "Адам сақтандырылмаған; тегін медициналық көмектің кепілдік берілген көлемі (ТМККК) "
            "оған да, барлық адамға да қолжетімді."
        ),
        Status.UNKNOWN_CONSUMER: (
            "Бұл ЖСН бойынша ешқандай дерек жоқ, бірақ бұл адам сақтандырылмаған дегенді "
            "білдірмейді."
        ),
    },
    Language.RU: {
        Status.INSURED: "Человек застрахован.",
        Status.INSURED_RETENTION: (
            "Человек ещё застрахован, но страхование прекратится, если не уплатить просроченные "
            "взносы."
        ),
        Status.ELIGIBLE_ON_VISIT: (
            "Человек не застрахован, но при обращении за помощью она будет оплачена в пакете ОСМС."
        ),
        Status.NOT_INSURED: (
            "Человек не застрахован; гарантированный объём бесплатной медицинской помощи (ГОБМП) "
            "доступен ему, как и всем."
        ),
        Status.UNKNOWN_CONSUMER: (
            "По этому ИИН нет никаких данных, но это не значит, что человек не застрахован."
        ),
    },
    Language.EN: {
        Status.INSURED: "This person is insured.",
        Status.INSURED_RETENTION: (
            "This person is still insured, but cover will end unless the overdue contributions are "
            "paid."
        ),
        Status.ELIGIBLE_ON_VISIT: (
            "This person is not insured, but care under the insurance package (OSMS) will be paid "
            "for when they come for it."
        ),
        Status.NOT_INSURED: (
            "This person is not insured; guaranteed free care (GOBMP) is open to them as to "
            "everyone."
        ),
        Status.UNKNOWN_CONSUMER: (
            "Nothing is known about this IIN, which does not mean that the person is not insured."
        ),
    },
}
"""A status in one sentence, where the gateway's own is not at hand."""
