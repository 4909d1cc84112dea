"""Daily Business Intelligence: the brief of a company day.

Explore it with `marimo edit notebooks/daily_bi.py`, read it as an app through `sophia serve`, or run it:
`python notebooks/daily_bi.py --day 2025-12-31 --segment Enterprise` writes the page. See docs/daily-bi.md.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Daily brief")


@app.cell
def _():
    import sys
    from html import escape

    import marimo as mo

    import sophia_kit as sk
    from sophia_kit import reports

    return escape, mo, reports, sk, sys


@app.cell
def _(escape, mo, reports, sk):
    script = reports.started_as_script(__file__)

    def attempt(work):
        """Do it. A user's mistake ends a script with one message, shows itself in an app, and is raised elsewhere."""
        if script:
            with reports.script_errors():
                return work()
        try:
            return work()
        except sk.SophiaError as error:
            if not mo.running_in_notebook():
                raise
            told = f"<strong>{escape(error.title)}.</strong> {escape(error.message)}<br>{escape(error.hint or '')}"
            return mo.stop(predicate=True, output=mo.callout(mo.Html(told), kind="danger"))

    return attempt, script


@app.cell
def _(attempt, mo, reports, script, sys):
    # Arguments first, then the query string; what neither names keeps its default.
    def _sources():
        if script:
            return [reports.parse_arguments(sys.argv[1:])]
        if mo.running_in_notebook():
            return [mo.cli_args().to_dict(), mo.query_params().to_dict()]
        return []

    asked = attempt(lambda: reports.resolve_parameters(*_sources()))
    return (asked,)


@app.cell
def _(asked, attempt, mo, reports):
    # Only where somebody can turn them.
    controls = None
    if mo.running_in_notebook():
        _choices = attempt(reports.brief_choices)
        controls = mo.ui.dictionary(
            {
                "day": mo.ui.date(value=asked.day or _choices.day, stop=_choices.day, label="Day"),
                "segment": mo.ui.dropdown(
                    options=list(_choices.segments),
                    value=asked.segment if asked.segment in _choices.segments else None,
                    allow_select_none=True,
                    label="Segment",
                ),
            }
        )
    return (controls,)


@app.cell
def _(asked, controls, reports):
    params = asked if controls is None else reports.BriefParameters(**controls.value)
    return (params,)


@app.cell
def _(attempt, params, sk):
    brief = attempt(lambda: sk.daily_brief(day=params.day, segment=params.segment))
    return (brief,)


@app.cell
def _(attempt, brief, reports, script, sk):
    published = None
    if script:
        published = attempt(lambda: sk.publish(brief))
        reports.print_summary(brief, published.page)
    return (published,)


@app.cell
def _(brief, controls, escape, mo, reports):
    _head = brief.header
    _banner = mo.callout(mo.Html("<strong>DEMO DATA</strong>: a fictional company."), kind="info")
    _title = mo.Html(
        f"<p>{escape(_head.company)}</p><h1>Daily brief, {_head.day:%A} {_head.day.isoformat()}</h1>"
        f"<p>{escape(_head.segment or 'Whole company')}. As known at {_head.known_at:%Y-%m-%d %H:%M} UTC. "
        f"Snapshot <code>{escape(_head.snapshot_id)}</code>.</p>"
    )
    _download = mo.download(
        lambda: reports.render(brief).encode(), filename=f"brief-{_head.day.isoformat()}.html", label="Brief as a page"
    )
    _turn = [] if controls is None else [mo.hstack([controls["day"], controls["segment"], _download], justify="start")]
    mo.vstack([*([_banner] if _head.demo else []), _title, *_turn])
    return


@app.cell
def _(brief, escape, mo):
    # The freshness gate.
    _late = "".join(
        f"<li>{escape(item.table)} from {escape(item.source_system)}: {item.status}</li>"
        for item in brief.gate.closed_by
    )
    mo.callout(
        mo.Html("<strong>Fresh.</strong> Every source these numbers stand on was loaded in time.")
        if brief.gate.open
        else mo.Html(f"<strong>Not fresh.</strong> Numbers that stand on these are marked:<ul>{_late}</ul>"),
        kind="success" if brief.gate.open else "warn",
    )
    return


@app.cell
def _(brief, mo, reports):
    mo.Html(reports.narrative_markup(brief))
    return


@app.cell
def _(brief, mo, reports):
    def _tile(kpi):
        tile = reports.tile_of(brief, kpi)
        return mo.stat(
            value=tile.value,
            label=tile.label,
            caption=tile.caption,
            direction=tile.direction,
            target_direction=tile.wanted,
            bordered=True,
        )

    _month = [_tile(kpi) for kpi in brief.kpis]
    _day = [_tile(kpi) for kpi in brief.day_kpis]
    mo.vstack(
        [
            mo.md("## Key figures"),
            mo.hstack(_month, wrap=True, justify="start"),
            mo.md("## Payments on the day"),
            mo.hstack(_day, wrap=True, justify="start"),
        ]
    )
    return


@app.cell
def _(brief, escape, mo, reports):
    mo.vstack(
        [
            mo.md("## Trends"),
            mo.hstack(
                [mo.vstack([mo.Html(f"<h3>{escape(item.title)}</h3>"), item.chart]) for item in reports.trend_charts(brief)],
                wrap=True,
                justify="start",
            ),
        ]
    )
    return


@app.cell
def _(brief, mo, reports):
    mo.vstack(
        [
            mo.md("## Biggest movers"),
            mo.ui.table(reports.mover_rows(brief), selection=None, show_data_types=False),
            mo.md("## Failed payments by reason"),
            *([] if brief.failures is None else [reports.breakdown_chart(brief.failures)]),
            mo.ui.table(reports.reason_rows(brief), selection=None, show_data_types=False),
        ]
    )
    return


@app.cell
def _(brief, mo, reports):
    mo.vstack(
        [
            mo.md("## Data quality"),
            mo.ui.table(reports.finding_rows(brief), selection=None, show_data_types=False, label="Open findings"),
            mo.ui.table(reports.source_rows(brief), selection=None, show_data_types=False, label="Sources"),
        ]
    )
    return


@app.cell
def _(brief, mo, reports):
    mo.vstack(
        [
            mo.md("## How each number was made"),
            mo.accordion({item.title: mo.Html(reports.explanation_markup(item)) for item in brief.explanations}),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
