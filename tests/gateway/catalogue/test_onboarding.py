"""Turning a terminal to the gateway: what is sent, in which order, and how its answers are read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.gateway.catalogue import ONBOARDING, CommandRefused, Step, Unclear, check, differs, plan

EXTRAS = ("TIMER,ON,60", "UPLOADSW,SOS,ON", "TIMEZONE,+08:00", "ANGLEREP,ON,10", "APN,net,net")
STEPS = {step.name: step for step in plan("gw.example.org", extras=EXTRAS)}


def test_the_sequence_is_the_vendors() -> None:
    steps = plan("gw.example.org")
    assert tuple(step.name for step in steps) == ONBOARDING
    assert [(step.text, step.query) for step in steps] == [
        ("COREKITSW,0", "COREKITSW"),
        ("UPLOAD,http://gw.example.org:23010/upload", "UPLOAD"),
        ("RSERVICE,rtmp://gw.example.org:1936/live", "RSERVICE"),
        ("FILELIST,http://gw.example.org:23010/filelist", None),
        ("SERVER,1,gw.example.org,21100", "SERVER"),
    ]


def test_everything_can_be_said_otherwise() -> None:
    steps = plan(
        "192.0.2.7",
        upload="https://media.example.org/upload/353376110008882",
        rtmp="media.example.org:1935/encoder",
        filelist="",
        server_port=31100,
        extras=["timer,on,60#", "SOSALM,ON,0"],
    )
    assert [step.text for step in steps] == [
        "COREKITSW,0",
        "UPLOAD,https://media.example.org/upload/353376110008882",
        "RSERVICE,media.example.org:1935/encoder",
        "TIMER,ON,60",
        "SOSALM,ON,0",
        "SERVER,0,192.0.2.7,31100",
    ]
    assert plan("192.0.2.7", server_host="gw.example.org")[-1].text == "SERVER,1,gw.example.org,21100"
    assert plan("192.0.2.7", server_mode=1)[-1].text == "SERVER,1,192.0.2.7,21100"
    assert plan("192.0.2.7", server_host="")[-1].name == "FILELIST"


@pytest.mark.parametrize(
    "options",
    [
        {"host": "gw example"},
        {"host": "gw.example.org#RESTORE"},
        {"host": "gw.example.org,1#"},
        {"host": "gw.example.org", "server_mode": 0},
        {"host": "gw.example.org", "server_port": 0},
        {"host": "gw.example.org", "upload": "gw.example.org/upload"},
        {"host": "gw.example.org", "rtmp": "http://gw.example.org/live"},
        {"host": "gw.example.org", "extras": ["NEWTHING"]},
        {"host": "gw.example.org", "extras": ["SERVER,0,192.0.2.7,1"]},
    ],
)
def test_what_is_wrong_is_never_planned(options: dict[str, object]) -> None:
    with pytest.raises(CommandRefused):
        plan(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("COREKITSW", "COREKITSW:0"),
        ("COREKITSW", "[COREKITSW] 0"),
        ("UPLOAD", "UPLOAD:http://gw.example.org:23010/upload"),
        ("UPLOAD", "UPLOAD,http://GW.example.org:23010/upload/#"),
        ("UPLOAD", "gw.example.org:23010/upload"),
        ("UPLOAD", "VERSION:V1; UPLOAD:http://gw.example.org:23010/upload; SERVER:0,192.0.2.9,1"),
        ("RSERVICE", "RSERVICE:rtmp://gw.example.org:1936/live"),
        ("RSERVICE", "RSERVICE,gw.example.org:1936/live/"),
        ("SERVER", "SERVER,gw.example.org,21100,,"),
        ("SERVER", "SERVER,1,gw.example.org,21100,0"),
        ("SERVER", "SERVER,gw.example.org,21100,,0,353376110008882,"),
        ("SERVER", "SERVER:1,gw.example.org,21100"),
        ("TIMER", "[TIMER] ON,60"),
        ("TIMER", "TIMER:ON,060,1"),
        ("UPLOADSW", "UPLOADSW:CRASH:OFF,SOS:ON"),
        ("UPLOADSW", "SOS=ON"),
        ("TIMEZONE", "TIMEZONE:+8:00"),
        ("APN", "Currently use APN:net,net,,"),
    ],
)
def test_an_answer_that_says_the_same(name: str, reply: str) -> None:
    assert differs(STEPS[name], reply) is None


@pytest.mark.parametrize(
    ("name", "reply", "said"),
    [
        ("COREKITSW", "COREKITSW:1", "1"),
        ("UPLOAD", "UPLOAD:https://gw.example.org:23010/upload", "https://gw.example.org:23010/upload"),
        ("UPLOAD", "UPLOAD:http://gw.example.org/upload", "http://gw.example.org/upload"),
        ("RSERVICE", "RSERVICE:rtmp://192.0.2.9:1936/live", "rtmp://192.0.2.9:1936/live"),
        ("RSERVICE", "RSERVICE:rtmp://gw.example.org:1936/other", "rtmp://gw.example.org:1936/other"),
        ("SERVER", "SERVER,gw.example.org,21122,,", "gw.example.org,21122,,"),
        ("SERVER", "SERVER,0,192.0.2.9,21100,0", "0,192.0.2.9,21100,0"),
        ("SERVER", "SERVER:0,gw.example.org,21100", "0,gw.example.org,21100"),
        ("TIMER", "[TIMER] OFF,10", "OFF,10"),
        ("TIMER", "TIMER:OFF", "OFF"),
        ("TIMER", "TIMER:ON,10", "ON,10"),
        ("UPLOADSW", "UPLOADSW:CRASH:ON,SOS:OFF", "CRASH:ON,SOS:OFF"),
        ("TIMEZONE", "IMEI:1;TIMEZONE:-3:00;APN:net", "-3:00"),
    ],
)
def test_an_answer_that_says_otherwise(name: str, reply: str, said: str) -> None:
    sentence = differs(STEPS[name], reply)
    value = STEPS[name].text.partition(",")[2]
    assert sentence == f"{name} is {said} on the terminal and should be {value}"
    assert not isinstance(sentence, Unclear)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("COREKITSW", "Not support!"),
        ("UPLOAD", ""),
        ("UPLOAD", "UPLOAD:"),
        ("UPLOAD", "UPLOAD:OK!"),
        ("RSERVICE", "not set"),
        ("RSERVICE", "RSERVICE,parameter A error."),
        ("SERVER", "busy"),
        ("SERVER", "SERVER:OK!"),
        ("SERVER", "SERVER,1"),
        ("SERVER", "IMEI:1;ACC:ON"),
        ("TIMER", "every minute or so"),
        ("TIMER", "TIMER:60"),
        ("UPLOADSW", "UPLOADSW:CRASH:ON"),
        ("FILELIST", "FILELIST:OK!"),
    ],
)
def test_an_answer_that_does_not_tell(name: str, reply: str) -> None:
    sentence = differs(STEPS[name], reply)
    assert isinstance(sentence, Unclear)
    assert "could not be told" in sentence


@given(st.sampled_from(sorted(STEPS.values(), key=lambda step: step.name)), st.text(max_size=200))
def test_any_answer_gives_a_sentence_or_none(step: Step, reply: str) -> None:
    for said in (reply, f"{step.name}:{reply}"):
        assert differs(step, said) is None or differs(step, said)


@pytest.mark.parametrize("step", STEPS.values(), ids=lambda step: step.name)
def test_what_a_step_sets_reads_back_as_it_was_set(step: Step) -> None:
    assert check(step.text, confirm=True).text == step.text
    assert differs(step, step.text) is None
