"""Where keys come from, where they may not lie, and whose signatures count."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretStr

from sophia_kit.core.errors import ConfigError, DefinitionError
from sophia_kit.core.settings import Settings
from sophia_kit.proofs import ProofSigner, PublicKey, Trust, TrustedKey, ensure_signer, load_trust, new_key_file

PRIVATE = Ed25519PrivateKey.generate()
PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    root = tmp_path / "project"
    (root / "proofs").mkdir(parents=True)

    def make(**values: object) -> Settings:
        return Settings(**{"root": root, "keys_dir": tmp_path / "config" / "keys", **values})  # type: ignore[arg-type]

    return make


MakeSettings = Callable[..., Settings]


class TestMachineKeys:
    def test_a_key_is_made_on_first_use_for_its_owner_alone_and_kept(self, settings: MakeSettings) -> None:
        signer = ensure_signer(settings())
        (key,) = settings().key_folder.iterdir()
        assert key.name == "local.pem"
        assert key.stat().st_mode & 0o777 == 0o600
        assert key.parent.stat().st_mode & 0o777 == 0o700
        assert ensure_signer(settings()).public == signer.public

    def test_each_trail_has_its_own(self, settings: MakeSettings) -> None:
        assert ensure_signer(settings()).public != ensure_signer(settings(workspace="demo")).public

    def test_a_folder_inside_the_project_is_refused(self, settings: MakeSettings) -> None:
        root = settings().root
        for inside in (root / "keys", root, root / "x" / ".." / "keys"):
            with pytest.raises(ConfigError, match="inside the project") as refused:
                ensure_signer(settings(keys_dir=inside))
            assert "SOPHIA_KEYS_DIR" in str(refused.value.hint)
        assert not (root / "keys").exists()

    def test_a_link_out_of_which_the_key_would_fall_into_the_project_is_refused(
        self, settings: MakeSettings, tmp_path: Path
    ) -> None:
        (tmp_path / "link").symlink_to(settings().root)
        with pytest.raises(ConfigError, match="inside the project"):
            ensure_signer(settings(keys_dir=tmp_path / "link"))

    def test_a_key_that_others_can_read_is_refused(self, settings: MakeSettings) -> None:
        ensure_signer(settings())
        path = settings().key_folder / "local.pem"
        path.chmod(0o640)
        with pytest.raises(ConfigError, match=r"can be read by others \(mode 640\)") as refused:
            ensure_signer(settings())
        assert refused.value.hint == f"Make it private: chmod 600 {path}"

    def test_a_damaged_key_is_said_to_be_and_not_replaced(self, settings: MakeSettings) -> None:
        ensure_signer(settings())
        path = settings().key_folder / "local.pem"
        path.write_text("garbage")
        with pytest.raises(ConfigError, match=r"local\.pem: not a private key in PEM form"):
            ensure_signer(settings())
        assert path.read_text() == "garbage"

    def test_processes_that_make_the_key_at_once_get_the_same(self, settings: MakeSettings) -> None:
        program = (
            "import sys; from pathlib import Path; from sophia_kit.core.settings import Settings\n"
            "from sophia_kit.proofs import ensure_signer\n"
            "settings = Settings(root=Path(sys.argv[1]), keys_dir=Path(sys.argv[2]))\n"
            "print('ready', flush=True); sys.stdin.readline()\n"
            "print(ensure_signer(settings).public.keyid)"
        )
        command = [sys.executable, "-c", program, str(settings().root), str(settings().key_folder)]
        racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        ids = {racer.communicate(timeout=60)[0].strip() for racer in racers}
        assert ids == {ensure_signer(settings()).public.keyid}
        assert [path.name for path in settings().key_folder.iterdir()] == ["local.pem"]


class TestTheKeyOfCI:
    def test_it_comes_from_the_setting_and_is_written_nowhere(self, settings: MakeSettings) -> None:
        chosen = settings(proof_key=SecretStr(PEM))
        assert chosen.origin == "ci"
        assert ensure_signer(chosen).public == PublicKey.of(PRIVATE.public_key())
        assert not chosen.key_folder.exists()

    @pytest.mark.parametrize(
        ("pem", "says"),
        [
            ("", "not a private key"),
            ("SECRETSECRET", "not a private key"),
            (PEM[: len(PEM) // 2], "not a private key"),
            (ProofSigner(PRIVATE).public.pem, "not a private key"),
            (
                PRIVATE.private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"SECRETSECRET")
                ).decode(),
                "encrypted with a password",
            ),
            (
                ec.generate_private_key(ec.SECP256R1())
                .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                .decode(),
                "not an Ed25519 one",
            ),
        ],
        ids=["empty", "text", "cut off", "public", "encrypted", "other kind"],
    )
    def test_a_malformed_one_is_refused_without_being_shown(self, settings: MakeSettings, pem: str, says: str) -> None:
        with pytest.raises(ConfigError, match=says) as refused:
            ensure_signer(settings(proof_key=SecretStr(pem)))
        assert refused.value.message.startswith("SOPHIA_PROOF_KEY: ")
        assert "keygen" in str(refused.value.hint)
        assert "SECRETSECRET" not in str(refused.value.problem())


class TestNewKeyFile:
    def test_it_is_private_and_usable(self, tmp_path: Path) -> None:
        path = tmp_path / "ci.pem"
        public = new_key_file(path, root=tmp_path / "project")
        assert path.stat().st_mode & 0o777 == 0o600
        assert ProofSigner.from_pem(path.read_text(), where="here").public == public

    def test_it_never_lies_in_the_project_nor_replaces_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="inside the project"):
            new_key_file(tmp_path / "project" / "ci.pem", root=tmp_path / "project")
        (tmp_path / "taken").write_text("mine")
        with pytest.raises(ConfigError, match="exists already"):
            new_key_file(tmp_path / "taken", root=tmp_path / "project")
        assert (tmp_path / "taken").read_text() == "mine"
        with pytest.raises(ConfigError, match="doesn't exist"):
            new_key_file(tmp_path / "nowhere" / "ci.pem", root=tmp_path / "project")


class TestTrust:
    key = ProofSigner(PRIVATE).public

    def write(self, settings: Settings, content: object) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (settings.proofs_dir / "trust.json").write_text(text)

    def entry(self, **changes: object) -> dict[str, object]:
        return {**TrustedKey("ci", self.key).entry(), "added": "2026-11-21", "note": "CI of main", **changes}

    def test_the_file_names_the_project_and_its_keys(self, settings: MakeSettings) -> None:
        self.write(settings(), {"project": "acme", "keys": [self.entry()]})
        trust = load_trust(settings())
        assert trust.keys_of("ci") == (self.key,)
        assert trust.keys_of("local") == ()
        assert trust.log_name("ci") == "sophia-kit/acme/ci"

    def test_without_the_file_nobody_is_trusted(self, settings: MakeSettings) -> None:
        assert load_trust(settings()) == Trust("unnamed")

    def test_this_machines_keys_count_for_its_own_trails_only(self, settings: MakeSettings) -> None:
        local = ensure_signer(settings()).public
        demo = ensure_signer(settings(workspace="demo")).public
        trust = load_trust(settings(proof_key=SecretStr(PEM)))
        assert trust.keys_of("local") == (local,)
        assert trust.keys_of("demo") == (demo,)
        assert trust.keys_of("ci") == ()

    def test_reading_makes_no_key(self, settings: MakeSettings) -> None:
        load_trust(settings())
        assert not settings().key_folder.exists()

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("{", "Invalid JSON"),
            ({"keys": []}, "project: Field required"),
            ({"project": "a b"}, "project: "),
            ({"project": "acme", "kyes": []}, "kyes: Extra inputs"),
        ],
    )
    def test_a_malformed_file_is_located(self, settings: MakeSettings, content: object, says: str) -> None:
        self.write(settings(), content)
        with pytest.raises(DefinitionError, match=r"trust\.json: " + says):
            load_trust(settings())

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"public_key": "garbage"}, r"keys\.1\.public_key: not a public key"),
            ({"keyid": "00"}, r"keys\.1\.keyid: 00 is not the id"),
            ({"origin": "../x"}, r"keys\.1\.origin"),
            ({"added": "yesterday"}, r"keys\.1\.added"),
        ],
    )
    def test_a_wrong_entry_is_located(self, settings: MakeSettings, changes: dict[str, object], says: str) -> None:
        self.write(settings(), {"project": "acme", "keys": [self.entry(), self.entry(**changes)]})
        with pytest.raises(DefinitionError, match=says):
            load_trust(settings())

    def test_the_repositorys_own_file_is_well_formed(self) -> None:
        file = Path(__file__).resolve().parents[2] / "proofs" / "trust.json"
        assert Trust.read(file).project == "sophia-kit"
