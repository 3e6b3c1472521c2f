"""Parsing XML that nobody vouches for: no entity, no file, no address, no bomb, and any encoding."""

from __future__ import annotations

import codecs
import socket
import time
import tracemalloc
from pathlib import Path

import pytest

from medclip.core.errors import FormatError
from medclip.core.xml import has_root, parse_xml


def refusal(tmp_path: Path, content: bytes | str, *, root: str = "a") -> str:
    """Return the message of the refusal of a file, which comes soon and takes little memory."""
    path = tmp_path / "a.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    start = time.perf_counter()
    with pytest.raises(FormatError) as caught:
        parse_xml(path, root=root)
    assert time.perf_counter() - start < 5
    message = str(caught.value)
    assert "\n" not in message
    assert "secret" not in message
    return message


def parsed(tmp_path: Path, content: bytes, *, root: str = "a") -> str | None:
    (tmp_path / "a.xml").write_bytes(content)
    return parse_xml(tmp_path / "a.xml", root=root).text


def test_a_billion_laughs_are_refused_at_the_first_declaration(tmp_path: Path) -> None:
    lols = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    message = refusal(tmp_path, f'<!DOCTYPE a [<!ENTITY l0 "secret">{lols}]><a>&l9;</a>')
    assert "declares or needs entities" in message


def test_quadratic_blow_up_is_refused(tmp_path: Path) -> None:
    text = "secret" * 10_000
    assert "entities" in refusal(tmp_path, f'<!DOCTYPE a [<!ENTITY x "{text}">]><a>{"&x;" * 10_000}</a>')


@pytest.mark.parametrize("declaration", ["ENTITY x", "ENTITY % x"])
def test_external_entities_are_never_opened(tmp_path: Path, declaration: str) -> None:
    hidden = tmp_path / "hidden.txt"
    hidden.write_text("secret")
    use = "%x;" if "%" in declaration else ""
    message = refusal(tmp_path, f'<!DOCTYPE a [<!{declaration} SYSTEM "{hidden.as_uri()}">{use}]><a>&x;</a>')
    assert "entities" in message


@pytest.mark.parametrize("doctype", ["SYSTEM", 'PUBLIC "-//x//y"'])
def test_a_document_type_may_be_named_but_is_not_fetched(tmp_path: Path, doctype: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.dtd"
        assert parsed(tmp_path, f'<!DOCTYPE a {doctype} "{address}"><a>x</a>'.encode()) == "x"
        # The definition might say what it stands for, and leaving it out would change a statement.
        assert "entities" in refusal(tmp_path, f'<!DOCTYPE a {doctype} "{address}"><a>x &no; y</a>')
        with pytest.raises(TimeoutError):
            server.accept()


def test_predefined_entities_and_character_references_are_text(tmp_path: Path) -> None:
    assert parsed(tmp_path, b"<a>rate &lt; 50 &amp; &#233;</a>") == "rate < 50 & \u00e9"


def test_ten_thousand_levels_are_refused(tmp_path: Path) -> None:
    assert "nested deeper" in refusal(tmp_path, "<a>" * 10_000 + "</a>" * 10_000)
    assert parsed(tmp_path, b"<a>" * 100 + b"</a>" * 100) is None


def test_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    with path.open("wb") as file:
        file.write(b"<a>")
        file.truncate(1 << 30)
    tracemalloc.start()
    with pytest.raises(FormatError, match="too large for a recording in XML: received 1073741824 bytes"):
        parse_xml(path, root="a")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<a>" + "<b/>" * 100_001 + "</a>", "more elements"),
        ("<a " + " ".join(f'b{i}="1"' for i in range(200_000)) + "/>", "longer than any"),
        ("<a b='" + "x" * 3_000_000 + "'/>", "longer than any"),
        ("<a><!--" + "x" * 3_000_000 + "--></a>", "longer than any"),
        ("<" + "a" * 3_000_000, "longer than any"),
    ],
)
def test_what_only_fills_memory_is_refused(tmp_path: Path, content: str, words: str) -> None:
    assert words in refusal(tmp_path, content)


def test_long_text_is_no_reason_to_refuse(tmp_path: Path) -> None:
    assert parsed(tmp_path, b"<a>" + b"x" * 5_000_000 + b"</a>") == "x" * 5_000_000


@pytest.mark.parametrize(
    ("declared", "encoding", "mark"),
    [
        ("utf-16", "utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16", "utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16", "utf-16-le", b""),
        ("UTF-16BE", "utf-16-be", b""),
        ("utf-8", "utf-8", codecs.BOM_UTF8),
        ("UTF-8", "utf-8", b""),
        # Converted, and still declaring what it was.
        ("utf-16", "utf-8", b""),
        ("ISO-8859-1", "iso-8859-1", b""),
        ("windows-1252", "cp1252", b""),
        ("GB2312", "gb2312", b""),
        ("Shift_JIS", "shift_jis", b""),
    ],
)
def test_encodings(tmp_path: Path, declared: str, encoding: str, mark: bytes) -> None:
    text = {"gb2312": "\u5fc3\u7535\u56fe", "shift_jis": "\u5fc3\u96fb\u56f3"}.get(encoding, "R\u00fcckgang")
    content = mark + f'<?xml version="1.0" encoding="{declared}"?><a>{text}</a>'.encode(encoding)
    assert has_root(content, "a")
    assert parsed(tmp_path, content) == text


@pytest.mark.parametrize(
    "declared", ["rot13", "zlib", "unicode_escape", "utf-7", "idna", "punycode", "nonsense", "cp9999"]
)
def test_what_is_no_character_set_is_refused(tmp_path: Path, declared: str) -> None:
    content = f'<?xml version="1.0" encoding="{declared}"?><a>x</a>'.encode()
    assert not has_root(content, "a")
    assert "encoding that is not supported" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("declared", "text"),
    [("UTF-8", "R\u00fcckgang".encode("latin-1")), ("us-ascii", "R\u00fcckgang".encode()), ("GBK", b"\x81\xff")],
)
def test_text_in_another_encoding_than_declared_is_refused(tmp_path: Path, declared: str, text: bytes) -> None:
    content = f'<?xml version="1.0" encoding="{declared}"?><a>'.encode() + text + b"</a>"
    assert "is not in the encoding that it declares" in refusal(tmp_path, content)
    assert "is not in the encoding" in refusal(tmp_path, codecs.BOM_UTF16_LE + "<a>x</a>".encode("utf-16-le")[:-1])


def test_foreign_files(tmp_path: Path) -> None:
    assert "is no XML file: received 0 bytes" in refusal(tmp_path, b"")
    assert "begins with ff d8 ff e0" in refusal(tmp_path, b"\xff\xd8\xff\xe0" + bytes(range(256)) * 9)
    assert "begins with 89 50 4e 47" in refusal(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(500))
    assert "XML of another kind: allowed: the root element a" in refusal(tmp_path, "<html>secret</html>")
    for missing in (tmp_path / "none.xml", tmp_path):
        with pytest.raises(FormatError, match="cannot be read"):
            parse_xml(missing, root="a")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, encoding: str) -> None:
    content = "<?xml version='1.0'?>\n<a b='c'><d>secret</d><!-- x --></a>".encode(encoding)
    assert parsed(tmp_path, content) is None
    for n_bytes in range(len(content)):
        refusal(tmp_path, content[:n_bytes])


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        (b"<a/>", True),
        (b"<a>", True),
        (b"<a b='c'", True),
        (b"<x:a xmlns:x='y'>", True),
        (b"<?xml version='1.0'?>\r\n<!-- <b> --> <!DOCTYPE a SYSTEM 'a.dtd'><?x y?><a ", True),
        (b"<!DOCTYPE a [<!ELEMENT a (b)> ]><a>", True),
        (b"<ab>", False),
        (b"<b><a>", False),
        (b"<!-- <a> -->", False),
        (b"a", False),
        (b"<a", False),
        (b"", False),
        (b"\xff\xfe", False),
        (bytes(4096), False),
        (b"<!DOCTYPE" * 400, False),
        (b"<!--" * 1000, False),
    ],
)
def test_the_root_is_found_in_the_first_bytes(head: bytes, is_one: bool) -> None:
    assert has_root(head, "a") is is_one


def test_names_are_without_their_namespace(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<p:a xmlns:p='urn:x'><p:b p:c='1'>t</p:b></p:a>")
    root = parse_xml(tmp_path / "a.xml", root="a")
    assert root.findtext("b") == "t"
    assert root.find("b").get("c") == "1"
