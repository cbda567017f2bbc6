"""Names of nobody: common names of Kazakhstan, put together by chance."""

from random import Random

from osms_seeds.facts import Name


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_KAZAKH_SURNAMES = _words(
    "Абдрахманов Айтжанов Ахметов Әбдіров Әлімов Байжанов Бекмұратов Ғабдуллин Досжанов Ермеков "
    "Есенов Жақсыбеков Жүнісов Ибраев Исабеков Кенжебаев Қасымов Қуанышев Мұқанов Мұратов "
    "Нұрғалиев Нұрланов Оразбаев Омаров Өтегенов Рахымов Сағынтаев Сәрсенов Сейітов Смағұлов "
    "Тілеубаев Төлегенов Тұрсынов Үсенов Шәкенов Ысқақов"
)
_RUSSIAN_SURNAMES = _words(
    "Андреев Белов Васильев Волков Григорьев Дмитриев Егоров Захаров Иванов Ильин Козлов Кузнецов "
    "Лебедев Макаров Морозов Никитин Новиков Орлов Павлов Петров Попов Романов Семёнов Сидоров "
    "Смирнов Соколов Степанов Тарасов Фёдоров Чернов"
)
_KAZAKH_MEN = _words(
    "Абай Айбек Айдос Алмас Арман Асқар Әділ Бауыржан Болат Дәурен Ержан Ерлан Жандос Қайрат "
    "Қанат Марат Мұрат Нұрлан Олжас Рүстем Самат Серік Талғат Тимур Ұлан"
)
_KAZAKH_WOMEN = _words(
    "Айгүл Айжан Айнұр Алия Ақмарал Әсел Әйгерім Бақыт Ботагөз Гүлнар Гүлмира Дана Динара Жанар "
    "Жұлдыз Зәуре Камила Қарлығаш Ләззат Мадина Меруерт Назгүл Сәуле Толқын Шолпан"
)
_RUSSIAN_MEN = _words(
    "Александр Алексей Андрей Виктор Владимир Денис Дмитрий Евгений Игорь Максим Михаил Николай "
    "Олег Павел Роман Сергей"
)
_RUSSIAN_WOMEN = _words(
    "Анна Валентина Вера Виктория Галина Екатерина Елена Ирина Людмила Мария Наталья Оксана Ольга "
    "Светлана Татьяна Юлия"
)
_RUSSIAN_PATRONYMICS = _words(
    "Александров Андреев Викторов Владимиров Иванов Михайлов Николаев Олегов Павлов Петров "
    "Сергеев Степанов"
)

_KAZAKH_SHARE = 0.72
_WITHOUT_PATRONYMIC = 0.12

# Neither CP866 nor CP1251 has the letters that only Kazakh has; banks write the nearest Russian.
_RUSSIFIED = str.maketrans("әғқңөұүһіӘҒҚҢӨҰҮҺІ«»", 'агкноуухиАГКНОУУХИ""')


def name(rng: Random, sex: str) -> Name:
    """Make up a name for "m" or "f"."""
    male = sex == "m"
    if rng.random() < _KAZAKH_SHARE:
        surname = rng.choice(_KAZAKH_SURNAMES)
        given = rng.choice(_KAZAKH_MEN if male else _KAZAKH_WOMEN)
        patronymic = rng.choice(_KAZAKH_MEN) + ("ұлы" if male else "қызы")
    else:
        surname = rng.choice(_RUSSIAN_SURNAMES)
        given = rng.choice(_RUSSIAN_MEN if male else _RUSSIAN_WOMEN)
        patronymic = rng.choice(_RUSSIAN_PATRONYMICS) + ("ич" if male else "на")
    if rng.random() < _WITHOUT_PATRONYMIC:
        patronymic = ""
    return Name(surname if male else surname + "а", given, patronymic)


def russify(text: str) -> str:
    """Replace what the 8-bit Russian encodings lack by the nearest they have."""
    return text.translate(_RUSSIFIED)
