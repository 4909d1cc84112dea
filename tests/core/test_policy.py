"""Law 5: what isn't on the list of reads is refused, however it is dressed up."""

from __future__ import annotations

import pytest

from sophia_kit.core.errors import PolicyRefused
from sophia_kit.core.policy import READS, RequestPolicy, Rule

DATA = "/services/data/v66.0"
READING = [
    ("POST", "/services/oauth2/token"),
    ("GET", f"{DATA}/queryAll?q=SELECT+Id+FROM+Account"),
    ("GET", f"{DATA}/queryAll/01g000000000001-2000"),
    ("GET", f"{DATA}/query?q=SELECT+Id+FROM+Account"),
    ("GET", f"{DATA}/query/01g000000000001-2000"),
    ("GET", f"{DATA}/sobjects/Account/describe"),
    ("GET", f"{DATA}/limits"),
    ("HEAD", f"{DATA}/limits"),
    ("OPTIONS", f"{DATA}/limits"),
    ("get", f"{DATA}/limits"),
]
WRITING_BY_GET = [
    "/services/oauth2/revoke?token=x",
    f"{DATA}/tooling/executeAnonymous/?anonymousBody=delete+accounts",
    f"{DATA}/tooling/executeAnonymous?anonymousBody=delete+accounts",
    "/services/apexrest/anything",
    "/secur/logout.jsp",
    "/services/oauth2/token?grant_type=refresh_token",
]


@pytest.mark.parametrize(("method", "target"), READING)
def test_a_listed_read_passes(method: str, target: str) -> None:
    rule = RequestPolicy("salesforce").check(method, target, ["Accept", "Authorization"])
    assert rule in READS


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "TRACE", "MERGE", "Delete", "G\u0415T", ""]
)
@pytest.mark.parametrize(("permitted", "target"), READING)
def test_every_other_method_is_refused_on_every_path(permitted: str, target: str, method: str) -> None:
    if method == permitted:
        target = target.replace("/token", "/authorize")
    with pytest.raises(PolicyRefused):
        RequestPolicy("salesforce").check(method, target)


@pytest.mark.parametrize("target", WRITING_BY_GET)
def test_a_get_that_changes_something_is_refused(target: str) -> None:
    with pytest.raises(PolicyRefused):
        RequestPolicy("salesforce").check("GET", target)


@pytest.mark.parametrize(
    "header",
    [
        "X-HTTP-Method-Override",
        "x-http-method-override",
        "X_HTTP_METHOD_OVERRIDE",
        "X-HTTP-Method",
        "X-Method-Override",
        "X-Original-Method",
        "X-Original-URL",
        "X-Rewrite-URL",
    ],
)
@pytest.mark.parametrize(("method", "target"), READING)
def test_a_header_that_changes_the_method_is_refused(method: str, target: str, header: str) -> None:
    with pytest.raises(PolicyRefused, match="header"):
        RequestPolicy("salesforce").check(method, target, ["Accept", header])


@pytest.mark.parametrize(
    "parameter",
    ["_HttpMethod=PATCH", "_method=delete", "_METHOD", "%5Fmethod=PUT", "a=b;_method=PUT", "X-HTTP-Method=PUT"],
)
@pytest.mark.parametrize(("method", "target"), READING)
def test_a_query_parameter_that_changes_the_method_is_refused(method: str, target: str, parameter: str) -> None:
    glue = "&" if "?" in target else "?"
    with pytest.raises(PolicyRefused, match="query parameter"):
        RequestPolicy("salesforce").check(method, target + glue + parameter)


FORM, JSON = "application/x-www-form-urlencoded", "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (FORM, b"grant_type=refresh_token&_method=DELETE"),
        (FORM, b"_METHOD"),
        (FORM, b"a=b;%5Fmethod=PUT"),
        (FORM, b"X-HTTP-Method-Override=PUT"),
        (FORM, b"a=\xff"),
        (JSON, b'{"filter": {}, "_method": "DELETE"}'),
        (JSON, b'{"\\u005fmethod": "DELETE"}'),
        (JSON, b'[{"_method": "DELETE"}]'),
        (JSON, b"_method=DELETE"),
        (JSON, b"{" * 100_000),
        ("", b"_method=DELETE"),
        ("text/plain", b"_method=DELETE"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="_method"\r\n\r\nPUT\r\n--x--',
        ),
    ],
)
def test_a_body_that_changes_the_method_or_can_t_be_read_is_refused(kind: str, content: bytes) -> None:
    with pytest.raises(PolicyRefused, match="body"):
        RequestPolicy("salesforce").check_body("POST", "/services/oauth2/token", (), kind, content)


@pytest.mark.parametrize(("kind", "content"), [(FORM, b"grant_type=x"), (JSON, b'{"a": {"_method": 1}}'), ("", b"")])
def test_a_body_that_only_asks_passes(kind: str, content: bytes) -> None:
    RequestPolicy("salesforce").check_body("POST", "/services/oauth2/token", (), kind, content)


def test_what_is_read_by_get_has_no_body() -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        RequestPolicy("salesforce").check_body(method, f"{DATA}/limits", (), "", b"")
        with pytest.raises(PolicyRefused, match="it has a body"):
            RequestPolicy("salesforce").check_body(method, f"{DATA}/limits", (), JSON, b"{}")


@pytest.mark.parametrize(
    "path",
    [
        "/services/oauth2/token/../../data/v66.0/sobjects/Account",
        "/services/oauth2/./token",
        "/services//oauth2/token",
        "//services/oauth2/token",
        "/services/oauth2/token/",
        "/services/oauth2/%2e%2e/oauth2/token",
        "/services/oauth2/token%2F..%2Frevoke",
        "/services/oauth2%2Ftoken",
        "/services/oauth2/token%252Frevoke",
        "/services/oauth2/token;/../revoke",
        "/services/oauth2/token%3Fx",
        "/services/oauth2\\token",
        "/services/oauth2/token%5C..",
        "/services/oauth2/token%00",
        "/services/oauth2/token%0d%0aX-HTTP-Method: PUT",
        "/services/oauth2/token%ff",
        "/services/oauth2/token?x=\n",
        "/services/oauth2/t\u043eken",
        "/SERVICES/oauth2/token",
        "services/oauth2/token",
        "https://example.com/services/oauth2/token",
        "*",
        "",
        "/",
    ],
)
def test_an_ambiguous_path_is_refused(path: str) -> None:
    with pytest.raises(PolicyRefused):
        RequestPolicy("salesforce").check("POST", path)


def test_a_template_stands_for_exactly_one_segment() -> None:
    policy = RequestPolicy("salesforce")
    assert policy.check("GET", f"{DATA}/sobjects/Account%20x/describe").path.endswith("{object}/describe")
    for path in (
        "/sobjects/describe",
        "/sobjects/Account/Id/describe",
        "/sobjects/Account",
        "/sobjects/Account/describe/x",
    ):
        with pytest.raises(PolicyRefused):
            policy.check("GET", DATA + path)


@pytest.mark.parametrize(
    "name", ["%2e%2e", "%252e%252e", "a%2Fb", "a%252Fb", "a%5Cb", "a;b", "a%3Bb", "a%00", "%ff", ""]
)
def test_what_stands_for_a_segment_can_t_lead_elsewhere(name: str) -> None:
    with pytest.raises(PolicyRefused):
        RequestPolicy("salesforce").check("GET", f"{DATA}/sobjects/{name}/describe")


def test_a_provider_without_rules_may_send_nothing() -> None:
    with pytest.raises(PolicyRefused):
        RequestPolicy("unheard_of").check("GET", "/")


def test_rules_of_one_provider_are_not_those_of_another() -> None:
    rules = [Rule("one", "POST", "/v2/calls"), Rule("two", "GET", "/v2/calls")]
    assert RequestPolicy("one", rules).check("POST", "/v2/calls") is rules[0]
    with pytest.raises(PolicyRefused):
        RequestPolicy("two", rules).check("POST", "/v2/calls")


def test_every_rule_reads_by_get_or_is_a_post_known_to_read() -> None:
    posts = {(rule.provider, rule.path) for rule in READS if rule.method != "GET"}
    assert posts == {
        ("salesforce", "/services/oauth2/token"),
        ("github", "/app/installations/{installation}/access_tokens"),
        ("gong", "/v2/calls/extensive"),
        ("gong", "/v2/calls/transcript"),
        ("notion", "/v1/search"),
        ("notion", "/v1/data_sources/{data_source_id}/query"),
    }


def test_a_refusal_names_the_path_but_not_the_query() -> None:
    with pytest.raises(PolicyRefused) as caught:
        RequestPolicy("salesforce").check("DELETE", f"{DATA}/sobjects/Account/describe?secret=hush")
    assert "sobjects/Account/describe" in caught.value.message
    assert "hush" not in str(caught.value.problem())
    assert caught.value.hint
