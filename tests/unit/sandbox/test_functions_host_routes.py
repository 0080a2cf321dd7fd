"""Which function a request path reaches."""

import pytest

from sandbox.functions_host.routes import Route, best_match


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("api/alerts", "/api/alerts", {}),
        ("api/alerts", "/API/Alerts/", {}),
        ("api/alerts", "/api/alerts/1", None),
        ("api/plans/{id}", "/api/plans/p-1", {"id": "p-1"}),
        ("api/plans/{id}", "/api/plans", None),
        ("api/plans/{id}", "/api/plans/a%2Fb", {"id": "a/b"}),
        ("api/plans/{id?}", "/api/plans", {}),
        ("api/plans/{id=all}", "/api/plans", {"id": "all"}),
        ("api/items/{id:int}", "/api/items/-7", {"id": "-7"}),
        ("api/items/{id:int}", "/api/items/x", None),
        ("api/items/{id:guid}", "/api/items/x", None),
        ("api/items/{id:length(3)}", "/api/items/abc", {"id": "abc"}),
        ("api/files/{*rest}", "/api/files/a/b", {"rest": "a/b"}),
        ("api/files/{**rest}", "/api/files", {"rest": ""}),
    ],
)
def test_a_template_gives_its_parameters_or_nothing(template, path, expected):
    """Literals, parameters, optional ones, defaults, constraints and the rest."""
    assert expected == Route("f", template).match("GET", path)


def test_the_most_particular_route_answers():
    """The order of registration must not decide between /latest and /{id}."""
    routes = [
        Route("rest", "items/{*rest}"),
        Route("any", "items/{id}"),
        Route("number", "items/{id:int}"),
        Route("latest", "items/latest"),
    ]
    reached = [best_match(routes, "GET", f"/items/{x}") for x in ("latest", "7", "x", "a/b")]
    assert ["latest", "number", "any", "rest"] == [r[0].function for r in reached if r]


def test_methods_choose_between_functions_on_one_route():
    """GET and POST on the same path are often two functions."""
    routes = [
        Route("read", "plans", frozenset({"GET"})),
        Route("write", "plans", frozenset({"POST"})),
    ]
    assert "write" == best_match(routes, "post", "/plans")[0].function
    assert None is best_match(routes, "DELETE", "/plans")


def test_a_segment_that_is_not_understood_is_refused():
    """A template matched in another way than in Azure would be worse than none."""
    with pytest.raises(ValueError, match="segment"):
        Route("f", "files/{name}.json")
