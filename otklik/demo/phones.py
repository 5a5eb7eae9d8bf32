"""Phone numbers that belong to nobody.

The United States keep 555-0100 to 555-0199 of every area code for fiction, Ofcom the ranges below for drama. Russia and
Iran keep none: there we take codes that are not assigned.
"""

from collections import Counter

_US_AREAS = (  # noqa: SIM905  a list of strings would be a page long
    "202 201 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 "
    "252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 "
    "319 320 321 323 325 330 331 334 336 337 339 346 347 351 352 360 361 385 386 401 402 404 405 406 407 408 409 "
    "410 412 413 414 415 417 419 423 424 425 430 432 434 435 440 443 458 469 470 475 478 479 480 484 501 502 503 "
    "504 505 507 508 509 510 512 513 515 516 517 518 520 530 540 541 551 559 561 562 563 567 570 571 573 574 575 "
    "580 585 586 601 602 603 605 606 607 608"
).split()
_GB_RANGES = (  # noqa: SIM905  as above
    "7700900 1632960 2079460 1134960 1144960 1154960 1164960 1174960 1184960 1214960 1314960 1414960 1514960 "
    "1614960 1914980 2896496 2920180 3069990"
).split()
_UNASSIGNED = {"RU": "+7000", "IR": "+98960"}


class FictionalPhones:
    """Gives each number once, country by country, always in the same order."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def next(self, country: str) -> str:
        """The next number of an ISO country, in E.164.

        Raises:
            ValueError: if none are left, or none are known there.
        """
        number = self._given[country]
        self._given[country] += 1
        if country == "US" and number < 100 * len(_US_AREAS):
            return f"+1{_US_AREAS[number // 100]}55501{number % 100:02}"
        if country == "GB" and number < 1000 * len(_GB_RANGES):
            return f"+44{_GB_RANGES[number // 1000]}{number % 1000:03}"
        if country in _UNASSIGNED and number < 10_000_000:
            return f"{_UNASSIGNED[country]}{number:07}"
        raise ValueError(f"there are no more than {number} fictional phone numbers in {country}")
