"""What the documentation of the API says is true, also of questions nobody would ask: schemathesis makes them up."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from made_results import HERE
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from polyomics.web.application import API, ROUTERS

PATHS = sorted(route.path_format for router in ROUTERS for route in router.routes)
NEVER_WRONG = ("/facts", "/polymers/{key}")
"""It takes no settings; any text may be the key of a polymer."""
QUESTIONS = [
    (path, mode)
    for path in PATHS
    for mode in GenerationMode
    if mode != GenerationMode.NEGATIVE or path not in NEVER_WRONG
]
EVERYTHING = list(HealthCheck)


@pytest.fixture(scope="session")
def documented(application: FastAPI) -> Any:
    """The documentation, read from the running application.

    What fits it may still be refused: that a text is a SMILES, or a name that of a property, no schema can say. So 422
    answers what is understood in form but not in content.
    """
    expected = {"positive_data_acceptance": {"expected-statuses": ["2XX", "404", "422"]}}
    config = SchemathesisConfig.from_dict({"checks": expected})
    where = {"Host": "localhost"}
    return schemathesis.openapi.from_asgi(f"{API}/openapi.json", application, config=config, headers=where)


def ask(documented: Any, path: str, mode: GenerationMode, how_often: settings) -> int:
    """Ask at one address, and compare every answer with the documentation."""
    n_answers = 0

    @how_often
    @given(case=documented[API + path]["GET"].as_strategy(generation_mode=mode))
    def test(case: Any) -> None:
        nonlocal n_answers
        case.call_and_validate(base_url=HERE)
        n_answers += 1

    test()
    return n_answers


def test_every_address_is_documented(documented: Any) -> None:
    assert set(documented.raw_schema["paths"]) == {API + path for path in PATHS}


@pytest.mark.parametrize(("path", "mode"), QUESTIONS)
def test_every_answer_is_as_documented(documented: Any, path: str, mode: GenerationMode) -> None:
    quickly = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=EVERYTHING)
    assert ask(documented, path, mode, quickly) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("path", "mode"), QUESTIONS)
def test_every_answer_is_as_documented_for_long(documented: Any, path: str, mode: GenerationMode) -> None:
    long = settings(max_examples=500, deadline=None, suppress_health_check=EVERYTHING)
    assert ask(documented, path, mode, long) > 0
