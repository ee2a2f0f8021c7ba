"""The page stands alone, and shows what the record holds."""

import json
import re

from scratchgrad.grading.page import to_html
from scratchgrad.grading.record import FileGrade, LayerGrade


def test_the_page_refers_to_nothing_outside_and_has_no_script(students):
    page = to_html([students("course_mistakes"), students("columns_right")])
    assert not re.search(r"<script|src=|https?://(?!www\.w3\.org)", page)
    assert page.count("<h2>") == 2


def test_the_page_shows_numbers_formula_and_diagnosis(students):
    page = to_html([students("course_mistakes")])
    assert "<math" in page
    assert "yours = 2 x right everywhere" in page
    assert "2 of 6 layers right" in page
    assert 'id="f1-ReLU"' in page and 'href="#f1-ReLU"' in page


def test_what_a_file_says_is_text_and_never_markup():
    layer = LayerGrade("Bad", "relu", 1, "wrong", headline="<b>forward raises</b>")
    page = to_html([FileGrade("<i>.py", [layer], error="a < b")])
    assert "<b>forward" not in page and "&lt;b&gt;forward" in page
    assert "a &lt; b" in page and "&lt;i&gt;.py" in page


def test_a_grade_survives_the_way_through_json(students):
    for layer in students("course_mistakes").layers:
        data = json.loads(json.dumps(students("course_mistakes").data()))["layers"]
        assert LayerGrade.of(next(one for one in data if one["name"] == layer.name)) == layer
