"""The verdict as a badge: one small SVG that needs nothing from elsewhere."""

from __future__ import annotations

from gnnp_bench.certificate.result import Certificate
from gnnp_bench.report.text import plural

COLOURS = {"certified": "#19713a", "failed": "#b3261e", "partial": "#8a5a00"}
LABEL = "physics"
LETTER, PADDING, HEIGHT = 6.4, 7.0, 20.0
"""Pixels: of a letter, which the text is stretched to, and around it."""


def words(certificate: Certificate) -> str:
    """Return the verdict in a few words.

    A failure tells how many laws are violated; a certificate that is not complete never says more than it knows.
    """
    if certificate.verdict == "certified":
        return f"certified ({certificate.grade})"
    if certificate.verdict == "partial":
        return "not certified"
    violated = sum(r.status == "fail" and r.category != "informational" for r in certificate.checks)
    return f"failed: {plural(violated, 'law')}"


def badge(certificate: Certificate) -> str:
    """Return the badge as SVG. Its words are the project's own: nothing of a potential stands in it."""
    told = words(certificate)
    left, right = (LETTER * len(text) for text in (LABEL, told))
    edge = left + 2 * PADDING
    width = edge + right + 2 * PADDING
    colour = COLOURS[certificate.verdict]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{HEIGHT:g}" role="img"'
        f' aria-label="{LABEL}: {told}"><title>{LABEL}: {told}</title>'
        f'<clipPath id="r"><rect width="{width:.0f}" height="{HEIGHT:g}" rx="3"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{edge:.1f}" height="{HEIGHT:g}" fill="#444c56"/>'
        f'<rect x="{edge:.1f}" width="{width - edge:.1f}" height="{HEIGHT:g}" fill="{colour}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{PADDING:g}" y="14" textLength="{left:.1f}">{LABEL}</text>'
        f'<text x="{edge + PADDING:.1f}" y="14" textLength="{right:.1f}">{told}</text></g></svg>\n'
    )
