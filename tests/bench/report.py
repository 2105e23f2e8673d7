"""The table: what both servers needed, how they compare, the goal and whether it was met."""
from statistics import median

HEADER = """| what | ceiling | Howdah | ratio, median (each round) | goal | met? | others took |
|---|---|---|---|---|---|---|"""


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def judge(value, goal):
    """A goal is (">=" or "<=", limit)."""
    sign, limit = goal
    return "met" if (value >= limit if sign == ">=" else value <= limit) else "**missed**"


class Table:
    def __init__(self):
        self.lines = [HEADER]

    def _line(self, *cells):
        self.lines.append("| " + " | ".join(cells) + " |")

    def compare(self, what, unit, ceiling, ours, goal=None, foreign=()):
        """Lists of one figure a round. The ratio is taken inside each round, then its median."""
        ratios = [mine / theirs if theirs else float("nan") for theirs, mine in zip(ceiling, ours)]
        ratio = median(ratios)
        spread = f" ({min(ratios):.2f}..{max(ratios):.2f})" if len(ratios) > 1 else ""
        self._line(what, f"{number(median(ceiling))} {unit}", f"{number(median(ours))} {unit}", f"{ratio:.2f}{spread}",
                   f"{goal[0]} {goal[1]}x" if goal else "", judge(ratio, goal) if goal else "",
                   f"{median(foreign):.0f} %" if foreign else "")

    def absolute(self, what, unit, ours, ceiling=None, goal=None, note=""):
        self._line(what, f"{number(ceiling)} {unit}" if ceiling is not None else "", f"{number(ours)} {unit}", "",
                   f"{goal[0]} {goal[1]} {unit}" if goal else "", judge(ours, goal) if goal else "", note)

    def missing(self, what, why):
        self._line(what, "", f"not measured: {why}", "", "", "", "")

    def text(self):
        return "\n".join(self.lines)


class Features:
    """A yardstick, a server without more plugins (`howdah`) and others beside it, in rounds taken in turn.

    Differences are taken inside each round, then their median; those of `control`, which is `howdah` once more, say what
    the machine makes of nothing.
    """

    HEADER = """| HTTP `SELECT 1`, 16 connections | calls/s | of the yardstick | goal | server CPU a call | beside none | CPU of PostgreSQL beside none |
|---|---|---|---|---|---|---|"""

    def __init__(self):
        self.lines = [self.HEADER]

    def add(self, found, yardstick, goals):
        """`found`: {name: [{"rate", "cpu_us", "database_cpu_us"} of each round]}; `goals`: {name: least share of the yardstick}."""
        for name, rounds in found.items():
            share = median(one["rate"] / of["rate"] for one, of in zip(rounds, found[yardstick]))
            beside = lambda figure: median(one[figure] - of[figure] for one, of in zip(rounds, found["howdah"]))
            goal = goals.get(name)
            self.lines.append("| " + " | ".join((
                name, number(median(one["rate"] for one in rounds)), "" if name == yardstick else f"{share:.2f}",
                f">= {goal}: {judge(share, ('>=', goal))}" if goal else "", f"{median(one['cpu_us'] for one in rounds):.1f} us",
                *((f"{beside(figure):+.1f} us" for figure in ("cpu_us", "database_cpu_us"))
                  if name not in (yardstick, "howdah") else ("", "")))) + " |")

    def text(self):
        return "\n".join(self.lines)
