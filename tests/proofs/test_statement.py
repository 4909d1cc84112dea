"""What is signed: an in-toto Statement whose JSON loses nothing."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # it has no __all__
from tests.proofs.conftest import START, a_run

from sophia_kit.core.errors import InputError, ProofError, Unconfigured
from sophia_kit.proofs import MetricReading, ProofSigner, PublicKey, Seal, Statement, Subject
from sophia_kit.proofs.envelope import EnvelopeError, open_envelope, seal_envelope

SEAL = Seal("demo", START)
SUBJECTS = (Subject("data/demo/reports/r1.html", "a" * 64), Subject("snapshot:s1", "b" * 64))


def test_it_is_an_in_toto_statement_about_the_subjects() -> None:
    stated = json.loads(Statement(a_run(), SUBJECTS).payload(SEAL))
    assert stated["_type"] == "https://in-toto.io/Statement/v1"
    assert stated["predicateType"] == "urn:sophia-kit:predicate:run:v1"
    assert stated["subject"] == [
        {"name": "data/demo/reports/r1.html", "digest": {"sha256": "a" * 64}},
        {"name": "snapshot:s1", "digest": {"sha256": "b" * 64}},
    ]
    assert stated["predicate"]["seal"] == {"origin": "demo", "at": "2026-03-01T02:00:00.123456Z"}


def test_the_predicate_says_all_that_a_reader_has_to_know() -> None:
    problem = Unconfigured("No Salesforce.", missing=["salesforce.client_id"], hint="Set it.").problem()
    run = replace(a_run(outcome="failed"), errors=(problem,))
    stated = json.loads(Statement(run).payload(SEAL))["predicate"]["run"]
    assert stated["job"] == "daily_bi"
    assert stated["parameters"] == {"day": "2025-12-31", "segment": None, "periods": 3, "strict": True}
    assert stated["code"] == {"commit": "a" * 40, "clean": True, "reason": None}
    assert stated["lock"] == {"path": "uv.lock", "sha256": "b" * 64, "reason": None}
    assert stated["notebook"]["sha256"] == "c" * 64
    assert stated["clock"] == {"time": "2026-01-01T05:59:59Z", "frozen": True}
    assert stated["started_at"] == "2026-03-01T02:00:00.123456Z"
    assert stated["freshness"][1] == {
        "table": "raw.surveys",
        "source_system": None,
        "status": "unknown",
        "as_of": None,
    }
    assert stated["outcome"] == "failed"
    assert stated["demo"] is True
    assert stated["errors"] == [problem]
    assert {"kit_version", "python_version", "run_id", "snapshot_id"} <= stated.keys()


def test_a_metric_value_keeps_every_digit_and_an_unknown_one_its_reason() -> None:
    stated = json.loads(Statement(a_run()).payload(SEAL))["predicate"]["run"]["metrics"]
    assert stated[0]["value"] == "12345678901234567890.10"
    assert (stated[1]["value"], stated[1]["unknown"]) == (None, "no rate for EUR")


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_any_decimal_comes_back_as_it_was(value: Decimal) -> None:
    reading = MetricReading("m", value, "USD", "2025-12", "shown")
    statement = Statement(replace(a_run(), metrics=(reading,)))
    read, _ = Statement.parse(statement.payload(SEAL))
    assert read.run.metrics[0].value == value


def test_the_same_statement_gives_the_same_bytes_and_comes_back() -> None:
    statement = Statement(a_run(), SUBJECTS)
    payload = statement.payload(SEAL)
    assert payload == statement.payload(Seal("demo", START.astimezone(timezone(timedelta(hours=-6)))))
    assert Statement.parse(payload) == (statement, SEAL)
    # RFC 8785: no white space, keys in order.
    assert payload == json.dumps(json.loads(payload), separators=(",", ":"), sort_keys=True).encode()


def test_fields_of_a_later_version_are_ignored() -> None:
    stated = json.loads(Statement(a_run(), SUBJECTS).payload(SEAL))
    stated["predicate"]["run"]["mood"] = "good"
    stated["subject"][0]["digest"]["sha512"] = "e" * 128
    assert Statement.parse(json.dumps(stated).encode())[0] == Statement(a_run(), SUBJECTS)


@pytest.mark.parametrize("job", ["", "log", "Daily", "../x", "a/b", "-x", "a b", "a.b"])
def test_a_job_whose_name_is_no_folder_is_refused(job: str) -> None:
    with pytest.raises(InputError, match="can't be the name of a job"):
        Statement(a_run(job))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(a_run(), parameters={"rows": 2**53}),
        replace(a_run(), parameters={"ratio": 0.1}),  # type: ignore[dict-item]
        replace(a_run(), started_at=datetime(2026, 3, 1)),  # noqa: DTZ001  # the mistake
        replace(a_run(), metrics=(MetricReading("m", Decimal("NaN"), "USD", "2025-12", "?"),)),
    ],
)
def test_what_json_would_bend_is_refused(wrong: object) -> None:
    with pytest.raises(ProofError, match="can't be written as JSON"):
        Statement(wrong).payload(SEAL)  # type: ignore[arg-type]


class TestEnvelope:
    signer = ProofSigner.generate()

    def sealed(self) -> bytes:
        return seal_envelope(Statement(a_run(), SUBJECTS), SEAL, self.signer)

    def test_it_verifies_with_securesystemslib_alone(self) -> None:
        public = self.signer.public.raw.hex()
        key = SSlibKey(self.signer.public.keyid, "ed25519", "ed25519", {"public": public})
        envelope = Envelope.from_dict(json.loads(self.sealed()))
        assert envelope.verify([key], threshold=1) == {key.keyid: key}
        assert envelope.payload_type == "application/vnd.in-toto+json"
        stranger = ProofSigner.generate().public.sslib
        with pytest.raises(VerificationError):
            envelope.verify([stranger], threshold=1)

    def test_it_opens_and_says_who_signed(self) -> None:
        proof = open_envelope(self.sealed(), [ProofSigner.generate().public, self.signer.public])
        assert proof.signed_by == self.signer.public.keyid
        assert (proof.statement, proof.seal) == (Statement(a_run(), SUBJECTS), SEAL)

    def test_nobody_signed_it_whom_we_trust(self) -> None:
        assert open_envelope(self.sealed(), [ProofSigner.generate().public]).signed_by is None
        assert open_envelope(self.sealed(), []).signed_by is None

    def test_another_statement_under_the_signature_is_nobodys(self) -> None:
        envelope = json.loads(self.sealed())
        other = Statement(a_run(outcome="failed"), SUBJECTS).payload(SEAL)
        envelope["payload"] = base64.b64encode(other).decode()
        assert open_envelope(json.dumps(envelope).encode(), [self.signer.public]).signed_by is None

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"null",
            b"[]",
            b"{}",
            b"\xff\xfe",
            b'{"payload": "", "payloadType": "application/vnd.in-toto+json", "signatures": 3}',
            b'{"payload": "?", "payloadType": "application/vnd.in-toto+json", "signatures": []}',
            b'{"payload": "e30=", "payloadType": "text/plain", "signatures": []}',
            b'{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": []}',
            b'{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [{"keyid": []}]}',
            b"[" * 100_000,
        ],
    )
    def test_what_is_no_proof_is_refused_in_words(self, content: bytes) -> None:
        with pytest.raises(EnvelopeError):
            open_envelope(content, [self.signer.public])

    def test_the_clock_of_a_frozen_run_and_the_real_time_are_both_there(self) -> None:
        proof = open_envelope(self.sealed(), [self.signer.public])
        assert proof.statement.run.clock.frozen
        assert proof.statement.run.clock.time == datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC)
        assert proof.seal.at == START


def test_public_keys_compare_by_what_they_are() -> None:
    signer = ProofSigner.generate()
    assert PublicKey.from_pem(signer.public.pem) == signer.public
    assert repr(signer) == f"ProofSigner(keyid={signer.public.keyid!r})"
