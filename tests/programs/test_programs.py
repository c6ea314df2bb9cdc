"""Larger real programs do their first job. They are fetched by name, so this must be asked for."""

import os
from pathlib import Path

import pytest

from bench.engines import present
from bench.programs import PROGRAMS, run_job

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(
        "WADJET_PROGRAMS" not in os.environ,
        reason="NO PROGRAMS: name a folder for them in WADJET_PROGRAMS (about 800 MB)",
    ),
]


@pytest.mark.suite("larger programs", tier="auto")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_first_job_of_a_program(name: str, tmp_path: Path) -> None:
    wadjet = present(["wadjet"])["wadjet"]
    for job in PROGRAMS[name](tmp_path):
        run_job(wadjet, job, tmp_path)
