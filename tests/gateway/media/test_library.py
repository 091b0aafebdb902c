"""Files that come in: kept, stored, told; the same again, others under the same name, limits, restarts."""

from __future__ import annotations

import os

import pytest
from twisted.internet.defer import Deferred

from jimigw.gateway.admission import Listed
from jimigw.gateway.uploads import Told, UploadRefused
from jimigw.model.media import MediaState
from tests.gateway.media.conftest import MakeWorld
from tests.gateway.media.world import CLIP, IMEI, NOW, ROAD, MediaWorld, md5

PICTURE = b"\xff\xd8\xff\xe0" + b"x" * 1000


def cleared(world: MediaWorld) -> Deferred[int]:
    """Clear away what nobody knows, whenever it was put there."""
    return Deferred.fromCoroutine(world.uploads.library.clear(float("inf")))


def refused(world: MediaWorld, name: str, data: bytes = CLIP, id: str = IMEI) -> tuple[str, str]:
    with pytest.raises(UploadRefused) as caught:
        world.upload(name, data, id)
    return caught.value.code, str(caught.value)


def test_a_file_is_safe_known_and_told(world: MediaWorld) -> None:
    media = world.upload(ROAD)
    assert (media.state, media.size, media.md5) == (MediaState.STORED, len(CLIP), md5(CLIP))
    assert (media.kind, media.mime, media.camera, media.event) == ("video", "video/mp4", 1, 55)
    assert media.taken == NOW
    assert world.content(media) == CLIP
    (told,) = world.told("upload")
    assert told["filename"] == ROAD
    assert (told["media"], told["size"], told["md5"]) == (media.id, len(CLIP), md5(CLIP))
    assert (told["taken"], told["camera_name"]) == ("2026-11-20T09:30:00Z", "road")
    (kept,) = world.files()
    assert kept.told
    assert world.uploads.keeping.sizes == {IMEI: len(CLIP)}


def test_the_same_again_is_the_same_file(world: MediaWorld) -> None:
    first = world.upload(ROAD)
    again = world.upload(ROAD)
    assert again.id == first.id
    assert len(world.told("upload")) == len(world.files()) == 1
    assert world.uploads.counters.repeated == 1
    assert len(list((world.folder / "uploads").rglob("*.mp4"))) == 1


def test_another_content_under_the_same_name_lies_beside_it(world: MediaWorld) -> None:
    first, second = world.upload(ROAD), world.upload(ROAD, CLIP[:-1])
    third = world.upload(ROAD, CLIP[:-2])
    assert [each.variant for each in (first, second, third)] == [0, 1, 2]
    assert [world.content(each) for each in (first, second, third)] == [CLIP, CLIP[:-1], CLIP[:-2]]
    assert world.upload(ROAD, CLIP[:-1]).id == second.id
    assert [each.get("variant") for each in world.told("upload")] == [None, 1, 2]


NAMES = [
    ("../../../etc/passwd", "other"),
    ("/etc/passwd", "other"),
    ("a\x00b.mp4", "other"),
    ("..", "other"),
    ("a\r\nSet-Cookie: x", "other"),
    ("\ud800.mp4", "video"),
    ("x" * 255, "other"),
    ("名字.jpg", "picture"),
]


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_names_are_data(world: MediaWorld, name: str, kind: str) -> None:
    data = b"\x01\x02what it is nobody knows\xff\x00"
    media = world.upload(name, data)
    assert (media.kind, world.content(media)) == (kind, data)
    files = [each for each in (world.folder / "uploads").rglob("*") if each.is_file()]
    inside = world.folder / "uploads" / "files" / IMEI
    kept = [each for each in files if each.is_relative_to(inside)]
    assert len(kept) == 1
    assert kept[0].name.partition(".")[0].isalnum()
    assert not list(world.folder.rglob("passwd"))
    assert world.upload(name, data).id == media.id


def test_what_is_no_file_is_refused(world: MediaWorld) -> None:
    assert refused(world, "") == ("wrong", "The filename cannot be empty")
    assert refused(world, ROAD, b"") == ("wrong", "The file content is empty")
    assert refused(world, "x" * 256)[0] == "wrong"
    assert world.files() == []
    assert not list((world.folder / "uploads").rglob("*.mp4"))


def test_the_content_says_what_it_is(world: MediaWorld) -> None:
    media = world.upload(ROAD, PICTURE, mime="video/mp4")
    assert (media.kind, media.mime) == ("picture", "image/jpeg")


def test_whose_it_is(make_world: MakeWorld) -> None:
    world = make_world()
    uploads = world.uploads
    with pytest.raises(UploadRefused, match="there is no terminal '863000000000014'"):
        uploads.whose(None, IMEI)
    with pytest.raises(UploadRefused, match="nothing says whose it is"):
        uploads.whose(None, "")
    device = world.camera(online=False)
    assert uploads.whose("nobody", IMEI) is device
    world._admission = Listed(world.registry)
    with pytest.raises(UploadRefused, match="is not let in"):
        uploads.whose(IMEI)


def test_only_those_on_line(make_world: MakeWorld) -> None:
    world = make_world(who="online")
    device = world.camera(online=False)
    with pytest.raises(UploadRefused, match="is not on line"):
        world.uploads.whose(IMEI)
    world.login()
    assert world.uploads.whose(IMEI) is device


@pytest.mark.parametrize(
    ("settings", "sizes", "code"),
    [
        ({"max_bytes": 1000}, [1001], "limit"),
        ({"max_device_bytes": 3000}, [2000, 1001], "limit"),
        ({"max_files_per_hour": 2}, [10, 10, 10], "limit"),
        ({"min_free_bytes": 1 << 60}, [10, 10], "room"),
    ],
)
def test_limits(make_world: MakeWorld, settings: dict[str, int], sizes: list[int], code: str) -> None:
    world = make_world(**settings)
    world.camera()
    for number, size in enumerate(sizes[:-1]):
        if code != "room":
            world.upload(f"{number}.mp4", bytes(size))
    assert refused(world, "last.mp4", bytes(sizes[-1]))[0] == code
    assert world.uploads.counters.refused == {code: 1}
    assert world.uploads.desk.open == set()
    assert not list((world.folder / "uploads" / "incoming").iterdir())


def test_an_hour_later_it_may_send_again(make_world: MakeWorld) -> None:
    world = make_world(max_files_per_hour=1)
    world.camera()
    world.upload("1.mp4")
    assert refused(world, "2.mp4")[0] == "limit"
    world.wait(3600)
    world.upload("2.mp4")


def test_transfers_at_once(make_world: MakeWorld) -> None:
    world = make_world(max_transfers=3, max_transfers_per_device=2)
    one, other = world.camera(), world.camera("863000000000022")
    uploads = world.uploads
    first, second = uploads.begin("a", one), uploads.begin("a", one)
    with pytest.raises(UploadRefused, match=r"2 files of 863000000000014 are on their way in"):
        uploads.begin("a", one)
    third = uploads.begin("b")
    with pytest.raises(UploadRefused, match="3 files are on their way in"):
        uploads.begin("c", other)
    first.abort("enough")
    third.abort("enough")
    uploads.begin("a", one).abort("enough")
    second.abort("enough")
    second.abort("twice is once")
    assert (len(uploads.desk.open), uploads.keeping.coming, uploads.desk.by_device) == (0, 0, {})


def test_a_transfer_of_nobody(world: MediaWorld) -> None:
    arrival = world.uploads.begin("a")
    arrival.write(b"x")
    with pytest.raises(UploadRefused, match="nobody said whose file it is"):
        world.result(arrival.finish(Told("x.mp4")))
    world.settle()
    assert not list((world.folder / "uploads" / "incoming").iterdir())


def test_a_journal_that_takes_nothing(world: MediaWorld) -> None:
    """The file is there, and is not answered; it is told when that is possible, once."""
    world.journal.taking = False
    assert refused(world, ROAD) == ("failed", "the journal takes no more records at the moment")
    (media,) = world.files()
    assert (media.state, media.told) == (MediaState.STORED, False)
    world.journal.taking = True
    assert world.upload(ROAD).id == media.id
    assert [each["filename"] for each in world.told("upload")] == [ROAD]
    world.wait(61)
    assert len(world.told("upload")) == 1


def test_what_is_not_told_is_told_by_itself(world: MediaWorld) -> None:
    world.journal.taking = False
    refused(world, ROAD)
    world.journal.taking = True
    world.wait(61)
    assert [each["filename"] for each in world.told("upload")] == [ROAD]
    assert world.uploads.stats()["uploads"]["not told yet"] == 0


def test_and_also_after_a_restart(world: MediaWorld) -> None:
    world.journal.taking = False
    refused(world, ROAD)
    world.journal.taking = True
    world.restart()
    assert [each["filename"] for each in world.told("upload")] == [ROAD]
    (media,) = world.files()
    assert media.told
    assert world.content(media) == CLIP


def test_what_nobody_knows_is_cleared_away_at_the_start(world: MediaWorld) -> None:
    """As after a crash between the vault and the store."""
    media = world.upload(ROAD)
    incoming = world.vault.begin()
    incoming.write(b"an orphan")
    world.result(incoming.finish())
    world.result(world.vault.keep(incoming, f"{IMEI}/2026-11/orphan.mp4"))
    # The disk has a clock of its own.
    there = os.stat(world.folder / "uploads" / "files" / IMEI / "2026-11" / "orphan.mp4").st_ctime
    world.clock.advance(max(0.0, there - world.clock.seconds()) + 5)
    world.settle()
    world.restart()
    files = [each for each in (world.folder / "uploads" / "files").rglob("*") if each.is_file()]
    assert [each.name for each in files] == [media.key.rpartition("/")[2]]


def test_many_that_nobody_knows_stay(world: MediaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an older store was put back: they may be all that is left of weeks."""
    monkeypatch.setattr("jimigw.gateway.media.library.MOST_ORPHANS", 1)
    for number in range(2):
        incoming = world.vault.begin()
        incoming.write(b"not known")
        world.result(incoming.finish())
        world.result(world.vault.keep(incoming, f"{IMEI}/2026-11/{number}.mp4"))
    assert world.result(cleared(world)) == 0
    assert len(list((world.folder / "uploads" / "files").rglob("*.mp4"))) == 2


def test_the_service_ends_in_the_middle_of_a_transfer(world: MediaWorld) -> None:
    device = world.registry.get(IMEI)
    arrival = world.uploads.begin("a", device)
    arrival.write(CLIP)
    world.restart()
    assert world.files() == []
    assert not list((world.folder / "uploads" / "incoming").iterdir())
    with pytest.raises(UploadRefused):
        arrival.write(CLIP)


def test_deleted_and_protected(world: MediaWorld) -> None:
    media = world.upload(ROAD)
    world.result(world.uploads.protect(media.id, True))
    with pytest.raises(UploadRefused, match="is protected"):
        world.result(world.uploads.delete(media.id, "admin"))
    world.result(world.uploads.protect(media.id, False))
    gone = world.result(world.uploads.delete(media.id, "admin"))
    assert (gone.state, gone.why, gone.key) == (MediaState.DELETED, "admin deleted it", "")
    assert world.uploads.keeping.sizes == {}
    with pytest.raises(UploadRefused, match="there is nothing to read"):
        world.content(gone)
    with pytest.raises(UploadRefused, match="there is nothing to delete"):
        world.result(world.uploads.delete(media.id, "admin"))
    # It comes once more: the same file, stored again.
    again = world.upload(ROAD)
    assert (again.id, again.state) == (media.id, MediaState.STORED)
    assert world.content(again) == CLIP


def test_retention_by_age(make_world: MakeWorld) -> None:
    world = make_world(retention_days=2.0)
    world.camera()
    old, kept = world.upload("1.mp4"), world.upload("2.mp4")
    world.result(world.uploads.protect(kept.id, True))
    world.clock.advance(86_400)
    young = world.upload("3.mp4")
    world.clock.advance(86_400)
    world.wait(130)
    assert world.states() == {"1.mp4": "deleted", "2.mp4": "stored", "3.mp4": "stored"}
    assert "older than 2 days" in world.files()[0].why
    assert sum(1 for each in (world.folder / "uploads" / "files").rglob("*.mp4")) == 2
    assert (old.id, young.id) == (1, 3)


def test_retention_by_size(make_world: MakeWorld) -> None:
    """The oldest goes, a protected one stays; when only protected ones are left nothing more is taken."""
    world = make_world(max_total_bytes=2500)
    world.camera()
    for number in range(1, 5):
        media = world.upload(f"{number}.mp4", bytes(1000))
        if number == 1:
            world.result(world.uploads.protect(media.id, True))
    world.settle()
    assert world.states() == {"1.mp4": "stored", "2.mp4": "deleted", "3.mp4": "deleted", "4.mp4": "stored"}
    for media in world.files(states=frozenset({MediaState.STORED})):
        world.result(world.uploads.protect(media.id, True))
    world.upload("5.mp4", bytes(400))
    world.upload("6.mp4", bytes(200))
    assert world.states()["5.mp4"] == "deleted"
    world.result(world.uploads.protect(6, True))
    world.upload("7.mp4", bytes(10))
    world.settle()
    assert world.uploads.keeping.total <= 2500
