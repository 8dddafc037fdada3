"""What a column of numbers holds, told from its heading: its kind, its place among the others, its label.

Rule: a heading that says more than its kind ("Assistant's mobile") is shown as it is.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookupd.views.phones.language import Texts


class Kind(Enum):
    """What a number is for; the value is its place in the order in which phones show numbers."""

    OFFICE = 0
    INTERNAL = 1
    MOBILE = 2
    HOME = 3
    FAX = 4
    OTHER = 5


#: label in English, its kind, and the words that mean it, folded
_WORDS: Final = """
Fax FAX
    fax telefax facsimile telecopie telecopieur faks faksi telefaks факс ファックス
Mobile MOBILE
    mobile mobil mob cell cellular cellphone gsm portable handy natel movil celular cellulare telemovel
    mobiel mobiltelefon komorkowy komorka matkapuhelin kannykka mobilni cep мобильныи сотовыи 携帯 携帯電話
Home HOME
    home private personal residence domicile maison prive privee perso privat zuhause casa particular
    privato residencia thuis domowy prywatny dom hem hjem hjemme koti domu ev домашнии 自宅
Extension INTERNAL
    extension ext extn poste nebenstelle durchwahl klappe nst extensio extensao anexo ramal toestel anknytning
    linka ip lokalnummer internnummer alanumero добавочныи 内線
Internal INTERNAL
    internal intern interne interno interna wewnetrzny sisainen interni internt dahili внутреннии
Work OFFICE
    work job travail arbeit trabajo lavoro trabalho feina werk praca prace arbete arbejde arbeid jobb tyo is
    рабочии 勤務先
Business OFFICE
    business professional professionnel pro geschaftlich dienstlich laboral profesional profissional aziendale
    zakelijk sluzbowy pracovni bedrift erhverv foretag tyopuhelin служебныи 業務用
Office OFFICE
    office desk main bureau buro firma oficina ufficio escritorio kantoor biuro kontor toimisto kancelar ofis
    company офис オフィス 会社
Other OTHER
    other alternate autre andere anderes sonstige otro otra altro altres outro overig inny annat annan andet
    anden annet annen muu jiny diger другои その他
"""
#: words that only say that it is a number, and words that stand beside others
_NUMBER_WORDS: Final = "number no nr num numero nummer numer nro cislo numara номер 番号"
_PLAIN_WORDS: Final = """
    phone telephone tel telefon telefono telefoon telefone telephonenumber phonenumber telefonnummer rufnummer
    puhelin телефон 電話 電話番号 of the de du di da do von der la le el il
"""


def _table() -> Iterator[tuple[str, tuple[str, Kind]]]:
    lines = [line.split() for line in _WORDS.strip().splitlines()]
    label, kind = "", Kind.OTHER
    for words in lines:
        if words[-1] in Kind.__members__:
            label, kind = words[0], Kind[words[-1]]
        else:
            yield from ((word, (label, kind)) for word in words)


_BY_WORD: Final = dict(_table())
_NUMBER: Final = frozenset(_NUMBER_WORDS.split())
_PLAIN: Final = frozenset(_PLAIN_WORDS.split()) | _NUMBER
#: where a heading has words of several kinds: a work mobile is a mobile
_PRECEDENCE: Final = (Kind.FAX, Kind.MOBILE, Kind.HOME, Kind.INTERNAL, Kind.OFFICE, Kind.OTHER)
_LONGEST = 200
_STROKES: Final = str.maketrans("łøđı", "lodi")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
#: "Mobilnummer", "Faxnummer": one word of two
_COMPOUND = re.compile(r"(.{3,}?)(?:s)?(?:phone|telefon|telefoon|nummer|number|numero)")


def label(header: str, texts: Texts) -> str:
    """The label of a column's numbers: its heading, translated where the phone asks for a language."""
    labels = _reading(header)[1]
    return texts(labels[0]) if texts.is_asked and len(labels) == 1 else header.strip()


def rank(header: str) -> int:
    """The place of a column's numbers: a smaller one is shown first, equal ones in their order."""
    return max(0, kind(header).value - 1)


def kind(header: str) -> Kind:
    """What the numbers of a column are for; a column called just "Number" has those of the office."""
    return _reading(header)[0]


@lru_cache(maxsize=1024)
def _reading(header: str) -> tuple[Kind, tuple[str, ...]]:
    """The kind, and the labels that say all of the heading: none, where no label does."""
    words = [_whole(word) for word in _WORD.findall(_folded(header))]
    known = [_BY_WORD[word] for word in words if word in _BY_WORD]
    if not known:
        is_number = bool(words) and all(word in _NUMBER for word in words)
        kind = Kind.OFFICE if any(word in _PLAIN for word in words) else Kind.OTHER
        return kind, ("Number",) if is_number else ()
    kinds = {kind_ for _, kind_ in known}
    labels = tuple(dict.fromkeys(label for label, _ in known))
    says_all = all(word in _BY_WORD or word in _PLAIN for word in words)
    return next(kind for kind in _PRECEDENCE if kind in kinds), labels if says_all else ()


def _folded(header: str) -> str:
    letters = unicodedata.normalize("NFKD", _CAMEL.sub(" ", header[:_LONGEST]).casefold().translate(_STROKES))
    return unicodedata.normalize("NFC", "".join(filter(_is_no_accent, letters)))


def _is_no_accent(letter: str) -> bool:
    # The marks of Japanese are part of their letters.
    return not unicodedata.combining(letter) or letter in "\u3099\u309a"


def _whole(word: str) -> str:
    """A word, or the first part of one such as "mobilnummer"."""
    found = None if word in _BY_WORD or word in _PLAIN else _COMPOUND.fullmatch(word)
    return found[1] if found and found[1] in _BY_WORD else word
