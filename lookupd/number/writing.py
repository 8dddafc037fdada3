"""How people and machines write a number: text -> the digits to dial, and what is written around them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

#: people add spaces, brackets, labels and URI parameters, but no more than this (libphonenumber's own limit)
LONGEST_TEXT: Final = 250

_DIALLABLE = re.compile(r"[0-9+*#()\[\] .\-/']*")
_NOT_DIALLED: Final = str.maketrans("", "", "()[] .-/'")
#: nothing to interpret: no letters, no extension, no lost plus
_PLAIN = re.compile(r"[+(]?[0-9][0-9() .\-/]*")

_SCHEME = re.compile(r"(sips?|h323|tel|callto|facetime|fax|sms|modem):(?://)?")
_PARAMETER = re.compile(r"[a-z][a-z0-9.-]*(?:=.*)?|")
_CONTEXT = re.compile(r"\+[0-9][0-9.() -]*")

_LABEL = (
    r"(?:telephone|téléphone|telefone?|teléfono|telefono|telefoon|telefax|tel|tél|phone|ph|fax|mobile|mobil|móvil|"
    r"mobiel|mob|cellulare|celular|cell|cel|gsm|natel|handy|portable|office|work|home|direct|main|büro|bureau|"
    r"zentrale|fixe|fijo|fisso|тел|моб|電話|电话|[tfm](?=[.:]))"
)
_LABELS_BEFORE = re.compile(
    rf"(?:[(\[]?{_LABEL}(?![^\W\d_])(?:[.\s-]*(?:nr|no|nummer|number))?[)\]]?[\s.:]*)+"
)
_LABELS_AFTER = re.compile(rf"\s*[(\[]?(?<!\w){_LABEL}\.?[)\]]?$")

_EXTENSION_WORD: Final = (
    r"(?:extensión|extension|extensao|extensão|extn|ext|x|poste|durchwahl|dw|klappe|nebenstelle|nst|interno|"
    r"intern|int|anexo|ramal|toestel|tst|anknytning|ankn|lokal|linka|klapka|wewnętrzny|wewn|wew|mellék|dahili|"
    r"добавочный|доб|внутр|内線|内线|分机|分機)"
)
_EXTENSION = re.compile(
    rf"[\s,;:./(\[-]*(?<![^\W\d_]){_EXTENSION_WORD}[\s.:=#]*(?P<extension>[0-9]{{1,7}})[)\]]?$"
)
#: a comma is a pause before the extension is dialled
_PAUSED = re.compile(r"(?P<number>[^,]*[0-9)][^,]*),+ *(?P<extension>[0-9]{1,7})#?$")
#: '#' begins the extension only after as many digits as an outside number has; it is part of short codes
_HASH = re.compile(r"\+?[0-9]{9,}#(?P<extension>[0-9]{0,7})")
_BLOCK = re.compile(r"(?P<fixed>[^x]*[0-9][^x0-9]*)(?P<open>(?:x[ .\-/]*){1,4})$")
_OPTIONAL_ZERO = re.compile(r"[(\[] *0 *[)\]]")
_PLUS = re.compile(r"(?:00)?\++(?:00(?=[1-9]))?")
#: numbers read from spreadsheets as floating-point ones
_FLOAT = re.compile(r"[0-9]+\.0")
#: minus, fraction and division slash, the dots in the middle of a line, apostrophes
_LIKE: Final = {
    **dict.fromkeys("\u2212", "-"),
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u00b7\u2022\u2219\u2027", "."),
    **dict.fromkeys("\u2019`", "'"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What a text says is to be dialled."""

    #: digits, `*`, `#` and a plus where one was written
    code: str
    #: the same without a zero in brackets, as of "+44 (0)20"; None where there was none
    without_zero: str | None = None
    #: a plus became a blank on its way through a URL
    has_lost_plus: bool = False
    #: what is dialled after the number was answered
    extension: str | None = None
    #: how many last digits are open; they stand as zeros in the code
    open_digits: int = 0
    #: the `phone-context` that completes a local number, as "+33"
    context: str = ""


def take_apart(text: str) -> Writing | None:
    """What is to be dialled, or None where the text holds anything but one number. Never raises."""
    if _PLAIN.fullmatch(text) and not _FLOAT.fullmatch(text):
        if not _OPTIONAL_ZERO.search(text):
            return Writing(code=text.translate(_NOT_DIALLED))
        code, bare = _with_and_without_zero(text)
        return Writing(code=code, without_zero=bare)
    has_lost_plus = text[:1] == " " and "1" <= text[1:2] <= "9"
    address = _address(_ascii(unquote(text) if "%" in text else text).strip().lower())
    if address is None:
        return None
    number, extension, context = address
    number, extension = _without_extension(_without_labels(number), extension)
    if not number:
        return Writing(code=extension) if extension else None
    number, open_digits = _without_open_digits(number)
    if not _DIALLABLE.fullmatch(number):
        return None
    if found := _HASH.fullmatch(_dialled(number)):
        number, extension = number.rpartition("#")[0], found["extension"] or extension
    code, bare = _with_and_without_zero(number)
    return Writing(
        code=code,
        without_zero=bare,
        has_lost_plus=has_lost_plus and "+" not in code,
        extension=extension,
        open_digits=open_digits,
        context=context,
    )


def _with_and_without_zero(number: str) -> tuple[str, str | None]:
    """What is dialled, and the same without a zero in brackets; None where there is none."""
    code = _dialled(number)
    bare = _dialled(_OPTIONAL_ZERO.sub("", number, count=1))
    return code, bare if bare != code else None


def _dialled(number: str) -> str:
    return _PLUS.sub("+", number.translate(_NOT_DIALLED), count=1)


def _ascii(text: str) -> str:
    """Digits, blanks and dashes of all scripts as their plain ones; what cannot be seen is gone."""
    if text.isascii():
        return text
    return "".join(map(_plain_character, unicodedata.normalize("NFKC", text)))


@lru_cache(maxsize=1024)
def _plain_character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    match unicodedata.category(character):
        case "Pd":
            return "-"
        case "Zs" | "Zl" | "Zp":
            return " "
        case "Cf" | "Mn" | "Me" | "So":
            return ""
        case _:
            return _LIKE.get(character, character)


def _address(text: str) -> tuple[str, str | None, str] | None:
    """The user part of a URI or of `"Name" <number>`, its `ext` and its global `phone-context`."""
    if "<" in text:
        text = text[text.rfind("<") + 1 :].partition(">")[0]
    scheme = _SCHEME.match(text)
    if scheme:
        text = text[scheme.end() :].partition("?")[0]
    text, at, _host = text.partition("@")
    number, *parameters = text.split(";")
    if at:
        number = number.partition(":")[0]
    elif scheme and scheme[1] in {"sip", "sips", "h323"} and "." in number:
        return None  # a host, and nobody at it
    if not all(_PARAMETER.fullmatch(parameter.strip()) for parameter in parameters):
        return None
    named = dict(parameter.strip().split("=", 1) for parameter in parameters if "=" in parameter)
    extension = re.sub(r"[ .()-]", "", named.get("ext", "").strip('"'))
    context = named.get("phone-context", "")
    return (
        number.strip(),
        extension if extension.isdecimal() else None,
        _dialled(context) if _CONTEXT.fullmatch(context) else "",
    )


def _without_labels(number: str) -> str:
    if number.isascii() and not any(map(str.isalpha, number)):
        return number
    before = _LABELS_BEFORE.match(number)
    number = number[before.end() :] if before else number
    return _LABELS_AFTER.sub("", number, count=1)


def _without_extension(number: str, extension: str | None) -> tuple[str, str | None]:
    if _FLOAT.fullmatch(number):
        return number[:-2], extension
    if found := _EXTENSION.search(number):
        return number[: found.start()].strip(), found["extension"]
    if found := _PAUSED.fullmatch(number):
        return found["number"].strip(), found["extension"]
    return number, extension


def _without_open_digits(number: str) -> tuple[str, int]:
    found = _BLOCK.fullmatch(number)
    if found is None:
        return number, 0
    open_digits = found["open"].count("x")
    return found["fixed"] + "0" * open_digits, open_digits
