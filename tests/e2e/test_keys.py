"""`penstock keys` beside a running server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from qcloud_cos import CosConfig, CosS3Client, CosServiceError

from tests.e2e.raw import authorization, send
from tests.e2e.servers import ACCESS_KEY, ACCESS_KEY_ID, BUCKET, PROGRAM, REGION, Server

Answer = dict[str, Any]


def keys(server: Server, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `penstock keys` on the data folder of a server."""
    command = [*PROGRAM, "keys", *map(str, words), "--data", str(server.data)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def answer_of(server: Server, *words: str | Path) -> Any:  # noqa: ANN401  # any JSON
    """What `penstock keys` prints as JSON when all goes well."""
    done = keys(server, *words, "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def client_of(server: Server, key: Answer) -> CosS3Client:
    """The SDK with a key as it was printed."""
    config = CosConfig(
        Region=REGION,
        SecretId=key["secret_id"],
        SecretKey=key["secret_key"],
        Token=key.get("token"),
        Scheme="http",
        IP="127.0.0.1",
        Port=server.port,
    )
    return CosS3Client(config, retry=0)


def code_of(client: CosS3Client) -> str:
    """The code of a call that lists workflows; empty when it is answered."""
    try:
        client.ci_get_workflow(Bucket=BUCKET)
    except CosServiceError as error:
        return str(error.get_error_code())
    return ""


def write_policy(path: Path, *actions: str, **condition: object) -> Path:
    """A policy that allows actions on everything."""
    statement = {"effect": "allow", "action": actions, "resource": "*", "condition": condition}
    path.write_text(json.dumps({"version": "2.0", "statement": [statement]}))
    return path


@pytest.mark.slow
def test_keys_change_while_the_server_runs(folder_server: Server, tmp_path: Path) -> None:
    """Each command counts with the next request, and no secret is shown or logged again."""
    policy = write_policy(tmp_path / "policy.json", "ci:Describe*")
    key = answer_of(folder_server, "make", "ann")
    client = client_of(folder_server, key)
    codes = [code_of(client)]

    assert keys(folder_server, "policy", key["secret_id"], "--policy", policy).returncode == 0
    codes.append(code_of(client))
    temporary = answer_of(folder_server, "token", key["secret_id"], "--lifetime", "600")
    codes.append(code_of(client_of(folder_server, temporary)))
    rotated = answer_of(folder_server, "rotate", key["secret_id"])
    codes += [code_of(client), code_of(client_of(folder_server, rotated))]
    shown = keys(folder_server, "show", key["secret_id"])
    listed = keys(folder_server, "list")
    assert keys(folder_server, "revoke", key["secret_id"]).returncode == 0
    codes += [code_of(client_of(folder_server, one)) for one in (rotated, temporary)]

    assert codes == [
        *("AccessDenied", "", "", "InvalidAuthorization", ""),
        *("SecretidNotExist", "SecretidNotExist"),
    ]
    assert '"ci:Describe*"' in shown.stdout
    assert [line.split()[0] for line in listed.stdout.splitlines()][:1] == ["secret_id"]
    told = shown.stdout + listed.stdout + folder_server.log()
    content = b"".join(path.read_bytes() for path in folder_server.data.glob("penstock.db*"))
    for secret in (key["secret_key"], rotated["secret_key"], *_secrets(temporary)):
        assert secret not in told
        assert secret.encode() not in content
    states = {row["secret_id"]: row["state"] for row in answer_of(folder_server, "list")}
    assert states[key["secret_id"]] == states[temporary["secret_id"]] == "Revoked"


@pytest.mark.slow
def test_address_is_that_of_the_connection(folder_server: Server, tmp_path: Path) -> None:
    """What a client says of its address in a header counts for nothing."""
    policy = write_policy(tmp_path / "policy.json", "*", ip_equal={"qcs:ip": "192.0.2.0/24"})
    key = answer_of(folder_server, "make", "ann", "--policy", policy)
    signed = authorization(
        "GET", "/workflow", secret_id=key["secret_id"], secret=key["secret_key"]
    )

    answer = send(
        folder_server, "GET", "/workflow", headers={**signed, "X-Forwarded-For": "192.0.2.7"}
    )

    assert (answer.status, answer.code) == (403, "AccessDenied")


@pytest.mark.slow
def test_keys_tell_faults(folder_server: Server, tmp_path: Path) -> None:
    """Bad input ends with 2 and names every fault; nothing is printed as data."""
    (tmp_path / "policy.json").write_text('{"version": "1.0"}')

    faulty = keys(folder_server, "make", "a b", "--policy", tmp_path / "policy.json")
    missing = keys(folder_server, "make", "ann", "--policy", tmp_path / "none.json")
    unknown = keys(folder_server, "show", "AKIDnobody")

    for done in (faulty, missing, unknown):
        assert (done.returncode, done.stdout) == (2, "")
    assert len(faulty.stderr.splitlines()) == 3
    assert "cannot read the policy" in missing.stderr
    assert "'AKIDnobody'" in unknown.stderr


def _secrets(key: Answer) -> tuple[str, str]:
    return key["secret_key"], key["token"]


@pytest.mark.slow
def test_root_makes_temporary_keys_where_it_is_known(
    folder_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the root key in the environment, as the server has it, the root can be the parent."""
    without = keys(folder_server, "token", ACCESS_KEY_ID)
    monkeypatch.setenv("PENSTOCK_SECRET_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("PENSTOCK_SECRET_KEY", ACCESS_KEY)

    made = answer_of(folder_server, "token", ACCESS_KEY_ID)

    assert without.returncode == 2
    assert code_of(client_of(folder_server, made)) == ""
