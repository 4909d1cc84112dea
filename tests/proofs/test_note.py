"""Signed notes and checkpoints, against published examples and against other readers."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from sophia_kit.proofs import ProofSigner, PublicKey
from sophia_kit.proofs.note import Checkpoint, NoteError, decode_hash, key_id, open_note, sign_note, split_notes

NAME = "sophia-kit/test/demo"
SIGNER = ProofSigner.generate()
ROOT = bytes(range(32))

# A note and its verifier key as the Go implementation (golang.org/x/mod/sumdb/note) makes them; quoted in the
# documentation of C2SP signed-note implementations.
PUBLISHED_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def signed(text: str, *, name: str = NAME, signer: ProofSigner = SIGNER) -> str:
    return sign_note(text, name, signer.public.raw, signer.sign)


def test_a_note_that_another_implementation_signed_opens() -> None:
    name, identifier, encoded = PUBLISHED_KEY.split("+")
    raw = base64.b64decode(encoded)[1:]
    assert key_id(name, raw).hex() == identifier
    key = PublicKey.of(Ed25519PublicKey.from_public_bytes(raw))
    assert open_note(PUBLISHED_NOTE, name, [key]) == "This is an example message.\n"


def test_a_checkpoint_can_be_verified_with_the_cryptography_library_alone() -> None:
    note = signed(Checkpoint(NAME, 5, ROOT).text)
    text, _, last = note.rpartition("\n\n")
    dash, name, encoded = last.split(" ")
    signature = base64.b64decode(encoded)
    Ed25519PublicKey.from_public_bytes(SIGNER.public.raw).verify(signature[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    assert (dash, name, origin, size) == ("\u2014", NAME, NAME, "5")
    assert base64.b64decode(root) == ROOT


def test_a_signed_checkpoint_comes_back() -> None:
    head = Checkpoint(NAME, 20852163, ROOT)
    assert Checkpoint.parse(open_note(signed(head.text), NAME, [SIGNER.public])) == head


def test_signatures_by_others_are_ignored_beside_one_that_counts() -> None:
    text = Checkpoint(NAME, 1, ROOT).text
    witness = signed(text, name="witness.example/w", signer=ProofSigner.generate()).rpartition("\n\n")[2]
    assert open_note(signed(text) + witness, NAME, [SIGNER.public]) == text


def test_a_key_signs_under_its_name_only() -> None:
    note = signed(Checkpoint(NAME, 1, ROOT).text, name="sophia-kit/test/ci")
    with pytest.raises(NoteError, match=r"no trusted key signed it as sophia-kit/test/demo; signed by sophia-kit"):
        open_note(note, NAME, [SIGNER.public])


def test_a_wrong_signature_by_a_known_key_rejects_the_note_whatever_else_signs_it() -> None:
    good = signed("one\n")
    forged = signed("two\n").replace("two\n", "one\n") + good.rpartition("\n\n")[2]
    with pytest.raises(NoteError, match="doesn't fit"):
        open_note(forged, NAME, [SIGNER.public])


@pytest.mark.parametrize(
    ("note", "says"),
    [
        ("", "no blank line"),
        ("text\n\n", "no blank line"),
        ("text without signature\n", "no blank line"),
        ("text\n\n\u2014 name\n", "not a signature line"),
        ("text\n\n-- name c2ln\n", "not a signature line"),
        ("text\n\n\u2014 na+me c2lnbmF0dXJl\n", "not a signature line"),
        ("text\n\n\u2014 name ???\n", "not the base64 text"),
        ("text\n\n\u2014 name c2ln\n", "not the base64 text"),
        ("text\n\n\u2014 name c2lnbmF0dXJl=\n", "not the base64 text"),
        ("text\n\n\u2014 name c2lnbmF0dXI9\n".replace("I9", "J="), "not the base64 text"),
        ("te\txt\n\n\u2014 name c2lnbmF0dXJl\n", "control characters"),
        ("text\r\n\r\n\u2014 name c2lnbmF0dXJl\r\n", "control characters"),
        ("text\n\n" + "\u2014 name c2lnbmF0dXJl\n" * 101, "more than 100"),
        ("text\n\n\u2014 name c2lnbmF0dXJl\n", "no trusted key"),
    ],
)
def test_a_malformed_note_says_what_is_wrong(note: str, says: str) -> None:
    with pytest.raises(NoteError, match=says):
        open_note(note, NAME, [SIGNER.public])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\n1\n",
        "log\n\nAAAA\n",
        f"log\n01\n{base64.b64encode(ROOT).decode()}\n",
        f"log\n-1\n{base64.b64encode(ROOT).decode()}\n",
        f"log\n\u0661\n{base64.b64encode(ROOT).decode()}\n",
        "log\n1\nAAAA\n",
        f"log\n1\n{base64.b64encode(ROOT).decode()[:-2]}9=\n",
        f"log\n1\n{base64.b64encode(ROOT).decode()}\n\nextension\n",
    ],
)
def test_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_extension_lines_are_ignored() -> None:
    head = Checkpoint(NAME, 0, ROOT)
    assert Checkpoint.parse(head.text + "an extension\n") == head


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_a_hash_has_one_text(value: bytes) -> None:
    text = base64.b64encode(value).decode()
    assert decode_hash(text) == value
    last = text[-2]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(last) ^ 1]
    with pytest.raises(NoteError):
        decode_hash(f"{text[:-2]}{other}=")


@settings(deadline=None)
@given(st.integers(0, 6), st.integers(0, 300))
def test_notes_in_one_file_are_told_apart_and_a_torn_one_is_left_out(count: int, cut: int) -> None:
    notes = [signed(Checkpoint(NAME, size, ROOT).text) for size in range(count)]
    whole = "".join(f"{note}\n" for note in notes)
    assert split_notes(whole) == notes
    torn = signed(Checkpoint(NAME, count, ROOT).text)[:cut]
    assert split_notes(whole + torn)[:count] == notes
    assert len(split_notes(whole + torn)) == count
