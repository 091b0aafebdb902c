"""Shows `twistd` the service. `jimigw.service` is imported only when the service is chosen."""

from twisted.application.service import ServiceMaker

jimigw = ServiceMaker(
    "jimigw",
    "jimigw.service",
    "An open gateway for dashcam and tracker fleets.",
    "jimigw",
)
