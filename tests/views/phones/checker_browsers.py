"""Checkers of phones with a browser: Cisco, Aastra, Polycom, Snom, Yealink, Fanvil, OpenStage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.views.phones.checker_document import (
    TEXT,
    Checker,
    Element,
    check_name,
    check_number,
    check_url,
    decoded,
    grammar_of,
    parsed,
    require,
    said,
)

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET


class Cisco(Checker):
    """CiscoIPPhone objects of 69xx to 88xx, SPA and MPP."""

    roots = frozenset({"CiscoIPPhoneMenu", "CiscoIPPhoneInput", "CiscoIPPhoneDirectory", "CiscoIPPhoneText"})
    grammar = grammar_of(
        "Title Prompt Name URL Text Telephone Position DisplayName QueryStringParam DefaultValue InputFlags",
        {
            "CiscoIPPhoneMenu": Element("Title?, Prompt?, MenuItem{0,100}, SoftKeyItem{0,8}"),
            "CiscoIPPhoneInput": Element("Title?, Prompt?, URL, InputItem{1,5}, SoftKeyItem{0,8}"),
            "CiscoIPPhoneDirectory": Element("Title?, Prompt?, DirectoryEntry{0,32}, SoftKeyItem{0,8}"),
            "CiscoIPPhoneText": Element("Title?, Prompt?, Text, SoftKeyItem{0,8}"),
            "MenuItem": Element("Name, URL"),
            "InputItem": Element("DisplayName, QueryStringParam, DefaultValue, InputFlags"),
            "DirectoryEntry": Element("Name, Telephone"),
            "SoftKeyItem": Element("Name, URL, Position"),
        },
    )
    _KEY = re.compile("SoftKey:(Dial|EditDial|Exit|Select|Update|Submit|Cancel|Back)")

    def _read(self) -> None:
        require(not self.text("Prompt") or self.text("Title"), "a 6900 shows no Prompt without a Title")
        self.rows = [(said(row[0]), said(row[1])) for row in self.root.iter("DirectoryEntry")]
        for item in self.root.iter("MenuItem"):
            check_name(said(item[0]))
            require(len(said(item[0])) <= 64, "a menu name of more than 64 characters")
            check_url(said(item[1]))
        if self.kind == "CiscoIPPhoneInput":
            check_url(self.text("URL"))
        for flags in self.root.iter("InputFlags"):
            require(re.fullmatch(r"[ATNEUL]P?", said(flags)), f"flags {flags.text!r}")
        self._read_keys()

    def _read_keys(self) -> None:
        positions = [said(key[2]) for key in self.root.iter("SoftKeyItem")]
        require(set(positions) <= set("12345678"), f"positions {positions}")
        require(len(set(positions)) == len(positions), f"two keys in one place: {positions}")
        for key in self.root.iter("SoftKeyItem"):
            check_name(said(key[0]))
            if not self._KEY.fullmatch(said(key[1])):
                self.link(said(key[0]), said(key[1]))


class Aastra(Checker):
    """Aastra and Mitel 67xx, 68xx, 69xx: TextMenu, InputScreen, TextScreen."""

    prefix = "Aastra"
    most_bytes = 10_000
    most_rows = 30
    _ROOT = "destroyOnExit? cancelAction? Timeout? LockIn? Beep? style? defaultIndex? wrapList? base?"

    def __init_subclass__(cls) -> None:
        cls.grammar, cls.roots = cls._built()

    @classmethod
    def _built(cls) -> tuple[dict[str, Element], frozenset[str]]:
        menu, screen, text = (
            f"{cls.prefix}IPPhone{kind}" for kind in ("TextMenu", "InputScreen", "TextScreen")
        )
        grammar = grammar_of(
            "Title Prompt URI URL Parameter Default Text Dial Label Selection",
            {
                menu: Element(f"Title?, MenuItem{{1,{cls.most_rows}}}, SoftKey{{0,6}}", cls._ROOT),
                screen: Element("Title?, Prompt, URL, Parameter, Default, SoftKey{0,6}", f"type {cls._ROOT}"),
                text: Element("Title?, Text, SoftKey{0,6}", cls._ROOT),
                "MenuItem": Element("Prompt, URI, Selection?, Dial?", "base? icon?"),
                "SoftKey": Element("Label, URI", "index icon?"),
            },
        )
        return grammar, frozenset({menu, screen, text})

    def _read(self) -> None:
        if self.kind.endswith("InputScreen"):
            check_url(self.text("URL"))
            require(self.root.get("type") in {"string", "number"}, "an unknown type of input")
        for item in self.root.iter("MenuItem"):
            prompt, uri = said(item.find("Prompt")), said(item.find("URI"))
            check_name(prompt)
            if uri.startswith("Dial:"):
                self.rows.append((prompt, uri.removeprefix("Dial:")))
            elif uri:
                self.link(prompt, uri)
            else:
                self.rows.append((prompt, ""))
        indexes = [key.get("index") for key in self.root.iter("SoftKey")]
        require(set(indexes) <= set("123456") and len(set(indexes)) == len(indexes), f"keys {indexes}")
        for key in self.root.iter("SoftKey"):
            if not said(key.find("URI")).startswith("SoftKey:"):
                self.link(said(key.find("Label")), said(key.find("URI")))


Aastra.grammar, Aastra.roots = Aastra._built()


class Polycom(Checker):
    """Polycom's microbrowser: strict XHTML, at most 200 elements."""

    roots = frozenset({"html"})
    namespace = "http://www.w3.org/1999/xhtml"
    content_type = "text/html; charset=utf-8"
    _HEAD = re.compile(
        r'(?:<\?xml version="1\.0" encoding="UTF-8"\?>\s*)?'
        r'(?:<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML [^"<>]+" "[^"<>]+">\s*)?'
    )
    grammar = grammar_of(
        "title b u",
        {
            "html": Element("head, body"),
            "head": Element("title, meta*"),
            "meta": Element("", "http-equiv content"),
            "body": Element("(p | form | hr)*"),
            "form": Element("(p | input)*", "action method"),
            "p": Element("#text (a | br | b | u | input)*"),
            "a": Element("#text (b | u)*", "href"),
            "br": Element(""),
            "hr": Element(""),
            "input": Element("", "type name? value?"),
        },
    )

    def _parsed(self, body: bytes) -> ET.Element:
        text = decoded(body)
        head = self._HEAD.match(text)
        return parsed(text[head.end() if head else 0 :], self.namespace)

    def _read(self) -> None:
        require(sum(1 for _ in self.root.iter()) <= 200, "more than 200 elements")
        check_name(self.text("head/title"))
        for link in self.root.iter("a"):
            text, target = "".join(link.itertext()), link.get("href", "")
            if target.startswith("tel://"):
                self.rows.append((text, unquote(target.removeprefix("tel://"))))
            else:
                self.link(text, target)
        for form in self.root.iter("form"):
            check_url(form.get("action", ""))
            require("?" not in form.get("action", ""), "a GET form loses the query of its action")
            require(form.get("method") == "get", "a form that is not GET")
        if not self.rows and self.root.find(".//form") is None:
            said_only = ["".join(p.itertext()).strip() for p in self.root.iter("p") if p.find("a") is None]
            self.rows = [(text, "") for text in said_only if text][:1]


class Snom(Checker):
    """Snom's minibrowser. Its old firmwares do not decode `&amp;` in the URL of an input."""

    roots = frozenset({"SnomIPPhoneInput", "SnomIPPhoneMenu", "SnomIPPhoneDirectory", "SnomIPPhoneText"})
    most_rows = 100
    grammar = grammar_of(
        "Title Prompt Url URL Text Name Label Telephone DisplayName InputToken DefaultValue InputFlags "
        "ExtraText",
        {
            "SnomIPPhoneInput": Element("Title?, Prompt?, Url, InputItem, SoftKeyItem*"),
            "SnomIPPhoneMenu": Element(f"Title?, Prompt?, MenuItem{{0,{most_rows}}}, SoftKeyItem*"),
            "SnomIPPhoneDirectory": Element(
                f"Title?, Prompt?, DirectoryEntry{{0,{most_rows}}}, SoftKeyItem*"
            ),
            "SnomIPPhoneText": Element("Title?, Prompt?, Text, fetch?, SoftKeyItem*"),
            "InputItem": Element("DisplayName, InputToken?, DefaultValue, InputFlags"),
            "MenuItem": Element("(Url, ExtraText?) | (Name, URL)", "name?"),
            "DirectoryEntry": Element("Name, Telephone"),
            "SoftKeyItem": Element("Name, Label, URL"),
            "fetch": Element(TEXT, "mil"),
        },
    )
    _KEY = re.compile(r"F[1-4]|[0-9*#]|CANCEL|ENTER")
    _DIAL = "snom://mb_nop#numberdial="

    def _read(self) -> None:
        if self.kind == "SnomIPPhoneInput":
            self._read_input()
        for item in self.root.iter("MenuItem"):
            name = item.get("name") or said(item.find("Name"))
            url = said(item.find("Url")) or said(item.find("URL"))
            check_name(name)
            if url.startswith(self._DIAL):
                self.rows.append((name, unquote(url.removeprefix(self._DIAL))))
            elif url:
                self.link(name, url)
            else:
                self.rows.append((name, ""))
        self.rows += [(said(row[0]), said(row[1])) for row in self.root.iter("DirectoryEntry")]
        keys = [said(key[0]) for key in self.root.iter("SoftKeyItem")]
        require(all(map(self._KEY.fullmatch, keys)) and len(set(keys)) == len(keys), f"keys {keys}")
        for key in self.root.iter("SoftKeyItem"):
            if not said(key[2]).startswith("snom://"):
                self.link(said(key[1]), said(key[2]))
        if self.kind == "SnomIPPhoneText":
            self.rows = [(self.text("Text"), "")]

    def _read_input(self) -> None:
        url, token = self.text("Url"), self.text("InputItem/InputToken")
        check_url(url)
        require("&" not in url, "old firmwares keep the &amp; of an input's URL")
        require(not token or url.count(token) == 1, f"{token!r} does not stand once in {url!r}")
        require(self.text("InputItem/InputFlags") in {"a", "n"}, "unknown flags")


class Yealink(Checker):
    """The remote phone book, and the XML browser that looks like Aastra's."""

    roots = frozenset({"YealinkIPPhoneDirectory", "YealinkIPPhoneBook"})
    grammar = grammar_of(
        "Title Prompt Name URL Position",
        {
            "YealinkIPPhoneDirectory": Element("Title?, Prompt?, MenuItem*, DirectoryEntry*, SoftKeyItem*"),
            "YealinkIPPhoneBook": Element("Title, Menu*"),
            "Menu": Element("Unit*", "Name"),
            "Unit": Element("", "Name Phone1 Phone2? Phone3? default_photo?"),
            "DirectoryEntry": Element("Name, Telephone+"),
            "MenuItem": Element("Name, URL"),
            "SoftKeyItem": Element("Name, URL, Position"),
            "Telephone": Element(TEXT, "label?"),
        },
    )

    def _read(self) -> None:
        for entry in self.root.iter("DirectoryEntry"):
            numbers = [said(number) for number in entry.iter("Telephone")]
            require(len(set(numbers)) == len(numbers), f"one number twice: {numbers}")
            self.rows += [(self.text_of(entry, "Name"), number) for number in numbers]
        for unit in self.root.iter("Unit"):
            phones = [unit.get(f"Phone{at}", "") for at in (1, 2, 3)]
            self.rows += [(unit.get("Name", ""), number) for number in phones if number]
        for item in (*self.root.iter("MenuItem"), *self.root.iter("SoftKeyItem")):
            self.link(said(item[0]), said(item[1]))

    @staticmethod
    def text_of(element: ET.Element, path: str) -> str:
        """The text on a path below an element."""
        return said(element.find(path))


class YealinkBrowser(Aastra):
    """Yealink's XML browser."""

    prefix = "Yealink"


class FanvilBrowser(Checker):
    """Fanvil's XML browser on a softkey (`fanvil`)."""

    roots = frozenset({"FanvilIPPhoneDirectory", "FanvilIPPhoneInputScreen", "FanvilIPPhoneTextScreen"})
    grammar = grammar_of(
        "Title Prompt URL URI Text Name Label Parameter Default",
        {
            "FanvilIPPhoneDirectory": Element("Title?, Prompt?, MenuItem*, SoftKey*"),
            "FanvilIPPhoneInputScreen": Element("Title?, Prompt?, URL, InputField, SoftKey*"),
            "FanvilIPPhoneTextScreen": Element("Title?, Text, SoftKey*"),
            "MenuItem": Element("Prompt, URI"),
            "InputField": Element("Prompt, Parameter, Default"),
            "SoftKey": Element("(Name | Label), URI", "index?"),
        },
    )

    def _read(self) -> None:
        self.rows = [(said(item[0]), said(item[1])) for item in self.root.iter("MenuItem")]
        if self.kind == "FanvilIPPhoneInputScreen":
            check_url(self.text("URL"))
        for key in self.root.iter("SoftKey"):
            if not said(key[1]).startswith("SoftKey:"):
                self.link(said(key[0]), said(key[1]))


class OpenStage(Checker):
    """An application of Unify OpenStage: every count in it must be right."""

    roots = frozenset({"IppDisplay"})
    grammar = grammar_of(
        "Title Url Text Label ScreenID Key Number Value OptionText Image",
        {
            "IppDisplay": Element("IppScreen | IppAction | (IppAction, IppScreen)"),
            "IppScreen": Element(
                "(IppList | IppForm | IppAlert), IppCommand*, IppHidden*", "ID HiddenCount CommandCount"
            ),
            "IppAction": Element("Number", "Type"),
            "IppList": Element("Title, Url, Option{0,20}", "Type Count"),
            "IppForm": Element("Title, Url, IppTextField+", "ItemCount"),
            "IppAlert": Element("Title, Text, Image?", "Type Delay"),
            "IppTextField": Element("Label, Text", "MaxSize Constraint Default? Key"),
            "IppCommand": Element("Label, (ScreenID | Key)?", "Type Priority? Default? Auto? Key? Value?"),
            "IppHidden": Element("Value", "Type Key"),
            "Option": Element("OptionText, Image?", "ID Selected Key Value"),
        },
    )

    def _read(self) -> None:
        for screen in self.root.iter("IppScreen"):
            self._count(screen, "HiddenCount", "IppHidden")
            self._count(screen, "CommandCount", "IppCommand")
        for items in self.root.iter("IppList"):
            self._count(items, "Count", "Option")
            check_url(said(items.find("Url")))
            selected = [option.get("Selected") for option in items.iter("Option")]
            require(selected.count("TRUE") == min(1, len(selected)), f"selected: {selected}")
            require(set(selected) <= {"TRUE", "FALSE"}, f"selected: {selected}")
        for form in self.root.iter("IppForm"):
            self._count(form, "ItemCount", "IppTextField")
            check_url(said(form.find("Url")))
        for option in self.root.iter("Option"):
            self._read_option(said(option[0]), option.get("Key", ""), option.get("Value", ""))
        for number in self.root.iter("Number"):
            check_number(said(number))
        if (alert := self.root.find(".//IppAlert")) is not None:
            self.rows = [(said(alert.find("Text")), "")]

    def _read_option(self, text: str, key: str, value: str) -> None:
        if key == "dial":
            self.rows.append((text, value))
        elif "://" in value:
            self.link(text, value)

    @staticmethod
    def _count(element: ET.Element, attribute: str, tag: str) -> None:
        count = sum(1 for child in element if child.tag == tag)
        require(
            element.get(attribute) == str(count), f"{attribute}={element.get(attribute)!r}, but {count} {tag}"
        )
