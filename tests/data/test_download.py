"""Downloads from a real server on this machine that breaks off, lies, refuses and hangs."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_server import Server, serving

from medclip.core.cards import CardFile, DataCard, load_card
from medclip.core.errors import DownloadError, InputError, OutputError
from medclip.data._fetch import _StaySecure
from medclip.data.download import download_dataset

CARD = DataCard(
    name="set",
    title="Set",
    version="1.0",
    licence="https://example.org/licence",
    citation="A set",
    url="https://example.org/set",
    base_url="https://example.invalid/files/set/1.0/",
    access_conditions="",
    files=(CardFile("big", pattern="big/*", n_bytes=2_000_000), CardFile("small", pattern="small/*", n_bytes=1000)),
    columns={},
    splits=(),
)


def make_files() -> dict[str, bytes]:
    """Return files of many sizes, nested, one of them empty, with names that need quoting in an address."""
    generator = random.Random(0)
    files = {f"small/{number:02d}/{number}.dat": generator.randbytes(number * 37) for number in range(1, 25)}
    files |= {f"big/{number}.dat": generator.randbytes(400_000) for number in range(3)}
    return files | {"table.csv": b"a,b\n" * 5000, "empty.txt": b"", "a name (1)+50% \u00e4.txt": b"x" * 99}


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve the files."""
    with serving(make_files()) as running:
        yield running


def fetch(server: Server, folder: Path, **options: object) -> Path:
    """Download without waiting long between attempts."""
    quick = {"base_url": server.url, "progress": False, "first_wait_s": 0.01, "timeout_s": 10.0} | options
    return download_dataset(CARD, folder, **quick)  # type: ignore[arg-type]


def assert_complete(server: Server, folder: Path) -> None:
    """Compare all files with what the server has, and look for leftovers."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == server.files


def test_all_files_arrive_over_several_connections(server: Server, tmp_path: Path) -> None:
    server.delay_s = 0.001
    assert fetch(server, tmp_path / "new/folder", n_parallel=4) == tmp_path / "new/folder"
    assert_complete(server, tmp_path / "new/folder")
    assert server.n_open_most >= 2


def test_doing_it_again_asks_for_the_list_alone_and_mends_what_changed(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path)
    server.requests.clear()
    fetch(server, tmp_path)
    assert [name for name, _, _ in server.requests] == ["SHA256SUMS.txt"]
    (tmp_path / "big/1.dat").write_bytes(b"changed")
    (tmp_path / "table.csv").unlink()
    server.requests.clear()
    fetch(server, tmp_path)
    assert {name for name, _, _ in server.requests} == {"SHA256SUMS.txt", "big/1.dat", "table.csv"}
    assert_complete(server, tmp_path)


def test_a_connection_that_breaks_off_is_continued(server: Server, tmp_path: Path) -> None:
    server.faults["big/0.dat"] = ["break", "hang up", "break"]
    server.faults["SHA256SUMS.txt"] = ["break"]
    fetch(server, tmp_path)
    assert server.requests_of("big/0.dat") == [None, "bytes=200000-", "bytes=200000-", "bytes=300000-"]
    assert all(mark for name, asked, mark in server.requests if asked), (
        "every continuation names the version it continues"
    )
    assert_complete(server, tmp_path)


def test_a_connection_that_always_breaks_off_gets_there_step_by_step(server: Server, tmp_path: Path) -> None:
    server.faults["big/0.dat"] = ["break"] * 12
    fetch(server, tmp_path, n_attempts=2)
    assert_complete(server, tmp_path)


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.sends_etag = False
    server.faults["big/0.dat"] = ["break", "whole"]
    fetch(server, tmp_path)
    assert server.requests_of("big/0.dat") == [None, "bytes=200000-"]
    assert_complete(server, tmp_path)


def test_another_range_than_asked_for_is_not_taken(server: Server, tmp_path: Path) -> None:
    server.faults["big/0.dat"] = ["break", "shifted"]
    fetch(server, tmp_path)
    assert server.requests_of("big/0.dat") == [None, "bytes=200000-", "bytes=200000-"]
    assert_complete(server, tmp_path)


@pytest.mark.parametrize("fault", [429, 500, 503, "silent", "hang up"])
def test_passing_failures_are_tried_again(server: Server, tmp_path: Path, fault: object) -> None:
    server.faults["table.csv"] = [fault, fault]
    fetch(server, tmp_path, timeout_s=0.3)
    assert len(server.requests_of("table.csv")) == 3
    assert_complete(server, tmp_path)


def test_a_wrong_checksum_once_is_fetched_again_from_the_start(server: Server, tmp_path: Path) -> None:
    server.faults["big/2.dat"] = ["wrong"]
    fetch(server, tmp_path)
    assert server.requests_of("big/2.dat") == [None, None]
    assert_complete(server, tmp_path)


def test_a_wrong_checksum_for_ever_is_refused_and_nothing_of_it_stays(server: Server, tmp_path: Path) -> None:
    server.faults["big/2.dat"] = ["wrong", "*"]
    with pytest.raises(
        DownloadError, match=r"big/2.dat could not be fetched.*checksum is not the one announced, 3 times"
    ):
        fetch(server, tmp_path, n_attempts=3)
    assert not list((tmp_path / "big").glob("2.dat*"))
    server.faults.clear()
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)


def test_what_an_older_version_left_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "big/0.dat.part").write_bytes(b"of another version")
    (tmp_path / "big/1.dat.part").write_bytes(server.files["big/1.dat"])
    (tmp_path / "SHA256SUMS.txt.part").write_bytes(b"0")
    fetch(server, tmp_path)
    assert server.requests_of("big/0.dat") == ["bytes=18-", None]
    assert server.requests_of("big/1.dat") == ["bytes=400000-"]
    assert_complete(server, tmp_path)


@pytest.mark.parametrize(("status", "words"), [(404, "check the address"), (403, "ask for access"), (401, "log in")])
def test_lasting_refusals_end_it_at_once(server: Server, tmp_path: Path, status: int, words: str) -> None:
    server.faults["table.csv"] = [status]
    with pytest.raises(DownloadError, match=rf"(?i)refuses .*table.csv: received {status} .*{words}") as caught:
        fetch(server, tmp_path)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert len(server.requests_of("table.csv")) == 1


def test_a_server_that_is_not_there_is_given_up(tmp_path: Path) -> None:
    with serving({}) as gone:
        address = gone.url
    with pytest.raises(DownloadError, match=r"SHA256SUMS.txt could not be fetched.*refused.*2 times in a row"):
        download_dataset(CARD, tmp_path, base_url=address, progress=False, first_wait_s=0.01, n_attempts=2)


def test_one_failure_stops_the_rest(server: Server, tmp_path: Path) -> None:
    server.files |= {f"more/{number}": bytes(9) for number in range(3000)}
    server.list_checksums()
    server.faults["more/20"] = [404]
    with pytest.raises(DownloadError, match="more/20"):
        fetch(server, tmp_path)
    assert len(server.requests) < 1500


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/tmp/x", "..", "a\\..\\..\\x", "C:/x", "C:x", "a\x00b", "x.part", "\x1b[31mred"],
)
def test_a_list_that_names_files_elsewhere_is_refused_before_anything_is_fetched(
    server: Server, tmp_path: Path, name: str
) -> None:
    server.files["SHA256SUMS.txt"] += f"{'0' * 64}  {name}\n".encode()
    with pytest.raises(DownloadError, match="must not be written") as caught:
        fetch(server, tmp_path / "inner")
    assert "\x1b" not in str(caught.value)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["SHA256SUMS.txt"]


@pytest.mark.parametrize("content", [b"<html>Please log in</html>\n", b"\xff\xfe\x00", b"0123 file.dat\n"])
def test_a_page_in_place_of_the_list_is_refused(server: Server, tmp_path: Path, content: bytes) -> None:
    server.files["SHA256SUMS.txt"] = content
    with pytest.raises(DownloadError, match=r"no checksum and file name|not a list of checksums"):
        fetch(server, tmp_path)


def test_an_empty_list_is_refused(server: Server, tmp_path: Path) -> None:
    server.files["SHA256SUMS.txt"] = b"\n"
    with pytest.raises(DownloadError, match="lists no file"):
        fetch(server, tmp_path)


def test_a_list_with_a_known_checksum_is_verified(server: Server, tmp_path: Path) -> None:
    card = dataclasses.replace(CARD, files=(CardFile("SHA256SUMS.txt", sha256="0" * 64),))
    with pytest.raises(DownloadError, match="checksum is not the one announced"):
        download_dataset(card, tmp_path, base_url=server.url, progress=False, first_wait_s=0.01, n_attempts=2)


def test_parts_can_be_chosen(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path, parts=["small"])
    assert not (tmp_path / "big").exists()
    assert (tmp_path / "table.csv").exists()
    assert len(list((tmp_path / "small").rglob("*.dat"))) == 24
    with pytest.raises(InputError, match="no such part: received tiny; allowed: big, small"):
        fetch(server, tmp_path, parts=["tiny"])


def test_redirects_to_other_kinds_of_addresses_are_not_followed(server: Server, tmp_path: Path) -> None:
    server.faults["table.csv"] = ["elsewhere"]
    with pytest.raises(DownloadError):
        fetch(server, tmp_path)
    assert not (tmp_path / "table.csv").exists()
    request = type("Request", (), {"full_url": "https://physionet.org/a"})()
    with pytest.raises(DownloadError, match="not secure"):
        _StaySecure().redirect_request(request, None, 302, "", {}, "http://physionet.org/a")


def test_data_behind_an_agreement_says_how_to_get_it(tmp_path: Path) -> None:
    card = dataclasses.replace(CARD, access_conditions="credentialed PhysioNet users with training")
    with pytest.raises(
        DownloadError, match=r"not open to everybody.*credentialed.*[Aa]sk for access on https://example"
    ):
        download_dataset(card, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("name", "way_out"),
    [("georgia", "medclip data download cinc2021 --part georgia"), ("code15", "Fetch exams.csv and the archives")],
)
def test_a_set_without_a_list_of_checksums_says_how_it_is_fetched(tmp_path: Path, name: str, way_out: str) -> None:
    with pytest.raises(InputError, match=f"cannot be fetched by this command.*{way_out}"):
        download_dataset(load_card(name), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["file:///etc/", "ftp://example.org/", "/srv/data", ""])
def test_addresses_that_are_not_http_are_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(InputError, match="cannot be fetched"):
        download_dataset(dataclasses.replace(CARD, base_url=address), tmp_path)


@pytest.mark.parametrize("n_parallel", [0, 33])
def test_number_of_connections(server: Server, tmp_path: Path, n_parallel: int) -> None:
    with pytest.raises(InputError, match="allowed: 1 to 32"):
        fetch(server, tmp_path, n_parallel=n_parallel)


def test_too_little_room_is_said_before_the_start(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 1_500_000))
    with pytest.raises(OutputError, match=r"too little room for Set: received 0.0 GB free; allowed: 0.0 GB or more"):
        fetch(server, tmp_path)
    assert not (tmp_path / "big").exists()
    fetch(server, tmp_path, parts=["small"])
    (tmp_path / "big").mkdir()
    (tmp_path / "big/0.dat").write_bytes(server.files["big/0.dat"] * 2)
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)


def test_a_destination_that_is_a_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot be used as a folder"):
        fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_the_progress_bar_goes_to_standard_error(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(server, tmp_path, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "30/30" in shown.err
    fetch(server, tmp_path)
    assert capsys.readouterr().err == ""


def run(server: Server, folder: Path, before: str = "") -> subprocess.Popen[str]:
    """Start a download in a process of its own."""
    code = (
        f"{before}\n"
        "import sys\n"
        "from medclip.data.download import download_dataset\n"
        "from test_download import CARD\n"
        "try:\n"
        f"    download_dataset(CARD, {str(folder)!r}, base_url={server.url!r}, progress=False, n_parallel=3)\n"
        "except Exception as error:\n"
        "    sys.exit(f'{type(error).__name__}: {error}')\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2]), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.PIPE, text=True
    )


def size_now(path: Path) -> int:
    """Size of a file; 0 for a folder, and for a file that the download has just given its final name."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def test_killed_at_any_moment_it_continues(server: Server, tmp_path: Path) -> None:
    server.delay_s = 0.01
    for n_bytes in (30_000, 200_000, 500_000):
        process = run(server, tmp_path)
        deadline = time.monotonic() + 60
        while sum(map(size_now, tmp_path.rglob("*.*"))) < n_bytes:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    complete = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    partial = {name.removesuffix(".part"): (tmp_path / name).stat().st_size for name in complete if ".part" in name}
    assert any(0 < size < len(server.files[name]) for name, size in partial.items())
    for name in complete:
        if not name.endswith(".part"):
            assert (tmp_path / name).read_bytes() == server.files[name]
    server.delay_s = 0.0
    server.requests.clear()
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)
    for name, size in partial.items():
        assert server.requests_of(name) == [f"bytes={size}-" if size else None]
    again = {name for name, _, _ in server.requests} - {"SHA256SUMS.txt"}
    assert not again & complete


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_a_full_disk_is_one_line_and_the_download_continues_later(server: Server, tmp_path: Path) -> None:
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    process = run(server, tmp_path, before=limit)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert message.startswith("OutputError: the download cannot be written (File too large")
    assert message.count("\n") == 1
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)
    assert any(asked for asked in server.requests_of("big/0.dat"))


def test_the_shipped_card_fits_the_layout_of_physionet(tmp_path: Path) -> None:
    names = ("records500/00000/00001_hr.dat", "records100/00000/00001_lr.dat", "ptbxl_database.csv", "RECORDS")
    card = dataclasses.replace(
        load_card("ptbxl"), files=tuple(dataclasses.replace(file, n_bytes=None) for file in load_card("ptbxl").files)
    )
    with serving({name: name.encode() for name in names}) as running:
        download_dataset(card, tmp_path, base_url=running.url, parts=["records500"], progress=False)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {names[0], names[2], names[3], "SHA256SUMS.txt"}


def direct_card(server: Server, **changes: object) -> DataCard:
    """Return a card that holds addresses of two files and no folder."""
    files = (
        CardFile(
            "table.csv", url=f"{server.url}table.csv", sha256=hashlib.sha256(make_files()["table.csv"]).hexdigest()
        ),
        CardFile("empty.txt", url=f"{server.url}empty.txt"),
    )
    return dataclasses.replace(CARD, base_url="", files=files, **changes)


def test_files_whose_addresses_the_card_holds(server: Server, tmp_path: Path) -> None:
    folder = download_dataset(direct_card(server), tmp_path / "x", progress=False)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: make_files()[name] for name in ("table.csv", "empty.txt")
    }
    (folder / "table.csv").write_bytes(b"damaged")
    (folder / "empty.txt").write_bytes(b"of no known checksum")
    download_dataset(direct_card(server), folder, progress=False)
    assert (folder / "table.csv").read_bytes() == make_files()["table.csv"]
    assert (folder / "empty.txt").read_bytes() == b"of no known checksum"
    download_dataset(direct_card(server), tmp_path / "y", parts=["empty.txt"], progress=False)
    assert [path.name for path in (tmp_path / "y").iterdir()] == ["empty.txt"]
    with pytest.raises(InputError, match=r"has no such part: received small; allowed: table.csv, empty.txt"):
        download_dataset(direct_card(server), tmp_path / "z", parts=["small"], progress=False)
    with pytest.raises(InputError, match=r"cannot be fetched by this command. An account"):
        download_dataset(direct_card(server, access_conditions="an account"), tmp_path / "z", progress=False)


def test_a_file_of_another_content_than_the_card_states(server: Server, tmp_path: Path) -> None:
    card = direct_card(server)
    card = dataclasses.replace(card, files=(dataclasses.replace(card.files[0], sha256="0" * 64),))
    with pytest.raises(DownloadError, match="its checksum is not the one announced"):
        download_dataset(card, tmp_path, progress=False, n_attempts=2, first_wait_s=0.01)
    assert not (tmp_path / "table.csv").exists()
