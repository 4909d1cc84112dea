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
def _(mo, reports):
    surface = reports.Surface(globals().get("__file__"), mo)
    return (surface,)


@app.cell
def _(surface):
    # Who reads the published app; a script, an editor and a program ask for their owner.
    principal = surface.attempt(surface.principal)
    return (principal,)


@app.cell
def _(mo, reports, surface, sys):
    # Arguments first, then the query string; what neither names keeps its default.
    def _sources():
        if surface.script:
            return [reports.parse_arguments(sys.argv[1:])]
        if mo.running_in_notebook():
            return [mo.cli_args().to_dict(), mo.query_params().to_dict()]
        return []

    asked = surface.attempt(lambda: reports.resolve_parameters(*_sources()))
    return (asked,)


@app.cell
def _(asked, mo, principal, reports, surface):
    # Only where somebody can turn them.
    controls = None
    if mo.running_in_notebook():
        _choices = surface.attempt(lambda: reports.brief_choices(asked, principal=principal))
        controls = mo.ui.dictionary(
            {
                "day": mo.ui.date(value=asked.day or _choices.day, stop=_choices.day, label="Day"),
                "segment": mo.ui.dropdown(
                    options=list(_choices.segments),
                    value=asked.segment,
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
def _(params, principal, reports, sk, surface):
    def _brief():
        found = sk.daily_brief(day=params.day, segment=params.segment, principal=principal)
        # By the model that llm.analysis_model names; the rules' narrative stays where there is none.
        return reports.with_analysis(found, principal=principal)

    brief = surface.attempt(_brief)
    return (brief,)


@app.cell
def _(brief, reports, sk, surface):
    published = None
    if surface.script:
        published = surface.attempt(lambda: sk.publish(brief))
        reports.print_summary(brief, published.page)
    return (published,)


@app.cell
def _(brief, mo, surface):
    # A script has nobody to show it to.
    mo.stop(surface.script)
    shown = brief
    return (shown,)


@app.cell
def _(controls, mo, reports, shown):
    _download = mo.download(
        lambda: reports.render(shown).encode(),
        filename=f"brief-{shown.header.day.isoformat()}.html",
        label="Brief as a page",
    )
    mo.vstack(
        [
            mo.Html(reports.heading_markup(shown)),
            *([] if controls is None else [mo.hstack([*controls.elements.values(), _download], justify="start")]),
            mo.callout(mo.Html(reports.gate_markup(shown)), kind="success" if shown.gate.open else "warn"),
        ]
    )
    return


@app.cell
def _(mo, reports, shown):
    mo.Html(reports.narrative_markup(shown))
    return


@app.cell
def _(mo, reports, shown):
    mo.vstack(
        [
            mo.md("## Key figures"),
            mo.Html(reports.tiles_markup(shown, shown.kpis)),
            mo.md("## Payments on the day"),
            mo.Html(reports.tiles_markup(shown, shown.day_kpis)),
            *(
                [mo.callout(mo.Html(reports.refusals_markup(shown)), kind="warn")]
                if reports.refusals_markup(shown)
                else []
            ),
        ]
    )
    return


@app.cell
def _(escape, mo, reports, shown):
    mo.vstack(
        [
            mo.md("## Why it moved"),
            *(
                mo.vstack(
                    [
                        mo.Html(f"<h3>{escape(reports.why_heading(item))}</h3>"),
                        reports.waterfall_chart(item, item.tables[0]),
                        mo.ui.table(
                            [row for table in item.tables for row in reports.why_rows(shown, table)],
                            selection=None,
                            show_data_types=False,
                            pagination=False,
                        ),
                    ]
                )
                for item in shown.whys
            ),
        ]
    )
    return


@app.cell
def _(escape, mo, reports, shown):
    mo.vstack(
        [
            mo.md("## Trends"),
            mo.hstack(
                [
                    mo.vstack([mo.Html(f"<h3>{escape(item.title)}</h3>"), item.chart])
                    for item in reports.trend_charts(shown)
                ],
                wrap=True,
                justify="start",
            ),
        ]
    )
    return


@app.cell
def _(mo, reports, shown):
    mo.vstack(
        [
            mo.md("## Biggest movers"),
            mo.ui.table(reports.mover_rows(shown), selection=None, show_data_types=False, pagination=False),
            mo.md("## Failed payments by reason"),
            *([] if shown.failures is None else [reports.breakdown_chart(shown.failures)]),
            mo.ui.table(reports.reason_rows(shown), selection=None, show_data_types=False, pagination=False),
        ]
    )
    return


@app.cell
def _(mo, reports, shown):
    mo.vstack(
        [
            mo.md("## Data quality"),
            mo.ui.table(
                reports.finding_rows(shown),
                selection=None,
                show_data_types=False,
                pagination=False,
                label="Open findings",
            ),
            mo.ui.table(
                reports.source_rows(shown), selection=None, show_data_types=False, pagination=False, label="Sources"
            ),
        ]
    )
    return


@app.cell
def _(mo, reports, shown):
    mo.vstack(
        [
            mo.md("## How each number was made"),
            mo.accordion({item.title: mo.Html(reports.explanation_markup(item)) for item in shown.explanations}),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
