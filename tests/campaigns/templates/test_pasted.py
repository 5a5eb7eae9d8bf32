"""Letters made elsewhere and pasted whole arrive byte for byte, but for what we insert."""

import time

import pytest

from campaigns.composing.links import Addresses, MessageLinks
from campaigns.definition import Leg
from campaigns.templates.checking import check_file
from campaigns.templates.content import render_templates
from campaigns.templates.pasted import PREVIEW, guarded, with_place_for_preview
from campaigns.templates.variables import sample
from core.reading.problems import Problems

OUTLOOK = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office">
<head>
<!--[if gte mso 9]><xml><o:OfficeDocumentSettings><o:AllowPNG/><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><![endif]-->
<meta http-equiv="Content-Type" content="text/html; charset=UTF-8">
<title>News</title>
<style type="text/css">
  #outlook a { padding:0; } .ExternalClass, .ExternalClass p { line-height: 100%; }
  @media only screen and (max-width:480px) {#wrap{width:100%!important} .hide {display:none!important;}}
  @media yahoo {{ '{' }}* {opacity:1}}
</style>
</head>
<!--[if mso]><body class="mso" bgcolor="#eee"><![endif]-->
<!--[if !mso]><!-->
<BODY class="clean-body" style="margin:0;padding:0;background:url('https://img.example.com/a>b.png')">
<!--<![endif]-->
<table id="wrap" cellpadding="0" cellspacing="0" border="0" width="600" align="center" role="presentation"><tbody><tr>
  <td valign="top" style="mso-table-lspace:0pt;font-family:'Trebuchet MS',sans-serif">&nbsp;Dear {{ customer.first_name }},&zwnj;
  <div align="center"><!--[if mso]><v:roundrect href="https://shop.example.com/new" style="height:40px"><w:anchorlock/><center><![endif]-->
  <a href="https://shop.example.com/new?x=1&amp;y=2" target="_blank">Look</a><!--[if mso]></center></v:roundrect><![endif]--></div>
  <img src="https://img.example.com/1.png" alt="A lamp" width="1" height="1"><a href="{{ links.unsubscribe }}">leave</a></td>
</tr></tbody></table>
</BODY></html>
"""  # noqa: E501
FRAGMENT = (
    '<table><tr><td><font color="red">Sale & more</font><br></td></tr></table><a href="{{ links.unsubscribe }}">x</a>'
)
TABLES = """<html><head><style>.a{color:#fff}
/* {# not ours #} */</style></head><body bgcolor=#ffffff><center>
<table width=100%><tr><td class=a>Hi<td>two</table></center></body></html>"""


def rendered(letter: str, preview: str = "") -> str:
    front = "---\nsubject: News\n" + (f"preview: {preview}\n" if preview else "") + "---\n"
    leg = Leg(channel="email", template="t")
    return render_templates({"t/email.html": front + letter}, leg, "en", sample()).html


def said(letter: str) -> str:
    """The letter with our variables put in by hand."""
    filled = letter.replace("{{ customer.first_name }}", "Anna").replace("{{ '{' }}", "{")
    return filled.replace("{{ links.unsubscribe }}", "https://example.com/u/token")


@pytest.mark.parametrize("letter", [OUTLOOK, FRAGMENT, TABLES])
def test_nothing_else_changes(letter: str) -> None:
    assert rendered(letter) == said(letter)
    shown = rendered(letter, "A look inside")
    start = shown.index('<div style="display:none')
    end = shown.index("</div>", start) + len("</div>")
    assert shown[:start] + shown[end:] == said(letter)
    assert "A look inside" in shown[start:end]


@pytest.mark.parametrize("letter", [OUTLOOK, FRAGMENT, TABLES])
def test_it_is_in_order(letter: str) -> None:
    problems = Problems()
    check_file("t/email.html", f"---\nsubject: News\n---\n{letter}", problems)
    assert [str(problem) for problem in problems.found] == []


def test_the_preview_goes_into_the_body_that_all_programs_read() -> None:
    before, _, after = with_place_for_preview(OUTLOOK).partition(PREVIEW)
    assert before.endswith("a>b.png')\">")
    assert after.startswith("\n<!--<![endif]-->")
    assert with_place_for_preview("<p>x</p>") == f"{PREVIEW}<p>x</p>"
    assert with_place_for_preview("<html><head></head>x</html>") == f"<html><head></head>{PREVIEW}x</html>"


def test_only_links_change_on_the_way_out() -> None:
    links = MessageLinks(Addresses("https://links.example.com", "a secret"))
    targets: dict[str, str] = {}
    html = rendered(OUTLOOK)
    sent = links.tracked_html(html, "0" * 26, targets, (("utm_source", "o"),))
    assert set(targets.values()) == {
        "https://shop.example.com/new?utm_source=o", "https://shop.example.com/new?x=1&y=2&utm_source=o",
        "https://example.com/u/token?utm_source=o",
    }  # fmt: skip
    # what is not the address of a link is as it was
    assert sent.split("href=")[0] == html.split("href=")[0]
    assert sent.count("\n") == html.count("\n")


def test_hostile_letters_cost_no_time() -> None:
    began = time.thread_time()  # of its own: what others on this machine do costs it none
    for bomb in ("<!--" * 60_000, "<style>" * 30_000 + "{#", "<body " * 40_000, '<body "' * 40_000, "</head" * 40_000):
        with_place_for_preview(bomb)
        guarded(bomb)
    assert time.thread_time() - began < 5
