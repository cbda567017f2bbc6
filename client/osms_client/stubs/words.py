"""Sentences that several stub programs say to people."""

from osms_client import Language

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
