"""Terms explained where they stand: a focusable word and its explanation, in HTML and CSS."""

from __future__ import annotations

from markupsafe import Markup, escape

from trueup.report.terms import ALIASES, FINDER, SHORT, TERMS


_TIP = Markup(
    '<span class="t"><button type="button" class="term" aria-describedby="{id}">{word}</button>'
    '<span class="tip" role="tooltip" id="{id}">{text}</span></span>'
)


class Glossary:
    """Hands out explanations for one page and remembers which terms were used."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self._count = 0

    def term(self, word: str, key: str | None = None) -> Markup:
        """Return the word with its explanation, or the plain word where there is none."""
        name = key if key is not None else ALIASES.get(word.lower(), word.lower())
        if name not in TERMS:
            return escape(word)
        self.used.add(name)
        self._count += 1
        return _TIP.format(id=f"tip-{self._count}", word=word, text=TERMS[name])

    def explain(self, text: str) -> Markup:
        """Return the sentence with the first use of each known term explained."""
        parts, end, seen = [], 0, set()
        for match in FINDER.finditer(text):
            name = ALIASES[match[0].lower()]
            if name in seen:
                continue
            seen.add(name)
            parts += [escape(text[end : match.start()]), self.term(match[0], name)]
            end = match.end()
        return Markup("").join([*parts, escape(text[end:])])

    def entries(self) -> list[tuple[str, str]]:
        """Return the terms used so far with their explanations, in alphabetical order."""
        return [(title(name), TERMS[name]) for name in sorted(self.used, key=str.lower)]


def title(term: str) -> str:
    """A term as it stands at the beginning of a line: ``CRPS``, ``Bias``."""
    return term.upper() if term in SHORT else term[0].upper() + term[1:]
