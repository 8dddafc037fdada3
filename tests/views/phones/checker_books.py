"""Checkers of phone books: Snom's tbook, Gigaset, Htek, Fanvil, Grandstream, Panasonic, and others."""

from __future__ import annotations

import re

from tests.views.phones.checker_document import (
    TEXT,
    Checker,
    Element,
    NotAccepted,
    check_name,
    grammar_of,
    require,
    said,
)


class Tbook(Checker):
    """Snom's remote XML directory, which is copied into the phone's own."""

    roots = frozenset({"tbook"})
    grammar = grammar_of(
        "first_name last_name",
        {
            "tbook": Element("contact*", "e version complete"),
            "contact": Element("first_name?, last_name?, numbers", "fav? vip? blocked?"),
            "numbers": Element("number+"),
            "number": Element("", "no type outgoing_id?"),
        },
    )
    _TYPES = frozenset({"sip", "mobile", "fixed", "home", "business", "extension", "fax", "other"})

    def _read(self) -> None:
        require(self.root.get("complete") in {"true", "false"}, "complete is a boolean")
        for contact in self.root.iter("contact"):
            for flag in ("fav", "vip", "blocked"):
                require(contact.get(flag, "false") in {"true", "false"}, f"{flag} is a boolean")
            names = (said(contact.find("first_name")), said(contact.find("last_name")))
            name = " ".join(filter(None, names))
            for number in contact.iter("number"):
                require(number.get("type") in self._TYPES, f"type {number.get('type')!r}")
                self.rows.append((name, number.get("no", "")))


class Gigaset(Checker):
    """The search protocol of DECT bases, whose handsets say how many bytes they want."""

    roots = frozenset({"list", "error"})
    _NUMBERS = ("hm", "mb", "bp", "fx", "in", "sip")
    _NAMES = ("fn", "ln", "nn", "cpn")
    grammar = grammar_of(
        "ln fn nn cpn hm mb bp fx in sip st nr zc ct co em url bi cat wh jid errorid message",
        {
            "list": Element("entry*", "response type total first? last? reqid? notfound?"),
            "entry": Element(
                "(ln | fn | nn | cpn | hm | mb | bp | fx | in | sip | st | nr | zc | ct | co | em | url | "
                "bi | cat | wh | jid)+",
                "id",
            ),
            "error": Element("errorid, message", "response type reqid?"),
        },
    )

    def __init__(self, body: bytes, limit: int | None = None) -> None:
        require(limit is None or len(body) <= limit, f"{len(body)} bytes, more than the {limit} asked for")
        super().__init__(body)

    def _read(self) -> None:
        require(self.root.get("response") == "get_list", "a response to something else")
        require(self.root.get("type") in {"pb", "pr", "yp"}, "an unknown type of book")
        if self.kind == "error":
            require(re.fullmatch("[0-7]", self.text("errorid")), "an unknown error")
            check_name(self.text("message"))
            return
        entries = [*self.root.iter("entry")]
        self._count(len(entries))
        ids = [entry.get("id") for entry in entries]
        require(len(set(ids)) == len(ids), f"one id twice: {ids}")
        for entry in entries:
            tags = [child.tag for child in entry]
            require(len(set(tags)) == len(tags), f"one field twice: {tags}")
            name = " ".join(filter(None, (said(entry.find(tag)) for tag in self._NAMES)))
            numbers = [said(entry.find(tag)) for tag in self._NUMBERS if entry.find(tag) is not None]
            require(any(numbers), "an entry without a number")
            self.rows += [(name, number) for number in numbers]

    def _count(self, entries: int) -> None:
        #: how many there are altogether
        self.total = _whole(self.root.get("total", ""))
        require(entries <= self.total, f"{entries} entries of {self.total}")
        if self.root.get("first") is None and not entries:
            require(self.root.get("notfound"), "neither a place nor a reason")
            return
        first, last = _whole(self.root.get("first", "")), _whole(self.root.get("last", ""))
        require(last - first + 1 == entries, f"{entries} entries from {first} to {last}")
        require(last <= self.total, f"the last is {last} of {self.total}")


class Thomson(Checker):
    """Thomson and Technicolor ST2022, ST2030, TB30: eight rows on a page."""

    roots = frozenset({"ThomsonPhoneBook"})
    grammar = grammar_of(
        "Name Telephone URL",
        {
            "ThomsonPhoneBook": Element("DirectoryEntry{0,8}, MenuItem{0,2}"),
            "DirectoryEntry": Element("Name, Telephone"),
            "MenuItem": Element("Name, URL"),
        },
    )

    def _read(self) -> None:
        self.rows = [
            (said(row[0]), said(row[1]).removeprefix("Dial:")) for row in self.root.iter("DirectoryEntry")
        ]
        for item in self.root.iter("MenuItem"):
            self.link(said(item[0]), said(item[1]))


class Htek(Checker):
    """Htek's remote phone book."""

    roots = frozenset({"PhoneDirectory"})
    grammar = grammar_of(
        "Name Telephone",
        {
            "PhoneDirectory": Element("DirectoryEntry*"),
            "DirectoryEntry": Element("Name, Telephone+"),
        },
    )

    def _read(self) -> None:
        self.rows = [
            (said(entry[0]), said(number))
            for entry in self.root.iter("DirectoryEntry")
            for number in entry[1:]
        ]


class Fanvil(Checker):
    """Fanvil's XML phone book (`fanvil-v2`): three kinds of numbers."""

    roots = frozenset({"PhoneBook"})
    grammar = grammar_of(
        "Name Telephone Mobile Other Ring Group",
        {
            "PhoneBook": Element("DirectoryEntry*"),
            "DirectoryEntry": Element("Name, Telephone, Mobile, Other, Ring, Group"),
        },
    )

    def _read(self) -> None:
        for entry in self.root.iter("DirectoryEntry"):
            numbers = [said(number) for number in entry[1:4] if said(number)]
            self.rows += [(said(entry[0]), number) for number in numbers or [""]]


class Grandstream(Checker):
    """Grandstream's `phonebook.xml`, which Avaya E129 reads too."""

    roots = frozenset({"AddressBook"})
    grammar = grammar_of(
        "id FirstName LastName Primary Frequent Ringtone PhotoUrl Department Company Job Group version name "
        "ringtones phonenumber accountindex groupid",
        {
            "AddressBook": Element("version?, pbgroup*, Contact*"),
            "pbgroup": Element("id, name, ringtones?"),
            "Contact": Element(
                "(id | FirstName | LastName | Primary | Frequent | Ringtone | PhotoUrl | Phone | Mail | "
                "Department | Company | Job | Group | Groups)+"
            ),
            "Phone": Element("phonenumber, accountindex", "type"),
            "Groups": Element("groupid+"),
            "Mail": Element(TEXT, "type"),
        },
    )
    _MANY = frozenset({"Phone", "Mail", "Group"})

    def _read(self) -> None:
        for contact in self.root.iter("Contact"):
            once = [child.tag for child in contact if child.tag not in self._MANY]
            require(len(set(once)) == len(once), f"twice in a contact: {once}")
            name = " ".join(filter(None, (said(contact.find(tag)) for tag in ("FirstName", "LastName"))))
            check_name(name)
            for phone in contact.iter("Phone"):
                require(
                    phone.get("type") in {"Work", "Home", "Cell", "Mobile", "Fax", "Other"}, "unknown type"
                )
                require(re.fullmatch("[0-6]", said(phone[1])), "an unknown account")
                self.rows.append((name, said(phone[0])))


class Panasonic(Checker):
    """Panasonic's network phone book: what it cannot show is not to be escaped, but left out."""

    roots = frozenset({"ppxml"})
    namespace = "http://panasonic/sip_phone"
    grammar = grammar_of(
        "Name Ruby",
        {
            "ppxml": Element("Screen"),
            "Screen": Element("PhoneBook", "version"),
            "PhoneBook": Element("Personnel{0,20}", "version"),
            "Personnel": Element("Name, Ruby?, PhoneNums", "id"),
            "PhoneNums": Element("PhoneNum+"),
            "PhoneNum": Element(TEXT, "type"),
        },
    )

    def _read(self) -> None:
        people = [*self.root.iter("Personnel")]
        require([one.get("id") for one in people] == [str(at + 1) for at in range(len(people))], "wrong ids")
        for one in people:
            name = said(one.find("Name"))
            require(len(name) <= 24, f"{name!r} is longer than 24")
            require(not set(name) & set("\"&'<>"), f"{name!r} has what the phone cannot show")
            for number in one.iter("PhoneNum"):
                require(number.get("type") in {"ext", "company", "mobile", "home"}, "an unknown type")
                require(re.fullmatch(r"[0-9*#]{1,32}", said(number)), f"{said(number)!r} cannot be dialled")
                self.rows.append((name, said(number)))


class Avaya(Checker):
    """Avaya J1xx."""

    roots = frozenset({"IPPhoneDirectory"})
    grammar = grammar_of(
        "LastName FirstName Number Type",
        {
            "IPPhoneDirectory": Element("DirectoryEntry*"),
            "DirectoryEntry": Element("LastName, FirstName, PhoneNumbers"),
            "PhoneNumbers": Element("Phone*"),
            "Phone": Element("Number, Type"),
        },
    )

    def _read(self) -> None:
        for entry in self.root.iter("DirectoryEntry"):
            name = " ".join(filter(None, (said(entry[1]), said(entry[0]))))
            numbers = [said(number) for number in entry.iter("Number")]
            self.rows += [(name, number) for number in numbers or [""]]


class SipDect(Checker):
    """Mitel SIP-DECT OMM."""

    roots = frozenset({"IPPhoneDirectory"})
    grammar = grammar_of(
        "Title Prompt Name Telephone",
        {
            "IPPhoneDirectory": Element("Title?, Prompt?, DirectoryEntry*"),
            "DirectoryEntry": Element("Name, Telephone"),
        },
    )

    def _read(self) -> None:
        self.rows = [(said(row[0]), said(row[1])) for row in self.root.iter("DirectoryEntry")]


class Ascom(Checker):
    """Ascom IP-DECT: 5000 characters at most."""

    roots = frozenset({"entries"})
    grammar = grammar_of(
        "givenName sn telephoneNumber",
        {
            "entries": Element("entry*"),
            "entry": Element("givenName, sn, telephoneNumber"),
        },
    )

    def _read(self) -> None:
        require(len(self.body.decode()) <= 5000, "more than 5000 characters")
        for entry in self.root.iter("entry"):
            self.rows.append((" ".join(filter(None, (said(entry[0]), said(entry[1])))), said(entry[2])))


class Generic(Checker):
    """What many others take: `anythingIPPhoneDirectory`."""

    grammar = grammar_of(
        "Title Prompt Name Telephone URI",
        {
            "DirectoryEntry": Element("Name, Telephone+"),
            "MenuItem": Element("Prompt, URI"),
        },
    )

    def __init__(self, body: bytes) -> None:
        found = re.search(rb"<([A-Za-z]*IPPhoneDirectory)[ >/]", body)
        if found is None:
            raise NotAccepted("no IPPhoneDirectory")
        root = found[1].decode()
        self.roots = frozenset({root})
        self.grammar = {
            **Generic.grammar,
            root: Element("Title?, Prompt?, DirectoryEntry*, MenuItem*", "next? previous?"),
        }
        super().__init__(body)

    def _read(self) -> None:
        self.rows = [
            (said(entry[0]), said(number))
            for entry in self.root.iter("DirectoryEntry")
            for number in entry[1:]
        ]
        for label in ("next", "previous"):
            if url := self.root.get(label):
                self.link(label.capitalize(), url)
        for item in self.root.iter("MenuItem"):
            self.link(said(item[0]), said(item[1]))


def _whole(text: str) -> int:
    require(re.fullmatch(r"[0-9]+", text), f"{text!r} is no count")
    return int(text)
