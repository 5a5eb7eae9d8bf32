"""Names for made-up customers, by language: first names with their gender, last names, cities with country and zone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A city with its ISO country and IANA zone."""

    city: str
    country: str
    zone: str


@dataclass(frozen=True, slots=True)
class Names:
    """What people of one language are called. ``last_male`` stands beside ``last_female``, form by form."""

    female: tuple[str, ...]
    male: tuple[str, ...]
    last_female: tuple[str, ...]
    last_male: tuple[str, ...]
    places: tuple[Place, ...]


_ENGLISH_LAST = (
    "Ashworth", "Barker", "Bellamy", "Calder", "Carver", "Dalton", "Ellison", "Fairley", "Garrick", "Hollis", "Ingram",
    "Jarvis", "Kershaw", "Langley", "Marlowe", "Norwood", "Oakley", "Prescott", "Quigley", "Radcliffe", "Sutton",
    "Thackeray", "Underhill", "Vickers", "Wainwright", "Yardley", "Blake", "Cross", "Drummond", "Finch",
)  # fmt: skip
_PERSIAN_LAST = (
    "احمدی", "رضایی", "کریمی", "محمدی", "حسینی", "موسوی", "جعفری", "صادقی", "رحیمی", "قاسمی", "اکبری", "شریفی",
    "نوری", "یزدانی", "کاظمی", "فرهادی", "سلیمانی", "باقری", "توکلی", "زارعی", "میرزایی", "شیرازی", "تهرانی", "خسروی",
)  # fmt: skip

NAMES: dict[str, Names] = {
    "en": Names(
        female=("Alice", "Beatrice", "Charlotte", "Daisy", "Emily", "Florence", "Grace", "Hannah", "Isla", "Jessica",
                "Katie", "Lucy", "Megan", "Nora", "Olivia", "Phoebe", "Ruth", "Sophie", "Tessa", "Violet"),
        male=("Adam", "Benjamin", "Callum", "Daniel", "Edward", "Frederick", "George", "Harry", "Isaac", "Jack",
              "Kieran", "Lewis", "Matthew", "Nathan", "Oliver", "Patrick", "Robert", "Samuel", "Thomas", "William"),
        last_female=_ENGLISH_LAST,
        last_male=_ENGLISH_LAST,
        places=(Place("London", "GB", "Europe/London"), Place("Leeds", "GB", "Europe/London"),
                Place("Bristol", "GB", "Europe/London"), Place("Edinburgh", "GB", "Europe/London"),
                Place("New York", "US", "America/New_York"), Place("Chicago", "US", "America/Chicago"),
                Place("Denver", "US", "America/Denver"), Place("Seattle", "US", "America/Los_Angeles")),
    ),
    "ru": Names(
        female=("Анна", "Валерия", "Галина", "Дарья", "Екатерина", "Жанна", "Зоя", "Ирина", "Ксения", "Лидия",
                "Мария", "Надежда", "Ольга", "Полина", "Раиса", "Светлана", "Татьяна", "Ульяна", "Фаина", "Юлия"),
        male=("Алексей", "Борис", "Виктор", "Григорий", "Дмитрий", "Евгений", "Игорь", "Кирилл", "Леонид", "Максим",
              "Николай", "Олег", "Павел", "Роман", "Сергей", "Тимофей", "Фёдор", "Эдуард", "Юрий", "Ярослав"),
        last_female=("Белова", "Васильева", "Григорьева", "Дмитриева", "Ершова", "Жукова", "Зайцева", "Иванова",
                     "Климова", "Лебедева", "Морозова", "Никитина", "Орлова", "Павлова", "Романова", "Соколова",
                     "Тихонова", "Фролова", "Цветкова", "Щербакова"),
        last_male=("Белов", "Васильев", "Григорьев", "Дмитриев", "Ершов", "Жуков", "Зайцев", "Иванов",
                   "Климов", "Лебедев", "Морозов", "Никитин", "Орлов", "Павлов", "Романов", "Соколов",
                   "Тихонов", "Фролов", "Цветков", "Щербаков"),
        places=(Place("Москва", "RU", "Europe/Moscow"), Place("Казань", "RU", "Europe/Moscow"),
                Place("Самара", "RU", "Europe/Samara"), Place("Екатеринбург", "RU", "Asia/Yekaterinburg"),
                Place("Новосибирск", "RU", "Asia/Novosibirsk"), Place("Владивосток", "RU", "Asia/Vladivostok")),
    ),
    "fa": Names(
        female=("آزاده", "بهاره", "پریسا", "ترانه", "زهرا", "سارا", "شیرین", "فاطمه", "فرزانه", "گلناز",
                "لاله", "مریم", "مهسا", "نازنین", "نرگس", "نگار", "نیلوفر", "هدیه", "یاسمن", "یلدا"),
        male=("آرش", "امیر", "بابک", "بهرام", "پویا", "حسن", "حسین", "رضا", "سعید", "سیاوش",
              "علی", "فرهاد", "کاوه", "کیان", "محمد", "مهدی", "نادر", "نیما", "هومن", "یوسف"),
        last_female=_PERSIAN_LAST,
        last_male=_PERSIAN_LAST,
        places=(Place("تهران", "IR", "Asia/Tehran"), Place("اصفهان", "IR", "Asia/Tehran"),
                Place("شیراز", "IR", "Asia/Tehran"), Place("تبریز", "IR", "Asia/Tehran"),
                Place("مشهد", "IR", "Asia/Tehran")),
    ),
}  # fmt: skip
