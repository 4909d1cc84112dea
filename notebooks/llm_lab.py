"""The model lab: the same prompts put to several language models, compared by cost, time, agreement and rightness.

Open it with `marimo edit notebooks/llm_lab.py`, or run it: `python notebooks/llm_lab.py --models gpt-5-mini,claude-haiku
--prompts prompts.yaml`. It asks real models and costs money: within your budgets, and in an editor not before you press
the button. See docs/compare-models.md.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Model lab")


@app.cell(hide_code=True)
def _():
    from html import escape

    import marimo as mo

    import sophia_kit as sk
    from sophia_kit import reports

    return escape, mo, reports, sk


@app.cell(hide_code=True)
def _(mo, reports):
    surface = reports.Surface(globals().get("__file__"), mo)
    return (surface,)


@app.cell(hide_code=True)
def _(reports, surface):
    params = surface.attempt(lambda: reports.model_lab_parameters(surface.arguments(reports.MODEL_LAB_OPTIONS)))
    return (params,)


@app.cell(hide_code=True)
def _(params, reports, sk, surface):
    settings = surface.attempt(sk.load_settings)
    models = surface.attempt(lambda: reports.lab_models(params, settings))
    return models, settings


@app.cell(hide_code=True)
def _(escape, mo, models, params, reports, settings, surface):
    mo.stop(surface.script)
    _cost = surface.attempt(lambda: reports.expected_cost(params.prompts, models, settings))
    _told = "what it costs isn't known" if _cost is None else f"it costs {reports.cost_text(_cost)} at most"
    go = mo.ui.run_button(label=f"Ask {len(models)} models {len(params.prompts)} prompts")
    mo.vstack(
        [
            mo.md("# Model lab"),
            mo.Html(
                f"<p>The same prompts for {escape(', '.join(models))}; {_told}. Nothing is sent before you press the "
                "button. Each call is booked in the ledger as <code>model lab</code>.</p>"
            ),
            go,
        ]
    )
    return (go,)


@app.cell(hide_code=True)
def _(go, mo, models, params, reports, settings, surface):
    mo.stop(not go.value)
    comparison = surface.attempt(lambda: reports.compare_models(params.prompts, models, settings))
    return (comparison,)


@app.cell(hide_code=True)
def _(comparison, mo, reports):
    mo.vstack(
        [
            mo.md("## Models"),
            mo.ui.table(reports.model_rows(comparison), selection=None, show_data_types=False, pagination=False),
            mo.md("## Answers"),
            mo.ui.table(
                reports.trial_rows(comparison), selection=None, show_data_types=False, wrapped_columns=["Answer"]
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(models, params, reports, settings, surface):
    # A script was started to ask.
    if surface.script:
        reports.print_comparison(surface.attempt(lambda: reports.compare_models(params.prompts, models, settings)))
    return


if __name__ == "__main__":
    app.run()
