import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api.hosts import Address, Service, is_object_call, resolve_host, split_target
from penstock.wire.signature import Pairs

B = "demo-1250000000"
ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        (f"{B}.ci.ap-chongqing.myqcloud.com", Address(B, Service.CI, "ap-chongqing")),
        (f"{B}.cos.ap-x.myqcloud.com:8080", Address(B, Service.COS, "ap-x")),
        (f"{B}.pic.local", Address(B, Service.PIC, "local")),
        (f"{B.upper()}.COS.Local.", Address(B, Service.COS, "local")),
        (f"{B}.cos-internal.ap-x.tencentcos.cn", Address(B, Service.COS, "ap-x")),
        ("photos.cos.local", Address("photos", Service.COS, "local")),
        ("my.photos.cos.local", Address("my.photos", Service.COS, "local")),
        ("ci.ap-chongqing.myqcloud.com", Address(None, Service.CI, "ap-chongqing")),
        ("service.cos.myqcloud.com", Address(None, Service.COS, "myqcloud")),
        ("other-1250000000.localhost:9", Address("other-1250000000", Service.NONE, "")),
        ("127.0.0.1:8080", Address("default", Service.NONE, "")),
        ("[::1]:8080", Address("default", Service.NONE, "")),
        ("::1", Address("default", Service.NONE, "")),
        ("localhost", Address("default", Service.NONE, "")),
        ("node-1.example.com", Address("default", Service.NONE, "")),
        ("cos.", Address("default", Service.NONE, "")),
        ("", Address("default", Service.NONE, "")),
    ],
)
def test_host_names_bucket_service_and_region(host: str, address: Address) -> None:
    """The vendor's host names are taken apart; any other stands for the default bucket."""
    assert resolve_host(host, "default") == address


@given(host=st.text(max_size=40))
def test_host_of_any_kind_is_resolved(host: str) -> None:
    """No Host header makes it fail."""
    assert resolve_host(host, None).region == resolve_host(host, "b").region


@pytest.mark.parametrize(
    ("raw_path", "expected"),
    [
        (b"/a/b", (b"/a/b", "sent")),
        (b"//a//b", (b"//a//b", "sent")),
        (b"/http://x/y", (b"/http://x/y", "sent")),
        (b"http://real:80/a//b", (b"/a//b", "real:80")),
        (b"http://real", (b"/", "real")),
        (b"*", (b"*", "sent")),
    ],
)
def test_target_in_absolute_form(raw_path: bytes, expected: tuple[bytes, str]) -> None:
    """A target in absolute form brings its own host; a path stays as it is."""
    assert split_target(raw_path, "sent") == expected


CI_CALLS = [
    ("POST", "/inventorytriggerjob"),
    ("GET", "/inventorytriggerjob"),
    ("GET", f"/inventorytriggerjob/b{ID}"),
    ("PUT", "/inventorytriggerjob/anything"),
    ("POST", "/triggerworkflow/"),
    ("GET", f"/workflowexecution/i{ID}="),
    ("DELETE", f"/workflow/w{ID}"),
    ("GET", f"/jobs/j{ID},j{ID}"),
    ("POST", "/pic_jobs"),
    ("GET", "/queue"),
    ("PUT", f"/queue/p{ID}"),
    ("GET", "/docqueue"),
    ("POST", "/mediabucket"),
    ("DELETE", "/file_bucket"),
    ("GET", "/cibuckets"),
    ("PUT", f"/template/t{ID}/"),
]
OBJECT_CALLS = [
    ("PUT", "/jobs"),
    ("DELETE", "/jobs"),
    ("HEAD", "/jobs"),
    ("GET", "/jobs/a.jpg"),
    ("PUT", "/jobs/a.jpg"),
    ("GET", "/jobs/2024/a"),
    ("GET", "/jobs//a"),
    ("POST", f"/jobs/j{ID}"),
    ("GET", "/triggerworkflow"),
    ("GET", "/mediabucket/a"),
    ("GET", "/photos/jobs"),
    ("GET", "//jobs"),
    ("GET", "/JOBS"),
    ("PUT", "/a.jpg"),
]


def address(service: Service) -> Address:
    """A bucket under one of the vendor's hosts, or a bare one."""
    return Address(B, service, "")


@pytest.mark.parametrize("service", list(Service))
@pytest.mark.parametrize(("method", "path"), CI_CALLS)
def test_paths_of_ci_are_ci_calls_under_every_host(
    service: Service, method: str, path: str
) -> None:
    """The Python SDK sends CI calls to the object host as well."""
    assert not is_object_call(address(service), method, path)


@pytest.mark.parametrize("service", list(Service))
@pytest.mark.parametrize(("method", "path"), OBJECT_CALLS)
def test_other_paths_are_object_calls_under_every_host(
    service: Service, method: str, path: str
) -> None:
    """And it sends object calls to the CI host."""
    assert is_object_call(address(service), method, path)


@pytest.mark.parametrize(
    "path", ["/jobs/readme", "/workflow/Photo", "/queue/x-y", "/template/zoo"]
)
def test_everyday_names_need_an_id_under_the_object_host(path: str) -> None:
    """Under `cos.` only what looks like an id is one, unless a CI parameter says so."""
    assert is_object_call(address(Service.COS), "PUT", path)
    assert not is_object_call(address(Service.CI), "PUT", path)
    assert not is_object_call(address(Service.COS), "PUT", path, (("cancel", ""),))


@pytest.mark.parametrize(
    ("method", "query", "headers"),
    [
        ("GET", (), (("range", "bytes=0-"),)),
        ("GET", (("response-content-type", "text/plain"),), ()),
        ("GET", (("uploadId", "u1"),), ()),
        ("POST", (("uploads", ""),), ()),
        ("POST", (("delete", ""),), ()),
        ("PUT", (), (("x-cos-copy-source", "other"),)),
    ],
)
def test_marks_of_object_calls_outdo_the_path(method: str, query: Pairs, headers: Pairs) -> None:
    """What only object calls have settles the matter, so that every object can be reached."""
    path = "/jobs" if method != "PUT" else f"/jobs/j{ID}"

    assert is_object_call(address(Service.CI), method, path, query, headers)


@pytest.mark.parametrize(
    ("service", "method", "query", "is_object"),
    [
        (Service.PIC, "GET", (), False),
        (Service.PIC, "PUT", (("unbind", ""),), False),
        (Service.CI, "GET", (), False),
        (Service.CI, "GET", (("prefix", ""), ("max-keys", "10")), True),
        (Service.CI, "PUT", (), False),
        (Service.CI, "HEAD", (), True),
        (Service.NONE, "GET", (), True),
        (Service.NONE, "PUT", (), False),
        (Service.COS, "GET", (), True),
        (Service.COS, "PUT", (), True),
    ],
)
def test_root_binds_or_lists(
    service: Service,
    method: str,
    query: Pairs,
    is_object: bool,  # noqa: FBT001  # pytest's
) -> None:
    """`/` is about the binding under CI's hosts, and about the objects under the others."""
    assert is_object_call(address(service), method, "/", query) is is_object
