"""What keys of sub-accounts and temporary keys may do, asked through the official SDK."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client, CosServiceError

from penstock.wire.signature import SignedRequest, sign
from tests.api.gated import ROOT, Gated, keys_of_the_past, serve_gated
from tests.api.sending import ALWAYS, read
from tests.api.server import BUCKET, CI_HOST, COS_HOST, OTHER, REGION
from tests.service.access import policy

XML = "application/xml"
BUCKET_RESOURCE = f"qcs::ci:{REGION}:uid/1250000000:bucket/{BUCKET}/*"
Answer = dict[str, Any]


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Gated]:
    """A running server with two empty buckets, and its keys."""
    with serve_gated(tmp_path) as running:
        yield running


def refusal(work: Callable[[], object]) -> tuple[int, str, str]:
    """Status, code and message of a call that is refused."""
    with pytest.raises(CosServiceError) as caught:
        work()
    error = caught.value
    return error.get_status_code(), error.get_error_code(), error.get_error_msg()


def is_denied(work: Callable[[], object]) -> bool:
    """Whether a call is refused for want of permission."""
    return refusal(work)[:2] == (403, "AccessDenied")


def create_workflow(client: CosS3Client) -> str:
    """Store a workflow; its id."""
    node = {"Type": "FileHashCode", "Operation": {"FileHashCodeConfig": {"Type": "MD5"}}}
    topology = {
        "Dependencies": {"Start": "Hash", "Hash": "End"},
        "Nodes": {"Start": {"Type": "Start"}, "Hash": node},
    }
    body = {"MediaWorkflow": {"Name": "sums", "State": "Paused", "Topology": topology}}
    answer = client.ci_create_workflow(Bucket=BUCKET, Body=body, ContentType=XML)
    return str(answer["MediaWorkflow"]["WorkflowId"])


def create_job(client: CosS3Client, operation: Answer, type_: str = "Workflow") -> Answer:
    """Create a batch job."""
    body = {"Name": "n", "Type": type_, "Input": {"Prefix": "in/"}, "Operation": operation}
    answer: Answer = client.ci_create_inventory_trigger_jobs(
        Bucket=BUCKET, JobBody=body, ContentType=XML
    )
    return answer


def list_jobs(client: CosS3Client) -> Answer:
    """List batch jobs."""
    answer: Answer = client.ci_list_inventory_trigger_jobs(Bucket=BUCKET)
    return answer


def folder(path: str, bucket: str = BUCKET) -> str:
    """The resource of some objects, of every region."""
    return f"qcs::cos::uid/1250000000:{bucket}/{path}"


def test_key_that_may_describe_lists_and_does_not_create(gated: Gated) -> None:
    """A sub-account does what its policy allows; a refusal names the action and the resource."""
    client = gated.client_of(policy("ci:Describe*", resource=BUCKET_RESOURCE))

    assert "NextToken" in list_jobs(client)
    assert client.ci_get_workflow(Bucket=BUCKET)["TotalCount"] == "0"
    status, code, message = refusal(lambda: create_workflow(client))
    assert (status, code) == (403, "AccessDenied")
    assert "ci:CreateMediaWorkflow" in message
    assert BUCKET_RESOURCE in message


def test_key_is_bound_to_the_resources_of_its_policy(gated: Gated) -> None:
    """Another bucket, another account and another region than the policy's are refused."""
    for resource in (
        f"qcs::ci:{REGION}:uid/1250000000:bucket/{OTHER}/*",
        f"qcs::ci:{REGION}:uid/1:bucket/{BUCKET}/*",
        f"qcs::ci:ap-elsewhere:uid/1250000000:bucket/{BUCKET}/*",
    ):
        client = gated.client_of(policy("ci:*", resource=resource))
        assert is_denied(lambda client=client: list_jobs(client))  # type: ignore[misc]


def test_explicit_denial_wins(gated: Gated) -> None:
    """Whoever may do everything but one thing may do everything but that."""
    client = gated.client_of(policy("*"), policy("ci:CreateMediaWorkflow", effect="deny"))

    assert "NextToken" in list_jobs(client)
    assert "a policy denies it" in refusal(lambda: create_workflow(client))[2]


def test_address_of_the_client_counts(gated: Gated) -> None:
    """A condition on the address looks at the connection."""
    near = gated.client_of(policy("*", ip_equal={"qcs:ip": "127.0.0.0/8"}))
    far = gated.client_of(policy("*", ip_equal={"qcs:ip": "10.0.0.0/8"}))

    assert "NextToken" in list_jobs(near)
    assert is_denied(lambda: list_jobs(far))


def test_time_and_transport_count(gated: Gated) -> None:
    """Conditions on the time and on TLS are those of the request."""
    soon = gated.client_of(policy("*", date_less_than={"qcs:current_time": "2000-01-01"}))
    safe = gated.client_of(policy("*", bool_equal={"cos:secure-transport": True}))
    plain = gated.client_of(policy("*", bool_equal={"cos:secure-transport": False}))

    assert is_denied(lambda: list_jobs(soon))
    assert is_denied(lambda: list_jobs(safe))
    assert "NextToken" in list_jobs(plain)


@pytest.mark.parametrize("action", ["CreateInventoryTriggerJob", "TriggerMediaWorkflow"])
def test_batch_of_a_workflow_goes_by_two_names(gated: Gated, action: str) -> None:
    """Either action lets a key start a workflow over objects, and a denial of either does not."""
    workflow_id = create_workflow(gated.client())
    allowed = gated.client_of(policy(f"ci:{action}"))
    denied = gated.client_of(policy("*"), policy(f"name/ci:{action}", effect="deny"))
    operation = {"WorkflowIds": workflow_id}

    answer = create_job(allowed, operation)

    assert answer["JobsDetail"][0]["State"] == "Submitted"
    assert is_denied(lambda: create_job(denied, operation))


def test_batch_of_one_operation_goes_by_one_name(gated: Gated) -> None:
    """Who may only trigger workflows may not start a job of an operation."""
    operation = {"Tag": "FileHashCode", "JobParam": {"FileHashCodeConfig": {"Type": "MD5"}}}
    triggering = gated.client_of(policy("ci:TriggerMediaWorkflow"))
    creating = gated.client_of(policy("ci:CreateInventoryTriggerJob"))

    _, _, message = refusal(lambda: create_job(triggering, operation, "Job"))
    answer = create_job(creating, operation, "Job")

    assert "ci:CreateInventoryTriggerJob on" in message
    assert answer["JobsDetail"][0]["Type"] == "Job"


def test_objects_of_one_folder(gated: Gated) -> None:
    """A policy on a folder opens its objects and its listing, and nothing beside it."""
    gated.put("ann/a", "bob/b")
    client = gated.client_of(policy("name/cos:*", resource=folder("ann/*")))

    assert read(client.get_object(Bucket=BUCKET, Key="ann/a")) == b"ann/a"
    assert len(client.list_objects(Bucket=BUCKET, Prefix="ann/")["Contents"]) == 1
    client.put_object(Bucket=BUCKET, Key="ann/new", Body=b"x")
    assert is_denied(lambda: client.get_object(Bucket=BUCKET, Key="bob/b"))
    assert is_denied(lambda: client.put_object(Bucket=BUCKET, Key="bob/b", Body=b"x"))
    assert is_denied(lambda: client.list_objects(Bucket=BUCKET))
    assert is_denied(lambda: client.list_objects(Bucket=BUCKET, Prefix="an"))
    assert (gated.root / BUCKET / "bob/b").read_bytes() == b"bob/b"


def test_folder_of_each_account(gated: Gated) -> None:
    """One policy with a variable gives every sub-account its own folder."""
    gated.put("ann/a", "bob/b")
    client = gated.client_of(policy("cos:GetObject", resource=folder("${uin}/*")))

    assert read(client.get_object(Bucket=BUCKET, Key="ann/a")) == b"ann/a"
    assert is_denied(lambda: client.get_object(Bucket=BUCKET, Key="bob/b"))


def test_many_objects_are_deleted_one_permission_each(gated: Gated) -> None:
    """Deleting many is no way around what may not be deleted alone."""
    gated.put("a", "keep/b", "c")
    client = gated.client_of(
        policy("cos:*"), policy("cos:DeleteObject", effect="deny", resource=folder("keep/*"))
    )
    names = {"Object": [{"Key": "a"}, {"Key": "keep/b"}, {"Key": "c"}]}

    answer = client.delete_objects(Bucket=BUCKET, Delete=names)

    assert [entry["Key"] for entry in answer["Deleted"]] == ["a", "c"]
    (failed,) = answer["Error"]
    assert (failed["Key"], failed["Code"]) == ("keep/b", "AccessDenied")
    assert (gated.root / BUCKET / "keep/b").exists()


def test_copy_needs_permission_to_read(gated: Gated) -> None:
    """Who may write does not read by copying, whole or in part, from any bucket."""
    (gated.root / OTHER / "secret").write_bytes(b"hidden")
    gated.put("mine")
    client = gated.client_of(policy("cos:*", resource=folder("*")))
    other = {"Bucket": OTHER, "Key": "secret", "Region": REGION}

    def copy_part() -> None:
        upload = client.create_multipart_upload(Bucket=BUCKET, Key="big")["UploadId"]
        client.upload_part_copy(
            Bucket=BUCKET, Key="big", PartNumber=1, UploadId=upload, CopySource=other
        )

    client.copy_object(
        Bucket=BUCKET, Key="copy", CopySource={**other, "Bucket": BUCKET, "Key": "mine"}
    )
    assert is_denied(lambda: client.copy_object(Bucket=BUCKET, Key="x", CopySource=other))
    assert is_denied(copy_part)
    assert (gated.root / BUCKET / "copy").read_bytes() == b"mine"
    assert not (gated.root / BUCKET / "x").exists()


def test_calls_on_the_account_need_a_star(gated: Gated) -> None:
    """A policy on every resource by name does not cover a call on the whole account."""
    named = gated.client_of(policy("cos:*", resource="qcs::cos::uid/*:*"))
    starred = gated.client_of(policy("cos:GetService"))

    for client in (named, starred):
        client.get_conf()._service_domain = f"127.0.0.1:{gated.port}"
        client.get_conf()._domain = f"service.cos.{REGION}.myqcloud.com"  # the Host header
    assert len(starred.list_buckets()["Buckets"]["Bucket"]) == 2
    assert refusal(named.list_buckets)[2].endswith(
        "may not cos:GetService on *: no policy allows it"
    )


def test_temporary_key_comes_in_with_its_token(gated: Gated) -> None:
    """The SDK's `Token=` goes with CI calls and object calls, in a header of its own each."""
    made = gated.keys.make_temporary(
        gated.keys.make("ann", [policy("*")]).secret_id, lifetime_seconds=600
    )
    client = gated.client(made)

    assert "NextToken" in list_jobs(client)
    client.put_object(Bucket=BUCKET, Key="k", Body=b"hello")
    assert read(client.get_object(Bucket=BUCKET, Key="k")) == b"hello"


def test_temporary_key_without_its_token_is_refused(gated: Gated) -> None:
    """A missing token, another one, and one with a lasting key have a code of their own."""
    lasting = gated.keys.make("ann", [policy("*")])
    made = gated.keys.make_temporary(lasting.secret_id, lifetime_seconds=600)

    for client in (
        gated.client(made, token=""),
        gated.client(made, token="wrong"),
        gated.client(lasting, token=made.token),
    ):
        status, code, message = refusal(lambda client=client: list_jobs(client))  # type: ignore[misc]
        assert (status, code) == (401, "AccessDenied")
        assert "token" in message
        assert made.token not in message


def test_temporary_key_is_narrowed_by_its_own_policy(gated: Gated) -> None:
    """It may do what both its parent's policies and its own allow."""
    parent = gated.keys.make("ann", [policy("ci:*")])
    made = gated.keys.make_temporary(
        parent.secret_id, lifetime_seconds=600, policies=[policy("ci:Describe*", "cos:*")]
    )
    client = gated.client(made)

    assert "NextToken" in list_jobs(client)
    assert is_denied(lambda: create_workflow(client))
    assert is_denied(lambda: client.list_objects(Bucket=BUCKET))


def test_temporary_key_ends(gated: Gated) -> None:
    """After its end a temporary key is told to be expired."""
    parent = gated.keys.make("ann", [policy("*")]).secret_id
    with keys_of_the_past(gated.settings, seconds=60) as keys:
        client = gated.client(keys.make_temporary(parent, lifetime_seconds=50))
        alive = gated.client(keys.make_temporary(parent, lifetime_seconds=600))

    assert "NextToken" in list_jobs(alive)
    assert refusal(lambda: list_jobs(client))[:2] == (400, "ExpiredToken")


@pytest.mark.parametrize("name", ["x-cos-security-token", "x-ci-security-token"])
def test_presigned_url_of_a_temporary_key(gated: Gated, name: str) -> None:
    """A URL that the SDK signs with a temporary key works with the token among its parameters."""
    gated.put("k")
    parent = gated.keys.make("ann", [policy("cos:GetObject")])
    made = gated.keys.make_temporary(parent.secret_id, lifetime_seconds=600)
    client = gated.client(made)
    client.get_conf()._ip = None  # so that the SDK signs for the bucket's own host
    headers = {"Host": CI_HOST}

    def sign_url(**params: str) -> str:
        url: str = client.get_presigned_url(Bucket=BUCKET, Key="k", Method="GET", Params=params)
        return re.sub("^http://[^/]+", f"http://127.0.0.1:{gated.port}", url)

    signed = requests.get(sign_url(**{name: made.token}), headers=headers, timeout=20)
    appended = requests.get(f"{sign_url()}&{name}={made.token}", headers=headers, timeout=20)
    without = requests.get(sign_url(), headers=headers, timeout=20)

    assert (signed.status_code, signed.content) == (200, b"k")
    assert appended.status_code == 200
    assert without.status_code == 401
    assert "<Code>AccessDenied</Code>" in without.text


def test_rotated_key(gated: Gated) -> None:
    """A new secret counts at once; the old one does not, but for the grace that was given."""
    first = gated.keys.make("ann", [policy("*")])
    old = gated.client(first)
    assert "NextToken" in list_jobs(old)

    second = gated.keys.rotate(first.secret_id)
    third = gated.keys.rotate(first.secret_id, grace_seconds=600)

    for secret in (second, third):
        assert "NextToken" in list_jobs(gated.client(secret))
    assert refusal(lambda: list_jobs(old))[:2] == (401, "InvalidAuthorization")


def test_key_revoked_while_the_server_runs(gated: Gated) -> None:
    """The next call of a revoked key is refused, and so is that of a temporary key from it."""
    key = gated.keys.make("ann", [policy("*")])
    made = gated.keys.make_temporary(key.secret_id, lifetime_seconds=600)
    clients = [gated.client(key), gated.client(made)]
    assert all("NextToken" in list_jobs(client) for client in clients)

    gated.keys.revoke(key.secret_id)

    for client in clients:
        refused = refusal(lambda client=client: list_jobs(client))  # type: ignore[misc]
        assert refused[:2] == (401, "SecretidNotExist")


def test_temporary_key_of_the_root(gated: Gated) -> None:
    """The root key, which no table has, makes temporary keys that may do everything."""
    with keys_of_the_past(gated.settings, seconds=0) as keys:
        made = keys.make_temporary(ROOT.secret_id, lifetime_seconds=600)

    assert create_workflow(gated.client(made))


def test_unsigned_token_header_is_accepted(gated: Gated) -> None:
    """Some SDKs add the token after signing."""
    parent = gated.keys.make("ann", [policy("cos:GetObject")])
    made = gated.keys.make_temporary(parent.secret_id, lifetime_seconds=600)
    gated.put("k")
    request = SignedRequest(method="GET", path="/k", headers=[("host", COS_HOST)])
    signature = sign(request, made.secret_id, made.secret_key, ALWAYS)

    answer = requests.get(
        f"http://127.0.0.1:{gated.port}/k",
        headers={
            "Host": COS_HOST,
            "Authorization": signature.header,
            "x-cos-security-token": made.token,
        },
        timeout=20,
    )

    assert (answer.status_code, answer.content) == (200, b"k")
