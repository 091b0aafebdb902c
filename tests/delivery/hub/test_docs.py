"""docs/hub.md shows pushes as they are sent, and names only what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from jimigw.delivery.hub import pushes_of
from jimigw.delivery.hub.tables import NEVER, PATHS
from tests.delivery.hub.records import of_jimi
from tests.vectors.jimi import named

PAGE = (Path(__file__).parents[3] / "docs" / "hub.md").read_text("utf-8")


def test_the_sample_is_what_a_login_and_a_position_give() -> None:
    shown = [
        (path, json.loads(data_list))
        for path, data_list in re.findall(
            r"POST (/push\w+) +token=<token>&data_list=(\[.*?\])(?=\n\S)", PAGE, re.DOTALL
        )
    ]
    pushes = [push for record in of_jimi(named("location")) for push in pushes_of(record)]
    assert shown == [(push.path, [push.item]) for push in pushes]


def test_every_path_that_is_named_is_known() -> None:
    assert {*re.findall(r"`(/push\w+)`", PAGE)} <= {*PATHS, *NEVER}
