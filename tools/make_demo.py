"""Writes the demo directory, the same bytes each time: `python tools/make_demo.py [folder]`.

People and firms are invented; a likeness is chance. Numbers come from ranges that regulators reserve for
fiction (France, Germany, Britain, North America, Sweden), elsewhere from ranges that seem to be unassigned.
`contacts.csv` is to be read with region FR, `partners.csv` with region DE.
"""

# ruff: noqa: RUF001 (names in many scripts hold letters that look alike)

import csv
import random
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

FOLDER = Path(__file__).parent.parent / "etc" / "lookupd" / "demo"
SEED = 1999
EMPLOYER = "Lumière Instruments"
DEPARTMENTS = (
    "Direction", "Ventes", "Ventes, export", "Recherche", "Atelier d'optique", "Mécanique", "Logiciel",
    "Qualité", "Logistique", "Comptabilité", "Ressources humaines", "Assistance",
)  # fmt: skip

UNACCENTED = str.maketrans(
    {"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ı": "i", " ": "-", ".": ""}
)

CONTACTS_HEAD = (
    "id",
    "firstname",
    "lastname",
    "company",
    "department",
    "email",
    "phone",
    "mobile",
    "extension",
)
PARTNERS_HEAD = ("Nr", "Name", "Firma", "Telefon", "Mobil", "E-Mail")
ANCHOR = (
    "1", "Zoé", "Müller", EMPLOYER, "Direction",
    "zoe.muller@example.com", "+33 1 99 00 12 34", "06 39 98 12 34", "1234",
)  # fmt: skip
ANCHOR_USES = ("Zoé|Müller", "zoe.muller@example.com", "33199001234", "33639981234", "1234")

#: A range: country code; digits (x is any, n any but 0, eeee the extension); ways to write a number of it,
#: where each # takes the next of the digits.
Range = tuple[str, str, Sequence[str]]
Row = tuple[str, ...]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """People of one country; a name may be "native=Latin", else it is both."""

    count: int
    given: str
    family: str
    phones: Sequence[Range]
    mobiles: Sequence[Range]
    firms: str = EMPLOYER


FR = (
    "+33 # ## ## ## ##", "0# ## ## ## ##", "0# ## ## ## ##", "0#.##.##.##.##", "0#########", "+33#########",
    "0033 # ## ## ## ##", "0033#########", "+33 (0)# ## ## ## ##", "tel:+33-#-##-##-##-##", "0#-##-##-##-##",
)  # fmt: skip
FR_ABROAD = ("+33 # ## ## ## ##", "0033 # ## ## ## ##", "+33#########")
FR_PHONES = (
    *(("33", "19900eeee", FR),) * 5,  # Paris is the head office, where the extension is dialled directly
    ("33", "26191xxxx", FR), ("33", "35301xxxx", FR), ("33", "46571xxxx", FR), ("33", "53649xxxx", FR),
)  # fmt: skip
FR_MOBILES = (("33", "63998xxxx", FR),)
DE = ("+49 (0)## #####-###", "+49 ## ##### ###", "0049 ## ########", "+49##########", "tel:+49-##-########")
DE_HOME = ("0## #####-###", "0##/########", "(0##) ##### ###", "0##########", *DE)
DE_CITIES = ("3023125xxx", "6990009xxx", "4066969xxx", "8999998xxx")
DE_MOBILE = ("+49 (0)### #######", "+49 ### #######", "0049 ### #######", "+49##########")
DE_MOBILE_HOME = ("0### #######", "0###/#######", "0### ### ## ##", *DE_MOBILE)
GB = ("+44 #### ######", "+44 (0)#### ######", "0044 #### ######", "+44##########")
GB_CITY = ("+44 ### ### ####", "+44 (0)### ### ####", "0044 ##########", "tel:+44-###-###-####")
GB_PHONES = (("44", "1632960xxx", GB), ("44", "1614960xxx", GB_CITY), ("44", "1314960xxx", GB_CITY))
GB_MOBILES = (("44", "7700900xxx", GB),)
US = ("+1 ###-###-####", "+1 (###) ###-####", "001 ### ### ####", "+1.###.###.####", "tel:+1-###-###-####")
US_PHONES = tuple(("1", f"{area}55501xx", US) for area in (212, 312, 415, 617))
SE = ("+46 ## ### ## ##", "+46 (0)##-### ## ##", "0046#########")
SE_PHONES = (("46", "8465004xx", ("+46 # ### ### ##", "+46 (0)#-### ### ##")), ("46", "3139006xx", SE))
SE_MOBILES = tuple(("46", f"7017406{ten}x", SE) for ten in range(1, 10))

GROUPS = (
    Group(
        count=133,
        given="Amélie,Bastien,Chloé,Didier,Élodie,Florent,Gaëlle,Hervé,Inès,Jérôme,Léa,Maëlys,Noémie,Océane,Rémi,"
        "Solène,Théo,Zélie,Aurélien,Benoît,Cécile,Anaïs,Loïc,Maïté,Raphaël,Thérèse,Joëlle,Jean-Noël,Anne-Sophie",
        family="Beaulieu,Chastain,Delorme,Fontenay,Hérault,L'Huillier,d'Aubrac,Rochefière,Marchandeau,Péronnet,"
        "Quéméneur,Rousselin,Saint-Clair,Tréguier,Vasselin,Desprès,Belœil,Charpentreau,Castaignède,Duchêne,"
        "Mercœur,Pélissandre,Thévenoire,Maréchaux,Le Goëllec,L’Hostis,Bérenger-Roche,Çavagnac,Mûrier,Nuñez",
        phones=FR_PHONES,
        mobiles=FR_MOBILES,
    ),
    Group(
        count=40,
        given="Jürgen,Käthe,Björn,Sönke,Annegret,Götz,Ulrike,Dörte,Jörg,Heike,Günther,Bärbel",
        family="Weiß,Großkreuzer,Böttcherling,Schäferkamp,Köhlbrand,Müller,Mueller,Lüdersen,Vößing,Jägerhorn,Hübscher",
        phones=[("49", city, DE) for city in DE_CITIES],
        mobiles=(("49", "17139200xx", DE_MOBILE),),
    ),
    Group(
        count=35,
        given="Alfie,Bronwyn,Callum,Daphne,Eilidh,Fergus,Gwen,Harriet,Imogen,Rhys,Siân,Zoë",
        family="O'Brien,O’Shea,Ashcombe,Braithwell,MacAllister,Pemberton-Lowe,Thistlewood,Wetherby,Hartnoll,D'Arcy",
        phones=GB_PHONES,
        mobiles=GB_MOBILES,
    ),
    Group(
        count=35,
        given="Brandon,Cheyenne,Dwayne,Ethan,Gloria,J.R.,José,Latoya,Marisol,Tyler,Mary Lou",
        family="Baxterfield,Castañedo,Dupree,Hollister,McKinnon,Nuñez,Okafor-Reed,Ramírez-Olmo,Whitlock,Zamorano",
        phones=US_PHONES,
        mobiles=US_PHONES,
    ),
    Group(
        count=20,
        given="千弦=Chizuru,さざなみ=Sazanami,澄之介=Suminosuke,リナコ=Rinako,帆高=Hodaka,美凪=Minagi,ﾄﾓﾛｳ=Tomoro",
        family="山田=Yamada,佐々木=Sasaki,髙橋=Takahashi,小林=Kobayashi,渡邊=Watanabe,森=Mori",
        phones=(("81", "30000xxxx", ("+81 #-####-####", "0081 # #### ####", "+81 (0)#-####-####")),),
        mobiles=(("81", "900000xxxx", ("+81 ##-####-####", "+81##########")),),
    ),
    Group(
        count=15,
        given="João,Conceição,Luís,Antônia,Tainá,Otávio,Zuleica,Heitor",
        family="Araújo Penedo,Brandãozinho,Trovão,Falcãozeiro,Quintanão,Simõeiro,da Serra",
        phones=(("55", "110000xxxx", ("+55 ## ####-####", "+55 (##) ####-####", "0055 ##########")),),
        mobiles=(("55", "1190000xxxx", ("+55 ## #####-####", "+55 (##) # ####-####")),),
    ),
    Group(
        count=15,
        given="Łukasz,Małgorzata,Zdzisław,Grażyna,Bożena,Wojciech,Żaneta",
        family="Wójtasz,Pajączek,Gołębiń,Żurawiec,Świerczyń,Kołodziółek,Kędziorzyk",
        phones=(("48", "22000xxxx", ("+48 ## ### ## ##", "0048 ## ### ## ##")),),
        mobiles=(("48", "400000xxx", ("+48 ### ### ###", "+48#########")),),
    ),
    Group(
        count=12,
        given="Γιώργος=Giorgos,Ελένη=Eleni,Νίκος=Nikos,Δέσποινα=Despina,Θανάσης=Thanasis,Μυρτώ=Myrto",
        family="Παπαμελετίου=Papameletiou,Καλογήρου=Kalogirou,Αστερίου=Asteriou,Φεγγαρίου=Fengariou",
        phones=(("30", "210000xxxx", ("+30 ### ### ####", "0030 ##########")),),
        mobiles=(("30", "600000xxxx", ("+30 ### ### ####", "+30##########")),),
    ),
    Group(
        count=10,
        given="נועה=Noa,איתן=Eitan,תמר=Tamar,יונתן=Yonatan,שירה=Shira",
        family="לביא=Lavi,כרמלי=Carmeli,שגיא=Sagi,אלמוג=Almog,בן־צור=Ben-Tzur",
        phones=(("972", "2000xxxx", ("+972 #-###-####", "+972 (0)#-###-####", "00972 # #######")),),
        mobiles=(("972", "50000xxxx", ("+972 ##-###-####", "+972#########")),),
    ),
    Group(
        count=14,
        given="आरव=Aarav,प्रिया=Priya,रोहन=Rohan,मीनाक्षी=Meenakshi,सुनीता=Sunita,विक्रम=Vikram",
        family="त्रिपाठी=Tripathi,सूर्यवाटे=Suryavate,ज़ैदी=Zaidi,भंडारी=Bhandari,नीलगिरे=Nilgire",
        phones=(("91", "110000xxxx", ("+91 ## #### ####", "0091 ##########", "+91-##-########")),),
        mobiles=(("91", "50000xxxxx", ("+91 ##### #####", "+91##########")),),
    ),
    Group(
        count=12,
        given="Олена=Olena,Сергій=Serhii,Євген=Yevhen,Наталія=Nataliia,Юрій=Yurii,Ївга=Yivha",
        family="Стрілченко=Strilchenko,Ґвинтовенко=Gvyntovenko,Марʼяненко=Marianenko,Щебетань=Shchebetan,Їжак=Yizhak",
        phones=(("380", "44000xxxx", ("+380 ## ### ## ##", "00380 ## #######", "+380 (##) ###-##-##")),),
        mobiles=(("380", "50000xxxx", ("+380 ## ### ## ##", "+380#########")),),
    ),
    Group(
        count=10,
        given="أحمد=Ahmed,فاطمة=Fatima,يوسف=Youssef,ليلى=Laila,محمود=Mahmoud,نادية=Nadia",
        family="النرجسي=El-Narjesi,أبو المراكب=Abu El-Marakeb,البنهاوي=El-Banhawy,الدمنهوري=El-Damanhoury",
        phones=(("20", "20000xxxx", ("+20 # #### ####", "0020 # ########")),),
        mobiles=(("20", "190000xxxx", ("+20 ## #### ####", "+20##########")),),
    ),
    Group(
        count=12,
        given="철수=Cheolsu,영희=Younghee,다온=Daon,찬솔=Chansol,누리=Nuri,가람=Garam",
        family="남궁=Namgung,선우=Seonwoo,제갈=Jegal,황보=Hwangbo,독고=Dokgo",
        phones=(("82", "20000xxxx", ("+82 #-####-####", "0082 # #### ####", "+82 (0)#-####-####")),),
        mobiles=(("82", "100000xxxx", ("+82 ##-####-####", "+82##########")),),
    ),
    Group(
        count=12,
        given="Øystein,Åse,Håkon,Ragnhild,Sølvi,Bjørn,Kåre",
        family="Sørenstad,Bjørkhamar,Skjæveland,Tårnfjell,Grønlien,Kjølås",
        phones=(("47", "1000xxxx", ("+47 ## ## ## ##", "0047 ########")),),
        mobiles=(("47", "1900xxxx", ("+47 ### ## ###", "+47########")),),
    ),
    Group(
        count=12,
        given="İpek,Işıl,Çağlar,Gülay,Oğuz,Şebnem",
        family="Yılmazışık,Çelikırmak,Güneşova,Ağaçlı,Şimşekçi,Doğruyol",
        phones=(("90", "212000xxxx", ("+90 ### ### ## ##", "+90 (###) ### ## ##", "0090 ##########")),),
        mobiles=(("90", "532000xxxx", ("+90 ### ### ## ##", "+90##########")),),
    ),
    Group(
        count=12,
        given="Lam Ánh,Quỳnh Như,Hữu Nghĩa,Diễm Phúc,Minh Đăng,Diệu Thạch",
        family="Nguyễn,Trần,Đặng,Phạm,Vũ,Lương",
        phones=(("84", "240000xxxx", ("+84 ## #### ####", "0084 ## ########")),),
        mobiles=(("84", "60000xxxx", ("+84 ## ### ####", "+84#########")),),
    ),
)

PARTNERS = (
    Group(
        count=48,
        given="Jürgen,Käthe,Björn,Sönke,Friederike,Götz,Ulrike,Dörte,Jörg,Heike,Günther,"
        "Bärbel,Dr. Ägidius,Dr. Änne",
        family="Weiß,Großkreuzer,Böttcherling,Schäferkamp,Köhlbrand,Müller,Mueller,Müller-Lüdenscheidt,Vößing,"
        "Jägerhorn,Hübscher,Überacker,von der Mühle,Strauß",
        phones=[("49", city, DE_HOME) for city in DE_CITIES],
        mobiles=(("49", "17139200xx", DE_MOBILE_HOME),),
        firms="Quarzblick GmbH,Feinschliff Möwe KG,Prismenwerk Käuzchen AG,Linsenmühle Süd OHG,"
        "Spiegelhof & Töchter GmbH,Zahnradgärtnerei eG,Messschieber Größenwahn GmbH",
    ),
    Group(
        count=12,
        given="Amélie,Gaëlle,Hervé,Loïc,Noémie,Théo",
        family="Hérault,L'Huillier,Belœil,Mercœur,Quéméneur,Duchêne",
        phones=(("33", "26191xxxx", FR_ABROAD), ("33", "46571xxxx", FR_ABROAD)),
        mobiles=(("33", "63998xxxx", FR_ABROAD),),
        firms="Verre & Lumignon SARL,Les Pignons bleus SA,Atelier du Hérisson doré",
    ),
    Group(
        count=10,
        given="Bronwyn,Eilidh,Fergus,Siân,Zoë",
        family="O'Brien,O’Shea,Braithwell,Pemberton-Lowe,D'Arcy",
        phones=GB_PHONES,
        mobiles=GB_MOBILES,
        firms="Larkspur Lenses Ltd,Brass Owl Instruments Ltd",
    ),
    Group(
        count=10,
        given="Åsa,Östen,Märta,Göran,Linnéa",
        family="Ångvall,Öhrnfelt,Sjöbladh,Lönnqvist,Björkäng",
        phones=SE_PHONES,
        mobiles=SE_MOBILES,
        firms="Älvprisma AB,Björkglas & Söner AB",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One drawn person; what she lacks is ""."""

    given: str
    family: str
    firm: str
    email: str
    #: Phone and mobile.
    numbers: tuple[str, str]
    extension: str


class Draw:
    """Draws people, and no name, address, number or extension twice."""

    def __init__(self) -> None:
        self._random = random.Random(SEED)
        self._used = set(ANCHOR_USES)

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items. Of `random`, only random() gives the same numbers in every version of Python."""
        return items[int(self._random.random() * len(items))]

    def happens(self, share: float) -> bool:
        """Whether something happens that happens in this share of cases."""
        return self._random.random() < share

    def people(self, groups: Iterable[Group], domain: str) -> list[Person]:
        """The people of all groups, mixed."""
        drawn = [
            (self._person(group, domain), self._random.random())
            for group in groups
            for _ in range(group.count)
        ]
        return [person for person, _ in sorted(drawn, key=itemgetter(1))]

    def _person(self, group: Group, domain: str) -> Person:
        given, family, latin = self._name(group)
        extension = self._new(lambda: self._digits("nxxx"))
        phone = "" if self.happens(0.06) else self._cell(group.phones, extension)
        mobile = "" if self.happens(0.25) else self._number(group.mobiles, extension)
        return Person(
            given=given,
            family=family,
            firm=self.pick(group.firms.split(",")),
            email=self._new(lambda: self._address(latin, domain)),
            numbers=(phone, mobile),
            extension="" if self.happens(0.15) else extension,
        )

    def _new(self, draw: Callable[[], str]) -> str:
        while (drawn := draw()) in self._used:
            pass
        self._used.add(drawn)
        return drawn

    def _name(self, group: Group) -> tuple[str, str, str]:
        """Given and family name as written, and "given|family" in Latin letters."""

        def draw() -> str:
            return f"{self.pick(group.given.split(','))}|{self.pick(group.family.split(','))}"

        parts = [part.partition("=") for part in self._new(draw).split("|")]
        given, family = (native for native, _, _ in parts)
        latin_given, latin_family = (latin or native for native, _, latin in parts)
        if self.happens(0.25):
            given, family = latin_given, latin_family
        return given, family, f"{latin_given}|{latin_family}"

    def _address(self, latin: str, domain: str) -> str:
        plain = unicodedata.normalize("NFKD", latin.lower().translate(UNACCENTED))
        local = "".join(char for char in plain if char.isascii() and (char.isalnum() or char in "-|"))
        number = "" if self.happens(0.9) else self._digits("xx")
        return f"{local.replace('|', '.')}{number}@{domain}"

    def _cell(self, ranges: Sequence[Range], extension: str) -> str:
        """A number, or two of them, or one with an extension behind it."""
        number = self._number(ranges, extension)
        if self.happens(0.08):
            return f"{number} / {self._number(ranges, extension)}"
        if self.happens(0.06):
            return f"{number}{';ext=' if number.startswith('tel:') else ' ext. '}{self._digits('n')}"
        return number

    def _number(self, ranges: Sequence[Range], extension: str) -> str:
        while True:
            country, pattern, forms = self.pick(ranges)
            digits = self._digits(pattern.replace("eeee", extension))
            if country + digits not in self._used:
                break
        self._used.add(country + digits)
        rest = iter(digits)
        return "".join(next(rest) if char == "#" else char for char in self.pick(forms))

    def _digits(self, pattern: str) -> str:
        choice = {"x": "0123456789", "n": "123456789"}
        return "".join(self.pick(choice.get(char, char)) for char in pattern)


def contacts(draw: Draw) -> Iterator[Row]:
    """The rows of contacts.csv, the anchor first."""
    yield ANCHOR
    for number, one in enumerate(draw.people(GROUPS, "example.com"), start=2):
        department = draw.pick(DEPARTMENTS)
        yield str(number), one.given, one.family, one.firm, department, one.email, *one.numbers, one.extension


def partners(draw: Draw) -> Iterator[Row]:
    """The rows of partners.csv."""
    for number, one in enumerate(draw.people(PARTNERS, "example.org"), start=1):
        yield f"P-{number:03}", f"{one.given} {one.family}", one.firm, *one.numbers, one.email


def main() -> None:
    """Write both files into the folder given, else into the one that is shipped."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    draw = Draw()
    with (folder / "contacts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([CONTACTS_HEAD, *contacts(draw)])
    with (folder / "partners.csv").open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";", lineterminator="\r\n").writerows([PARTNERS_HEAD, *partners(draw)])


if __name__ == "__main__":
    main()
