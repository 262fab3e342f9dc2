"""The numbers that the engine decides by."""

from dataclasses import dataclass

from rabta_collector.outage import Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The numbers that decide; times in seconds."""

    grid_s: float = 0.5  # between two points at which decisions are made
    quorum: float = 2 / 3  # of the votes that decides
    min_agents: int = 3  # below it a verdict says "few agents", and changes need a second measurement
    vote_intervals: float = 3.0  # of its agent, for which a vote stands
    vote_floor_s: float = 20.0  # for which it stands at least
    vote_ceiling_s: float = 21_600.0  # and at most
    late_s: float = 120.0  # after its end a measurement is too old to vote
    control_max_age_s: float = 600.0  # to a control that speaks for a measurement; longer for targets seldom measured
    isp_silence_s: float = 90.0  # after which an agent is gone, and the rest of them with it
    isp_together_s: float = 180.0  # within which agents fell silent together
    isp_memory_s: float = 86_400.0  # for which an agent is expected back
    isp_min_agents: int = 3  # that must fall silent together
    events_kept: int = 10_000  # in memory

    @property
    def patience(self) -> Patience:
        """With ISPs."""
        return Patience(
            silence_s=self.isp_silence_s,
            together_s=self.isp_together_s,
            memory_s=self.isp_memory_s,
            min_agents=self.isp_min_agents,
        )


DEFAULTS = Settings()
