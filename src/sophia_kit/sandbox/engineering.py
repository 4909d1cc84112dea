"""What the company's engineers do on GitHub: pull requests, issues and workflow runs of three years, and their end.

Nothing here depends on the scale. A row knows every moment of its life; `github_records` shows it as it stood at one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sophia_kit.sandbox.days import DAY, from_number, number
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.people import Employee
from sophia_kit.sandbox.profile import Profile

__all__ = ["BOT", "Engineering", "Item", "Repository", "Run", "login", "make_engineering"]

BOT = "dependabot[bot]"
_SATURDAY = 5
_KINDS = ("fix", "feat", "chore", "refactor", "docs", "test")
_THINGS = (
    "retries of a declined card", "settlement of a closed month", "refund to a former tenant", "deposit that is split",
    "webhook of the processor", "payout file", "late fee", "receipt in French", "import of a rent roll",
    "login by a magic link", "report of failed payments", "currency of a Canadian property",
)  # fmt: skip
_ODD = (
    "Receipt cuts off “Zoë Nuñez-Østergård” 🧾", "支払いが二重に表示される", "Import fails on CRLF\u2028breaks",
    "مبلغ الإيجار غير صحيح", "Emoji 🏠🔑 in a property's name breaks the payout file",
)  # fmt: skip
_LABELS = ("bug", "enhancement", "payments", "good first issue", "security")


@dataclass(frozen=True, slots=True)
class Repository:
    """`id` is GitHub's; `made` the day it was created."""

    owner: str
    name: str
    id: int
    made: int
    pulls: int
    issues: int
    nightly: bool

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class Item:
    """An issue, or a pull request. Moments are epoch seconds.

    Attributes:
        ready: when a draft became ready; None when it never was one.
        closed: when it was closed; None when it never is.
        touched: further moments at which it changed.
    """

    number: int
    pull: bool
    title: str | None
    author: str
    labels: tuple[str, ...]
    opened: int
    ready: int | None
    closed: int | None
    merged: bool
    planned: bool
    touched: tuple[int, ...]

    def updated(self, moment: int) -> int:
        """When it last changed, as known at a moment."""
        seen = (self.opened, self.ready or 0, self.closed or 0, *self.touched)
        return max(at for at in seen if at <= moment)

    @property
    def branch(self) -> str:
        return f"change-{self.number}"


@dataclass(frozen=True, slots=True)
class Run:
    """A workflow run. `attempts` are the start, the end and the outcome of each time it was started."""

    id: int
    workflow: str
    event: str
    branch: str
    title: str
    actor: str
    created: int
    attempts: tuple[tuple[int, int, str], ...]
    deleted: int | None = None
    spoilt: bool = False


@dataclass(frozen=True, slots=True)
class Engineering:
    """By repository; items and runs in the order they came."""

    repositories: tuple[Repository, ...]
    items: dict[str, tuple[Item, ...]] = field(repr=False)
    runs: dict[str, tuple[Run, ...]] = field(repr=False)


def login(employee: Employee) -> str:
    return employee.name.lower().replace(" ", "-")


def make_engineering(profile: Profile, employees: tuple[Employee, ...]) -> Engineering:
    """Two repositories with work in them, and one where nothing was ever committed."""
    owner = profile.name.partition(" ")[0].lower()
    repositories = (
        Repository(owner, "payments", 600_100_001, profile.first - 400, 240, 150, nightly=True),
        Repository(owner, "portal", 600_100_002, profile.first - 150, 110, 70, nightly=False),
        Repository(owner, "handbook", 600_100_003, profile.first + 30, 0, 0, nightly=False),
    )
    people = tuple(one for one in employees if one.department in ("Engineering", "Product"))
    items = {one.full_name: _items(profile, one, people) for one in repositories}
    made = [(run, one.full_name) for one in repositories for run in _runs(profile, one, items[one.full_name])]
    made.sort(key=lambda pair: (pair[0].created, pair[1], pair[0].workflow, pair[0].branch))
    runs: dict[str, list[Run]] = {one.full_name: [] for one in repositories}
    for index, (run, name) in enumerate(made):
        runs[name].append(_numbered(run, 9_000_000_001 + 7 * index))
    return Engineering(repositories, items, {name: tuple(found) for name, found in runs.items()})


def _items(profile: Profile, repository: Repository, people: tuple[Employee, ...]) -> tuple[Item, ...]:
    draws = Draws(profile.seed, f"github.{repository.name}")
    whole = profile.horizon - profile.first
    plan = [(profile.first + whole * turn // repository.pulls, True, turn) for turn in range(repository.pulls)]
    plan += [(profile.first + whole * turn // repository.issues, False, turn) for turn in range(repository.issues)]
    moments = sorted(
        (profile.calendar.at(day, 9 * 3600 + draws.below("second", 2 * turn + pull, 30_000)), pull, turn, day)
        for day, pull, turn in plan
    )
    found: list[Item] = []
    for index, (opened, pull, turn, day) in enumerate(moments):
        around = [one for one in people if one.active(day)]
        author = login(around[draws.below("author", index, len(around))])
        if pull:
            found.append(_pull(draws, index + 1, turn, opened, author))
        else:
            late = profile.last - turn // 20 if repository.nightly and turn % 20 == 3 else None
            found.append(_issue(profile, draws, index + 1, turn, opened, author, late))
    if found:
        place, last = len(found) + 1, profile.calendar.at(profile.last - 30, 15 * 3600)
        found += [
            Item(place + pull, pull, None, BOT, (), last + pull, None, None, merged=False, planned=True, touched=())
            for pull in (False, True)
        ]
    return tuple(found)


def _pull(draws: Draws, index: int, turn: int, opened: int, author: str) -> Item:
    bot = turn % 11 == 7
    title = (
        f"chore: bump library {turn % 7} to {1 + turn // 20}.{turn % 20}"
        if bot
        else f"{draws.choice('kind', index, _KINDS)}: {draws.choice('thing', index, _THINGS)}"
    )
    takes = (1 + draws.below("hours_a", index, 30) + draws.below("hours_b", index, 90)) * 3600
    draft = draws.chance("draft", index, 180)
    fate = draws.pick("fate", index, (84, 11, 5))
    return Item(
        number=index,
        pull=True,
        title=title,
        author=BOT if bot else author,
        labels=("dependencies",) if bot else (),
        opened=opened,
        ready=opened + takes // 2 if draft and fate != 2 else 2**40 if draft else None,
        closed=None if fate == 2 else opened + takes,
        merged=fate == 0,
        planned=True,
        touched=(opened + takes // 3, opened + 2 * takes // 3),
    )


def _issue(profile: Profile, draws: Draws, index: int, turn: int, opened: int, author: str, late: int | None) -> Item:
    title = _ODD[turn // 17 % len(_ODD)] if turn % 17 == 5 else f"Problem with {draws.choice('thing', index, _THINGS)}"
    takes = (8 + draws.below("hours_a", index, 200) + draws.below("hours_b", index, 500)) * 3600
    stays = draws.chance("stays", index, 120)
    # Old issues that somebody comments on at the end of the history, and one more each day after it.
    comments: tuple[int, ...] = () if late is None else (profile.calendar.at(late, 16 * 3600 + turn),)
    if turn == 3:
        days = range(profile.last, profile.horizon + 1)
        comments = tuple(profile.calendar.at(day, 17 * 3600) for day in days)
    return Item(
        number=index,
        pull=False,
        title=title,
        author=author,
        labels=(_LABELS[draws.below("label", index, len(_LABELS))],),
        opened=opened,
        ready=None,
        closed=None if stays else opened + takes,
        merged=False,
        planned=not draws.chance("planned", index, 150),
        touched=(opened + takes // 2, *comments),
    )


def _runs(profile: Profile, repository: Repository, items: tuple[Item, ...]) -> list[Run]:
    draws = Draws(profile.seed, f"github.runs.{repository.name}")
    outage = number(profile.stories.outage_day)
    found: list[Run] = []

    def add(row: int, name: str, event: str, branch: str, title: str, actor: str, at: int, seconds: int) -> None:
        outcome = ("success", "failure", "cancelled")[draws.pick(f"{event}.outcome", row, (88, 9, 3))]
        attempts = [(at + 4, at + 4 + seconds + draws.below(f"{event}.seconds", row, 240), outcome)]
        if outcome == "failure" and row % 3 == 1:
            again = at + 2 * DAY + 3600
            attempts.append((again, again + seconds, "success"))
        found.append(Run(0, name, event, branch, title, actor, at, tuple(attempts)))

    for item in items:
        if item.pull and item.title is not None:
            add(item.number, "CI", "pull_request", item.branch, item.title, item.author, item.opened + 30, 300)
            if item.merged and item.closed is not None:
                title = f"{item.title} (#{item.number})"
                add(item.number, "Deploy", "push", "main", title, item.author, item.closed + 5, 420)
    if repository.nightly:
        for day in range(profile.first, profile.horizon + 1):
            if from_number(day).weekday() >= _SATURDAY:
                continue
            # Started ten minutes before midnight, it runs while the day ends.
            at = profile.calendar.at(day, 23 * 3600 + 50 * 60)
            add(day, "Nightly", "schedule", "main", "Nightly", BOT, at, 1500)
            if day == outage:
                start, end, _ = found[-1].attempts[0]
                found[-1] = Run(0, "Nightly", "schedule", "main", "Nightly", BOT, at, ((start, end, "failure"),))
        at = profile.calendar.at(profile.last - 12, 11 * 3600)
        gone = profile.calendar.at(profile.last + 1, 12 * 3600)
        done = ((at + 4, at + 90, "success"),)
        found.append(Run(0, "CI", "workflow_dispatch", "main", "Ran by hand", BOT, at, done, deleted=gone))
        found.append(Run(0, "CI", "workflow_dispatch", "spoilt", "Ran by hand", BOT, at + 60, done, spoilt=True))
    return found


def _numbered(run: Run, serial: int) -> Run:
    return Run(
        serial, run.workflow, run.event, run.branch, run.title, run.actor, run.created, run.attempts, run.deleted,
        run.spoilt,
    )  # fmt: skip
