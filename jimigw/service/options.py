"""The options of ``twistd jimigw``."""

from __future__ import annotations

from twisted.python import usage

from jimigw.ops.config import Config, ConfigError, load_config


class Options(usage.Options):
    """The options of ``twistd jimigw``."""

    synopsis = "[options]"
    longdesc = (
        "An open gateway for dashcam and tracker fleets. All settings are in the config file; "
        "every key has a default, and without --config all of them are used."
    )
    optParameters = [["config", "c", None, "the config file (TOML)"]]

    def __init__(self) -> None:
        super().__init__()
        self["set"] = []

    def opt_set(self, setting: str) -> None:
        """KEY=VALUE: lay a value over the config file; the value is TOML. May be given many times."""
        self["set"].append(setting)

    opt_s = opt_set

    def postOptions(self) -> None:
        """Reads the config, so that what is wrong with it is said in a sentence and not in a traceback."""
        try:
            self.config = self.load()
        except ConfigError as error:
            raise usage.UsageError("the config cannot be used:\n" + str(error)) from None

    def load(self) -> Config:
        """The config as the file says now. :class:`ConfigError` for one that cannot be used."""
        return load_config(self["config"], self["set"])
