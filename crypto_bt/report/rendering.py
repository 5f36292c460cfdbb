"""The pages' templates, with our ways to write figures as filters; everything from outside is escaped."""

from typing import Final

from crypto_bt.report import figures
from crypto_bt.report.drawing.style import chart_css, inline
from crypto_bt.report.survivorship import places_told

_FILTERS: Final = (
    figures.percent, figures.points, figures.ratio, figures.count, figures.price, figures.money,
    figures.moment, figures.timeframe, figures.tone, places_told,
)  # fmt: skip


def render(template: str, **values: object) -> str:
    """The page ``template`` of :mod:`crypto_bt.report` with ``values``; a name it lacks is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from crypto_bt.report.sections import in_words

    environment = Environment(
        loader=PackageLoader("crypto_bt.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {written.__name__: written for written in _FILTERS}
    environment.filters |= {"in_words": in_words, "drawn": _drawn}
    return environment.get_template(template).render(chart_css=Markup(chart_css()), **values)


def _drawn(svg: str) -> object:
    """A chart as it stands in a page: it is drawn by us, and names in it were escaped then."""
    from markupsafe import Markup

    return Markup(inline(svg))
