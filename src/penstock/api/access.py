"""What a call means to policies: its resource and the facts that conditions look at."""

from collections.abc import Callable
from dataclasses import dataclass

from penstock.api.requests import Call
from penstock.domain.policies import AccessRequest, Resource

# Calls on the account and not on one bucket; only the resource `*` covers them.
_ACCOUNT_ACTIONS = frozenset(
    (
        "cos:GetService",
        "ci:DescribeMediaBuckets",
        "ci:DescribeAsrBuckets",
        "ci:DescribeCIBuckets",
        "ci:DescribeAIProcessBuckets",
        "ci:DescribeFileProcessBuckets",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Asks whether the key that signed a call may do what the call is for.

    Attributes:
        check: Raises unless a key, by its secret id, may do what is asked. May block.
        region: What stands for the region of a host that names none.
    """

    check: Callable[[str, AccessRequest], None]
    region: str

    def authorize(self, call: Call, actions: tuple[str, ...]) -> None:
        """Let a call go on that may do one of the actions, or refuse; blocks as `check` does.

        Raises:
            AccessDeniedError: It may not.
        """
        request = AccessRequest(
            actions=actions, resource=self._resource(call, actions[0]), context=_context(call)
        )
        self.check(call.secret_id, request)

    def _resource(self, call: Call, action: str) -> Resource | None:
        bucket = call.address.bucket
        if bucket is None or action in _ACCOUNT_ACTIONS:
            return None
        service = action.partition(":")[0]
        app_id = bucket.rpartition("-")[2]
        return Resource(
            service=service,
            region=call.address.region or self.region,
            app_id=app_id if app_id.isdecimal() else "",
            path=f"bucket/{bucket}/*" if service == "ci" else f"{bucket}/{_key(call)}",
        )


def _key(call: Call) -> str:
    """The object; for a listing the prefix, so that a policy can open a folder alone."""
    return call.key or _exact(call, "prefix")


def _context(call: Call) -> dict[str, tuple[str, ...]]:
    facts = {
        "qcs:ip": call.client,
        "cos:secure-transport": str(call.is_secure).lower(),
        "cos:prefix": _exact(call, "prefix"),
        "cos:max-keys": call.argument("max-keys"),
        "cos:content-type": call.header("content-type"),
        "cos:content-length": call.header("content-length"),
    }
    return {name: (value,) for name, value in facts.items() if value}


def _exact(call: Call, name: str) -> str:
    return next((value for key, value in call.query if key == name), "")
