"""``[mqtt]``: what is taken, and the sentences for what is not."""

from __future__ import annotations

import pytest

from jimigw.ops.config import ConfigError, load_config

ON = 'mqtt.url="mqtt://x"'


@pytest.mark.parametrize(
    "url",
    ["", "mqtt://127.0.0.1", "mqtt://broker:1884/", "mqtts://broker.example.org:8883", "mqtt://[2001:db8::1]:1883"],
)
def test_addresses(url: str) -> None:
    assert load_config(None, [f'mqtt.url="{url}"']).mqtt.url == url


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (['mqtt.url="http://x"'], "mqtt.url: it does not begin with mqtt:// or mqtts:// (TLS)"),
        (['mqtt.url="mqtt://me:sesame@x"'], "mqtt.url: it holds a user or a password; those belong into"),
        (['mqtt.url="mqtt://:1"'], "mqtt.url: it names no host"),
        (['mqtt.url="mqtt://x:0"'], "mqtt.url: it names no host, or a port that is none"),
        (['mqtt.url="mqtt://x:99999"'], "mqtt.url: its host or port cannot be read"),
        (['mqtt.url="mqtt://x/y"'], "mqtt.url: there is something behind host and port"),
        (["mqtt.url=5"], "mqtt.url: 5 is not text"),
        (['mqtt.version="4"'], "mqtt.version: '4' is not a word it knows"),
        (['mqtt.client_id=""'], "mqtt.client_id: it is empty"),
        (['mqtt.up_topic="a/+"'], "mqtt.up_topic: 'a/+': it holds a wildcard"),
        (['mqtt.up_topic="a/${plate}"'], "mqtt.up_topic: 'a/${plate}': ${plate} is not known here"),
        (['mqtt.dn_topic="a/${kind}"'], "mqtt.dn_topic: 'a/${kind}': ${kind} is not known here"),
        (['mqtt.dn_topic="a/b"'], "mqtt.dn_topic: 'a/b' says nowhere which terminal is meant"),
        (["mqtt.dn_topic=5"], "mqtt.dn_topic: 5 is not text"),
        (['mqtt.position_topic="last"'], "mqtt.position_topic: 'last' says nowhere which terminal is meant"),
        (['mqtt.result_topic="a/#"'], "mqtt.result_topic: 'a/#': it holds a wildcard"),
        (['mqtt.kinds=["positions"]'], "mqtt.kinds: value 1: 'positions' is not a word it knows"),
        ([ON, 'mqtt.password_file="x"'], "mqtt.username: it is empty; a password (mqtt.password_file) goes"),
        ([ON, 'mqtt.ca_file="x"'], "mqtt.url: it is not mqtts://; mqtt.ca_file is for TLS"),
        ([ON, "mqtt.strict=true"], 'exchange.dialect: it is "document"; mqtt.strict publishes what EMQX does'),
        ([ON, "mqtt.strict=true", 'mqtt.format="record"', 'exchange.dialect="emqx"'], 'mqtt.format: it is "record"'),
        ([ON, 'mqtt.up_topic="jt808/a/${phone}/dn"'], "mqtt.up_topic: 'jt808/a/${phone}/dn' is awaited as commands"),
        ([ON, 'mqtt.jimi_dn_topic="jimi/${imei}/dn"', 'mqtt.presence_topic="jimi/${device}/dn"'],
         "mqtt.presence_topic: 'jimi/${device}/dn' is awaited as commands, by mqtt.jimi_dn_topic ('jimi/+/dn')"),
        ([ON, 'mqtt.dn_topic="a/${phone}"', 'mqtt.jimi_dn_topic="a/${imei}/result"'],
         "mqtt.result_topic: 'a/${phone}/result' is awaited as commands, by mqtt.jimi_dn_topic"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(settings: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, settings)
    assert any(each.startswith(complaint) for each in error.value.problems), error.value.problems


def test_a_password_is_never_repeated() -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, ['mqtt.url="mqtt://me:sesame@x"'])
    assert "sesame" not in str(error.value)


def test_contradictions_do_not_matter_without_a_broker() -> None:
    assert load_config(None, ["mqtt.strict=true"]).mqtt.strict
