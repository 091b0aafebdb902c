"""How the answers of terminals read: each was said by a unit, or stands in a document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.gateway.catalogue import Verdict, family_of, firmware_of, judge, reply_kind

ANSWERED, REFUSED, BUSY = Verdict.ANSWERED, Verdict.REFUSED, Verdict.BUSY


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("RTMP:OK!", ANSWERED),
        ("PICTURE:OK!", ANSWERED),
        ("DYD=Success!", ANSWERED),
        ("start upload task;", ANSWERED),
        ("<CAMERA#> SET OK", ANSWERED),
        ("SERVER,192.0.2.7,21122,,", ANSWERED),
        ("SPEED:OFF,0,110,10", ANSWERED),
        ("Currently use APN:net.example", ANSWERED),
        ("Battery:12.4V; Mode:SLEEP", ANSWERED),
        ("Network: busy; GSM: Dial Success; ACC: ON", ANSWERED),
        ("TFcard: 4.49GB/119.05GB", ANSWERED),
        ("[TIMER] OFF,10", ANSWERED),
        ("EVENTSET,AVD:OFF", ANSWERED),
        ("", ANSWERED),
        ("Time Out!", REFUSED),
        ("<SPEED#>Command was not recognized!", REFUSED),
        ("Not support!", REFUSED),
        ("instruction error!", REFUSED),
        ("Error:Number of parameters errors!", REFUSED),
        ("RTMP,parameter B error. options:[IN,OUT,INOUT,PIP]", REFUSED),
        ("EVIDEO,parameter A error. ", REFUSED),
        ("EVIDEO,command length error. support length [3, 4]", REFUSED),
        ("DISK,command header error", REFUSED),
        ("failed!", REFUSED),
        ("FILELIST:failed!", REFUSED),
        ("UPLOADFILEFAIL", REFUSED),
        ("Please Open Adas Switch", REFUSED),
        ("busy", BUSY),
        ("PICTURE:busy!", BUSY),
        ("Device busy (previous command has not returned)", BUSY),
        ("busy\0", BUSY),
    ],
)
def test_how_an_answer_reads(reply: str, verdict: Verdict) -> None:
    assert judge(reply) is verdict
    assert judge(f" {reply}\r\n") is verdict
    assert reply_kind(reply) is verdict


@pytest.mark.parametrize(
    ("reply", "model", "firmware"),
    [
        ("[VERSION]JC400D_WAVA_DMS_V4.2.13_210716.2013", "JC400D", "JC400D_WAVA_DMS_V4.2.13_210716.2013"),
        ("VERSION:[VERSION]JC400D_WAVA_DMS_V4.2.13_210716.2013;X:1", "JC400D", "JC400D_WAVA_DMS_V4.2.13_210716.2013"),
        ("[VERSION] JC400D_WAVA_DMS_V4.2.13_210716.2013#", "JC400D", "JC400D_WAVA_DMS_V4.2.13_210716.2013"),
        (
            "VERSION:KMC28_0_0_STD_JM_C261_V1.8.0.9_250807.1920; UPLOAD:http://gw.example.org/upload",
            "JC261",
            "KMC28_0_0_STD_JM_C261_V1.8.0.9_250807.1920",
        ),
        ("VERSION:C371_0_0_STD_JM_JC371_V1.9.0.2b;", "JC371", "C371_0_0_STD_JM_JC371_V1.9.0.2b"),
        ("IMEI:1;VERSION:C182_WEBP_VY_1_V1.2.5.2_260422.0924;X:1", "JC182", "C182_WEBP_VY_1_V1.2.5.2_260422.0924"),
        ("[VERSION]NT06L_GT06L_WAAG_V7.0_210112.0927", None, "NT06L_GT06L_WAAG_V7.0_210112.0927"),
        ("JC400AD_X_V4.3.2", "JC400AD", "JC400AD_X_V4.3.2"),
        ("VERSION:OK!", None, None),
        ("Not support!", None, None),
        ("", None, None),
    ],
)
def test_model_and_firmware(reply: str, model: str | None, firmware: str | None) -> None:
    assert firmware_of(reply) == (model, firmware)


@given(st.text(max_size=300))
def test_any_answer_reads_somehow(reply: str) -> None:
    assert judge(reply) in Verdict
    model, firmware = firmware_of(reply)
    assert model is None or firmware is not None


def test_a_long_answer_is_read_in_no_time() -> None:
    for reply in ("A" * 65_000, "A_V" * 20_000, "busy " * 13_000, "[" * 65_000, "A," * 32_000 + " error"):
        assert judge(reply) in Verdict
        firmware_of(reply)


@pytest.mark.parametrize(
    ("model", "protocol", "family"),
    [
        ("JC400", "jimi", "jc400"),
        ("JC400AD", "jt808", "jc400"),
        ("JC261P", "jimi", "jc400"),
        ("C261", "jimi", "jc400"),
        ("jc371", "jt808", "jc371"),
        ("JC450", "jt808", "jc371"),
        ("JC451", "jt808", "jc371"),
        ("JC181", "jt808", "jc181"),
        ("JC182", "jimi", "jc181"),
        ("KMC28_0_0_STD_JM_C261_V1", "jimi", "jc400"),
        ("GT06N", "jimi", "jc400"),
        ("", "jimi", "jc400"),
        (None, "jimi", "jc400"),
        (None, "jt808", "jc371"),
        ("N9M", "jt808", "jc371"),
    ],
)
def test_the_family_of_a_model(model: str | None, protocol: str, family: str) -> None:
    assert family_of(model, protocol) == family
