"""The metric lab: write a definition, see what is wrong with it, what it answers and what it becomes.

Open it with `marimo edit notebooks/metric_lab.py`, or run it:
`python notebooks/metric_lab.py --file metrics/mine.yaml --day 2025-12-31`. See docs/add-a-metric.md.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Metric lab")


@app.cell(hide_code=True)
def _():
    import marimo as mo

    import sophia_kit as sk
    from sophia_kit import reports

    return mo, reports, sk


@app.cell(hide_code=True)
def _(mo, reports):
    surface = reports.Surface(globals().get("__file__"), mo)
    return (surface,)


@app.cell(hide_code=True)
def _(reports, surface):
    params = surface.attempt(lambda: reports.lab_parameters(surface.arguments(reports.LAB_OPTIONS)))
    return (params,)


@app.cell(hide_code=True)
def _(sk, surface):
    settings = surface.attempt(sk.load_settings)
    return (settings,)


@app.cell(hide_code=True)
def _(mo, params, settings):
    editor = mo.ui.code_editor(value=params.text, language="yaml", min_height=420, show_copy_button=True)
    _demo = "<strong>DEMO DATA</strong>: a fictional company. " if settings.demo else ""
    mo.vstack(
        [
            mo.md("# Metric lab"),
            mo.Html(
                f"<p>{_demo}Write a definition; what is below follows it. Nothing is kept: download it into your "
                "project's <code>metrics/</code> when you like it. docs/metrics.md lists every key, "
                "<code>sophia metrics views</code> what there is to count.</p>"
            ),
            editor,
        ]
    )
    return (editor,)


@app.cell(hide_code=True)
def _(editor, mo, params, reports, settings, surface):
    # A program that overrides `params` has no editor to write in.
    draft = surface.attempt(
        lambda: reports.draft_definition(editor.value if mo.running_in_notebook() else params.text, settings)
    )
    return (draft,)


@app.cell(hide_code=True)
def _(draft, mo, reports):
    mo.callout(
        mo.Html(reports.findings_markup(draft)),
        kind="success" if not draft.findings else "warn" if draft.names else "danger",
    )
    return


@app.cell(hide_code=True)
def _(draft, mo, params, reports, settings, surface):
    if surface.script and not draft.names:
        reports.print_draft(draft, None)
        raise SystemExit(1)
    mo.stop(not draft.names)
    _first = surface.attempt(lambda: reports.chosen_metric(draft, params.metric))
    _day, _today = (reports.lab_day(item, settings) for item in (params, reports.LabParameters()))
    _dimensions = sorted({name for item in draft.names for name in draft.catalogue.get(item).dimensions})
    controls = mo.ui.dictionary(
        {
            "metric": mo.ui.dropdown(options=list(draft.names), value=_first, label="Metric"),
            "by": mo.ui.dropdown(options=_dimensions, allow_select_none=True, value=None, label="By"),
            "day": mo.ui.date(value=_day, stop=_today, label="Day"),
        }
    )
    return (controls,)


@app.cell(hide_code=True)
def _(controls, draft, reports, settings, surface):
    chosen = controls.value
    answer = reports.ask_draft(draft, chosen["metric"], settings, day=chosen["day"], by=chosen["by"])
    if surface.script:
        reports.print_draft(draft, answer)
    return answer, chosen


@app.cell(hide_code=True)
def _(chosen, draft, mo, reports, settings, surface):
    # A script has nobody to show the rest to.
    mo.stop(surface.script)
    elsewhere = reports.answer_on_snowflake(draft, chosen["metric"], settings, day=chosen["day"], by=chosen["by"])
    return (elsewhere,)


@app.cell(hide_code=True)
def _(answer, controls, draft, elsewhere, mo, reports):
    _rows = reports.answer_rows(answer, elsewhere)
    _chart = None if answer.result is None else reports.result_chart(answer.result)
    _download = mo.download(draft.text.encode(), filename=f"{draft.names[0]}.yaml", label="Definition as a file")
    mo.vstack(
        [
            mo.hstack([*controls.elements.values(), _download], justify="start"),
            mo.md("## On DuckDB"),
            *([] if _chart is None else [_chart]),
            mo.callout(answer.reason, kind="warn") if answer.result is None else answer.result,
            mo.md("## On Snowflake"),
            mo.ui.table(_rows, selection=None, show_data_types=False, pagination=False)
            if _rows
            else mo.callout(elsewhere.reason or "DuckDB has no answer to compare with.", kind="neutral"),
        ]
    )
    return


@app.cell(hide_code=True)
def _(chosen, draft, mo, reports, surface):
    mo.stop(surface.script)
    _sql = reports.sql_of(draft, chosen["metric"])
    mo.vstack(
        [
            mo.md("## As SQL"),
            mo.ui.tabs({name: mo.md(f"```sql\n{text}\n```") for name, text in _sql.items()}),
        ]
    )
    return


@app.cell(hide_code=True)
def _(answer, chosen, draft, mo, reports, settings, surface):
    mo.stop(surface.script)
    why = reports.explain_draft(draft, chosen["metric"], settings, day=chosen["day"])
    mo.vstack(
        [
            mo.md("## Why did it change?"),
            mo.callout(why.reason, kind="neutral") if why.explanation is None else why.explanation,
        ]
    ) if answer.result is not None else None
    return (why,)


if __name__ == "__main__":
    app.run()
