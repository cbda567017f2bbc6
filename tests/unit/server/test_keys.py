"""The folder of keys: what it holds, who may touch it, and what a rotation leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import OKPAlgorithm
from typer.testing import CliRunner

from osms.receipts import read_keys, write_keys
from osms_client.cli import app
from osms_server import keys
from osms_server.keys import KeysError, SigningKeys, read_ring, rotate, signature_holds
from osms_storage.private_files import replace_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one key."""
    rotate(tmp_path / "keys")
    return tmp_path / "keys"


def mode(path: Path) -> int:
    """Return the permissions of a file or folder."""
    return path.stat().st_mode & 0o777


def test_what_is_secret_is_for_its_owner_alone(folder: Path) -> None:
    """Folder, private key and the key of persons are closed to others as soon as they are made."""
    (pem,) = folder.glob("*.pem")
    assert (mode(folder), mode(pem), mode(folder / "person.key")) == (0o700, 0o600, 0o600)


def test_of_an_older_key_only_the_public_part_is_left(folder: Path) -> None:
    """The newest signs; what the one before signed is still verified, but none can sign with it."""
    first = read_ring(folder)
    second = rotate(folder)
    ring = read_ring(folder)
    assert (ring.key_id, list(ring.public)) == (second, [second, first.key_id])
    assert b"PRIVATE" not in (folder / f"{first.key_id}.pem").read_bytes()
    assert ring.person_key == first.person_key
    key_id, signature = first.sign(b"archive")
    assert signature_holds(ring.public, key_id, b"archive", signature)
    assert not signature_holds(ring.public, key_id, b"another archive", signature)
    assert not signature_holds(ring.public, second, b"archive", signature)
    assert not signature_holds({}, key_id, b"archive", signature)


def test_keys_are_ordered_by_number_not_by_text(folder: Path) -> None:
    """The ten thousandth key is newer than the one before it."""
    key = Ed25519PrivateKey.generate()
    (pem,) = folder.glob("*.pem")
    pem.unlink()
    number = 9_999
    key_id = keys._key_id(number, key.public_key())
    replace_file(folder / f"{key_id}.pem", pem_of(key))
    assert [rotate(folder)[:5], *read_ring(folder).public][0::2] == ["10000", key_id]


def pem_of(key: Ed25519PrivateKey) -> bytes:
    """Return a private key as it lies in a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def others_read_the_key(folder: Path) -> None:
    """Open the private key to the group."""
    next(folder.glob("*.pem")).chmod(0o640)


def others_read_the_person_key(folder: Path) -> None:
    """Open the key of persons to everybody."""
    (folder / "person.key").chmod(0o604)


def others_write(folder: Path) -> None:
    """Let others put keys into the folder."""
    folder.chmod(0o770)


def the_person_key_is_lost(folder: Path) -> None:
    """Remove the key of persons."""
    (folder / "person.key").unlink()


def the_person_key_is_cut(folder: Path) -> None:
    """Leave half of the key of persons."""
    os.truncate(folder / "person.key", 16)


def no_key_is_left(folder: Path) -> None:
    """Remove the keys that sign."""
    next(folder.glob("*.pem")).unlink()


def a_key_is_garbage(folder: Path) -> None:
    """Overwrite the private key."""
    next(folder.glob("*.pem")).write_text("-----BEGIN PRIVATE KEY-----")


def a_key_has_another_name(folder: Path) -> None:
    """Give the key the name of another."""
    next(folder.glob("*.pem")).rename(folder / "0002-00000000.pem")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (others_read_the_key, r"Others may read .*\.pem: chmod 600"),
        (others_read_the_person_key, "Others may read .*person.key: chmod 600"),
        (others_write, "Others may change .*: chmod go-w"),
        (the_person_key_is_lost, "person.key is missing: bring it back"),
        (the_person_key_is_cut, "must hold 32 bytes"),
        (no_key_is_left, "`osms keys rotate` makes one"),
        (a_key_is_garbage, "no key that can be read"),
        (a_key_has_another_name, "another key than its name says"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_folder_that_is_not_in_order_is_refused_in_words(
    folder: Path, damage: Callable[[Path], None], said: str
) -> None:
    """Nothing is signed with a key that others may know, and the text says what to do."""
    damage(folder)
    with pytest.raises(KeysError, match=said):
        read_ring(folder)
    with pytest.raises(KeysError, match="cannot be read: No such file"):
        read_ring(folder / "nowhere")


def test_a_lost_person_key_is_not_made_anew(folder: Path) -> None:
    """A new one would make every receipt that was given out one of another person."""
    the_person_key_is_lost(folder)
    with pytest.raises(KeysError, match="bring it back"):
        rotate(folder)


def test_keys_are_read_again_when_the_folder_changes(folder: Path) -> None:
    """A rotation takes effect at once; a folder that is out of order leaves what was there."""
    opened = SigningKeys(folder)
    first = opened.ring
    assert opened.ring is first
    second = rotate(folder)
    assert opened.ring.key_id == second
    others_write(folder)
    assert opened.ring.key_id == second
    others_read = rotate_in_order(folder)
    assert opened.ring.key_id == others_read
    folder.rename(folder.with_name("away"))
    assert opened.ring.key_id == others_read
    folder.with_name("away").rename(folder)
    assert opened.ring.key_id == others_read


def rotate_in_order(folder: Path) -> str:
    """Close the folder to others again, and rotate."""
    folder.chmod(0o700)
    return rotate(folder)


def test_what_is_printed_of_keys_tells_no_secret(folder: Path) -> None:
    """Neither the private key nor the key of persons is in a representation."""
    ring = read_ring(folder)
    assert "signing" not in repr(ring)
    assert "person_key" not in repr(ring)
    assert "PRIVATE" not in write_keys(ring.public)
    assert '"d"' not in write_keys(ring.public)


@pytest.mark.parametrize(
    "jwks",
    [
        "",
        "[]",
        "{}",
        '{"keys": [{}]}',
        '{"keys": [{"kty": "oct", "k": "AAAA", "kid": "1"}]}',
        '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "1"}]}',
        '{"keys": ["text"]}',
    ],
)
def test_what_is_no_set_of_keys_is_refused(jwks: str) -> None:
    """Only public Ed25519 keys with their ids verify receipts; a symmetric key never does."""
    with pytest.raises(ValueError, match="no set of public keys"):
        read_keys(jwks)


def test_a_set_with_a_private_key_is_refused() -> None:
    """Whoever publishes a private key by mistake hears of it."""
    key = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate())
    with pytest.raises(ValueError, match="no set of public keys"):
        read_keys(f'{{"keys": [{key[:-1]}, "kid": "1"}}]}}')


_ROTATE_FOR_EVER = """
import sys
from pathlib import Path
from osms_server.keys import rotate
while True:
    rotate(Path(sys.argv[1]))
    print(flush=True)
"""


def test_a_rotation_that_is_killed_leaves_a_folder_in_order(folder: Path) -> None:
    """Whenever it is killed, there is a key that signs, and all that ever signed are known."""
    known: set[str] = set(read_ring(folder).public)
    for turn in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", _ROTATE_FOR_EVER, str(folder)], stdout=subprocess.PIPE
        )
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(turn * 0.002)  # at another place each time
            process.send_signal(signal.SIGKILL)
        ring = read_ring(folder)
        assert known <= set(ring.public)
        known = set(ring.public)
    rotate(folder)
    private = [pem for pem in folder.glob("*.pem") if b"PRIVATE" in pem.read_bytes()]
    assert len(private) == 1


def test_the_commands_rotate_and_publish(tmp_path: Path) -> None:
    """`osms keys` makes the folder, and writes the public keys to a file or the terminal."""
    folder, out = tmp_path / "keys", tmp_path / "jwks.json"

    def run(*words: str) -> str:
        ended = CliRunner().invoke(app.build(["keys"]), ["keys", *words])
        assert ended.exit_code == 0, ended.output
        return ended.output

    for _ in range(2):
        run("rotate", "--keys", str(folder))
    run("publish", "--keys", str(folder), "--out", str(out))
    ring = read_ring(folder)
    assert list(read_keys(out.read_text())) == list(ring.public)
    assert list(read_keys(run("publish", "--keys", str(folder)))) == list(ring.public)


def test_the_commands_fail_in_words(folder: Path) -> None:
    """Without a folder, or with one that is not in order, the status is 2 and says why."""
    others_read_the_key(folder)
    for words, said in ((["--keys", str(folder)], "chmod 600"), ([], "--keys DIR")):
        ended = CliRunner().invoke(app.build(["keys"]), ["keys", "publish", *words])
        assert ended.exit_code == 2
        assert said in ended.output
